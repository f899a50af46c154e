"""Pairs of legs as they are asked for: filters, order, and what costs are assumed."""

from typing import Annotated, Any, Literal

import polars as pl
from fastapi import Depends, Query

from dashboards.funding.pairs import SIDES, costed, costs_of, of_legs
from dashboards.funding.query import PairsQuery
from dashboards.rest.answers import rows
from dashboards.rest.funding_rows import Names, known_assets, known_exchanges, listed
from dashboards.services import Services
from market_assets.core.errors import InvalidRequest

PairOrder = Literal["net_apr", "apr_spread", "rate_spread", "spread_zscore", "open_interest", "daily"]
_ORDERS: dict[str, str] = {
    "net_apr": "net_apr_pct",
    "apr_spread": "gross_apr_pct",
    "rate_spread": "spread_1h",
    "spread_zscore": "spread_z",
    "open_interest": "combined_oi_usd",
    "daily": "daily_spread",
}
#: names of before -> columns
_ALIASES = {
    "asset": "base_asset",
    "apr_spread": "gross_apr_pct",
    "rate_spread": "spread_1h",
    "net_apr": "net_apr_pct",
    "spread_zscore": "spread_z",
}

Percent = Annotated[float | None, Query(allow_inf_nan=False, description="Percent a year")]
Usd = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="USD")]


class Costs:
    """What a round trip is assumed to cost. What is not stated is as in the settings."""

    def __init__(
        self,
        holding_days: Annotated[
            float | None, Query(gt=0, le=3650, description="Days that a round trip's cost is spread over")
        ] = None,
        slippage_pct: Annotated[
            float | None, Query(ge=0, le=100, description="Sum over the four fills of a round trip (%)")
        ] = None,
    ) -> None:
        self._stated = PairsQuery(holding_days=holding_days, slippage_pct=slippage_pct)

    def told(self, app: Services) -> dict[str, Any]:
        """The assumptions in force."""
        assumed = costs_of(self._stated, app.settings.funding.opp)
        return {"holding_days": assumed.holding_days, "slippage_pct": assumed.slippage_pct}

    def apply(self, app: Services, pairs: pl.DataFrame) -> pl.DataFrame:
        """FundingOpportunities as stored, or with costs and ranks by these assumptions."""
        return costed(pairs, self._stated, app.settings.funding.opp)


CostsOf = Annotated[Costs, Depends()]


class PairFilters:
    """The pairs asked for. One exchange, or one interval, is that of either leg; of several both legs have one."""

    def __init__(
        self,
        assets: Names = None,
        exchanges: Names = None,
        intervals: Annotated[str | None, Query(max_length=100, description="Hours, by commas: 1,8")] = None,
        min_apr: Percent = None,
        max_apr: Percent = None,
        min_oi_either: Usd = None,
        min_oi_combined: Usd = None,
        min_net_apr: Percent = None,
    ) -> None:
        self.assets, self.exchanges = assets, exchanges
        self.intervals = _hours(intervals)
        self.bounds = {
            "min_apr": min_apr,
            "max_apr": max_apr,
            "min_oi_either": min_oi_either,
            "min_oi_combined": min_oi_combined,
            "min_net_apr": min_net_apr,
        }

    def conditions(self, app: Services) -> list[pl.Expr]:
        """What a row must fulfil. Raises UnknownName for an asset or exchange that is none."""
        gross, net, both = (pl.col(name) for name in ("gross_apr_pct", "net_apr_pct", "combined_oi_usd"))
        larger = pl.max_horizontal(*(f"{leg}_open_interest_usd" for leg in SIDES))
        value_of = {
            "max_apr": gross,
            "min_apr": gross,
            "min_net_apr": net,
            "min_oi_either": larger,
            "min_oi_combined": both,
        }
        found = [
            value_of[name] <= bound if name == "max_apr" else value_of[name] >= bound
            for name, bound in self.bounds.items()
            if bound is not None
        ]
        if assets := known_assets(app, self.assets):
            found.append(pl.col("base_asset").is_in(assets))
        if exchanges := known_exchanges(app, self.exchanges):
            found.append(of_legs("exchange", exchanges))
        if self.intervals:
            found.append(of_legs("interval_hours", self.intervals))
        return found

    def told(self) -> dict[str, Any]:
        """The filters in force."""
        lists = {"assets": listed(self.assets), "exchanges": listed(self.exchanges), "intervals": self.intervals}
        return {name: value for name, value in (lists | self.bounds).items() if value is not None}


def _hours(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(name) for name in listed(text) or []]
    except ValueError:
        raise InvalidRequest(f"intervals are hours by commas, like 1,8; was {text!r}") from None


def in_order(pairs: pl.DataFrame, sort_by: PairOrder, sort_dir: Literal["asc", "desc"]) -> pl.DataFrame:
    """By what is asked for, unknown last; then by rank."""
    return pairs.sort(
        _ORDERS[sort_by], "rank", descending=[sort_dir == "desc", False], nulls_last=True, maintain_order=True
    )


def pair_rows(pairs: pl.DataFrame) -> list[dict[str, Any]]:
    """Pairs with the names of before."""
    return rows(pairs.with_columns(**{name: pl.col(column) for name, column in _ALIASES.items()}))


def statistics_of(pairs: pl.DataFrame) -> dict[str, Any]:
    """How many pairs, and what they earn net of costs; null without any."""
    net = pairs["net_apr_pct"]
    return {"total_opportunities": pairs.height, "avg_net_apr": net.mean(), "max_net_apr": net.max()}
