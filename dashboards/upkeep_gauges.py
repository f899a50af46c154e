"""Gauges of backups and of the condition of tables. Unknown is left out, never zero."""

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from dashboards.components.backup import backup
from dashboards.services import Services
from dashboards.telemetry import Family
from market_assets.core import clock

#: days whose condition is counted
_DAYS = 7


def upkeep_gauges(app: Services) -> Iterable[Family]:
    """Ages of the newest backup and of the last restore that was whole; days by table and condition."""
    found = app.slowly(backup)
    yield "backup_age_seconds", "Time since the newest backup was taken", (), [((), found["age_s"])]
    verified_s = found["restore_verified_age_s"]
    yield (
        "restore_verified_age_seconds",
        "Time since a backup was restored on trial; left out where the last one did not come back as it was",
        (),
        [((), verified_s)],
    )
    first = clock.today() - timedelta(days=_DAYS - 1)
    rows = app.data.load_or_none("ops_condition", start=first, columns=["dataset", "day", "condition"])
    counted = (
        rows.group_by("dataset", "condition").agg(n=pl.len()).sort("dataset", "condition") if rows is not None else None
    )
    yield (
        "condition",
        f"Of the last {_DAYS} days those in this condition",
        ("dataset", "condition"),
        [((name, word), float(n)) for name, word, n in counted.iter_rows()] if counted is not None else [],
    )
