"""The benchmarks of live values compare what they time."""

import numpy as np
import pytest

from benchmarks import bars_indicators, crypto_market, run
from market_assets.core.indicator_arrays import COLUMNS, live_values


@pytest.mark.slow
def test_both_sides_are_compared_and_told(tmp_path):
    """Eight values of every bar once the seeds are forgotten, and the last row of the day of every symbol."""
    step, day = bars_indicators.rows(tmp_path, 2, 720)
    assert step.details["values_equal"] == 2 * (720 - bars_indicators.FORGOTTEN) * 8
    assert step.what == "16 live values of a bar, 2 symbols a step"
    assert step.met is (step.theirs >= 5 * step.ours)
    # three indices with 390 minutes and without volume, three currency pairs without it, five with all values
    assert day.details["values_equal"] == 6 * 14 + 5 * 16
    assert day.what == "bars: a day of indicators of 11 symbols, 12,450 rows"
    assert min(step.ours, step.theirs, day.ours) > 0


def test_a_value_that_differs_is_noticed():
    """One value that is off is told with its indicator; bars that all lie before the comparison compare nothing."""
    frame = crypto_market.candles(703, seed=1)
    prices = [frame[name].to_numpy() for name in ("high", "low", "close", "volume")]
    found = live_values(*prices, [])
    values = np.stack([found[name] for name in COLUMNS], axis=1)[:, None, :]
    whole = [[bars_indicators.OHLCV(*bar[1:6]) for bar in crypto_market.bars(frame)]]
    assert bars_indicators.agree(values, whole) == 3 * 8
    with pytest.raises(AssertionError, match="700 bars, but the seeds are forgotten after 700"):
        bars_indicators.agree(values[:700], [whole[0][:700]])
    values[701, 0, COLUMNS.index("macd_signal")] += 1e-3
    with pytest.raises(AssertionError, match="macd of symbol 0"):
        bars_indicators.agree(values, whole)


def test_live_values_are_measured_by_make_bench():
    """The subject is on the list of what `make bench` runs."""
    assert run.SUBJECTS["bars_indicators"] is bars_indicators.rows
