"""Puts the app together: guard, REST, pages. `create_app` for a server, `run` for the command."""

import gc
import threading
from collections.abc import Callable
from pathlib import Path

from dash import Dash
from dash.backends._fastapi import reset_current_request, set_current_request
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware

from dashboards.browser_rules import BrowserRules
from dashboards.gauges import gauges
from dashboards.guard import Guard, RateLimit, is_loopback, refuse_open_bind
from dashboards.pages import shell
from dashboards.rest import (
    admin,
    alerts,
    bars,
    bars_analytics,
    bars_live,
    btc,
    crypto,
    crypto_account,
    crypto_chat,
    crypto_live,
    docs,
    equities,
    errors,
    funding,
    funding_arbitrage,
    funding_backfill,
    funding_collection,
    funding_history,
    funding_pair_detail,
    funding_statistics,
    health,
    metrics,
    ops,
    removed,
    runbook,
)
from dashboards.services import Services
from dashboards.telemetry import TimingMiddleware
from dashboards.watchdog import Watchdog
from market_assets.settings import Settings

TITLE = "market-assets"
_FUNDING = (
    *(funding, funding_statistics, funding_arbitrage, funding_pair_detail),
    *(funding_history, funding_backfill, funding_collection),
)
_CRYPTO = (crypto, crypto_account, crypto_chat, crypto_live)
_BARS = (bars, bars_analytics, bars_live)
_DESCRIPTION = (
    "Stored market data, read-only. Every GET over stored assets takes `as_of` and answers with the versions "
    "published then; the btc routes with the rows that were available then, and funding's snapshots with the looks "
    "that had arrived. Failures are `{detail, code}`, on the btc routes `{error: {code, message}}`. "
    "Live minute candles come by WebSocket: `/ws/crypto/{symbol}`; every symbol of minute bars, once a second, by "
    "`/ws/live`. Writes need `X-API-Key`."
)


def create_app(settings: Settings) -> FastAPI:
    """The whole app over one store. Raises InvalidRequest for an open bind without any key."""
    app_services = Services.of(settings)
    refuse_open_bind(settings.api.host, app_services.keys)
    server = FastAPI(title=TITLE, version="1", description=_DESCRIPTION, docs_url=None, redoc_url=None)
    server.state.services = app_services
    errors.register(server)
    for part in (
        equities,
        btc,
        *_FUNDING,
        *_CRYPTO,
        *_BARS,
        admin,
        ops,
        alerts,
        health,
        metrics,
        removed,
        docs,
        runbook,
    ):
        server.include_router(part.router)
    server.include_router(removed.fallback)
    app_services.telemetry.add_gauges(lambda: gauges(app_services))
    _add_pages(server, app_services)
    _add_middleware(server, settings, app_services)
    return server


def _add_pages(server: FastAPI, app_services: Services) -> None:
    # plotly takes pandas from sys.modules as it is, also while another thread is still importing it
    import pandas  # noqa: F401

    pages = Dash(
        TITLE,
        server=server,  # type: ignore[arg-type]
        title=TITLE,
        update_title="",
        assets_folder=str(Path(__file__).parent / "assets"),
        suppress_callback_exceptions=True,  # a page's parts are not in the layout until it is opened
        index_string=shell.INDEX,
    )
    shell.build(pages, app_services)
    # Dash lists its assets on the first request it sees itself; ours may be the first
    pages._setup_server()  # type: ignore[no-untyped-call]

    document: Callable[[], str] = pages.index

    async def page(request: Request) -> Response:
        """A page by its path: the same document, and 404 where no page has that path."""
        found = shell.page_of(request.url.path) is not None
        token = set_current_request(request)  # type: ignore[no-untyped-call]
        try:
            return Response(document(), status_code=200 if found else 404, media_type="text/html")
        finally:
            reset_current_request(token)  # type: ignore[no-untyped-call]

    # before Dash adds its own catch-all, which answers 200 to every path
    server.add_api_route("/{path:path}", page, methods=["GET"], include_in_schema=False)


def _add_middleware(server: FastAPI, settings: Settings, app_services: Services) -> None:
    """The last one added is the first one asked."""
    server.add_middleware(
        Guard,
        keys=app_services.keys,
        limit=RateLimit(settings.api.rate_limit_per_minute),
        btc_limit=RateLimit(settings.btc.api.rate_limit_per_minute),
        reads_need_key=not is_loopback(settings.api.host),
        origins=settings.api.cors_origins,
    )
    # before the guard: a browser asks whether it may ask without any key, and pages may read why they were refused
    if settings.api.cors_origins:
        server.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.api.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["X-API-Key", "Content-Type"],
            expose_headers=["Retry-After", "X-Cache"],
        )
    server.add_middleware(BrowserRules)
    server.add_middleware(TimingMiddleware, telemetry=app_services.telemetry)


def run(settings: Settings) -> None:
    """Serve until stopped. Raises InvalidRequest for a bind that others can reach without any key."""
    import uvicorn

    app = create_app(settings)
    threading.Thread(target=app.state.services.warm, name="warm", daemon=True).start()
    Watchdog(app.state.services).start()
    # what is there now stays: looking through it for garbage would hold up an answer for a tenth of a second
    gc.collect()
    gc.freeze()
    # who asks is whose connection it is: X-Forwarded-For may say anything
    uvicorn.run(
        app,
        host=settings.api.host,
        port=settings.api.port,
        log_level="info",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
