"""How old what the collector of bars knows is, for checks that judge it."""

from contextlib import closing
from datetime import datetime

from market_assets.settings import Settings
from resources.stream.bars.reading import HotBars
from resources.stream.bars.status import BarsStatus

#: a quote may be late by so many of its intervals
_INTERVALS = 3.0


def quote_ages(settings: Settings, now: datetime) -> dict[str, float] | None:
    """Symbol with an open market -> age of its last quote over the age that is a warning; None where none runs.

    A collector that has died goes on ageing.
    """
    status = _status(settings)
    if status is None or not status.running:
        return None
    stream = settings.bars.stream
    return {
        one.symbol: (now - (one.at or status.started_at)).total_seconds()
        / max(stream.warn_s, _INTERVALS * (one.effective_interval_s or stream.interval_s))
        for one in status.symbols
        if one.market_open
    }


def unstored_s(settings: Settings, now: datetime) -> float | None:
    """Seconds that the oldest closed bar waits to be stored; None where nothing waits, or none is meant to run."""
    status = _status(settings)
    if status is None or not status.running or status.oldest_unflushed_at is None:
        return None
    return (now - status.oldest_unflushed_at).total_seconds()


def _status(settings: Settings) -> BarsStatus | None:
    with closing(HotBars.of(settings)) as hot:
        return hot.status()
