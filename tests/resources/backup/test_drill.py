"""The newest backup is restored for trial: rows that say so, or say why not."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.ops.schemas import OpsRestoreDrill
from market_assets.settings import Settings, load
from resources.backup import take
from resources.backup.drill import drill
from resources.backup.manifest import facts_of
from resources.stores import PartitionStore
from tests.resources.backup.conftest import Places
from tests.resources.backup.homes import DAY, SIGNALS, filled, furnish, restated

AT = datetime(2026, 3, 3, 3, tzinfo=UTC)


def drilled(settings: Settings, **given: Any) -> dict[str, dict[str, Any]]:
    """Table -> its row, after the table's own gate."""
    found = OpsRestoreDrill.contract().validate(drill(settings, **given))
    return {row["table"]: row for row in found.iter_rows(named=True)}


def left(home: Path) -> list[Path]:
    """What drills have left behind."""
    return list((home / "scratch").iterdir())


def test_all_of_it_comes_back(places: Places):
    """A row for each table with its counts, and one for files, state and Dagster. Nothing stays behind."""
    furnish(places.settings.home)
    name = take(filled(store=places.settings.store)).path.name
    with clock.frozen(AT):
        rows = drilled(places.settings)
    assert {table: row["is_equal"] for table, row in rows.items()} == {
        "crypto_signals": True, "dagster": True, "files": True, "state": True,
    }  # fmt: skip
    table = rows["crypto_signals"]
    assert (table["n_partitions"], table["n_rows"], table["n_rows_restored"], table["n_different"]) == (2, 4, 4, 0)
    assert {(row["backup"], row["drilled_at"], row["detail"]) for row in rows.values()} == {(name, AT, "")}
    assert left(places.settings.home) == []


