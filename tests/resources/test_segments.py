"""Looks: appended, merged, thinned, and never lost on the way."""

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import load
from resources.segments import Segments

AT = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
SCHEMA = pl.Schema({"native_symbol": pl.String(), "at": pl.Datetime("us", "UTC"), "value": pl.Float64()})


def look(at: datetime, value: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"native_symbol": ["A", "B"], "at": [at, at], "value": [value, value + 1]}, schema=SCHEMA)


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(tmp_path / "looks", SCHEMA, ("native_symbol", "at"))


def test_nothing_stored_reads_as_typed_nothing(segments: Segments) -> None:
    assert segments.read("bybit").schema == SCHEMA
    assert segments.read("bybit").is_empty()
    assert segments.newest("bybit", "at").is_empty()
    assert segments.exchanges() == [] and segments.days("bybit") == []


def test_a_day_is_the_union_of_its_looks(segments: Segments) -> None:
    for minute in (5, 0, 10):
        segments.append("bybit", AT + timedelta(minutes=minute), look(AT + timedelta(minutes=minute), float(minute)))
    rows = segments.read("bybit", [AT.date()])
    assert rows["at"].unique().sort().to_list() == [AT + timedelta(minutes=m) for m in (0, 5, 10)]
    assert rows["native_symbol"].to_list() == ["A"] * 3 + ["B"] * 3
    assert segments.newest("bybit", "at")["value"].to_list() == [10.0, 11.0]


def test_looks_at_the_same_instant_are_all_kept(segments: Segments) -> None:
    """Two flushes of one clock tick: neither replaces the other, and of the same row the later one counts."""
    segments.append("bybit", AT, look(AT, 1.0))
    segments.append("bybit", AT, look(AT + timedelta(minutes=1), 5.0))
    segments.append("bybit", AT, look(AT, 3.0))
    assert segments.read("bybit")["value"].to_list() == [3.0, 5.0, 4.0, 6.0]


def test_days_and_exchanges_are_kept_apart(segments: Segments) -> None:
    segments.append("bybit", AT, look(AT))
    segments.append("bybit", AT + timedelta(days=1), look(AT + timedelta(days=1)))
    segments.append("okx", AT, look(AT, 7.0))
    assert segments.days("bybit") == [date(2026, 10, 5), date(2026, 10, 6)]
    assert segments.read("bybit", [date(2026, 10, 6)]).height == 2
    assert segments.read("okx")["value"].to_list() == [7.0, 8.0]
    assert segments.exchanges() == ["bybit", "okx"]


def test_many_looks_are_merged_into_few_files_without_loss(segments: Segments) -> None:
    times = [AT + timedelta(minutes=5 * n) for n in range(60)]
    for at in times:
        segments.append("bybit", at, look(at))
    assert segments.read("bybit")["at"].unique().sort().to_list() == times
    assert len(list((segments.root / "bybit" / "2026-10-05").glob("*.parquet"))) <= 25


def test_of_a_day_that_is_over_one_file_is_left(segments: Segments) -> None:
    """They are all read again with every look at a listing: a year of hours is 365 files."""
    times = [AT + timedelta(hours=8 * n) for n in range(9)]
    for at in times:
        segments.append("bybit", at, look(at))
    files = [path.parent.name for path in (segments.root / "bybit").glob("*/*.parquet")]
    assert sorted(files) == ["2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08"]
    assert segments.read("bybit")["at"].unique().sort().to_list() == times


def test_a_merge_that_broke_off_after_writing_reads_every_look_once(segments: Segments) -> None:
    for n in range(3):
        segments.append("bybit", AT + timedelta(minutes=n), look(AT + timedelta(minutes=n)))
    folder = segments.root / "bybit" / "2026-10-05"
    segments.read("bybit").write_parquet(
        folder / "120200000000-deadbeef.parquet"
    )  # the merged file, the others still there
    assert segments.read("bybit").height == 6


def test_an_unfinished_file_is_no_look(segments: Segments) -> None:
    segments.append("bybit", AT, look(AT))
    (segments.root / "bybit" / "2026-10-05" / "120500000000.parquet.0a.part").write_bytes(b"PAR1 half")
    assert segments.read("bybit").height == 2


def test_a_day_can_be_removed(segments: Segments) -> None:
    """The other days stay; removing what is not there is no failure."""
    for days in (0, 1):
        segments.append("bybit", AT + timedelta(days=days), look(AT + timedelta(days=days)))
    segments.remove("bybit", AT.date())
    segments.remove("bybit", AT.date())
    assert segments.days("bybit") == [AT.date() + timedelta(days=1)]
    assert segments.read("bybit").height == 2


def test_rewriting_keeps_what_it_is_told_to(segments: Segments) -> None:
    for n in range(4):
        segments.append("bybit", AT + timedelta(minutes=n), look(AT + timedelta(minutes=n)))
    segments.rewrite("bybit", AT.date(), lambda rows: rows.filter(pl.col("at") == pl.col("at").max()))
    assert segments.read("bybit")["at"].unique().to_list() == [AT + timedelta(minutes=3)]


def test_the_merge_of_the_table_is_applied(tmp_path: Path) -> None:
    newest = Segments(
        tmp_path, SCHEMA, ("native_symbol", "at"), lambda rows: rows.filter(pl.col("native_symbol") == "A")
    )
    for n in range(26):
        newest.append("bybit", AT + timedelta(minutes=n), look(AT + timedelta(minutes=n)))
    assert newest.read("bybit").filter(native_symbol="A").height == 26
    assert newest.read("bybit").filter(native_symbol="B").height < 26


def test_reading_goes_on_while_another_appends_and_merges(segments: Segments) -> None:
    segments.append("bybit", AT, look(AT))
    stop = threading.Event()
    seen: list[int] = []
    failures: list[MarketAssetsError] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(segments.read("bybit").height)
            except MarketAssetsError as failed:
                failures.append(failed)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 120):
        segments.append("bybit", AT + timedelta(minutes=n), look(AT + timedelta(minutes=n)))
    stop.set()
    reader.join()
    assert not failures
    assert seen == sorted(seen), "a look that was there once stays there"


def test_sandbox_and_live_looks_lie_apart(tmp_path: Path) -> None:
    roots = {
        vendors: Segments.of(load(home=tmp_path, vendors=vendors), "funding_snapshot", SCHEMA, ("at",)).root
        for vendors in ("live", "sandbox")
    }
    assert roots["live"] != roots["sandbox"]
