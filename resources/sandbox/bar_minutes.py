"""Minute bars in arrays, the instruments that have them, and prices of now: what backends hand to the bars vendors.

A market is a source of whole UTC days, each as one vendor states it. Everything else follows from days: windows, the
minute that still runs, the last price. Days and the running minute of each instrument are kept, so that a price costs
a look-up. Within its minute a price goes from the open to the extreme against the minute's move, on to the other
extreme, and to the close: bars built from such prices are those the vendor states.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from market_assets.bars.instruments import Calendar, Kind
from market_assets.core import trading_hours
from resources.sandbox.arrays import Timed
from resources.sandbox.minutes import DAY_MS, MINUTE_MS, Floats, Integers

#: vendors of minute bars
VENDORS = ("yahoo", "alphavantage", "twelvedata", "polygon")

#: days kept in memory, about 70 kB each
_KEPT = 1024
#: days back in which a last price is looked for
_LAST_PRICE_DAYS = 10
#: shares of a minute after which its first and its second extreme are reached
_FIRST, _SECOND = 0.3, 0.7
#: decimals that a vendor states beyond those of the instrument
_FINER = {"yahoo": 1, "polygon": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BarListing:
    """One instrument with minute bars."""

    #: house symbol
    symbol: str
    kind: Kind
    calendar: Calendar
    #: vendor -> what it calls the instrument
    ids: Mapping[str, str]
    #: of a price and of a volume
    decimals: int = 2
    volume_decimals: int = 0

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """What a fault's `symbol` may call it."""
        return (self.symbol, *self.ids.values())

    def places(self, vendor: str) -> int:
        """Decimals of a price as a vendor states it."""
        return self.decimals + _FINER.get(vendor, 0)


@dataclass(frozen=True)
class MinuteBars(Timed):
    """Bars of one instrument in parallel arrays, oldest first; `time_ms` is the open instant.

    NaN is a value that is not stated: volume of what has none. `ticks` are trades, or quotes where only those count.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ticks: Integers

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        none, no_whole = np.empty(0), np.empty(0, np.int64)
        return cls(no_whole, none, none, none, none, none, no_whole)


class LastPrice(NamedTuple):
    """What an instrument costs at an instant, and what its UTC day was so far."""

    price: float
    #: instant of the price: now, or the end of the last minute while the market is closed
    at_ms: int
    is_open: bool
    open: float
    high: float
    low: float
    #: since the UTC day began; NaN of what has none
    volume: float
    #: last price of the day before
    previous: float


class _Minute(NamedTuple):
    """The newest minute of an instrument, and its day before that minute."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    day_open: float
    day_high: float
    day_low: float
    day_volume: float
    previous: float


DaySource = Callable[[BarListing, str, int], MinuteBars]


