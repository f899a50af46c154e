"""Correlation with other symbols: common minutes, holes, closed markets, and when the others' bars could be used."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from market_assets.bars.transforms.features import correlation
from tests.market_assets.bars.transforms.features.stored_bars import MINUTE, D, closes, segment, stored, walk

MICROS = {"yahoo": 0.0, "twelvedata": 130.0}
N = 120
END = D + N * MINUTE


@pytest.fixture(scope="module")
def bars():
    return stored(closes(prices(1)), "EURUSD", "spot", first=D)


def prices(seed):
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 1e-4, N)))


def against(bars, other, symbol="XAUUSD", **more):
    """Correlation of EURUSD with another symbol, and when it could be used."""
    columns, available = correlation.compute(segment(bars, **more), {symbol: correlation.minutes(other, MICROS)})
    return columns[f"corr_{symbol.lower()}"], available


def micros(at):
    return pl.Series([at]).to_physical()[0]


def test_the_same_returns_are_1_and_opposite_ones_minus_1(bars):
    """Known from the 41st common minute on, which has 40 returns."""
    found, _ = against(bars, stored(closes(3.0 * prices(1)), "XAUUSD", "spot", first=D))
    turned, _ = against(bars, stored(closes(1.0 / prices(1)), "XAUUSD", "spot", first=D))
    assert np.isnan(found[:40]).all()
    np.testing.assert_allclose(found[40:], 1.0, rtol=1e-9)
    np.testing.assert_allclose(turned[40:], -1.0, rtol=1e-9)


def test_a_window_is_fifty_common_minutes(bars):
    """The last 50 returns of both, by another library."""
    other = stored(closes(prices(2)), "XAUUSD", "spot", first=D)
    found, _ = against(bars, other)
    returns = [np.diff(np.log(one["close"].to_numpy())) for one in (bars, other)]
    assert found[-1] == pytest.approx(np.corrcoef(*(one[-50:] for one in returns))[0, 1], rel=1e-9)
    assert found[90] == pytest.approx(np.corrcoef(*(one[40:90] for one in returns))[0, 1], rel=1e-9)


def test_a_return_over_a_hole_is_none(bars):
    """The other lacks minutes 70 and 71: of 50 common minutes the return of 72, which is of three, is left out."""
    other = stored(closes(prices(2)), "XAUUSD", "spot", first=D)
    found, _ = against(bars, other.filter(~pl.col("ts").is_between(D + 70 * MINUTE, D + 71 * MINUTE)))
    returns = [np.diff(np.log(one["close"].to_numpy()), prepend=np.nan) for one in (bars, other)]
    used = [i for i in range(38, 90) if i not in (70, 71)]
    assert len(used) == 50
    used.remove(72)
    assert found[89] == pytest.approx(np.corrcoef(*(one[used] for one in returns))[0, 1], rel=1e-9)
    # without a bar of the other one the last common minutes stay
    assert found[70] == found[71] == found[69]


def test_a_market_that_is_closed_leaves_its_last_minutes_in_force(bars):
    """The other closes after minute 60, and is of use from then on as it was."""
    found, available = against(bars, stored(closes(prices(2)), "XAUUSD", "spot", first=D).head(61))
    assert not np.isnan(found[60])
    assert (found[60:] == found[60]).all()
    assert set(available[60:]) == {micros(D + 61 * MINUTE)}


def test_too_few_common_minutes_are_none(bars):
    """40 minutes have 39 returns; a market that was never open at once has none; and one that is not there neither."""
    few = stored(closes(prices(2)), "XAUUSD", "spot", first=D).head(40)
    apart = stored(closes(prices(2)), "XAUUSD", "spot", first=D - timedelta(days=1))
    for other in (few, apart, apart.clear()):
        found, available = against(bars, other)
        assert np.isnan(found).all()
        assert (available == 0).all()
    columns, available = correlation.compute(segment(bars), {})
    assert np.isnan(np.array(list(columns.values()))).all()
    assert (available == 0).all()


def test_no_symbol_is_correlated_with_itself(bars):
    """Null, not 1."""
    found, _ = against(bars, bars, "EURUSD")
    assert np.isnan(found).all()


def test_a_window_lies_in_one_kind_of_the_other_too(bars):
    """From minute 60 the other is a future: known again after 40 returns of it."""
    other = stored(closes(prices(2)), "XAUUSD", "spot", first=D).with_columns(
        instrument_kind=pl.when(pl.col("ts") < D + 60 * MINUTE).then(pl.lit("spot")).otherwise(pl.lit("future"))
    )
    found, _ = against(bars, other)
    assert np.flatnonzero(np.isnan(found)).tolist() == [*range(40), *range(60, 100)]


def test_what_a_slow_source_serves_is_used_from_then_on(bars):
    """Twelve Data's minutes come 130 s late, also those of its sandbox."""
    for source in ("twelvedata", "twelvedata-sandbox"):
        other = stored(closes(prices(2)), "XAUUSD", "spot", first=D, source=source)
        _, available = against(bars, other)
        assert available[-1] == micros(END + timedelta(seconds=130))
        assert (available[:40] == 0).all()


def test_rows_before_the_kept_ones_are_context(bars):
    """They are not worked out; the kept ones are the same."""
    other = walk("XAUUSD", N, end=END, kind="spot")
    whole, kept = against(bars, other)[0], against(bars, other, kept=100)[0]
    assert np.isnan(kept[:100]).all()
    np.testing.assert_array_equal(kept[100:], whole[100:])
