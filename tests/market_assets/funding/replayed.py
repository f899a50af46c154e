"""Periods of recorded settlements, built through the graph and then read."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.sandbox.replay import ReplayBackend
from tests.desk import Desk, opened, running
from tests.market_assets.funding import replayed_chain

_ROOT = Path(__file__).resolve().parents[3]
#: asset -> check that failed -> its severity
Failed = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Period:
    """A stretch of the record, and the instant at which it is looked at."""

    first: date
    now: datetime
    exchanges: tuple[str, ...]

    @property
    def start(self) -> datetime:
        """Midnight of the first day."""
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)


@dataclass
class Replayed:
    """A period in the store, and the checks that failed."""

    period: Period
    desk: Desk
    failed: Failed

    def read(self, table: str, **options: Any) -> pl.DataFrame:
        """Rows of a table."""
        return self.desk.read(table, **options)


def built(replay: Path, home: Path, period: Period, build: Callable[[str, str], Failed]) -> Replayed:
    """A period, built in a home of its own."""
    with (
        running(ReplayBackend(replay)) as sandbox,
        pytest.MonkeyPatch.context() as patch,
        opened(home, sandbox, patch, now=f"{period.now:%Y-%m-%dT%H:%M:%SZ}") as desk,
    ):
        desk.configure(funding={"exchanges": list(period.exchanges), "start_date": str(period.first)})
        return Replayed(period, desk, build(str(period.first), str(period.now.date())))


def elsewhere(first: str, last: str) -> Failed:
    """Built by a process whose partitions begin in 2023."""
    command = [sys.executable, "-m", "tests.market_assets.funding.replayed_chain", first, last]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: Failed = json.loads(ran.stdout)
    return found


def here(first: str, last: str) -> Failed:
    """Built by this one."""
    return replayed_chain.build(date.fromisoformat(first), date.fromisoformat(last))
