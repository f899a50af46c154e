"""Indicators made of recursive means: exponential and Wilder's, each seeded with the mean of its first values."""

from dataclasses import dataclass

from market_assets.core.incremental.protocol import Bar, Indicator, State, Values

#: below this mean of gains and losses a series counts as flat, and its RSI is 50
_FLAT = 1e-14

#: (values so far, at most n; their sum while fewer than n, then the mean)
Mean = tuple[int, float]
NO_VALUES: Mean = (0, 0.0)


def seeded(state: Mean, value: float, n: int, alpha: float) -> tuple[Mean, float | None]:
    """One step of y += alpha (x - y), which starts from the mean of the first `n` values."""
    count, before = state
    if count == n:
        y = before + alpha * (value - before)
        return (n, y), y
    total = before + value
    if count + 1 < n:
        return (count + 1, total), None
    return (n, total / n), total / n


def exponential(state: Mean, value: float, n: int) -> tuple[Mean, float | None]:
    """One step of the exponential mean, a = 2/(n+1)."""
    return seeded(state, value, n, 2.0 / (n + 1.0))


def wilder(state: Mean, value: float, n: int) -> tuple[Mean, float | None]:
    """One step of Wilder's mean, a = 1/n."""
    return seeded(state, value, n, 1.0 / n)


#: (close of the bar before, Wilder's mean of the true range)
Range = tuple[float | None, Mean]
NO_RANGE: Range = (None, NO_VALUES)


def true_range(state: Range, bar: Bar, n: int) -> tuple[Range, float | None]:
    """One step of Wilder's mean of the true range, which the first bar has none of."""
    before, means = state
    if before is None:
        return (bar.close, means), None
    widest = max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
    means, value = wilder(means, widest, n)
    return (bar.close, means), value


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
        change = bar.close - before
        gains, gain = wilder(gains, max(change, 0.0), self.n)
        losses, loss = wilder(losses, max(-change, 0.0), self.n)
        if gain is None or loss is None:
            return (bar.close, gains, losses), (None,)
        moved = gain + loss
        return (bar.close, gains, losses), (50.0 if moved < _FLAT else 100.0 * gain / moved,)


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
        fast, quick = exponential(state[0], bar.close, self.fast)
        slow, lazy = exponential(state[1], bar.close, self.slow)
        if quick is None or lazy is None:
            return (fast, slow, state[2]), (None, None, None)
        line = quick - lazy
        smoothed, signal = exponential(state[2], line, self.signal)
        return (fast, slow, smoothed), (line, signal, None if signal is None else line - signal)
