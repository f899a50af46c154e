"""Indicators over the last bars: every window is kept whole and summed anew, so that nothing drifts."""

from dataclasses import dataclass
from math import dist, log, sqrt
from typing import TypeVar, cast

from market_assets.core.incremental.protocol import Bar, Indicator, State, Values

Item = TypeVar("Item")


def pushed(window: tuple[Item, ...], item: Item, n: int) -> tuple[Item, ...]:
    """The last `n` items after `item` came, oldest first."""
    return (*window, item)[-n:]


def mean(window: tuple[float, ...], n: int) -> float | None:
    """Mean of a window of `n` values; None before it is full."""
    return sum(window) / n if len(window) == n else None


def known_mean(window: tuple[float | None, ...], n: int) -> float | None:
    """The same, None also while one of the values is unknown."""
    return None if None in window else mean(cast("tuple[float, ...]", window), n)


def deviation(window: tuple[float, ...], middle: float, ddof: int = 0) -> float:
    """Standard deviation of a window around its mean."""
    n = len(window)
    return dist(window, (middle,) * n) / sqrt(n - ddof)


@dataclass
class Sma(Indicator):
    """Mean of the last `n` closes."""

    n: int

    @property
    def columns(self) -> tuple[str, ...]:
        """`sma_n`."""
        return (f"sma_{self.n}",)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last closes."""
        closes = pushed(state, bar.close, self.n)
        return closes, (mean(closes, self.n),)


@dataclass
class VolumeMa(Indicator):
    """Mean of the last `n` volumes; None while one of them is unknown."""

    n: int = 20

    @property
    def columns(self) -> tuple[str, ...]:
        """`volume_ma_n`."""
        return (f"volume_ma_{self.n}",)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last volumes."""
        volumes = pushed(state, bar.volume, self.n)
        return volumes, (known_mean(volumes, self.n),)


@dataclass
class RelativeVolume(Indicator):
    """Volume over the mean of the `n` bars before it; None where that mean is 0."""

    n: int = 20

    @property
    def columns(self) -> tuple[str, ...]:
        """`rvol`."""
        return ("rvol",)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last volumes."""
        usual = known_mean(state, self.n)
        relative = bar.volume / usual if usual and bar.volume is not None else None
        return pushed(state, bar.volume, self.n), (relative,)


@dataclass
class Momentum(Indicator):
    """Close less the close `n` bars ago."""

    n: int = 10

    @property
    def columns(self) -> tuple[str, ...]:
        """`momentum_n`."""
        return (f"momentum_{self.n}",)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last closes."""
        value = bar.close - state[0] if len(state) == self.n else None
        return pushed(state, bar.close, self.n), (value,)


@dataclass
class Roc(Indicator):
    """Close over the close `n` bars ago, less 1 (fraction)."""

    n: int

    @property
    def columns(self) -> tuple[str, ...]:
        """`roc_n`."""
        return (f"roc_{self.n}",)

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last closes."""
        value = bar.close / state[0] - 1.0 if len(state) == self.n else None
        return pushed(state, bar.close, self.n), (value,)


@dataclass
class RealizedVol(Indicator):
    """Sample standard deviation of the last `n` log returns, per bar."""

    n: int = 20

    @property
    def columns(self) -> tuple[str, ...]:
        """`realized_vol_n`."""
        return (f"realized_vol_{self.n}",)

    def start(self) -> State:
        """No close, no returns."""
        return None, ()

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last close, the last returns."""
        before, returns = state
        if before is None:
            return (bar.close, ()), (None,)
        returns = pushed(returns, log(bar.close / before), self.n)
        middle = mean(returns, self.n)
        value = None if middle is None else deviation(returns, middle, ddof=1)
        return (bar.close, returns), (value,)


@dataclass
class Bollinger(Indicator):
    """The mean of the last `n` closes, and `k` population standard deviations around it."""

    n: int = 20
    k: float = 2.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Upper band, middle, lower band."""
        return "bb_upper", "bb_mid", "bb_lower"

    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """State: the last closes."""
        closes = pushed(state, bar.close, self.n)
        middle = mean(closes, self.n)
        if middle is None:
            return closes, (None, None, None)
        spread = self.k * deviation(closes, middle)
        return closes, (middle + spread, middle, middle - spread)
