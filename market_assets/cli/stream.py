"""`market-assets stream`: the always-on collector of a domain."""

import asyncio
import logging
import queue
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from market_assets.core.errors import InvalidRequest, MarketAssetsError
from market_assets.settings import Settings, settings
from resources import stop_marker as marker

if TYPE_CHECKING:
    from resources.vendors.registry import Vendors

#: domains with a collector
DOMAINS = ("crypto", "bars")
#: those that ask, rather than to be told, and so have an interval
_ASKING = ("bars",)
_LOOK_S = 0.25


class Stopped(MarketAssetsError):
    """This home is meant to stand still."""


class Runs(Protocol):
    """A collector."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Collect until `stopping` is set."""
        ...


def stream(
    domain: Annotated[str, typer.Option(help=f"what to collect: {', '.join(DOMAINS)}")] = DOMAINS[0],
    interval: Annotated[
        float | None,
        typer.Option(min=0.1, help="seconds between two quotes of a symbol, where budgets allow it (bars only)"),
    ] = None,
    once_for: Annotated[float | None, typer.Option(min=0, help="end by itself after so many seconds")] = None,
) -> None:
    """Collect what a venue pushes, or what sources are asked for every second, until it is stopped.

    Closed candles and bars go to the graph within seconds, and forming ones to the app at once. SIGTERM, SIGINT or
    `market-assets stop` ends it cleanly: what is closed is stored first. One runs per home and domain.
    """
    if domain not in DOMAINS:
        raise InvalidRequest(f"no stream of {domain!r}: the domains with a stream are {', '.join(DOMAINS)}")
    if interval is not None and domain not in _ASKING:
        raise InvalidRequest(
            f"--interval is how often sources are asked, and {domain} is pushed by its venue: "
            f"leave it out, or stream {', '.join(_ASKING)}"
        )
    found = _every(settings(), interval)
    stopped = marker.read(found)
    if stopped is not None:
        why = f" ({stopped.reason})" if stopped.reason else ""
        raise Stopped(
            f"this home was stopped at {stopped.stopped_at:%Y-%m-%d %H:%M}Z{why}, so nothing is collected: "
            f"{marker.path(found)} says so. `market-assets start` lets it go on"
        )
    from resources.stream.sole import sole

    lock = found.home / "state" / f"stream-{domain}.lock"
    with _logging(), sole(lock, f"market-assets stream --domain {domain}"):
        asyncio.run(_collect(domain, found, once_for))


def _every(found: Settings, interval: float | None) -> Settings:
    """The settings with the interval of the command in place of `bars.stream.interval_s`."""
    if interval is None:
        return found
    rules = found.bars.stream.model_copy(update={"interval_s": interval})
    return found.model_copy(update={"bars": found.bars.model_copy(update={"stream": rules})})


@contextmanager
def _logging() -> Iterator[None]:
    """Messages on stderr, written by a thread of their own: a reader that is slow must not hold up a second."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logging.basicConfig(
        level=logging.INFO,
        handlers=[QueueHandler(records)],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # one line per request and per frame is too much for a process that never ends
    for chatty in ("httpx", "httpcore", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    writing = QueueListener(records, logging.StreamHandler(sys.stderr))
    writing.start()
    try:
        yield
    finally:
        writing.stop()


async def _collect(domain: str, found: Settings, once_for: float | None) -> None:
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
        await _collector(domain, found, vendors).run(stopping)
    finally:
        watching.cancel()
        vendors.close()


def _collector(domain: str, found: Settings, vendors: "Vendors") -> Runs:
    if domain == "bars":
        from resources.stream.bars.assembly import bars_collector

        return bars_collector(found, vendors)
    from resources.stream.crypto import crypto_collector

    return crypto_collector(found, vendors)


async def _watch(file: Path, stopping: asyncio.Event) -> None:
    while not file.exists():
        await asyncio.sleep(_LOOK_S)
    stopping.set()
