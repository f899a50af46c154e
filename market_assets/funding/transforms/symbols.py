"""One house symbol, one contract: what becomes of two contracts of an exchange that would be called alike."""

import polars as pl

from market_assets.funding.transforms import naming

_CONTRACT = ("exchange", "native_symbol")
_HOLDING = (*_CONTRACT, "spell", "symbol")


def told_apart(runs: pl.DataFrame) -> pl.DataFrame:
    """`runs` with symbols that no two contracts of an exchange have at the same time, in their order.

    Columns used: exchange, native_symbol, spell, symbol, first_at, last_at, listed_at, quote, kind. The contract
    seen first keeps the symbol (then by listed_at, then by name). The other is called by its native symbol:
    base_asset that in upper case, multiplier 1, multiplier_verified false; with a number behind where that is
    taken too.
    """
    attempts = runs.with_columns(attempt=pl.lit(0, pl.UInt32))
    while (late := _latecomers(attempts)).height:
        is_late = pl.col("is_late").fill_null(False)
        again = pl.col("attempt") + 1
        number = pl.when(again > 1).then(pl.format(".{}", again)).otherwise(pl.lit(""))
        native = pl.concat_str(pl.col("native_symbol").str.to_uppercase(), number)
        attempts = (
            attempts.join(late.with_columns(is_late=True), on=_HOLDING, how="left", maintain_order="left")
            .with_columns(
                base_asset=pl.when(is_late).then(native).otherwise("base_asset"),
                multiplier=pl.when(is_late).then(1.0).otherwise("multiplier"),
                multiplier_verified=pl.col("multiplier_verified") & ~is_late,
                attempt=pl.when(is_late).then(again).otherwise("attempt"),
            )
            .with_columns(symbol=naming.symbol_of())
            .drop("is_late")
        )
    return attempts.drop("attempt")


def _latecomers(runs: pl.DataFrame) -> pl.DataFrame:
    """Of each symbol the first contract (columns of a holding) that came while another one had it."""
    is_shared = pl.col("native_symbol").n_unique().over("exchange", "symbol") > 1
    holdings = (
        runs.filter(is_shared)
        .group_by(_HOLDING)
        .agg(pl.col("first_at").min(), pl.col("last_at").max(), pl.col("listed_at").min())
        .sort("first_at", "listed_at", "native_symbol", nulls_last=True)
        .with_row_index("place")
    )
    is_other = pl.col("native_symbol") != pl.col("native_symbol_before")
    met = (pl.col("first_at") <= pl.col("last_at_before")) & (pl.col("place_before") < pl.col("place"))
    return (
        holdings.join(holdings, on=["exchange", "symbol"], suffix="_before")
        .filter(is_other, met)
        .sort("place")
        .unique(["exchange", "symbol"], keep="first", maintain_order=True)
        .select(_HOLDING)
    )
