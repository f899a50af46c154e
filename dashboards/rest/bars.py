"""`/api`: minute bars. Signals that still count, what the scanner did, closed bars, and what the sources are worth."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.bars_bodies import BarsBody, ScannerBody, SignalsBody, SourcesBody
from dashboards.rest.bars_rows import Equity, SymbolName, Timeframe
from dashboards.rest.errors import RESPONSES, known_timeframe
from dashboards.rest.paging import Limit, page_of_bars
from dashboards.rest.requests import AsOf, RangeOf, ServicesOf, cached
from market_assets.bars import readers
from market_assets.core import clock

router = APIRouter(prefix="/api", tags=["bars"], responses=RESPONSES)

_MINUTE, _FEATURES, _SIGNALS = "bars_minute", "bars_scanner_features", "bars_signals"
_RECONCILIATION, _HEALTH = "bars_reconciliation", "bars_source_health"
#: what only the collector says changes every second
_LIVE_S = 1.0


@router.get("/signals", response_model=SignalsBody)
def signals(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    equity: Equity = 1000.0,
    include_rejected: Annotated[bool, Query(description="Also what may not be acted on, and why")] = False,
    top: Annotated[int, Query(ge=1, le=100, description="Accepted ones at most")] = 3,
) -> Response:
    """The best accepted signals of the last bars.signals.ttl_min minutes, sized for the account, best first."""

    def build() -> dict[str, Any]:
        found = readers.latest_signals(
            equity,
            include_rejected=include_rejected,
            top=top,
            as_of=as_of,
            store=app.data.store,
            hot=app.bars_hot,
        ).head(app.settings.api.page_rows)
        told = [{**row, "features": orjson.loads(row["features"])} for row in rows(found)]
        return {"signals": told, "timestamp": clock.now(), "count": len(told), "as_of": as_of}

    return cached(request, app, [_SIGNALS], _LIVE_S, build)


@router.get("/scanner/stats", response_model=ScannerBody)
def scanner_stats(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """What the scanner did on the newest day that it looked at."""

    def build() -> dict[str, Any]:
        return {**asdict(readers.scanner_stats(as_of=as_of, store=app.data.store)), "as_of": as_of}

    return cached(request, app, [_FEATURES, _SIGNALS], app.settings.api.cache_ttl_s, build)


@router.get("/bars/{symbol}", response_model=BarsBody)
@router.get("/v1/bars/{symbol}", response_model=BarsBody, operation_id="bars_v1")
def bars(
    *,
    request: Request,
    app: ServicesOf,
    symbol: SymbolName,
    within: RangeOf,
    as_of: AsOf,
    timeframe: Timeframe = "1m",
    limit: Limit = None,
) -> Response:
    """Closed bars by time, made of closed minutes. Without a start the newest 500; with one, page by page."""
    name, frame = app.bars_now.known(symbol), known_timeframe(timeframe, readers.TIMEFRAMES)

    def build() -> dict[str, Any]:
        page = page_of_bars(
            app,
            within,
            limit,
            lambda most: readers.bars(
                name,
                start=within.start,
                end=within.end,
                timeframe=frame,
                limit=most,
                as_of=as_of,
                store=app.data.store,
            ),
        )
        return {"symbol": name, "timeframe": frame, **page, "as_of": as_of}

    return cached(request, app, [_MINUTE], app.settings.api.cache_ttl_s, build)


@router.get("/sources", response_model=SourcesBody)
def sources(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Every source of minute bars: breaker, success, latency, trust, budgets, and how often it is asked."""

    def build() -> dict[str, Any]:
        found = readers.sources(as_of=as_of, store=app.data.store, hot=app.bars_hot)
        return {"count": found.height, "sources": rows(found), "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, [_MINUTE, _RECONCILIATION, _HEALTH], app.settings.api.cache_ttl_s, build)
