"""The collector of the crypto domain: minute candles of the market in use."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.errors import InvalidRequest
from market_assets.crypto.transforms import klines
from market_assets.settings import Settings
from resources.crypto_fetch import KLINES, klines_landing
from resources.stores import open_store
from resources.stream.candle import Candle
from resources.stream.collector import Collector
from resources.stream.features import LiveFeatures
from resources.stream.feed import Feed, Pace
from resources.stream.hot import HotCache, hot_path
from resources.stream.landing import Landing
from resources.stream.socket import Patience
from resources.stream.symbols import listed
from resources.vendors import binance_klines, binance_stream
from resources.vendors.registry import Vendors

DOMAIN = "crypto"
_DAY = timedelta(days=1)
_MINUTES = 1440
#: what may wait in memory while nothing can be stored
_MOST_DAYS = 3


def crypto_collector(settings: Settings, vendors: Vendors, *, now: Callable[[], datetime] = clock.now) -> Collector:
    """A collector of every symbol that is listed now. Raises InvalidRequest where there is nothing to collect."""
    crypto, stream = settings.crypto, settings.crypto.stream
    if not crypto.live:
        raise InvalidRequest("crypto.live is off, so the venue is not asked for anything: set it to true to stream")
    symbols = listed(crypto, now().date())
    if not symbols:
        raise InvalidRequest(f"none of crypto.symbols is listed on {now():%Y-%m-%d}: nothing to stream")
    source = settings.source_name(binance_stream.SOURCE)
    features = LiveFeatures(settings, symbols)
    feed = Feed(
        name=crypto.venue.vendor,
        symbols=symbols,
        url=binance_stream.url(settings, symbols),
        parse=partial(binance_stream.parse, source=source, vendor=crypto.venue.vendor),
        fill=Rest(settings, vendors),
        known=Stored(settings, symbols, now),
        vendors=settings.vendors,
        features=features,
        seed=features.seed,
    )
    pace = Pace(
        patience=Patience(stream.silent_s, stream.first_wait_s, max(stream.max_wait_s, stream.first_wait_s)),
        flush_s=stream.flush_s,
        grace_s=crypto.close_grace_s,
    )
    landing = Landing(klines_landing(settings), crypto.venue.vendor, most=_MOST_DAYS * _MINUTES * len(symbols))
    return Collector(feed, landing, HotCache(hot_path(settings, DOMAIN), stream.cache_bars), pace, now=now)


@dataclass(frozen=True)
class Rest:
    """Closed candles by REST, cleaned as the graph cleans them."""

    settings: Settings
    vendors: Vendors

    def __call__(self, symbol: str, first: datetime, until: datetime) -> list[Candle]:
        """Those that open from `first` before `until`. Raises VendorError."""
        fetched = self.vendors.klines.klines(symbol, first, until)
        source = self.settings.source_name(binance_klines.NAME)
        cleaned = klines.clean(fetched.frame, symbol=symbol, source=source, ingested_at=fetched.received_at)
        return candles(cleaned.klines)


@dataclass(frozen=True)
class Stored:
    """Closed candles that the graph has, or was handed."""

    settings: Settings
    symbols: Sequence[str]
    now: Callable[[], datetime]

    def __call__(self) -> list[Candle]:
        """Those of as many days as the hot cache shows, and of the day before at least."""
        today = self.now().date()
        n_days = max(1, math.ceil(self.settings.crypto.stream.cache_bars / _MINUTES))
        days = [today - n * _DAY for n in range(n_days, -1, -1)]
        stored = open_store(self.settings).read(KLINES, partitions.keys_of(days, self.symbols))
        streamed = klines_landing(self.settings).read(self.settings.crypto.venue.vendor, days)
        ours = klines.known(stored, streamed).filter(pl.col("symbol").is_in(self.symbols))
        return candles(ours)


def candles(rows: pl.DataFrame) -> list[Candle]:
    """Rows of `crypto_klines` one by one."""
    return [Candle._make(row) for row in rows.select(Candle._fields).iter_rows()]
