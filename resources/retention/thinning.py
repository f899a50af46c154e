"""Everything that `settings.retention` names, thinned out; each kind fails alone."""

import logging
from collections.abc import Sequence
from datetime import datetime

import dagster as dg
import polars as pl

from market_assets.ops.schemas import OpsRetention
from market_assets.settings import Settings
from resources.http import redact
from resources.retention import events, exchanges, logs, raw, segments, tables, ticks, versions
from resources.retention.job import Job, Kind, Tally
from resources.stores import open_store

log = logging.getLogger(__name__)

#: what the detail of a kind says that failed
BROKE_OFF = "broke off:"


def thin_out(settings: Settings, instance: dg.DagsterInstance | None, now: datetime, *, dry_run: bool) -> pl.DataFrame:
    """Remove what is past its time; one row of OpsRetention per kind. A dry run counts the same and touches nothing.

    A kind that fails says why in its row, and the others go on.
    """
    job = Job(settings, open_store(settings), instance, now, dry_run)
    return OpsRetention.contract().conform(_frame([_row(job, kind) for kind in kinds(settings)]))


def kinds(settings: Settings) -> list[Kind]:
    """What there is to thin out by these settings."""
    kept = settings.retention
    fixed = [
        Kind("raw", f"retention.raw_days = {kept.raw_days}", raw.thin),
        Kind(
            "versions",
            f"retention.versions = {kept.versions}, retention.versions_days = {kept.versions_days}",
            versions.thin,
        ),
        Kind(
            "events",
            f"retention.events_days = {kept.events_days}, retention.failed_runs_days = {kept.failed_runs_days}",
            events.thin,
        ),
        Kind("ticks", f"retention.ticks_days = {kept.ticks_days}", ticks.thin),
        Kind("logs", f"retention.logs_days = {kept.logs_days}", logs.thin),
        Kind("segments", f"retention.segments_days = {kept.segments_days}", segments.thin),
    ]
    named = [tables.kind(name, days) for name, days in kept.tables.items()]
    return [*fixed, *named, *(exchanges.kind(name, most) for name, most in kept.delete_exchanges.items())]


def _row(job: Job, kind: Kind) -> dict[str, object]:
    tally = Tally()
    try:
        kind.thin(job, tally)
    except Exception as failed:  # noqa: BLE001 - whatever it is, the others go on
        log.warning("retention of %s broke off: %s", kind.what, redact.text(repr(failed)))
        tally.notes.append(redact.text(f"{BROKE_OFF} {failed}"))
    return {
        "what": kind.what,
        "rule": kind.rule,
        "thinned_at": job.now,
        "kept_since": tally.kept_since,
        "n_examined": tally.total.examined,
        "n_removed": tally.total.removed,
        "removed_bytes": tally.total.bytes if tally.counts_bytes else None,
        "is_dry_run": job.dry_run,
        "detail": "; ".join(tally.notes),
    }


def _frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=OpsRetention.contract().schema)
