"""Readers of this moment: how each symbol stands, by the collector's hot cache or by stored rows. See `readers`.

What the collector shows comes from its hot cache (Redis where REDIS_URL is set); what it does not show, or shows older
than the graph has it, from stored rows. What nobody measured is null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from market_assets.bars.readers_rows import INDICATORS, MINUTE, known_symbol
from market_assets.bars.schemas import VALUES
from market_assets.bars.settings import BarsSettings
from market_assets.core import clock, trading_hours
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.reading import SEPARATOR, Moment, instant
from market_assets.settings import Settings, settings
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import Features

#: CLOSED: the market is; NO DATA: neither the collector nor the graph has anything
State = Literal["LIVE", "DELAYED", "STALE", "CLOSED", "NO DATA"]

#: a collector writes its status every cycle: one whose status is older has died
_DEAD = timedelta(seconds=10)
_MINUTE = timedelta(minutes=1)
#: market minutes since the newest stored bar above which it is stale
_STORED_ERROR_MIN = 60
#: stored days of a symbol that may be empty before the newest bar: weekends and holidays
_DAYS_BACK = 10
_REST = timedelta(days=10)
_OF_MINUTE = (
    *("symbol", "ts", "open", "high", "low", "close", "volume"),
    *("source", "fallback_level", "instrument_kind"),
)
_OF_VALUES = ("symbol", "ts", "is_warm", "bars_in_segment", *VALUES)

#: columns of `board`, one row a symbol
BOARD = pl.Schema(
    {
        "symbol": pl.String(),
        "state": pl.String(),
        #: last price, the source's own instant of it (of a stored bar its close), and its age
        "price": pl.Float64(),
        "at": UTC_MICROS,
        "age_s": pl.Float64(),
        #: as rows name it (`yahoo`, `yahoo-sandbox`), and its place in the symbol's chain
        "source": pl.String(),
        "level": pl.Int64(),
        "kind": pl.String(),
        #: 1 live, 2 hot and not fresh, 3 stored; null without anything
        "feature_level": pl.Int64(),
        #: open instant of the bar that the 16 values are of, and whether it is still forming
        "ts": UTC_MICROS,
        "is_forming": pl.Boolean(),
        "is_warm": pl.Boolean(),
        #: that the values are computed from, since the kind last changed
        "bars": pl.Int64(),
        "market_open": pl.Boolean(),
        #: null while it is open
        "next_open": UTC_MICROS,
        #: of the newest bar, whose close is among the values
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "volume": pl.Float64(),
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        #: seconds between two quotes at the source that serves it; null where nothing is asked for
        "effective_interval_s": pl.Float64(),
        #: what the execution filters say now; null without a collector
        "reasons": pl.List(pl.String()),
        **{name: pl.Float64() for name in VALUES},
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Latest:
    """One symbol as it stands: the columns of BOARD; `values` are the 16."""

    symbol: str
    state: State
    market_open: bool
    next_open: datetime | None
    price: float | None = None
    at: datetime | None = None
    age_s: float | None = None
    source: str | None = None
    level: int | None = None
    kind: str | None = None
    feature_level: int | None = None
    ts: datetime | None = None
    is_forming: bool | None = None
    is_warm: bool | None = None
    bars: int | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None
    bid: float | None = None
    ask: float | None = None
    effective_interval_s: float | None = None
    reasons: tuple[str, ...] | None = None
    values: Mapping[str, float | None]

    def row(self) -> dict[str, Any]:
        """A row of BOARD."""
        told = {name: getattr(self, name) for name in BOARD if name not in VALUES}
        return {**told, **self.values}


def latest(
    symbol: str,
    *,
    live: bool = True,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
    hot: HotBars | None = None,
) -> Latest:
    """How one symbol stands. With `live` false, or an `as_of`, by stored rows alone. Nothing known is no error."""
    return _all([known_symbol(symbol)], live=live, as_of=as_of, store=store, hot=hot)[0]


def board(
    *, live: bool = True, as_of: Moment | None = None, store: PartitionStore | None = None, hot: HotBars | None = None
) -> pl.DataFrame:
    """BOARD of every symbol of the settings, in their order."""
    found = _all(settings().bars.symbols, live=live, as_of=as_of, store=store, hot=hot)
    return pl.DataFrame([one.row() for one in found], schema=BOARD)


def of_hot(features: Features, found: Settings, now: datetime) -> Latest | None:
    """A symbol by the hot cache; None where no source has said a price of it."""
    body, bars = features.values, found.bars
    if body["price"] is None or features.symbol not in bars.symbols:
        return None
    at = datetime.fromisoformat(body["at"])
    is_open, next_open = hours(bars.instrument(features.symbol).calendar, now)
    pace = body["effective_interval_s"] or 0.0
    age_s = max(0.0, (now - at).total_seconds())
    state = _state(age_s, pace, bars) if is_open else "CLOSED"
    return Latest(
        symbol=features.symbol,
        state=state,
        market_open=is_open,
        next_open=next_open,
        price=body["price"],
        at=at,
        age_s=age_s,
        source=found.source_name(body["source"]),
        level=body["level"],
        kind=body["kind"],
        feature_level=1 if state == "LIVE" else 2,
        ts=features.ts,
        is_forming=body["is_forming"],
        is_warm=body["is_warm"],
        bars=body["bars"],
        open=body["open"],
        high=body["high"],
        low=body["low"],
        volume=body["volume"],
        bid=body["bid"],
        ask=body["ask"],
        effective_interval_s=body["effective_interval_s"],
        reasons=tuple(body["reasons"]),
        values={name: body[name] for name in VALUES},
    )


def is_alive(status: BarsStatus | None, now: datetime) -> bool:
    """Whether a collector runs and has said so lately."""
    return status is not None and status.running and now - status.at <= _DEAD


def stands(one: Latest | None, *, alive: bool) -> bool:
    """Whether the hot cache is the best there is, so that stored rows need not be looked at.

    A price that is not stale is. So is the last one before a close, while the collector runs.
    """
    return one is not None and (one.state in ("LIVE", "DELAYED") or (one.state == "CLOSED" and alive))


def hot_in_force(found: Settings) -> HotBars:
    """The hot cache of the settings in force; opened anew when they change."""
    global _opened  # noqa: PLW0603 - one per process keeps its connections
    if _opened is None or _opened[0] is not found:
        _opened = (found, HotBars.of(found))
    return _opened[1]


_opened: tuple[Settings, HotBars] | None = None


def hours(calendar: str, at: datetime) -> tuple[bool, datetime | None]:
    """Whether a market trades in the minute of an instant, and if not when it opens next."""
    return _hours(calendar, at.replace(second=0, microsecond=0))


@lru_cache(maxsize=1024)
def _hours(calendar: str, minute: datetime) -> tuple[bool, datetime | None]:
    if trading_hours.is_open(calendar, minute):
        return True, None
    opens = (one.open for one in trading_hours.sessions(calendar, minute, minute + _REST) if one.open > minute)
    return False, next(opens, None)


def _state(age_s: float, pace_s: float, bars: BarsSettings) -> State:
    if age_s <= max(bars.stream.warn_s, 3 * pace_s):
        return "LIVE"
    return "DELAYED" if age_s <= max(bars.stream.error_s, 6 * pace_s) else "STALE"


def _all(
    symbols: Sequence[str], *, live: bool, as_of: Moment | None, store: PartitionStore | None, hot: HotBars | None
) -> list[Latest]:
    found, known = settings(), instant(as_of, "as_of")
    now = known or clock.now()
    hots: dict[str, Latest] = {}
    alive = False
    if live and known is None:
        cache = hot or hot_in_force(found)
        told = cache.latest_all() if len(symbols) > 1 else [one for s in symbols if (one := cache.latest(s))]
        hots = {one.symbol: one for each in told if (one := of_hot(each, found, now)) is not None}
        alive = any(one.state == "CLOSED" for one in hots.values()) and is_alive(cache.status(), now)
    lacking = [symbol for symbol in symbols if not stands(hots.get(symbol), alive=alive)]
    stored = stored_latest(lacking, store or store_in_force(), found, known, now) if lacking else {}
    return [better(hots.get(symbol), stored.get(symbol)) or nothing(symbol, found, now) for symbol in symbols]


def better(hot: Latest | None, stored: Latest | None) -> Latest | None:
    """What the hot cache has, unless the graph has a bar that opened after it."""
    if hot is None or stored is None:
        return hot or stored
    assert hot.at is not None and stored.at is not None
    return hot if hot.at >= stored.at - _MINUTE else stored


def nothing(symbol: str, found: Settings, now: datetime) -> Latest:
    """A symbol that nothing is known of but its hours."""
    is_open, next_open = hours(found.bars.instrument(symbol).calendar, now)
    return Latest(
        symbol=symbol, state="NO DATA", market_open=is_open, next_open=next_open, values=dict.fromkeys(VALUES)
    )


def stored_latest(
    symbols: Sequence[str], store: PartitionStore, found: Settings, as_of: datetime | None, now: datetime
) -> dict[str, Latest]:
    """Symbol -> how it stands by stored rows, of those that have any."""
    minutes = _newest(store, MINUTE, symbols, _OF_MINUTE, as_of)
    values = _newest(store, INDICATORS, symbols, _OF_VALUES, as_of)
    return {
        symbol: _of_stored(row, values.get(symbol), found.bars.instrument(symbol).calendar, now)
        for symbol, row in minutes.items()
    }


def _of_stored(bar: Mapping[str, Any], row: Mapping[str, Any] | None, calendar: str, now: datetime) -> Latest:
    is_open, next_open = hours(calendar, now)
    at = bar["ts"] + _MINUTE
    late = now - at > _REST or trading_hours.open_minutes(calendar, at, now) > _STORED_ERROR_MIN
    values = row or {}
    return Latest(
        symbol=bar["symbol"],
        state=("STALE" if late else "DELAYED") if is_open else "CLOSED",
        market_open=is_open,
        next_open=next_open,
        price=bar["close"],
        at=at,
        age_s=max(0.0, (now - at).total_seconds()),
        source=bar["source"],
        level=bar["fallback_level"],
        kind=bar["instrument_kind"],
        feature_level=3,
        ts=values.get("ts", bar["ts"]),
        is_forming=False,
        is_warm=values.get("is_warm"),
        bars=values.get("bars_in_segment"),
        open=bar["open"],
        high=bar["high"],
        low=bar["low"],
        volume=bar["volume"],
        values={name: values.get(name) for name in VALUES},
    )


def _newest(
    store: PartitionStore, contract: Contract, symbols: Sequence[str], columns: Sequence[str], as_of: datetime | None
) -> dict[str, dict[str, Any]]:
    """Symbol -> its newest row, of those that have one in their last stored days."""
    until = f"{as_of:%Y-%m-%d}" if as_of else "9999"
    days: dict[str, list[str]] = {symbol: [] for symbol in symbols}
    for key in store.partitions(contract, as_of=as_of):
        day, _, symbol = key.partition(SEPARATOR)
        if symbol in days and day <= until:
            days[symbol].append(key)
    found: dict[str, dict[str, Any]] = {}
    for back in range(1, _DAYS_BACK + 1):
        keys = [keys[-back] for symbol, keys in days.items() if symbol not in found and len(keys) >= back]
        if not keys:
            break
        rows = store.read(contract, keys, columns=columns, as_of=as_of)
        for row in rows.group_by("symbol", maintain_order=True).last().iter_rows(named=True):
            found[row["symbol"]] = row
    return found
