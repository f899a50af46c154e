"""A small home of operations written by hand, for tests of their REST routes and pages.

The clock stands at 2026-10-05 12:03. Conditions of three tables on the 4th and the 5th: crypto_klines lacks a partition
on the 4th, funding_snapshot is late on the 5th, bars_signals is degraded on both days; everything else is ok. One hole
is open, one given up, one explained. Two backups are kept, and the newest came back whole but for one table.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from market_assets.settings import Settings

from . import stored_home
from .stored_home import StoredHome

NOW = stored_home.NOW
DAYS = (date(2026, 10, 4), date(2026, 10, 5))
WRONG = {
    ("crypto_klines", DAYS[0]): ("missing", "1 of 2 partitions are not stored: 2026-10-04|ETHUSDT", []),
    ("funding_snapshot", DAYS[1]): ("late", "snapshot_fresh (ERROR): the newest look is old", ["snapshot_fresh"]),
    ("bars_signals", DAYS[0]): ("degraded", "firings_expected (WARN): nothing fired", ["firings_expected"]),
    ("bars_signals", DAYS[1]): ("degraded", "firings_expected (WARN): nothing fired", ["firings_expected"]),
}
TABLES = ("bars_signals", "crypto_klines", "funding_snapshot")


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of the home, before anything is stored."""
    return stored_home.configure(monkeypatch, **variables)


def tables() -> Mapping[str, list[dict[str, Any]]]:
    """Rows by table."""
    return {
        "ops_condition": [_condition(name, day) for day in DAYS for name in TABLES],
        "ops_gaps": [
            _gap("crypto_klines", "2026-10-04|ETHUSDT", "ETHUSDT", 1440, "ours", "open", n_requests=2),
            _gap("equities_daily_bars", "IBM|2026", "IBM", 1, "vendor_has_no_data", "given_up", n_tries=5),
            _gap("bars_minute", "2026-10-02|NAS100", "NAS100", 3, "no_trades", "explained"),
        ],
        "ops_backup": [
            _backup("20261004T030000Z", datetime(2026, 10, 4, 3, tzinfo=UTC), "daily"),
            _backup("20261005T030000Z", datetime(2026, 10, 5, 3, tzinfo=UTC), "newest"),
        ],
        "ops_restore_drill": [
            {"backup": "20261005T030000Z", "table": "crypto_klines", "is_equal": True, "detail": ""},
            {"backup": "20261005T030000Z", "table": "bars_signals", "is_equal": False, "detail": "2 rows differ"},
        ],
        "ops_retention": [
            {"what": "raw", "rule": "retention.raw_days = 90", "n_examined": 9, "n_removed": 4, "detail": ""}
        ],
    }


def _condition(name: str, day: date) -> dict[str, Any]:
    condition, reason, failing = WRONG.get((name, day), ("ok", "", []))
    return {"dataset": name, "day": day, "condition": condition, "reason": reason, "failing": failing}


def _gap(table: str, partition: str, name: str, n_missing: int, kind: str, status: str, **more: Any) -> dict[str, Any]:
    day = datetime(2026, 10, 4, tzinfo=UTC)
    said = {
        "domain": table.split("_", maxsplit=1)[0],
        "gap_start": day,
        "gap_end": NOW,
        "reason": "told",
        "n_tries": 0,
        "vendors": [],
    }
    own = {"table": table, "partition": partition, "name": name, "n_missing": n_missing, "kind": kind, "status": status}
    return {**said, **own, **more}


def _backup(name: str, taken_at: datetime, kept_as: str) -> dict[str, Any]:
    return {"name": name, "taken_at": taken_at, "store": "duckdb", "kept_as": kept_as, "missing": [], "n_rows": 1000}


HOME = StoredHome(configure, tables)
