"""One pair in detail: both legs side by side, and what it earns over time. Pure."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards.funding.pairs import SIDES


@dataclass(frozen=True)
class Projection:
    """Percent of notional over a time: what the spread pays, and what is left of it after one round trip."""

    title: str
    gross_pct: float
    net_pct: float


#: hours -> the name of that time, and the column that states the spread over it
_PERIODS = {
    1.0: ("1 hour", "effective_hourly_spread"),
    24.0: ("1 day", "daily_spread"),
    168.0: ("1 week", "weekly_spread"),
    720.0: ("30 days", "monthly_spread"),
    8760.0: ("1 year", "yearly_spread"),
}


def pair_of(pairs: pl.DataFrame, asset: str, long_exchange: str, short_exchange: str) -> dict[str, Any] | None:
    """The row of FundingOpportunities of that pair, whichever leg is short by now; None without one."""
    exchanges = [long_exchange, short_exchange]
    found = pairs.filter(
        pl.col("base_asset") == asset,
        pl.col("long_exchange").is_in(exchanges) & pl.col("short_exchange").is_in(exchanges),
    )
    return found.row(0, named=True) if found.height else None


def projections(pair: dict[str, Any]) -> list[Projection]:
    """What the predicted spread pays if it stays as it is, from an hour to a year; costs once.

    The time after which both legs settle together is among them.
    """
    sync: float = pair["sync_period_hours"]
    both = {sync: (f"{sync:g} hours, when both settle", "sync_period_spread")}
    return [
        Projection(title, gross := 100.0 * pair[column], gross - pair["round_trip_cost_pct"])
        for _, (title, column) in sorted({**both, **_PERIODS}.items())
    ]


def legs(pair: dict[str, Any], contracts: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Long and short leg: what the opportunity says of each, and what `readers.current_contracts` knows besides."""
    found = {}
    for side in SIDES:
        exchange, symbol = pair[f"{side}_exchange"], pair[f"{side}_symbol"]
        known = contracts.filter(pl.col("exchange") == exchange, pl.col("symbol") == symbol)
        more = known.row(0, named=True) if known.height else dict.fromkeys(contracts.columns)
        found[side] = {
            **more,
            "exchange": exchange,
            "symbol": symbol,
            "rate": pair[f"{side}_rate"],
            "apr": pair[f"{side}_apr"],
            "interval_hours": pair[f"{side}_interval_hours"],
            "taker_bps": pair[f"taker_{side}_bps"],
            "open_interest_usd": pair[f"{side}_open_interest_usd"],
        }
    return found
