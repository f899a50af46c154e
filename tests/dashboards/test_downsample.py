"""Fewer points, the same picture."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import downsample

DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(6)]
BARS = pl.DataFrame(
    {
        "day": DAYS,
        "open": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "high": [9.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        "low": [0.5, 1.0, 2.0, 0.1, 4.0, 5.0],
        "close": [2.0, 3.0, 4.0, 5.0, 6.0, 6.5],
        "volume": [10.0, None, 30.0, None, None, None],
        "flag_gap": [False, True, False, False, False, False],
    }
)


def test_bars_merge_as_a_longer_bar():
    """Open first, high max, low min, close last, volume sum; a flag of any; volume unknown where all are."""
    merged = downsample.bars(BARS, "day", 2)
    assert merged.to_dicts() == [
        {"day": DAYS[0], "last": DAYS[2], "n": 3, "open": 1.0, "high": 9.0, "low": 0.5, "close": 4.0, "volume": 40.0,
         "flag_gap": True},
        {"day": DAYS[3], "last": DAYS[5], "n": 3, "open": 4.0, "high": 7.0, "low": 0.1, "close": 6.5, "volume": None,
         "flag_gap": False},
    ]  # fmt: skip


def test_what_fits_is_unchanged():
    """As many buckets as bars: every bar is itself."""
    merged = downsample.bars(BARS, "day", 6)
    assert merged["open"].to_list() == BARS["open"].to_list()
    assert merged["n"].to_list() == [1] * 6


def test_a_line_keeps_its_spike():
    """The one extreme of a long quiet line survives, whatever the room."""
    quiet = pl.DataFrame({"x": range(10_000), "y": [0.0] * 10_000}).with_columns(
        y=pl.when(pl.col("x") == 7_777).then(9.0).otherwise(pl.col("y"))
    )
    kept = downsample.line(quiet, "y", 100)
    assert kept.height <= 100
    assert kept.filter(pl.col("y") == 9.0)["x"].to_list() == [7_777]


@given(n=st.integers(0, 400), most=st.integers(1, 60))
def test_never_more_than_asked_and_nothing_lost(n: int, most: int):
    """At most `most` bars; counts add up; the extremes of all are the extremes of the merged."""
    frame = pl.DataFrame(
        {"day": range(n), "open": [1.0] * n, "high": [float(i % 17) for i in range(n)],
         "low": [float(-(i % 13)) for i in range(n)], "close": [1.0] * n, "volume": [1.0] * n},
        schema={"day": pl.Int64, "open": pl.Float64, "high": pl.Float64, "low": pl.Float64, "close": pl.Float64,
                "volume": pl.Float64},
    )  # fmt: skip
    merged = downsample.bars(frame, "day", most)
    assert merged.height <= most
    assert merged["n"].sum() == n
    assert (merged["high"].max(), merged["low"].min()) == (frame["high"].max(), frame["low"].min())


def test_no_room_is_an_error():
    """A picture of zero candles is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one"):
        downsample.bars(BARS, "day", 0)
