"""A backup put back: all of it as it was taken, or nothing at all."""

import copy
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from market_assets.core.settings import RetentionSettings
from market_assets.settings import load
from resources.backup import Backup, BackupRefused, RestoreFailed, pack, restore, restoring, take
from resources.backup.databases import DumpFailed, damage_of_sqlite
from resources.backup.manifest import FileFacts, facts_of
from resources.stores import open_store
from resources.stores.errors import MixedOrigin
from resources.stores.lake import LakeStore
from resources.stores.postgres_database import tables_of
from tests.market_assets.crypto.advice_frames import signal, signals
from tests.resources.backup.conftest import Places
from tests.resources.backup.homes import DAY, MASKED, SIGNALS, filled, furnish, restated
from tests.resources.stores.ticks import TICKS, ticks


def untouched(places: Places) -> bool:
    """Whether neither the home nor a folder above it nor a table of the database is there."""
    return not places.home.parent.exists() and not (places.database and tables_of(places.database))


@pytest.mark.parametrize("archived", [False, True])
def test_what_was_taken_is_put_back(places: Places, tmp_path: Path, archived: bool):
    """Rows of the store, state, looks, Dagster's runs and settings; from a folder and from an archive."""
    furnish(places.settings.home)
    settings = filled(store=places.settings.store)
    backup = take(settings).path
    source = pack(backup, tmp_path / "b.tar") if archived else backup
    open_store(settings).write(SIGNALS, DAY, signals(signal(price=1.0)))
    done = restore(source, places.home, database=places.database)
    restored = open_store(places.restored())
    assert done.is_proven
    assert restored.read(SIGNALS)["price"].to_list() == [60_000.0] * 4
    before, after = open_store(settings).versions(SIGNALS, DAY)[0], restored.manifest(SIGNALS, DAY)
    assert after is not None
    assert (after.digest, after.published_at, after.rows) == (before.digest, before.published_at, before.rows)
    for name in ("dagster/history/runs.db", "state/fetches.sqlite"):
        with closing(sqlite3.connect(places.home / name)) as db:
            assert db.execute("SELECT x FROM t").fetchall() == [(42,)]
    assert (places.home / "segments" / "live" / "look.parquet").read_text() == "look"
    assert MASKED not in (places.home / "config.yaml").read_text()
    expected = {"config.yaml", "dagster", "segments", "state"} | ({"lake"} if places.database is None else set())
    assert {path.name for path in places.home.iterdir()} == expected
    assert not list(places.home.rglob("*.dump"))


def test_a_restored_lake_shares_no_file_with_the_backup(home: Path, tmp_path: Path):
    """What one disk block loses, the other keeps; it is written to as any other."""
    backup = take(filled()).path
    restore(backup, tmp_path / "other")
    assert {path.stat().st_nlink for path in (tmp_path / "other").rglob("*.parquet")} == {1}
    store = LakeStore(tmp_path / "other", RetentionSettings())
    assert store.write(SIGNALS, DAY, signals(signal(price=1.0))).revised_rows == 1
    assert_frame_equal(LakeStore(backup, RetentionSettings()).read(SIGNALS), open_store(load()).read(SIGNALS))


def test_a_restored_lake_remembers_whose_data_it_holds(home: Path, tmp_path: Path):
    """Live rows: those of the sandbox are refused as before."""
    LakeStore(home, RetentionSettings()).write(TICKS, "2026-03-02|XA", ticks())
    restore(take(load()).path, tmp_path / "other")
    with pytest.raises(MixedOrigin):
        LakeStore(tmp_path / "other", RetentionSettings()).write(
            TICKS, "2026-03-02|XA", ticks(price=2.0, source="alpha-sandbox")
        )


