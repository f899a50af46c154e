"""Binance's candle stream: its address, and what its frames say. Pure; `resources/stream` holds the connection.

The old path of futures (`/ws`) still connects and stays silent; candles come under `/market` (seen 2026).
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from market_assets.settings import Settings
from resources.http.errors import Malformed
from resources.stream.candle import MINUTE, Candle, Farewell, Update
from resources.vendors import json_shape

SOURCE = "binance_stream"
_INTERVAL = "1m"
_MINUTE_MS = 60_000


def url(settings: Settings, symbols: Iterable[str]) -> str:
    """The address that pushes minute candles of these symbols: the venue's own, or the sandbox's."""
    venue = settings.crypto.venue
    base = venue.stream_url
    if settings.vendors == "sandbox":
        host = settings.sandbox_url.replace("http", "ws", 1)
        base = f"{host}/{venue.vendor}{urlsplit(venue.stream_url).path}"
    return f"{base}?streams={'/'.join(stream_name(symbol) for symbol in symbols)}"


def stream_name(symbol: str) -> str:
    """The stream of a symbol's minute candles. Upper-case names connect and stay silent."""
    return f"{symbol.lower()}@kline_{_INTERVAL}"


def parse(
    frame: str | bytes, received_at: datetime, source: str = SOURCE, vendor: str = "binance"
) -> Update | Farewell | None:
    """What a frame says, wrapped as `{"stream", "data"}` or bare; None where it is about something else.

    Raises Malformed naming the first offence.
    """
    body = json_shape.parse(vendor, frame.encode() if isinstance(frame, str) else frame)
    if not isinstance(body, Mapping):
        raise Malformed(vendor, f"a frame must be an object, was {type(body).__name__}")
    event = json_shape.member(vendor, body, "data", dict) if "data" in body else body
    kind = event.get("e")
    if kind == "serverShutdown":
        return Farewell(kind)
    if kind != "kline":
        return None
    return _update(vendor, event, received_at, source)


def _update(vendor: str, event: Mapping[str, Any], received_at: datetime, source: str) -> Update:
    k = json_shape.member(vendor, event, "k", dict)
    interval = json_shape.member(vendor, k, "k.i", str)
    if interval != _INTERVAL:
        raise Malformed(vendor, f"k.i must be {_INTERVAL}, was {interval[:20]!r}")
    opened = json_shape.instant(vendor, k.get("t"), "k.t", "ms")
    if k["t"] % _MINUTE_MS:
        raise Malformed(vendor, f"k.t must be a whole minute, was {k['t']}")
    at = json_shape.instant(vendor, event.get("E"), "E", "ms")
    is_final = json_shape.member(vendor, k, "k.x", bool)
    candle = Candle(
        symbol=json_shape.member(vendor, k, "k.s", str),
        ts=opened,
        open=_number(vendor, k, "k.o"),
        high=_number(vendor, k, "k.h"),
        low=_number(vendor, k, "k.l"),
        close=_number(vendor, k, "k.c"),
        volume=_number(vendor, k, "k.v"),
        quote_volume=_number(vendor, k, "k.q"),
        trade_count=json_shape.member(vendor, k, "k.n", int),
        taker_buy_base=_number(vendor, k, "k.V"),
        taker_buy_quote=_number(vendor, k, "k.Q"),
        source=source,
        # where our clock is behind the venue's, a candle would arrive before it has closed
        ingested_at=max(received_at, at, opened + MINUTE) if is_final else max(received_at, at),
    )
    _check(vendor, candle)
    return Update(candle, is_final, at)


def _number(vendor: str, k: Mapping[str, Any], path: str) -> float:
    said: str = json_shape.member(vendor, k, path, str)
    try:
        found = float(said)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise Malformed(vendor, f"{path} must be a number written as text, was {said[:40]!r}")
    return found


def _check(vendor: str, one: Candle) -> None:
    """Raise Malformed for what no candle can be."""
    if not 0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high:
        prices = f"{one.open:g}, {one.high:g}, {one.low:g}, {one.close:g}"
        raise Malformed(vendor, f"k.o, k.h, k.l, k.c must be prices within their range, were {prices}")
    if not 0 <= one.taker_buy_base <= one.volume or min(one.quote_volume, one.taker_buy_quote, one.trade_count) < 0:
        raise Malformed(
            vendor, f"k.V must lie in 0 to k.v, and no sum below 0; k.V {one.taker_buy_base:g}, k.v {one.volume:g}"
        )
