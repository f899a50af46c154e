"""The only place that reads the wall clock. Everything else asks `now()`.

`MARKET_ASSETS_NOW` (an ISO instant) stops the clock for a whole process tree: a replay of recorded
data then behaves as it did on that day, and tests do not depend on the date they run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """The current instant, tz-aware UTC; the frozen one where the clock is stopped."""
    frozen = _frozen.get()
    if frozen is not None:
        return frozen
    stopped = os.environ.get("MARKET_ASSETS_NOW")
    return instant(stopped) if stopped else datetime.now(UTC)


def wall() -> datetime:
    """The real instant even where `MARKET_ASSETS_NOW` stops the clock: for windows that must pass.

    A breaker that opened in a replay closes again after a real minute.
    """
    return _frozen.get() or datetime.now(UTC)


def is_stopped() -> bool:
    """Whether `now()` stands still, so that waiting for a later instant would not end."""
    return _frozen.get() is not None or bool(os.environ.get("MARKET_ASSETS_NOW"))


def today() -> date:
    """The current UTC date."""
    return now().date()


def instant(text: str | datetime | date) -> datetime:
    """Read an ISO date or instant as tz-aware UTC. A date means its midnight.

    Raises ValueError for text that is no date, and for a naive date-time: a local time without an
    offset has no place on a UTC axis.
    """
    if isinstance(text, datetime):
        parsed = text
    elif isinstance(text, date):
        parsed = datetime(text.year, text.month, text.day, tzinfo=UTC)
    else:
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"an instant is written like 2026-11-03 or 2026-11-03T14:05:00Z, not {text!r}") from None
        if len(text) <= 10:
            parsed = parsed.replace(tzinfo=UTC)
    if parsed.tzinfo is None:
        raise ValueError(f"an instant needs an offset: {text} is naive; write {parsed.isoformat()}Z")
    return parsed.astimezone(UTC)


@contextmanager
def frozen(at: str | datetime | date) -> Iterator[datetime]:
    """Stop the clock of this thread (and of tasks started from it) at `at`."""
    stopped = instant(at)
    token = _frozen.set(stopped)
    try:
        yield stopped
    finally:
        _frozen.reset(token)
