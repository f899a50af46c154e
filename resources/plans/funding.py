"""Requests of the funding domain: listings, looks at current state, and walks through settled history."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from market_assets.core import clock
from market_assets.core.partitions import day_and_name, key_of
from market_assets.funding.settings import EXCHANGES
from resources.funding_fetch import CONTRACTS, MARGIN, RATES
from resources.funding_history import instruments, whole_months
from resources.plans.asking import Asking, Asks
from resources.venues import binance_archive, hyperliquid
from resources.venues.pager import window_length
from resources.venues.venue import Ask, Backward, Instrument, Position, Venue, Windowed

#: exchange -> requests of its listing, where it is not one
_LISTING: Mapping[str, int] = dict.fromkeys(
    ("aster", "binance_coinm", "binance_usdm", "bingx", "bitget", "bybit", "okx"), 2
)
#: exchange -> requests of a look at all its contracts, and besides for each of them, where it is not one for all
_LOOK: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("aster", "binance_coinm", "binance_usdm", "bingx"), (1, 1)),
    **dict.fromkeys(("backpack", "bybit", "lighter", "mexc"), (2, 0)),
    **{"okx": (3, 0), "bitget": (4, 0), "htx": (4, 0), "deribit": (0, 1), "hibachi": (0, 2)},
}
#: what they count as
_WEIGHTS: Mapping[str, int] = {"hyperliquid": hyperliquid.WEIGHT}
#: a file of the archive, and its checksum
_FILE = 2
_HISTORY, _MARKET = "history", "market"
_DEFAULT_HOURS = 1.0
_DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


def contracts(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """One look at the listing of each exchange."""
    for exchange in keys:
        _note_ccxt(asking, exchange)
        yield Asks(exchange, _LISTING.get(exchange, 1), _MARKET, _WEIGHTS.get(exchange, 1))


def snapshot(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """One look at each exchange whose running day is asked for: nobody can be asked for a past one."""
    for key in keys:
        day, exchange = day_and_name(key)
        if day != asking.now.date():
            continue
        known = _contracts(asking, exchange)
        if known.is_empty():
            continue
        _note_ccxt(asking, exchange)
        for_all, for_each = _LOOK.get(exchange, (1, 0))
        n_listed = len(instruments(known.filter(pl.col("valid_to").is_null())))
        yield Asks(exchange, for_all + for_each * n_listed, _MARKET, _WEIGHTS.get(exchange, 1))


def rates(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The history of every contract that is listed in these days, and the margin around them, an exchange at a time."""
    days: dict[str, list[datetime]] = {}
    for key in sorted(keys):
        day, exchange = day_and_name(key)
        days.setdefault(exchange, []).append(clock.instant(day))
    for exchange, own in days.items():
        span = own[0] - MARGIN, min(own[-1] + _DAY + MARGIN, asking.now)
        known = _contracts(asking, exchange)
        if not known.is_empty() and span[0] < span[1]:
            _note_ccxt(asking, exchange)
            yield from _histories(asking, exchange, known, span)


def _histories(asking: Asking, exchange: str, known: pl.DataFrame, span: Span) -> Iterator[Asks]:
    """Whole months come from the archive where the exchange has one, or all from itself where that has no file yet."""
    venue, parts, n_months = asking.vendors.exchange(exchange).venue, [span], 0
    if asking.settings.funding.archive and asking.vendors.archive(exchange) is not None:
        months = list(whole_months(*span))
        n_months = len(months)
        if months:
            after = (months[-1] + timedelta(days=32)).replace(day=1)
            parts = [(begin, end) for begin, end in ((span[0], months[0]), (after, span[1])) if begin < end]
    hours = _intervals(asking, exchange, known, span)
    listed_then = (pl.col("valid_to") > span[0]) & (pl.col("valid_from") < span[1])
    for one in instruments(known.filter(pl.col("valid_to").is_null() | listed_then)):
        shortest, longest = hours.get(one.native_symbol, (_DEFAULT_HOURS, _DEFAULT_HOURS))
        n_whole, *n_parts = (_n_pages(venue, one, part, asking.now, shortest) for part in (span, *parts))
        yield Asks(binance_archive.NAME, _FILE * n_months)
        n = max(n_whole, sum(n_parts))
        if isinstance(venue.history, Windowed):
            # an edge without rows is asked for again: before a listing, or what is forgotten, and at another interval
            is_later = one.listed_at is None or one.listed_at > span[0] or venue.memory is not None
            n += is_later + 2 * (longest > shortest)
        yield Asks(exchange, n, _HISTORY, _weight(venue, one, span))


def _n_pages(venue: Venue, one: Instrument, span: Span, now: datetime, shortest: float) -> int:
    """Requests of a walk through whole pages."""
    match venue.history:
        case Windowed() as how:
            return math.ceil((span[1] - span[0]) / window_length(how, timedelta(hours=shortest)))
        case Backward() as how:
            # by number or offset the first page is the newest there is; some end with a page that is empty
            begins = span[1] if _newest(how, one, span[0]) != _newest(how, one, span[1]) else now
            return 1 + math.ceil((begins - span[0]) / timedelta(hours=shortest) / how.page_rows)
    return 1


def _weight(venue: Venue, one: Instrument, span: Span) -> int:
    match venue.history:
        case Windowed() as how:
            return how.ask(one, *span).cost
        case Backward() as how:
            return _newest(how, one, span[1]).cost
    return 1


def _newest(how: Backward, one: Instrument, before: datetime) -> Ask:
    """The request for the first page of a walk back."""
    return how.ask(one, Position(pages=0, rows=0, cursor=None, before=before))


def _intervals(asking: Asking, exchange: str, known: pl.DataFrame, span: Span) -> dict[str, tuple[float, float]]:
    """Shortest and longest interval (h) of each contract, as far as it is known."""
    n_days = (span[1].date() - span[0].date()).days + 1
    keys = [key_of(span[0].date() + n * _DAY, exchange) for n in range(n_days)]
    columns = ["native_symbol", "interval_hours"]
    both = pl.concat([known.lazy().select(columns), asking.store.scan(RATES, keys).select(columns)])
    hours = pl.col("interval_hours")
    found = both.drop_nulls().group_by("native_symbol").agg(shortest=hours.min(), longest=hours.max()).collect()
    return {name: (shortest, longest) for name, shortest, longest in found.iter_rows()}


def _contracts(asking: Asking, exchange: str) -> pl.DataFrame:
    found = asking.store.read(CONTRACTS, [exchange])
    if found.is_empty():
        asking.notes.append(f"{exchange} is not counted: its contracts are not stored; materialise funding_contracts")
    return found


def _note_ccxt(asking: Asking, exchange: str) -> None:
    if exchange not in EXCHANGES:
        asking.notes.append(f"{exchange} is asked by way of ccxt, which may send more requests than are counted")
