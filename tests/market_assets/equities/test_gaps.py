"""Missing sessions and their causes (equities.md 7)."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.equities.transforms import gaps
from market_assets.equities.transforms.sessions import due
from tests.market_assets.equities.frames import real_bars, sessions, universe

NOW = datetime(2020, 4, 1, 12, tzinfo=UTC)
CALENDAR = due(sessions(date(2019, 1, 1), date(2020, 12, 31)), NOW, delay_min=120)
XNYS = CALENDAR["XNYS"]["session_date"].to_list()
DAYS = [day for day in XNYS if day.year == 2020]
STORED = [("A", 2019, "stored"), ("A", 2020, "stored")]


def listed(*days, symbol="A"):
    return pl.DataFrame({"symbol": [symbol] * len(days), "session_date": list(days)}, schema=gaps.SYMBOL_SESSIONS)


def found(
    missing=(), *, present=XNYS, partitions=STORED, quarantined=(), second=(), given_up=(), symbols=None, **options
):
    bars = listed(*(day for day in present if day not in missing))
    return gaps.find_gaps(
        bars,
        universe("A") if symbols is None else symbols,
        CALENDAR,
        NOW,
        partitions=pl.DataFrame(partitions, schema=gaps.PARTITIONS, orient="row"),
        quarantined=listed(*quarantined),
        second_source=listed(*second),
        given_up=pl.DataFrame(given_up, schema=gaps.SYMBOL_YEARS, orient="row"),
        **options,
    )


def rows(frame):
    return frame.select("gap_start", "gap_end", "n_sessions", "cause", "status").rows()


def test_nothing_missing_is_no_row():
    """Holidays and weekends are no gaps; today's session is not due before its close."""
    assert found().is_empty()
    assert XNYS[-1] == date(2020, 3, 31)


def test_adjacent_sessions_are_one_gap():
    """Friday and Monday are neighbours; a stored session between two missing ones makes two gaps."""
    missing = [date(2020, 1, 10), date(2020, 1, 13), date(2020, 1, 15)]
    assert rows(found(missing)) == [
        (missing[0], missing[1], 2, "unknown", "open"),
        (missing[2], missing[2], 1, "unknown", "open"),
    ]


def test_a_gap_ends_with_its_year():
    """Missing from 30 December to 3 January is a gap in each year."""
    missing = [date(2019, 12, 30), date(2019, 12, 31), date(2020, 1, 2), date(2020, 1, 3)]
    got = found(missing)
    assert got.select("year", "n_sessions").rows() == [(2019, 2), (2020, 2)]
    assert found(missing, years=[2020])["year"].to_list() == [2020]


HOLE = date(2020, 2, 4)


@pytest.mark.parametrize(
    ("evidence", "cause", "status"),
    [
        (
            {"symbols": universe("A", valid_to=date(2020, 2, 3)), "present": [d for d in XNYS if d < HOLE]},
            "not_listed",
            "explained",
        ),
        ({"partitions": STORED[:1]}, "unfetched", "open"),
        ({"partitions": [STORED[0], ("A", 2020, "failed")], "quarantined": [HOLE]}, "fetch_failed", "open"),
        ({"partitions": [STORED[0], ("A", 2020, "clipped")], "quarantined": [HOLE]}, "clipped", "open"),
        ({"quarantined": [HOLE], "second": XNYS}, "quarantined", "open"),
        ({"second": XNYS}, "vendor_missing", "open"),
        ({"second": [d for d in XNYS if d != HOLE]}, "no_trade", "explained"),
        ({"second": [d for d in XNYS if d < HOLE]}, "unknown", "open"),
        ({}, "unknown", "open"),
        ({"asked_whole": pl.DataFrame([("A", 2020)], schema=gaps.SYMBOL_YEARS, orient="row")}, "no_trade", "explained"),
        ({"asked_whole": pl.DataFrame([("A", 2019)], schema=gaps.SYMBOL_YEARS, orient="row")}, "unknown", "open"),
        ({"second": XNYS, "given_up": [("A", 2020)]}, "unknown", "open"),
        ({"second": [d for d in XNYS if d != HOLE], "given_up": [("A", 2020)]}, "no_trade", "explained"),
    ],
)
def test_the_first_cause_that_applies(evidence, cause, status):
    """Each kind of evidence gives its cause, and an earlier cause wins over a later one."""
    got = found([HOLE], **evidence).filter(pl.col("gap_start") <= HOLE).tail(1)
    assert got.select("cause", "status").row(0) == (cause, status)
    assert got["detected_at"].item() == NOW


