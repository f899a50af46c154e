"""How a symbol stands at an instant: what is told of it, and by stored rows alone. See `readers`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from market_assets.bars.readers_rows import INDICATORS, MINUTE
from market_assets.bars.schemas import VALUES
from market_assets.core import trading_hours
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.reading import SEPARATOR
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

#: CLOSED: the market is; NO DATA: neither the collector nor the graph has anything
State = Literal["LIVE", "DELAYED", "STALE", "CLOSED", "NO DATA"]

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


def hours(calendar: str, at: datetime) -> tuple[bool, datetime | None]:
    """Whether a market trades in the minute of an instant, and if not when it opens next."""
    return _hours(calendar, at.replace(second=0, microsecond=0))


@lru_cache(maxsize=1024)
def _hours(calendar: str, minute: datetime) -> tuple[bool, datetime | None]:
    if trading_hours.is_open(calendar, minute):
        return True, None
    opens = (one.open for one in trading_hours.sessions(calendar, minute, minute + _REST) if one.open > minute)
    return False, next(opens, None)


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
