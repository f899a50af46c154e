"""A database as a whole: one instant of it, whether it is empty, one to try something in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from resources.stores.errors import StoreUnreachable
from resources.stores.postgres import PostgresStore
from resources.stores.postgres_database import drop_tables, scratch_database, snapshot, tables_of
from tests.resources.stores.ticks import RATES, rates

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as db:
        return {name for (name,) in db.execute("SELECT datname FROM pg_database")}


def test_a_snapshot_does_not_see_what_comes_later(postgres_url: str):
    """Another session that takes its name sees the same; of an empty database it holds nothing."""
    with snapshot(postgres_url) as empty:
        assert empty.manifests == []
    store = PostgresStore(postgres_url, RetentionSettings())
    first = store.write(RATES, "all", rates(a=1.0)).manifest
    with snapshot(postgres_url) as then:
        store.write(RATES, "all", rates(a=2.0))
        with psycopg.connect(postgres_url) as other:
            other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            other.execute(f"SET TRANSACTION SNAPSHOT '{then.name}'")
            assert other.execute("SELECT rate FROM rates").fetchall() == [(1.0,)]
    assert then.manifests == [first]


def test_tables_are_named_and_dropped(postgres_url: str):
    """Those of every schema but the system's, with what hangs on them."""
    assert tables_of(postgres_url) == []
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("CREATE SCHEMA ours")
        db.execute("CREATE TABLE ours.a (id serial PRIMARY KEY)")
        db.execute("CREATE TABLE b (id int REFERENCES ours.a)")
        db.execute("CREATE VIEW v AS SELECT * FROM b")
    assert tables_of(postgres_url) == [("ours", "a"), ("public", "b")]
    drop_tables(postgres_url)
    assert tables_of(postgres_url) == []


def test_a_scratch_database_is_empty_and_goes(postgres_url: str):
    """Also where the work in it fails, and where a session is still in it."""
    before = databases(postgres_url)
    with pytest.raises(KeyError), scratch_database(postgres_url) as address:
        assert tables_of(address) == []
        (made,) = databases(postgres_url) - before
        store = PostgresStore(address, RetentionSettings())
        store.write(RATES, "all", rates(a=1.0))
        raise KeyError(made)
    assert databases(postgres_url) == before


def test_what_killed_processes_left_goes_after_a_day(postgres_url: str):
    """By the time in its name; another name, or a younger one, stays."""
    stamps = {hours: f"{NOW - timedelta(hours=hours):%Y%m%d%H%M%S}" for hours in (23, 25)}
    young, old, theirs = (
        *(f"market_assets_scratch_{stamps[hours]}_0123abcd" for hours in (23, 25)),
        "market_assets_scratch_of_mine",
    )
    with psycopg.connect(postgres_url, autocommit=True) as db:
        for name in (young, old, theirs):
            db.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        try:
            with clock.frozen(NOW), scratch_database(postgres_url):
                left = databases(postgres_url)
            assert (young in left, old in left, theirs in left) == (True, False, True)
        finally:
            for name in (young, old, theirs):
                db.execute(f'DROP DATABASE IF EXISTS "{name}"')  # type: ignore[call-overload]


def test_a_server_that_does_not_answer_is_told_without_its_password(home: Path):
    """By where it should be."""
    wrong = "postgresql://nobody:marked-secret@127.0.0.1:1/none"
    for look in (tables_of, drop_tables, lambda url: scratch_database(url).__enter__()):
        with pytest.raises(StoreUnreachable, match="must answer") as refused:
            look(wrong)
        assert "marked-secret" not in str(refused.value)
