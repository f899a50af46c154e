"""The one retry layer: three requests for one call at most, with growing waits and a deadline.

A plain loop, not stamina: waiting for the next budget window must not count against the deadline,
Retry-After must win over back-off and may end the call, the time left must cap the next request's
timeout, and tests drive the clock. stamina keeps its deadline and its waits to itself.
"""

import email.utils
import logging
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from market_assets.core.settings import FetchSettings
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.errors import BudgetExhausted, VendorError
from resources.http.transport import Reply, Request, Timing, Transport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retried:
    """Sends again after a failure that may pass. Each request is reserved in the budget first.

    A Retry-After that does not fit into the call blocks the source until it is over.
    """

    below: Transport
    budget: Budget
    breaker: Breaker
    fetch: FetchSettings
    timing: Timing

    def send(self, request: Request) -> Reply:
        """The first usable reply. Raises the last failure, or BudgetExhausted before the first request."""
        ends = self.timing.monotonic() + self.fetch.deadline_s
        failure: VendorError | None = None
        spent_s = 0.0
        for attempt in range(1, request.attempts + 1):
            try:
                ends += self.budget.reserve(self.timing.sleep, request.cost)
            except BudgetExhausted:
                # the call failed at the vendor before its budget ran out: that is the news
                if failure is not None:
                    raise failure from None
                raise
            left = ends - self.timing.monotonic()
            began = time.perf_counter()
            try:
                reply = self.below.send(replace(request, timeout_s=min(self.fetch.timeout_s, left)))
            except VendorError as failed:
                failure = failed
                if not failed.retried:
                    raise
                spent_s += time.perf_counter() - began
                self._wait(failed, attempt, request, ends)
            else:
                spent_s += time.perf_counter() - began
                return replace(reply, requests=attempt, latency_ms=spent_s * 1000)
        assert failure is not None
        raise failure

    def _wait(self, failed: VendorError, attempt: int, request: Request, ends: float) -> None:
        """Wait before the next request, or raise `failed` where there is none to be."""
        asked = failed.retry_after_s
        back_off = min(self.fetch.first_wait_s * 2 ** (attempt - 1) * self.timing.jitter(), self.fetch.max_wait_s)
        pause = back_off if asked is None else asked
        last = attempt >= request.attempts
        too_long = pause > self.fetch.max_wait_s or self.timing.monotonic() + pause >= ends
        if last or too_long:
            if asked:
                failed.retry_at = datetime.fromtimestamp(self.timing.wall().timestamp() + asked, UTC)
                self.breaker.block(failed.retry_at)
            raise failed
        log.info("%s (request %d of %d); next in %.1f s", failed, attempt, request.attempts, pause)
        self.timing.sleep(pause)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds a Retry-After header asks for (a number, or an HTTP date); None where it says nothing usable."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
