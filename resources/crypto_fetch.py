"""What the crypto domain asks its venue, cut into the partitions of the graph.

A unit is one symbol with the days of a month. Of the running day the stream's candles are the base, and only what
they lack is asked for; a day that is over is asked for whole once more, from the archive once it may be there, and
of what its file lacks from the venue. What is brought is laid over what is stored: a candle the venue no longer
serves is not lost here.
"""

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Self

import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.contracts import Contract
from market_assets.crypto.schemas import CryptoKlines
from market_assets.crypto.transforms import klines
from market_assets.settings import Settings
from resources.crypto_listings import Listings, Window
from resources.http.errors import EmptyUnexpected, NotFound
from resources.partition_fetch import FetchedPartitions, Unit, by_month
from resources.segments import Segments
from resources.stores.protocol import PartitionStore
from resources.vendors.binance_klines import NAME as REST
from resources.vendors.binance_klines import FetchedKlines, closed_until
from resources.vendors.registry import Vendors
from resources.venues.binance_files import NAME as ARCHIVE

KLINES: Contract = CryptoKlines.contract()
#: from so long after its end a day may be in the archive
ARCHIVED_AFTER = timedelta(days=1)
#: so many minutes may be late before an answer without any is not believed
_LATE_MINUTES = 5
#: more runs of missing minutes than this are asked for at once
MOST_REQUESTS = 4
_SHOWN = 20
#: landed candles are kept for so long after their day
_LANDING_KEPT = timedelta(days=3)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
Span = tuple[datetime, datetime]


def klines_landing(settings: Settings) -> Segments:
    """Closed candles of the stream (CryptoKlines), under the market's vendor and the day they opened on."""
    return Segments.of(settings, KLINES.name, KLINES.schema, KLINES.key)


@dataclass(frozen=True)
class _Asked:
    """What was asked for a day, and what it brought."""

    #: CryptoKlines and rows of its quarantine
    klines: pl.DataFrame = field(default_factory=KLINES.empty)
    quarantined: pl.DataFrame = field(default_factory=KLINES.quarantine().empty)
    duplicates: int = 0
    requests: int = 0
    trace: tuple[str, ...] = ()
    #: whether anyone had an answer
    is_answer: bool = True

    def with_(self, other: Self) -> Self:
        """Both together: minutes do not overlap, rows that were rejected may."""
        rejected = pl.concat([self.quarantined, other.quarantined])
        return replace(
            other,
            klines=pl.concat([self.klines, other.klines]),
            quarantined=rejected.unique(list(KLINES.quarantine().key), keep="first", maintain_order=True),
            duplicates=self.duplicates + other.duplicates,
            requests=self.requests + other.requests,
            trace=(*self.trace, *other.trace),
        )