@pytest.mark.parametrize(("n", "cause"), [(5, "unknown"), (6, "clipped")])
def test_a_late_start_is_clipped(n, cause):
    """More than five missing sessions before the first stored one of a year: history was clipped."""
    assert rows(found(DAYS[:n])) == [(DAYS[0], DAYS[n - 1], n, cause, "open")]


def test_before_its_listing_nothing_is_clipped():
    """A symbol listed in March has no gap in January but a stretch before its listing."""
    listed_from = date(2020, 3, 2)
    got = found(present=[day for day in XNYS if day >= listed_from], symbols=universe("A", valid_from=listed_from))
    assert rows(got) == [
        (date(2019, 1, 2), date(2019, 12, 31), 252, "not_listed", "explained"),
        (date(2020, 1, 2), date(2020, 2, 28), 40, "not_listed", "explained"),
    ]


def test_a_symbol_never_fetched_is_one_gap_a_year():
    """No partition: every due session of the year is missing, unfetched."""
    assert rows(found(present=[], partitions=[], years=[2020])) == [(DAYS[0], DAYS[-1], 62, "unfetched", "open")]


def test_a_removed_symbol_misses_nothing_after_its_last_bar():
    """Inactive: holes in its history stay gaps, the time since is none."""
    got = found([HOLE], present=[day for day in XNYS if day < date(2020, 3, 2)], symbols=universe("A", active=False))
    assert rows(got) == [(HOLE, HOLE, 1, "unknown", "open")]
    assert found(present=[], symbols=universe("A", active=False)).is_empty()


def test_coins_trade_at_weekends():
    """A missing Sunday is a gap on the calendar that never closes."""
    every = CALENDAR["always"]["session_date"].to_list()
    got = found(
        [date(2020, 1, 5)],
        present=every,
        symbols=universe("A-B", asset_class="crypto").with_columns(symbol=pl.lit("A")),
    )
    assert rows(got) == [(date(2020, 1, 5), date(2020, 1, 5), 1, "unknown", "open")]


def test_open_share():
    """Three open of 62 due sessions; explained ones do not count; a symbol without gaps has share 0."""
    symbols = universe("A", "B")
    got = gaps.open_share(found(DAYS[10:13], symbols=universe("A")), symbols, CALENDAR)
    of_2020 = got.filter(pl.col("year") == 2020)
    assert of_2020["n_expected"].to_list() == [62, 62]
    assert of_2020["gap_share"].to_list() == pytest.approx([3 / 62, 0.0])
    explained = found(DAYS[10:13], second=[day for day in XNYS if day not in DAYS[10:13]])
    assert gaps.open_share(explained, universe("A"), CALENDAR)["gap_share"].to_list() == [0.0, 0.0]


def test_coverage_grid():
    """January misses 1 of 21 (green), February 2 of 19 (yellow), March 4 of 22 (red)."""
    missing = [DAYS[3], DAYS[25], DAYS[26], *DAYS[45:49]]
    got = gaps.coverage(listed(*(day for day in XNYS if day not in missing)), universe("A"), CALENDAR).tail(3)
    assert got["month"].to_list() == [date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1)]
    assert got["coverage_ratio"].to_list() == pytest.approx([20 / 21, 17 / 19, 18 / 22])
    assert got["grade"].to_list() == ["green", "yellow", "red"]


def test_the_hole_of_qqq(shared_data):
    """The fund traded as QQQQ from 2004-12-01 to 2011-03-22: with its two windows that is explained, without a gap."""
    every = sessions(date(2003, 1, 1), date(2012, 12, 31))
    bars = real_bars(shared_data, "QQQ").filter(pl.col("session_date").dt.year().is_between(2003, 2012))
    nothing = {
        "partitions": pl.DataFrame(
            [("QQQ", y, "stored") for y in range(2003, 2013)], schema=gaps.PARTITIONS, orient="row"
        ),
        "quarantined": listed(),
        "second_source": listed(),
    }
    got = gaps.find_gaps(bars, universe("QQQ", asset_class="etf"), every, NOW, **nothing)
    assert got["year"].to_list() == list(range(2004, 2012))
    last, first = (bars.filter(pl.col("session_date").dt.year() == year)["session_date"] for year in (2004, 2011))
    windows = pl.concat(
        [
            universe("QQQ", asset_class="etf", valid_to=last.max()),
            universe("QQQ", asset_class="etf", valid_from=first.min()),
        ]
    )
    explained = gaps.find_gaps(bars, windows, every, NOW, **nothing)
    assert explained["cause"].unique().to_list() == ["not_listed"]
    assert explained["n_sessions"].sum() == got["n_sessions"].sum()
