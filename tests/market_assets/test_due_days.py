"""Which partitions should hold a day: by calendars, listings and windows; and what a store holds of it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from market_assets.due_days import due
from market_assets.settings import settings
from market_assets.tables import contract
from resources.stored_days import held
from resources.stores import open_store
from tests.dashboards import ops_home

SUNDAY, MONDAY = date(2026, 10, 4), date(2026, 10, 5)
#: the Saturday before: nothing but coins trades
SATURDAY = date(2026, 10, 3)


@pytest.fixture
def wanted(home: Path, monkeypatch: pytest.MonkeyPatch):
    """What is due of a day in a sandbox home: there every source can be asked."""
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    monkeypatch.setenv(
        "MARKET_ASSETS_EQUITIES__UNIVERSE", '[{"symbol": "IBM"}, {"symbol": "BTC-USD", "asset_class": "crypto"}]'
    )
    settings.cache_clear()
    return lambda day: due(open_store(settings()), settings(), day)


def test_shares_are_due_on_sessions_and_coins_always(wanted):
    """IBM on Monday, the coin on both days; a year's table whenever anything trades; five hours after midnight."""
    assert wanted(MONDAY)["equities_daily_bars"].partitions == {"IBM|2026", "BTC-USD|2026"}
    assert wanted(SUNDAY)["equities_scored_bars"].partitions == {"BTC-USD|2026"}
    assert wanted(SUNDAY)["equities_features"].partitions == {"2026"}
    assert wanted(MONDAY)["equities_daily_bars"].at == datetime(2026, 10, 6, 5, tzinfo=UTC)


def test_minute_bars_are_due_where_the_market_was_open(wanted):
    """Coins on Saturday, gold's future from Sunday evening on, all of them on Monday."""
    names = {
        day: {key.split("|")[1] for key in wanted(day)["bars_minute"].partitions} for day in (SATURDAY, SUNDAY, MONDAY)
    }
    assert names[SATURDAY] == {"BTCUSD"}
    assert {"EURUSD", "XAUUSD_FUT", "BTCUSD"} <= names[SUNDAY]
    assert "NAS100" not in names[SUNDAY]
    assert names[MONDAY] == set(settings().bars.symbols)


def test_coins_are_due_while_they_are_listed(wanted, monkeypatch):
    """MATIC until the 10th of September 2024, POL from the 13th."""
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SYMBOLS", '["MATICUSDT", "POLUSDT"]')
    settings.cache_clear()
    found = {day: wanted(date(2024, 9, day))["crypto_klines"].partitions for day in (10, 11, 13)}
    assert found == {10: {"2024-09-10|MATICUSDT"}, 11: set(), 13: {"2024-09-13|POLUSDT"}}


def test_models_are_due_by_the_week_and_outcomes_a_day_later(wanted):
    """Monday the 5th's model holds the whole week; labels of Monday wait for 24 hours after it."""
    found = wanted(date(2026, 10, 7))
    assert found["btc_bin_models"].partitions == {"2026-10-05"}
    assert found["btc_bin_models"].at == datetime(2026, 10, 5, 12, tzinfo=UTC)
    assert wanted(MONDAY)["btc_labels"].at == datetime(2026, 10, 7, 3, tzinfo=UTC)


def test_exchanges_in_use_are_due_every_day_and_nothing_before_the_start(wanted):
    """As many pairs as exchanges; no domain but equities goes back to 2020."""
    pairs = wanted(MONDAY)["funding_rates"].partitions
    assert pairs == {f"2026-10-05|{name}" for name in settings().funding.enabled}
    assert {table.split("_")[0] for table in wanted(date(2020, 1, 2))} == {"equities"}


def test_a_year_holds_a_day_only_where_it_has_rows_of_it(wanted, home):
    """IBM's year has Monday and not Tuesday; the coins' day is told by its partition alone."""
    table, store = contract("equities_adjusted_bars"), open_store(settings())
    ops_home.HOME.write(store, table.name, [{"symbol": "IBM", "session_date": MONDAY}])
    tables = [table]
    on_monday = held(store, tables, MONDAY, date(2026, 10, 7), {table.name})
    assert dict(on_monday[table.name].rows) == {"2026": 1}
    assert on_monday[table.name].since == date(2026, 1, 1)
    assert dict(held(store, tables, date(2026, 10, 6), date(2026, 10, 7), {table.name})[table.name].rows) == {}
