"""`market-assets stream`: the always-on collector of a domain."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from market_assets.core.errors import InvalidRequest, MarketAssetsError
from market_assets.settings import Settings, settings
from resources import stop_marker as marker

#: domains with a collector
DOMAINS = ("crypto",)
_LOOK_S = 0.25


class Stopped(MarketAssetsError):
    """This home is meant to stand still."""


def stream(
    domain: Annotated[str, typer.Option(help=f"what to collect: {', '.join(DOMAINS)}")] = DOMAINS[0],
    once_for: Annotated[float | None, typer.Option(min=0, help="end by itself after so many seconds")] = None,
) -> None:
    """Collect what a venue pushes, minute by minute, until it is stopped.

    Closed candles go to the graph within seconds, and forming ones to the app at once. SIGTERM, SIGINT or
    `market-assets stop` ends it cleanly: what is closed is stored first. One runs per home and domain.
    """
    if domain not in DOMAINS:
        raise InvalidRequest(f"no stream of {domain!r}: the domains with a stream are {', '.join(DOMAINS)}")
    found = settings()
    stopped = marker.read(found)
    if stopped is not None:
        why = f" ({stopped.reason})" if stopped.reason else ""
        raise Stopped(
            f"this home was stopped at {stopped.stopped_at:%Y-%m-%d %H:%M}Z{why}, so nothing is collected: "
            f"{marker.path(found)} says so. `market-assets start` lets it go on"
        )
    from resources.stream.sole import sole

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # one line per request and per frame is too much for a process that never ends
    for chatty in ("httpx", "httpcore", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with sole(found.home / "state" / f"stream-{domain}.lock", f"market-assets stream --domain {domain}"):
        asyncio.run(_collect(found, once_for))


async def _collect(found: Settings, once_for: float | None) -> None:
    from resources.stream.crypto import crypto_collector
    from resources.vendors.registry import Vendors

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if once_for is not None:
        loop.call_later(once_for, stopping.set)
    watching = asyncio.create_task(_watch(marker.path(found), stopping))
    vendors = Vendors(found)
    try:
        await crypto_collector(found, vendors).run(stopping)
    finally:
        watching.cancel()
        vendors.close()


async def _watch(file: Path, stopping: asyncio.Event) -> None:
    while not file.exists():
        await asyncio.sleep(_LOOK_S)
    stopping.set()
