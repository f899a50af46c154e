"""`/api/arbitrage`: pairs of legs ranked net of costs, and the search for an asset."""

from datetime import datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Depends, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.errors import RESPONSES
from dashboards.rest.funding_pair_bodies import AssetSearchBody, OpportunitiesBody
from dashboards.rest.funding_pairs import Costs, CostsOf, PairFilters, PairOrder, in_order, pair_rows, statistics_of
from dashboards.rest.funding_rows import (
    NOW,
    PAIRS,
    contracts_now,
    pairs_now,
)
from dashboards.rest.requests import AsOf, ServicesOf, cached
from market_assets.core import clock

router = APIRouter(prefix="/api/arbitrage", tags=["funding"], responses=RESPONSES)

_MOST = 50

FiltersOf = Annotated[PairFilters, Depends()]


@router.get("/opportunities", response_model=OpportunitiesBody)
def opportunities(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    min_spread: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="Least spread per 8 hours (fraction)")
    ] = 0.0,
    top_n: Annotated[int, Query(ge=1, le=1000, description="Pairs at most")] = 20,
) -> Response:
    """The best pairs net of costs. Legs of different intervals are compared per hour, `min_spread` per 8 hours."""

    def build() -> dict[str, Any]:
        wide = pairs_now(app, as_of).filter(pl.col("spread_1h") * 8 >= min_spread)
        asked = {"min_spread": min_spread, "top_n": top_n} | Costs().told(app)
        return _page(wide, asked, as_of, "v1", size=top_n)

    return cached(request, app, PAIRS, app.settings.api.cache_ttl_s, build)


@router.get("/opportunities-v2", response_model=OpportunitiesBody)
def opportunities_v2(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    filters: FiltersOf,
    costs: CostsOf,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    page_size: Annotated[
        int | None, Query(ge=1, le=_MOST, description="Pairs a page; funding.page_size at most")
    ] = None,
    sort_by: PairOrder = "net_apr",
    sort_dir: Literal["asc", "desc"] = "desc",
) -> Response:
    """Pairs by page, filtered and in order. `holding_days` and `slippage_pct` replace the assumed costs."""
    conditions, most = filters.conditions(app), app.settings.funding.page_size
    size = min(page_size or most, most)

    def build() -> dict[str, Any]:
        found = in_order(costs.apply(app, pairs_now(app, as_of)).filter(*conditions), sort_by, sort_dir)
        asked = filters.told() | costs.told(app) | {"sort_by": sort_by, "sort_dir": sort_dir}
        return _page(found, asked, as_of, "v2", number=page, size=size)

    return cached(request, app, PAIRS, app.settings.api.cache_ttl_s, build)


def _page(
    found: pl.DataFrame, asked: dict[str, Any], as_of: datetime | None, version: str, *, size: int, number: int = 1
) -> dict[str, Any]:
    return {
        "opportunities": pair_rows(found.slice((number - 1) * size, size)),
        "statistics": statistics_of(found),
        "pagination": {
            "total": found.height,
            "page": number,
            "page_size": size,
            "total_pages": -(-found.height // size),
        },
        "parameters": asked,
        "timestamp": clock.now(),
        "version": version,
        "as_of": as_of,
    }


@router.get("/assets/search", response_model=AssetSearchBody)
def search_assets(
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    q: Annotated[str, Query(min_length=1, max_length=60, description="Part of an asset's name")],
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Response:
    """Assets whose name contains the query, with how many pairs they have."""
    asked = q.strip().lower()

    def build() -> dict[str, Any]:
        pairs = (
            pairs_now(app, as_of)
            .group_by("base_asset", maintain_order=True)
            .agg(opportunities=pl.len(), max_net_apr=pl.col("net_apr_pct").max())
        )
        name = pl.col("base_asset").str.to_lowercase()
        found = (
            contracts_now(app, as_of)
            .filter(name.str.contains(asked, literal=True))
            .group_by("base_asset", maintain_order=True)
            .agg(contracts=pl.len(), exchanges=pl.col("exchange").unique().sort())
            .join(pairs, on="base_asset", how="left")
            .with_columns(pl.col("opportunities").fill_null(0))
            .sort(name != asked, ~name.str.starts_with(asked), "base_asset")
            .rename({"base_asset": "asset"})
            .head(limit)
        )
        return {
            "results": rows(found),
            "query": q,
            "count": found.height,
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, (*NOW, *PAIRS), app.settings.api.cache_ttl_grid_s, build)
