"""Which contract stands for an asset at an exchange, and what two such legs have in common."""

import numpy as np
import polars as pl

from market_assets.funding.settings import FundingSettings

#: quotes a leg may have; where open interest does not tell, the earlier one is chosen
QUOTES = ("USDT", "USDC", "USD")
_CONTRACT = ("exchange", "symbol")
#: what a choice depends on besides the open interest, and what is done with the chosen one
TERMS = (*_CONTRACT, "base_asset", "native_symbol", "quote", "kind", "multiplier", "multiplier_verified")
_SECONDS = 3600.0


def chosen(candidates: pl.DataFrame, by: list[str], funding: FundingSettings) -> pl.DataFrame:
    """One leg per `by`: the linear contract of the largest open_interest_usd, an inverse one where there is no linear.

    `candidates` has TERMS and `open_interest_usd`; where that is unknown, it comes last, then by quote in the order
    of QUOTES and by native_symbol. Contracts of unverified multiplier or of another quote are none. Adds `venue` and
    `is_inverse`; sorted by `by`.
    """
    return (
        candidates.filter("multiplier_verified", pl.col("quote").is_in(QUOTES))
        .with_columns(
            venue=pl.col("exchange").map_elements(funding.venue_of, return_dtype=pl.String),
            is_inverse=pl.col("kind") == "inverse",
            preference=pl.col("quote").replace_strict(list(QUOTES), range(len(QUOTES)), return_dtype=pl.Int8),
        )
        .sort(
            *by,
            "is_inverse",
            "open_interest_usd",
            "preference",
            "native_symbol",
            descending=[*(False for _ in by), False, True, False, False],
            nulls_last=True,
        )
        .unique(by, keep="first", maintain_order=True)
        .drop("preference")
    )


def in_force(contracts: pl.DataFrame, traded: pl.DataFrame) -> pl.DataFrame:
    """The terms of each contract on each day (FundingContracts columns): those at the day's end, or its last ones.

    `traded`: `day`, `exchange`, `symbol` that have a rate; their days are the days. Terms hold from valid_from to
    valid_to, a contract's first ones also on earlier days that have a rate of it.
    """
    start = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    first = pl.col("valid_from") == pl.col("valid_from").min().over(_CONTRACT)
    known = contracts.select(*TERMS, "valid_from", "valid_to", is_first=first)
    on_days = traded.select("day").unique().join(known, how="cross")
    return (
        on_days.join(traded.with_columns(is_traded=True), on=["day", *_CONTRACT], how="left")
        .filter(
            (pl.col("valid_from") < start.dt.offset_by("1d")) | (pl.col("is_first") & pl.col("is_traded")),
            pl.col("valid_to").is_null() | (pl.col("valid_to") > start),
        )
        .sort("day", *_CONTRACT, "valid_from")
        .unique(["day", *_CONTRACT], keep="last", maintain_order=True)
        .select("day", *TERMS)
    )


def common_hours(first: pl.Series, second: pl.Series) -> pl.Series:
    """Least common multiple of two intervals (h), to the second: 8 and 1 meet every 8 h, 8 and 3 every 24 h."""
    seconds = [(hours * _SECONDS).round().cast(pl.Int64).clip(1).to_numpy() for hours in (first, second)]
    return pl.Series(np.lcm(*seconds) / _SECONDS, dtype=pl.Float64)


def basis_pct(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """200 (first - second) / (first + second): by how much two prices of the same thing differ, of their mean."""
    return 200.0 * (first - second) / (first + second)
