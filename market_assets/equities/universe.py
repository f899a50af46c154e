"""The universe of symbols: the configured list, and what a person added or removed since.

An addition or removal is one partition of `equities_symbol_overrides`, so two people changing two
symbols at once never lose either change.
"""

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import UnknownName
from market_assets.equities import schemas
from market_assets.equities.settings import EquitiesSettings, SymbolSettings
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore
from resources.vendors.reference import listing

OVERRIDES: Contract = schemas.EquitiesSymbolOverrides.contract()


def read_overrides(store: PartitionStore) -> pl.DataFrame:
    """The overrides: one row per symbol that was added or removed by hand."""
    return store.read(OVERRIDES)


def universe(store: PartitionStore, equities: EquitiesSettings) -> dict[str, SymbolSettings]:
    """Every known symbol with its settings; an override wins over the configured line."""
    known = {line.symbol: line for line in equities.universe}
    for row in read_overrides(store).drop("updated_at").iter_rows(named=True):
        known[row["symbol"]] = SymbolSettings(**row)
    return known


def active_symbols(store: PartitionStore, equities: EquitiesSettings) -> list[str]:
    """The symbols that schedules ask for, in the order of the universe."""
    return [symbol for symbol, line in universe(store, equities).items() if line.active]


def add_symbol(store: PartitionStore, line: SymbolSettings) -> bool:
    """Put a symbol into the universe. Returns False where it was there already, as it is."""
    row = pl.DataFrame([{**line.model_dump(), "updated_at": clock.now()}], schema=OVERRIDES.schema)
    return not store.write(OVERRIDES, line.symbol, OVERRIDES.validate(row)).unchanged


def with_listing(settings: Settings, line: SymbolSettings) -> tuple[SymbolSettings, str]:
    """The line with the listing window a vendor states, and the instrument's name.

    Raises what `reference.listing` does: NotFound with the vendor's answer for an id it does not know.
    """
    listed = listing(settings, line)
    window = {"valid_from": listed.listed_from or line.valid_from, "valid_to": listed.listed_to or line.valid_to}
    return line.model_copy(update=window), listed.name or line.symbol


def remove_symbol(store: PartitionStore, equities: EquitiesSettings, symbol: str) -> bool:
    """Take a symbol out of the schedules; its data stay. Returns False where it was out already.

    Raises UnknownName where the universe has no such symbol.
    """
    known = universe(store, equities)
    if symbol not in known:
        raise UnknownName("symbol", symbol, known)
    return add_symbol(store, known[symbol].model_copy(update={"active": False}))
