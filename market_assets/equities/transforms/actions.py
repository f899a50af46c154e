"""Corporate actions: vendor rows turned into one row per action with the factors it applies.

What an action does to prices belongs to `adjust`; here is only what is known of it, and since when.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from market_assets.equities.schemas import EquitiesCorporateActions

_KEY = ("symbol", "kind", "ex_date", "amount_key")


class Actions(NamedTuple):
    """Actions fit to store, rows that are not, and which were moved to another date."""

    #: EquitiesCorporateActions rows
    actions: pl.DataFrame
    #: the same columns with reason and row_number (position in the vendor's answer)
    quarantined: pl.DataFrame
    #: symbol, kind, ex_date, vendor_ex_date of actions the vendor dates on a day without session
    moved: pl.DataFrame


def with_factors(
    fetched: pl.DataFrame, bars: pl.DataFrame, sessions: Sequence[date], previous: pl.DataFrame
) -> Actions:
    """The actions of the fetched symbols with the factors they apply.

    `fetched`: symbol, ex_date, kind, split_from, split_to, amount, amount_basis, currency,
    dividend_type, declared_date, record_date, pay_date, source, ingested_at; columns a vendor lacks
    may be absent. An amount_basis of `split_adjusted` is converted to as-paid units.
    `bars`: unadjusted symbol, session_date, close of every year. `sessions`: the calendar, ascending.
    `previous`: this table as it was stored, or empty: its first_seen_at is kept, and its rows that
    the vendor no longer states stay, `withdrawn`. A dividend without a previous close has no
    price_factor yet. Quarantine reasons: ex_date_missing, split_terms_not_positive,
    amount_negative, amount_not_below_prev_close.
    """
    contract = EquitiesCorporateActions.contract()
    dated = _on_sessions(as_paid(_typed(fetched)), sessions).with_columns(withdrawn=pl.lit(False))
    moved = dated.filter(pl.col("ex_date") != pl.col("vendor_ex_date")).select(
        "symbol", "kind", "ex_date", "vendor_ex_date"
    )
    stated = dated.drop("vendor_ex_date")
    known = previous.select(list(contract.columns)).with_columns(
        withdrawn=pl.lit(True), row_number=pl.lit(-1, dtype=pl.Int64)
    )
    merged = (
        pl.concat([known.select(stated.columns), stated])
        .sort(*_KEY, "row_number")
        .unique(list(_KEY), keep="last", maintain_order=True)
        .join(
            known.select(*_KEY, seen_before=pl.col("first_seen_at")),
            on=list(_KEY),
            how="left",
            maintain_order="left",
        )
        .with_columns(first_seen_at=pl.coalesce("seen_before", "ingested_at"))
    )
    judged = _factored(_with_prev_close(merged, bars, sessions)).with_columns(reason=_reason())
    good = judged.filter(pl.col("reason").is_null()).select(list(contract.columns))
    bad = (
        judged.filter(pl.col("reason").is_not_null())
        .select(*contract.columns, "reason", "row_number")
        # an amount of NaN or infinity is told by the reason; the value itself is never stored
        .with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)))
    )
    return Actions(contract.validate(good), bad, moved.sort("symbol", "ex_date", "kind"))


def _typed(fetched: pl.DataFrame) -> pl.DataFrame:
    """`fetched` with every column of the contract (absent ones null) and row_number."""
    schema = EquitiesCorporateActions.contract().schema
    numbered = fetched if "row_number" in fetched.columns else fetched.with_row_index("row_number")
    absent = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in numbered.columns]
    is_split = pl.col("kind") == "split"
    has_terms = (pl.col("split_from") > 0) & (pl.col("split_to") > 0)
    return (
        numbered.with_columns(absent)
        .with_columns(pl.col(name).cast(kind) for name, kind in schema.items())
        .with_columns(
            pl.col("row_number").cast(pl.Int64),
            amount_basis=pl.when(~is_split).then(pl.col("amount_basis").fill_null("as_paid")),
            split_ratio=pl.when(is_split & has_terms).then(pl.col("split_to") / pl.col("split_from")),
        )
        .select(*schema, "row_number")
    )


def as_paid(actions: pl.DataFrame) -> pl.DataFrame:
    """`actions` with every amount in the units it was paid in.

    An amount stated on today's share basis (amount_basis `split_adjusted`) is multiplied by the
    ratios of the splits after it: Yahoo's 0.265 before a 2-for-1 was paid as 0.53.
    """
    splits = actions.filter(pl.col("kind") == "split").select("symbol", "ex_date", "split_ratio")
    later = later_product(actions.select("symbol", "ex_date").unique(), splits, "split_ratio")
    adjusted = pl.col("amount_basis") == "split_adjusted"
    return (
        actions.join(later, on=["symbol", "ex_date"], how="left", maintain_order="left")
        .with_columns(
            amount=pl.when(adjusted).then(pl.col("amount") * pl.col("later_product")).otherwise(pl.col("amount")),
            amount_basis=pl.when(adjusted).then(pl.lit("split_adjusted_converted")).otherwise(pl.col("amount_basis")),
        )
        .drop("later_product")
    )


def later_product(days: pl.DataFrame, actions: pl.DataFrame, factor: str) -> pl.DataFrame:
    """For each (symbol, ex_date) of `days`: `later_product`, the product of `factor` of later actions."""
    products = (
        actions.group_by("symbol", "ex_date")
        .agg(pl.col(factor).sort().product())
        .sort("symbol", "ex_date")
        .with_columns(later_product=pl.col(factor).cum_prod(reverse=True).over("symbol"))
        .sort("ex_date", "symbol")
        .drop(factor)
    )
    return (
        days.sort("ex_date", "symbol")
        .join_asof(
            products, on="ex_date", by="symbol", strategy="forward", allow_exact_matches=False, check_sortedness=False
        )
        .with_columns(pl.col("later_product").fill_null(1.0))
    )


def _on_sessions(actions: pl.DataFrame, sessions: Sequence[date]) -> pl.DataFrame:
    """ex_date moved to the session it takes effect on; outside the known sessions it stays.

    Adds amount_key and vendor_ex_date.
    """
    calendar = pl.DataFrame({"session": sorted(sessions)}, schema={"session": pl.Date})
    return (
        actions.sort("ex_date")
        .join_asof(calendar, left_on="ex_date", right_on="session", strategy="forward")
        .with_columns(
            vendor_ex_date=pl.col("ex_date"),
            ex_date=pl.when(pl.col("ex_date") < calendar["session"].min())
            .then(pl.col("ex_date"))
            .otherwise(pl.coalesce("session", "ex_date")),
            amount_key=pl.col("amount").round(6).fill_null(0.0),
        )
        .drop("session")
    )


def _with_prev_close(actions: pl.DataFrame, bars: pl.DataFrame, sessions: Sequence[date]) -> pl.DataFrame:
    """prev_close: the stored close of exactly the session before ex_date, else null."""
    calendar = pl.DataFrame({"prev_session": sorted(sessions)}, schema={"prev_session": pl.Date})
    closes = bars.select("symbol", prev_session="session_date", close="close")
    last_session = calendar["prev_session"].max()
    return (
        actions.sort("ex_date")
        .join_asof(
            calendar,
            left_on="ex_date",
            right_on="prev_session",
            strategy="backward",
            allow_exact_matches=False,
            coalesce=False,
        )
        # a date beyond the calendar is announced: its previous session is not known yet
        .with_columns(prev_session=pl.when(pl.col("ex_date") <= last_session).then(pl.col("prev_session")))
        .join(closes, on=["symbol", "prev_session"], how="left", maintain_order="left")
        .with_columns(prev_close=pl.col("close"))
        .drop("close", "prev_session")
        .sort(*_KEY)
    )


def _factored(actions: pl.DataFrame) -> pl.DataFrame:
    is_split = pl.col("kind") == "split"
    return actions.with_columns(
        price_factor=pl.when(is_split)
        .then(1.0 / pl.col("split_ratio"))
        .otherwise(1.0 - pl.col("amount") / pl.col("prev_close")),
        volume_factor=pl.when(is_split).then(pl.col("split_ratio")).otherwise(1.0),
    )


def _reason() -> pl.Expr:
    """Name of the first row rule an action breaks, null where it breaks none."""
    is_split = pl.col("kind") == "split"
    terms = pl.col("split_ratio").is_finite().fill_null(False)
    cash = (pl.col("amount").is_finite() & (pl.col("amount") >= 0)).fill_null(False)
    return (
        pl.when(pl.col("ex_date").is_null())
        .then(pl.lit("ex_date_missing"))
        .when(is_split & ~terms)
        .then(pl.lit("split_terms_not_positive"))
        .when(~is_split & ~cash)
        .then(pl.lit("amount_negative"))
        .when(~is_split & (pl.col("price_factor") <= 0))
        .then(pl.lit("amount_not_below_prev_close"))
    )
