"""`/api/v1`: the equities domain. Bars, gaps, actions, features, reconciliation, and what is known of each symbol."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Path, Query, Request, Response

from dashboards import history
from dashboards.data import ACTIONS, SCORED
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.rest.answers import after, cursor_of, rows
from dashboards.rest.bodies import HistoricalBody, RowsBody, StatusBody, SymbolDetailsBody, SymbolsBody
from dashboards.rest.errors import RESPONSES, ApiError
from dashboards.rest.requests import AsOf, Page, PageOf, ServicesOf, Span, SpanOf, cached
from dashboards.services import Services
from market_assets.core import calendars, clock
from market_assets.core.bars import TIMEFRAMES
from market_assets.equities.settings import CALENDAR_OF
from market_assets.equities.transforms.adjust import Adjustment
from market_assets.tables import contract

API_VERSION = "v1"
#: what the daily bars can answer; intraday comes with the bars domain
AVAILABLE_TIMEFRAMES = ("1d", "1w")
_STATUS = "equities_symbol_status"

router = APIRouter(prefix="/api/v1", tags=["equities"], responses=RESPONSES)
Symbol = Annotated[str, Path(max_length=40, description="House symbol: AAPL, BRK.B, BTC-USD")]


@router.get("/status", response_model=StatusBody)
def status(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """What is stored, and how good it is."""
    scheduler = _scheduler(app)

    def build() -> dict[str, Any]:
        known = app.data.load_or_none(_STATUS, as_of=as_of)
        flags = app.data.load_or_none(SCORED, columns=["flag_gap"], as_of=as_of)
        records = int(known["n_rows"].sum()) if known is not None else None
        validated = int(known["n_validated"].sum()) if known is not None else None
        return {
            "api_version": API_VERSION,
            "status": "ok" if records else "no_data",
            "database": {
                "symbols_available": known.filter(pl.col("n_rows") > 0).height if known is not None else None,
                "latest_data": known["latest_session"].max() if known is not None else None,
                "total_records": records,
                "validated_records": validated,
                "validation_rate_pct": 100 * validated / records if records and validated is not None else None,
            },
            "data_quality": {
                "records_with_gaps_flagged": int(flags["flag_gap"].sum()) if flags is not None else None,
                "scheduler_status": scheduler,
            },
            "as_of": as_of,
        }

    return cached(request, app, [_STATUS, SCORED], app.settings.api.cache_ttl_summary_s, build, also=scheduler)


def _scheduler(app: Services) -> str:
    try:
        return "running" if app.orchestrator.scheduler_running() else "stopped"
    except OrchestratorUnavailable:
        return "unknown"


@router.get("/symbols", response_model=SymbolsBody)
def symbols(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """The names of the universe, removed symbols included: their data can still be read."""

    def build() -> dict[str, Any]:
        names = _symbols_then(app, as_of) if as_of else list(app.data.universe())
        return {"count": len(names), "timestamp": clock.now(), "symbols": names, "as_of": as_of}

    tables = ["equities_symbols", "equities_symbol_overrides"]
    return cached(request, app, tables, app.settings.api.cache_ttl_grid_s, build)


def _symbols_then(app: Services, as_of: AsOf) -> list[str]:
    return app.data.load("equities_symbols", as_of=as_of)["symbol"].unique(maintain_order=True).to_list()


@router.get("/symbols/detailed", response_model=SymbolDetailsBody)
def symbols_detailed(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Every symbol with its records, validation rate, newest session and verdict."""

    def build() -> dict[str, Any]:
        found = app.data.load(_STATUS, as_of=as_of)
        now = as_of or clock.now()
        details = [
            {
                "symbol": row["symbol"],
                "records": row["n_rows"],
                "validation_rate": row["validation_rate"],
                "latest_data": row["latest_session"],
                "data_age_hours": _age_hours(row["asset_class"], row["latest_session"], now),
                "sessions_behind": row["sessions_behind"],
                "timeframes": list(AVAILABLE_TIMEFRAMES) if row["n_rows"] else [],
                "status": row["status"],
            }
            for row in found.iter_rows(named=True)
        ]
        return {"count": len(details), "timestamp": clock.now(), "symbols": details, "as_of": as_of}

    return cached(request, app, [_STATUS], app.settings.api.cache_ttl_grid_s, build)


def _age_hours(asset_class: str, latest: date | None, now: Any) -> float | None:
    if latest is None:
        return None
    closed_at = calendars.session_close(CALENDAR_OF[asset_class], latest)
    return float((now - closed_at).total_seconds() / 3600)


