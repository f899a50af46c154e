"""The bars domain over the simulated market: an index, a currency and a coin, over a weekend into a Monday.

Indicators look back on 300 bars instead of 2,500, and thresholds are the relaxed ones, so that a few days have signals.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.core import clock
from resources.bars_fetch import BarsFetch
from resources.partition_fetch import FetchedPartitions
from resources.vendors.registry import Vendors
from tests.desk import Built, Desk, Results, Sandbox, opened

#: a Monday, an hour and a half into the session of the index
NOW = "2026-10-05T15:02:30Z"
SYMBOLS = ("NAS100", "EURUSD", "BTCUSD")
#: Friday to Monday
FIRST, LAST = date(2026, 10, 2), date(2026, 10, 5)
CHAIN = ("bars_minute", "bars_indicators", "bars_scanner_features", "bars_signals", "bars_outcomes")
DERIVED = CHAIN[1:]
QUICK: dict[str, Any] = {
    "symbols": list(SYMBOLS),
    "indicators": {"warm_bars": 300},
    "signals": {"profile": "relaxed"},
    "macro": {"start_date": "2026-05-01"},
}
_DAY = timedelta(days=1)


@dataclass
class Bars:
    """A desk whose bars domain is materialised, and what Dagster said of each asset last."""

    desk: Desk
    results: dict[str, Results] = field(default_factory=dict)

    def run(self, *assets: str, keys: Sequence[str] | None = None, succeed: bool = True) -> Results:
        """Partitions of assets that are cut alike, in one run a range."""
        found = self.desk.materialize(*assets, keys=keys, succeed=succeed)
        self.results |= dict.fromkeys(assets, found)
        return found

    def days(self, first: date = FIRST, last: date = LAST) -> list[str]:
        """Keys of days."""
        return [str(first + n * _DAY) for n in range((last - first).days + 1)]

    def pairs(self, first: date = FIRST, last: date = LAST, symbols: Sequence[str] = SYMBOLS) -> list[str]:
        """Keys of days and symbols."""
        return [f"{day}|{name}" for day in self.days(first, last) for name in symbols]

    def build(self, first: date = FIRST, last: date = LAST, symbols: Sequence[str] = SYMBOLS) -> None:
        """Everything of these days."""
        self.run("bars_macro_daily")
        # symbols of the desk are no neighbours, so each has its own run: features read the minutes of all of them
        self.run("bars_minute", keys=self.pairs(first, last, symbols))
        self.run(*DERIVED, keys=self.pairs(first, last, symbols))
        self.run("bars_reconciliation", keys=self.pairs(first, last, symbols))
        self.run("bars_source_health", keys=self.days(first, last))

    def at(self, now: str) -> None:
        """Move the clock."""
        self.desk.set(MARKET_ASSETS_NOW=now)
        assert clock.now() == clock.instant(now)

    def digests(self, *tables: str) -> dict[tuple[str, str], str]:
        """Table and partition -> digest of what is stored."""
        from market_assets.tables import contract

        found = {}
        for table in tables:
            for key in self.desk.stored(table):
                manifest = self.desk.store.manifest(contract(table), key)
                assert manifest is not None
                found[table, key] = manifest.digest
        return found


def brought(desk: Desk, *keys: str) -> FetchedPartitions:
    """What a run brings of some days of one symbol, without the run."""
    found = desk.settings
    with contextlib.closing(Vendors(found)) as vendors:
        fetch = BarsFetch(found, vendors, desk.store, clock.now())
        (unit,) = fetch.units(keys)
        return fetch.minutes(unit)


def configured(desk: Desk, **bars: Any) -> Bars:
    """A domain of short histories without anything stored."""
    desk.configure(bars=QUICK | bars)
    return Bars(desk)


@pytest.fixture(scope="session")
def monday(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built on the Monday."""
    home = tmp_path_factory.mktemp("bars")
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch, now=NOW) as desk:
        bars = configured(desk)
        bars.build()
        return Built(home, bars.results)


@pytest.fixture
def bars(monday: Built, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Bars]:
    """That of the Monday, to be read."""
    with opened(monday.home, sandbox, monkeypatch, now=NOW) as desk:
        yield Bars(desk, dict(monday.results))


@pytest.fixture
def growing(monday: Built, desk: Desk) -> Bars:
    """A copy of that of the Monday, to be grown and changed."""
    monday.copy_to(desk)
    desk.set(MARKET_ASSETS_NOW=NOW)
    return Bars(desk)


@pytest.fixture
def fresh(desk: Desk) -> Bars:
    """A domain without anything stored."""
    desk.set(MARKET_ASSETS_NOW=NOW)
    return configured(desk)
