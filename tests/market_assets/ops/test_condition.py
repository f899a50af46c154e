"""The condition of a table and day: missing, late, degraded or ok, and why."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from market_assets.core.due import Due, after
from market_assets.ops.transforms.condition import LATE, Held, conditions

DAY = date(2026, 10, 5)
NOON_AFTER = datetime(2026, 10, 6, 12, tzinfo=UTC)
PUBLISHED = datetime(2026, 10, 6, 0, 10, tzinfo=UTC)
SYMBOLS = {"2026-10-05|AUSDT", "2026-10-05|BUSDT"}
VERDICTS = {
    "asset": pl.String,
    "check": pl.String,
    "partition": pl.String,
    "passed": pl.Boolean,
    "severity": pl.String,
    "description": pl.String,
}


def verdicts(*rows, asset="crypto_klines"):
    """(check, partition, passed, severity, description) of one asset."""
    return pl.DataFrame([(asset, *row) for row in rows], schema=VERDICTS, orient="row")


def held(*partitions, since=date(2026, 10, 1)):
    return Held(dict.fromkeys(partitions, 1440), PUBLISHED if partitions else None, since)


def judged(stored, told=None, *, now=NOON_AFTER, due=None, day=DAY):
    """The one row of one table."""
    wanted = {"crypto_klines": after(DAY, 2, SYMBOLS) if due is None else due}
    frame = conditions(day, now, {"crypto_klines": stored}, wanted, verdicts() if told is None else told)
    return frame.row(0, named=True)


def test_all_there_and_every_check_passed():
    """Two partitions of 1,440 minutes, one check of each passed."""
    told = verdicts(*(("minutes_complete", one, True, "WARN", None) for one in SYMBOLS))
    row = judged(held(*SYMBOLS), told)
    assert (row["condition"], row["reason"], row["failing"]) == ("ok", "", [])
    assert (row["n_partitions"], row["n_expected"], row["n_rows"], row["n_checks"]) == (2, 2, 2880, 1)
    assert row["published_at"] == PUBLISHED


def test_what_is_due_and_not_stored_is_missing():
    """One of two symbols; the reason names it. An hour before it was due it was not missing."""
    one = "2026-10-05|AUSDT"
    row = judged(held(one))
    assert row["condition"] == "missing"
    assert row["reason"] == "1 of 2 partitions are not stored: 2026-10-05|BUSDT"
    assert judged(held(one), now=datetime(2026, 10, 6, 1, tzinfo=UTC))["condition"] == "ok"
    assert judged(held(one), now=datetime(2026, 10, 6, 2, tzinfo=UTC))["condition"] == "missing"


def test_days_before_the_first_stored_one_are_not_missed():
    """A home that began on the 6th lacks nothing of the 5th."""
    assert judged(held(since=date(2026, 10, 6)))["condition"] == "ok"
    assert judged(held(since=date(2026, 10, 5)))["condition"] == "missing"


@pytest.mark.parametrize(
    ("check", "severity", "condition"),
    [("candles_fresh", "ERROR", "late"), ("minutes_complete", "WARN", "degraded"), ("contract", "ERROR", "degraded")],
)
def test_a_failed_check_makes_the_day_late_or_degraded(check, severity, condition):
    """Late by a check of age, degraded by any other; counted by severity, with what the check said."""
    told = verdicts((check, "2026-10-05|AUSDT", False, severity, "what it saw"))
    row = judged(held(*SYMBOLS), told)
    assert (row["condition"], row["failing"]) == (condition, [check])
    assert row["reason"] == f"{check} ({severity}): what it saw"
    assert (row["n_errors"], row["n_warnings"]) == ((1, 0) if severity == "ERROR" else (0, 1))


def test_missing_is_worse_than_late_and_late_than_degraded_and_all_is_told():
    """The word is the worst one's, the reason everybody's."""
    told = verdicts(
        ("minutes_complete", "2026-10-05|AUSDT", False, "WARN", "holes"),
        ("candles_fresh", "2026-10-05|AUSDT", False, "ERROR", "old"),
    )
    assert judged(held(*SYMBOLS), told)["condition"] == "late"
    row = judged(held("2026-10-05|AUSDT"), told)
    assert row["condition"] == "missing"
    assert [part in row["reason"] for part in ("not stored", "old", "holes")] == [True] * 3


def test_other_days_and_other_tables_do_not_count():
    """A verdict on the next day's partition, and one on another table."""
    told = pl.concat(
        [
            verdicts(("minutes_complete", "2026-10-06|AUSDT", False, "ERROR", "")),
            verdicts(("minutes_complete", "2026-10-05|AUSDT", False, "ERROR", ""), asset="crypto_timeframes"),
        ]
    )
    row = judged(held(*SYMBOLS), told)
    assert (row["condition"], row["n_checks"]) == ("ok", 0)


def test_what_was_judged_over_everything_counts_for_every_day_but_age_for_today():
    """`all` of a check of values is about each partition; of a check of age about now."""
    values = verdicts(("archive_agrees", "all", False, "ERROR", "differs"))
    age = verdicts(("candles_fresh", "all", False, "ERROR", "old"))
    assert judged(held(*SYMBOLS), values)["condition"] == "degraded"
    assert judged(held(*SYMBOLS), age)["condition"] == "ok"
    today = datetime(2026, 10, 5, 12, tzinfo=UTC)
    assert judged(held(*SYMBOLS), age, now=today)["condition"] == "late"


def test_a_table_without_anything_due_is_judged_by_its_checks():
    """No expectation, no missing partition; n_expected is unknown."""
    frame = conditions(DAY, NOON_AFTER, {"crypto_sentiment": Held({"all": 10}, PUBLISHED, None)}, {}, verdicts())
    row = frame.row(0, named=True)
    assert (row["condition"], row["n_expected"], row["n_rows"]) == ("ok", None, 10)


def test_due_is_some_hours_after_the_day():
    """Two hours after midnight."""
    assert after(DAY, 2, {"x"}) == Due(frozenset({"x"}), datetime(2026, 10, 6, tzinfo=UTC) + timedelta(hours=2))


def test_the_checks_of_age_are_those_that_schedules_judge():
    """Each domain's own list, less what tells of sources rather than of rows."""
    from market_assets.bars.checks import FRESHNESS as BARS
    from market_assets.crypto.checks import FRESHNESS as CRYPTO
    from market_assets.funding.checks import FRESHNESS as FUNDING

    assert {*BARS, *CRYPTO, *FUNDING} - LATE == {"one_source_left"}
