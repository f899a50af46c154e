"""One poller a source: it asks for every quote as often as the source's budget allows, in threads of its own.

What comes in goes to an inbox that the cycle empties; nothing ever waits for a poller. With no budget in the way a
round of requests goes out together. Where the budget allows less, requests are spread evenly over what it allows, and
the status says how far apart two quotes of a symbol are.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from market_assets.bars.instruments import Bound
from resources.http import redact
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    CircuitOpen,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    VendorError,
)
from resources.source_calls import Note
from resources.stream.bars import pace
from resources.stream.bars.calls import Calls
from resources.stream.bars.side_by_side import SideBySide
from resources.stream.bars.status import SourceState, SourceStatus
from resources.stream.bars.watched import Watched
from resources.vendors.minute import MinuteSource, Quote

log = logging.getLogger(__name__)

#: a plan that lacks an instrument is not asked for it again before
_REFUSED = timedelta(hours=24)
_FIRST_WAIT_S, _MAX_WAIT_S = 1.0, 30.0
#: with no market open it looks again so often
_IDLE_S = 5.0
#: rounds begin this long after the whole second, when the cycle of that second is over
PHASE_S = 0.1
_THREADS = 6
#: failure -> state of the source, and outcome of the call
_MEANS: tuple[tuple[type[VendorError], SourceState, str], ...] = (
    (Unauthorized, "disabled", "disabled"),
    (NotEntitled, "not_entitled", "not_entitled"),
    (NotFound, "not_entitled", "not_entitled"),
    (BadRequest, "not_entitled", "invalid"),
    (CircuitOpen, "open", "open"),
    (BudgetExhausted, "budget", "budget"),
    (RateLimited, "blocked", "quota"),
    (VendorError, "error", "error"),
)
#: nothing was sent
_UNSENT = {"open", "budget", "disabled"}


@dataclass(frozen=True)
class PollerRules:
    """How pollers ask."""

    interval_s: float
    #: share of what is left of a budget that may be used
    share: float = 1.0


class Poller:
    """Asks one source. `round` asks for everything once and returns the instant of the next round."""

    def __init__(
        self,
        source: MinuteSource,
        watched: Watched,
        rules: PollerRules,
        offer: Callable[[Sequence[Quote]], None],
        *,
        now: Callable[[], datetime],
        breaker: Callable[[], str] = lambda: "closed",
        stopping: threading.Event | None = None,
        sleep: Callable[[float], Any] | None = None,
        threads: int = _THREADS,
    ) -> None:
        self.source, self._watched, self._rules, self._offer, self._now = source, watched, rules, offer, now
        self._breaker = breaker
        self._stopping = stopping or threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._threads = threads
        self._bounds = watched.bounds(source.name)
        self._refused: dict[Bound, datetime] = {}
        self._side_by_side = SideBySide(self._ask_unless_stopping, ends_round, threads, f"poll-{source.name}")
        self._failed_rounds = 0
        #: when the round under way was due
        self._due = now()
        self.calls = Calls(source.name)
        self._state: SourceState = "starting"
        self._why: str | None = None
        self._effective_s: float | None = None
        self._symbols: tuple[str, ...] = ()
        self._remaining: dict[str, int] = {}
        self._breaker_state = "closed"
        self._last_answer_at: datetime | None = None
        self._last_error: str | None = None
        #: of its newest answer
        self.latency_ms: float | None = None
        if not source.enabled:
            self._state, self._why = "disabled", "it has no key"

    @property
    def effective_s(self) -> float | None:
        """Seconds between two quotes of one of its symbols; None while none is asked for."""
        return self._effective_s

    def status(self) -> SourceStatus:
        """How it stands."""
        return SourceStatus(
            name=self.source.name,
            state=self._state,
            why=self._why,
            effective_interval_s=self._effective_s,
            symbols=self._symbols,
            breaker=self._breaker_state,
            budget_remaining=dict(self._remaining),
            calls=self.calls.totals(),
            collect_ms=self.calls.latency.facts(),
            last_answer_at=self._last_answer_at,
            last_error=self._last_error,
        )

    def notes(self) -> list[Note]:
        """What became of its calls since this was last asked."""
        return self.calls.notes()

    def announce(self) -> str:
        """How often it will ask, and why not more often: for the log at the start."""
        now = self._now()
        if self._state == "disabled":
            return f"{self.source.name}: not asked, {self._why}"
        wanted = self._wanted(now)
        if not wanted:
            return f"{self.source.name}: no market of its {len(self._bounds)} instruments is open"
        interval_s, why = self._interval(wanted, now)
        told = f"{self.source.name}: {len(wanted)} instruments every {interval_s:g} s"
        return f"{told} instead of {self._rules.interval_s:g} s: {why}" if why else told

    def run(self) -> None:
        """Round after round until it is told to stop, or can never ask."""
        if self._state == "disabled":
            return
        begins = self._now().timestamp() % 1.0
        self._sleep((PHASE_S - begins) % 1.0)
        self._due = self._now()
        while not self._stopping.is_set():
            due = self._survived()
            if due is None:
                return
            self._due = due
            self._sleep(max(0.0, (due - self._now()).total_seconds()))

    def _survived(self) -> datetime | None:
        """A round; a fault of ours is told and costs the source a pause, not its place."""
        try:
            return self.round()
        except Exception as broken:
            if self._stopping.is_set():
                return None
            log.exception("%s: a round broke off", self.source.name)
            self._state, self._why = "error", f"{type(broken).__name__}: {redact.text(str(broken))}"
            self._last_error = self._why
            return self._now() + timedelta(seconds=_MAX_WAIT_S)

    def round(self) -> datetime | None:
        """Ask for everything that is wanted now; when to do so again, or None where that makes no sense."""
        began = self._now()
        wanted = self._wanted(began)
        self._symbols = self._watched.symbols_of(wanted)
        self._breaker_state = self._breaker()
        if not wanted:
            self._stand(*self._idle(began))
            self._effective_s = None
            return began + timedelta(seconds=_IDLE_S)
        batches, (interval_s, slower) = self._batches(wanted), self._interval(wanted, began)
        self._effective_s = max(interval_s, self._rules.interval_s)
        spread_s = interval_s if slower else 0.0
        failures = self._ask_all(batches, began, spread_s)
        self._breaker_state = self._breaker()
        took_s = (self._now() - began).total_seconds()
        if took_s > self._effective_s:
            self._effective_s, slower = took_s, slower or f"a round of {len(batches)} requests takes {took_s:.1f} s"
        return self._judge(began, failures, len(batches), slower)

    def _wanted(self, now: datetime) -> list[Bound]:
        return [
            bound
            for bound in self._bounds
            if self._watched.is_wanted(bound, now) and self._refused.get(bound, now) <= now
        ]

    def _idle(self, now: datetime) -> tuple[SourceState, str]:
        refused = [bound for bound, until in self._refused.items() if until > now]
        if refused and len(refused) == len(self._bounds):
            return "not_entitled", "the plan has none of its instruments"
        return "closed", "no market of its instruments is open"

    def _batches(self, wanted: Sequence[Bound]) -> list[list[Bound]]:
        """As few requests as the source and every window of its budget can bear, of even size."""
        most = pace.largest(self.source.budget(), self._rules.share)
        size = min(self.source.quote_batch, len(wanted))
        while size > 1 and self.source.quote_cost(size) > most:
            size -= 1
        size = math.ceil(len(wanted) / math.ceil(len(wanted) / size))
        return [list(wanted[at : at + size]) for at in range(0, len(wanted), size)]

    def _interval(self, wanted: Sequence[Bound], now: datetime) -> tuple[float, str | None]:
        """Seconds between two rounds, and why not as many as were wanted."""
        windows = self.source.budget()
        self._remaining = {window.name: max(0, window.limit - window.used) for window in windows}
        cost = sum(self.source.quote_cost(len(batch)) for batch in self._batches(wanted))
        found = pace.needed(windows, cost, now, self._rules.share)
        if found.window is None or found.seconds <= self._rules.interval_s:
            return self._rules.interval_s, None
        one = found.window
        left = f"{max(0, one.limit - one.used)} of {one.limit} are left of this {one.name}"
        return found.seconds, f"a round counts as {cost}, and {left}"

    def _ask_all(self, batches: Sequence[list[Bound]], began: datetime, spread_s: float) -> list[VendorError]:
        """Ask for every batch, together or spread evenly over so many seconds; the failures."""
        if not spread_s and len(batches) > 1 and self._threads > 1:
            return self._side_by_side.round(batches)
        failures: list[VendorError] = []
        for number, batch in enumerate(batches):
            due = began + timedelta(seconds=spread_s * number / len(batches))
            self._sleep(max(0.0, (due - self._now()).total_seconds()))
            if self._stopping.is_set():
                break
            failed = self._held(batch) or self._ask(batch)
            if failed is not None:
                failures.append(failed)
                if ends_round(failed):
                    break
        return failures

    def _ask_unless_stopping(self, batch: Sequence[Bound]) -> VendorError | None:
        return None if self._stopping.is_set() else self._ask(batch)

    def _held(self, batch: Sequence[Bound]) -> VendorError | None:
        """Why a request must not be sent now, by our own budget; nothing is lost by not asking."""
        cost, now = self.source.quote_cost(len(batch)), self._now()
        window = pace.short(self.source.budget(), cost, now, self._rules.share)
        if window is None:
            return None
        left = max(0, window.limit - window.used)
        told = f"{left} of {window.limit} are left of this {window.name}, and a request counts as {cost}"
        held = BudgetExhausted(self.source.name, told, retry_at=window.resets_at)
        self.calls.add("budget", now, error=str(held))
        return held

    def _ask(self, batch: Sequence[Bound]) -> VendorError | None:
        """One request; its quotes go to the inbox. Returns what failed."""
        began = time.perf_counter()
        cost = self.source.quote_cost(len(batch))
        try:
            quotes = self.source.quotes(batch)
        except VendorError as failed:
            now = self._now()
            _, outcome = _meaning(failed)
            latency_ms = None if outcome in _UNSENT else (time.perf_counter() - began) * 1000
            self.calls.add(
                outcome, now, credits=0 if outcome in _UNSENT else cost, latency_ms=latency_ms, error=str(failed)
            )
            if isinstance(failed, NotEntitled | NotFound | BadRequest):
                self._refused |= dict.fromkeys(batch, now + _REFUSED)
            return failed
        latency_ms = self.latency_ms = (time.perf_counter() - began) * 1000
        now = self._now()
        self._offer(quotes)
        self._last_answer_at = now
        outcome = "empty" if not quotes else "ok" if len(quotes) >= len(batch) else "partial"
        self.calls.add(outcome, now, rows=len(quotes), credits=cost, latency_ms=latency_ms)
        return None

    def _judge(
        self, began: datetime, failures: Sequence[VendorError], n_batches: int, slower: str | None
    ) -> datetime | None:
        """What the round tells of the source, and when the next one is due."""
        effective_s = timedelta(seconds=self._effective_s or self._rules.interval_s)
        # from when this one was due, not from when it came to it: rounds keep their place within the second
        due = (self._due if began - self._due < effective_s else began) + effective_s
        if not failures:
            self._failed_rounds = 0
            self._stand("slower" if slower else "polling", slower)
            return due
        failed = failures[-1]
        state, _ = _meaning(failed)
        self._last_error = str(failed)
        self._stand(state, str(failed))
        if state == "disabled":
            self._effective_s, self._symbols = None, ()
            return None
        now = self._now()
        if failed.retry_at is not None:
            # a round that was held back is due as soon as it can be paid for
            return failed.retry_at if state == "budget" else max(due, failed.retry_at)
        if len(failures) < n_batches or state == "not_entitled":
            return due
        self._failed_rounds = min(self._failed_rounds + 1, 30)
        wait_s = min(_FIRST_WAIT_S * 2 ** (self._failed_rounds - 1), _MAX_WAIT_S)
        return max(due, now + timedelta(seconds=wait_s))

    def _stand(self, state: SourceState, why: str | None) -> None:
        """Note how it stands; a change is logged once."""
        if state != self._state and state not in {"closed"}:
            level = logging.INFO if state in {"polling", "slower", "starting"} else logging.WARNING
            log.log(level, "%s: %s%s", self.source.name, state, f" ({why})" if why else "")
        self._state, self._why = state, why


def _meaning(failed: VendorError) -> tuple[SourceState, str]:
    return next((state, outcome) for kind, state, outcome in _MEANS if isinstance(failed, kind))


def ends_round(failed: VendorError) -> bool:
    """Whether every other request of the round would be told the same."""
    return isinstance(failed, Unauthorized | CircuitOpen | BudgetExhausted | RateLimited)
