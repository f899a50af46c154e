"""Prices on one share basis: factors of later splits and dividends, applied at write or at read.

A factor of a session is the product over actions with a LATER ex date, none later than `as_of`.
An action without a price factor (its previous close is not stored) counts as 1; `unknown_factors`
lists those for the record.
"""

from datetime import date
from typing import Literal

import polars as pl

from market_assets.equities.schemas import EquitiesAdjustedBars

Adjustment = Literal["none", "split", "total"]

_PRICES = ("open", "high", "low", "close")
#: columns of bars and scored bars that are prices or volumes of the session's own share basis
_PRICE_COLUMNS = (*_PRICES, "vwap_vendor", "prev_close_ref")
_VOLUME_COLUMNS = ("volume", "volume_median_60")
_FACTORS = ("split_factor", "dividend_factor", "volume_factor")


def adjusted(scored: pl.DataFrame, actions: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """EquitiesAdjustedBars of the scored bars, with the actions whose ex date is not after `as_of`.

    `available_at` is the bar's own; what was known of actions is told by `actions_as_of`.
    """
    applied = actions.filter(pl.col("ex_date") <= as_of)
    knowledge = applied.group_by("symbol").agg(actions_as_of=pl.col("first_seen_at").max())
    total = pl.col("split_factor") * pl.col("dividend_factor")
    contract = EquitiesAdjustedBars.contract()
    return contract.validate(
        factored(scored, applied)
        .join(knowledge, on="symbol", how="left", maintain_order="left")
        .with_columns((pl.col(price) * pl.col("split_factor")).alias(f"{price}_split") for price in _PRICES)
        .with_columns((pl.col(price) * total).alias(f"{price}_total") for price in _PRICES)
        .with_columns(volume_split=pl.col("volume") * pl.col("volume_factor"), total_factor=total)
        .select(list(contract.columns))
    )


def adjust_at_read(bars: pl.DataFrame, actions: pl.DataFrame, mode: Adjustment, as_of: date) -> pl.DataFrame:
    """Raw or scored bars with prices and volumes adjusted; same columns, rows and order.

    `split` and `total` apply actions with session_date < ex_date <= `as_of`; volumes follow splits
    only. `bars` needs symbol and session_date; of the price and volume columns it adjusts those it has.
    """
    if mode == "none":
        return bars
    factors = factored(bars, actions.filter(pl.col("ex_date") <= as_of))
    price = pl.col("split_factor") if mode == "split" else pl.col("split_factor") * pl.col("dividend_factor")
    prices = [pl.col(name) * price for name in _PRICE_COLUMNS if name in bars.columns]
    volumes = [pl.col(name) * pl.col("volume_factor") for name in _VOLUME_COLUMNS if name in bars.columns]
    return factors.with_columns(*prices, *volumes).select(bars.columns)


def factored(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """`bars` in their order with split_factor, dividend_factor, volume_factor and n_actions_applied (Int32)."""
    steps = _steps(actions)
    return (
        bars.with_row_index("__row")
        .sort("session_date", "symbol")
        .join_asof(
            steps,
            left_on="session_date",
            right_on="ex_date",
            by="symbol",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .sort("__row")
        .drop("__row", "ex_date", strict=False)
        .with_columns(pl.col(*_FACTORS).fill_null(1.0), pl.col("n_actions_applied").fill_null(0))
    )


def _steps(actions: pl.DataFrame) -> pl.DataFrame:
    """What all actions from an ex date on multiply earlier values by, per symbol and ex date."""
    is_split = pl.col("kind") == "split"
    factor = pl.col("price_factor").fill_null(1.0)
    return (
        actions.sort("symbol", "ex_date", "kind", "amount_key")
        .with_columns(
            split_factor=pl.when(is_split).then(factor).otherwise(1.0),
            dividend_factor=pl.when(is_split).then(1.0).otherwise(factor),
        )
        .group_by("symbol", "ex_date", maintain_order=True)
        .agg(pl.col(*_FACTORS).product(), n_actions_applied=pl.len().cast(pl.Int32))
        .with_columns(
            pl.col(*_FACTORS).cum_prod(reverse=True).over("symbol"),
            pl.col("n_actions_applied").cum_sum(reverse=True).over("symbol"),
        )
        .sort("ex_date", "symbol")
    )


def unknown_factors(actions: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The actions in force that count as 1 because their previous close is not stored: symbol, ex_date, kind."""
    return (
        actions.filter((pl.col("ex_date") <= as_of) & pl.col("price_factor").is_null())
        .select("symbol", "ex_date", "kind")
        .sort("symbol", "ex_date", "kind")
    )
