"""A backup: what is in it, as of when, and what is not."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from market_assets.crypto.schemas import CryptoSentiment
from market_assets.settings import load
from resources.backup import lake as backup_lake
from resources.backup import take
from resources.backup.databases import DumpFailed, copy_sqlite, dump_postgres
from resources.backup.lake import copy_lake, copy_tree
from resources.backup.plain import UnreadableSettings, copy_settings
from resources.stores import open_store
from resources.stores.lake import LakeStore
from tests.market_assets.crypto.advice_frames import HOUR, signal, signals
from tests.resources.backup.homes import DAY, SIGNALS, filled
from tests.resources.stores.ticks import NIGHT, TICKS, ticks

FIRST = datetime(2026, 3, 3, 12, tzinfo=UTC)
MARKED = "marked-secret-42ab"


def test_every_partition_is_in_it_with_its_numbers(home: Path):
    """Rows and digests per partition, and files that a lake of their own opens."""
    settings = filled()
    store = open_store(settings)
    backup = take(settings)
    assert backup.path.parent == home / "backups"
    assert (backup.partitions, backup.rows) == (2, 4)
    stated = json.loads((backup.path / "manifest.json").read_text())
    assert stated["tables"] == backup.tables
    assert set(stated["tables"]) == {"crypto_signals"}
    current = store.manifest(SIGNALS, DAY)
    assert current is not None
    assert stated["tables"]["crypto_signals"][DAY] == {
        "rows": 2,
        "digest": current.digest,
        "published_at": current.published_at.isoformat(),
        "bytes": current.bytes,
    }
    restored = LakeStore(backup.path, RetentionSettings())
    assert_frame_equal(restored.read(SIGNALS), store.read(SIGNALS))


def test_later_writes_do_not_reach_it(home: Path):
    """Links to files that never change: the partition is replaced in the lake, not in the backup."""
    settings = filled()
    backup = take(settings)
    open_store(settings).write(SIGNALS, DAY, signals(signal(price=1.0)))
    assert LakeStore(backup.path, RetentionSettings()).read(SIGNALS, [DAY]).height == 2


def test_a_partition_replaced_meanwhile_is_as_it_was_at_the_beginning(home: Path, tmp_path: Path):
    """As of 13:00: the version of 12:00 although that of 14:00 is current; what came at 14:00 is not in it."""
    store = LakeStore(home, RetentionSettings())
    for at, price in ((FIRST, 100.0), (FIRST + 2 * HOUR, 900.0)):
        with clock.frozen(at):
            store.write(TICKS, "2026-03-02|XA", ticks(price=price))
    with clock.frozen(FIRST + 2 * HOUR):
        store.write(TICKS, "2026-03-03|XA", ticks(day=NIGHT + timedelta(days=1)))
    stated = copy_lake(home, tmp_path / "copy" / "lake", FIRST + HOUR)
    assert list(stated["ticks"]) == ["2026-03-02|XA"]
    assert stated["ticks"]["2026-03-02|XA"]["published_at"] == FIRST.isoformat()
    restored = LakeStore(tmp_path / "copy", RetentionSettings())
    assert restored.read(TICKS)["price"].to_list() == [100.0, 101.0, 102.0]
    now = copy_lake(home, tmp_path / "now" / "lake", None)
    assert now["ticks"]["2026-03-02|XA"]["published_at"] == (FIRST + 2 * HOUR).isoformat()


def test_a_file_system_without_links_gets_copies(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Another disk refuses links: the bytes are copied."""
    settings = filled()

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(backup_lake.os, "link", refuse)
    backup = take(settings)
    (file,) = backup.path.glob("lake/crypto_signals/*BTCUSDT.parquet")
    assert file.stat().st_nlink == 1
    assert LakeStore(backup.path, RetentionSettings()).read(SIGNALS).height == 4


