"""Opportunities as a table: under the assumed costs, filtered, the best ones. Pure."""

from typing import Any

import polars as pl

from dashboards.funding.query import PairsQuery, joined
from market_assets.funding.settings import OpportunitySettings
from market_assets.funding.transforms.opportunities import ranked, with_costs

#: rows that are sent: who wants others narrows the filters
MOST = 500
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
    smaller = pl.min_horizontal("long_open_interest_usd", "short_open_interest_usd")
    both_known = pl.col("long_open_interest_usd").is_not_null() & pl.col("short_open_interest_usd").is_not_null()
    legs = [pl.col(f"{side}_exchange").is_in(query.exchanges) for side in ("long", "short")]
    wanted = [
        (query.assets, pl.col("base_asset").is_in(query.assets)),
        (query.exchanges, pl.any_horizontal(legs) if len(query.exchanges) == 1 else pl.all_horizontal(legs)),
        *((query.intervals, pl.col(f"{side}_interval_hours").is_in(query.intervals)) for side in ("long", "short")),
    ]
    least = [
        (query.min_net_apr, pl.col("net_apr_pct") >= query.min_net_apr),
        (query.min_apr, pl.col("gross_apr_pct") >= query.min_apr),
        (query.min_oi, both_known & (smaller >= query.min_oi)),
    ]
    asked = [rule for names, rule in wanted if names] + [rule for bound, rule in least if bound is not None]
    return pairs.filter(asked) if asked else pairs


def rows(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """The best rows for the grid, each with the `id` its detail is asked by."""
    best = pairs.sort("rank").head(MOST).select(_ROW)
    return [
        {**row, "id": joined(row["base_asset"], row["long_exchange"], row["short_exchange"])} for row in best.to_dicts()
    ]
