"""What quotes did not bring: the tail at the start, and the minutes of an outage, by REST.

One thread asks, symbol by symbol, each source of the chain in order until one has the minutes. What none has after a
few attempts is left to the graph's own passes; a hole is never filled by anything else.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from market_assets.bars.instruments import Bound
from market_assets.bars.transforms import minutes
from market_assets.core.errors import MarketAssetsError
from resources.http import redact
from resources.http.errors import BudgetExhausted, CircuitOpen, NotEntitled, VendorError
from resources.stream.bars.records import LiveBar
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from resources.vendors.minute import MinuteSource

log = logging.getLogger(__name__)

#: attempts at the same minutes, and the waits between them
_TRIES, _WAIT_S = 3, 20.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Ask:
    """Minutes of a row that are missing: those that open in [first, until)."""

    row: int
    first: datetime
    until: datetime
    tries: int = 0
    #: before it they are not asked for again
    not_before: datetime | None = None


class Filling:
    """Asks for what is missing. What it finds is put in its place by `keep`, and told to the loop."""

    def __init__(
        self,
        watched: Watched,
        source: Callable[[str], MinuteSource],
        keep: Callable[[int, list[LiveBar]], list[LiveBar]],
        *,
        marked: Callable[[str], str],
        now: Callable[[], datetime],
        grace_s: float,
        stopping: threading.Event,
        wait_s: float = _WAIT_S,
    ) -> None:
        self._watched, self._source, self._keep, self._marked, self._now = watched, source, keep, marked, now
        self._grace, self._stopping, self._wait = timedelta(seconds=grace_s), stopping, timedelta(seconds=wait_s)
        self._asked: list[Ask] = []
        self._found: list[tuple[int, list[LiveBar]]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.filled = 0
        self.given_up = 0
        self.error: str | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being asked for, and nothing waits to be taken."""
        with self._lock:
            return not self._asked and not self._found

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is being asked for just now; what is not over yet may still be asked for later."""
        with self._lock:
            now = self._now()
            return all(one.not_before is not None and one.not_before > now for one in self._asked)

    def ask(self, row: int, first: datetime, until: datetime) -> None:
        """Have these minutes asked for; those that the market is closed in are none."""
        if first >= until or not self._watched.minutes(row, first, until):
            return
        with self._lock:
            self._asked.append(Ask(row, first, until))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="stream-fill", daemon=True)
                self._thread.start()

    def take(self) -> list[tuple[int, list[LiveBar]]]:
        """The bars that were not known before, found since this was last asked: row, and its bars."""
        with self._lock:
            found, self._found = self._found, []
        return found

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                now = self._now()
                due = next((one for one in self._asked if one.not_before is None or one.not_before <= now), None)
                if due is None and not self._asked:
                    self._thread = None
                    return
            if due is None:
                self._stopping.wait(_LOOK_S)
                continue
            final = min(due.until, (self._now() - self._grace).replace(second=0, microsecond=0))
            bars, lacking = self._answered(replace(due, until=final)) if final > due.first else ([], [])
            new = self._keep(due.row, bars)
            with self._lock:
                self._asked.remove(due)
                self.filled += len(new)
                if new:
                    self._found.append((due.row, new))
                if lacking and due.tries + 1 < _TRIES:
                    later = self._now() + self._wait * 2**due.tries
                    again = Ask(due.row, lacking[0], final, due.tries + 1, later)
                    self._asked.append(again)
                elif lacking:
                    self._give_up(due, lacking)
                if final < due.until:
                    # what is not over is no failure of anyone
                    rest = Ask(due.row, max(final, due.first), due.until, not_before=due.until + self._grace)
                    self._asked.append(rest)

    def _answered(self, ask: Ask) -> tuple[list[LiveBar], list[datetime]]:
        """The bars of the first source that has any, and the minutes that are lacking then."""
        wanted = self._watched.minutes(ask.row, ask.first, ask.until)
        for level, bound in enumerate(self._watched.chains[ask.row]):
            try:
                found = self._from(ask.row, level, bound, ask.first, ask.until)
            except (BudgetExhausted, CircuitOpen, NotEntitled) as passed:
                log.info("%s: minutes of %s not asked for (%s)", bound.source, bound.symbol, passed.detail)
                continue
            except (VendorError, MarketAssetsError, OSError, sqlite3.Error) as failed:
                told = redact.text(str(failed))
                if self.error is None:
                    log.warning("missing minutes of %s: %s", bound.symbol, told)
                self.error = told
                continue
            if found:
                self.error = None
                there = {bar.ts for bar in found}
                return found, [ts for ts in wanted if ts not in there]
        return [], wanted

    def _from(self, row: int, level: int, bound: Bound, first: datetime, until: datetime) -> list[LiveBar]:
        """The minutes of one source, request by request, cleaned as the graph cleans them."""
        source = self._source(bound.source)
        provenance = minutes.Provenance(
            self._watched.symbols[row],
            self._marked(bound.source),
            bound.kind,
            level,
            self._watched.measures_volume(bound),
        )
        found: list[LiveBar] = []
        # the newest first: they are what is shown, and old ones may be beyond the source's history
        while until > first and not self._stopping.is_set():
            begin = max(first, until - source.most_minutes * MINUTE)
            try:
                answer = source.minutes(bound, begin, until)
            except VendorError:
                if found:
                    break
                raise
            cleaned = minutes.clean(
                answer.frame, begin, until, calendar=self._watched.calendars[row], provenance=provenance
            )
            found += [LiveBar._make(values) for values in cleaned.frame.select(LiveBar._fields).iter_rows()]
            until = begin
        return sorted(found, key=lambda bar: bar.ts)

    def _give_up(self, ask: Ask, lacking: list[datetime]) -> None:
        self.given_up += len(lacking)
        symbol = self._watched.symbols[ask.row]
        told = f"{len(lacking)} minutes of {symbol} from {lacking[0]:%Y-%m-%d %H:%M}Z on: no source has them now"
        log.info("%s; the graph's own passes settle them", told)