class MinuteMarket:
    """Minute bars and prices of now, by vendor. Instants are epoch milliseconds, days are days of the epoch."""

    def __init__(self, listings: Iterable[BarListing], day: DaySource) -> None:
        """`day` gives every minute of one UTC day as a vendor states it, later ones than now too."""
        self._listings = list(listings)
        self._by_id = {
            vendor: {one.ids[vendor]: one for one in self._listings if vendor in one.ids} for vendor in VENDORS
        }
        by_symbol = {one.symbol: one for one in self._listings}
        self._day = functools.lru_cache(maxsize=_KEPT)(lambda symbol, vendor, n: day(by_symbol[symbol], vendor, n))
        self._newest: dict[tuple[str, str], tuple[int, _Minute | None]] = {}

    def __len__(self) -> int:
        return len(self._listings)

    def listed(self, vendor: str) -> Mapping[str, BarListing]:
        """What a vendor has, by its own ids."""
        return self._by_id[vendor]

    def bars(self, listing: BarListing, vendor: str, first_ms: int, until_ms: int, at_ms: int) -> MinuteBars:
        """Minutes begun in [first, until) and by `at`; the one still running, the last, as far as it has come."""
        return MinuteBars.empty().append(*self.days(listing, vendor, first_ms, until_ms, at_ms))

    def days(
        self, listing: BarListing, vendor: str, first_ms: int, until_ms: int, at_ms: int, *, newest_first: bool = False
    ) -> Iterator[MinuteBars]:
        """The same a day at a time, each oldest minute first."""
        until_ms = min(until_ms, at_ms + 1)
        days = range(first_ms // DAY_MS, -(-until_ms // DAY_MS))
        for day in reversed(days) if newest_first else days:
            rows = self._day(listing.symbol, vendor, day).window(first_ms, until_ms)
            yield _begun(rows, at_ms, listing.places(vendor), listing.volume_decimals)

    def price(self, listing: BarListing, vendor: str, at_ms: int) -> LastPrice | None:
        """The price at an instant, or the last one in the ten days before; None where there was none."""
        minute, key = at_ms // MINUTE_MS, (vendor, listing.symbol)
        kept = self._newest.get(key)
        if kept is None or kept[0] != minute:
            kept = self._newest[key] = minute, self._newest_minute(listing, vendor, at_ms)
        newest = kept[1]
        if newest is None:
            return None
        share = min((at_ms - newest.start_ms) / MINUTE_MS, 1.0)
        high, low, price = _so_far(newest.open, newest.high, newest.low, newest.close, share)
        return LastPrice(
            price=round(price, listing.places(vendor)),
            at_ms=min(at_ms, newest.start_ms + MINUTE_MS),
            is_open=share < 1.0,
            open=newest.day_open,
            high=round(max(newest.day_high, high), listing.places(vendor)),
            low=round(min(newest.day_low, low), listing.places(vendor)),
            volume=round(newest.day_volume + share * newest.volume, listing.volume_decimals),
            previous=newest.previous,
        )

    def _newest_minute(self, listing: BarListing, vendor: str, at_ms: int) -> _Minute | None:
        today = at_ms // DAY_MS
        for day in range(today, today - _LAST_PRICE_DAYS, -1):
            rows = self._day(listing.symbol, vendor, day).window(None, at_ms + 1)
            if len(rows):
                return _Minute(
                    start_ms=int(rows.time_ms[-1]),
                    open=float(rows.open[-1]),
                    high=float(rows.high[-1]),
                    low=float(rows.low[-1]),
                    close=float(rows.close[-1]),
                    volume=float(rows.volume[-1]),
                    day_open=float(rows.open[0]),
                    day_high=float(rows.high[:-1].max(initial=rows.open[0])),
                    day_low=float(rows.low[:-1].min(initial=rows.open[0])),
                    day_volume=float(rows.volume[:-1].sum()),
                    previous=self._close_before(listing, vendor, day, float(rows.open[0])),
                )
        return None

    def _close_before(self, listing: BarListing, vendor: str, day: int, otherwise: float) -> float:
        """The last close before a day, or `otherwise` where none is in the ten days before it."""
        for before in range(day - 1, day - 1 - _LAST_PRICE_DAYS, -1):
            rows = self._day(listing.symbol, vendor, before)
            if len(rows):
                return float(rows.close[-1])
        return otherwise


def regular(rows: MinuteBars, calendar: str) -> MinuteBars:
    """The rows inside the sessions of a calendar."""
    days = np.unique(rows.time_ms // DAY_MS).tolist()
    inside = [session_minutes(calendar, day) for day in days]
    return rows.take(np.isin(rows.time_ms, np.concatenate(inside))) if inside else rows


@functools.lru_cache(maxsize=_KEPT)
def session_minutes(calendar: str, day: int) -> NDArray[np.int64]:
    """Open instants (epoch milliseconds) of the minutes of a UTC day that lie in a session."""
    first = _EPOCH + timedelta(days=day)
    return trading_hours.minutes(calendar, first, first + timedelta(days=1)).dt.epoch("ms").to_numpy()


def _begun(rows: MinuteBars, at_ms: int, places: int, volume_places: int) -> MinuteBars:
    """The rows, of the last one what has passed by `at` where it still runs."""
    if not len(rows) or int(rows.time_ms[-1]) + MINUTE_MS <= at_ms:
        return rows
    last = rows.newest(1)
    share = (at_ms - int(last.time_ms[0])) / MINUTE_MS
    opened, high, low, close = (float(getattr(last, name)[0]) for name in ("open", "high", "low", "close"))
    reached = [np.round([value], places) for value in _so_far(opened, high, low, close, share)]
    scale = 10.0**volume_places
    part = last.with_columns(
        high=reached[0],
        low=reached[1],
        close=reached[2],
        volume=np.floor(share * last.volume * scale) / scale,
        ticks=(share * last.ticks).astype(np.int64),
    )
    return rows.take(slice(-1)).append(part)


def _so_far(opened: float, high: float, low: float, close: float, share: float) -> tuple[float, float, float]:
    """High, low and price of a minute when such a share of it is over."""
    first, second = (low, high) if close >= opened else (high, low)
    if share < _FIRST:
        price = opened + (first - opened) * share / _FIRST
        reached: tuple[float, ...] = (opened, price)
    elif share < _SECOND:
        price = first + (second - first) * (share - _FIRST) / (_SECOND - _FIRST)
        reached = (opened, first, price)
    else:
        price = second + (close - second) * (share - _SECOND) / (1 - _SECOND)
        reached = (opened, first, second, price)
    return max(reached), min(reached), price
