"""What the bars domain asks its sources, cut into the partitions of the graph.

A unit is one symbol with the days of a month. Of the running day the live collector's minutes are the base, and what
is asked for fills; a day that is over is asked for whole, and its answer wins. A day that no source could serve stays
as it is stored, and the others of its unit are stored all the same.
"""

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.bars.schemas import BarsMinute
from market_assets.bars.transforms import minutes
from market_assets.core import clock, trading_hours
from market_assets.core.contracts import Contract
from market_assets.core.partitions import day_and_name, key_of
from market_assets.settings import Settings
from resources.http.errors import Unauthorized, VendorError
from resources.minute_answers import Answers, Window
from resources.minute_chain import DayMinutes, MinuteChain, Wanted
from resources.partition_fetch import FetchedPartitions, Unit, by_month
from resources.segments import Segments
from resources.source_calls import SourceCalls
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors

BARS: Contract = BarsMinute.contract()
#: days before one whose minutes its scores are compared with: a long weekend and a day besides
HISTORY_DAYS = 5
_SHOWN = 20
#: landed minutes are kept for so long after their day
_LANDING_KEPT = timedelta(days=3)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)


def minutes_landing(settings: Settings) -> Segments:
    """Closed minutes of the live collector (BarsMinute), under the symbol and the day they opened on."""
    return Segments.of(settings, BARS.name, BARS.schema, BARS.key)


def window_of(settings: Settings, symbol: str, day: date, as_of: datetime) -> Window | None:
    """The minutes of a day that are final at `as_of`; None where the market was closed or the symbol does not exist."""
    row, start = settings.bars.instrument(symbol), clock.instant(day)
    final = (as_of - timedelta(seconds=settings.bars.close_grace_s)).replace(second=0, microsecond=0)
    due = trading_hours.minutes(row.calendar, start, max(start, min(start + _DAY, final)))
    if due.is_empty() or not row.exists(day):
        return None
    return Window(day, due[0], due[-1] + _MINUTE, is_over=start + _DAY <= final)


