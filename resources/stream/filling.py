"""What did not come in: minutes that the stream did not bring are asked for by REST.

With a connection a minute has some seconds to come by itself; without one it is asked for as soon as it is
final. What REST does not have after a few answers is given up: a hole is never filled by anything else.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from market_assets.core.errors import MarketAssetsError
from resources.http import redact
from resources.stream.background import in_background
from resources.stream.feed import Feed, Pace
from resources.stream.intake import Intake

log = logging.getLogger(__name__)

#: a symbol and the minutes that it lacks, from and until
Ask = tuple[str, datetime, datetime]


@dataclass
class _Attempts:
    """The attempts at the first missing minutes of a symbol."""

    failed: int = 0
    #: answers without the minutes that were asked for
    empty: int = 0
    next_s: float = 0.0
    error: str | None = None


class Filling:
    """Knows what is missing, and when to ask for it."""

    def __init__(self, feed: Feed, intake: Intake, pace: Pace, now: Callable[[], datetime]) -> None:
        self._feed, self._intake, self._pace, self._now = feed, intake, pace, now
        self._attempts = {symbol: _Attempts() for symbol in feed.symbols}
        self.filled = 0
        self.given_up = 0

    @property
    def error(self) -> str | None:
        """Why a symbol's minutes could not be asked for; None where all could."""
        return next((attempts.error for attempts in self._attempts.values() if attempts.error), None)

    def afresh(self) -> None:
        """Ask for everything that is missing without waiting: there is a new connection."""
        self._attempts = {symbol: _Attempts() for symbol in self._attempts}

    def due(self, *, is_connected: bool) -> Iterator[Ask]:
        """What has to be asked for now."""
        wait_s = self._pace.grace_s + (self._pace.late_s if is_connected else 0.0)
        until = (self._now() - timedelta(seconds=wait_s)).replace(second=0, microsecond=0)
        at = time.monotonic()
        for symbol, attempts in self._attempts.items():
            if attempts.next_s <= at and (span := self._intake.minutes[symbol].missing(until)) is not None:
                yield symbol, *span

    async def ask(self, asked: Sequence[Ask]) -> None:
        """Ask for it, symbol by symbol. A failure is told once, and tried again."""
        for symbol, first, until in asked:
            attempts = self._attempts[symbol]
            try:
                candles = await in_background(partial(self._feed.fill, symbol, first, until), "stream-fill")
            except (MarketAssetsError, OSError, sqlite3.Error) as failed:
                told = redact.text(str(failed))
                if attempts.error is None:
                    log.warning("%s: missing minutes of %s could not be asked for: %s", self._feed.name, symbol, told)
                attempts.error = told
                attempts.failed += 1
                self._later(attempts)
                continue
            attempts.error = None
            self.filled += sum(self._intake.take(one) for one in candles if first <= one.ts < until)
            self._judge(symbol, attempts, until)

    def _judge(self, symbol: str, attempts: _Attempts, until: datetime) -> None:
        """After an answer: done, tried again, or given up."""
        minutes = self._intake.minutes[symbol]
        if minutes.missing(until) is None:
            attempts.failed = attempts.empty = 0
            return
        attempts.empty += 1
        if attempts.empty < self._pace.fill_tries:
            self._later(attempts)
            return
        lacking = minutes.give_up(until)
        self.given_up += lacking
        attempts.failed = attempts.empty = 0
        told = f"{symbol} lacks {lacking} minutes before {until:%Y-%m-%d %H:%M}Z, and REST does not have them"
        log.warning("%s: %s", self._feed.name, told)

    def _later(self, attempts: _Attempts) -> None:
        tries = min(attempts.failed + attempts.empty, 30)
        attempts.next_s = time.monotonic() + min(self._pace.fill_s * 2 ** (tries - 1), self._pace.fill_max_s)
