"""Opportunities as a table: under the assumed costs, filtered, the best ones. Pure."""

from collections.abc import Collection
from typing import Any

import polars as pl
from polars import selectors

from dashboards.funding.query import PairsQuery, joined
from market_assets.funding.settings import OpportunitySettings
from market_assets.funding.transforms.opportunities import ranked, with_costs

#: rows that are sent: who wants others narrows the filters
MOST = 500
SIDES = ("long", "short")
#: decimals that are sent: more than any column shows
_DIGITS = 6
_ROW = (
    *("rank", "base_asset", "long_exchange", "short_exchange", "long_apr", "short_apr"),
    *("long_interval_hours", "short_interval_hours", "gross_apr_pct", "cost_apr_pct", "net_apr_pct"),
    *("breakeven_hours", "capacity_usd", "basis_pct", "spread_z", "z_flag", "same_side_share_7d_ratio"),
    *("half_life_hours", "min_completeness_pct", "flag_inverse"),
)


def costs_of(query: PairsQuery, opp: OpportunitySettings) -> OpportunitySettings:
    """The settings with the costs that the query assumes instead."""
    assumed = {"holding_days": query.holding_days, "slippage_pct": query.slippage_pct}
    return opp.model_copy(update={name: value for name, value in assumed.items() if value is not None})


def costed(pairs: pl.DataFrame, query: PairsQuery, opp: OpportunitySettings) -> pl.DataFrame:
    """FundingOpportunities under the query's costs, ranked anew."""
    if query.holding_days is None and query.slippage_pct is None:
        return pairs
    return ranked(with_costs(pairs, costs_of(query, opp)))


def matching(pairs: pl.DataFrame, query: PairsQuery) -> pl.DataFrame:
    """The rows of `costed` that the filters leave."""
    # of an unknown size nobody knows whether it is enough
    bounds = [
        ("net_apr_pct", query.min_net_apr),
        ("gross_apr_pct", query.min_apr),
        *((f"{side}_open_interest_usd", query.min_oi) for side in SIDES),
    ]
    rules = [pl.col(column) >= least for column, least in bounds if least is not None]
    if query.assets:
        rules.append(pl.col("base_asset").is_in(query.assets))
    if query.exchanges:
        rules.append(of_legs("exchange", query.exchanges))
    if query.intervals:
        rules.append(of_legs("interval_hours", query.intervals))
    return pairs.filter(rules) if rules else pairs


def of_legs(name: str, wanted: Collection[Any]) -> pl.Expr:
    """One value is asked of either leg, several of both."""
    legs = [pl.col(f"{side}_{name}").is_in(wanted) for side in SIDES]
    return pl.any_horizontal(legs) if len(wanted) == 1 else pl.all_horizontal(legs)


def rows(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """The best rows for the grid, each with the `id` its detail is asked by."""
    best = pairs.sort("rank").head(MOST).select(_ROW).with_columns(selectors.float().round(_DIGITS))
    return [
        {**row, "id": joined(row["base_asset"], row["long_exchange"], row["short_exchange"])} for row in best.to_dicts()
    ]
