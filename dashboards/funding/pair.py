"""One pair in detail: both legs side by side, and what it earns over time. Pure."""

from collections.abc import Mapping, Sequence
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


#: short name of a time -> what it is called, its hours, and the column that states the spread over it
PERIODS = {
    "1h": ("1 hour", 1.0, "effective_hourly_spread"),
    "1d": ("1 day", 24.0, "daily_spread"),
    "1w": ("1 week", 168.0, "weekly_spread"),
    "1m": ("30 days", 720.0, "monthly_spread"),
    "1y": ("1 year", 8760.0, "yearly_spread"),
}
#: what is told of where a pair's spread mostly was
DISTRIBUTION = ("n_hours", "mean", "std", "median", "p05", "p95")
_TURNED = ("mean", "median", "p05", "p95")


def between(pairs: pl.DataFrame, asset: str, exchanges: Sequence[str]) -> pl.DataFrame:
    """The row of FundingOpportunities of an asset at two exchanges, whichever is short by now; none without one."""
    return pairs.filter(pl.col("base_asset") == asset, *(pl.col(f"{side}_exchange").is_in(exchanges) for side in SIDES))


def pair_of(pairs: pl.DataFrame, asset: str, long_exchange: str, short_exchange: str) -> dict[str, Any] | None:
    """The row of `between`; None without one."""
    found = between(pairs, asset, [long_exchange, short_exchange])
    return found.row(0, named=True) if found.height else None


def distribution(statistics: pl.DataFrame, short_exchange: str) -> dict[str, Any]:
    """DISTRIBUTION of a pair's spread (yearly percent), short minus long; None in each without a row.

    `statistics` are rows of FundingSpreadStatistics of that pair, of which the newest day counts: they are of
    exchange_a minus exchange_b. Where exchange_b is short, the sign changes, and the percentiles their places.
    """
    if statistics.is_empty():
        return dict.fromkeys(DISTRIBUTION)
    newest = statistics.sort("day").row(-1, named=True)
    found = {name: newest[name] for name in DISTRIBUTION}
    if newest["exchange_a"] == short_exchange:
        return found
    turned = {name: None if found[name] is None else -found[name] for name in _TURNED}
    return found | turned | {"p05": turned["p95"], "p95": turned["p05"]}


def projections(pair: dict[str, Any]) -> list[Projection]:
    """What the predicted spread pays if it stays as it is, from an hour to a year; costs once.

    The time after which both legs settle together is among them.
    """
    sync: float = pair["sync_period_hours"]
    columns = {sync: (f"{sync:g} hours, when both settle", "sync_period_spread")}
    columns |= {hours: (title, column) for title, hours, column in PERIODS.values()}
    return [Projection(title, *earned(pair, column)) for _, (title, column) in sorted(columns.items())]


def earned(pair: Mapping[str, Any], column: str) -> tuple[float, float]:
    """Percent of notional that the spread in this column pays, and what is left of it after one round trip."""
    gross: float = 100.0 * pair[column]
    return gross, gross - pair["round_trip_cost_pct"]


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
