"""Requests of the crypto domain: archive files by day, pages of candles, and questions to the model."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.partitions import day_and_name
from market_assets.crypto import schemas
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms import klines as candles
from market_assets.crypto.transforms.advice.inputs import tradeable
from resources.crypto_fetch import ARCHIVED_AFTER, KLINES, MOST_REQUESTS, klines_landing
from resources.crypto_listings import Listings, Window
from resources.plans.asking import Asking, Asks
from resources.vendors import advisor, alternative_me
from resources.vendors.binance_klines import closed_until, weight
from resources.venues.binance_files import NAME as ARCHIVE

#: budget of candles
LANE = "klines"
_SIGNALS: Contract = schemas.CryptoSignals.contract()
#: a file, and its checksum
_FILE = 2
#: questions about a signal, and about a symbol's day that has one
_OF_SIGNAL, _OF_DAY = 3, 1
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
Span = tuple[datetime, datetime]


def klines(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The archive's file of each day that may have one, pages of the venue for the others, and its listing once.

    Of a day that is stored with holes its file has them too, it is assumed: the venue is asked for those.
    """
    crypto, stored = asking.settings.crypto, asking.stored(KLINES)
    vendor, is_listing_asked = crypto.venue.vendor, False
    # what is known of the listing without asking for it
    offline = asking.settings.model_copy(update={"crypto": crypto.model_copy(update={"live": False})})
    listings = Listings(offline, asking.vendors, asking.now)
    closed = closed_until(asking.now, timedelta(seconds=crypto.close_grace_s))
    for key in keys:
        if crypto.live and not is_listing_asked:
            is_listing_asked = True
            yield Asks(vendor, 1, LANE)
        day, symbol = day_and_name(key)
        start = clock.instant(day)
        expected = _expected(listings.window(symbol), start, closed)
        if expected is None:
            continue
        has_file = crypto.archive and start + _DAY + ARCHIVED_AFTER <= asking.now
        if has_file:
            yield Asks(ARCHIVE, _FILE)
        if not crypto.live:
            continue
        is_whole = stored.get(key, 0) >= (expected[1] - expected[0]) // _MINUTE
        if has_file and (key not in stored or is_whole):
            continue
        is_new = start + _DAY <= closed and not has_file
        spans = [expected] if is_new else _lacking(asking, key, expected)
        yield from (_page(asking, *page) for span in spans for page in _pages(span, crypto.venue.page))


def sentiment(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The whole index in one answer."""
    yield Asks(alternative_me.NAME, 1)


def advice(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The questions about the tradeable signals of these days; of signals that come before, as if all were tradeable.

    Nothing where the model is switched off. What was asked before is answered from memory and counted all the same.
    """
    if not advisor.is_enabled(asking.settings):
        return
    stored = asking.stored(_SIGNALS)
    coming = [key for key in keys if asking.comes(_SIGNALS, key)]
    known = asking.store.read(_SIGNALS, [key for key in keys if key in stored and key not in coming])
    rows = tradeable(known, None, None)
    days = {(row["symbol"], row["ts"].date()) for row in rows}
    a_day = 24 * 60 // MINUTES[asking.settings.crypto.signals.timeframe]
    yield Asks(advisor.NAME, _OF_SIGNAL * len(rows) + _OF_DAY * len(days))
    yield Asks(advisor.NAME, (_OF_SIGNAL * a_day + _OF_DAY) * len(coming))


def _expected(window: Window, start: datetime, closed: datetime) -> Span | None:
    """The minutes of a day that are listed and over; None where there are none."""
    return window.within(start, min(start + _DAY, closed)) if start < closed else None


def _lacking(asking: Asking, key: str, expected: Span) -> list[Span]:
    """The runs of minutes that neither store nor stream has; where they are many, all in one."""
    day, symbol = day_and_name(key)
    landed = klines_landing(asking.settings).read(asking.settings.crypto.venue.vendor, [day])
    streamed = landed.filter(candles.is_sound(), symbol=symbol)
    known = candles.known(asking.store.read(KLINES, [key]), streamed)
    lacking = candles.missing(known, *expected)
    return lacking if len(lacking) <= MOST_REQUESTS else [(lacking[0][0], lacking[-1][1])]


def _pages(span: Span, minutes: int) -> list[Span]:
    n_pages = math.ceil((span[1] - span[0]) / (minutes * _MINUTE))
    starts = [span[0] + n * minutes * _MINUTE for n in range(n_pages)]
    return [(start, min(start + minutes * _MINUTE, span[1])) for start in starts]


def _page(asking: Asking, first: datetime, until: datetime) -> Asks:
    return Asks(asking.settings.crypto.venue.vendor, 1, LANE, weight((until - first) // _MINUTE))
