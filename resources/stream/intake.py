"""What comes in: every closed candle is taken once, whichever way it came, and handed on."""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from resources.http.errors import Malformed
from resources.stream.background import in_background
from resources.stream.candle import MINUTE, Candle, Farewell, Update
from resources.stream.feed import Feed
from resources.stream.landing import Landing
from resources.stream.minutes import Minutes

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)
#: a candle this far ahead says that a clock is wrong
_AHEAD = timedelta(minutes=5)
_LATENCIES = 1000
#: of frames that cannot be read, one in so many is logged
_ONE_IN = 1000
#: closed candles that wait to be shown while the hot cache cannot be written
_KEPT = 100_000


class Intake:
    """The minutes of every symbol, and what has come of them since others were last told."""

    def __init__(self, feed: Feed, landing: Landing, now: Callable[[], datetime]) -> None:
        self._feed, self._landing, self._now = feed, landing, now
        self.minutes: dict[str, Minutes] = {}
        #: every symbol's candle of one minute is there
        self.is_complete = False
        self.malformed = 0
        self.late = 0
        self._closed: list[Candle] = []
        self._forming: dict[str, Update] = {}
        self._changed: set[str] = set()
        self._arrived: dict[datetime, set[str]] = {}
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES)

    def begin(self) -> None:
        """What is stored already is neither asked for nor stored again."""
        start = self._now().replace(hour=0, minute=0, second=0, microsecond=0) - _DAY
        self._feed.seed(self._now())
        known = self._feed.known()
        for symbol in self._feed.symbols:
            self.minutes[symbol] = Minutes(start, (one.ts for one in known if one.symbol == symbol and one.ts >= start))
        self._closed += known

    def receive(self, frame: str | bytes) -> bool:
        """Take one frame; False where the venue says that it will cut the connection."""
        at = self._now()
        try:
            said = self._feed.parse(frame, at)
            if isinstance(said, Update):
                self._update(said, at)
        except Malformed as wrong:
            self.malformed += 1
            if self.malformed % _ONE_IN == 1:
                log.warning("%s: passed over a frame, number %d: %s", self._feed.name, self.malformed, wrong)
            return True
        return not isinstance(said, Farewell)

    def _update(self, update: Update, at: datetime) -> None:
        candle = update.candle
        if candle.symbol not in self.minutes:
            raise Malformed(self._feed.name, f"a candle of {candle.symbol[:20]!r}, which was not asked for")
        if candle.ts > at + _AHEAD:
            told = f"a candle of {candle.ts:%Y-%m-%d %H:%M}Z, while it is {at:%Y-%m-%d %H:%M}Z here"
            raise Malformed(self._feed.name, told, advice="Check the clock of this machine")
        self._latencies_ms.append((at - update.at).total_seconds() * 1000)
        held = self._forming.get(candle.symbol)
        if held is None or candle.ts >= held.candle.ts:
            self._forming[candle.symbol] = update
            self._changed.add(candle.symbol)
        if update.is_final and not self.take(candle):
            self.late += 1

    def take(self, candle: Candle) -> bool:
        """Hand a closed candle on; False where it came before."""
        if not self.minutes[candle.symbol].add(candle.ts):
            return False
        self._landing.add(candle)
        self._closed.append(candle)
        there = self._arrived.setdefault(candle.ts, set())
        there.add(candle.symbol)
        if len(there) == len(self._feed.symbols):
            self.is_complete = True
            del self._arrived[candle.ts]
        return True

    def news(self) -> tuple[list[Candle], list[Update]]:
        """What closed since the last call, by time, and the forming candles that changed."""
        closed, self._closed = sorted(self._closed, key=lambda one: one.ts), []
        changed, self._changed = sorted(self._changed), set()
        return closed, [self._forming[symbol] for symbol in changed]

    def settled(self) -> dict[str, datetime]:
        """Symbol -> instant before which no minute is missing, or will come any more."""
        return {symbol: minutes.first_open for symbol, minutes in self.minutes.items()}

    def untold(self, closed: Sequence[Candle], forming: Sequence[Update]) -> None:
        """Take news back that could not be told."""
        self._closed = [*closed, *self._closed][-_KEPT:]
        self._changed |= {update.candle.symbol for update in forming}

    async def all_over(self) -> None:
        """Everything that is known is news again."""
        self._closed += await in_background(self._feed.known, "stream-known")
        self._changed = set(self._forming)

    def tidy(self) -> None:
        """Forget what no later candle can need."""
        now = self._now()
        for minutes in self.minutes.values():
            minutes.forget(now - 2 * _DAY)
        self._arrived = {ts: there for ts, there in self._arrived.items() if ts > now - 10 * MINUTE}

    def latency_ms(self, share: float) -> float | None:
        """Nearest rank of the time from the venue's instant of a message to its arrival, of the last thousand."""
        ordered = sorted(self._latencies_ms)
        return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
