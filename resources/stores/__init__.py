"""The two partition stores: Parquet lake with DuckDB views, and PostgreSQL. One behaviour.

Here is everything that writes, reads and versions partitions, and the only code that opens DuckDB
or Postgres. What a table looks like is its contract's affair (`market_assets.core.contracts`); what
goes into it, the graph's. Nothing here knows Dagster.

    protocol    what a store does            errors      what it refuses
    request     what a read asks for         admission   what a write must be
    digest      equal data, equal digest     evolution   how columns may change
    lake*, warehouse, locks, names           the embedded store
    postgres*                                the server store
    lazy        LazyFrames over either
"""

from market_assets.core.errors import MarketAssetsError
from market_assets.settings import Settings
from resources.stores.protocol import Manifest, PartitionStore, Stored, StoreDescription, Written

__all__ = ["Manifest", "PartitionStore", "StoreDescription", "Stored", "Written", "open_store"]


def open_store(settings: Settings) -> PartitionStore:
    """The store that `settings.store` names.

    Raises MarketAssetsError where its address is not set. Nothing is connected before first use.
    """
    if settings.store == "duckdb":
        from resources.stores.lake import LakeStore

        return LakeStore(settings.home, settings.retention)
    if settings.postgres_url is None:
        raise MarketAssetsError(
            "store=postgres needs the address of the database; MARKET_ASSETS_POSTGRES_URL is not set. "
            "Set it like postgresql://user:password@host:5432/database."
        )
    from resources.stores.postgres import PostgresStore

    return PostgresStore(settings.postgres_url.get_secret_value(), settings.retention)
