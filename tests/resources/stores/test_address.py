"""The database's address: the one that is set, or one made of `btc.database`; libpq reads it back as the oracle."""

from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings, load
from resources.stores import open_store, postgres_address

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)


def parts(**stated: object) -> Settings:
    """Settings with store=postgres and a database in parts."""
    database = {"host": "db.example", "user": "desk", "password": "s3cr3t", **stated}
    return load(store="postgres", btc={"database": database})


@given(user=TEXT, password=TEXT, database=TEXT)
def test_every_character_reaches_the_server(user: str, password: str, database: str) -> None:
    """A password like `p@ss:w/rd?#%` is one field of the address, whatever is in it."""
    found = conninfo_to_dict(postgres_address(parts(user=user, password=password, database=database)))
    assert found == {"host": "db.example", "port": "5432", "user": user, "password": password, "dbname": database}


@pytest.mark.parametrize("host", ["10.0.0.7", "::1", "/var/run/postgresql", "db.example"])
def test_a_host_is_a_name_an_address_or_a_socket(host: str) -> None:
    """IPv6 is bracketed in an address, and a folder of sockets is escaped."""
    assert conninfo_to_dict(postgres_address(parts(host=host, port=5433)))["host"] == host


def test_the_whole_address_wins_over_its_parts() -> None:
    """MARKET_ASSETS_POSTGRES_URL is ours, the parts are the older way."""
    whole = parts().model_copy(update={"postgres_url": SecretStr("postgresql://u:p@whole/d")})
    assert postgres_address(whole) == "postgresql://u:p@whole/d"


def test_without_an_address_both_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to set is in the error, before anything is connected."""
    monkeypatch.delenv("DB_HOST", raising=False)
    with pytest.raises(
        MarketAssetsError, match=r"MARKET_ASSETS_POSTGRES_URL nor btc.database .* DB_USER and DB_PASSWORD"
    ):
        open_store(load(store="postgres"))


@pytest.mark.postgres
def test_the_older_names_open_the_store(postgres_url: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """DB_* alone reach a real server, as a user whose name has the characters of an address."""
    server = conninfo_to_dict(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD 'p@ss'").format(sql.Identifier("de/sk@1")))
    try:
        for name, value in {
            "MARKET_ASSETS_STORE": "postgres",
            "DB_HOST": str(server["host"]),
            "DB_NAME": str(server["dbname"]),
            "DB_USER": "de/sk@1",
            "DB_PASSWORD": "p@ss",
        }.items():
            monkeypatch.setenv(name, value)
        with psycopg.connect(postgres_address(load())) as connected:
            assert connected.execute("SELECT current_user, current_database()").fetchone() == (
                "de/sk@1",
                server["dbname"],
            )
        described = open_store(load()).describe()
        assert (described.kind, described.reachable, described.error) == ("postgres", True, None)
        assert "p@ss" not in described.location
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier("de/sk@1")))
            admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier("de/sk@1")))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier("de/sk@1")))


@pytest.mark.parametrize("password", ["s3cr3t/more", "123/456", "a+/="])
def test_a_slash_in_a_password_is_refused_and_not_told(password: str, tmp_path: Path) -> None:
    """It ends the part with the server: what stands before it would be taken for a port and shown."""
    found = load(store="postgres", postgres_url=SecretStr(f"postgresql://desk:{password}@db.example/market"))
    with pytest.raises(MarketAssetsError, match="cannot be read as one") as refused:
        open_store(found)
    assert password.split("/", maxsplit=1)[0] not in str(refused.value)
