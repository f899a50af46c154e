"""Readers of the current state: open contracts, the grid of assets and exchanges, opportunities. See `readers`."""

from datetime import timedelta

import polars as pl

from market_assets.funding.readers_rows import (
    CONTRACTS,
    OPPORTUNITIES,
    SNAPSHOT,
    STATISTICS,
    filled,
    newest_days,
    newest_looks,
    of_newest_day,
)
from market_assets.reading import Moment, instant
from resources.stores.protocol import PartitionStore

_CONTRACT = ["exchange", "symbol"]
#: an exchange whose newest look is this much older than that of the others has stopped
_STOPPED = timedelta(hours=24)
_TERMS = ("venue", "quote", "kind", "multiplier", "multiplier_verified")
_JUDGED = (
    *("mean_1h", "std_1h", "mean_30d_apr", "std_dev_30d_apr"),
    *("z_settled", "modified_z_settled", "z_abs_settled", "percentile_settled", "z_predicted", "percentile_predicted"),
    *("settled_rate_1h", "settled_time", "completeness_pct", "confidence", "zone"),
)
_COLUMNS = (
    *("exchange", "venue", "symbol", "native_symbol", "base_asset", "quote", "kind"),
    *("multiplier", "multiplier_verified", "interval_hours"),
    *("predicted_rate_native", "predicted_rate_1h", "predicted_rate_8h", "predicted_apr_pct", "apy_pct"),
    *("index_price", "mark_price", "mark_price_base"),
    *("open_interest_native", "open_interest_base", "open_interest_usd", "basis_pct"),
    *("next_funding_time", "snapshot_at", "is_trailing", "latency_ms", "source"),
    *_JUDGED,
)


def current_contracts(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> pl.DataFrame:
    """One row per open contract in the newest look at its exchange, with the newest statistics of it.

    Sorted by exchange and symbol. Looks more than 24 h older than the newest one are of exchanges that have
    stopped and are left out. Without statistics of a contract their columns are null. `apy_pct` is null where
    the predicted rate is unknown or so far below zero that compounding it means nothing.
    """
    known = instant(as_of, "as_of")
    asked = filled(store, SNAPSHOT, CONTRACTS)
    looks = newest_looks(asked, known).filter(pl.col("snapshot_at") > pl.col("snapshot_at").max() - _STOPPED)
    terms = asked.read(CONTRACTS, as_of=known).filter(pl.col("valid_to").is_null())
    judged = of_newest_day(asked, STATISTICS, known)
    return (
        looks.join(terms.select(*_CONTRACT, *_TERMS), on=_CONTRACT, how="inner", validate="1:1")
        .join(judged.select(*_CONTRACT, *_JUDGED), on=_CONTRACT, how="left", validate="1:1")
        .with_columns(apy_pct=apy_pct(24.0 * pl.col("predicted_rate_1h")))
        .select(_COLUMNS)
        .sort(_CONTRACT)
    )


def apy_pct(rate_1d: pl.Expr) -> pl.Expr:
    """100 ((1 + rate_1d)^365 - 1): the yearly percent of a rate per day, compounded (spec section 4)."""
    compounded = 100.0 * ((1.0 + rate_1d) ** 365 - 1.0)
    return pl.when((rate_1d > -1.0) & compounded.is_finite()).then(compounded)


def grid(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> pl.DataFrame:
    """Rows of `current_contracts`, per base_asset and exchange the contract of the largest open interest (USD).

    Sorted by base_asset and exchange. Where open interest does not tell, the first symbol counts.
    """
    return largest(current_contracts(as_of=as_of, store=store))


def largest(contracts: pl.DataFrame) -> pl.DataFrame:
    """Of rows of `current_contracts` those of `grid`."""
    cell = ["base_asset", "exchange"]
    return contracts.sort(
        *cell, "open_interest_usd", "symbol", descending=[False, False, True, False], nulls_last=True
    ).unique(cell, keep="first", maintain_order=True)


def opportunities(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> pl.DataFrame:
    """FundingOpportunities of the newest round, by rank; no rows where it found no pair."""
    known = instant(as_of, "as_of")
    asked = filled(store, OPPORTUNITIES)
    rows = asked.read(OPPORTUNITIES, newest_days(asked, OPPORTUNITIES, known), as_of=known)
    return rows.filter(pl.col("as_of") == pl.col("as_of").max()).sort("rank")