@router.get("/historical/{symbol}", response_model=HistoricalBody)
def historical(
    *,
    request: Request,
    app: ServicesOf,
    symbol: Symbol,
    span: SpanOf,
    page: PageOf,
    as_of: AsOf,
    timeframe: Annotated[str, Query(description="1d, or 1w built from closed sessions")] = "1d",
    validated_only: Annotated[bool, Query(description="Leave out bars that are not validated; they are listed")] = True,
    min_quality: Annotated[
        float | None, Query(ge=0, le=1, description="Lowest score served; equities.min_quality with validated_only")
    ] = None,
    adjust: Annotated[Adjustment, Query(description="Price basis: as traded, or adjusted at read time")] = "none",
) -> Response:
    """Bars of one symbol, both ends included. Bars left out for their quality are listed by date."""
    app.data.known_symbol(symbol)
    _check_timeframe(symbol, timeframe)
    resume = after(page.cursor, {"session_date": pl.Date})
    bound = min_quality if min_quality is not None else (app.settings.equities.min_quality if validated_only else None)
    weeks = timeframe == "1w"

    def build() -> dict[str, Any]:
        last = span.end + timedelta(days=6) if span.end and weeks else span.end
        bars = app.data.scored_bars(symbol, history.COLUMNS, adjust=adjust, start=span.start, end=last, as_of=as_of)
        ok = history.accepted(validated_only, bound)
        kept, excluded = bars.filter(ok), bars.filter(~ok)
        if weeks:
            kept = history.weekly(kept, (as_of or clock.now()).date(), first=span.start, last=span.end)
        remaining = kept.filter(resume)
        shown = remaining.head(page.rows(app))
        more = shown.height < remaining.height
        left_out = history.excluded_dates(
            excluded, resume, upto=shown["session_date"][-1] if more else None, weeks=weeks
        )
        return {
            "symbol": symbol,
            "timeframe": timeframe,
            "start_date": span.start,
            "end_date": span.end,
            "adjust": adjust,
            "count": shown.height,
            "excluded_count": len(left_out),
            "excluded_dates": left_out,
            "next_cursor": cursor_of(shown, ["session_date"]) if more else None,
            "data": rows(history.served(shown)),
            "as_of": as_of,
        }

    tables = [SCORED, ACTIONS]
    return cached(request, app, tables, app.settings.api.cache_ttl_s, build)


def _check_timeframe(symbol: str, timeframe: str) -> None:
    if timeframe in AVAILABLE_TIMEFRAMES:
        return
    known = "is known but not stored for" if timeframe in TIMEFRAMES else "is not known for"
    raise ApiError(
        404,
        "unknown_timeframe",
        f"timeframe {timeframe!r} {known} {symbol}; available: {', '.join(AVAILABLE_TIMEFRAMES)}",
    )


@router.get("/gaps", response_model=RowsBody)
def gaps(
    *,
    request: Request,
    app: ServicesOf,
    page: PageOf,
    as_of: AsOf,
    symbol: Annotated[str | None, Query(max_length=40)] = None,
    status: Annotated[Literal["open", "explained"] | None, Query()] = None,
) -> Response:
    """Runs of missing sessions with their cause."""
    if symbol is not None:
        app.data.known_symbol(symbol)
    where = {name: value for name, value in (("symbol", symbol), ("status", status)) if value is not None}
    return _table(request, app, "equities_gaps", where, page=page, as_of=as_of)


@router.get("/corporate-actions/{symbol}", response_model=RowsBody)
def corporate_actions(
    *,
    request: Request,
    app: ServicesOf,
    symbol: Symbol,
    span: SpanOf,
    page: PageOf,
    as_of: AsOf,
) -> Response:
    """Splits and cash dividends of one symbol with their factors."""
    app.data.known_symbol(symbol)
    return _table(request, app, "equities_corporate_actions", {"symbol": symbol}, span=span, page=page, as_of=as_of)


@router.get("/features/{symbol}", response_model=RowsBody)
def features(
    *,
    request: Request,
    app: ServicesOf,
    symbol: Symbol,
    span: SpanOf,
    page: PageOf,
    as_of: AsOf,
) -> Response:
    """Features of one symbol on total-return prices; `label_*` looks ahead and must not feed a signal."""
    app.data.known_symbol(symbol)
    return _table(request, app, "equities_features", {"symbol": symbol}, span=span, page=page, as_of=as_of)


@router.get("/reconciliation", response_model=RowsBody)
def reconciliation(
    *,
    request: Request,
    app: ServicesOf,
    span: SpanOf,
    page: PageOf,
    as_of: AsOf,
    status: Annotated[Literal["ok", "investigate", "fail", "missing_a", "missing_b"] | None, Query()] = None,
    symbol: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Sessions as two sources state them, with the verdict."""
    if symbol is not None:
        app.data.known_symbol(symbol)
    where = {name: value for name, value in (("symbol", symbol), ("status", status)) if value is not None}
    return _table(request, app, "equities_reconciliation", where, span=span, page=page, as_of=as_of)


def _table(
    request: Request,
    app: Services,
    name: str,
    where: dict[str, Any],
    *,
    page: Page,
    as_of: AsOf,
    span: Span | None = None,
) -> Response:
    """A page of rows in key order."""
    table = contract(name)
    key = list(table.key)
    resume = after(page.cursor, {column: table.columns[column].dtype for column in key})
    start, end = (span.start, span.end) if span else (None, None)

    def build() -> dict[str, Any]:
        found = app.data.load(name, start=start, end=end, where=where, as_of=as_of).sort(key).filter(resume)
        shown = found.head(page.rows(app))
        return {
            "count": shown.height,
            "next_cursor": cursor_of(shown, key) if shown.height < found.height else None,
            "data": rows(shown),
            "as_of": as_of,
        }

    return cached(request, app, [name], app.settings.api.cache_ttl_s, build)
