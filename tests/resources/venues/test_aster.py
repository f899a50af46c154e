"""Aster on the wire: Binance's format under v3, intervals per contract (funding.md 2 and 15)."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import ccxt

from resources.venues.aster import MARKET, VENUE
from resources.venues.pager import walk
from resources.venues.venue import Ask, Windowed
from tests.resources.venues.answers import Answers, instrument
from tests.resources.venues.scripted import at, ms

BTC = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "onboardDate": 1627628400000,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [],
}
#: as documented (ccxt quotes it in `fetch_funding_intervals`)
INTERVAL = {
    "symbol": "INJUSDT",
    "interestRate": "0.00010000",
    "time": 1756197479000,
    "fundingIntervalHours": 8,
    "fundingFeeCap": 0.03,
    "fundingFeeFloor": -0.03,
}


def test_a_contract_that_funding_info_does_not_name_has_no_interval() -> None:
    """Unlike Binance's: it is neither 4 nor 8 hours until spacing tells."""
    rows = [BTC, {**BTC, "symbol": "INJUSDT", "baseAsset": "INJ"}]
    frame = MARKET.listed({"symbols": rows}, [INTERVAL])
    assert frame["interval_hours"].to_list() == [None, 8.0]
    oracle = ccxt.aster().parse_market(BTC)
    assert (frame["native_base"][0], frame["contract_size"][0]) == (oracle["baseId"], oracle["contractSize"])


def test_history_is_what_ccxt_reads() -> None:
    """Rows have no price."""
    body = [{"symbol": "BTCUSDT", "fundingTime": 1747209600000, "fundingRate": "0.00010000"}]
    frame = VENUE.events(body, instrument("BTCUSDT")).frame
    oracle = ccxt.aster().parse_funding_rate_history(body[0])
    assert [ms(time) for time in frame["funding_time_native"]] == [oracle["timestamp"]]
    assert frame["rate_native"].to_list() == [oracle["fundingRate"]] == [0.0001]
    assert frame["mark_price"].to_list() == [None]


def test_no_parameter_is_sent_that_ccxt_does_not_send(shared_data: Path) -> None:
    """Unknown parameters are refused; ccxt's recorded request has symbol, startTime and limit, its code endTime."""
    recorded = json.loads((shared_data / "recorded" / "ccxt-requests.json").read_text())["aster"]
    url = urlsplit(recorded["fetch_funding_rate_history"][0][1])
    assert isinstance(VENUE.history, Windowed)
    ask = VENUE.history.ask(instrument("BTCUSDT"), at("2023-11-14T22:13:20"), at("2023-11-15"))
    assert ask.path == url.path
    assert set(ask.params) == {*parse_qs(url.query), "endTime"}
    assert str(ask.params["startTime"]) == parse_qs(url.query)["startTime"][0]


def test_a_switch_from_four_hours_to_one_keeps_both() -> None:
    """Spacing tells the interval of each event; nothing here stamps one on them."""
    first = at("2025-05-01")
    stamps = [ms(first + timedelta(hours=4 * n)) for n in range(30)]
    stamps += [stamps[-1] + 3_600_000 * n for n in range(1, 121)]

    def respond(ask: Ask) -> list[dict[str, object]]:
        start, end = int(ask.params["startTime"]), int(ask.params["endTime"])
        return [
            {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": stamp}
            for stamp in stamps
            if start <= stamp <= end
        ][:1000]

    found = walk(
        VENUE,
        Answers(VENUE, {"/fapi/v3/fundingRate": respond}),
        instrument("BTCUSDT"),
        first,
        first + timedelta(days=10),
        4,
    )
    assert [ms(time) for time in found.frame["funding_time_native"]] == stamps
    assert found.frame["interval_hours"].null_count() == len(stamps)


def test_open_interest_is_asked_by_contract() -> None:
    """In base units, from a route that is served though not documented."""
    bodies = {
        "/fapi/v3/premiumIndex": [{"symbol": "BTCUSDT", "lastFundingRate": "0.00002333", "markPrice": "60000"}],
        "/fapi/v3/openInterest": {"symbol": "BTCUSDT", "openInterest": "5599.890"},
    }
    caller = Answers(VENUE, bodies)
    row = VENUE.current(caller, [instrument("BTCUSDT")]).row(0, named=True)
    assert (row["predicted_rate_native"], row["open_interest_native"]) == (0.00002333, 5599.89)
