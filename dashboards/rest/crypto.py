"""`/api/v1/crypto`: the market. Candles, overlays, decisions, second opinions, and how each symbol stands."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.crypto_bodies import (
    BUILT,
    CANDLE,
    AdviceBody,
    KlinesBody,
    OverlaysBody,
    SignalsBody,
    SymbolStatesBody,
    TelemetryBody,
)
from dashboards.rest.crypto_rows import (
    KLINES,
    OneSymbol,
    SymbolName,
    known_symbol,
)
from dashboards.rest.errors import RESPONSES, known_timeframe
from dashboards.rest.paging import Limit, most, page_of_bars, since
from dashboards.rest.requests import AsOf, RangeOf, ServicesOf, cached
from market_assets.core import clock
from market_assets.crypto import readers
from market_assets.crypto.settings import MINUTES

router = APIRouter(prefix="/api/v1/crypto", tags=["crypto"], responses=RESPONSES)

_FRAMES, _OVERLAYS, _SIGNALS, _ADVICE = "crypto_timeframes", "crypto_overlays", "crypto_signals", "crypto_advice"
_TELEMETRY = "crypto_feature_telemetry"
_ROWS = 100
_TIMEFRAME = Query(max_length=10, description=f"One of {', '.join(readers.TIMEFRAMES)}")


@router.get("/symbols", response_model=SymbolStatesBody)
def symbols(request: Request, app: ServicesOf, as_of: AsOf, timeframe: Annotated[str, _TIMEFRAME] = "1m") -> Response:
    """How every symbol stands: newest closed candle and its age, change over 24 hours, regime, newest decision."""
    frame = known_timeframe(timeframe, readers.TIMEFRAMES)

    def build() -> dict[str, Any]:
        found = readers.symbol_states(frame, as_of=as_of, store=app.data.store)
        return {
            "timeframe": frame,
            "count": found.height,
            "data": rows(found),
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    tables = [KLINES, _FRAMES, _OVERLAYS, _SIGNALS]
    return cached(request, app, tables, app.settings.api.cache_ttl_s, build)


@router.get("/klines/{symbol}", response_model=KlinesBody)
def klines(
    *,
    request: Request,
    app: ServicesOf,
    symbol: SymbolName,
    within: RangeOf,
    as_of: AsOf,
    timeframe: Annotated[str, _TIMEFRAME] = "1m",
    limit: Limit = None,
) -> Response:
    """Closed candles by time. Without a start the newest 500; with one, page by page by `next_start`."""
    name, frame = known_symbol(app, symbol), known_timeframe(timeframe, readers.TIMEFRAMES)
    columns = CANDLE if frame == "1m" else (*CANDLE, *BUILT)

    def build() -> dict[str, Any]:
        page = page_of_bars(
            app,
            within,
            limit,
            lambda rows_most: readers.klines(
                name, frame, start=within.start, end=within.end, limit=rows_most, as_of=as_of, store=app.data.store
            ).select(columns),
        )
        return {"symbol": name, "timeframe": frame, **page, "as_of": as_of}

    table = KLINES if frame == "1m" else _FRAMES
    return cached(request, app, [table], app.settings.api.cache_ttl_s, build)


@router.get("/overlays/{symbol}", response_model=OverlaysBody)
def overlays(
    *,
    request: Request,
    app: ServicesOf,
    symbol: SymbolName,
    within: RangeOf,
    as_of: AsOf,
    timeframe: Annotated[str, Query(max_length=10, description=f"One of {', '.join(MINUTES)}")] = "1h",
    overlays: Annotated[
        str | None,
        Query(max_length=200, description=f"Names, by commas; all without: {', '.join(readers.OVERLAY_COLUMNS)}"),
    ] = None,
    limit: Limit = None,
) -> Response:
    """Overlays of closed candles by time, the requested ones alone. Pages as candles do."""
    name, frame = known_symbol(app, symbol), known_timeframe(timeframe, MINUTES)
    chosen = _listed(overlays or "") or list(readers.OVERLAY_COLUMNS)
    readers.overlay_columns(chosen)

    def build() -> dict[str, Any]:
        page = page_of_bars(
            app,
            within,
            limit,
            lambda rows_most: readers.overlays(
                name,
                frame,
                chosen,
                start=within.start,
                end=within.end,
                limit=rows_most,
                as_of=as_of,
                store=app.data.store,
            ),
        )
        return {"symbol": name, "timeframe": frame, "overlays": chosen, **page, "as_of": as_of}

    return cached(request, app, [_OVERLAYS], app.settings.api.cache_ttl_s, build)


@router.get("/signals", response_model=SignalsBody)
def signals(
    *,
    request: Request,
    app: ServicesOf,
    within: RangeOf,
    as_of: AsOf,
    symbol: OneSymbol = None,
    action: Literal["ENTER_LONG", "ENTER_SHORT", "HOLD"] | None = None,
    tradeable: Annotated[
        bool, Query(description="Only what the paper account may act on; false gives every decision")
    ] = True,
    limit: Limit = _ROWS,
) -> Response:
    """Rule-based decisions, newest first. Without a start those of the last 30 stored days."""
    name = None if symbol is None else known_symbol(app, symbol)

    def build() -> dict[str, Any]:
        found = readers.signals(
            name,
            action=action,
            tradeable=True if tradeable else None,
            start=since(app, _SIGNALS, within),
            end=within.end,
            limit=most(app, limit),
            as_of=as_of,
            store=app.data.store,
        )
        return {"signals": rows(found), "count": found.height, "timestamp": clock.now(), "as_of": as_of}

    return cached(request, app, [_SIGNALS], app.settings.api.cache_ttl_s, build)


@router.get("/advice", response_model=AdviceBody)
def advice(
    *,
    request: Request,
    app: ServicesOf,
    within: RangeOf,
    as_of: AsOf,
    symbol: OneSymbol = None,
    call: Literal["signal", "risk", "sizing", "optimise"] | None = None,
    advisor_source: Annotated[
        Literal["llm", "rule"] | None, Query(description="llm: a language model; rule: its stand-in")
    ] = None,
    limit: Limit = _ROWS,
) -> Response:
    """Second opinions, newest first, each labelled by who gave it. Without a start those of the last 30 stored days."""
    name = None if symbol is None else known_symbol(app, symbol)

    def build() -> dict[str, Any]:
        found = readers.advice(
            name,
            call=call,
            advisor_source=advisor_source,
            start=since(app, _ADVICE, within),
            end=within.end,
            limit=most(app, limit),
            as_of=as_of,
            store=app.data.store,
        )
        return {"count": found.height, "data": rows(found), "as_of": as_of}

    return cached(request, app, [_ADVICE], app.settings.api.cache_ttl_s, build)


@router.get("/telemetry", response_model=TelemetryBody)
def telemetry(
    *,
    request: Request,
    app: ServicesOf,
    within: RangeOf,
    as_of: AsOf,
    symbol: OneSymbol = None,
    overlay: Annotated[str | None, Query(max_length=40, description="Only this overlay")] = None,
    timeframe: Annotated[str | None, Query(max_length=10, description="Only this timeframe")] = None,
    limit: Limit = 1000,
) -> Response:
    """What computing the overlays cost, newest first. Without a start of the last 30 stored days."""
    name = None if symbol is None else known_symbol(app, symbol)
    readers.overlay_columns([] if overlay is None else [overlay])
    frame = None if timeframe is None else known_timeframe(timeframe, MINUTES)

    def build() -> dict[str, Any]:
        found = readers.telemetry(
            name,
            overlay=overlay,
            timeframe=frame,
            start=since(app, _TELEMETRY, within),
            end=within.end,
            limit=most(app, limit),
            as_of=as_of,
            store=app.data.store,
        )
        return {"count": found.height, "data": rows(found), "as_of": as_of}

    return cached(request, app, [_TELEMETRY], app.settings.api.cache_ttl_grid_s, build)


def _listed(text: str) -> list[str]:
    """The names of a list by commas, each once."""
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
