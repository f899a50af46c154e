"""The memory of how sources answered."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core.errors import UnknownName
from resources.http import redact
from resources.source_calls import CALLS, Note, SourceCalls

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = AT.date()


def test_calls_are_counted_by_day_source_and_outcome(home: Path) -> None:
    """Calls, rows and credits of a source add up per outcome; another day is another row."""
    calls = SourceCalls(home)
    calls.note("yahoo", "ok", AT, rows=1440, credits=1, latency_ms=80.0)
    calls.note("yahoo", "ok", AT + timedelta(hours=1), n=3, rows=60, credits=3)
    calls.note("yahoo", "budget", AT)
    calls.note("polygon", "not_entitled", AT)
    calls.note("yahoo", "ok", AT + timedelta(hours=12), rows=7)
    assert calls.day(DAY).rows() == [
        ("polygon", "not_entitled", 1, 0, 0),
        ("yahoo", "budget", 1, 0, 0),
        ("yahoo", "ok", 4, 1500, 4),
    ]
    assert calls.day(date(2026, 11, 21)).rows() == [("yahoo", "ok", 1, 7, 0)]


def test_a_day_without_calls_is_typed_and_empty(home: Path) -> None:
    """Nothing noted: no rows, the same columns, no percentiles, no error."""
    calls = SourceCalls(home)
    assert calls.day(DAY).equals(pl.DataFrame(schema=CALLS))
    assert calls.latencies(DAY) == {}
    assert calls.last_error("yahoo", DAY) is None


def test_percentiles_are_the_nearest_rank_within_half_a_percent(home: Path) -> None:
    """Of 1, 2, ..., 100 ms the p50 is 50, the p95 95 and the p99 99."""
    calls = SourceCalls(home)
    calls.note_many([Note("yahoo", "ok", AT, latency_ms=float(n)) for n in range(100, 0, -1)])
    assert calls.latencies(DAY)["yahoo"] == pytest.approx((50, 95, 99), rel=0.005)


def test_the_median_of_four_is_the_second(home: Path) -> None:
    """p50 of 1, 2, 3, 4 is 2; a latency of 0 is the shortest there is."""
    calls = SourceCalls(home)
    calls.note_many([Note("yahoo", "ok", AT, latency_ms=ms) for ms in (1.0, 2.0, 3.0, 4.0)])
    calls.note("polygon", "ok", AT, latency_ms=0.0)
    assert calls.latencies(DAY)["yahoo"][0] == pytest.approx(2, rel=0.005)
    assert calls.latencies(DAY)["polygon"][0] == pytest.approx(0.01, rel=0.005)


def test_the_newest_failure_is_told_without_its_key(home: Path) -> None:
    """A failure noted late does not replace a newer one; the key in it is masked."""
    calls = SourceCalls(home)
    calls.note("polygon", "error", AT, error="polygon said apiKey=abc123 is over")
    calls.note("polygon", "error", AT - timedelta(hours=1), error="older")
    calls.note("polygon", "ok", AT + timedelta(hours=1))
    assert calls.last_error("polygon", DAY) == f"polygon said apiKey={redact.MASK} is over"


def test_what_is_older_than_400_days_is_forgotten(home: Path) -> None:
    """The 401st day before the newest note goes, the 400th stays."""
    calls = SourceCalls(home)
    for days in (401, 400):
        calls.note("yahoo", "error", AT - timedelta(days=days), latency_ms=5.0, error="refused")
    calls.note("yahoo", "ok", AT)
    gone, kept = DAY - timedelta(days=401), DAY - timedelta(days=400)
    assert (calls.day(gone).height, calls.latencies(gone), calls.last_error("yahoo", gone)) == (0, {}, None)
    assert (calls.day(kept).height, calls.last_error("yahoo", kept)) == (1, "refused")


def test_an_unknown_outcome_is_refused_with_all_that_came_with_it(home: Path) -> None:
    """A misspelt outcome would be a count that no page shows."""
    with pytest.raises(UnknownName, match="quota"):
        SourceCalls(home).note_many([Note("yahoo", "ok", AT), Note("yahoo", "qouta", AT)])
    assert SourceCalls(home).day(DAY).is_empty()


def test_many_processes_count_together(home: Path) -> None:
    """Four processes that make the file at once lose no count."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_note, args=(home,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert SourceCalls(home).day(DAY)["calls"].to_list() == [100]


def _note(home: Path) -> None:
    calls = SourceCalls(home)
    for _ in range(25):
        calls.note("yahoo", "ok", AT)
