"""Longer bars out of minutes."""

from datetime import timedelta

import polars as pl
import pytest

from market_assets.bars.transforms.timeframes import TIMEFRAMES, coarse
from tests.dashboards import bars_home
from tests.dashboards.bars_home import FIRST, MINUTE

HOUR = bars_home.minutes("BTCUSD", FIRST, FIRST + 59 * MINUTE, 100.0, 1.0, "index", 3.0)


def test_a_bar_of_two_kinds_says_so() -> None:
    """Both kinds, both sources, the worse level, and that the kind changed."""
    future = pl.col("ts") >= FIRST + 2 * MINUTE
    mixed = HOUR.with_columns(
        instrument_kind=pl.when(future).then(pl.lit("future")).otherwise("instrument_kind"),
        source=pl.when(future).then(pl.lit("polygon")).otherwise("source"),
        fallback_level=pl.when(future).then(pl.lit(4, pl.Int8)).otherwise("fallback_level"),
        basis_break=pl.col("ts") == FIRST + 2 * MINUTE,
        quality_score=pl.when(future).then(0.8).otherwise(1.0),
    )
    first, second = coarse(mixed.head(10), "5m").iter_rows(named=True)
    assert (first["instrument_kind"], first["source"], first["fallback_level"]) == ("future+index", "polygon+yahoo", 4)
    assert (first["basis_break"], second["basis_break"]) == (True, False)
    assert first["quality_score"] == pytest.approx((2 * 1.0 + 3 * 0.8) / 5)
    assert second["instrument_kind"] == "future"


def test_a_sum_of_which_a_part_is_unknown_is_unknown() -> None:
    """Volume is null where one minute has none, and never the sum of the others."""
    holed = HOUR.with_columns(volume=pl.when(pl.col("ts") != FIRST).then("volume"))
    assert coarse(holed, "15m")["volume"].to_list() == [None, 45.0, 45.0, 45.0]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_later_minutes_change_no_bar_that_is_over(timeframe: str) -> None:
    """Whatever comes after a bar's end, the bar is as it was; the order of rows does not matter either."""
    length = timedelta(minutes=TIMEFRAMES[timeframe])
    whole = coarse(HOUR.reverse(), timeframe)
    for cut in (1, 17, 45, 60):
        over = pl.col("ts") + length <= FIRST + cut * MINUTE
        assert coarse(HOUR.head(cut), timeframe).filter(over).equals(whole.filter(over))
