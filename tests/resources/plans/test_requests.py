"""The sandbox counts no more requests than were planned, of any vendor, and at least a third of all."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from market_assets.core.partitions import keys_of
from market_assets.crypto.schemas import CryptoSignals
from market_assets.tables import QUARANTINES, TABLES
from resources.crypto_fetch import KLINES
from resources.plans import REQUESTS
from resources.sandbox.synthetic import SyntheticBackend
from tests.desk import running
from tests.market_assets.crypto.advice_frames import HOUR, NOON, signal, signals
from tests.resources.plans.fetched import FETCHES, NOW, House

TODAY = NOW.date()
BARS = TABLES["equities_daily_bars"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One simulated market for all."""
    with running(SyntheticBackend(seed=7)) as sandbox:
        yield sandbox.url


@pytest.fixture
def house(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> House:
    """An empty house whose clock, like the sandbox's, stands at a Friday noon."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", NOW.isoformat())
    return House(home, url)


def checked(house: House, table: str, keys: list[str]) -> dict[str, int]:
    """Plan, fetch and compare; vendor -> requests as the sandbox counted them."""
    planned = house.planned(table, keys)
    sent = house.sent(table, keys)
    assert all(n <= planned.get(vendor, 0) for vendor, n in sent.items()), (table, planned, sent)
    assert sum(planned.values()) <= 3 * sum(sent.values()), (table, planned, sent)
    return sent


def test_every_table_that_asks_is_fetched_here() -> None:
    """None is left out of what is compared, and tables with a quarantine are those that vendors fill."""
    assert FETCHES.keys() == REQUESTS.keys() >= {name.removeprefix("quarantine_") for name in QUARANTINES}


def test_equities(house: House) -> None:
    """A series a symbol and block of years; two for actions; the second source once a symbol."""
    keys = [f"{symbol}|{year}" for symbol in ("AAPL", "BTC-USD") for year in (2021, 2022, 2024)]
    assert checked(house, "equities_daily_bars", keys) == {"polygon": 4}
    assert checked(house, "equities_corporate_actions", ["AAPL", "BTC-USD"]) == {"polygon": 2}
    assert checked(house, "equities_reconciliation", ["2021", "2022"]) == {"yahoo": 2}
    house.store.write(BARS, "AAPL|2022", house.store.read(BARS, ["AAPL|2022"]).head(100))
    assert checked(house, "equities_gaps", ["2021", "2022"]) == {"yahoo": 1}


def test_a_symbol_that_was_listed_later_costs_a_look_at_its_listing(house: House) -> None:
    """IPOX came to the market in 2021, and the universe does not know: the bars, then reference data."""
    assert checked(house, "equities_daily_bars", ["IPOX|2020", "IPOX|2021", "IPOX|2022"]) == {"polygon": 2}
    assert house.planned("equities_daily_bars", ["IPOX|2023"]) == {"polygon": 1}


@pytest.mark.parametrize(("n", "expected"), [(20, 40), (21, 47)])
def test_a_night_of_many_symbols_may_take_whole_market_requests_besides(house: House, n: int, expected: int) -> None:
    """A request and a look at the listing each; from 21 symbols on up to five days of the whole market are tried."""
    names = [f"S{number:02d}" for number in range(n)]
    house.sections["equities"] = {"universe": [{"symbol": name} for name in names]}
    assert house.planned("equities_daily_bars", [f"{name}|2026" for name in names]) == {"polygon": expected}


def test_btc(house: House) -> None:
    """A request a metric and range of days; a day of which no hour is over takes none."""
    days = ["2026-11-01", "2026-11-02", "2026-11-10", "2026-11-21"]
    assert checked(house, "btc_price", days) == {"glassnode": 2}
    assert checked(house, "btc_liquidations", days) == {"glassnode": 4}


@pytest.mark.parametrize("exchange", ["binance_usdm", "bybit", "okx", "hyperliquid", "dydx", "deribit", "kucoin"])
def test_looks_at_an_exchange(house: House, exchange: str) -> None:
    """Its listing and its current state, by every wire format that the sandbox speaks."""
    assert house.planned("funding_snapshot", [f"{TODAY}|{exchange}"]) == {}
    checked(house, "funding_contracts", [exchange])
    checked(house, "funding_snapshot", [f"{TODAY}|{exchange}"])


@pytest.mark.parametrize(
    ("exchange", "n_days"), [("binance_coinm", 60), ("okx", 2), ("hyperliquid", 2), ("dydx", 20), ("kucoin", 60)]
)
def test_settled_funding(house: House, exchange: str, n_days: int) -> None:
    """Files of the archive for whole months; page by page from the newest back; windows of which some are forgotten."""
    keys = keys_of([date(2026, 9, 1) + timedelta(days=n) for n in range(n_days)], [exchange])
    assert house.planned("funding_rates", keys) == {}
    checked(house, "funding_contracts", [exchange])
    sent = checked(house, "funding_rates", keys)
    assert ("binance_archive" in sent) == (exchange == "binance_coinm")


@pytest.mark.parametrize("market", ["um_futures", "spot"])
def test_crypto(house: House, market: str) -> None:
    """A file and its checksum for a day that is long over, pages for the others, the listing once."""
    house.sections["crypto"] = {"market": market}
    keys = ["2026-11-01|BTCUSDT", f"{TODAY - timedelta(days=1)}|BTCUSDT", f"{TODAY}|BTCUSDT"]
    vendor, pages = ("binance_usdm", 2) if market == "um_futures" else ("binance_spot", 3)
    assert checked(house, "crypto_klines", keys) == {"binance_archive": 2, vendor: pages + 1}


def test_minutes_that_the_running_day_lacks_are_asked_for_each(house: House) -> None:
    """Two holes in what is stored of today: two requests, beside the listing."""
    key = f"{TODAY}|BTCUSDT"
    house.sent("crypto_klines", [key])
    whole = house.store.read(KLINES, [key])
    house.store.write(
        KLINES, key, whole.filter(~whole["ts"].dt.minute().is_between(10, 20) | (whole["ts"].dt.hour() > 1))
    )
    assert house.planned("crypto_klines", [key]) == {"binance_usdm": 3}
    assert house.sent("crypto_klines", [key]) == {"binance_usdm": 2}


def test_sentiment_and_advice(house: House) -> None:
    """The index whole; three questions about each of three signals and one about their day."""
    assert checked(house, "crypto_sentiment", ["all"]) == {"alternative_me": 1}
    rows = [signal(NOON + n * HOUR, price=60_000.0 + n) for n in range(3)]
    house.store.write(CryptoSignals.contract(), "2026-10-05|BTCUSDT", signals(*rows))
    assert house.planned("crypto_advice", ["2026-10-05|BTCUSDT"]) == {}
    house.sections["crypto"] = {"advice": {"enabled": True}}
    assert checked(house, "crypto_advice", ["2026-10-05|BTCUSDT"]) == {"advisor": 10}


def test_signals_that_are_still_to_come_count_as_if_all_were_tradeable(house: House) -> None:
    """24 hours with three questions each, and one about the day."""
    house.sections["crypto"] = {"advice": {"enabled": True}}
    key = "2026-10-05|BTCUSDT"
    assert house.planned("crypto_advice", [key], crypto_signals=[key]) == {"advisor": 73}


def test_bars(house: House) -> None:
    """Days of a month are asked for together, of two months apart; the comparison asks another source of the kind."""
    days = [date(2026, 10, 30) + timedelta(days=n) for n in (0, 3, 4, 7)]
    keys = keys_of(days, ["BTCUSD", "NAS100"])
    assert house.planned("bars_reconciliation", keys) == {}
    coming = house.planned("bars_reconciliation", keys, bars_minute=keys)
    assert checked(house, "bars_minute", keys) == {"yahoo": 4}
    assert checked(house, "bars_reconciliation", keys) == coming == {"alphavantage": 1, "twelvedata": 4}
    assert checked(house, "bars_macro_daily", ["all"]) == {"fred": 4}


def test_derived_tables_take_none(house: House) -> None:
    """Nobody is asked for them."""
    assert house.planned("btc_rpn", ["2026-11-01"]) == {}
