"""Indicators made of recursive means: exponential and Wilder's, each seeded with the mean of its first values."""

from dataclasses import dataclass

from market_assets.core.incremental.protocol import Bar, Indicator, State, Values
from market_assets.core.indicators import FLAT_MOVES

#: (values so far, at most n; their sum while fewer than n, then the mean)
Mean = tuple[int, float]
NO_VALUES: Mean = (0, 0.0)


def exponential(state: Mean, value: float, n: int) -> tuple[Mean, float | None]:
    """One step of the exponential mean, y += a (x - y) with a = 2/(n+1), from the mean of the first `n` values."""
    count, before = state
    if count == n:
        y = before + 2.0 / (n + 1.0) * (value - before)
        return (n, y), y
    return _seeding(count, before + value, n)


def wilder(state: Mean, value: float, n: int) -> tuple[Mean, float | None]:
    """The same of Wilder's mean, a = 1/n."""
    count, before = state
    if count == n:
        y = before + 1.0 / n * (value - before)
        return (n, y), y
    return _seeding(count, before + value, n)


def _seeding(count: int, total: float, n: int) -> tuple[Mean, float | None]:
    """A mean that had `count` of its first `n` values before the one that made their sum `total`."""
    return ((n, total / n), total / n) if count + 1 == n else ((count + 1, total), None)


#: (close of the bar before, Wilder's mean of the true range)
Range = tuple[float | None, Mean]
NO_RANGE: Range = (None, NO_VALUES)


def true_range(state: Range, bar: Bar, n: int) -> tuple[Range, float | None]:
    """One step of Wilder's mean of the true range, which the first bar has none of."""
    before, means = state
    if before is None:
        return (bar.close, means), None
    _, _, high, low, close, *_ = bar
    # the largest of high - low, |high - before| and |low - before|, without three differences
    widest = (high if high > before else before) - (low if low < before else before)
    means, value = wilder(means, widest, n)
    return (close, means), value


@dataclass
class Ema(Indicator):
    """Exponential mean of the closes."""

    n: int

    @property
    def columns(self) -> tuple[str, ...]:
        """`ema_n`."""
        return (f"ema_{self.n}",)

    def start(self) -> State:
        """No values."""
        return NO_VALUES

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the mean."""
        state, value = exponential(state, bar.close, self.n)
        return state, (value,)


@dataclass
class Atr(Indicator):
    """Wilder's mean of the true range."""

    n: int = 14

    @property
    def columns(self) -> tuple[str, ...]:
        """`atr_n`."""
        return (f"atr_{self.n}",)

    def start(self) -> State:
        """No bar."""
        return NO_RANGE

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last close and the mean."""
        state, value = true_range(state, bar, self.n)
        return state, (value,)


@dataclass
class Rsi(Indicator):
    """Wilder's relative strength index, 0-100; a flat series is 50."""

    n: int = 14

    @property
    def columns(self) -> tuple[str, ...]:
        """`rsi_n`."""
        return (f"rsi_{self.n}",)

    def start(self) -> State:
        """No close, no gains, no losses."""
        return None, NO_VALUES, NO_VALUES

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last close, the mean gain, the mean loss."""
        before, gains, losses = state
        if before is None:
            return (bar.close, gains, losses), (None,)
        close, n = bar.close, self.n
        change = close - before
        gains, gain = wilder(gains, change if change > 0.0 else 0.0, n)
        losses, loss = wilder(losses, -change if change < 0.0 else 0.0, n)
        if gain is None or loss is None:
            return (close, gains, losses), (None,)
        moved = gain + loss
        return (close, gains, losses), (50.0 if moved < FLAT_MOVES else 100.0 * gain / moved,)


@dataclass
class Macd(Indicator):
    """Fast mean less slow mean, its own mean, and their difference. Each mean has its own seed."""

    fast: int = 12
    slow: int = 26
    signal: int = 9

    @property
    def columns(self) -> tuple[str, ...]:
        """Line, signal, histogram."""
        return "macd_line", "macd_signal", "macd_hist"

    def start(self) -> State:
        """Three means without values."""
        return NO_VALUES, NO_VALUES, NO_VALUES

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the fast mean, the slow one, that of the line."""
        fast, slow, smoothed = state
        close = bar.close
        fast, quick = exponential(fast, close, self.fast)
        slow, lazy = exponential(slow, close, self.slow)
        if quick is None or lazy is None:
            return (fast, slow, smoothed), (None, None, None)
        line = quick - lazy
        smoothed, signal = exponential(smoothed, line, self.signal)
        return (fast, slow, smoothed), (line, signal, None if signal is None else line - signal)
