"""`/api`: the funding domain in numbers. All contracts, exchange by exchange, asset by asset, extremes."""

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.errors import RESPONSES
from dashboards.rest.funding_bodies import (
    AssetGroupsBody,
    ExchangesBody,
    ExtremesBody,
    FundingStatisticsBody,
    FundingSummaryBody,
)
from dashboards.rest.funding_rows import EXTREME_Z, HIGH_Z, NOW, contracts_now, rate_rows
from dashboards.rest.requests import AsOf, ServicesOf, cached
from market_assets.core import clock
from market_assets.funding import readers

router = APIRouter(prefix="/api", tags=["funding"], responses=RESPONSES)

_APR = pl.col("predicted_apr_pct")
#: a sum without a known part is unknown, not 0
_INTEREST = pl.when(pl.col("open_interest_usd").count() > 0).then(pl.col("open_interest_usd").sum())
_OF_GROUP = {
    "contracts": pl.len(),
    "avg_apr": _APR.mean(),
    "lowest_apr": _APR.min(),
    "highest_apr": _APR.max(),
    "open_interest_usd": _INTEREST,
}


@router.get("/statistics", response_model=FundingStatisticsBody)
def statistics(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """All open contracts in numbers."""

    def build() -> dict[str, Any]:
        found = contracts_now(app, as_of)
        known = found.filter(_APR.is_not_null()).sort(_APR, maintain_order=True)
        lowest, highest = (_named(known.head(1), "lowest"), _named(known.tail(1), "highest"))
        return {
            "total_contracts": found.height,
            "active_exchanges": found["exchange"].n_unique(),
            "unique_assets": found["base_asset"].n_unique(),
            "avg_apr": found["predicted_apr_pct"].mean(),
            **highest,
            **lowest,
            "total_open_interest": found.select(_INTEREST).item(),
            "contracts_by_exchange": dict(found.group_by("exchange", maintain_order=True).len().iter_rows()),
            "last_update": found["snapshot_at"].max(),
            "as_of": as_of,
        }

    return cached(request, app, NOW, app.settings.api.cache_ttl_summary_s, build)


def _named(contract: pl.DataFrame, which: str) -> dict[str, Any]:
    """APR, symbol and exchange of one contract, or nulls where there is none."""
    apr, symbol, exchange = next(
        contract.select("predicted_apr_pct", "symbol", "exchange").iter_rows(), (None, None, None)
    )
    return {f"{which}_apr": apr, f"{which}_symbol": symbol, f"{which}_exchange": exchange}


@router.get("/statistics/summary", response_model=FundingSummaryBody)
def summary(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Exchange by exchange, and how far rates stand from their own of the last 30 days."""

    def build() -> dict[str, Any]:
        found = contracts_now(app, as_of)
        of_exchange = found.group_by("exchange", maintain_order=True).agg(
            **_OF_GROUP, median_apr=_APR.median(), positive_share=(_APR > 0).mean()
        )
        size = found["z_predicted"].drop_nulls().abs()
        return {
            "exchanges": rows(of_exchange),
            "contracts_with_z_score": len(size),
            "avg_abs_z_score": size.mean(),
            "high_deviation_count": int((size > HIGH_Z).sum()),
            "extreme_count": int((size > EXTREME_Z).sum()),
            "zones": _counts(found["zone"]),
            "confidence": _counts(found["confidence"]),
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, NOW, app.settings.api.cache_ttl_summary_s, build)


def _counts(names: pl.Series) -> dict[str, int]:
    return dict(names.drop_nulls().value_counts().sort(names.name).iter_rows())


@router.get("/statistics/extreme-values", response_model=ExtremesBody)
def extreme_values(
    request: Request, app: ServicesOf, as_of: AsOf, limit: Annotated[int, Query(ge=1, le=500)] = 10
) -> Response:
    """The highest rates above zero, highest first, and those furthest below it, lowest first."""

    def build() -> dict[str, Any]:
        found = contracts_now(app, as_of).sort(_APR, maintain_order=True)
        return {
            "highest_positive": rate_rows(found.filter(_APR > 0).tail(limit).reverse()),
            "highest_negative": rate_rows(found.filter(_APR < 0).head(limit)),
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, NOW, app.settings.api.cache_ttl_s, build)


@router.get("/group-by-asset", response_model=AssetGroupsBody)
def group_by_asset(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Each asset over its contracts at all exchanges, the widest range of rates first."""
    return _groups(request, app, as_of, by="apr_range")


@router.get("/assets", response_model=AssetGroupsBody)
def assets(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """The assets that have an open contract, the largest open interest first."""
    return _groups(request, app, as_of, by="open_interest_usd")


def _groups(request: Request, app: ServicesOf, as_of: AsOf, *, by: str) -> Response:
    def build() -> dict[str, Any]:
        found = (
            contracts_now(app, as_of)
            .group_by("base_asset", maintain_order=True)
            .agg(**_OF_GROUP, exchanges=pl.col("exchange").unique().sort())
            .rename({"base_asset": "asset"})
            .with_columns(apr_range=pl.col("highest_apr") - pl.col("lowest_apr"))
            .sort(by, "asset", descending=[True, False], nulls_last=True)
        )
        return {"data": rows(found), "total_assets": found.height, "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, NOW, app.settings.api.cache_ttl_grid_s, build)


@router.get("/exchanges", response_model=ExchangesBody)
def exchanges(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """The exchanges in use, and how each is doing; also before anything is stored."""
    tables = (*NOW, "funding_rates", "funding_completeness")

    def build() -> dict[str, Any]:
        states = readers.exchange_states(as_of=as_of, store=app.data.store).rename(
            {"n_contracts": "contracts", "snapshot_at": "last_update"}
        )
        shown = rows(states.drop("latency_ms", "n_rates", "null_rate_share"))
        return {"exchanges": shown, "total": states.height, "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, tables, app.settings.api.cache_ttl_s, build)
