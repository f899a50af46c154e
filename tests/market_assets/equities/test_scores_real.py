"""Scores of recorded bars: real splits, a real missing split, a real crash, a bad print."""

from datetime import date

import polars as pl
import pytest

from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import scores
from tests.market_assets.equities.frames import acted, real_bars, real_splits, sessions, universe


def scored(shared_data, symbol):
    bars = real_bars(shared_data, symbol)
    actions = acted(bars, *real_splits(shared_data, symbol))
    return bars, scores.score(bars, actions, universe(symbol), sessions(), EquitiesSettings())


def on(frame, day):
    return frame.filter(pl.col("session_date") == day).row(0, named=True)


@pytest.mark.parametrize(
    ("symbol", "days"),
    [
        ("AAPL", ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"]),
        ("BAC", ["2004-08-30"]),
        ("EEM", ["2005-06-09", "2008-07-24"]),
        ("QQQ", ["2000-03-20"]),
    ],
)
def test_known_splits_are_no_gaps(shared_data, symbol, days):
    """On the ex date of every recorded split the gap is an ordinary one, and nothing is suspected."""
    _, got = scored(shared_data, symbol)
    for day in days:
        row = on(got, date.fromisoformat(day))
        assert abs(row["gap_ratio"]) < 0.05, day
        assert row["flag_suspect_split"] is False
        assert row["flag_volume_high"] is False


def test_the_class_split_of_google_is_suspected(shared_data):
    """2014-04-03: 1135.10 to 569.85 with no recorded split. Suspect, and not validated."""
    _, got = scored(shared_data, "GOOG")
    row = on(got, date(2014, 4, 3))
    assert row["gap_ratio"] == pytest.approx(569.85 / 1135.10 - 1)
    assert row["issues"] == ["flag_gap", "flag_suspect_split"]
    assert row["validated"] is False
    assert got.filter("flag_suspect_split")["session_date"].to_list() == [date(2014, 4, 3)]


def test_apples_fall_of_september_2000_is_no_split(shared_data):
    """-47 % on 2000-09-29 is a gap and ten times the volume, but 0.526 is not one half."""
    _, got = scored(shared_data, "AAPL")
    row = on(got, date(2000, 9, 29))
    assert row["gap_ratio"] == pytest.approx(28.06 / 53.38 - 1)
    assert row["issues"] == ["flag_gap", "flag_volume_high"]
    assert got["flag_suspect_split"].any() is False


def test_a_bad_print_is_flagged(shared_data):
    """IBM opened at 159.58 after a close of 79.82 on 2002-12-23: a source error that looks like a reverse split."""
    _, got = scored(shared_data, "IBM")
    assert on(got, date(2002, 12, 23))["issues"] == ["flag_gap", "flag_suspect_split"]


def test_the_hole_of_qqq_hides_what_came_before(shared_data):
    """After six years under another ticker the first bar has no reference, hence no gap."""
    bars, got = scored(shared_data, "QQQ")
    row = on(got, date(2011, 3, 23)) if date(2011, 3, 23) in bars["session_date"] else on(got, date(2011, 3, 24))
    assert row["prev_close_ref"] is None
    assert got.height == bars.height == 3964


def test_nearly_all_recorded_bars_are_validated(shared_data):
    """The recordings are clean: every symbol validates at least 95 % of its bars."""
    for symbol in ("AAPL", "BAC", "GOOG", "IBM", "QQQ"):
        _, got = scored(shared_data, symbol)
        assert got["validated"].mean() >= 0.95, symbol
