"""When each symbol could be traded: by the settings, else by the venue's own listing, asked for once a day.

Looks at the listing are kept as segments: a symbol that is taken off it is not forgotten.
"""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.settings import Settings
from resources.segments import Segments
from resources.vendors.binance_klines import LISTED
from resources.vendors.registry import Vendors

#: a look at a listing
SEEN = pl.Schema({**LISTED, "seen_at": UTC_MICROS})
_FRESH = timedelta(days=1)


def listings_of(settings: Settings) -> Segments:
    """The looks at the market's listing, under the name of its vendor."""
    return Segments.of(settings, "crypto_listings", SEEN, ("symbol", "seen_at"))


@dataclass(frozen=True)
class Window:
    """When a symbol could be traded, from `first` before `until`; None is not known, and no bound."""

    first: datetime | None = None
    until: datetime | None = None

    def within(self, first: datetime, until: datetime) -> tuple[datetime, datetime] | None:
        """The part of a span that lies inside; None where there is none."""
        begin, end = max(first, self.first or first), min(until, self.until or until)
        return (begin, end) if begin < end else None


@dataclass(frozen=True)
class Listings:
    """The listing of the market in use, as a run sees it: one thread at a time."""

    settings: Settings
    vendors: Vendors
    as_of: datetime

    def window(self, symbol: str) -> Window:
        """The window of a symbol. Raises VendorError where the venue had to be asked and did not answer.

        What the settings say counts; a day on which the venue says at which instant it began does from then on.
        """
        return _window(self.settings, symbol, self._listed_at.get(symbol))

    @functools.cached_property
    def _listed_at(self) -> dict[str, datetime]:
        """Each listed symbol's first instant, as far as it is known, to the minute."""
        looks, vendor = listings_of(self.settings), self.settings.crypto.venue.vendor
        newest = looks.newest(vendor, "seen_at")
        is_fresh = newest.height > 0 and self.as_of - newest["seen_at"][0] < _FRESH
        if self.settings.crypto.live and not is_fresh:
            asked = self.vendors.klines.listing()
            newest = asked.frame.with_columns(seen_at=pl.lit(asked.received_at, UTC_MICROS))
            looks.append(vendor, asked.received_at, newest)
        return _stated(newest)


def known_windows(settings: Settings) -> dict[str, Window]:
    """The window of each symbol in use by the newest look at the listing, without asking for another."""
    stated = _stated(listings_of(settings).newest(settings.crypto.venue.vendor, "seen_at"))
    return {symbol: _window(settings, symbol, stated.get(symbol)) for symbol in settings.crypto.symbols}


def _stated(look: pl.DataFrame) -> dict[str, datetime]:
    """Each symbol's first instant by a look, as far as it is known, to the minute."""
    known = look.drop_nulls("listed_at").select("symbol", pl.col("listed_at").dt.truncate("1m"))
    return dict(known.iter_rows())


def _window(settings: Settings, symbol: str, stated: datetime | None) -> Window:
    own = settings.crypto.listing(symbol)
    first = None if own is None or own.valid_from is None else _midnight(own.valid_from)
    until = None if own is None or own.valid_to is None else _midnight(own.valid_to)
    if stated is not None and (first is None or stated.date() == first.date()):
        first = stated
    return Window(first, until)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
