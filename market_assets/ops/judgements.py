"""Judgements about backups and the restore drill."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless


def backup_whole(frame: pl.DataFrame) -> Judgement:
    """The newest backup misses nothing that should be in it."""
    newest = _newest(frame)
    missing = newest["missing"].explode(empty_as_null=False).to_list() if newest.height else []
    return error_unless(
        newest.height == 1 and not missing,
        "RUNBOOK: backup_whole",
        backup=newest["name"].item() if newest.height else "none",
        missing="; ".join(missing),
    )


def backup_recent(frame: pl.DataFrame, now: datetime, age_h: tuple[float, float]) -> Judgement:
    """The newest backup is not older than alerts.backup_age_h; from the second limit on it is an error."""
    newest = _newest(frame)
    if newest.is_empty():
        return error_unless(False, "RUNBOOK: backup_recent", backup="none")
    warn, error = age_h
    age: float = (now - newest["taken_at"].item()) / timedelta(hours=1)
    judge = error_unless if age > error else warn_unless
    return judge(age <= warn, "RUNBOOK: backup_recent", backup=newest["name"].item(), age_h=round(age, 2))


def backup_restorable(frame: pl.DataFrame) -> Judgement:
    """The newest backup was restored, and all of it came back as it was."""
    different = frame.filter(~pl.col("is_equal"))
    return error_unless(
        frame.height > 0 and different.is_empty(),
        "RUNBOOK: backup_restorable",
        backup=frame["backup"][0] if frame.height else "none",
        rows_restored=int(frame["n_rows_restored"].sum()),
        rows=different.select("table", "n_different", "detail"),
    )


def _newest(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("taken_at", "name").tail(1)
