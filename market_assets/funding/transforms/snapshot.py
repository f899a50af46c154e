"""Looks at current funding, prices and open interest in units that can be compared."""

import polars as pl

from market_assets.funding.schemas import FundingSnapshot
from market_assets.funding.transforms import naming
from market_assets.funding.transforms.rates import rate_columns
from market_assets.funding.transforms.terms import with_terms

_TERMS = ("symbol", "base_asset", "multiplier", "contract_size", "oi_unit", "kind", "quote", "listed_hours")


def snapshot(looks: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """FundingSnapshot rows of looks: CURRENT columns, exchange, snapshot_at, latency_ms, ingested_at and source.

    The interval is the look's own, else that of the contract row (FundingContracts) valid then. Prices and open
    interest are brought to the house asset by the multiplier, rates are not. What a look does not say stays null,
    and so does open interest in dollars of a contract that is not priced in dollars. Of a row that is stated twice
    the one that arrived last counts. Raises UnknownName for a contract that `contracts` lacks.
    """
    contract = FundingSnapshot.contract()
    terms = contracts.rename({"interval_hours": "listed_hours"})
    dollars = pl.when(naming.in_dollars()).then(pl.col("open_interest_base") * pl.col("mark_price_base"))
    return contract.conform(
        with_terms(_once(looks), terms, at="snapshot_at", terms=_TERMS)
        .with_columns(_positive("mark_price"), _positive("index_price"), pl.coalesce("interval_hours", "listed_hours"))
        .with_columns(
            **rate_columns("predicted_"),
            mark_price_base=pl.col("mark_price") / pl.col("multiplier"),
            basis_pct=100 * (pl.col("mark_price") / pl.col("index_price") - 1),
        )
        .with_columns(open_interest_base=_open_interest_base())
        .with_columns(open_interest_usd=dollars)
        .select(list(contract.columns))
    )


def _open_interest_base() -> pl.Expr:
    """Open interest in units of base_asset, by what the exchange states it in (oi_unit).

    An inverse contract is worth contract_size dollars, a linear one contract_size native base units.
    """
    native, unit = pl.col("open_interest_native"), pl.col("oi_unit")
    of_dollars = native / pl.col("mark_price_base")
    return (
        pl.when(unit == "base")
        .then(native * pl.col("multiplier"))
        .when(unit == "usd")
        .then(of_dollars)
        .when(pl.col("kind") == "inverse")
        .then(of_dollars * pl.col("contract_size"))
        .otherwise(native * pl.col("contract_size") * pl.col("multiplier"))
    )


def _positive(name: str) -> pl.Expr:
    """A price; some exchanges state 0 where they have none."""
    return pl.when(pl.col(name) > 0).then(name).alias(name)


def _once(looks: pl.DataFrame) -> pl.DataFrame:
    """Each contract once a look; the values decide between rows of one answer, so that their order does not."""
    values = ("predicted_rate_native", "mark_price", "index_price", "open_interest_native", "next_funding_time")
    return looks.sort("ingested_at", *values, maintain_order=True).unique(
        ["exchange", "native_symbol", "snapshot_at"], keep="last", maintain_order=True
    )
