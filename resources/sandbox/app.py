"""The sandbox as a server: vendors' routes, and `/_sandbox` to steer and inspect it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Body, FastAPI, HTTPException

from market_assets.core import clock
from resources.sandbox import (
    advisor,
    alphavantage,
    alternative_me,
    binance_archive,
    binance_futures,
    binance_klines,
    binance_stream,
    bybit,
    deribit,
    dydx,
    fred,
    glassnode,
    hyperliquid,
    kucoin,
    okx,
    polygon,
    twelvedata,
    yahoo,
)
from resources.sandbox.backend import DEFAULT_SEED, Backend
from resources.sandbox.desk import Desk, Ledger, entries
from resources.sandbox.faults import Faults, UnknownFault, from_json


def create_app(backend: Backend, *, faults: Sequence[str] = (), now: Callable[[], datetime] = clock.now) -> FastAPI:
    """The application over a backend.

    `faults` are specs of `resources.sandbox.faults`, `now` is the market's clock. Raises UnknownFault.
    """
    desk = Desk(backend, Faults(faults), now)
    asked: Counter[tuple[str, str, int]] = Counter()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # health already answers while the calendar is read
        reading = asyncio.create_task(desk.ready())
        yield
        reading.cancel()

    app = FastAPI(
        lifespan=lifespan,
        title="market-assets sandbox",
        openapi_url="/_sandbox/openapi.json",
        docs_url="/_sandbox/docs",
    )
    app.include_router(polygon.router(desk))
    app.include_router(yahoo.router(desk))
    app.include_router(glassnode.router(desk))
    for exchange in (binance_futures, binance_klines, binance_archive, bybit, okx, hyperliquid, deribit, dydx, kucoin):
        app.include_router(exchange.router(desk))
    for vendor in (alphavantage, twelvedata, fred, binance_stream, alternative_me, advisor):
        app.include_router(vendor.router(desk))
    app.add_middleware(Ledger, asked=asked)

    @app.get("/_sandbox/health")
    async def health() -> dict[str, Any]:
        """Which backend serves, and what its clock says."""
        return {
            "status": "ok",
            "backend": backend.kind,
            "now": now().isoformat(),
            "instruments": len(backend.instruments()),
        }

    @app.get("/_sandbox/faults")
    async def active_faults() -> list[dict[str, object]]:
        """The faults in force."""
        return [fault.describe() for fault in desk.faults.active]

    @app.post("/_sandbox/faults")
    async def add_faults(body: dict[str, Any] = Body()) -> list[dict[str, object]]:  # noqa: B008
        """Put `{"spec"}`, `{"specs"}` or `{"vendor", "fault", options}` in force; 422 for an unknown one."""
        try:
            desk.faults.add(from_json(body))
        except UnknownFault as unknown:
            raise HTTPException(422, str(unknown)) from None
        return [fault.describe() for fault in desk.faults.active]

    @app.delete("/_sandbox/faults")
    async def end_faults() -> list[dict[str, object]]:
        """End every fault."""
        desk.faults.clear()
        return []

    @app.get("/_sandbox/ledger")
    async def ledger() -> list[dict[str, Any]]:
        """What was asked: vendor, path, status, count."""
        return entries(asked)

    @app.delete("/_sandbox/ledger")
    async def empty_ledger() -> list[dict[str, Any]]:
        """Forget what was asked."""
        asked.clear()
        return []

    return app


def backend_for(seed: int | None = None, replay: Path | None = None) -> Backend:
    """Recorded tables where a directory is given, else the simulated market. Raises NoRecording."""
    seed = DEFAULT_SEED if seed is None else seed
    if replay is not None:
        from resources.sandbox.replay import ReplayBackend

        return ReplayBackend(replay, seed)
    from resources.sandbox.synthetic import SyntheticBackend

    return SyntheticBackend(seed)


def running_clock(
    start: datetime, speed: float, elapsed: Callable[[], float] = time.monotonic
) -> Callable[[], datetime]:
    """A clock that begins at `start` now, and runs `speed` times as fast as `elapsed` (seconds)."""
    began = elapsed()
    return lambda: start + timedelta(seconds=(elapsed() - began) * speed)


def run(
    port: int,
    host: str = "127.0.0.1",
    seed: int | None = None,
    replay: Path | None = None,
    faults: Sequence[str] = (),
    start: datetime | None = None,
    speed: float = 1.0,
) -> None:
    """Serve until interrupted, by a clock of the sandbox's own where `start` or `speed` says so.

    Raises UnknownFault, and NoRecording for an unusable `replay`.
    """
    import uvicorn

    own_clock = start is not None or speed != 1
    now = running_clock(start or clock.now(), speed) if own_clock else clock.now
    app = create_app(backend_for(seed, replay), faults=faults, now=now)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws_ping_interval=binance_stream.PING_S,
        ws_ping_timeout=binance_stream.PONG_S,
    )
