"""`/api`: settled funding. By symbol, by asset, by contract, and as a sparkline."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.errors import RESPONSES, ApiError
from dashboards.rest.funding_history_bodies import SettledBody, SparklineBody
from dashboards.rest.funding_rows import (
    AssetName,
    ExchangeName,
    OneExchange,
    SymbolName,
    known_asset,
    known_contracts,
    known_exchange,
    moment,
    within,
)
from dashboards.rest.requests import AsOf, ServicesOf, cached
from dashboards.services import Services
from market_assets.funding import readers

router = APIRouter(prefix="/api", tags=["funding"], responses=RESPONSES)

_TABLES = ("funding_rates", "funding_contracts")
#: days times exchanges of one answer: so many partitions are read
_MOST_PARTITIONS = 2000
_FEWER = "Ask for fewer days, or for one exchange"
_EVENT = {
    "exchange": "exchange",
    "symbol": "symbol",
    "funding_time": "funding_time",
    "funding_rate": "rate_native",
    "interval_hours": "interval_hours",
    "interval_source": "interval_source",
    "rate_1h": "rate_1h",
    "rate_8h": "rate_8h",
    "apr": "apr_pct",
    "mark_price": "mark_price",
}
Days = Annotated[int, Query(ge=1, le=365, description="Days back from now, or from as_of")]
Interval = Annotated[Literal["1", "2", "4", "8"] | None, Query(description="Only settlements of this interval (hours)")]


@router.get("/historical/{symbol:path}", response_model=SettledBody)
@router.get("/historical-funding/{symbol:path}", response_model=SettledBody)
def historical(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    symbol: SymbolName,
    days: Days = 30,
    exchange: OneExchange = None,
) -> Response:
    """Settled rates of a symbol at every exchange that lists it, oldest first; each with its own interval."""
    meant = known_contracts(app, symbol, exchange)

    def build() -> dict[str, Any]:
        return {"symbol": symbol, **_settled(app, meant, days, as_of)}

    return _cached(request, app, build)


@router.get("/historical-funding-by-asset/{asset}", response_model=SettledBody)
def historical_by_asset(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    asset: AssetName,
    days: Days = 30,
    interval: Interval = None,
) -> Response:
    """Settled rates of every contract of an asset, oldest first."""
    base_asset = known_asset(app, asset)

    def build() -> dict[str, Any]:
        columns = ["exchange", "symbol"]
        listed = app.data.load("funding_contracts", columns=columns, where={"base_asset": base_asset})
        meant = listed.unique().sort(columns)
        hours = float(interval) if interval else None
        return {"asset": base_asset, "interval": hours} | _settled(app, meant, days, as_of, interval=hours)

    return _cached(request, app, build)


@router.get("/historical-funding-by-contract/{exchange}/{symbol:path}", response_model=SettledBody)
def historical_by_contract(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    exchange: ExchangeName,
    symbol: SymbolName,
    days: Days = 30,
) -> Response:
    """Settled rates of one contract, oldest first."""
    name = known_exchange(app, exchange)
    meant = known_contracts(app, symbol, name)

    def build() -> dict[str, Any]:
        told = {"exchange": name, "symbol": meant["symbol"][-1], "base_asset": meant["base_asset"][-1]}
        return told | _settled(app, meant, days, as_of)

    return _cached(request, app, build)


@router.get("/funding-sparkline/{symbol:path}", response_model=SparklineBody)
def sparkline(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    symbol: SymbolName,
    hours: Annotated[int, Query(ge=1, le=720, description="Hours back from now, or from as_of")] = 48,
    exchange: OneExchange = None,
) -> Response:
    """Settled rates of a symbol as small series, one per exchange."""
    meant = known_contracts(app, symbol, exchange)

    def build() -> dict[str, Any]:
        found = _events(app, meant, timedelta(hours=hours), as_of)
        series = {
            str(name[0]): {"times": part["funding_time"], "rate_1h": part["rate_1h"], "apr": part["apr_pct"]}
            for name, part in found.partition_by("exchange", as_dict=True, maintain_order=True).items()
        }
        return {"symbol": symbol, "hours": hours, "exchanges": dict(sorted(series.items())), "as_of": as_of}

    return _cached(request, app, build)


def _cached(request: Request, app: Services, build: Callable[[], dict[str, Any]]) -> Response:
    return cached(request, app, _TABLES, app.settings.api.cache_ttl_grid_s, build)


def _settled(
    app: Services, meant: pl.DataFrame, days: int, as_of: datetime | None, *, interval: float | None = None
) -> dict[str, Any]:
    """The part of an answer that all of them have. Raises ApiError 422 for too much."""
    found = _events(app, meant, timedelta(days=days), as_of)
    if interval is not None:
        found = found.filter(pl.col("interval_hours") == interval)
    shown = within(app, found, _FEWER).select(**{name: pl.col(column) for name, column in _EVENT.items()})
    return {
        "days": days,
        "exchanges": meant["exchange"].unique().sort().to_list(),
        "count": shown.height,
        "data": rows(shown),
        "as_of": as_of,
    }


def _events(app: Services, meant: pl.DataFrame, back: timedelta, as_of: datetime | None) -> pl.DataFrame:
    """Settled rates of these contracts (exchange, symbol) since `back` before now, by time."""
    until, contracts = moment(as_of), meant.select("exchange", "symbol").unique().sort("exchange", "symbol")
    partitions = (back.days + 1) * contracts["exchange"].n_unique()
    if partitions > _MOST_PARTITIONS:
        raise ApiError(
            422,
            "too_many_partitions",
            f"an answer reads at most {_MOST_PARTITIONS:,} days of exchanges; these are {partitions:,}. {_FEWER}",
        )
    found = [
        readers.settled(
            symbol=symbol, exchange=exchange, start=until - back, end=until, as_of=as_of, store=app.data.store
        )
        for exchange, symbol in contracts.iter_rows()
    ]
    return pl.concat(found).sort("funding_time", "exchange", "symbol")