def test_what_has_to_be_set_by_hand_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Masked settings by their key, variables by their name, what is missing with its reason; no value."""
    monkeypatch.setenv("POLYGON_API_KEY", MASKED)
    monkeypatch.setenv("DESK_URL", f"json://{MASKED}")
    furnish(home, dagster="storage: {postgres: {postgres_url: {env: DAGSTER_ADDRESS}}}\n")
    with (home / "config.yaml").open("a") as file:
        file.write("alerts: {channels: {desk: DESK_URL}}\n")
    backup = take(filled()).path
    monkeypatch.delenv("DESK_URL")
    assert not any(MASKED.encode() in path.read_bytes() for path in backup.rglob("*") if path.is_file())
    told = dict(restore(backup, tmp_path / "other").by_hand)
    assert "config.yaml: crypto.base_url" in told
    assert told["POLYGON_API_KEY"] == "is set here"
    assert "set it again" in told["DESK_URL"]
    assert "DAGSTER_ADDRESS" in told
    assert "does not tell where it is" in told["dagster's server"]
    assert "keys of the REST API" in told


@pytest.mark.parametrize("archived", [False, True])
def test_only_an_empty_home_is_restored_into(home: Path, tmp_path: Path, archived: bool):
    """What lies there is named and stays; an empty folder will do."""
    source = take(filled()).path
    source = pack(source, tmp_path / "b.tar") if archived else source
    to = tmp_path / "other"
    (to / "lake").mkdir(parents=True)
    (to / ".hidden").write_text("x")
    with pytest.raises(BackupRefused, match=r"there lie \.hidden, lake\. Nothing was touched"):
        restore(source, to)
    assert sorted(path.name for path in to.rglob("*")) == [".hidden", "lake"]
    with pytest.raises(BackupRefused, match="it is a file"):
        restore(source, to / ".hidden")
    (to / ".hidden").unlink()
    (to / "lake").rmdir()
    restore(source, to)
    assert LakeStore(to, RetentionSettings()).read(SIGNALS).height == 4


def test_a_damaged_one_is_refused_before_anything_is_touched(places: Places, tmp_path: Path):
    """A folder with a file changed, an archive cut short: no home is made, no table."""
    filled(store=places.settings.store)
    furnish(places.settings.home)
    backup = take(places.settings).path
    archive = pack(backup, tmp_path / "b.tar")
    archive.write_bytes(archive.read_bytes()[:-3000])
    (backup / "segments" / "live" / "look.parquet").write_text("lack")
    for damaged in (backup, archive):
        with pytest.raises(BackupRefused):
            restore(damaged, places.home, database=places.database)
        assert untouched(places)


def another_digest(tables: dict[str, Any]) -> None:
    tables["crypto_signals"][DAY]["digest"] = "0" * 64


def another_count(tables: dict[str, Any]) -> None:
    tables["crypto_signals"][DAY]["rows"] = 3


def one_too_much(tables: dict[str, Any]) -> None:
    tables["crypto_signals"]["2026-10-06|BTCUSDT"] = tables["crypto_signals"][DAY]


def one_too_few(tables: dict[str, Any]) -> None:
    del tables["crypto_signals"][DAY]


def tampered_with(backup: Backup, tampered: Callable[[dict[str, Any]], None]) -> Path:
    """The folder of a backup whose manifest states something else of its tables."""
    tables = copy.deepcopy(backup.tables)
    tampered(tables)
    restated(backup.path, tables=tables)
    return backup.path


@pytest.mark.parametrize(
    ("tampered", "words"),
    [
        (another_digest, "digest .* instead of 000000000000"),
        (another_count, "2 rows instead of 3"),
        (one_too_much, "2026-10-06|BTCUSDT: was not restored"),
        (one_too_few, "is not in the backup"),
    ],
)
def test_restored_rows_must_be_those_that_are_stated(home: Path, tmp_path: Path, tampered: Any, words: str):
    """Although every file is as the manifest says."""
    backup = tampered_with(take(filled()), tampered)
    with pytest.raises(RestoreFailed, match=words):
        restore(backup, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_rows_that_are_not_those_stated_do_not_stay(places: Places):
    """Neither in the home nor in the database; without verify they are taken as they are."""
    backup = tampered_with(take(filled(store=places.settings.store)), another_digest)
    with pytest.raises(RestoreFailed, match="digest"):
        restore(backup, places.home, database=places.database)
    assert untouched(places)
    done = restore(backup, places.home, verify=False, database=places.database)
    assert not done.is_proven
    assert open_store(places.restored()).read(SIGNALS).height == 4


def test_a_disk_that_fills_up_leaves_nothing(places: Places, monkeypatch: pytest.MonkeyPatch):
    """While the last of it is moved into its place: what was moved goes again, and what the database holds."""
    furnish(places.settings.home)
    backup = take(filled(store=places.settings.store)).path
    rename = Path.rename

    def full(path: Path, to: Path) -> Path:
        if to == places.home / "state":
            raise OSError(28, "No space left on device")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(RestoreFailed, match="No space left"):
        restore(backup, places.home, database=places.database)
    assert untouched(places)
    places.home.mkdir(parents=True)
    with pytest.raises(RestoreFailed):
        restore(backup, places.home, database=places.database)
    assert list(places.home.iterdir()) == []


def test_a_file_that_changes_after_it_was_verified_is_noticed(home: Path, tmp_path: Path, monkeypatch: Any):
    """It is digested again while it is copied."""
    furnish(home)
    backup = take(filled()).path
    verified = restoring.verified

    def changing(path: Path) -> Any:
        stated = verified(path)
        (path / "segments" / "live" / "look.parquet").write_text("lack")
        return stated

    monkeypatch.setattr(restoring, "verified", changing)
    with pytest.raises(BackupRefused, match="is not as it was taken"):
        restore(backup, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_table_of_another_version_is_counted(home: Path, tmp_path: Path):
    """Nobody knows its columns any more: its rows are compared, its digest is not."""
    LakeStore(home, RetentionSettings()).write(TICKS, "2026-03-02|XA", ticks())
    backup = take(load())
    restore(backup.path, tmp_path / "first")
    facts = backup.tables["ticks"]["2026-03-02|XA"]
    restated(backup.path, tables={"ticks": {"2026-03-02|XA": facts | {"rows": 4}}})
    with pytest.raises(RestoreFailed, match="3 rows instead of 4"):
        restore(backup.path, tmp_path / "second")


def test_sqlite_that_is_damaged_is_told(tmp_path: Path):
    """A page of zeros; a file that is whole is not touched by the look."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        db.commit()
    content = (tmp_path / "a.db").read_bytes()
    assert damage_of_sqlite(tmp_path / "a.db") is None
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.db"]
    (tmp_path / "a.db").write_bytes(content[:8192] + bytes(4096) + content[12_288:])
    assert damage_of_sqlite(tmp_path / "a.db") is not None
    (tmp_path / "a.db").write_bytes(b"no database" * 100)
    assert "not a database" in str(damage_of_sqlite(tmp_path / "a.db"))


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_only_an_empty_database_is_restored_into(places: Places, postgres_url: str):
    """Its tables are named and stay; without an address none is guessed."""
    backup = take(filled(store="postgres")).path
    with pytest.raises(BackupRefused, match=r"must be empty .*public\.crypto_signals"):
        restore(backup, places.home, database=postgres_url)
    with pytest.raises(BackupRefused, match="--database-url-variable names the environment variable"):
        restore(backup, places.home)
    assert untouched(places)
    assert open_store(places.settings).read(SIGNALS).height == 4


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_a_dump_that_pg_restore_cannot_read_leaves_nothing(places: Places):
    """Although the manifest states it so: what pg_restore says is told."""
    backup = take(filled(store="postgres"))
    dump = backup.path / "database.dump"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    with dump.open("rb") as file:
        restated(backup.path, files=backup.files | {"database.dump": facts_of(file)})
    with pytest.raises(DumpFailed, match="pg_restore must succeed"):
        restore(backup.path, places.home, database=places.database)
    assert untouched(places)


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_a_backup_without_its_dump_is_refused(places: Places, monkeypatch: pytest.MonkeyPatch):
    """It was taken without pg_dump; and without pg_restore a whole one cannot be put back."""
    tools = places.settings.home / "none"
    whole = take(filled(store="postgres")).path
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(DumpFailed, match="pg_restore is not on the PATH"):
        restore(whole, places.home, database=places.database)
    lacking = take(places.settings).path
    with pytest.raises(BackupRefused, match=r"no dump of its database .*pg_dump is not on the PATH"):
        restore(lacking, places.home, database=places.database)
    assert untouched(places)


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["duckdb"], indirect=True)
def test_dagsters_server_is_restored(
    places: Places, postgres_url: str, empty_database: str, client_tools: Any, monkeypatch: pytest.MonkeyPatch
):
    """Runs in PostgreSQL beside a lake: their dump goes into an empty database; a full one is refused."""
    import psycopg

    client_tools()
    monkeypatch.setenv("RUNS", postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE TABLE runs (id serial, body text)")
        db.execute("INSERT INTO runs (body) VALUES ('a run')")
    furnish(places.settings.home, dagster="storage: {postgres: {postgres_url: {env: RUNS}}}\n")
    backup = take(filled()).path
    with pytest.raises(BackupRefused, match="--dagster-url-variable must be empty"):
        restore(backup, places.home, dagster_database=postgres_url)
    with pytest.raises(BackupRefused, match="--dagster-url-variable names"):
        restore(backup, places.home)
    assert untouched(places)
    restore(backup, places.home, dagster_database=empty_database)
    with psycopg.connect(empty_database) as db:
        assert db.execute("SELECT body FROM runs").fetchall() == [("a run",)]
    assert sorted(path.name for path in (places.home / "dagster").iterdir()) == ["dagster.yaml", "history"]


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_one_database_of_store_and_dagster_is_dumped_once(
    places: Places, postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    """Both addresses name it."""
    monkeypatch.setenv("RUNS", postgres_url)
    furnish(places.settings.home, dagster="storage: {postgres: {postgres_url: {env: RUNS}}}\n")
    backup = take(filled(store="postgres"))
    assert backup.parts["dagster's server"] == "in the dump of the database"
    assert [name for name in backup.files if name.endswith(".dump")] == ["database.dump"]
    assert isinstance(backup.files["database.dump"], FileFacts)
