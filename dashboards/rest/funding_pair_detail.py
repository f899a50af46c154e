"""`/api/arbitrage/opportunity-detail`: one pair of legs, what it earns, and the history of its spread."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from dashboards.funding.pair import DISTRIBUTION, PERIODS, between, distribution, earned
from dashboards.funding.pairs import SIDES
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
    current_frame,
    known_asset,
    known_exchange,
    moment,
    pairs_now,
)
from dashboards.rest.requests import AsOf, ServicesOf, cached
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.funding import readers

router = APIRouter(prefix="/api/arbitrage", tags=["funding"], responses=RESPONSES)

_HISTORY = ("funding_spreads", "funding_spread_statistics")
_MONTH = timedelta(days=30)


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
            "legs": {side: _leg(app, as_of, row[f"{side}_exchange"], row[f"{side}_symbol"]) for side in SIDES},
            "projections": [_projection(row, period) for period in PERIODS],
            "history": _history(app, row, days, as_of),
            "parameters": costs.told(app) | {"days": days},
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, (*NOW, *PAIRS, *_HISTORY), app.settings.api.cache_ttl_s, build)


def _pair(pairs: pl.DataFrame, asset: str, exchanges: list[str]) -> pl.DataFrame:
    """The pair of these two exchanges, whichever is long. Raises ApiError 404 and names the pairs there are."""
    found = between(pairs, asset, exchanges)
    if found.height:
        return found
    known = (
        pairs.filter(pl.col("base_asset") == asset)
        .select(pl.concat_str("long_exchange", "short_exchange", separator="/"))
        .to_series()
    )
    listed = ", ".join(known.sort().to_list()) or f"{asset} has none"
    raise ApiError(404, "unknown_pair", f"no pair {asset} of {' and '.join(exchanges)} now; its pairs: {listed}")


def _leg(app: Services, as_of: datetime | None, exchange: str, symbol: str) -> dict[str, Any] | None:
    """The contract of a leg; None where the pair was found before it was closed."""
    found = contracts_now(app, as_of).filter(pl.col("exchange") == exchange, pl.col("symbol") == symbol)
    return next(iter(rows(current_frame(found, moment(as_of)))), None)


def _projection(row: dict[str, Any], period: str) -> dict[str, Any]:
    _, hours, column = PERIODS[period]
    gross_pct, net_pct = earned(row, column)
    return {"period": period, "hours": hours, "gross_pct": gross_pct, "net_pct": net_pct}


def _history(app: Services, row: dict[str, Any], days: int, as_of: datetime | None) -> dict[str, Any]:
    """The settled spread of a pair, turned to short minus long; empty while no spread is stored."""
    short, long = row["short_exchange"], row["long_exchange"]
    start = moment(as_of) - timedelta(days=days)
    try:
        found = readers.spread_history(row["base_asset"], long, short, start=start, as_of=as_of, store=app.data.store)
    except NotMaterialised:
        return {"days": days, "count": 0, **dict.fromkeys(DISTRIBUTION), "data": []}
    (a, b), sign = (("short", "long"), 1.0) if short < long else (("long", "short"), -1.0)
    hours = found.select(
        "hour",
        spread_apr_pct=sign * pl.col("spread_apr_pct"),
        **{f"{a}_rate_1h": pl.col("rate_1h_a"), f"{b}_rate_1h": pl.col("rate_1h_b")},
    )
    return {
        "days": days,
        "count": hours.height,
        **_distribution(app, row, as_of),
        "data": rows(hours),
    }


def _distribution(app: Services, row: dict[str, Any], as_of: datetime | None) -> dict[str, Any]:
    """The stored distribution of a pair's spread on its newest day; nulls where there is none."""
    first_exchange, second_exchange = sorted(row[f"{side}_exchange"] for side in SIDES)
    where = {"base_asset": row["base_asset"], "exchange_a": first_exchange, "exchange_b": second_exchange}
    first = (moment(as_of) - _MONTH).date()
    stored = app.data.load_or_none("funding_spread_statistics", start=first, where=where, as_of=as_of)
    return dict.fromkeys(DISTRIBUTION) if stored is None else distribution(stored, row["short_exchange"])
