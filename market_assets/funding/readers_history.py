"""Readers of history: settled rates, spreads of a pair, completeness. See `readers`."""

from datetime import date

import polars as pl

from market_assets.core.errors import InvalidRequest
from market_assets.funding.readers_rows import (
    COMPLETENESS,
    CONTRACTS,
    RATES,
    SPREADS,
    filled,
    of_newest_day,
)
from market_assets.reading import Moment, instant
from resources.stores.protocol import PartitionStore

_BY_TIME = ["funding_time", "exchange", "symbol"]


def settled(
    *,
    symbol: str | None = None,
    base_asset: str | None = None,
    exchange: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """FundingRates of a contract, an asset, an exchange, or all, with start <= funding_time <= end, by time."""
    asked, known = filled(store, RATES), instant(as_of, "as_of")
    named = {"symbol": symbol, "base_asset": base_asset}
    where: dict[str, object] = {name: value for name, value in named.items() if value is not None}
    exchanges = [exchange] if exchange is not None else _exchanges_of(asked, where) if where else []
    if exchanges:
        where["exchange"] = exchanges
    return asked.read(RATES, where=where, start=start, end=end, as_of=known).sort(_BY_TIME)


def _exchanges_of(store: PartitionStore, where: dict[str, object]) -> list[str]:
    """The exchanges that list or have listed it: the others' partitions need not be read. Empty where none is known."""
    return sorted(store.read(CONTRACTS, columns=["exchange"], where=where)["exchange"].unique())


def spread_history(
    base_asset: str,
    exchange_a: str,
    exchange_b: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """FundingSpreads of one pair by hour, whichever order its exchanges are named in.

    `spread_apr_pct` is that of the first exchange in the alphabet minus the other. Raises InvalidRequest where
    both are one.
    """
    if exchange_a == exchange_b:
        raise InvalidRequest(f"a spread is between two exchanges; both were {exchange_a}")
    asked, known = filled(store, SPREADS), instant(as_of, "as_of")
    first, second = sorted((exchange_a, exchange_b))
    where = {"base_asset": base_asset, "exchange_a": first, "exchange_b": second}
    return asked.read(SPREADS, where=where, start=start, end=end, as_of=known)


def completeness(
    *, day: date | str | None = None, as_of: Moment | None = None, store: PartitionStore | None = None
) -> pl.DataFrame:
    """FundingCompleteness of every exchange on its newest day, or on `day`."""
    asked, known = filled(store, COMPLETENESS), instant(as_of, "as_of")
    if day is None:
        return of_newest_day(asked, COMPLETENESS, known)
    at = instant(day, "day")
    return asked.read(COMPLETENESS, start=at, end=at, as_of=known)
