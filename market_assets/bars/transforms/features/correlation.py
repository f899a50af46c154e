"""How returns move with those of other symbols, in the minutes that both traded.

A return is one of a minute: where the minute before has no bar, or one of another kind, there is none. Both sides of
a window lie in one segment. While the other market is closed the last common minutes stay what they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.bars.instruments import Source
from market_assets.bars.schemas import CORRELATED
from market_assets.bars.transforms.features.segment import MINUTE_US, Columns, Segment
from market_assets.core.comovement import correlation
from market_assets.core.windows import Floats

#: common minutes of a window, and those of them whose returns must be known
WINDOW, LEAST = 50, 40
NAMES = {f"corr_{symbol.lower()}": symbol for symbol in CORRELATED}
Instants = NDArray[np.int64]


@dataclass(frozen=True)
class Minutes:
    """The bars of one symbol, of which others look at the returns."""

    opens: Instants
    close: Floats
    #: counts changes of kind
    runs: Instants
    #: when each bar could first be used, in microseconds since 1970
    available: Instants

    def between(self, first: int, last: int) -> "Minutes":
        """Those that open from `first` to `last`, both included: a day of a long load costs no more than alone."""
        rows = slice(*np.searchsorted(self.opens, [first, last + 1]).tolist())
        return Minutes(self.opens[rows], self.close[rows], self.runs[rows], self.available[rows])

    def returns(self) -> Floats:
        """Log return of each bar since the minute before; NaN without a bar of the same kind there."""
        out = np.full(len(self.close), np.nan)
        follows = (np.diff(self.opens) == MINUTE_US) & (np.diff(self.runs) == 0)
        out[1:] = np.where(follows, np.diff(np.log(self.close)), np.nan)
        return out


def minutes(bars: pl.DataFrame, delays: Mapping[Source, float]) -> Minutes:
    """The bars (BarsMinute, by time) of one symbol; `delays`: plain source -> seconds until it serves a bar."""
    delay_s = pl.col("source").str.strip_suffix("-sandbox").replace_strict(delays, default=0.0, return_dtype=pl.Float64)
    told = bars.select(
        opens=pl.col("ts").to_physical(),
        runs=(pl.col("instrument_kind") != pl.col("instrument_kind").shift(1))
        .fill_null(False)
        .cast(pl.Int64)
        .cum_sum(),
        available=pl.col("ts").to_physical() + MINUTE_US + (delay_s * 1e6).cast(pl.Int64),
    )
    opens, runs, available = (told.get_column(name).to_numpy() for name in ("opens", "runs", "available"))
    return Minutes(opens, bars.get_column("close").to_numpy(), runs, available)


def compute(segment: Segment, others: Mapping[str, Minutes]) -> tuple[Columns, Instants]:
    """The correlation columns of each kept bar, and when the bars of others that they are made of could be used (0
    where there are none). `others`: symbol -> its bars; with itself no symbol is correlated.
    """
    own = Minutes(segment.opens, segment.close, np.zeros_like(segment.opens), segment.opens)
    columns: Columns = {}
    available = np.zeros_like(segment.opens)
    for name, symbol in NAMES.items():
        values, known_from = np.full(len(own.opens), np.nan), np.zeros_like(available)
        if symbol in others and symbol != segment.symbol:
            kept = slice(segment.kept, None)
            values[kept], known_from[kept] = _with(own, others[symbol], segment.kept)
        columns[name] = values
        available = np.maximum(available, np.where(np.isnan(values), 0, known_from))
    return columns, available


def _with(own: Minutes, other: Minutes, kept: int) -> tuple[Floats, Instants]:
    """(correlation with another symbol, when its bars could be used) of each bar from row `kept` on."""
    others = other.between(int(own.opens[0]), int(own.opens[-1]))
    common, mine, theirs = np.intersect1d(own.opens, others.opens, assume_unique=True, return_indices=True)
    # the last common minute at or before each bar; what is none stands before the first
    last = np.searchsorted(common, own.opens[kept:], side="right")
    a, b = own.returns()[mine], others.returns()[theirs]
    found = np.full(len(common) + 1, np.nan)
    for rows in _runs(others.runs[theirs]):
        start = max(int(last[0]) - 1 - rows.start, 0)
        found[1:][rows] = correlation(a[rows], b[rows], WINDOW, least=LEAST, start=start)
    used = np.concatenate([[0], np.maximum.accumulate(others.available[theirs])])
    return found[last], used[last]


def _runs(labels: Instants) -> list[slice]:
    """The rows of each run of equal labels."""
    turns = (np.flatnonzero(np.diff(labels)) + 1).tolist()
    return [slice(first, end) for first, end in pairwise([0, *turns, len(labels)]) if end > first]
