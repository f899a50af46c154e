"""ccxt, which knows the real exchanges, as a client of the sandbox: it reads what the backend has."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.hand_market import NOW, NOW_MS, served

ccxt = pytest.importorskip("ccxt", reason="needs ccxt, of the extra `dev`")

#: exchange -> id in ccxt, and how ccxt is told to list perpetuals alone
CLIENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "binance_usdm": ("binanceusdm", {}),
    "binance_coinm": ("binancecoinm", {}),
    "bybit": ("bybit", {"fetchMarkets": {"types": ["linear", "inverse"]}}),
    "okx": ("okx", {"fetchMarkets": {"types": ["swap"]}}),
    "hyperliquid": ("hyperliquid", {"fetchMarkets": {"types": ["swap"]}}),
    "deribit": ("deribit", {}),
    "dydx": ("dydx", {}),
    "kucoin": ("kucoinfutures", {}),
}
#: exchange -> contract by its own name and by ccxt's
ASKED = [
    ("binance_usdm", "BTCUSDT", "BTC/USDT:USDT"),
    ("binance_usdm", "1000PEPEUSDT", "1000PEPE/USDT:USDT"),
    ("binance_coinm", "BTCUSD_PERP", "BTC/USD:BTC"),
    ("bybit", "BTCUSDT", "BTC/USDT:USDT"),
    ("bybit", "BTCUSD", "BTC/USD:BTC"),
    ("okx", "BTC-USDT-SWAP", "BTC/USDT:USDT"),
    ("hyperliquid", "kPEPE", "KPEPE/USDC:USDC"),
    ("dydx", "ETH-USD", "ETH/USDC:USDC"),
    ("kucoin", "XBTUSDTM", "BTC/USDT:USDT"),
]
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def sandbox(market: SyntheticBackend) -> Iterator[httpx.Client]:
    with served(market) as http:
        yield http


@pytest.fixture(scope="module")
def client(sandbox: httpx.Client) -> Callable[[str], Any]:
    """ccxt's client of an exchange, pointed at the sandbox; markets are loaded once."""
    made: dict[str, Any] = {}

    def of(exchange: str) -> Any:
        if exchange not in made:
            name, options = CLIENTS[exchange]
            made[exchange] = getattr(ccxt, name)({"options": options, "enableRateLimit": False})
            made[exchange].has["fetchCurrencies"] = False
            made[exchange].urls["api"] = pointed(made[exchange].urls["api"], str(sandbox.base_url.join(f"/{exchange}")))
        return made[exchange]

    return of


def pointed(addresses: dict[str, Any], root: str) -> dict[str, Any]:
    """The same addresses, of another host: `https://host/path` becomes `root/path`."""
    found: dict[str, Any] = {}
    for name, address in addresses.items():
        if isinstance(address, dict):
            found[name] = pointed(address, root)
        else:
            _, _, path = address.removeprefix("https://").partition("/")
            found[name] = f"{root}/{path}".rstrip("/")
    return found


@pytest.mark.parametrize(("exchange", "native", "symbol"), ASKED, ids=[f"{one[0]} {one[1]}" for one in ASKED])
def test_settled_rates_are_those_of_the_backend(
    client: Callable[[str], Any], market: SyntheticBackend, exchange: str, native: str, symbol: str
) -> None:
    since = NOW_MS - 3 * DAY_MS
    rows = client(exchange).fetch_funding_rate_history(symbol, since, 100, {"until": NOW_MS})
    settled = market.settlements(exchange, native, NOW).window(since, NOW_MS + 1)
    assert len(settled) >= 9
    assert [row["timestamp"] for row in rows] == settled.time_ms.tolist()
    assert [row["fundingRate"] for row in rows] == settled.rate.tolist()


def test_deribit_states_eight_hours_to_ccxt(client: Callable[[str], Any], market: SyntheticBackend) -> None:
    """ccxt takes interest_8h; interest_1h stands beside it."""
    since = NOW_MS - DAY_MS
    rows = client("deribit").fetch_funding_rate_history("BTC/USD:BTC", since, 100, {"until": NOW_MS})
    settled = market.settlements("deribit", "BTC-PERPETUAL", NOW)
    last_day = settled.window(since, None)
    assert [row["timestamp"] for row in rows] == last_day.time_ms.tolist()
    assert [float(row["info"]["interest_1h"]) for row in rows] == last_day.rate.tolist()
    eights = np.lib.stride_tricks.sliding_window_view(settled.rate, 8).sum(axis=1)[-len(rows) :]
    assert [row["fundingRate"] for row in rows] == pytest.approx(eights.tolist(), abs=1e-12)


