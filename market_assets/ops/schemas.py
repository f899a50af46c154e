"""What each ops table must look like. Columns are stated here and nowhere else."""

from typing import Any, ClassVar

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Table, column
from market_assets.core.gaps import KINDS

GAP_STATUSES = ("open", "given_up", "explained")
CONDITIONS = ("ok", "degraded", "missing", "late")
KEPT_AS = ("daily", "monthly", "newest")


def _text(description: str, **rules: Any) -> Any:
    return column(pl.String, description, **rules)


def _count(description: str, **rules: Any) -> Any:
    return column(pl.Int64, description, **({"ge": 0} | rules))


class OpsGaps(Table):
    """One row is one hole of an observed table: which slots of what are missing, why, and what is done about it.

    `open` holes are asked for again by `gap_repair`; `given_up` were, without success; `explained` need nothing.
    """

    key: ClassVar[tuple[str, ...]] = ("table", "partition", "name", "gap_start")
    time_column = "gap_start"
    live = True

    domain = _text("Group of the table")
    table = _text("Observed table that lacks the slots")
    partition = _text("Its partition that a repair materialises anew")
    name = _text("What in it lacks them: symbol, contract or metric")
    gap_start = column(UTC_MICROS, "First missing slot")
    gap_end = column(UTC_MICROS, "Where the hole ends, exclusive")
    n_missing = _count("Missing slots (sessions, minutes, hours or settlements)", ge=1)
    kind = _text("Why it is missing", isin=KINDS)
    status = _text("open, given_up or explained", isin=GAP_STATUSES)
    reason = _text("What tells the kind")
    n_tries = _count("Repairs of the partition asked for so far")
    last_tried_at = column(UTC_MICROS, "When the last repair was asked for", nullable=True)
    n_requests = _count("Requests that a repair of the partition takes at most; null where none is due", nullable=True)
    vendors = column(pl.List(pl.String), "Who would be asked")


class OpsCondition(Table):
    """One row is one table and day: whether what is stored of the day can be relied on, by its checks.

    missing: rows are due and none are stored. late: rows are stored, and newer ones are due. degraded: a check of the
    day's partitions fails. ok: none of these.
    """

    key: ClassVar[tuple[str, ...]] = ("dataset", "day")
    partitioned_by: ClassVar[dict[str, str]] = {"day": "day"}
    time_column = "day"
    live = True

    dataset = _text("Table")
    day = column(pl.Date, "UTC day; of unpartitioned tables the day on which they were judged")
    condition = _text("ok, degraded, missing or late", isin=CONDITIONS)
    reason = _text("Why it is not ok; empty where it is")
    n_partitions = _count("Stored partitions that hold the day")
    n_expected = _count("Partitions that should hold it; null where that is not known", nullable=True)
    n_rows = _count("Rows of these partitions")
    n_checks = _count("Checks that judged them")
    n_warnings = _count("of these failed as a warning")
    n_errors = _count("of these failed as an error")
    failing = column(pl.List(pl.String), "Checks that fail, errors first")
    published_at = column(UTC_MICROS, "When the newest of the partitions was published", nullable=True)


class OpsBackup(Table):
    """One row is one backup that is kept, newest last."""

    key: ClassVar[tuple[str, ...]] = ("name",)
    time_column = "taken_at"

    name = _text("Name of its folder")
    taken_at = column(UTC_MICROS, "Instant of which it holds the lake")
    store = _text("duckdb or postgres")
    n_tables = _count("Tables in it")
    n_partitions = _count("Partitions in it")
    n_rows = _count("Rows in it")
    size_bytes = _count("Bytes of its files; links to files that the home has as well count in full", volatile=True)
    kept_as = _text("Why it is kept: newest, daily or monthly", isin=KEPT_AS)
    missing = column(pl.List(pl.String), "What should be in it and is not")
    archive = _text("File name of its copy off this home; null without one", nullable=True)


class OpsRestoreDrill(Table):
    """One row is one table of the newest backup, restored into an empty place and compared with its manifest."""

    key: ClassVar[tuple[str, ...]] = ("table",)
    time_column = "drilled_at"

    backup = _text("Name of the backup")
    table = _text("Table, or the part of the backup that is none (files, dagster, state)")
    drilled_at = column(UTC_MICROS, "When it was restored", volatile=True)
    n_partitions = _count("Partitions that the manifest states")
    n_rows = _count("Rows that the manifest states")
    n_rows_restored = _count("Rows that were restored")
    n_different = _count("Partitions whose rows or digest differ from the manifest")
    is_equal = column(pl.Boolean, "Whether all of it came back as it was")
    detail = _text("What differs; empty where nothing does")


class OpsRetention(Table):
    """One row is one kind of thing that is thinned out: what was looked at, what was removed, and by which rule."""

    key: ClassVar[tuple[str, ...]] = ("what",)
    time_column = "thinned_at"

    what = _text("What: raw, versions, events, ticks, logs, segments, or table:<name> or exchange:<name>")
    rule = _text("The setting and its value")
    thinned_at = column(UTC_MICROS, "When", volatile=True)
    kept_since = column(UTC_MICROS, "What is older goes, where age is the rule", nullable=True, volatile=True)
    n_examined = _count("Things looked at")
    n_removed = _count("Things removed; of a dry run what would be")
    removed_bytes = _count("Bytes freed", nullable=True)
    is_dry_run = column(pl.Boolean, "Whether nothing was touched")
    detail = _text("What stayed although it is due, and why; empty where nothing did")


TABLES: tuple[type[Table], ...] = (OpsGaps, OpsCondition, OpsBackup, OpsRestoreDrill, OpsRetention)
