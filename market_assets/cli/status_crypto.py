"""What `market-assets status` tells of the crypto domain and of collectors. Reads only what is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import polars as pl

from dashboards.crypto.health import tables
from dashboards.data import PublishedData
from dashboards.freshness import newest_close
from dashboards.streams import State, StreamFacts, command
from market_assets.core import clock
from market_assets.crypto import readers
from market_assets.settings import Settings
from resources.stream.symbols import listed

#: silent: a collector that runs and does not hear its venue, or cannot store
Reached = Literal["up", "down", "unknown", "silent"]

_CANDLES, _TRADES = "crypto_klines", "crypto_paper_trades"
_REACHED: Mapping[State, Reached] = {
    **{"running": "up", "silent": "silent"},
    **{"dead": "down", "ended": "down", "never": "down"},
}


@dataclass(frozen=True)
class SymbolLine:
    """One listed symbol."""

    symbol: str
    #: when its newest stored minute candle closed, and how long ago; None without any
    closed_at: datetime | None
    age_s: float | None


@dataclass(frozen=True)
class AccountLine:
    """The simulated account at the end of its newest day."""

    day: date
    equity: float | None
    drawdown_ratio: float | None
    #: symbol and side of what it holds
    held: tuple[str, ...]


def symbols(settings: Settings, data: PublishedData) -> tuple[SymbolLine, ...]:
    """Every listed symbol in the order of the settings; none before the first candle is stored."""
    now, crypto = clock.now(), settings.crypto
    closed = newest_close(data.manifests(_CANDLES), tables(crypto.signals.timeframe)[_CANDLES])
    if not closed:
        return ()
    return tuple(
        SymbolLine(name, at, None if at is None else (now - at).total_seconds())
        for name in listed(crypto, now.date())
        for at in (closed.get(name),)
    )


def account(data: PublishedData) -> AccountLine | None:
    """The account; None before its first day."""
    if not data.manifests(_TRADES):
        return None
    days = data.kept("status equity", [_TRADES], lambda: readers.equity(limit=1, store=data.store))
    held = data.kept("status positions", [_TRADES], lambda: readers.positions(store=data.store))
    if days.is_empty():
        return None
    newest = days.row(-1, named=True)
    names = held.select(pl.format("{} {}", "symbol", "side")).to_series().to_list()
    return AccountLine(newest["day"], newest["equity_end"], newest["drawdown_ratio"], tuple(names))


def service(stream: StreamFacts) -> tuple[str, Reached, str]:
    """Name, state and what was measured of a collector."""
    return f"{stream.domain} stream", _REACHED[stream.state], _said(stream)


def _said(stream: StreamFacts) -> str:
    status = stream.status
    if status is None:
        return stream.detail or f"never started with this home: {command(stream.domain)}"
    if stream.state == "ended":
        return f"stopped at {status.at:%Y-%m-%d %H:%M}Z{f'; {stream.detail}' if stream.detail else ''}"
    since = f"process {status.pid} since {status.started_at:%Y-%m-%d %H:%M}Z"
    heard = "no message yet" if stream.message_age_s is None else f"last message {stream.message_age_s:,.0f} s ago"
    return f"{since}, {stream.detail or heard}"
