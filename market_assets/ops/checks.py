"""What must hold of the graph's own upkeep: which judgement guards which table."""

from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from market_assets.check_reading import table_checks
from market_assets.core.checks import Check, Judgement, check, warn_unless
from market_assets.core.contracts import Table
from market_assets.ops import schemas
from market_assets.ops.judgements import backup_recent, backup_restorable, backup_whole
from market_assets.settings import settings

#: how long what was given up is told
_TOLD = timedelta(days=7)


def repairs_succeed(frame: pl.DataFrame, now: datetime) -> Judgement:
    """No hole was given up in the last seven days."""
    lost = frame.filter(pl.col("status") == "given_up", pl.col("last_tried_at") > now - _TOLD)
    return warn_unless(
        lost.is_empty(),
        "RUNBOOK: repairs_succeed",
        given_up=lost.height,
        rows=lost.select("table", "name", "gap_start", "n_missing", "n_tries"),
    )


def nothing_missing(frame: pl.DataFrame) -> Judgement:
    """Every partition that is due is stored."""
    missing = frame.filter(pl.col("condition") == "missing")
    return warn_unless(
        missing.is_empty(),
        "RUNBOOK: nothing_missing",
        tables=", ".join(missing["dataset"].unique().sort()),
        rows=missing.select("dataset", "day", "reason"),
    )


def all_thinned(frame: pl.DataFrame) -> Judgement:
    """Whatever is past its time could be removed."""
    stuck = frame.filter(pl.col("detail") != "")
    return warn_unless(stuck.is_empty(), "RUNBOOK: all_thinned", rows=stuck.select("what", "rule", "detail"))


def _checks(table: type[Table], *own: Check) -> dg.AssetChecksDefinition:
    return table_checks(table, own, {"age_h": lambda _: settings().alerts.backup_age_h})


CHECKS = [
    _checks(schemas.OpsGaps, check(repairs_succeed)),
    _checks(schemas.OpsCondition, check(nothing_missing)),
    _checks(schemas.OpsBackup, check(backup_whole), check(backup_recent)),
    _checks(schemas.OpsRestoreDrill, check(backup_restorable)),
    _checks(schemas.OpsRetention, check(all_thinned)),
]
