"""Readers of this moment: how each symbol stands, by the collector's hot cache or by stored rows. See `readers`.

What the collector shows comes from its hot cache (Redis where REDIS_URL is set); what it does not show, or shows older
than the graph has it, from stored rows. What nobody measured is null.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.readers_rows import known_symbol
from market_assets.bars.schemas import VALUES
from market_assets.bars.settings import BarsSettings
from market_assets.bars.standing import BOARD, Latest, State, hours, nothing, stored_latest
from market_assets.core import clock
from market_assets.reading import Moment, instant
from market_assets.settings import Settings, settings
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import Features

#: a collector writes its status every cycle: one whose status is older has died
_DEAD = timedelta(seconds=10)
_MINUTE = timedelta(minutes=1)


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
        told = cache.latest_all() if len(symbols) > 1 else [seen for s in symbols if (seen := cache.latest(s))]
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
