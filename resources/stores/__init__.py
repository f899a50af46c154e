"""The two partition stores: Parquet lake with DuckDB views, and PostgreSQL. One behaviour.

Here is everything that writes, reads and versions partitions, and the only code that opens DuckDB
or Postgres. What a table looks like is its contract's affair (`market_assets.core.contracts`); what
goes into it, the graph's. Nothing here knows Dagster.

    protocol    what a store does            errors      what it refuses
    request     what a read asks for         admission   what a write must be
    digest      equal data, equal digest     evolution   how columns may change
    categories  what an Enum is compared with
    lake*, warehouse, locks, names           the embedded store
    postgres*                                the server store
    lazy        LazyFrames over either
"""

from urllib.parse import quote

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings
from resources.stores.protocol import Manifest, PartitionStore, Stored, StoreDescription, Written

__all__ = ["Manifest", "PartitionStore", "StoreDescription", "Stored", "Written", "open_store", "postgres_address"]


def open_store(settings: Settings) -> PartitionStore:
    """The store that `settings.store` names.

    Raises MarketAssetsError where its address is not set. Nothing is connected before first use.
    """
    if settings.store == "duckdb":
        from resources.stores.lake import LakeStore

        return LakeStore(settings.home, settings.retention)
    from resources.stores.postgres import PostgresStore

    return PostgresStore(postgres_address(settings), settings.retention)


def postgres_address(settings: Settings) -> str:
    """The address of the database, with the password: the one that is set, or one made of `btc.database`.

    Raises MarketAssetsError where neither is set.
    """
    if settings.postgres_url is not None:
        return settings.postgres_url.get_secret_value()
    parts = settings.btc.database
    if parts is None:
        raise MarketAssetsError(
            "store=postgres needs the address of the database; neither MARKET_ASSETS_POSTGRES_URL nor btc.database "
            "is set. Set MARKET_ASSETS_POSTGRES_URL like postgresql://user:password@host:5432/database, "
            "or DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD."
        )
    user, password, name = (
        quote(part, safe="") for part in (parts.user, parts.password.get_secret_value(), parts.database)
    )
    host = f"[{parts.host}]" if ":" in parts.host else quote(parts.host, safe="")
    return f"postgresql://{user}:{password}@{host}:{parts.port}/{name}"
