"""Judgements about backups: each passes and fails, with the severity of the failure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.ops.judgements import backup_recent, backup_restorable, backup_whole
from market_assets.ops.schemas import OpsBackup, OpsRestoreDrill

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
AGES = (26.0, 50.0)
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def backups(*missing: list[str], age_h: float = 1.0) -> pl.DataFrame:
    """Backups a day apart, newest last, and what each misses."""
    contract = OpsBackup.contract()
    rows = [
        {
            "name": f"b{n}", "taken_at": NOW - timedelta(hours=age_h + 24 * (len(missing) - 1 - n)), "store": "duckdb",
            "n_tables": 1, "n_partitions": 2, "n_rows": 4, "size_bytes": 9, "kept_as": "daily", "missing": what,
        }
        for n, what in enumerate(missing)
    ]  # fmt: skip
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def drilled(**equal: bool) -> pl.DataFrame:
    """A drill, and what came back."""
    contract = OpsRestoreDrill.contract()
    rows: list[dict[str, Any]] = [
        {
            "backup": "b0", "table": table, "drilled_at": NOW, "n_partitions": 1, "n_rows": 3, "n_rows_restored": 3,
            "n_different": int(not is_equal), "is_equal": is_equal, "detail": "" if is_equal else "digest",
        }
        for table, is_equal in equal.items()
    ]  # fmt: skip
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def test_the_newest_backup_is_whole():
    """What older ones miss does not count; without any it is an error."""
    assert backup_whole(backups(["database: no pg_dump"], [])).passed
    lacking = backup_whole(backups([], ["archive: no folder", "database: no pg_dump"]))
    assert (lacking.passed, lacking.severity) == (False, ERROR)
    assert lacking.evidence["missing"] == "archive: no folder; database: no pg_dump"
    none = backup_whole(backups())
    assert (none.passed, none.severity, none.evidence["backup"]) == (False, ERROR, "none")


@pytest.mark.parametrize(
    ("age_h", "passed", "severity"),
    [(26.0, True, WARN), (26.1, False, WARN), (50.0, False, WARN), (50.1, False, ERROR)],
)
def test_the_newest_backup_is_recent(age_h: float, passed: bool, severity: dg.AssetCheckSeverity):
    """Common 14: a warning above 26 hours, an error above 50."""
    judged = backup_recent(backups([], [], age_h=age_h), NOW, AGES)
    assert (judged.passed, judged.severity) == (passed, severity)
    assert (judged.evidence["backup"], judged.evidence["age_h"]) == ("b1", age_h)


def test_no_backup_is_not_recent():
    """An error, however long the home has been there."""
    judged = backup_recent(backups(), NOW, AGES)
    assert (judged.passed, judged.severity) == (False, ERROR)


def test_the_drill_brought_all_of_it_back():
    """One table that differs is an error, and so is a drill that tried nothing."""
    assert backup_restorable(drilled(files=True, crypto_signals=True)).passed
    failed = backup_restorable(drilled(files=True, crypto_signals=False))
    assert (failed.passed, failed.severity) == (False, ERROR)
    assert failed.evidence["rows"].to_dicts() == [{"table": "crypto_signals", "n_different": 1, "detail": "digest"}]
    assert not backup_restorable(drilled()).passed
