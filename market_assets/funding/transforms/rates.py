"""Settled events as the table keeps them: each once, with its interval and what it comes to per hour, day and year."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.funding.schemas import FundingRates
from market_assets.funding.transforms import slots
from market_assets.funding.transforms.intervals import with_intervals
from market_assets.funding.transforms.terms import CONTRACT, with_terms

#: settlements are stated some milliseconds late; farther from a full minute they stand as stated
JITTER = timedelta(seconds=5)
ARCHIVE = "binance_archive"
HOURS_A_YEAR = 8760
_EVENT = (*CONTRACT, "funding_time")


def rates(events: pl.DataFrame, contracts: pl.DataFrame, *, first: datetime, until: datetime) -> pl.DataFrame:
    """FundingRates rows with first <= funding_time < until.

    `events`: EVENTS columns, exchange, ingested_at and source, in any order; those outside serve the rule of
    intervals. Rows without a rate are none. Of one event stated several times a row of the exchange itself counts
    before one of Binance's archive, then the one that arrived last. Raises UnknownName for a contract that
    `contracts` (FundingContracts) lacks.
    """
    contract = FundingRates.contract()
    known = with_intervals(_once(events), contracts)
    gridded = slots.with_grid(known, CONTRACT)
    inside = gridded.filter(pl.col("funding_time") >= first, pl.col("funding_time") < until)
    named = with_terms(inside, contracts, at="funding_time", terms=("symbol", "base_asset", "valid_from"))
    mark = pl.col("mark_price")
    rows = named.with_columns(
        **rate_columns(), flag_off_grid=slots.is_off_grid().fill_null(False), mark_price=pl.when(mark > 0).then(mark)
    )
    # two contracts may have had one symbol in turn: the history of the later one reaches back before its turn
    is_early = pl.col("funding_time") < pl.col("valid_from")
    once = _preferred(rows, contract.key, is_early, pl.col("native_symbol"))
    return contract.conform(once.select(list(contract.columns)))


def natives(rates: pl.DataFrame) -> pl.DataFrame:
    """Stored rows (FundingRates) as the events they were made of: what `rates` takes."""
    told = pl.when(pl.col("interval_source") == "row").then("interval_hours")
    return rates.select(
        "native_symbol",
        "funding_time_native",
        "rate_native",
        told.alias("interval_hours"),
        "mark_price",
        "exchange",
        "ingested_at",
        "source",
    )


def rate_columns(prefix: str = "") -> dict[str, pl.Expr]:
    """{prefix}rate_1h, _rate_8h, _rate_1d and _apr_pct from {prefix}rate_native and interval_hours.

    rate_1h = rate_native / interval_hours; x 8; x 24; apr_pct = rate_1h x 8760 x 100 (simple). Null where a part is.
    """
    rate_1h = pl.col(f"{prefix}rate_native") / pl.col("interval_hours")
    per_hours = {"rate_1h": rate_1h, "rate_8h": rate_1h * 8, "rate_1d": rate_1h * 24}
    return {f"{prefix}{name}": rate for name, rate in {**per_hours, "apr_pct": apr_pct(rate_1h)}.items()}


def apr_pct(rate_1h: pl.Expr) -> pl.Expr:
    """Simple yearly percent of a rate per hour."""
    return rate_1h * HOURS_A_YEAR * 100


def settled_at(stated: pl.Expr) -> pl.Expr:
    """A settlement instant, rounded to the minute where it is within 5 s of a full one."""
    minute = stated.dt.round("1m")
    return pl.when((stated - minute).abs() <= JITTER).then(minute).otherwise(stated)


def _once(events: pl.DataFrame) -> pl.DataFrame:
    """Each event that has a rate once, with funding_time."""
    told = events.filter(pl.col("rate_native").is_not_null()).with_columns(
        funding_time=settled_at(pl.col("funding_time_native"))
    )
    is_archived = pl.col("source").str.starts_with(ARCHIVE)
    # the rest of a row decides between rows that arrived together, so that the order of the input does not
    rest = ("funding_time_native", "rate_native", "interval_hours", "mark_price", "source")
    arrived_last = -pl.col("ingested_at").dt.epoch("us")
    return _preferred(told, _EVENT, is_archived, arrived_last, *(pl.col(name) for name in rest))


def _preferred(frame: pl.DataFrame, key: Sequence[str], *order: pl.Expr) -> pl.DataFrame:
    """One row per `key`: the first by `order`. Only rows that need it are sorted: few of millions do."""
    repeated = frame.select(key).is_duplicated()
    if not repeated.any():
        return frame
    kept = frame.filter(repeated).sort(*order, nulls_last=True).unique(key, keep="first", maintain_order=True)
    return pl.concat([frame.filter(~repeated), kept])
