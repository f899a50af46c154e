"""How old the newest quotes of the collector of bars are, and how long its bars wait to be stored.

By what the collector last wrote into this home. Ages are of market time: a market that is closed does not age, and one
that has just opened begins at zero. They go on while nobody writes: a collector that died grows stale.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple

from market_assets.bars.settings import BarsSettings, StreamSettings
from market_assets.core import trading_hours
from market_assets.settings import Settings
from resources.stream.bars.records import DOMAIN, LIVE_BARS
from resources.stream.bars.status import BarsStatus, SymbolStatus
from resources.stream.hot import HotView, hot_path

#: lateness from which on it is a warning, and an error
WARN, ERROR = 1.0, 6.0
_MINUTE_S = 60.0


class QuoteAge(NamedTuple):
    """How old the newest quote of a symbol is whose market is open."""

    #: market time since it; since the collector's start where none came
    seconds: float
    #: 1 at the limit of a warning, 6 at that of an error, in proportion up to each
    lateness: float


def stored_status(settings: Settings) -> BarsStatus | None:
    """What the collector of this home last said of itself; None where none ever ran."""
    with closing(HotView(hot_path(settings, DOMAIN), LIVE_BARS)) as view:
        return view.status()


def limits_s(stream: StreamSettings, interval_s: float) -> tuple[float, float]:
    """Ages of a quote that are a warning and an error, where quotes come every so many seconds."""
    return max(stream.warn_s, 3 * interval_s), max(stream.error_s, 6 * interval_s)


def ages(bars: BarsSettings, status: BarsStatus, now: datetime) -> dict[str, QuoteAge]:
    """Symbol whose market is open -> age of its newest quote at any source.

    Left out are symbols that cannot be asked for, because none of their sources has a key.
    """
    told = {one.symbol: one for one in status.symbols}
    paces = _paces(status)
    never_asked = {one.name for one in status.sources if one.state == "disabled" and not one.calls}
    found: dict[str, QuoteAge] = {}
    for symbol in bars.symbols:
        row = bars.instrument(symbol)
        is_asked = any(bound.source not in never_asked for bound in bars.chain(symbol))
        if not (is_asked and row.exists(now.date()) and trading_hours.is_open(row.calendar, now)):
            continue
        own = told.get(symbol)
        heard = None if own is None else _heard(own, status.at)
        seconds = market_s(row.calendar, heard or status.started_at, now)
        pace = own.effective_interval_s if own is not None else None
        limits = limits_s(bars.stream, pace or paces.get(symbol, status.interval_s))
        found[symbol] = QuoteAge(seconds, _lateness(seconds, *limits))
    return found


def market_s(calendar: str, since: datetime, now: datetime) -> float:
    """Seconds of market time from `since` until now."""
    return trading_hours.open_minutes(calendar, since, now) * _MINUTE_S if since < now else 0.0


def quote_ages(settings: Settings, now: datetime) -> dict[str, float] | None:
    """Symbol whose market is open -> lateness of its newest quote; None where no collector is meant to run."""
    status = stored_status(settings)
    if status is None or not status.running:
        return None
    return {symbol: age.lateness for symbol, age in ages(settings.bars, status, now).items()}


def unstored_s(settings: Settings, now: datetime) -> float | None:
    """Seconds that the oldest closed bar waits to be stored; None where none waits, or no collector is meant to run."""
    status = stored_status(settings)
    if status is None or not status.running or status.oldest_unflushed_at is None:
        return None
    return max(0.0, (now - status.oldest_unflushed_at).total_seconds())


def _heard(own: SymbolStatus, at: datetime) -> datetime | None:
    """When the newest quote of a symbol was made; while its market is closed that of the price that is served."""
    return own.at if own.freshness_s is None else at - timedelta(seconds=own.freshness_s)


def _paces(status: BarsStatus) -> Mapping[str, float]:
    """Symbol -> seconds between two quotes at the source that is asked for it most often."""
    found: dict[str, float] = {}
    for (symbol, _), seconds in status.intervals().items():
        found[symbol] = min(seconds, found.get(symbol, seconds))
    return found


def _lateness(seconds: float, warn_s: float, error_s: float) -> float:
    if seconds <= warn_s:
        return WARN * seconds / warn_s
    return WARN + (ERROR - WARN) * (seconds - warn_s) / (error_s - warn_s)