def test_a_lake_is_not_copied(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Links to what never changes; the databases are files of their own."""
    furnish(home)
    backup = take(filled()).path
    seen = {}

    def looking(store: PartitionStore) -> list[str]:
        (scratch,) = left(home)
        for name in ("lake/crypto_signals/_schema.parquet", "segments/live/look.parquet", "state/fetches.sqlite"):
            seen[name] = (scratch / name).samefile(backup / name)
        return [] if store.read(SIGNALS).height == 4 else ["rows are lacking"]

    rows = drilled(load(), proofs={"crypto_signals": looking, "btc_price": looking})
    assert all(row["is_equal"] for row in rows.values())
    assert list(seen.values()) == [True, True, False]


def test_without_a_backup_there_is_nothing_to_restore(home: Path):
    """That is a row as well."""
    rows = drilled(load())
    assert list(rows) == ["files"]
    assert rows["files"]["is_equal"] is False
    assert "there is no backup" in rows["files"]["detail"]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / "segments/live/look.parquet").write_text("lack"), "is not as it was taken"),
        (lambda folder: (folder / "segments/live/look.parquet").unlink(), "lacks 1 files"),
        (lambda folder: (folder / "manifest.json").unlink(), "must hold manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": 1}'), "has format 1"),
    ],
)
def test_the_newest_is_tried_although_an_older_one_is_whole(home: Path, harm: Any, words: str):
    """One row that names it and says why it cannot be restored."""
    furnish(home)
    take(filled())
    newest = take(load()).path
    harm(newest)
    rows = drilled(load())
    assert list(rows) == ["files"]
    assert (rows["files"]["backup"], rows["files"]["is_equal"]) == (newest.name, False)
    assert words in rows["files"]["detail"]
    assert left(home) == []


def test_what_differs_is_counted_by_table(home: Path):
    """A partition with another digest than was stated, a proof that fails, and a part that is not in it."""
    backup = take(filled())
    tables = {"crypto_signals": dict(backup.tables["crypto_signals"])}
    tables["crypto_signals"][DAY] = tables["crypto_signals"][DAY] | {"digest": "0" * 64}
    restated(backup.path, tables=tables, missing={"database": "no pg_dump"})
    rows = drilled(load(), proofs={"crypto_signals": lambda _: ["equity is 1 instead of 2"]})
    table = rows["crypto_signals"]
    assert (table["is_equal"], table["n_different"], table["n_rows_restored"]) == (False, 1, 4)
    assert DAY in table["detail"]
    assert "equity is 1 instead of 2" in table["detail"]
    assert (rows["files"]["is_equal"], rows["database"]["is_equal"]) == (True, False)
    assert rows["database"]["detail"] == "not in the backup: no pg_dump"


def test_a_file_that_no_longer_is_a_table_is_told(home: Path):
    """Damaged before it was taken: its SHA-256 is that of the damage. The other partition is read all the same."""
    backup = take(filled())
    (file,) = backup.path.glob("lake/crypto_signals/*BTCUSDT.parquet")
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    with file.open("rb") as source:
        restated(backup.path, files=backup.files | {str(file.relative_to(backup.path)): facts_of(source)})
    table = drilled(load())["crypto_signals"]
    assert (table["is_equal"], table["n_different"], table["n_rows_restored"]) == (False, 1, 2)
    assert f"{DAY}: cannot be read" in table["detail"]


def test_a_damaged_database_of_dagster_is_told(home: Path):
    """SQLite looks at every page."""
    furnish(home)
    backup = take(filled())
    file = backup.path / "dagster" / "history" / "runs.db"
    with closing(sqlite3.connect(file)) as db:
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
    file.write_bytes(file.read_bytes()[:page_size] + b"\xff" * page_size)
    with file.open("rb") as source:
        restated(backup.path, files=backup.files | {"dagster/history/runs.db": facts_of(source)})
    rows = drilled(load())
    assert (rows["dagster"]["is_equal"], rows["state"]["is_equal"]) == (False, True)
    assert rows["dagster"]["detail"].startswith("history/runs.db: ")


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_a_database_that_cannot_be_tried_is_told(places: Places, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    """A role that may make none, and a server that does not answer; no database stays behind."""
    import psycopg

    take(filled(store="postgres"))
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP ROLE IF EXISTS reader")
        db.execute("CREATE ROLE reader LOGIN")
    reader = load(store="postgres", postgres_url=postgres_url.replace("postgres:@", "reader:@"))
    rows = drilled(reader)
    assert (rows["files"]["is_equal"], rows["database"]["is_equal"]) == (True, False)
    assert "ALTER ROLE reader CREATEDB" in rows["database"]["detail"]
    nowhere = load(store="postgres", postgres_url="postgresql://u:marked-secret@127.0.0.1:1/none")
    detail = drilled(nowhere)["database"]["detail"]
    assert "must answer" in detail
    assert "marked-secret" not in detail
    monkeypatch.setenv("PATH", "/nowhere")
    assert "pg_restore is not on the PATH" in drilled(places.settings)["database"]["detail"]
    with psycopg.connect(postgres_url) as db:
        scratch = db.execute("SELECT datname FROM pg_database WHERE datname LIKE 'market_assets%'").fetchall()
    assert scratch == []


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["duckdb"], indirect=True)
def test_dagsters_server_is_tried_too(
    places: Places, postgres_url: str, client_tools: Any, monkeypatch: pytest.MonkeyPatch
):
    """Its dump goes into a database of its own; where its address is no longer told, that is a row."""
    client_tools()
    monkeypatch.setenv("RUNS", postgres_url)
    furnish(places.settings.home, dagster="storage: {postgres: {postgres_url: {env: RUNS}}}\n")
    take(filled())
    assert drilled(places.settings)["dagster's server"]["is_equal"] is True
    monkeypatch.delenv("RUNS")
    row = drilled(places.settings)["dagster's server"]
    assert (row["is_equal"], "no longer tells" in row["detail"]) == (False, True)


def test_the_frame_is_what_its_table_says(home: Path):
    """Columns in order, sorted by the key."""
    take(filled())
    found = drill(load())
    assert found.schema == OpsRestoreDrill.contract().schema
    assert found["table"].is_sorted()
    assert isinstance(found, pl.DataFrame)
