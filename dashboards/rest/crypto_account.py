"""`/api/v1/crypto`: the simulated account. Its trades, positions and equity, and how it did."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.crypto_bodies import EquityBody, MetricsBody, TradesBody
from dashboards.rest.crypto_rows import OneSymbol, known_symbol
from dashboards.rest.errors import RESPONSES
from dashboards.rest.paging import Limit, most
from dashboards.rest.requests import AsOf, RangeOf, ServicesOf, cached
from dashboards.services import Services
from market_assets.crypto import readers

router = APIRouter(prefix="/api/v1/crypto", tags=["crypto"], responses=RESPONSES)

_TRADES, _METRICS = "crypto_paper_trades", "crypto_success_metrics"
_ROWS = 500


@router.get("/paper-trades", response_model=TradesBody)
def paper_trades(
    *,
    request: Request,
    app: ServicesOf,
    within: RangeOf,
    as_of: AsOf,
    status: Literal["open", "closed", "pending", "rejected"] | None = None,
    symbol: OneSymbol = None,
    limit: Limit = _ROWS,
) -> Response:
    """The account's trades, one row each, newest day first. Open and pending ones are those of its newest day."""
    name = None if symbol is None else known_symbol(app, symbol)

    def load() -> pl.DataFrame:
        return readers.paper_trades(
            status,
            symbol=name,
            start=within.start,
            end=within.end,
            limit=most(app, limit),
            as_of=as_of,
            store=app.data.store,
        )

    return _answer(request, app, as_of, load)


@router.get("/positions", response_model=TradesBody)
def positions(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """What the account holds at the end of its newest day, by symbol."""
    return _answer(request, app, as_of, lambda: readers.positions(as_of=as_of, store=app.data.store))


@router.get("/equity", response_model=EquityBody)
def equity(request: Request, app: ServicesOf, within: RangeOf, as_of: AsOf, limit: Limit = None) -> Response:
    """The account by day, oldest first: equity, profit, fees, exposure, drawdown. At most the newest `limit` days."""

    def load() -> pl.DataFrame:
        return readers.equity(
            start=within.start, end=within.end, limit=most(app, limit), as_of=as_of, store=app.data.store
        )

    return _answer(request, app, as_of, load, start_equity=app.settings.crypto.paper.start_equity)


@router.get("/success-metrics", response_model=MetricsBody)
def success_metrics(
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    window: Literal["7d", "30d", "90d", "all"] | None = None,
    scope: Annotated[str | None, Query(max_length=40, description="ALL is the whole account; or a symbol")] = None,
) -> Response:
    """How the account did up to the newest day that is over: as a whole first, then by symbol."""
    name = scope if scope in (None, "ALL") else known_symbol(app, scope)

    def build() -> dict[str, Any]:
        found = readers.success_metrics(window, scope=name, as_of=as_of, store=app.data.store)
        return {"count": found.height, "data": rows(found), "as_of": as_of}

    return cached(request, app, [_METRICS], app.settings.api.cache_ttl_summary_s, build)


def _answer(request: Request, app: Services, as_of: AsOf, load: Callable[[], pl.DataFrame], **told: float) -> Response:
    def build() -> dict[str, Any]:
        found = load()
        return {**told, "count": found.height, "data": rows(found), "as_of": as_of}

    return cached(request, app, [_TRADES], app.settings.api.cache_ttl_grid_s, build)
