"""The nightly update by whole-market requests, against the real sandbox over HTTP."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
import uvicorn

from market_assets.core import calendars, clock
from market_assets.equities.schemas import EquitiesDailyBars
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import symbols
from market_assets.equities.universe import OVERRIDES
from market_assets.settings import Settings, settings
from resources.equities_fetch import EquitiesFetch
from resources.equities_grouped import MIN_SYMBOLS, grouped_update
from resources.sandbox.app import create_app
from resources.sandbox.synthetic import SyntheticBackend
from resources.stores import open_store
from resources.vendors.registry import Vendors

BARS = EquitiesDailyBars.contract()
NAMES = [line.symbol for line in EquitiesSettings().universe if line.asset_class in {"stock", "etf"}][:MIN_SYMBOLS]
MONDAY, WEDNESDAY = "2026-06-15T23:30:00Z", "2026-06-17T23:30:00Z"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(create_app(SyntheticBackend(seed=7)), port=free, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield free
    server.should_exit = True
    thread.join()


@pytest.fixture
def found(port: int, monkeypatch: pytest.MonkeyPatch, home: Path) -> Settings:
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    monkeypatch.setenv("MARKET_ASSETS_SANDBOX_URL", f"http://127.0.0.1:{port}")
    settings.cache_clear()
    return settings()


def fetch(found: Settings) -> EquitiesFetch:
    lines = [line for line in found.equities.universe if line.symbol in NAMES]
    return EquitiesFetch(found, Vendors(found), symbols.universe(lines, OVERRIDES.empty()), clock.now())


def store_year(found: Settings, names: list[str]) -> None:
    asked = fetch(found)
    for unit in asked.units([f"{name}|2026" for name in names]):
        open_store(found).write(BARS, unit.partitions[0], asked.bars(unit, {}).frames[unit.partitions[0]])


def test_newest_sessions_come_with_one_request_a_session(found: Settings) -> None:
    """Two sessions of 21 symbols are two requests, and the rows equal those fetched symbol by symbol."""
    store = open_store(found)
    with clock.frozen(MONDAY):
        store_year(found, NAMES)
    with clock.frozen(WEDNESDAY):
        asked = fetch(found)
        units = asked.units([f"{name}|2026" for name in NAMES])
        before = asked.vendors.chain.state.call_stats("polygon").total_calls
        updated = grouped_update(asked, units, store)
        requests = asked.vendors.chain.state.call_stats("polygon").total_calls - before
        whole = asked.bars(units[0], {}).frames[units[0].partitions[0]]
        assert requests == 2
        assert sorted(updated) == sorted(NAMES)
        ours = BARS.conform(updated[whole["symbol"][0]])
        assert ours.drop("ingested_at").equals(BARS.conform(whole).drop("ingested_at"))


def test_few_symbols_are_fetched_one_by_one(found: Settings) -> None:
    """Up to 20 symbols a whole-market answer is no bargain."""
    with clock.frozen(MONDAY):
        store_year(found, NAMES[:3])
    with clock.frozen(WEDNESDAY):
        asked = fetch(found)
        assert grouped_update(asked, asked.units([f"{n}|2026" for n in NAMES[:3]]), open_store(found)) == {}


def test_a_hole_is_fetched_whole(found: Settings) -> None:
    """A symbol that lacks an older session is not completed by its newest ones."""
    store = open_store(found)
    with clock.frozen(MONDAY):
        store_year(found, NAMES)
        rows = store.read(BARS, [f"{NAMES[0]}|2026"])
        store.write(BARS, f"{NAMES[0]}|2026", rows.filter(pl.col("session_date") != date(2026, 3, 2)))
    with clock.frozen(WEDNESDAY):
        asked = fetch(found)
        assert grouped_update(asked, asked.units([f"{n}|2026" for n in NAMES]), store) == {}


def test_the_window_of_the_test_is_what_it_claims() -> None:
    """Monday to Wednesday are three sessions of which two are new."""
    first = date(2026, 6, 15)
    assert calendars.sessions("XNYS", first, first + timedelta(days=2)) == [first + timedelta(days=n) for n in range(3)]
