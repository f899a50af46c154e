"""Candles as events of Binance's streams: what a subscriber is due as the clock moves on."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resources.sandbox.backend import Backend
from resources.sandbox.exchange_desk import instant
from resources.sandbox.kline_wire import lines
from resources.sandbox.minutes import MINUTE_MS, Coin, Minutes, milliseconds

#: how often the running candle is told
REFRESH_MS = 2000
#: trade ids a minute has room for: they rise with time, with holes
_TRADES_A_MINUTE = 1_000_000
_STREAM = re.compile(r"([a-z0-9]+)@kline_1m")


@dataclass(frozen=True)
class Event:
    """One candle as it is told."""

    symbol: str
    open_ms: int
    closed: bool
    body: dict[str, Any]

    @property
    def stream(self) -> str:
        """The name of the stream it belongs to."""
        return f"{self.symbol.lower()}@kline_1m"


@dataclass
class _Told:
    """What a subscriber knows of one symbol."""

    coin: Coin
    #: the first minute whose closed candle was not told
    next_ms: int
    #: when the running candle was told last
    shown_ms: int | None = None


class Feed:
    """The events of one subscriber: every candle that closes from the subscription on, and the running ones."""

    def __init__(self, backend: Backend, market: str) -> None:
        self.backend, self.market = backend, market
        self._told: dict[str, _Told] = {}

    def follow(self, coin: Coin, at: datetime) -> None:
        """Begin with the minute running now; nothing changes for a symbol that is already followed."""
        now_ms = milliseconds(at)
        self._told.setdefault(coin.symbol, _Told(coin, now_ms - now_ms % MINUTE_MS))

    def leave(self, symbol: str) -> None:
        """Tell no more of a symbol."""
        self._told.pop(symbol, None)

    def due(self, at: datetime) -> list[Event]:
        """What is to be told now: every candle that closed since, and the running ones every two seconds, by minute."""
        told = [event for one in self._told.values() for event in self._of(one, at)]
        return sorted(told, key=lambda event: event.open_ms)

    def _of(self, told: _Told, at: datetime) -> list[Event]:
        now_ms = milliseconds(at)
        running_ms = now_ms - now_ms % MINUTE_MS
        refresh = told.shown_ms is None or now_ms - told.shown_ms >= REFRESH_MS
        if told.next_ms >= running_ms and not refresh:
            return []
        first, until = instant(told.next_ms), instant(running_ms + MINUTE_MS)
        candles = self.backend.candles(self.market, told.coin.symbol, first, until, at)
        told.next_ms = max(told.next_ms, running_ms)
        told.shown_ms = now_ms if refresh else told.shown_ms
        return [event for event in events(told.coin, candles, at) if event.closed or refresh]


def streamed_symbol(stream: str) -> str | None:
    """The symbol of a stream's name as `btcusdt@kline_1m`; None of any other, upper-case ones among them."""
    found = _STREAM.fullmatch(stream)
    return found[1].upper() if found else None


def events(coin: Coin, candles: Minutes, at: datetime) -> list[Event]:
    """Each candle as its market words it at an instant: the same text as its kline route's."""
    now_ms = milliseconds(at)
    return [_event(coin, line, now_ms) for line in lines(candles, coin, MINUTE_MS)]


def _event(coin: Coin, line: tuple[Any, ...], now_ms: int) -> Event:
    open_ms, opened, high, low, close, volume, last_ms, value, trades, taken, taken_value, ignored = line
    first = open_ms // MINUTE_MS * _TRADES_A_MINUTE
    candle = {
        "t": open_ms,
        "T": last_ms,
        "s": coin.symbol,
        "i": "1m",
        # a minute without trades has none to name
        "f": first if trades else -1,
        "L": first + trades - 1 if trades else -1,
        "o": opened,
        "c": close,
        "h": high,
        "l": low,
        "v": volume,
        "n": trades,
        "x": last_ms < now_ms,
        "q": value,
        "V": taken,
        "Q": taken_value,
        "B": ignored,
    }
    return Event(coin.symbol, open_ms, candle["x"], {"e": "kline", "E": now_ms, "s": coin.symbol, "k": candle})
