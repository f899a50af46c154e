"""Binance COIN-M on the wire: inverse contracts, open interest in contracts (funding.md 2)."""

import ccxt

from resources.venues.binance_coinm import MARKET, VENUE
from resources.venues.venue import Windowed
from tests.resources.venues.answers import Answers, instrument
from tests.resources.venues.scripted import at, ms

#: as documented (ccxt quotes it in `fetch_markets`)
BTC = {
    "symbol": "BTCUSD_PERP",
    "pair": "BTCUSD",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1596006000000,
    "contractStatus": "TRADING",
    "contractSize": 100,
    "marginAsset": "BTC",
    "baseAsset": "BTC",
    "quoteAsset": "USD",
    "filters": [],
}
ETH = {**BTC, "symbol": "ETHUSD_PERP", "contractSize": 10, "marginAsset": "ETH", "baseAsset": "ETH"}
QUARTER = {**BTC, "symbol": "BTCUSD_260326", "contractType": "CURRENT_QUARTER"}
PREMIUM = {
    "symbol": "BTCUSD_PERP",
    "pair": "BTCUSD",
    "markPrice": "11029.69574559",
    "indexPrice": "10979.14437500",
    "lastFundingRate": "0.00071003",
    "interestRate": "0.00010000",
    "nextFundingTime": 1596096000000,
    "time": 1596094042000,
}
DATED = {**PREMIUM, "symbol": "BTCUSD_260326", "lastFundingRate": "", "interestRate": "", "nextFundingTime": 0}


def test_the_listing_is_what_ccxt_lists() -> None:
    """Size in USD per contract, settled in the base, open for trading by `contractStatus`."""
    closed = {**ETH, "symbol": "XRPUSD_PERP", "contractStatus": "DELIVERING"}
    frame = MARKET.listed(
        {"symbols": [BTC, ETH, QUARTER, closed]}, [{"symbol": "ETHUSD_PERP", "fundingIntervalHours": 4}]
    )
    client = ccxt.binancecoinm()
    oracle = [client.parse_market(row) for row in (BTC, ETH)]
    assert all(market["inverse"] and market["active"] for market in oracle)
    assert frame["native_symbol"].to_list() == [market["id"] for market in oracle]
    assert frame["contract_size"].to_list() == [market["contractSize"] for market in oracle] == [100.0, 10.0]
    assert frame["settle"].to_list() == [market["settleId"] for market in oracle] == ["BTC", "ETH"]
    assert frame["kind"].to_list() == ["inverse", "inverse"]
    assert frame["oi_unit"].to_list() == ["contracts", "contracts"]
    assert frame["interval_hours"].to_list() == [8.0, 4.0]


def test_current_state_counts_contracts() -> None:
    """A dated contract's premium has no rate and is not asked for; open interest stays in contracts."""
    interest = {"symbol": "BTCUSD_PERP", "pair": "BTCUSD", "openInterest": "15004", "contractType": "PERPETUAL"}
    caller = Answers(VENUE, {"/dapi/v1/premiumIndex": [PREMIUM, DATED], "/dapi/v1/openInterest": interest})
    frame = VENUE.current(caller, [instrument("BTCUSD_PERP", "USD", "inverse")])
    assert frame.height == 1
    row = frame.row(0, named=True)
    assert (row["predicted_rate_native"], row["open_interest_native"]) == (0.00071003, 15004.0)
    assert [ask.path for ask in caller.asked] == ["/dapi/v1/premiumIndex", "/dapi/v1/openInterest"]


def test_history_is_what_ccxt_reads() -> None:
    """The same rows as USD-M's, without a price."""
    body = [{"symbol": "BTCUSD_PERP", "fundingTime": 1596038400000, "fundingRate": "-0.00300000"}]
    frame = VENUE.events(body, instrument("BTCUSD_PERP")).frame
    oracle = ccxt.binancecoinm().parse_funding_rate_history(body[0])
    assert [ms(time) for time in frame["funding_time_native"]] == [oracle["timestamp"]]
    assert frame["rate_native"].to_list() == [oracle["fundingRate"]] == [-0.003]


def test_history_is_asked_at_dapi() -> None:
    """The path is the only difference to USD-M's."""
    assert isinstance(VENUE.history, Windowed)
    ask = VENUE.history.ask(instrument("BTCUSD_PERP"), at("2025-03-01"), at("2025-03-02"))
    assert ask.path == "/dapi/v1/fundingRate"
    assert ask.params["symbol"] == "BTCUSD_PERP"
