"""How old the newest backup is, and whether one came back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboards.components.backup import backup
from dashboards.services import Services
from market_assets.core import clock
from market_assets.settings import Settings
from resources.stores import open_store
from tests.dashboards import ops_home

WHOLE = {"backup": "20261005T030000Z", "table": "crypto_klines", "is_equal": True, "detail": ""}


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home at 2026-10-05 12:03."""
    return ops_home.configure(monkeypatch)


def told(found: Settings) -> dict:
    return backup(Services.of(found))


def test_a_home_without_a_backup_is_idle_for_its_first_day(found: Settings):
    """26 hours after the first publication it is degraded, as alerts say; an empty home never is."""
    assert (told(found)["status"], told(found)["note"]) == ("idle", "none taken yet, never restored on trial")
    with clock.frozen(clock.instant("2026-10-05T12:00:00Z")):
        ops_home.HOME.write(open_store(found), "ops_gaps", ops_home.tables()["ops_gaps"])
    with clock.frozen(clock.instant("2026-10-06T13:59:59Z")):
        assert told(found)["status"] == "idle"
    with clock.frozen(clock.instant("2026-10-06T14:00:01Z")):
        late = told(found)
    assert (late["status"], late["detail"]) == ("degraded", "There is no backup of what is 26 h old")
    assert (late["taken_at"], late["age_s"], late["n_kept"]) == (None, None, None)


def test_one_that_was_taken_by_hand_counts_where_none_is_listed(found: Settings, home: Path):
    """By the name of its folder: it was taken at 08:00, and is degraded 26 hours later."""
    with clock.frozen(clock.instant("2026-10-01T12:00:00Z")):
        ops_home.HOME.write(open_store(found), "ops_gaps", ops_home.tables()["ops_gaps"])
    (home / "backups" / "20261005T080000Z").mkdir(parents=True)
    mine = told(found)
    assert (mine["status"], mine["taken_at"]) == ("healthy", datetime(2026, 10, 5, 8, tzinfo=UTC))
    assert mine["age_s"] == (4 * 60 + 3) * 60
    with clock.frozen(clock.instant("2026-10-06T10:00:01Z")):
        assert told(found)["status"] == "degraded"


def test_a_backup_that_did_not_come_back_degrades(home: object, monkeypatch: pytest.MonkeyPatch):
    """Nine hours old, one table of two differs: nothing is verified. A drill that was whole is."""
    found = ops_home.HOME.filled(monkeypatch)
    bad = told(found)
    assert (bad["status"], bad["restored_equal"], bad["restore_verified_age_s"]) == ("degraded", False, None)
    assert bad["detail"] == "Backup 20261005T030000Z could not be restored as it was: bars_signals: 2 rows differ"
    assert (bad["age_s"], bad["n_kept"]) == ((9 * 60 + 3) * 60, 2)
    drilled_at = datetime(2026, 10, 5, 6, 3, tzinfo=UTC)
    ops_home.HOME.write(open_store(found), "ops_restore_drill", [WHOLE | {"drilled_at": drilled_at}])
    good = told(found)
    assert (good["status"], good["restored_equal"], good["restore_verified_age_s"]) == ("healthy", True, 6 * 3600)
    assert good["note"] == "taken 9 h ago, restored whole 6 h ago"


def test_a_backup_that_lacks_something_degrades(found: Settings):
    """Also while it is young."""
    taken_at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    row = {"name": "20261005T120000Z", "taken_at": taken_at, "missing": ["dagster: cannot be read"]}
    ops_home.HOME.write(open_store(found), "ops_backup", [row | {"store": "duckdb", "kept_as": "newest"}])
    assert (told(found)["status"], told(found)["detail"]) == (
        "degraded",
        "The newest misses dagster: cannot be read",
    )
