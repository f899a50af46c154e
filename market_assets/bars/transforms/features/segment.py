"""What features are computed on: a run of bars of one symbol without a change of kind, and its arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from market_assets.core.statistics import FLAT
from market_assets.core.windows import Floats

MINUTE_US = 60_000_000
Columns = dict[str, Floats]


@dataclass(frozen=True)
class Segment:
    """Bars with the indicators beside them, oldest first; windows do not reach beyond it."""

    symbol: str
    #: columns of BarsMinute, and of BarsIndicators those that features read
    bars: pl.DataFrame
    #: rows before this one are context
    kept: int
    calendar: str
    #: whether the kind it is of has a volume
    has_volume: bool

    def floats(self, name: str) -> Floats:
        """A column as an array, NaN where it is null."""
        return self.bars.get_column(name).cast(pl.Float64).fill_null(float("nan")).to_numpy()

    @cached_property
    def opens(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Open instants, in microseconds since 1970."""
        return self.bars.get_column("ts").to_physical().to_numpy()

    @cached_property
    def close(self) -> Floats:
        """Last prices."""
        return self.floats("close")

    @cached_property
    def volume(self) -> Floats:
        """Traded base units; NaN where they are not known, and of kinds without a volume whatever a row states."""
        return self.floats("volume") if self.has_volume else np.full(self.bars.height, np.nan)

    @cached_property
    def changes(self) -> Floats:
        """Close less the close before; NaN at the first row."""
        return _since_previous(self.close)

    @cached_property
    def returns(self) -> Floats:
        """Log returns from bar to bar; NaN at the first row."""
        return _since_previous(np.log(self.close))


def quotient(part: Floats, whole: Floats, least: Floats | float = 0.0) -> Floats:
    """part / whole; NaN where the whole is not above `least`, or one of them is not known."""
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=whole > least)
    return out


def rounding(prices: Floats) -> Floats:
    """What differences and deviations of such prices must exceed to be more than rounding."""
    return FLAT * np.maximum(1.0, np.abs(prices))


def _since_previous(values: Floats) -> Floats:
    out = np.full(len(values), np.nan)
    out[1:] = np.diff(values)
    return out