def test_looks_that_are_merged_meanwhile_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two files become one while they are copied: the copy has the one, and not the two."""
    source = tmp_path / "segments"
    (source / "day").mkdir(parents=True)
    for name in ("a", "b"):
        (source / "day" / name).write_text(name)
    link = backup_lake.link

    def merging(path: Path, to: Path) -> None:
        link(path, to)
        if path.name == "a":
            (source / "day" / "ab").write_text("ab")
            for name in ("a", "b"):
                (source / "day" / name).unlink(missing_ok=True)

    monkeypatch.setattr(backup_lake, "link", merging)
    assert copy_tree(source, tmp_path / "copy") == 1
    assert [(path.name, path.read_text()) for path in (tmp_path / "copy" / "day").iterdir()] == [("ab", "ab")]


def test_sqlite_is_copied_with_what_is_not_yet_in_its_file(tmp_path: Path):
    """A database in use: what its log holds is in the copy, what is not committed is not."""
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE t (x)")
        live.execute("INSERT INTO t VALUES (1)")
        live.execute("BEGIN IMMEDIATE")
        live.execute("INSERT INTO t VALUES (2)")
        copy_sqlite(tmp_path / "live.db", tmp_path / "deep" / "copy.db")
        live.execute("ROLLBACK")
    with closing(sqlite3.connect(tmp_path / "deep" / "copy.db")) as copy:
        assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_what_else_is_in_it_and_what_is_not(home: Path):
    """Dagster's databases, the vendors' state, looks and settings; no keys of the API, no raw responses."""
    settings = filled()
    for name in ("dagster/history/runs.db", "state/fetches.sqlite", "state/api_keys.sqlite"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(home / name)) as db:
            db.execute("CREATE TABLE t (x)")
            db.commit()
    (home / "dagster" / "dagster.yaml").write_text(
        f"storage:\n  postgres:\n    postgres_db:\n      password: {MARKED}\n"
    )
    (home / "config.yaml").write_text("crypto:\n  base_url: https://mirror.example\n")
    (home / "segments" / "live").mkdir(parents=True)
    (home / "segments" / "live" / "look.parquet").write_text("look")
    (home / "raw").mkdir()
    (home / "raw" / "reply.zst").write_text("raw")
    backup = take(settings)
    names = {str(path.relative_to(backup.path)) for path in backup.path.rglob("*") if path.is_file()}
    assert names >= {
        "dagster/history/runs.db",
        "dagster/dagster.yaml",
        "state/fetches.sqlite",
        "segments/live/look.parquet",
        "config.yaml",
        "manifest.json",
    }
    assert not any("api_keys" in name or name.startswith("raw") for name in names)
    assert MARKED not in (backup.path / "dagster" / "dagster.yaml").read_text()
    assert "https://mirror.example" in (backup.path / "config.yaml").read_text()
    assert "postgres_url" in backup.missing["dagster's server"]
    assert (backup.parts["segments"], backup.parts["dagster"]) == ("1 files", "1 SQLite files")


def test_backups_of_backups_are_not_taken(home: Path):
    """A second one is beside the first, of the same size."""
    settings = filled()
    first, second = take(settings), take(settings)
    assert first.path != second.path
    files = [sorted(str(p.relative_to(one.path)) for p in one.path.rglob("*")) for one in (first, second)]
    assert files[0] == files[1]


def test_one_that_fails_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch):
    """A broken-off backup does not stand under the name of a whole one, nor beside it."""
    settings = filled()
    monkeypatch.setattr("resources.backup.taking.copy_settings", _fail)
    (home / "config.yaml").write_text("{}")
    with pytest.raises(OSError, match="disk full"):
        take(settings)
    assert list((home / "backups").iterdir()) == []


def _fail(*_: object) -> None:
    raise OSError("disk full")


def test_an_empty_home_has_a_backup_too(home: Path):
    """Nothing stored is not an error."""
    backup = take(load())
    assert (backup.partitions, backup.rows, backup.missing) == (0, 0, {})


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("password: marked-secret-42ab", False),
        ("api_key: marked-secret-42ab", False),
        ("slack_webhook: [marked-secret-42ab]", False),
        ("critical: ['tgram://marked-secret-42ab/1']", False),
        ("base_url: https://user:marked-secret-42ab@mirror.example", False),
        ("stream_url: wss://marked-secret-42ab.example", True),
        ("password: {env: marked-secret-42ab}", True),
        ("reason: marked-secret-42ab", True),
    ],
)
def test_secrets_in_settings_are_masked(tmp_path: Path, line: str, kept: bool):
    """By name, and in addresses; the name of a variable is no secret."""
    (tmp_path / "in.yaml").write_text(f"outer:\n  {line}\n")
    copy_settings(tmp_path / "in.yaml", tmp_path / "out.yaml")
    assert (MARKED in (tmp_path / "out.yaml").read_text()) is kept


def test_settings_that_cannot_be_read_are_not_copied(tmp_path: Path):
    """What is secret in them cannot be told; their text is not in the error either."""
    (tmp_path / "in.yaml").write_text(f"password: [{MARKED}\n")
    with pytest.raises(UnreadableSettings) as refused:
        copy_settings(tmp_path / "in.yaml", tmp_path / "out.yaml")
    assert MARKED not in str(refused.value)
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.postgres
def test_postgres_is_dumped(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, client_tools: Callable[[], None]
):
    """The dump holds the rows; the manifest states them; without pg_dump that is said."""
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", postgres_url)
    settings = filled(store="postgres")
    without = take(settings)
    assert "pg_dump is not on the PATH" in without.missing["database"]
    client_tools()
    backup = take(settings)
    assert backup.missing == {}
    assert (backup.partitions, backup.rows) == (2, 4)
    listed = subprocess.run(
        ["pg_restore", "--list", str(backup.path / "database.dump")], capture_output=True, text=True, check=True
    )
    assert "TABLE DATA public crypto_signals" in listed.stdout


@pytest.mark.postgres
@pytest.mark.parametrize("stated", ["{{env: MARKET_ASSETS_DAGSTER_POSTGRES_URL}}", "{url}"])
def test_dagsters_server_is_dumped(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, client_tools: Callable[[], None], stated: str
):
    """Runs and events in PostgreSQL: the address as dagster.yaml states it, or by the variable it names."""
    monkeypatch.setenv("MARKET_ASSETS_DAGSTER_POSTGRES_URL", postgres_url)
    url = stated.format(url=postgres_url)
    (home / "dagster" / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {url}\n")
    client_tools()
    backup = take(load())
    assert (backup.missing, backup.parts["dagster's server"]) == ({}, "pg_dump")
    assert (backup.path / "dagster" / "dagster.dump").stat().st_size > 0
    assert postgres_url not in (backup.path / "dagster" / "dagster.yaml").read_text()


@pytest.mark.postgres
def test_a_dump_that_fails_says_why_without_the_password(
    home: Path, postgres_url: str, client_tools: Callable[[], None]
):
    """The address of a database that is not there."""
    client_tools()
    wrong = f"postgresql://nobody:{MARKED}@127.0.0.1:1/none"
    with pytest.raises(DumpFailed, match="pg_dump must succeed") as refused:
        dump_postgres(wrong, home / "x.dump")
    assert MARKED not in str(refused.value)


def test_a_table_that_was_never_filled_is_not_in_it(home: Path):
    """Its folder holds a schema and no partition: an empty table, known as such."""
    settings = filled()
    open_store(settings).refresh_views([CryptoSentiment.contract()])
    backup = take(settings)
    assert backup.tables["crypto_sentiment"] == {}
    assert pl.read_parquet(backup.path / "lake" / "crypto_sentiment" / "_schema.parquet").height == 0
