"""The mean price of a session by volume, from the session's anchor on."""

import functools
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from market_assets.core import trading_hours
from market_assets.core.incremental.protocol import Bar, Indicator, State, Values

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: longer than any market stays closed
_LONG = timedelta(days=10)


@dataclass
class Vwap(Indicator):
    """Volume-weighted mean of (high + low + close)/3 since `hour` o'clock in `zone`.

    None while nothing was traded, and where the volume of the bar is unknown.
    """

    zone: str = "UTC"
    hour: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """`vwap`."""
        return ("vwap",)

    def start(self) -> State:
        """No session."""
        return None, 0.0, 0.0

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the session, its price times volume, its volume."""
        session, turnover, volume = state
        now = self._session(bar.ts)
        if now != session:
            turnover = volume = 0.0
        if bar.volume is None:
            return (now, turnover, volume), (None,)
        turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
        volume += bar.volume
        return (now, turnover, volume), (turnover / volume if volume > 0 else None,)

    def _session(self, ts: datetime) -> int:
        """Number of the day whose anchor is the last one at or before `ts`."""
        return (ts.astimezone(ZoneInfo(self.zone)) - timedelta(hours=self.hour)).toordinal()


def next_anchor(calendar: str, us: int) -> int:
    """Where the next session of a calendar opens after an instant; both in microseconds since 1970.

    Raises UnknownName for another calendar than those of `core.trading_hours`.
    """
    opens = _opens(calendar, (_EPOCH + us * _MICROSECOND).date())
    return opens[bisect_right(opens, us)]


@functools.lru_cache(maxsize=64)
def _opens(calendar: str, day: date) -> list[int]:
    """Opens of the sessions from a UTC day on, as far as the next one after it for certain."""
    first = datetime.combine(day, time(), UTC)
    return [(one.open - _EPOCH) // _MICROSECOND for one in trading_hours.sessions(calendar, first, first + _LONG)]
