"""Log files that were rotated away and compute logs of ended runs, older than `retention.logs_days`.

What is written to now stays, and so does whatever is in these folders and is neither.
"""

import re
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunsFilter
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from resources.retention.job import Job, Tally

_COMPUTE_LOGS = "compute_logs"
#: `engine.log.1` and so on
_ROTATED = re.compile(r".+\.\d+$")
#: runs whose compute logs one call removes at most
MOST_RUNS = 5_000


def thin(job: Job, tally: Tally) -> None:
    """Remove what was last written to before that."""
    tally.kept_since = job.ago(job.settings.retention.logs_days)
    oldest = tally.kept_since.timestamp()
    folder = job.settings.home / "logs"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.is_file() and _ROTATED.match(file.name):
            is_due, size = _newest([file]) < oldest, file.stat().st_size
            if is_due and not job.dry_run:
                file.unlink(missing_ok=True)
            tally.count(removed=is_due, size=size)
    if job.instance is not None:
        _thin_compute_logs(job, job.instance, tally, oldest)


def _thin_compute_logs(job: Job, instance: dg.DagsterInstance, tally: Tally, oldest: float) -> None:
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        tally.notes.append(f"compute logs are kept by {type(manager).__name__}, which has rules of its own")
        return
    root = Path(manager.get_captured_local_path(["any"], "out")).parent
    found = sorted(root.glob(f"*/{_COMPUTE_LOGS}"))
    running = {run.run_id for run in instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES))}
    n_removed = 0
    for folder in found:
        files = [file for file in folder.rglob("*") if file.is_file()]
        is_due = _newest([folder, *files]) < oldest and folder.parent.name not in running
        if is_due and n_removed == MOST_RUNS:
            tally.notes.append(f"compute logs of more than {MOST_RUNS:,} runs are due: the others go next time")
            return
        size = sum(file.stat().st_size for file in files)
        if is_due and not job.dry_run:
            manager.delete_logs(prefix=[folder.parent.name, _COMPUTE_LOGS])
            if not any(folder.parent.iterdir()):
                folder.parent.rmdir()
        n_removed += is_due
        tally.count(removed=is_due, size=size)


def _newest(paths: list[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)
