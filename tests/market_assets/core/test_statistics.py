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
