"""The universe as a table: listing windows and the id each vendor knows a symbol by.

The mapping rules of the classes fill ids once, here; nothing later derives an id from a symbol.
"""

from collections.abc import Sequence

import polars as pl

from market_assets.core.contracts import ContractViolation
from market_assets.equities.schemas import EquitiesSymbols
from market_assets.equities.settings import CALENDAR_OF, SymbolSettings


def universe(configured: Sequence[SymbolSettings], overrides: pl.DataFrame) -> pl.DataFrame:
    """The universe: EquitiesSymbols rows, one per listing window.

    `overrides` has the fields of SymbolSettings as columns (others are ignored); a symbol it names
    replaces every configured line of that symbol. Raises ContractViolation where `problems` finds any.
    """
    fields = [name for name in SymbolSettings.model_fields if name in overrides.columns]
    overriding = [SymbolSettings(**row) for row in overrides.select(fields).iter_rows(named=True)]
    named = {line.symbol for line in overriding}
    lines = [*(line for line in configured if line.symbol not in named), *overriding]
    contract = EquitiesSymbols.contract()
    frame = pl.DataFrame([_row(line) for line in lines], schema=contract.schema)
    wrong = problems(frame)
    if wrong:
        raise ContractViolation("the universe must be unambiguous: " + "; ".join(wrong) + ". Mend equities.universe")
    return contract.validate(frame)


def _row(line: SymbolSettings) -> dict[str, object]:
    ids = vendor_ids(line.symbol, line.asset_class)
    return {
        "symbol": line.symbol,
        "asset_class": line.asset_class,
        "calendar": CALENDAR_OF[line.asset_class],
        "currency": line.currency,
        **ids,
        "polygon_id": line.polygon_id or ids["polygon_id"],
        "yahoo_id": line.yahoo_id or ids["yahoo_id"],
        "active": line.active,
        "valid_from": line.valid_from,
        "valid_to": line.valid_to,
    }


def vendor_ids(symbol: str, asset_class: str) -> dict[str, str | None]:
    """The ids a house symbol has by the mapping rule of its class; None where a vendor has none."""
    if asset_class == "crypto":
        base, _, quote = symbol.partition("-")
        return _ids(f"X:{base}{quote}", symbol, f"{base}/{quote}", None)
    if asset_class == "index":
        return _ids(f"I:{symbol}", f"^{symbol}", symbol, None)
    dashed = symbol.replace(".", "-")  # class shares: BRK.B is BRK-B at Yahoo and Alpha Vantage
    return _ids(symbol, dashed, symbol, dashed)


def _ids(polygon: str, yahoo: str, twelvedata: str, alphavantage: str | None) -> dict[str, str | None]:
    return {
        "polygon_id": polygon,
        "yahoo_id": yahoo,
        "twelvedata_id": twelvedata,
        "alphavantage_id": alphavantage,
    }


def problems(symbols: pl.DataFrame) -> list[str]:
    """What is wrong with a universe, a sentence each: keys, windows, crypto names. Empty where nothing is."""
    ordered = symbols.sort("symbol", "valid_from")
    upper = pl.col("valid_to").fill_null(pl.date(9999, 12, 31))
    previous_end = upper.shift(1).over("symbol")
    overlapping = ordered.filter(pl.col("valid_from") <= previous_end)["symbol"].unique(maintain_order=True)
    backwards = symbols.filter(pl.col("valid_to") < pl.col("valid_from"))["symbol"]
    undashed = symbols.filter((pl.col("asset_class") == "crypto") & ~pl.col("symbol").str.contains("-", literal=True))[
        "symbol"
    ]
    return [
        *(f"listing windows of {symbol} overlap" for symbol in overlapping),
        *(f"valid_to of {symbol} lies before its valid_from" for symbol in backwards),
        *(f"a crypto pair is written like BTC-USD, not {symbol}" for symbol in undashed),
    ]
