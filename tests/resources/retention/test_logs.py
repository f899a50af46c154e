"""Which log files go."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from market_assets.settings import load
from resources.retention import logs
from resources.retention.job import Job, Tally
from resources.stores import open_store

NOW = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture
def logged(on_disk: dg.DagsterInstance) -> Path:
    """Where the instance keeps compute logs; there are none."""
    root = Path(on_disk.compute_log_manager.get_captured_local_path(["any"], "out")).parent
    shutil.rmtree(root, ignore_errors=True)
    return root


def written(file: Path, days_ago: float) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("said")
    at = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(file, (at, at))
    os.utime(file.parent, (at, at))
    return file


def thinned(instance: dg.DagsterInstance | None, *, dry_run: bool = False) -> Tally:
    found, tally = load(), Tally()
    logs.thin(Job(found, open_store(found), instance, NOW, dry_run), tally)
    return tally


def test_only_rotated_files_go(home: Path) -> None:
    """The one that is written to, and whatever else lies there, stays."""
    old = written(home / "logs" / "engine.log.2", 91)
    kept = [
        written(home / "logs" / name, days)
        for name, days in (("engine.log.1", 89), ("engine.log", 500), ("a.txt", 500))
    ]
    would = thinned(None, dry_run=True)
    assert old.exists()
    assert thinned(None) == would
    assert (would.total.examined, would.total.removed, would.total.bytes) == (2, 1, 4)
    assert not old.exists() and all(file.exists() for file in kept)


def test_compute_logs_of_ended_runs_go_and_nothing_beside_them(on_disk: dg.DagsterInstance, logged: Path) -> None:
    """A run that is under way keeps its own, whatever their age, and so does one that was written to lately."""
    running = create_run_for_test(on_disk, status=dg.DagsterRunStatus.STARTED).run_id
    ended = create_run_for_test(on_disk, status=dg.DagsterRunStatus.SUCCESS).run_id
    gone = [written(logged / name / "compute_logs" / "one.err", 91) for name in (ended, "deleted-long-ago")]
    kept = [
        written(logged / running / "compute_logs" / "one.err", 91),
        written(logged / "recent" / "compute_logs" / "one.err", 89),
        written(logged / "an_asset" / "partition", 500),
        written(logged / ended / "other" / "file", 500),
    ]
    would = thinned(on_disk, dry_run=True)
    assert all(file.exists() for file in gone)
    assert thinned(on_disk) == would
    assert (would.total.examined, would.total.removed, would.total.bytes) == (4, 2, 8)
    assert not any(file.exists() for file in gone) and all(file.exists() for file in kept)
    assert not (logged / "deleted-long-ago").exists()


def test_a_call_removes_those_of_so_many_runs(
    on_disk: dg.DagsterInstance, logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says that there are more."""
    monkeypatch.setattr(logs, "MOST_RUNS", 2)
    for n in range(3):
        written(logged / f"run-{n}" / "compute_logs" / "one.out", 91)
    first, second = thinned(on_disk), thinned(on_disk)
    assert (first.total.removed, second.total.removed) == (2, 1)
    assert "go next time" in first.notes[0] and not second.notes
