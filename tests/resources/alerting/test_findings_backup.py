"""Age of the newest backup and the last drill, over a real store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.contracts import WHOLE
from market_assets.ops.schemas import OpsBackup, OpsRestoreDrill
from market_assets.ops.settings import AlertSettings
from market_assets.settings import load
from resources.alerting.findings_backup import Backups
from resources.stores import open_store
from resources.stores.protocol import PartitionStore

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(home: Path) -> PartitionStore:
    return open_store(load(home=home))


def take(store: PartitionStore, *taken_at: datetime) -> None:
    rows = [
        {
            "name": f"b{n}", "taken_at": at, "store": "duckdb", "n_tables": 1, "n_partitions": 1, "n_rows": 1,
            "size_bytes": 1, "kept_as": "newest", "missing": [], "archive": None,
        }
        for n, at in enumerate(taken_at)
    ]  # fmt: skip
    contract = OpsBackup.contract()
    with clock.frozen(NOON):
        store.write(contract, WHOLE, contract.conform(pl.DataFrame(rows, schema=contract.schema)))


def drill(store: PartitionStore, **equal: bool) -> None:
    rows = [
        {
            "backup": "b0", "table": table, "drilled_at": NOON, "n_partitions": 1, "n_rows": 9, "n_rows_restored": 9,
            "n_different": 0 if is_equal else 1, "is_equal": is_equal, "detail": "" if is_equal else "1 digest differs",
        }
        for table, is_equal in equal.items()
    ]  # fmt: skip
    contract = OpsRestoreDrill.contract()
    with clock.frozen(NOON):
        store.write(contract, WHOLE, contract.conform(pl.DataFrame(rows, schema=contract.schema)))


def told(store: PartitionStore, now: datetime) -> list[tuple[str, str]]:
    return [(one.check, one.severity) for one in Backups(store).findings(AlertSettings(), now)]


def test_the_newest_backup_counts(store: PartitionStore) -> None:
    """26 h are allowed, then it warns, after 50 h it is an error; a new one ends it."""
    take(store, NOON - 24 * HOUR, NOON)
    assert told(store, NOON + 26 * HOUR) == []
    assert told(store, NOON + 27 * HOUR) == [("backup_age", "WARN")]
    assert told(store, NOON + 51 * HOUR) == [("backup_age", "ERROR")]
    (found,) = Backups(store).findings(AlertSettings(), NOON + 51 * HOUR)
    assert (found.subject, found.since, found.upstream) == ("backup", NOON, {"ops_backup"})
    take(store, NOON + 50 * HOUR)
    assert told(store, NOON + 51 * HOUR) == []


def test_without_any_backup_the_first_stored_partition_counts(store: PartitionStore) -> None:
    """An empty home needs none; one that has held data for 27 h does."""
    assert told(store, NOON) == []
    drill(store, btc_price=True)
    assert told(store, NOON + 26 * HOUR) == []
    (found,) = Backups(store).findings(AlertSettings(), NOON + 27 * HOUR)
    assert (found.check, found.severity, found.since) == ("backup_age", "WARN", NOON)
    assert found.said == "There is no backup of what is 27 h old."


def test_a_drill_that_restored_something_else_is_an_error(store: PartitionStore) -> None:
    """What differs is named; the next good drill ends it."""
    take(store, NOON)
    drill(store, btc_price=True, btc_signals=False)
    (found,) = Backups(store).findings(AlertSettings(), NOON)
    assert (found.check, found.severity, found.since) == ("backup_drill", "ERROR", NOON)
    assert "b0" in found.said and "btc_signals: 1 digest differs" in found.said
    drill(store, btc_price=True, btc_signals=True)
    assert told(store, NOON) == []
