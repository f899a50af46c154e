"""What is particular to PostgreSQL: plain tables, keys, connections, secrets."""

import traceback
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from market_assets.core.contracts import ContractViolation
from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import RetentionSettings
from market_assets.settings import load
from resources.stores import open_store
from resources.stores.errors import IncompleteWrite, StoreUnreachable
from resources.stores.postgres import PostgresStore
from tests.resources.stores.fits import FITS, fits
from tests.resources.stores.ticks import TICKS, ticks

KEY, OTHER = "2026-03-02|XA", "2026-03-02|XB"


@pytest.fixture
def store(postgres_url):
    return PostgresStore(postgres_url, RetentionSettings())


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.postgres
def test_psql_sees_plain_typed_tables(store, postgres_url):
    """Types, key and comments of the contract; the partition beside the columns."""
    store.refresh_views([TICKS])
    types = dict(ask(postgres_url, "SELECT column_name, udt_name FROM information_schema.columns "
                                   "WHERE table_name = 'ticks' ORDER BY ordinal_position"))  # fmt: skip
    assert types == {
        "venue": "text", "ts": "timestamptz", "price": "float8", "size": "int8", "count": "int4", "level": "int2",
        "is_block": "bool", "settles": "date", "note": "text", "tags": "_text", "source": "text",
        "ingested_at": "timestamptz", "_partition": "text",
    }  # fmt: skip
    store.write(TICKS, KEY, ticks(3))
    assert ask(postgres_url, "SELECT sum(price), max(tags), min(_partition) FROM ticks") == [(303.0, ["t0", "t1"], KEY)]
    assert ask(postgres_url, "SELECT obj_description('ticks'::regclass)") == [("One trade of one venue.",)]
    key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ticks_pkey'"
    assert ask(postgres_url, key) == [("PRIMARY KEY (venue, ts)",)]


@pytest.mark.postgres
def test_psql_sees_categories_as_text_and_lists_as_arrays(store, postgres_url):
    """So that SQL can filter by a category and index a list."""
    store.write(FITS, "2026-03-02", fits(4))
    types = dict(ask(postgres_url, "SELECT column_name, udt_name FROM information_schema.columns "
                                   "WHERE table_name = 'fits' ORDER BY ordinal_position"))  # fmt: skip
    assert types == {
        "trend": "text", "ts": "timestamptz", "state": "text", "window_h": "int2", "rows": "int4", "sign": "int2",
        "is_warm": "bool", "inertia": "float8", "centers": "_float8", "edges": "_float8", "notes": "_text",
        "epochs": "_timestamptz", "gaps": "_timestamptz", "_partition": "text",
    }  # fmt: skip
    found = ask(postgres_url, "SELECT trend, state, centers, centers[1] FROM fits WHERE trend <> 'flat' ORDER BY ts")
    assert found == [
        ("rising", "ok", None, None),
        ("falling", "né, \"q\" | 'x'", [0.1, 0.30000000000000004, 5e-324], 0.1),
        ("rising", None, [None, -0.0, 1.7976931348623157e308], None),
    ]
    instants = ask(postgres_url, "SELECT epochs[1], gaps[2], cardinality(epochs) FROM fits ORDER BY ts")
    assert instants == [
        (None, None, None),
        (None, None, 0),
        (datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC), 3),
        (None, datetime(2026, 3, 2, 1, tzinfo=UTC), 2),
    ]


@pytest.mark.postgres
def test_a_key_that_does_not_name_the_partition_may_come_again_in_another(store):
    """Uniqueness holds within a partition, as in the lake."""
    loose = replace(TICKS, name="loose", key=("ts",))
    store.write(loose, KEY, ticks(2))
    store.write(loose, OTHER, ticks(2, venue="XB"))
    assert store.read(loose).height == 4
    with pytest.raises(ContractViolation, match="more than once"):
        store.write(loose, KEY, ticks(2).with_columns(ts=ticks(1)["ts"][0]))


@pytest.mark.postgres
def test_rows_that_a_trigger_swallows_are_missed(store, postgres_url):
    """The rows are counted before the transaction ends, so the old partition stays."""
    store.write(TICKS, KEY, ticks(2))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$")
        connection.execute("CREATE TRIGGER skip BEFORE INSERT ON ticks FOR EACH ROW EXECUTE FUNCTION skip()")
    with pytest.raises(IncompleteWrite, match="must store 5 rows, and 0 were read back"):
        store.write(TICKS, KEY, ticks(5))
    assert store.read(TICKS).equals(ticks(2))


@pytest.mark.postgres
def test_a_lost_connection_is_opened_anew(store, postgres_url):
    """A server that was restarted costs at most the statement under way."""
    store.write(TICKS, KEY, ticks(2))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'market-assets'"
    assert ask(postgres_url, end)
    with pytest.raises(StoreUnreachable):
        store.read(TICKS)
    assert store.read(TICKS).height == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr%2Ft@127.0.0.1:1/db",
        "postgresql://me:s3cr%2Ft@[broken:1/db",
        "host=127.0.0.1 port=1 user=me password='s3cr/t' dbname=db connect_timeout=2",
    ],
)
def test_the_password_is_in_no_message(url):
    """Unreachable server or unreadable address: neither text nor traceback shows the secret."""
    with pytest.raises(MarketAssetsError) as raised:
        PostgresStore(url, RetentionSettings()).read(TICKS)
    shown = "".join(traceback.format_exception(raised.value))
    assert "s3cr/t" not in shown
    assert "s3cr%2Ft" not in shown
    assert "MARKET_ASSETS_POSTGRES_URL" in str(raised.value)


def test_a_store_that_does_not_answer_is_described_as_such():
    """Health pages show it, and nothing raises."""
    found = PostgresStore("postgresql://me:pw@127.0.0.1:1/db", RetentionSettings()).describe()
    assert (found.reachable, found.bytes, found.location) == (False, None, "postgresql://127.0.0.1:1/db")
    assert "Connection refused" in found.error
    assert "pw" not in found.error


def test_settings_choose_the_store(home, monkeypatch):
    """store=postgres without an address names the variable."""
    assert open_store(load()).describe().kind == "duckdb"
    monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
    with pytest.raises(MarketAssetsError, match="MARKET_ASSETS_POSTGRES_URL"):
        open_store(load())
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", "postgresql://127.0.0.1:1/db")
    assert open_store(load()).describe().kind == "postgres"
