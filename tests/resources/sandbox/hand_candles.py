"""Candles written by hand, a clock that is set by hand, and a listener of streams.

The candle of a minute opens at 100 + its minute of the hour, closes half above and reaches one further to both sides;
its volume is 2, of which takers bought 0.5, in 4 trades. A running candle has come to its open and 1 trade.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from resources.sandbox.minutes import Coin, Minutes
from resources.sandbox.synthetic import SyntheticBackend

#: 15 seconds into a minute
START = datetime(2026, 10, 5, 12, 0, 15, tzinfo=UTC)
#: open instant of that minute
START_MS = 1_791_201_600_000
MINUTE_MS = 60_000

LINES = "binance_usdm/market/stream?streams=btcusdt@kline_1m"


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        """Move on."""
        self.at += timedelta(**span)


class FastClock:
    """Runs from START, so many times as fast as time."""

    def __init__(self, speed: float) -> None:
        self.speed, self.began_s = speed, time.monotonic()

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.speed * (time.monotonic() - self.began_s))


def coin(market: str, symbol: str, *, price_decimals: int = 2, volume_decimals: int = 3) -> Coin:
    """A coin that has always traded."""
    return Coin(
        market=market,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        listed_at=datetime(2020, 1, 1, tzinfo=UTC),
        price_decimals=price_decimals,
        volume_decimals=volume_decimals,
    )


@dataclass
class HandCandles(SyntheticBackend):
    """BTCUSDT and ETHUSDT on both markets, by the rule of this module."""

    #: open instants (ms) of minutes the venue does not have
    missing: Sequence[int] = ()
    #: open instants (ms) of minutes without trades
    quiet: Sequence[int] = ()

    def __post_init__(self) -> None:
        super().__init__(seed=7)

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """Two coins."""
        return [coin(market, symbol) for symbol in ("BTCUSDT", "ETHUSDT")]

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Every minute but the missing ones."""
        first_ms, until_ms, at_ms = (round(one.timestamp() * 1000) for one in (first, until, at))
        begin = -(-first_ms // MINUTE_MS) * MINUTE_MS
        opens = [ms for ms in range(begin, min(until_ms, at_ms + 1), MINUTE_MS) if ms not in self.missing]
        open_ms = np.array(opens, np.int64)
        done = open_ms + MINUTE_MS <= at_ms
        trades = np.where(np.isin(open_ms, self.quiet), 0, np.where(done, 4, 1))
        price = 100.0 + open_ms // MINUTE_MS % 60
        volume = trades / 2
        return Minutes(
            time_ms=open_ms,
            open=price,
            high=price + 1.5 * done,
            low=price - 1.0 * done,
            close=price + 0.5 * done,
            volume=volume,
            quote_volume=volume * price,
            trades=trades,
            taker_base=volume / 4,
            taker_quote=volume / 4 * price,
        )


@contextmanager
def listening(address: str, path: str = LINES) -> Iterator[ClientConnection]:
    """A client of a stream of the sandbox at `address`."""
    with connect(f"{address.replace('http', 'ws', 1)}/{path}", open_timeout=5, close_timeout=1) as socket:
        yield socket


def told(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """So many messages, without their wrapping."""
    messages = [json.loads(socket.recv(timeout=5)) for _ in range(count)]
    return [message.get("data", message) for message in messages]


def closed(socket: ClientConnection, count: int) -> list[tuple[str, int]]:
    """Symbol and open instant of the next closed candles."""
    found: list[tuple[str, int]] = []
    while len(found) < count:
        (event,) = told(socket, 1)
        found += [(event["s"], event["k"]["t"])] * event["k"]["x"]
    return found


def silent(socket: ClientConnection, seconds: float = 0.2) -> bool:
    """Whether nothing comes for a while."""
    try:
        socket.recv(timeout=seconds)
    except TimeoutError:
        return True
    return False


def end(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """What still comes, and the code the server closes with."""
    messages: list[dict[str, Any]] = []
    while True:
        try:
            messages += told(socket, 1)
        except ConnectionClosed as ending:
            assert ending.rcvd is not None
            return messages, ending.rcvd.code
