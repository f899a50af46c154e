"""Our own venues over loopback HTTP: what they read out of the sandbox is what its backend has, once and whole."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest

from market_assets.settings import settings
from resources.sandbox.perpetuals import Settlements
from resources.sandbox.synthetic import SyntheticBackend
from resources.venues import registry
from resources.venues.binance_archive import Archive
from resources.venues.exchange import Exchange
from resources.venues.venue import Instrument
from tests.resources.sandbox.hand_market import NOW, served

EXCHANGES = ("binance_usdm", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "dydx", "kucoin")
UNTIL = datetime(2026, 3, 17, tzinfo=UTC)
FIRST = UNTIL - timedelta(days=60)
#: contracts of 8 hours, of 4, of 1, one that changes with the month, and both margins
ASKED = [
    ("binance_usdm", "BTCUSDT"),
    ("binance_usdm", "LAYERUSDT"),
    ("binance_usdm", "WIFUSDT"),
    ("binance_usdm", "NEW2511USDT"),
    ("binance_coinm", "ETHUSD_PERP"),
    ("bybit", "BTCUSD"),
    ("bybit", "1000PEPEUSDT"),
    ("okx", "BTC-USDT-SWAP"),
    ("okx", "ETH-USD-SWAP"),
    ("hyperliquid", "kPEPE"),
    ("deribit", "BTC-PERPETUAL"),
    ("deribit", "SOL_USDC-PERPETUAL"),
    ("dydx", "BTC-USD"),
    ("kucoin", "XBTUSDTM"),
]


@pytest.fixture(scope="module")
def sandbox(market: SyntheticBackend) -> Iterator[httpx.Client]:
    with served(market) as http:
        yield http


@pytest.fixture(autouse=True)
def environment(sandbox: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings whose vendors are that sandbox, and whose clock is its clock."""
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    monkeypatch.setenv("MARKET_ASSETS_SANDBOX_URL", str(sandbox.base_url).rstrip("/"))
    monkeypatch.setenv("MARKET_ASSETS_NOW", NOW.isoformat())
    settings.cache_clear()


@pytest.fixture
def exchange(request: pytest.FixtureRequest, environment: None) -> Iterator[Exchange]:
    """The exchange that a test is about."""
    found = registry.connect(settings(), request.param)
    yield found
    found.close()


def instruments(market: SyntheticBackend, exchange: str) -> dict[str, Instrument]:
    """The contracts of an exchange as its venue would ask for them."""
    listed = market.perpetuals(exchange, NOW)
    return {
        one.native_symbol: Instrument(
            one.native_symbol, one.native_symbol, one.kind, one.quote, one.settle, one.listed_at
        )
        for one in listed
    }


def rows(settled: Settlements) -> list[tuple[int, float]]:
    """Stamp and rate of each settlement."""
    return list(zip(settled.time_ms.tolist(), settled.rate.tolist(), strict=True))


def read(frame: pl.DataFrame) -> list[tuple[int, float]]:
    """Stamp and rate of each event."""
    return list(zip(frame["funding_time_native"].dt.epoch("ms"), frame["rate_native"], strict=True))


@pytest.mark.parametrize(("exchange", "native"), ASKED, indirect=["exchange"], ids=[" ".join(one) for one in ASKED])
def test_every_settlement_of_60_days_comes_exactly_once(
    exchange: Exchange, native: str, market: SyntheticBackend
) -> None:
    asked = instruments(market, exchange.name)[native]
    history = exchange.history(asked, FIRST, UNTIL, shortest_hours=1)
    expected = rows(market.settlements(exchange.name, native, NOW).window(_ms(FIRST), _ms(UNTIL)))
    assert len(expected) >= 90
    assert read(history.frame) == expected
    assert (history.outside, history.duplicates) == (0, 0)


@pytest.mark.parametrize("exchange", ["binance_usdm", "dydx", "okx", "kucoin"], indirect=True)
def test_a_history_that_begins_within_the_window_has_a_floor(exchange: Exchange, market: SyntheticBackend) -> None:
    """A coin listed two weeks ago, a venue that began in 2023, one that keeps three months, one that keeps 100 rows."""
    native, first = {
        "binance_usdm": ("NEW2603USDT", FIRST),
        "dydx": ("BTC-USD", datetime(2023, 10, 30, tzinfo=UTC)),
        "okx": ("BTC-USDT-SWAP", UNTIL - timedelta(days=200)),
        "kucoin": ("XBTUSDTM", FIRST),
    }[exchange.name]
    until = datetime(2023, 11, 10, tzinfo=UTC) if exchange.name == "dydx" else UNTIL
    history = exchange.history(instruments(market, exchange.name)[native], first, until, shortest_hours=1)
    expected = rows(market.settlements(exchange.name, native, NOW).window(_ms(first), _ms(until)))
    assert read(history.frame) == expected
    assert history.floor is not None
    assert _ms(history.floor) == expected[0][0]


