"""Every table of the graph by name."""

from market_assets.bars import schemas as bars
from market_assets.btc import schemas as btc
from market_assets.core.contracts import Contract
from market_assets.core.errors import UnknownName
from market_assets.crypto import schemas as crypto
from market_assets.equities import schemas as equities
from market_assets.funding import schemas as funding
from market_assets.ops import schemas as ops

#: table name -> contract, in the order of the graph
TABLES: dict[str, Contract] = {
    table.contract().name: table.contract()
    for table in (*equities.TABLES, *btc.TABLES, *funding.TABLES, *crypto.TABLES, *bars.TABLES, *ops.TABLES)
}

#: companion tables of rows that a contract's row rules rejected: one per table that is fetched
QUARANTINES: dict[str, Contract] = {
    f"quarantine_{name}": TABLES[name].quarantine()
    for name in (
        "equities_daily_bars",
        "equities_corporate_actions",
        "btc_price",
        "btc_liquidations",
        "funding_contracts",
        "funding_rates",
        "funding_snapshot",
        "crypto_klines",
        "bars_minute",
    )
}


def contract(name: str) -> Contract:
    """The contract of a table or of its quarantine. Raises UnknownName with the near names."""
    known = {**TABLES, **QUARANTINES}
    if name not in known:
        raise UnknownName("table", name, known)
    return known[name]
