"""What the equities domain asks its vendors, cut into the partitions of the graph.

One request series brings one symbol over a block of years, whole from one source. Judging rows is
the transforms' work; storing them is `partition_fetch`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from market_assets.core import calendars
from market_assets.core.contracts import Contract
from market_assets.core.errors import UnknownName
from market_assets.equities import schemas
from market_assets.equities.transforms import actions as action_rules
from market_assets.equities.transforms import bars as bar_rules
from market_assets.settings import Settings
from resources.http.errors import Clipped, EmptyUnexpected
from resources.partition_fetch import FetchedPartitions, Unit
from resources.stores.protocol import PartitionStore
from resources.vendors.daily import Instrument, check_not_clipped, check_not_empty, due_sessions
from resources.vendors.registry import Vendors

_BARS: Contract = schemas.EquitiesDailyBars.contract()
_ACTIONS: Contract = schemas.EquitiesCorporateActions.contract()
#: how far ahead an announced ex date may lie
_ANNOUNCED_AHEAD_DAYS = 365
_NOTHING: Mapping[str, pl.DataFrame] = MappingProxyType({})


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
        return [
            Unit(f"{symbol} {_span(block)}", tuple(f"{symbol}|{year}" for year in block))
            for symbol, wanted in sorted(years.items())
            for block in _blocks(sorted(wanted))
        ]

    def bars(self, unit: Unit, updated: Mapping[str, pl.DataFrame] = _NOTHING) -> FetchedPartitions:
        """Bars of a unit's years. Raises a VendorError where no source answered in full.

        `updated` holds the rows of symbols whose year whole-market requests have completed already.
        """
        symbol = unit.partitions[0].rsplit("|", 1)[0]
        years = [int(key.rsplit("|", 1)[1]) for key in unit.partitions]
        asked = self.instrument(symbol)
        start, end = date(years[0], 1, 1), date(years[-1], 12, 31)
        due = due_sessions(asked, start, end, self.as_of, self._delay)
        if not due:
            return self._cut(unit, [], _BARS.empty(), _BARS.quarantine().empty(), {"requests": 0})
        if symbol in updated:
            return self._cut(unit, due, updated[symbol], _BARS.quarantine().empty(), {"requests": 0, "grouped": True})
        brought, source, level = self.vendors.chain.daily_bars(asked, start, end, as_of=self.as_of)
        clean = bar_rules.clean(
            brought.frame,
            brought.rejected,
            calendars.sessions(asked.calendar, start, end),
            fallback_level=level,
            last_due=due[-1],
            valid_to=asked.valid_to,
            has_volume=asked.has_volume,
        )
        listed = self._complete(asked, source, clean.bars, start, end)
        facts = {
            "requests": brought.requests,
            "fallback_trace": " > ".join(brought.trace),
            "duplicates": brought.duplicates + clean.n_duplicates,
            "not_due_rows": clean.n_not_due,
        }
        return self._cut(unit, [day for day in due if day >= listed], clean.bars, clean.quarantined, facts)

    def actions(self, unit: Unit, bars: pl.DataFrame, store: PartitionStore) -> FetchedPartitions:
        """Splits and dividends of one symbol with their factors; earlier knowledge is kept."""
        symbol = unit.partitions[0]
        asked = self.instrument(symbol)
        stated = self.vendors.actions(asked)
        until = self.as_of.date() + timedelta(days=_ANNOUNCED_AHEAD_DAYS)
        known = calendars.sessions(asked.calendar, max(calendars.FIRST_DAY, asked.valid_from), until)
        made = action_rules.with_factors(
            stated.frame, bars.filter(symbol=symbol), known, store.read(_ACTIONS, [symbol])
        )
        rejected = made.quarantined.with_columns(run_id=pl.lit("")).select(list(_ACTIONS.quarantine().columns))
        return FetchedPartitions(
            frames={symbol: made.actions},
            quarantined={symbol: rejected},
            metadata={symbol: {"requests": stated.requests, "moved_to_session": made.moved.height}},
        )

    def second_source(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the reconciling source: columns of the raw table. Raises a VendorError."""
        asked = self.instrument(symbol)
        due = due_sessions(asked, start, end, self.as_of, self._delay)
        if not due:
            return _BARS.empty()
        brought = self.vendors.source(self.settings.equities.reconcile.source).daily_bars(
            asked, start, end, as_of=self.as_of
        )
        known = calendars.sessions(asked.calendar, start, end)
        return bar_rules.clean(
            brought.frame, brought.rejected, known, fallback_level=0, last_due=due[-1], has_volume=asked.has_volume
        ).bars

    def instrument(self, symbol: str) -> Instrument:
        """The symbol over all its listing windows. Raises UnknownName where the universe lacks it."""
        rows = self.symbols.filter(symbol=symbol).sort("valid_from")
        if rows.is_empty():
            raise UnknownName("symbol", symbol, self.symbols["symbol"].to_list())
        return replace(Instrument.of_row(rows.row(-1, named=True)), valid_from=rows["valid_from"][0])

    def _complete(self, asked: Instrument, source: str, bars: pl.DataFrame, start: date, end: date) -> date:
        """The first day the answer had to reach. Raises EmptyUnexpected or Clipped where it does not.

        A symbol may have been listed later than the universe knows; the vendor's reference data tell.
        """
        try:
            self._check(asked, source, bars, start, end)
        except (EmptyUnexpected, Clipped):
            listed_from = self.vendors.listed_from(asked)
            if listed_from is None:
                raise
            self._check(replace(asked, valid_from=listed_from), source, bars, start, end)
            return max(start, listed_from)
        return max(start, asked.valid_from)

    def _check(self, asked: Instrument, source: str, bars: pl.DataFrame, start: date, end: date) -> None:
        check_not_empty(bars, asked, start, end, self.as_of, vendor=source, delay_min=self._delay)
        check_not_clipped(bars, asked, start, end, self.as_of)

    @property
    def _delay(self) -> int:
        return self.settings.equities.vendor_delay_min

    def _cut(
        self,
        unit: Unit,
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


def _span(years: Sequence[int]) -> str:
    return f"{years[0]}-{years[-1]}" if len(years) > 1 else str(years[0])


def _blocks(years: Sequence[int]) -> list[list[int]]:
    blocks: list[list[int]] = []
    for year in years:
        if blocks and year == blocks[-1][-1] + 1:
            blocks[-1].append(year)
        else:
            blocks.append([year])
    return blocks
