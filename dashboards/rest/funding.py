"""`/api`: contracts of the funding domain. Predicted rates, the grid of assets and exchanges, z-scores."""

from datetime import datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Path, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.errors import RESPONSES
from dashboards.rest.funding_bodies import (
    CurrentFundingBody,
    FundingGridBody,
    FundingRateRow,
    ScoredContractsBody,
)
from dashboards.rest.funding_rows import (
    HIGH_Z,
    NOW,
    AssetName,
    Names,
    OneExchange,
    contracts_now,
    current_frame,
    grid_now,
    known_asset,
    known_exchange,
    known_exchanges,
    moment,
    rate_frame,
    rate_rows,
    score_frame,
)
from dashboards.rest.requests import AsOf, ServicesOf, cached
from market_assets.core import clock

router = APIRouter(prefix="/api", tags=["funding"], responses=RESPONSES)

_MOST = 10_000
Limit = Annotated[int, Query(ge=1, le=_MOST, description="Rows at most")]
Apr = Annotated[float | None, Query(allow_inf_nan=False, description="Percent a year")]

RateOrder = Literal["apr", "funding_rate", "open_interest", "symbol", "exchange"]
ScoreOrder = Literal["zscore_abs", "zscore_desc", "zscore_asc", "apr_desc", "apr_asc", "symbol", "exchange"]
_RATE_COLUMNS = {"apr": "apr", "funding_rate": "funding_rate", "open_interest": "open_interest_usd"}
_CELL = pl.struct(
    funding_rate="predicted_rate_native",
    rate_8h="predicted_rate_8h",
    apr="predicted_apr_pct",
    funding_interval_hours="interval_hours",
    z_score="z_predicted",
    percentile="percentile_predicted",
    mean_30d="mean_1h",
    std_dev_30d="std_1h",
    symbol="symbol",
)


@router.get("/funding-rates", response_model=list[FundingRateRow])
def funding_rates(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    limit: Limit = 100,
    exchange: OneExchange = None,
    base_asset: Annotated[str | None, Query(max_length=60)] = None,
    min_apr: Apr = None,
    max_apr: Apr = None,
    sort_by: RateOrder = "apr",
    sort_order: Literal["asc", "desc"] = "desc",
) -> Response:
    """Open contracts with their predicted rates. Rates that are unknown come last, and pass no bound."""
    conditions = _bounds(pl.col("apr"), min_apr, max_apr)
    if exchange is not None:
        conditions.append(pl.col("exchange") == known_exchange(app, exchange))
    if base_asset is not None:
        conditions.append(pl.col("base_asset") == known_asset(app, base_asset))
    by, descending = _RATE_COLUMNS.get(sort_by, sort_by), sort_order == "desc"

    def build() -> list[dict[str, Any]]:
        found = rate_frame(contracts_now(app, as_of)).filter(*conditions)
        ordered = found.sort(
            [by, "exchange", "symbol"], descending=[descending, False, False], nulls_last=True, maintain_order=True
        )
        return _answered(rows(ordered.head(limit)), as_of)

    return cached(request, app, NOW, app.settings.api.cache_ttl_s, build)


@router.get("/top-apr/{limit}", response_model=list[FundingRateRow])
def top_apr(
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    limit: Annotated[int, Path(ge=1, le=_MOST, description="Rows at most")],
) -> Response:
    """The contracts of the highest predicted yearly percent, highest first."""

    def build() -> list[dict[str, Any]]:
        known = contracts_now(app, as_of).filter(pl.col("predicted_apr_pct").is_not_null())
        highest = known.sort("predicted_apr_pct", descending=True, maintain_order=True).head(limit)
        return _answered(rate_rows(highest), as_of)

    return cached(request, app, NOW, app.settings.api.cache_ttl_s, build)


@router.get("/funding-rates-grid", response_model=FundingGridBody)
def funding_rates_grid(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Asset by exchange: of each pair the contract of the largest open interest."""

    def build() -> dict[str, Any]:
        assets: dict[str, dict[str, Any]] = {}
        cells = grid_now(app, as_of).select("base_asset", "exchange", cell=_CELL)
        for asset, exchange, cell in cells.iter_rows():
            assets.setdefault(asset, {})[exchange] = cell
        data = [{"asset": asset, "exchanges": exchanges} for asset, exchanges in assets.items()]
        return {"data": data, "total_assets": len(data), "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, NOW, app.settings.api.cache_ttl_grid_s, build)


@router.get("/contracts-with-zscores", response_model=ScoredContractsBody)
def contracts_with_zscores(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    sort: ScoreOrder = "zscore_abs",
    min_abs_zscore: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
    exchanges: Names = None,
    search: Annotated[str | None, Query(max_length=60, description="Part of a symbol or asset")] = None,
) -> Response:
    """Open contracts with z and percentile of their rates, and the time to the next settlement."""
    conditions = []
    if min_abs_zscore is not None:
        conditions.append(pl.col("z_predicted").abs() >= min_abs_zscore)
    if chosen := known_exchanges(app, exchanges):
        conditions.append(pl.col("exchange").is_in(chosen))
    if search and search.strip():
        named = [pl.col(name).str.to_lowercase() for name in ("symbol", "native_symbol", "base_asset")]
        conditions.append(pl.any_horizontal(n.str.contains(search.strip().lower(), literal=True) for n in named))

    def build() -> dict[str, Any]:
        found = contracts_now(app, as_of).filter(*conditions)
        listed = _ordered(score_frame(found, moment(as_of)), sort)
        return {
            "contracts": rows(listed),
            "total": listed.height,
            "high_deviation_count": listed.filter(pl.col("z_score").abs() > HIGH_Z).height,
            "updated_at": found["snapshot_at"].max(),
            "as_of": as_of,
        }

    return cached(request, app, NOW, app.settings.api.cache_ttl_s, build)


def _ordered(scored: pl.DataFrame, sort: ScoreOrder) -> pl.DataFrame:
    """By what is asked for, unknown last; then by exchange and symbol."""
    name, _, direction = sort.partition("_")
    by = {"zscore": pl.col("z_score"), "apr": pl.col("apr")}.get(name, pl.col(name))
    first = by.abs() if direction == "abs" else by
    descending = [direction in ("abs", "desc"), False, False]
    return scored.sort(first, "exchange", "symbol", descending=descending, nulls_last=True, maintain_order=True)


@router.get("/current-funding/{asset}", response_model=CurrentFundingBody)
def current_funding(request: Request, app: ServicesOf, as_of: AsOf, asset: AssetName) -> Response:
    """Every open contract of an asset with its predicted rate and the seconds until it settles."""
    base_asset, now = known_asset(app, asset), moment(as_of)

    def build() -> dict[str, Any]:
        found = contracts_now(app, as_of).filter(pl.col("base_asset") == base_asset)
        listed = rows(current_frame(found, now))
        return {"asset": base_asset, "count": found.height, "data": listed, "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, NOW, app.settings.api.cache_ttl_s, build)


def _bounds(value: pl.Expr, least: float | None, most: float | None) -> list[pl.Expr]:
    bounds = [value >= least] if least is not None else []
    return bounds + ([value <= most] if most is not None else [])


def _answered(found: list[dict[str, Any]], as_of: datetime | None) -> list[dict[str, Any]]:
    """A list has no envelope: each row repeats the instant asked for."""
    return found if as_of is None else [{**row, "as_of": as_of} for row in found]
