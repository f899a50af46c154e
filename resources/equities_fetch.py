"""What the equities domain asks its vendors, cut into the partitions of the graph.

One request series brings one symbol over a block of years, whole from one source. Judging rows is
the transforms' work; storing them is `partition_fetch`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core import calendars
from market_assets.core.contracts import Contract
from market_assets.core.errors import UnknownName
from market_assets.equities import schemas
from market_assets.equities.transforms import actions as action_rules
from market_assets.equities.transforms import bars as bar_rules
from market_assets.settings import Settings
from resources.http.errors import Clipped, EmptyUnexpected, NotEntitled, NotFound, VendorError
from resources.partition_fetch import FetchedPartitions, Unit
from resources.stores.protocol import PartitionStore
from resources.vendors.instruments import Instrument, instrument
from resources.vendors.registry import Vendors

_BARS: Contract = schemas.EquitiesDailyBars.contract()
_ACTIONS: Contract = schemas.EquitiesCorporateActions.contract()


@dataclass(frozen=True)
class EquitiesFetch:
    """The vendors, the listing of every symbol, and the instant the answers are judged at."""

    settings: Settings
    vendors: Vendors
    symbols: pl.DataFrame
    as_of: datetime

    def units(self, keys: Sequence[str]) -> list[Unit]:
        """One unit per symbol and contiguous block of years in `keys` (`AAPL|2020`)."""
        years: dict[str, list[int]] = {}
        for key in keys:
            symbol, year = key.rsplit("|", 1)
            years.setdefault(symbol, []).append(int(year))
        units = []
        for symbol, wanted in sorted(years.items()):
            for block in _blocks(sorted(wanted)):
                units.append(Unit(f"{symbol} {block[0]}-{block[-1]}", tuple(f"{symbol}|{year}" for year in block)))
        return units

    def bars(self, unit: Unit) -> FetchedPartitions:
        """Bars of a unit's years. Raises a VendorError where no source answered in full."""
        symbol = unit.partitions[0].rsplit("|", 1)[0]
        years = [int(key.rsplit("|", 1)[1]) for key in unit.partitions]
        listing = self._listing(symbol)
        start = max(date(years[0], 1, 1), listing["valid_from"])
        end = min(date(years[-1], 12, 31), listing["valid_to"] or date.max)
        due = self._due(listing["calendar"], start, end)
        if not due:
            return self._cut(unit, listing, [], _BARS.empty(), _BARS.quarantine().empty(), {"requests": 0})
        brought, source, level = self.vendors.chain.daily_bars(self.symbols, symbol, due[0], due[-1], as_of=self.as_of)
        clean = bar_rules.clean(
            brought.frame,
            brought.rejected,
            calendars.sessions(listing["calendar"], due[0], due[-1]),
            fallback_level=level,
            last_due=due[-1],
            valid_to=listing["valid_to"],
            has_volume=listing["asset_class"] != "index",
        )
        listed_from = self._check_complete(symbol, source, clean.bars, listing["calendar"], due)
        facts = {
            "requests": brought.requests,
            "fallback_trace": " > ".join(brought.trace),
            "duplicates": brought.duplicates + clean.n_duplicates,
            "not_due_rows": clean.n_not_due,
        }
        return self._cut(unit, listing, [day for day in due if day >= listed_from], clean.bars, clean.quarantined, facts)

    def actions(self, unit: Unit, bars: pl.DataFrame, store: PartitionStore) -> FetchedPartitions:
        """Splits and dividends of one symbol with their factors; earlier knowledge is kept."""
        symbol = unit.partitions[0]
        listing = self._listing(symbol)
        fetched, requests = self.vendors.actions(self.symbols, symbol)
        own = bars.filter(symbol=symbol)
        known = calendars.sessions(listing["calendar"], calendars.FIRST_DAY, self.as_of.date() + timedelta(days=90))
        made = action_rules.with_factors(fetched, own, known, store.read(_ACTIONS, [symbol]))
        return FetchedPartitions(
            frames={symbol: made.actions},
            quarantined={symbol: made.quarantined.with_columns(run_id=pl.lit("")).select(list(_ACTIONS.quarantine().columns))},
            metadata={symbol: {"requests": requests, "moved_to_session": made.moved.height}},
        )

    def second_source(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the reconciling source: columns of the raw table. Raises a VendorError."""
        listing = self._listing(symbol)
        source = self.vendors.source(self.settings.equities.reconcile.source)
        due = self._due(listing["calendar"], max(start, listing["valid_from"]), min(end, listing["valid_to"] or date.max))
        if not due:
            return _BARS.empty()
        asked = instrument(self.symbols, symbol, source.name)
        brought = source.daily_bars(asked, due[0], due[-1], as_of=self.as_of)
        known = calendars.sessions(listing["calendar"], due[0], due[-1])
        return bar_rules.clean(
            brought.frame, brought.rejected, known, fallback_level=0, last_due=due[-1], has_volume=listing["asset_class"] != "index"
        ).bars

    def _check_complete(self, symbol: str, source: str, bars: pl.DataFrame, calendar: str, due: list[date]) -> date:
        """The first day the symbol was listed, as far as the answer must reach.

        Raises EmptyUnexpected or Clipped where the answer starts later than that.
        """
        first = bars["session_date"].min()
        tolerated = due[min(len(due) - 1, bar_rules.CLIP_TOLERANCE)]
        if isinstance(first, date) and first <= tolerated:
            return due[0]
        asked = instrument(self.symbols, symbol, source.removesuffix("-sandbox"))
        listed_from = self.vendors.listed_from(asked)
        window = f"{symbol} {due[0]}..{due[-1]}"
        if first is None and (listed_from is None or listed_from <= due[-1]):
            raise EmptyUnexpected(source, f"{len(due)} sessions of {window} are due and the answer has no row", context=symbol)
        if isinstance(first, date) and (listed_from is None or calendars.session_index(calendar, first) - calendars.session_index(calendar, max(listed_from, due[0])) > bar_rules.CLIP_TOLERANCE):
            raise Clipped(source, f"history of {window} starts at {first}; listed from {listed_from or 'an unknown day'}", context=symbol)
        return listed_from or due[0]

    def _cut(
        self,
        unit: Unit,
        listing: Mapping[str, Any],
        due: Sequence[date],
        bars: pl.DataFrame,
        rejected: pl.DataFrame,
        facts: Mapping[str, Any],
    ) -> FetchedPartitions:
        frames, quarantined, metadata = {}, {}, {}
        for key in unit.partitions:
            year = int(key.rsplit("|", 1)[1])
            of_year = pl.col("session_date").dt.year() == year
            frames[key] = bars.filter(of_year)
            quarantined[key] = (
                rejected.filter(of_year).with_columns(run_id=pl.lit("")).select(list(_BARS.quarantine().columns))
            )
            expected = sum(day.year == year for day in due)
            metadata[key] = {
                **facts,
                "expected_rows": expected,
                "missing_slots": max(0, expected - frames[key].height),
                "sources": dict(frames[key]["source"].value_counts().iter_rows()),
                "complete": date(year, 12, 31) < self.as_of.date(),
            }
        return FetchedPartitions(frames, quarantined, metadata)

    def _listing(self, symbol: str) -> dict[str, Any]:
        """The latest listing window of a symbol. Raises UnknownName where the universe lacks it."""
        rows = self.symbols.filter(symbol=symbol).sort("valid_from")
        if rows.is_empty():
            raise UnknownName("symbol", symbol, self.symbols["symbol"].to_list())
        return {**rows.row(-1, named=True), "valid_from": rows["valid_from"].min()}

    def _due(self, calendar: str, start: date, end: date) -> list[date]:
        """Sessions from `start` to `end` that closed the vendor's delay ago."""
        latest = self.as_of - timedelta(minutes=self.settings.equities.vendor_delay_min)
        last = calendars.last_closed_session(calendar, latest)
        return calendars.sessions(calendar, max(start, calendars.FIRST_DAY), min(end, last))


def _blocks(years: Sequence[int]) -> list[list[int]]:
    blocks: list[list[int]] = []
    for year in years:
        if blocks and year == blocks[-1][-1] + 1:
            blocks[-1].append(year)
        else:
            blocks.append([year])
    return blocks
