"""Which vendors there are. Adding one is its file and a line here; exchanges have a registry of their own."""

import functools
import logging
import threading
from collections.abc import Mapping
from datetime import date
from typing import TypeVar

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.fallback import Chain
from resources.http.errors import VendorError
from resources.http.state import VendorState
from resources.http.transport import Timing
from resources.vendors import advisor
from resources.vendors.advisor import Advisor
from resources.vendors.alphavantage import AlphaVantage
from resources.vendors.alternative_me import AlternativeMe
from resources.vendors.binance_kline_archive import BinanceKlineArchive
from resources.vendors.binance_klines import BinanceKlines
from resources.vendors.daily import FetchedActions, Instrument
from resources.vendors.fred import Fred
from resources.vendors.glassnode import Glassnode
from resources.vendors.minute import MinuteSource
from resources.vendors.polygon import Polygon
from resources.vendors.polygon_minutes import PolygonMinutes
from resources.vendors.twelvedata import TwelveData
from resources.vendors.yahoo import Yahoo
from resources.vendors.yahoo_minutes import YahooMinutes
from resources.venues import binance_archive
from resources.venues import registry as venues
from resources.venues.binance_archive import Archive
from resources.venues.exchange import Exchange

log = logging.getLogger(__name__)

#: a vendor of daily bars
Daily = Polygon | Yahoo
Client = Daily | Glassnode | AlternativeMe
Kind = TypeVar("Kind", Polygon, Yahoo, Glassnode, AlternativeMe)

#: name in `equities.sources` -> client
DAILY: Mapping[str, type[Polygon] | type[Yahoo]] = {Polygon.name: Polygon, Yahoo.name: Yahoo}
#: name in `bars.sources` -> client
MINUTE: Mapping[str, type[YahooMinutes] | type[AlphaVantage] | type[TwelveData] | type[PolygonMinutes]] = {
    kind.name: kind for kind in (YahooMinutes, AlphaVantage, TwelveData, PolygonMinutes)
}


class Vendors:
    """The clients of the configured vendors, each made on first use.

    Threads may share exchanges, archives, candles, sources of minutes and macro series.

    `rates` replaces the budget of a vendor or exchange, `timing` the clock of all: tests do both.
    """

    def __init__(
        self, settings: Settings, *, rates: Mapping[str, RateBudget] | None = None, timing: Timing | None = None
    ) -> None:
        self.settings = settings
        self._rates, self._timing = dict(rates or {}), timing
        self._made: dict[str, Client] = {}
        self._exchanges: dict[str, Exchange] = {}
        self._archives: dict[str, Archive] = {}
        self._klines: BinanceKlines | None = None
        self._kline_archive: BinanceKlineArchive | None = None
        self._minute_sources: dict[str, MinuteSource] = {}
        self._fred: Fred | None = None
        self._making = threading.Lock()

    def source(self, name: str) -> Daily:
        """The client of a vendor of daily bars by its name."""
        found = self._client(DAILY[name])
        assert isinstance(found, Polygon | Yahoo)
        return found

    @property
    def polygon(self) -> Polygon:
        """Polygon's client."""
        return self._of(Polygon)

    @property
    def yahoo(self) -> Yahoo:
        """Yahoo's client."""
        return self._of(Yahoo)

    @property
    def glassnode(self) -> Glassnode:
        """Glassnode's client."""
        return self._of(Glassnode)

    @property
    def sentiment(self) -> AlternativeMe:
        """The client of the Fear & Greed index."""
        return self._of(AlternativeMe)

    @functools.cached_property
    def advisor(self) -> Advisor | None:
        """The client of the language model; None where it is switched off or has no key."""
        if not advisor.is_enabled(self.settings):
            return None
        return Advisor.connect(self.settings, rates=self._rates.get(advisor.NAME), timing=self._timing)

    def exchange(self, name: str) -> Exchange:
        """The client of an exchange, by its own record or by way of ccxt."""
        with self._making:
            if name not in self._exchanges:
                rates = self._rates.get(name)
                self._exchanges[name] = venues.connect(self.settings, name, rates=rates, timing=self._timing)
            return self._exchanges[name]

    def archive(self, exchange: str) -> Archive | None:
        """The archive of an exchange's settled funding; None where it has none."""
        if exchange not in binance_archive.MARKETS:
            return None
        with self._making:
            if exchange not in self._archives:
                rates = self._rates.get(binance_archive.NAME)
                made = Archive.connect(self.settings, exchange, rates=rates, timing=self._timing)
                self._archives[exchange] = made
            return self._archives[exchange]

    @property
    def klines(self) -> BinanceKlines:
        """The client of the crypto market in use."""
        with self._making:
            if self._klines is None:
                rates = self._rates.get(self.settings.crypto.venue.vendor)
                self._klines = BinanceKlines.connect(self.settings, rates=rates, timing=self._timing)
            return self._klines

    @property
    def kline_archive(self) -> BinanceKlineArchive:
        """The archive of its minute candles."""
        with self._making:
            if self._kline_archive is None:
                rates = self._rates.get(binance_archive.NAME)
                self._kline_archive = BinanceKlineArchive.connect(self.settings, rates=rates, timing=self._timing)
            return self._kline_archive

    def minute_source(self, name: str) -> MinuteSource:
        """The client of a source of minutes by its name; one without its key is not `enabled`."""
        with self._making:
            if name not in self._minute_sources:
                made = MINUTE[name].connect(self.settings, rates=self._rates.get(name), timing=self._timing)
                self._minute_sources[name] = made
            return self._minute_sources[name]

    @property
    def fred(self) -> Fred:
        """The client of the macro series."""
        with self._making:
            if self._fred is None:
                self._fred = Fred.connect(self.settings, rates=self._rates.get(Fred.name), timing=self._timing)
            return self._fred

    @functools.cached_property
    def chain(self) -> Chain:
        """The chain of `equities.sources`, in their order."""
        sources = [self.source(name) for name in self.settings.equities.sources]
        timing = self._timing or Timing()
        return Chain(sources, VendorState.of(self.settings.home), timing.wall)

    def actions(self, instrument: Instrument) -> FetchedActions:
        """Splits and dividends from the first source of the chain that answers."""
        return self.chain.actions(instrument)

    def listed_from(self, instrument: Instrument) -> date | None:
        """First day of the listing by a vendor's reference data; None where no vendor tells.

        A vendor that fails here is passed over: what asks this has a failure of its own to report.
        """
        for name in self.settings.equities.sources:
            try:
                found = self.source(name).listing(instrument.id_at(name)).listed_from
            except VendorError as failed:
                log.info("%s: no listing date from %s (%s)", instrument.symbol, name, failed.detail)
                continue
            if found is not None:
                return found
        return None

    def close(self) -> None:
        """Close every connection pool."""
        single = [client for client in (self._klines, self._kline_archive, self._fred) if client is not None]
        for client in (*self._made.values(), *self._archives.values(), *single):
            client.http.close()
        for source in self._minute_sources.values():
            source.close()
        for exchange in self._exchanges.values():
            exchange.close()

    def _of(self, kind: type[Kind]) -> Kind:
        found = self._client(kind)
        assert isinstance(found, kind)
        return found

    def _client(self, kind: type[Polygon] | type[Yahoo] | type[Glassnode] | type[AlternativeMe]) -> Client:
        if kind.name not in self._made:
            self._made[kind.name] = kind.connect(self.settings, rates=self._rates.get(kind.name), timing=self._timing)
        return self._made[kind.name]
