"""What the app counts of itself over the last minutes, from totals that only grow."""

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from dashboards.rest.cache import ResponseCache
from dashboards.telemetry import Telemetry
from resources.app_counts import AppCounts

_ANSWERS, _LOOKUPS = timedelta(minutes=15), timedelta(hours=1)


class _Totals(NamedTuple):
    """Totals since the app started."""

    at: datetime
    n_answers: int
    n_errors: int
    n_lookups: int
    n_hits: int


class Counting:
    """Remembers the totals of the last hour. One thread counts."""

    def __init__(self, telemetry: Telemetry, cache: ResponseCache) -> None:
        self._telemetry, self._cache = telemetry, cache
        self._past: deque[_Totals] = deque()

    def counts(self, now: datetime) -> AppCounts:
        """What has been counted within the windows before `now`; before a window is full, since the first call."""
        answers, errors = self._telemetry.answers()
        facts = self._cache.facts()
        totals = _Totals(now, answers, errors, facts.hits + facts.misses, facts.hits)
        self._past.append(totals)
        # the newest of those that are older than the window is where it begins
        while len(self._past) > 1 and self._past[1].at <= now - _LOOKUPS:
            self._past.popleft()
        of_answers, of_lookups = self._before(now - _ANSWERS), self._before(now - _LOOKUPS)
        return AppCounts(
            at=now,
            n_answers=answers - of_answers.n_answers,
            n_errors=errors - of_answers.n_errors,
            n_lookups=totals.n_lookups - of_lookups.n_lookups,
            n_hits=totals.n_hits - of_lookups.n_hits,
        )

    def _before(self, at: datetime) -> _Totals:
        older = [one for one in self._past if one.at <= at]
        return older[-1] if older else self._past[0]
