"""The report of what is present (btc.md 3.4)."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from market_assets.btc.transforms.integrity import integrity_of_newest_day, verify_data_integrity
from market_assets.core.errors import InvalidRequest
from tests.market_assets.btc.transforms.hourly import HOUR, START, liquidated, prices

DAY_END = START + 23 * HOUR


def a_day(n=24):
    return prices([1.0] * n).join(liquidated([1.0] * n), on="ts")


def nulled(raw, *names, at=None):
    rows = pl.int_range(pl.len()).is_in(range(raw.height) if at is None else at)
    return raw.with_columns(pl.when(~rows).then(pl.col(name)).alias(name) for name in names)


def test_absent_hours():
    """G-INT-1: three of 24 hours wholly absent cost 0.3 times their share, and nothing else."""
    report = verify_data_integrity(a_day()[[*range(5), *range(7, 20), *range(21, 24)]], START, DAY_END)
    assert (report.expected, report.present, report.n_missing) == (24, 21, 3)
    assert report.completeness == 0.875
    assert report.overall_score == pytest.approx(0.9625)
    assert report.missing_hours == (START + 5 * HOUR, START + 6 * HOUR, START + 20 * HOUR)
    assert report.longest_gap_hours == 2
    assert dict(report.row_counts) == {"price": 21, "long_liquidations": 21, "short_liquidations": 21}
    assert set(report.null_counts.values()) == {0}


def test_a_price_lacks_beside_liquidations():
    """G-INT-2: one such hour of 24 costs 0.2, and its share of the missing hours."""
    report = verify_data_integrity(nulled(a_day(), "price", at=[7]), START, DAY_END)
    assert report.overall_score == pytest.approx(0.7875)
    assert dict(report.null_counts) == {"price": 1, "long_liquidations": 0, "short_liquidations": 0}
    assert report.row_counts["price"] == 24


def test_no_liquidations():
    """G-INT-3: a complete price alone scores 0.40."""
    raw = nulled(a_day(), "long_liquidations", "short_liquidations")
    report = verify_data_integrity(raw, START, DAY_END)
    assert report.overall_score == pytest.approx(0.40)
    assert report.completeness == 0.0


@pytest.mark.parametrize("raw", [a_day().clear(), nulled(a_day(), *a_day().columns[1:])], ids=["no rows", "all null"])
def test_nothing(raw):
    """G-INT-4: nothing at all scores 0.20, the least there is."""
    report = verify_data_integrity(raw, START, DAY_END)
    assert report.overall_score == pytest.approx(0.20)
    assert (report.present, report.longest_gap_hours) == (0, 24)


def test_times_are_floored_to_the_hour():
    """G-INT-5: 00:17 is the hour 00:00, at either end and in any zone."""
    wanted = verify_data_integrity(a_day(), START, DAY_END)
    assert verify_data_integrity(a_day(), START + timedelta(minutes=17), DAY_END + timedelta(minutes=59)) == wanted
    there = timezone(timedelta(hours=5, minutes=30))
    assert verify_data_integrity(a_day(), START.astimezone(there), DAY_END.astimezone(there)) == wanted
    assert (wanted.start, wanted.end, wanted.overall_score, wanted.longest_gap_hours) == (START, DAY_END, 1.0, 0)


def test_one_unknown_side_makes_an_hour_missing():
    """An hour is present where all three values are known; a single known side still is a liquidation value."""
    report = verify_data_integrity(nulled(a_day(), "short_liquidations"), START, DAY_END)
    assert (report.n_missing, report.completeness) == (24, 0.0)
    assert report.overall_score == pytest.approx(0.7)
    assert report.null_counts["short_liquidations"] == 24


def test_rows_outside_the_span_do_not_count():
    """The hour before and the hour after change nothing."""
    around = verify_data_integrity(a_day(), START + 3 * HOUR, START + 5 * HOUR)
    assert (around.expected, around.present, around.row_counts["price"]) == (3, 3, 3)


def test_the_first_hundred_missing_hours_are_named():
    """A year of nothing names a hundred hours and counts them all."""
    report = verify_data_integrity(a_day().clear(), START, START + 499 * HOUR)
    assert report.missing_hours == tuple(START + i * HOUR for i in range(100))
    assert (report.n_missing, report.longest_gap_hours) == (500, 500)


def test_times_need_a_zone_and_an_order():
    """A naive time is refused, and so is a span backwards; one hour is a span."""
    with pytest.raises(InvalidRequest, match="zone"):
        verify_data_integrity(a_day(), datetime(2021, 2, 1), DAY_END)
    with pytest.raises(InvalidRequest, match="before start"):
        verify_data_integrity(a_day(), DAY_END, START)
    assert verify_data_integrity(a_day(), START, datetime(2021, 2, 1, 0, 59, tzinfo=UTC)).expected == 1


def test_the_newest_day_ends_at_the_newest_row():
    """Of 30 hours the last 24 count: one absent, one carried forward, so two missing. Earlier ones may lack."""
    raw = prices([1.0] * 30).join(liquidated([1.0] * 30), on="ts")[[*range(4), *range(6, 12), *range(13, 30)]]
    processed = raw.rename({"long_liquidations": "long_filled", "short_liquidations": "short_filled"})
    carried = processed.with_columns(is_filled=pl.col("ts") == START + 20 * HOUR)
    report = integrity_of_newest_day(carried, START)
    assert (report.start, report.end) == (START + 6 * HOUR, START + 29 * HOUR)
    assert report.missing_hours == (START + 12 * HOUR, START + 20 * HOUR)
    assert report.overall_score == pytest.approx(1 - 0.3 * 2 / 24)


def test_the_newest_day_does_not_begin_before_history():
    """Three hours of history are three hours; no row at all is the first hour of it, and that is missing."""
    three = prices([1.0] * 3).join(liquidated([1.0] * 3), on="ts").with_columns(is_filled=pl.lit(value=False))
    three = three.rename({"long_liquidations": "long_filled", "short_liquidations": "short_filled"})
    assert (integrity_of_newest_day(three, START).expected, integrity_of_newest_day(three, START).n_missing) == (3, 0)
    assert integrity_of_newest_day(three.clear(), START).missing_hours == (START,)