@pytest.mark.parametrize("exchange", ["binance_usdm", "binance_coinm", "bybit", "okx", "hyperliquid"])
def test_current_rates_and_prices_are_those_of_the_backend(
    client: Callable[[str], Any], market: SyntheticBackend, exchange: str
) -> None:
    quotes = market.quotes(exchange, NOW)
    kind = "inverse" if exchange == "binance_coinm" else "linear"
    listed = [one for one in market.perpetuals(exchange, NOW) if one.is_open and one.kind == kind]
    found = {
        rate["info"].get("symbol") or rate["info"].get("instId") or rate["info"]["name"]: rate
        for rate in client(exchange).fetch_funding_rates().values()
    }
    for contract in listed:
        rate, quote = found[contract.native_symbol], quotes[contract.native_symbol]
        assert rate["fundingRate"] == quote.predicted_rate
        if exchange != "okx":
            assert rate["markPrice"] == pytest.approx(quote.mark, rel=1e-7, abs=0.5e-8)
            assert rate["indexPrice"] == pytest.approx(quote.index, rel=1e-7, abs=0.5e-8)
        assert rate["fundingTimestamp"] == quote.next_funding_ms or exchange == "hyperliquid"


@pytest.mark.parametrize(
    ("exchange", "symbol", "kind", "size", "settle"),
    [
        ("binance_usdm", "1000PEPE/USDT:USDT", "linear", 1.0, "USDT"),
        ("binance_coinm", "ETH/USD:ETH", "inverse", 10.0, "ETH"),
        ("bybit", "BTC/USDC:USDC", "linear", 1.0, "USDC"),
        ("bybit", "BTC/USD:BTC", "inverse", 1.0, "BTC"),
        ("okx", "BTC/USD:BTC", "inverse", 100.0, "BTC"),
        ("deribit", "BTC/USD:BTC", "inverse", 10.0, "BTC"),
        ("deribit", "SOL/USDC:USDC", "linear", 1.0, "USDC"),
        ("hyperliquid", "BTC/USDC:USDC", "linear", 1.0, "USDC"),
        ("dydx", "BTC/USDC:USDC", "linear", 1.0, "USDC"),
        ("kucoin", "BTC/USDT:USDT", "linear", 0.01, "USDT"),
    ],
)
def test_contracts_are_what_ccxt_takes_them_for(
    client: Callable[[str], Any], exchange: str, symbol: str, kind: str, size: float, settle: str
) -> None:
    markets = client(exchange).load_markets()
    found = markets[symbol]
    assert (found["swap"], found[kind], found["contractSize"], found["settle"]) == (True, True, size, settle)
    assert found["active"]


@pytest.mark.parametrize(
    ("exchange", "symbol"), [("binance_usdm", "BTC/USDT:USDT"), ("bybit", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT")]
)
def test_open_interest(client: Callable[[str], Any], market: SyntheticBackend, exchange: str, symbol: str) -> None:
    native = {"okx": "BTC-USDT-SWAP"}.get(exchange, "BTCUSDT")
    if exchange == "bybit":
        found = float(client(exchange).fetch_ticker(symbol)["info"]["openInterest"])
    else:
        row = client(exchange).fetch_open_interest(symbol)["info"]
        found = float(row.get("openInterest") or row["oi"])
    assert found == market.quotes(exchange, NOW)[native].open_interest


def test_ccxt_knows_the_refusals(client: Callable[[str], Any], sandbox: httpx.Client) -> None:
    """Unknown contracts, unread parameters and spent quotas are the errors ccxt has for the real exchanges."""
    with pytest.raises(ccxt.BadSymbol):
        client("binance_usdm").fapiPublicGetFundingRate({"symbol": "NONEUSDT"})
    with pytest.raises(ccxt.BadRequest):
        client("binance_usdm").fapiPublicGetFundingRate({"symbol": "BTCUSDT", "until": 1})
    with pytest.raises(ccxt.BadRequest):
        client("bybit").publicGetV5MarketFundingHistory({"category": "linear", "symbol": "BTCUSDT", "startTime": 1})
    with pytest.raises(ccxt.BadSymbol):
        client("okx").publicGetPublicFundingRateHistory({"instId": "NONE-USDT-SWAP"})
    quotas = {
        "bybit": (ccxt.RateLimitExceeded, lambda: client("bybit").publicGetV5MarketTickers({"category": "linear"})),
        "okx": (ccxt.RateLimitExceeded, lambda: client("okx").publicGetPublicFundingRate({"instId": "ANY"})),
        "kucoin": (ccxt.RateLimitExceeded, lambda: client("kucoin").futuresPublicGetContractsActive()),
        "deribit": (ccxt.DDoSProtection, lambda: client("deribit").publicGetGetInstruments({"currency": "BTC"})),
        "binance_usdm": (ccxt.DDoSProtection, lambda: client("binance_usdm").fapiPublicGetPremiumIndex()),
    }
    sandbox.post("/_sandbox/faults", json={"specs": [f"{exchange}:429:times=1" for exchange in quotas]})
    for error, ask in quotas.values():
        with pytest.raises(error):
            ask()
