"""Supertrend and chandelier exit one bar at a time; `core.trends` says what they mean."""

from dataclasses import dataclass

from market_assets.core.incremental.means import NO_RANGE, true_range
from market_assets.core.incremental.protocol import Bar, Indicator, State, Values
from market_assets.core.incremental.windows import known_mean, pushed
from market_assets.core.trends import CONSISTENT_BARS, STRENGTH_BARS, WARM_ROW


@dataclass
class Supertrend(Indicator):
    """Bands `k` average true ranges of `n` bars around the middle, of which closes choose the one in force."""

    n: int = 10
    k: float = 3.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the supertrend overlay."""
        return "st_line", "st_dir", "st_upper", "st_lower", "st_strength", "st_consistency", "st_is_warm"

    def start(self) -> State:
        """No bar, no bands, no direction."""
        return 0, NO_RANGE, None, None, 0, False, (), ()

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: row, close and true range, both bands, direction, whether it turned, strengths, directions."""
        row, ranges, upper, lower, direction, turned, strengths, directions = state
        before = ranges[0]
        ranges, atr = true_range(ranges, bar, self.n)
        if atr is None:
            return (row + 1, ranges, *state[2:]), (None,) * 6 + (False,)
        close = bar.close
        middle, reach = (bar.high + bar.low) / 2.0, self.k * atr
        if direction:
            above, below = middle + reach, middle - reach
            upper = upper if before <= upper <= above else above
            lower = lower if before >= lower >= below else below
            turns = close > upper if direction < 0 else close < lower
            direction, turned = (-direction, True) if turns else (direction, turned)
        else:
            upper, lower, direction = middle + reach, middle - reach, -1
        line = lower if direction > 0 else upper
        strengths = pushed(strengths, abs(close - line) / atr if atr > 0 else None, STRENGTH_BARS)
        directions = pushed(directions, direction, CONSISTENT_BARS)
        consistency = None
        if len(directions) == CONSISTENT_BARS:
            consistency = 1.0 if directions.count(direction) == CONSISTENT_BARS else 0.0
        values = (line, direction, upper, lower, known_mean(strengths, STRENGTH_BARS), consistency)
        return (
            (row + 1, ranges, upper, lower, direction, turned, strengths, directions),
            (*values, turned and row >= WARM_ROW),
        )


@dataclass
class Chandelier(Indicator):
    """Exits `k` average true ranges from the extremes of the last `n` bars, and the trails they leave."""

    n: int = 22
    k: float = 3.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the chandelier overlay."""
        return (
            "ch_long",
            "ch_short",
            "ch_long_trail",
            "ch_short_trail",
            "ch_dir",
            "ch_long_exit",
            "ch_short_exit",
            "ch_dist_long_pct",
        )

    def start(self) -> State:
        """No bar, no extremes, no trails, no direction."""
        return NO_RANGE, (), (), None, None, 0

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: close and true range, last highs, last lows, both trails, direction."""
        ranges, highs, lows, long_trail, short_trail, direction = state
        before = ranges[0]
        ranges, atr = true_range(ranges, bar, self.n)
        highs, lows = pushed(highs, bar.high, self.n), pushed(lows, bar.low, self.n)
        if atr is None:
            return (ranges, highs, lows, None, None, 0), (None,) * 8
        long, short = max(highs) - self.k * atr, min(lows) + self.k * atr
        long_exit = short_exit = None
        if long_trail is None:
            long_trail, short_trail = long, short
        else:
            long_exit, short_exit = bar.close < long_trail, bar.close > short_trail
            if bar.close > max(long_trail, short_trail):
                direction = 1
            elif bar.close < min(long_trail, short_trail):
                direction = -1
            long_trail = max(long, long_trail) if before > long_trail else long
            short_trail = min(short, short_trail) if before < short_trail else short
        distance = 100.0 * (bar.close / long_trail - 1.0) if long_trail else None
        return (
            (ranges, highs, lows, long_trail, short_trail, direction),
            (long, short, long_trail, short_trail, direction, long_exit, short_exit, distance),
        )
