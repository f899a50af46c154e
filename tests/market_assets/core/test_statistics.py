"""Ranks against the golden values of the specification (common.md 9)."""

import polars as pl
import pytest

from market_assets.core import statistics

HISTORY = [float(i) for i in range(1, 31)]


@pytest.mark.parametrize(("x", "percentile"), [(40.0, 100.0), (15.0, 48.3333), (0.0, 0.0)])
def test_percentile_excludes_the_value_itself_and_halves_ties(x, percentile):
    """Golden: among 1..30 the value 40 stands at 100, and 15 (tied with one) at 48.3333."""
    got = pl.DataFrame({"v": [*HISTORY, x]}).select(statistics.percentile_among_others(pl.col("v"), min_n=10))
    assert got.item(30, 0) == pytest.approx(percentile, abs=5e-5)


def test_rank_is_null_below_the_least_number_of_names():
    """Nine names give no rank, ten do."""
    nine = pl.DataFrame({"v": HISTORY[:9]}).select(statistics.rank_among_others(pl.col("v"), min_n=10)).to_series()
    ten = pl.DataFrame({"v": HISTORY[:10]}).select(statistics.rank_among_others(pl.col("v"), min_n=10)).to_series()
    assert nine.null_count() == 9
    assert ten.to_list() == pytest.approx([i / 9 for i in range(10)])


def test_an_unknown_value_has_no_rank_and_is_not_counted():
    """Null among ten others: null itself, and the others rank as ten."""
    frame = pl.DataFrame({"v": [None, *HISTORY[:10]]})
    got = frame.select(statistics.rank_among_others(pl.col("v"), min_n=10)).to_series().to_list()
    assert got[0] is None
    assert got[-1] == 1.0


def test_golden_scores_among_others():
    """Golden: 40 among 1..30 has z 2.78301, modified z 2.20337, percentile 100; 15 has percentile 48.3333."""
    h = pl.col("h")
    x = pl.lit(40.0)
    got = pl.DataFrame({"h": HISTORY}).select(
        std=h.std(),
        z=statistics.zscore(x, h.mean(), h.std()),
        modified=statistics.modified_zscore(x, h.median(), statistics.median_deviation(h)),
        top=statistics.percentile_in(x, h),
        tied=statistics.percentile_in(pl.lit(15.0), h),
    )
    assert got.row(0) == pytest.approx((8.80341, 2.78301, 2.20337, 100.0, 48.3333), rel=1e-5)


def test_a_constant_history_has_no_scale():
    """A deviation below 1e-12 gives no score, whatever the value."""
    h = pl.col("h")
    got = pl.DataFrame({"h": [0.1] * 40}).select(
        z=statistics.zscore(pl.lit(1.0), h.mean(), h.std()),
        modified=statistics.modified_zscore(pl.lit(1.0), h.median(), statistics.median_deviation(h)),
    )
    assert got.row(0) == (None, None)


def test_an_unknown_value_has_no_percentile_and_unknown_history_is_not_counted():
    """Half of the two known values are below 1.5."""
    frame = pl.DataFrame({"h": [1.0, None, 2.0]})
    unknown = pl.lit(None, pl.Float64)
    got = frame.select(
        a=statistics.percentile_in(unknown, pl.col("h")), b=statistics.percentile_in(pl.lit(1.5), pl.col("h"))
    )
    assert got.row(0) == (None, 50.0)
