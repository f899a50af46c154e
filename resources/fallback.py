"""The fallback chain: sources in configured order until one serves the whole range.

A range is taken whole from one source, because vendors do not agree on volume or open: mixing them
inside a partition would change what the series means. A refused key is never papered over by the
next source. When none serves, nothing is returned and the stored partitions stay.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from market_assets.core import clock
from resources.http.errors import AllSourcesFailed, MissingKey, NotEntitled, Unauthorized, VendorError
from resources.http.state import VendorState
from resources.vendors.daily import FetchedActions, FetchedBars, Instrument, due_sessions

log = logging.getLogger(__name__)
Found = TypeVar("Found")

#: how long a source is not asked again for what its plan refused
REFUSAL = timedelta(hours=24)


class DailySource(Protocol):
    """A vendor of daily bars."""

    @property
    def name(self) -> str:
        """Its name in `equities.sources`."""
        ...

    @property
    def vendor_delay_min(self) -> int:
        """Minutes after a session's close when its bar is due."""
        ...

    def daily_bars(self, instrument: Instrument, start: date, end: date, *, as_of: datetime) -> FetchedBars:
        """The sessions from `start` to `end`."""
        ...

    def actions(self, instrument: Instrument) -> FetchedActions:
        """Splits and dividends inside the listing window."""
        ...


class Served(NamedTuple):
    """An answer, who gave it, and its place in the chain (0 is the first choice)."""

    bars: FetchedBars
    source: str
    fallback_level: int


@dataclass(frozen=True)
class Chain:
    """Sources in order of preference. `state` remembers which source refused which symbol."""

    sources: Sequence[DailySource]
    state: VendorState
    now: Callable[[], datetime] = clock.now

    def daily_bars(self, instrument: Instrument, start: date, end: date, *, as_of: datetime) -> Served:
        """The range from the first source that has it, with the attempts before it in the trace.

        A source is passed over without a key, an id, an entitlement, budget, or a closed breaker,
        and when it fails. An answer without rows where sessions were due is kept aside while the
        next sources are asked; it is returned where none of them has rows either.

        Raises AllSourcesFailed, and Unauthorized at once where a vendor refuses its key.
        """
        tried = _Tried(f"{instrument.symbol} {start}..{end}")
        empty: Served | None = None
        for level, source in enumerate(self.sources):
            found = tried.ask(source.name, partial(self._bars, source, instrument, start, end, as_of))
            if found is None:
                continue
            if found.frame.height or not due_sessions(instrument, start, end, as_of, source.vendor_delay_min):
                return Served(found.traced(*tried.trace), source.name, level)
            tried.trace.append(f"{source.name}: no rows, although sessions were due")
            empty = empty or Served(found, source.name, level)
        if empty is not None:
            return empty._replace(bars=empty.bars.traced(*tried.trace))
        raise self._all_failed(tried)

    def actions(self, instrument: Instrument) -> FetchedActions:
        """Splits and dividends from the first source that answers; it may know of none.

        Raises AllSourcesFailed, and Unauthorized at once where a vendor refuses its key.
        """
        tried = _Tried(f"{instrument.symbol} actions")
        for source in self.sources:
            found = tried.ask(source.name, partial(source.actions, instrument))
            if found is not None:
                return replace(found, trace=(*tried.trace, *found.trace))
        raise self._all_failed(tried)

    def _bars(
        self, source: DailySource, instrument: Instrument, start: date, end: date, as_of: datetime
    ) -> FetchedBars:
        refused = self.state.refused_until(source.name, instrument.symbol, start, self.now())
        if refused is not None:
            raise NotEntitled(
                source.name,
                f"not entitled to {instrument.symbol} from {start} on, asked again after {refused:%Y-%m-%d %H:%MZ}",
                retry_at=refused,
            )
        try:
            return source.daily_bars(instrument, start, end, as_of=as_of)
        except NotEntitled:
            # a plan with two years of history refuses 2015, not this year: only windows as early are skipped
            self.state.refuse(source.name, instrument.symbol, start, self.now() + REFUSAL)
            raise

    def _all_failed(self, tried: "_Tried") -> AllSourcesFailed:
        names = ", ".join(source.name for source in self.sources)
        return AllSourcesFailed(names, tried.context, tried.failures, tried.trace)


@dataclass
class _Tried:
    """The attempts of one request so far."""

    context: str
    trace: list[str] = field(default_factory=list)
    failures: list[VendorError] = field(default_factory=list)

    def ask(self, source: str, call: Callable[[], Found]) -> Found | None:
        """What `call` brings, or None where the next source is to be asked. A refused key is raised."""
        try:
            return call()
        except MissingKey as missing:
            failed: VendorError = missing
        except Unauthorized:
            raise
        except VendorError as other:
            failed = other
        self.failures.append(failed)
        self.trace.append(f"{source}: {failed.detail}")
        log.warning("%s: %s passed over (%s)", self.context, source, failed.detail)
        return None
