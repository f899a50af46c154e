"""How far the closes of two sources are apart. Frames in, numbers out."""

from typing import NamedTuple

import polars as pl

from market_assets.bars.settings import BarsSettings


class Agreement(NamedTuple):
    """The closes of minutes that two sources both have; differences are relative to the first of them."""

    n_common: int
    #: null without a common minute, like all that follow
    median: float | None
    p95: float | None
    largest: float | None
    #: median of the signed differences
    bias: float | None
    #: share of common minutes that differ by `overlap_ok` at most
    share: float | None

    def status(self, bars: BarsSettings) -> str:
        """too_few to say, or by the median ok, warn or error."""
        if self.n_common < bars.overlap_min or self.median is None:
            return "too_few"
        if self.median <= bars.overlap_ok:
            return "ok"
        return "warn" if self.median <= bars.overlap_error else "error"


def agreement(one: pl.DataFrame, other: pl.DataFrame, bars: BarsSettings) -> Agreement:
    """Of two frames with ts and close, each with a minute once."""
    both = one.select("ts", "close").join(other.select("ts", "close"), on="ts", suffix="_other", validate="1:1")
    if both.is_empty():
        return Agreement(0, None, None, None, None, None)
    signed = both.sort("ts").select(signed=pl.col("close_other") / pl.col("close") - 1)
    apart = pl.col("signed").abs()
    told = signed.select(
        median=apart.median(),
        p95=apart.quantile(0.95, "linear"),
        largest=apart.max(),
        bias=pl.col("signed").median(),
        share=(apart <= bars.overlap_ok).mean(),
    ).row(0)
    return Agreement(both.height, *told)