@dataclass(frozen=True)
class CryptoFetch:
    """The venue, what is stored so far, and the instant that decides what is over."""

    settings: Settings
    vendors: Vendors
    store: PartitionStore
    as_of: datetime
    #: units are fetched in threads; store and listing are looked at by one of them at a time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def units(self, keys: Sequence[str]) -> list[Unit]:
        """One unit a symbol with its days in order, month by month where they are of several."""
        return by_month(keys)

    def klines(self, unit: Unit) -> FetchedPartitions:
        """The candles of a unit's days. Raises VendorError where a day was not answered.

        A day outside the listing has no rows. Raises EmptyUnexpected where a listed one comes back empty.
        """
        with self._lock:
            stored = KLINES.split(self.store.read(KLINES, list(unit.partitions)))
            window = self._listings.window(_symbol(unit.partitions[0]))
        frames: dict[str, pl.DataFrame] = {}
        quarantined: dict[str, pl.DataFrame] = {}
        metadata: dict[str, Mapping[str, Any]] = {}
        for key in unit.partitions:
            brought = self._day(key, window, stored.get(key, KLINES.empty()))
            frames[key], quarantined[key], metadata[key] = brought
        return FetchedPartitions(frames, quarantined, metadata)

    def prune_landing(self) -> list[date]:
        """Remove the landed days older than three that stand in the published partitions, minute for minute.

        Returns them. A day of which a minute is not published stays, and can still be made from.
        """
        landing, vendor = klines_landing(self.settings), self.settings.crypto.venue.vendor
        removed: list[date] = []
        for day in [day for day in landing.days(vendor) if day < self.as_of.date() - _LANDING_KEPT]:
            landed = landing.read(vendor, [day]).filter(klines.is_sound())
            keys = [f"{day}{partitions.SEPARATOR}{symbol}" for symbol in landed["symbol"].unique().sort()]
            published = self.store.read(KLINES, keys, columns=["symbol", "ts"])
            if landed.join(published, on=["symbol", "ts"], how="anti").is_empty():
                landing.remove(vendor, day)
                removed.append(day)
        return removed

    def _day(
        self, key: str, window: Window, stored: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, Mapping[str, Any]]:
        """The candles of a day, its rejected rows, and what is told of it."""
        symbol, start = _symbol(key), clock.instant(key.partition(partitions.SEPARATOR)[0])
        is_over = start + _DAY <= self._closed_until
        listed = window.within(start, start + _DAY)
        expected = None if listed is None else window.within(start, min(start + _DAY, self._closed_until))
        if expected is None:
            nothing = _Asked(trace=("not listed" if listed is None else "no minute is over yet",))
            told = self._told(KLINES.empty(), nothing, (start, start), stored) | {"complete": is_over}
            return KLINES.empty(), nothing.quarantined, told
        streamed = self._streamed(symbol, start)
        asked = self._ask(symbol, start, expected, klines.known(stored, streamed), is_over=is_over)
        laid = klines.laid_over(stored, streamed, asked.klines)
        self._check_not_empty(key, asked.klines if is_over else laid.klines, asked, expected)
        told = self._told(laid.klines, asked, expected, stored) | {
            "complete": is_over and asked.is_answer,
            "differing_rows": laid.revision.revised_rows,
            "differing_max_rel_diff": laid.revision.max_rel_diff,
        }
        return laid.klines, asked.quarantined, told

    def _ask(self, symbol: str, start: datetime, expected: Span, known: pl.DataFrame, *, is_over: bool) -> _Asked:
        """What is brought of a day: of one that is over all of it, the archive's file first, else what is missing."""
        asked, base = _Asked(is_answer=False), KLINES.empty() if is_over else known
        if is_over and self.settings.crypto.archive and start + _DAY + ARCHIVED_AFTER <= self.as_of:
            found = self.vendors.kline_archive.day(symbol, start.date())
            if found is None:
                asked = replace(asked, trace=(f"{ARCHIVE}: no file of that day",))
            else:
                asked = self._clean(symbol, ARCHIVE, found)
                base = asked.klines
        lacking = klines.missing(base, *expected)
        if not lacking:
            return replace(asked, is_answer=True, trace=asked.trace or ("nothing is missing",))
        if not self.settings.crypto.live:
            return replace(asked, trace=(*asked.trace, f"{REST}: not asked, crypto.live is false"))
        try:
            return asked.with_(self._ask_venue(symbol, lacking))
        except NotFound:
            # taken off its list since: the file is all there is
            if asked.klines.is_empty():
                raise
            return replace(asked, trace=(*asked.trace, f"{REST}: {symbol} is not known there any more"))

    def _ask_venue(self, symbol: str, lacking: Sequence[Span]) -> _Asked:
        """The venue's candles of spans, by as many requests, or by one over all where they are many."""
        spans = lacking if len(lacking) <= MOST_REQUESTS else [(lacking[0][0], lacking[-1][1])]
        answers = [self.vendors.klines.klines(symbol, *span) for span in spans]
        whole = FetchedKlines(
            frame=pl.concat(answer.frame for answer in answers),
            received_at=max(answer.received_at for answer in answers),
            requests=sum(answer.requests for answer in answers),
        )
        asked = self._clean(symbol, REST, whole)
        # what is known of minutes in between stands: of the running day the stream's word, of a past one the archive's
        wanted = pl.any_horizontal(pl.col("ts").is_between(*span, closed="left") for span in lacking)
        return replace(asked, klines=asked.klines.filter(wanted), quarantined=asked.quarantined.filter(wanted))

    def _clean(self, symbol: str, source: str, found: FetchedKlines) -> _Asked:
        named = self.settings.source_name(source)
        clean = klines.clean(found.frame, symbol=symbol, source=named, ingested_at=found.received_at)
        trace = f"{source}: {found.frame.height} rows, {found.requests} request(s)"
        return _Asked(clean.klines, clean.quarantined, clean.n_duplicates, found.requests, (trace,))

    def _streamed(self, symbol: str, start: datetime) -> pl.DataFrame:
        """The stream's candles of a day; one that breaks a row rule is asked for like a missing one."""
        landed = klines_landing(self.settings).read(self.settings.crypto.venue.vendor, [start.date()])
        return landed.filter(pl.col("symbol") == symbol, klines.is_sound())

    def _check_not_empty(self, key: str, brought: pl.DataFrame, asked: _Asked, expected: Span) -> None:
        """Raise EmptyUnexpected where there must be candles, from whoever was there to be asked."""
        n_expected = (expected[1] - expected[0]) // _MINUTE
        is_due = asked.is_answer or expected[1] + 2 * ARCHIVED_AFTER <= self.as_of
        if brought.height or n_expected <= _LATE_MINUTES or not is_due:
            return
        raise EmptyUnexpected(
            self.settings.crypto.venue.vendor,
            f"no candle, although {n_expected} minutes were due ({'; '.join(asked.trace)})",
            context=key,
            advice="Nothing was stored; if the symbol was not listed then, say so in crypto.listings",
        )

    def _told(self, frame: pl.DataFrame, asked: _Asked, expected: Span, stored: pl.DataFrame) -> dict[str, Any]:
        agreement = klines.archive_agreement(stored, asked.klines)
        lacking = klines.missing(frame, *expected)
        more = [f"and {len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
        return {
            "requests": asked.requests,
            "fallback_trace": " > ".join(asked.trace),
            "duplicates": asked.duplicates,
            "expected_rows": (expected[1] - expected[0]) // _MINUTE,
            "missing_slots": sum((end - begin) // _MINUTE for begin, end in lacking),
            "missing_ranges": [f"{begin:%H:%M}..{end - _MINUTE:%H:%M}" for begin, end in lacking[:_SHOWN]] + more,
            "archive_compared": agreement.compared,
            "archive_conflicts": agreement.conflicts,
            "sources": dict(frame["source"].value_counts().sort("source").iter_rows()),
        }

    @functools.cached_property
    def _listings(self) -> Listings:
        return Listings(self.settings, self.vendors, self.as_of)

    @property
    def _closed_until(self) -> datetime:
        """The end of the last minute that is final."""
        return closed_until(self.as_of, timedelta(seconds=self.settings.crypto.close_grace_s))


def _symbol(key: str) -> str:
    return key.rpartition(partitions.SEPARATOR)[2]
