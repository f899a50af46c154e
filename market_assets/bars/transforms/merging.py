"""Minutes of several sources made one series: another source may fill holes, and only where both agree. Frames in, out.

Minutes of different instruments are never merged: an index, its future and a CFD on it have different prices.
"""

from typing import NamedTuple

import polars as pl

from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.agreement import Agreement, agreement
from market_assets.core.revisions import Revision, compare

_VALUES = ("open", "high", "low", "close", "volume")


class Merged(NamedTuple):
    """A series with what another source could add to it."""

    #: BarsMinute
    rows: pl.DataFrame
    #: minutes that came from the other one
    n_filled: int
    #: ok, or why the other may not fill: kinds, whole (bars.merge_mode), too_few, warn, error
    status: str
    #: how far both are apart; None where that was not asked
    agreement: Agreement | None

    @property
    def is_filled(self) -> bool:
        """Whether the other source was let in, though it may have had nothing to add."""
        return self.status == "ok"

    @property
    def disagrees(self) -> bool:
        """Whether both state different prices."""
        return self.status in ("warn", "error")


class Laid(NamedTuple):
    """The live collector's minutes and those asked for, as one series."""

    merged: Merged
    #: live minutes that were asked for as well and are stated otherwise
    revision: Revision


def merged(base: pl.DataFrame, other: pl.DataFrame, bars: BarsSettings) -> Merged:
    """`base` with the minutes of `other` that it lacks (BarsMinute of one symbol), if `other` may fill.

    It may where both are of the same kind, and of one source or with closes that agree: over `overlap_min` common
    minutes at least, by a median difference of `overlap_ok` at most.
    """
    filled = pl.concat([base, other.join(base, on="ts", how="anti")]).sort("ts")
    n_filled = filled.height - base.height
    if base.is_empty() or other.is_empty():
        return Merged(filled, n_filled, "ok", None)
    kinds = {*base["instrument_kind"].unique(), *other["instrument_kind"].unique()}
    if len(kinds) > 1:
        return Merged(base, 0, "kinds", None)
    if len({*base["source"].unique(), *other["source"].unique()}) == 1:
        return Merged(filled, n_filled, "ok", None)
    apart = agreement(base, other, bars)
    status = apart.status(bars)
    if bars.merge_mode == "whole" and status in ("ok", "too_few"):
        status = "whole"
    return Merged(filled, n_filled, status, apart) if status == "ok" else Merged(base, 0, status, apart)


def laid_over(streamed: pl.DataFrame, asked: pl.DataFrame, bars: BarsSettings, *, is_final: bool) -> Laid:
    """The live collector's minutes with those asked for: of the running day the former stand, of a past one the latter.

    Those that do not stand only fill what the others lack, by the rules of `merged`.
    """
    base, other = (asked, streamed) if is_final else (streamed, asked)
    return Laid(merged(base, other, bars), compare(streamed, asked, ("ts",), _VALUES))
