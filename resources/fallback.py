"""The fallback chain: sources in configured order until one serves the whole range.

A range is taken whole from one source, because vendors do not agree on volume or open: mixing them
inside a partition would change what the series means. A refused key is never papered over by the
next source. When none serves, nothing is returned and the stored partitions stay.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from market_assets.core import clock
from resources.http.errors import AllSourcesFailed, MissingKey, NotEntitled, Unauthorized, VendorError
from resources.http.state import VendorState
from resources.vendors.daily import FetchedBars, Instrument, due_sessions

log = logging.getLogger(__name__)

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
        context = f"{instrument.symbol} {start}..{end}"
        trace: list[str] = []
        failures: list[VendorError] = []
        empty: Served | None = None
        for level, source in enumerate(self.sources):
            try:
                found = self._ask(source, instrument, start, end, as_of)
            except VendorError as failed:
                if isinstance(failed, Unauthorized) and not isinstance(failed, MissingKey):
                    raise
                failures.append(failed)
                trace.append(f"{source.name}: {failed.detail}")
                log.warning("%s: %s passed over (%s)", context, source.name, failed.detail)
                continue
            served = Served(found, source.name, level)
            if found.frame.height or not due_sessions(instrument, start, end, as_of, source.vendor_delay_min):
                return served._replace(bars=found.traced(*trace))
            trace.append(f"{source.name}: no rows, although sessions were due")
            empty = empty or served
        if empty is not None:
            return empty._replace(bars=empty.bars.traced(*trace))
        names = ", ".join(source.name for source in self.sources)
        raise AllSourcesFailed(names, context, failures, trace)

    def _ask(self, source: DailySource, instrument: Instrument, start: date, end: date, as_of: datetime) -> FetchedBars:
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