@dataclass(frozen=True)
class BarsFetch:
    """The sources, what is stored so far, and the instant that decides what is over."""

    settings: Settings
    vendors: Vendors
    store: PartitionStore
    as_of: datetime
    #: units are fetched in threads; the store is looked at by one of them at a time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def units(self, keys: Sequence[str]) -> list[Unit]:
        """One unit a symbol with its days in order, month by month where they are of several."""
        return by_month(keys)

    def minutes(self, unit: Unit) -> FetchedPartitions:
        """The minutes of a unit's days; days that no source could serve have no frame, and `incomplete` tells why.

        Raises VendorError where that is all of them, and Unauthorized at once. A day on which the market was closed,
        or the symbol did not exist, has no rows.
        """
        days = {key: day_and_name(key) for key in unit.partitions}
        stored = self._stored(unit.partitions)
        windows = {key: window_of(self.settings, symbol, day, self.as_of) for key, (day, symbol) in days.items()}
        frames: dict[str, pl.DataFrame] = {}
        quarantined: dict[str, pl.DataFrame] = {}
        metadata: dict[str, Mapping[str, Any]] = {}
        failures: dict[str, VendorError] = {}
        for key, (day, symbol) in days.items():
            window = windows[key]
            if window is None:
                frames[key], metadata[key] = BARS.empty(), self._nothing(day, symbol)
                continue
            later = [one for other, one in windows.items() if one is not None and other > key]
            wanted = Wanted(symbol, window, _before(stored | frames, day, symbol), self._known(key, window, stored))
            try:
                found = self._chain.day(wanted, later)
            except Unauthorized:
                raise
            except VendorError as failed:
                failures[key] = failed
                continue
            frames[key], quarantined[key], metadata[key] = found.frame, found.quarantined, self._told(found, window)
        if failures and not frames:
            raise next(iter(failures.values()))
        return FetchedPartitions(frames, quarantined, metadata, incomplete=_incomplete(failures, len(days)))

    def prune_landing(self) -> list[tuple[str, date]]:
        """Remove the landed days older than three that stand in the published partitions, minute for minute.

        Returns symbols and days. A day of which a minute is not published stays, and can still be made from.
        """
        landing = minutes_landing(self.settings)
        removed: list[tuple[str, date]] = []
        for symbol in landing.exchanges():
            for day in [day for day in landing.days(symbol) if day < self.as_of.date() - _LANDING_KEPT]:
                landed = self._landed(symbol, day)
                published = self.store.read(BARS, [key_of(day, symbol)], columns=["symbol", "ts"])
                if landed.join(published, on=["symbol", "ts"], how="anti").is_empty():
                    landing.remove(symbol, day)
                    removed.append((symbol, day))
        return removed

    def _stored(self, keys: Sequence[str]) -> dict[str, pl.DataFrame]:
        """The stored days of a unit, and those before each of them."""
        wanted = {
            key_of(day - n * _DAY, symbol) for day, symbol in map(day_and_name, keys) for n in range(HISTORY_DAYS + 1)
        }
        with self._lock:
            return BARS.split(self.store.read(BARS, sorted(wanted)))

    def _known(self, key: str, window: Window, stored: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """What the live collector handed over of a day, and of the running one what is stored."""
        day, symbol = day_and_name(key)
        before = stored.get(key, BARS.empty())
        kept = before.filter(pl.col("origin") == "stream") if window.is_over else before
        with self._lock:
            return minutes.known(kept, self._landed(symbol, day))

    def _landed(self, symbol: str, day: date) -> pl.DataFrame:
        start, calendar = clock.instant(day), self.settings.bars.instrument(symbol).calendar
        landed = minutes_landing(self.settings).read(symbol, [day])
        return minutes.traded_within(landed, start, start + _DAY, calendar)

    def _told(self, found: DayMinutes, window: Window) -> dict[str, Any]:
        lacking = minutes.missing(found.frame, found.expected)
        more = [f"and {len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
        due = self._chain.expected(found.symbol, window)
        statuses = [one.status for one in found.disagreements]
        return {
            "expected_rows": len(found.expected),
            "missing_slots": sum((end - begin) // _MINUTE for begin, end in lacking),
            "missing_ranges": [f"{begin:%H:%M}..{end - _MINUTE:%H:%M}" for begin, end in lacking[:_SHOWN]] + more,
            "sources": dict(found.frame["source"].value_counts().sort("source").iter_rows()),
            "fallback_trace": " > ".join(step.text for step in found.steps) or "nothing is missing",
            "fallback_steps": [step.json for step in found.steps],
            "requests": sum(step.requests for step in found.steps),
            "credits": sum(step.credits for step in found.steps),
            "duplicates": found.duplicates,
            "batch_quality": found.batch_quality,
            "disagreements": [one.text for one in found.disagreements],
            **{f"disagreements_{status}": statuses.count(status) for status in ("warn", "error")},
            "stream_revised_rows": 0 if found.revision is None else found.revision.revised_rows,
            "stream_revised_max_rel_diff": None if found.revision is None else found.revision.max_rel_diff,
            "complete": window.is_over and len(found.expected) == len(due),
        }

    def _nothing(self, day: date, symbol: str) -> dict[str, Any]:
        exists = self.settings.bars.instrument(symbol).exists(day)
        return {
            "expected_rows": 0,
            "missing_slots": 0,
            "missing_ranges": [],
            "sources": {},
            "fallback_trace": "no minute is due" if exists else "does not exist on that day",
            "fallback_steps": [],
            "requests": 0,
            "credits": 0,
            "complete": clock.instant(day) + _DAY <= self.as_of,
        }

    @functools.cached_property
    def _chain(self) -> MinuteChain:
        calls = SourceCalls(self.settings.home)
        return MinuteChain(self.settings, Answers.of(self.settings, self.vendors), calls, self.as_of)


def _before(known: Mapping[str, pl.DataFrame], day: date, symbol: str) -> pl.DataFrame:
    """The minutes of the days before one, oldest first."""
    days = [known.get(key_of(day - n * _DAY, symbol)) for n in range(HISTORY_DAYS, 0, -1)]
    return pl.concat([BARS.empty(), *(frame for frame in days if frame is not None)])


def _incomplete(failures: Mapping[str, VendorError], n_days: int) -> str | None:
    if not failures:
        return None
    told = "; ".join(str(failed).rstrip(".") for failed in list(failures.values())[:_SHOWN])
    more = f"; and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    return f"{len(failures)} of {n_days} days are as they were: {told}{more}"