@pytest.mark.parametrize("exchange", EXCHANGES, indirect=True)
def test_the_listing_is_that_of_the_backend(exchange: Exchange, market: SyntheticBackend) -> None:
    """Closed, dated and announced contracts are not in it."""
    found = {row["native_symbol"]: row for row in exchange.listing().frame.iter_rows(named=True)}
    listed = [one for one in market.perpetuals(exchange.name, NOW) if one.is_open]
    assert sorted(found) == sorted(one.native_symbol for one in listed)
    names = ("native_base", "quote", "settle", "kind", "contract_size", "oi_unit", "interval_hours")
    for one in listed:
        row = found[one.native_symbol]
        assert {name: row[name] for name in names} == {name: getattr(one, name) for name in names}
        assert row["listed_at"] == one.listed_at or exchange.name in {"hyperliquid", "dydx"}, "these two do not say it"


@pytest.mark.parametrize("exchange", EXCHANGES, indirect=True)
def test_the_current_state_is_that_of_the_backend(exchange: Exchange, market: SyntheticBackend) -> None:
    quotes = market.quotes(exchange.name, NOW)
    asked = [one for name, one in instruments(market, exchange.name).items() if name in quotes][:12]
    found = {row["native_symbol"]: row for row in exchange.current(asked).frame.iter_rows(named=True)}
    assert sorted(found) == sorted(one.native_symbol for one in asked)
    for name, row in found.items():
        quote = quotes[name]
        assert row["predicted_rate_native"] == pytest.approx(quote.predicted_rate, abs=1e-12)
        price = quote.index if exchange.name == "dydx" else quote.mark
        assert row["mark_price"] == pytest.approx(price, rel=1e-7, abs=0.5e-8)
        assert row["open_interest_native"] == quote.open_interest
        if row["interval_hours"] is not None:
            assert row["interval_hours"] == quote.interval_hours
        if row["next_funding_time"] is not None:
            assert _ms(row["next_funding_time"]) == quote.next_funding_ms


@pytest.mark.parametrize(("exchange", "native"), [("binance_usdm", "WIFUSDT"), ("binance_coinm", "BTCUSD_PERP")])
def test_a_month_of_the_archive_is_the_month_of_the_backend(
    exchange: str, native: str, market: SyntheticBackend
) -> None:
    frame = Archive.connect(settings(), exchange).month(native, 2026, 2)
    first, after = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    settled = market.settlements(exchange, native, NOW).window(_ms(first), _ms(after))
    assert frame is not None
    assert read(frame) == rows(settled)
    assert frame["interval_hours"].to_list() == settled.interval_hours.tolist()


def test_the_archive_has_no_month_that_is_not_over(market: SyntheticBackend) -> None:
    assert Archive.connect(settings(), "binance_usdm").month("BTCUSDT", 2026, 3) is None


@pytest.fixture
def fault(sandbox: httpx.Client) -> Iterator[Callable[[str], None]]:
    """Put a fault in force until the test ends."""

    def begin(spec: str) -> None:
        sandbox.post("/_sandbox/faults", json={"spec": spec}).raise_for_status()

    yield begin
    sandbox.delete("/_sandbox/faults").raise_for_status()


def any_of(market: SyntheticBackend, exchange: str) -> Instrument:
    """The first contract of an exchange."""
    return next(iter(instruments(market, exchange).values()))


@pytest.mark.parametrize("exchange", EXCHANGES, indirect=True)
def test_a_rate_that_an_exchange_does_not_state_is_null(
    exchange: Exchange, market: SyntheticBackend, fault: Callable[[str], None]
) -> None:
    fault(f"{exchange.name}:nulls:dates=2026-03-15")
    asked = any_of(market, exchange.name)
    frame = exchange.history(asked, UNTIL - timedelta(days=3), UNTIL, shortest_hours=1).frame
    on_that_day = pl.col("funding_time_native").dt.date() == datetime(2026, 3, 15, tzinfo=UTC).date()
    assert frame.select((pl.col("rate_native").is_null() == on_that_day).all()).item()
    assert frame["rate_native"].null_count() in {3, 24}


@pytest.mark.parametrize("exchange", EXCHANGES, indirect=True)
def test_a_clock_that_is_ahead_stamps_settlements_ahead(
    exchange: Exchange, market: SyntheticBackend, fault: Callable[[str], None]
) -> None:
    fault(f"{exchange.name}:clock_ahead:seconds=30")
    asked = any_of(market, exchange.name)
    frame = exchange.history(asked, UNTIL - timedelta(days=3), UNTIL, shortest_hours=1).frame
    settled = market.settlements(exchange.name, asked.native_symbol, NOW)
    ahead = settled.window(_ms(UNTIL - timedelta(days=3)), _ms(UNTIL)).time_ms + 30_000
    assert frame["funding_time_native"].dt.epoch("ms").to_list() == ahead.tolist()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
