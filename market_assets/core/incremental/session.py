"""The mean price of a session by volume, from the session's anchor on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from market_assets.core.incremental.protocol import Bar, Indicator, State, Values


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
