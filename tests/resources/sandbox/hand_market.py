"""A market written by hand: a few contracts whose settlements and quotes can be worked out in the head.

Settlement number k of a contract (0, 1, 2, ...) is due k + 1 intervals after its listing; it has the rate
(k + 1) x 1e-6 and the mark price 100 + k, and is stamped `jitter_ms` late.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
import numpy as np
import uvicorn

from resources.sandbox.app import create_app
from resources.sandbox.backend import Backend
from resources.sandbox.perpetuals import HOUR_MS, Perpetual, Quote, Settlements
from resources.sandbox.synthetic import SyntheticBackend

LISTED = datetime(2026, 1, 1, tzinfo=UTC)
#: 1,800 hours after the listing, and a bit
NOW = datetime(2026, 3, 17, 0, 0, 30, 250_000, tzinfo=UTC)
NOW_MS = 1_773_705_630_250
LISTED_MS = 1_767_225_600_000

QUOTE = Quote(
    predicted_rate=-0.00012345,
    interval_hours=8.0,
    next_funding_ms=1_773_734_400_000,
    mark=50_000.5,
    index=50_010.25,
    open_interest=1234.0,
)


def at_hour(hours: float) -> int:
    """Epoch milliseconds of an hour after the listing."""
    return LISTED_MS + round(hours * HOUR_MS)


def perpetual(
    exchange: str,
    native_symbol: str,
    native_base: str = "BTC",
    *,
    quote: str = "USDT",
    settle: str | None = None,
    kind: Literal["linear", "inverse"] = "linear",
    size: float = 1.0,
    oi_unit: Literal["base", "contracts", "usd"] = "base",
    hours: float = 8.0,
    is_open: bool = True,
) -> Perpetual:
    """A contract listed at LISTED; a closed one ended a day before NOW."""
    return Perpetual(
        exchange=exchange,
        native_symbol=native_symbol,
        native_base=native_base,
        quote=quote,
        settle=settle or quote,
        kind=kind,
        contract_size=size,
        oi_unit=oi_unit,
        interval_hours=hours,
        listed_at=LISTED,
        delisted_at=None if is_open else NOW - timedelta(days=1),
        is_open=is_open,
    )


@dataclass
class HandMarket(SyntheticBackend):
    """Exactly these contracts, on every exchange that names them."""

    listed: Sequence[Perpetual]
    jitter_ms: int = 0
    quote: Quote = QUOTE
    #: quotes that differ from `quote`, by native symbol
    others: Mapping[str, Quote] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(seed=7)

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """The contracts of an exchange."""
        return [one for one in self.listed if one.exchange == exchange]

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """By the rule of this module."""
        found = [one for one in self.perpetuals(exchange, at) if one.native_symbol == native_symbol]
        if not found:
            return Settlements.empty()
        step_ms = int(found[0].interval_hours * HOUR_MS)
        count = (int(at.timestamp() * 1000) - self.jitter_ms - LISTED_MS) // step_ms
        number = np.arange(count)
        return Settlements(
            time_ms=LISTED_MS + (number + 1) * step_ms + self.jitter_ms,
            rate=np.round((number + 1) * 1e-6, 6),
            interval_hours=np.full(count, found[0].interval_hours),
            mark=100.0 + number,
        )

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """The same for every open contract, but for those of `others`."""
        listed = [one for one in self.perpetuals(exchange, at) if one.is_open]
        same = {one.native_symbol: replace(self.quote, interval_hours=one.interval_hours) for one in listed}
        return {**same, **{name: quote for name, quote in self.others.items() if name in same}}


@contextlib.contextmanager
def served(backend: Backend, now: datetime = NOW) -> Iterator[httpx.Client]:
    """A client of a sandbox over `backend`, on a real socket, without faults."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = create_app(backend, now=lambda: now)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until, "the sandbox did not start within 10 s"
        time.sleep(0.005)
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(timeout=5)
