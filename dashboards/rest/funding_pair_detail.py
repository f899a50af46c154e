"""`/api/arbitrage/opportunity-detail`: one pair of legs, what it earns, and the history of its spread."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.errors import RESPONSES, ApiError
from dashboards.rest.funding_pair_bodies import OpportunityDetailBody
from dashboards.rest.funding_pairs import CostsOf, pair_rows
from dashboards.rest.funding_rows import (
    NOW,
    PAIRS,
    AssetName,
    ExchangeName,
    contracts_now,
    known_asset,
    known_exchange,
    moment,
    next_funding,
    pairs_now,
    rate_frame,
    seconds_until,
)
from dashboards.rest.requests import AsOf, ServicesOf, cached
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.funding import readers

router = APIRouter(prefix="/api/arbitrage", tags=["funding"], responses=RESPONSES)

_SIDES = ("long", "short")
_HISTORY = ("funding_spreads", "funding_spread_statistics")
_MONTH = timedelta(days=30)
#: period of a projection -> column of the spread over it, and its hours
_PERIODS = {
    "1h": ("effective_hourly_spread", 1.0),
    "1d": ("daily_spread", 24.0),
    "1w": ("weekly_spread", 168.0),
    "1m": ("monthly_spread", 720.0),
    "1y": ("yearly_spread", 8760.0),
}
_DISTRIBUTION = ("n_hours", "mean", "std", "median", "p05", "p95")


@router.get(
    "/opportunity-detail/{asset}/{long_exchange}/{short_exchange}",
    response_model=OpportunityDetailBody,
)
def opportunity_detail(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    costs: CostsOf,
    asset: AssetName,
    long_exchange: ExchangeName,
    short_exchange: ExchangeName,
    days: Annotated[int, Query(ge=1, le=90, description="Days of the spread's history")] = 30,
) -> Response:
    """One pair: both legs, what it earns over an hour to a year, where its spread stands, and its history.

    Where rates have changed sides since, the pair is shown as it is now, and `is_reversed` says so.
    """
    base_asset = known_asset(app, asset)
    asked = [known_exchange(app, name) for name in (long_exchange, short_exchange)]

    def build() -> dict[str, Any]:
        pair = _pair(costs.apply(app, pairs_now(app, as_of)), base_asset, asked)
        row = pair_rows(pair)[0]
        return {
            "asset": base_asset,
            "long_exchange": row["long_exchange"],
            "short_exchange": row["short_exchange"],
            "is_reversed": row["long_exchange"] != asked[0],
            "opportunity": row,
            "legs": {side: _leg(app, as_of, row[f"{side}_exchange"], row[f"{side}_symbol"]) for side in _SIDES},
            "projections": [_projection(row, period) for period in _PERIODS],
            "history": _history(app, row, days, as_of),
            "parameters": costs.told(app) | {"days": days},
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, (*NOW, *PAIRS, *_HISTORY), app.settings.api.cache_ttl_s, build)


def _pair(pairs: pl.DataFrame, asset: str, exchanges: list[str]) -> pl.DataFrame:
    """The pair of these two exchanges, whichever is long. Raises ApiError 404 and names the pairs there are."""
    of_asset = pairs.filter(pl.col("base_asset") == asset)
    of_both = [pl.col(f"{side}_exchange").is_in(exchanges) for side in _SIDES]
    found = of_asset.filter(*of_both)
    if len(set(exchanges)) == 2 and found.height:
        return found
    known = of_asset.select(pl.concat_str("long_exchange", "short_exchange", separator="/")).to_series()
    listed = ", ".join(known.sort().to_list()) or f"{asset} has none"
    raise ApiError(404, "unknown_pair", f"no pair {asset} of {' and '.join(exchanges)} now; its pairs: {listed}")


def _leg(app: Services, as_of: datetime | None, exchange: str, symbol: str) -> dict[str, Any] | None:
    """The contract of a leg; None where the pair was found before it was closed."""
    now = moment(as_of)
    found = contracts_now(app, as_of).filter(pl.col("exchange") == exchange, pl.col("symbol") == symbol)
    due = found.select(next_funding_time=next_funding(now), seconds_until_funding=seconds_until(next_funding(now), now))
    return next(iter(rows(pl.concat([rate_frame(found), due], how="horizontal"))), None)


def _projection(row: dict[str, Any], period: str) -> dict[str, Any]:
    column, hours = _PERIODS[period]
    gross_pct = row[column] * 100
    return {
        "period": period,
        "hours": hours,
        "gross_pct": gross_pct,
        "net_pct": gross_pct - row["round_trip_cost_pct"],
    }


def _history(app: Services, row: dict[str, Any], days: int, as_of: datetime | None) -> dict[str, Any]:
    """The settled spread of a pair, turned to short minus long; empty while no spread is stored."""
    short, long = row["short_exchange"], row["long_exchange"]
    start = moment(as_of) - timedelta(days=days)
    try:
        found = readers.spread_history(row["base_asset"], long, short, start=start, as_of=as_of, store=app.data.store)
    except NotMaterialised:
        return {"days": days, "count": 0, **dict.fromkeys(_DISTRIBUTION), "data": []}
    (a, b), sign = (("short", "long"), 1.0) if short < long else (("long", "short"), -1.0)
    hours = found.select(
        "hour",
        spread_apr_pct=sign * pl.col("spread_apr_pct"),
        **{f"{a}_rate_1h": pl.col("rate_1h_a"), f"{b}_rate_1h": pl.col("rate_1h_b")},
    )
    return {
        "days": days,
        "count": hours.height,
        **_distribution(app, row["base_asset"], sorted((short, long)), sign, as_of),
        "data": rows(hours),
    }


def _distribution(app: Services, asset: str, ordered: list[str], sign: float, as_of: datetime | None) -> dict[str, Any]:
    """The stored distribution of a pair's spread on its newest day; nulls where there is none."""
    where = {"base_asset": asset, "exchange_a": ordered[0], "exchange_b": ordered[1]}
    first = (moment(as_of) - _MONTH).date()
    stored = app.data.load_or_none("funding_spread_statistics", start=first, where=where, as_of=as_of)
    if stored is None or stored.is_empty():
        return dict.fromkeys(_DISTRIBUTION)
    found: dict[str, Any] = stored.sort("day").select(_DISTRIBUTION).row(-1, named=True)
    if sign > 0:
        return found
    turned = {name: None if found[name] is None else -found[name] for name in ("mean", "median", "p05", "p95")}
    return found | turned | {"p05": turned["p95"], "p95": turned["p05"]}
