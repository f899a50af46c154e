"""OKX: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import okx
from resources.venues.pager import walk
from resources.venues.venue import Ask
from tests.resources.venues.answers import (
    HOUR_MS,
    NEW_YEAR_MS,
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    recorded,
    reply,
    same_history,
    stamps,
    utc,
)

INSTRUMENTS, RATES = "/api/v5/public/instruments", "/api/v5/public/funding-rate"
MARKS, INTEREST = "/api/v5/public/mark-price", "/api/v5/public/open-interest"
HISTORY = "/api/v5/public/funding-rate-history"
BTC, COIN = instrument("BTC-USDT-SWAP"), instrument("BTC-USD-SWAP", "USD", "inverse")


def ok(data: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def swap(symbol: str, **other: Any) -> dict[str, Any]:
    stated = {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": "0.01",
        "ctValCcy": "BTC",
        "expTime": "",
        "instFamily": symbol.removesuffix("-SWAP"),
        "instId": symbol,
        "instType": "SWAP",
        "lever": "125",
        "listTime": "1606468572000",
        "lotSz": "0.01",
        "minSz": "0.01",
        "optType": "",
        "quoteCcy": "",
        "settleCcy": "USDT",
        "state": "live",
        "stk": "",
        "tickSz": "0.1",
        "uly": symbol.removesuffix("-SWAP"),
    }
    return stated | other


CONTRACTS = [
    swap("BTC-USDT-SWAP"),
    swap("BTC-USD-SWAP", ctType="inverse", ctVal="100", ctValCcy="USD", settleCcy="BTC", listTime="1611916828000"),
    swap("LAYER-USDT-SWAP", ctVal="10", ctValCcy="LAYER", ctMult="", listTime=""),
    swap("GONE-USDT-SWAP", state="suspend"),
    # announced contracts have hardly any of their facts
    dict.fromkeys(swap(""), "") | {"instId": "ETH-USD_UM-SWAP", "instType": "SWAP", "state": "preopen"},
]


def rate(symbol: str, now: str, upcoming: str, after: str) -> dict[str, str]:
    return {
        "formulaType": "withRate",
        "fundingRate": now,
        "fundingTime": upcoming,
        "instId": symbol,
        "instType": "SWAP",
        "interestRate": "0.0001000000000000",
        "method": "current_period",
        "nextFundingRate": "",
        "nextFundingTime": after,
        "prevFundingTime": "1787155200000",
        "settFundingRate": "0.0000467644705158",
        "settState": "settled",
        "ts": "1787160689190",
    }


#: 1787184000000 is 2026-08-20 00:00
CURRENT = [
    rate("BTC-USDT-SWAP", "0.0001000000000000", "1787184000000", "1787212800000"),
    rate("BTC-USD-SWAP", "0.0000000000000000", "1787184000000", "1787212800000"),
    rate("LAYER-USDT-SWAP", "-0.00005", "1787169600000", "1787184000000"),
    rate("ODD-USDT-SWAP", "", "1787184000000", "1787184000000"),
]
PRICES = [
    {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "markPx": "67838.6", "ts": "1787160725306"},
    {"instId": "BTC-USD-SWAP", "instType": "SWAP", "markPx": "67801.2", "ts": "1787160725306"},
]
#: 3124363.54 contracts of 0.01 are the 31243.6354 BTC it states
HELD = [
    {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "oi": "3124363.54", "oiCcy": "31243.6354", "ts": "1787160725306"}
]
BODIES = {INSTRUMENTS: ok(CONTRACTS), RATES: ok(CURRENT), MARKS: ok(PRICES), INTEREST: ok(HELD)}


def test_the_listing_has_every_swap_in_trade():
    """Sizes are in base units or USD; the interval is the distance of the next two settlements."""
    caller = Answers(okx.VENUE, BODIES)
    listed = okx.VENUE.listing(caller)
    assert listed.rows() == [
        ("BTC-USDT-SWAP",) * 2 + ("BTC", "USDT", "USDT", "linear", 0.01, "contracts", 8.0, of_ms(1606468572000)),
        ("BTC-USD-SWAP",) * 2 + ("BTC", "USD", "BTC", "inverse", 100.0, "contracts", 8.0, of_ms(1611916828000)),
        ("LAYER-USDT-SWAP",) * 2 + ("LAYER", "USDT", "USDT", "linear", 10.0, "contracts", 4.0, None),
    ]
    assert [(ask.path, ask.params) for ask in caller.asked] == [
        (INSTRUMENTS, {"instType": "SWAP"}),
        (RATES, {"instId": "ANY"}),
    ]


def test_another_kind_of_contract_is_refused():
    """A swap that is neither linear nor inverse would be sized wrongly."""
    body = ok([swap("BTC-USDT-SWAP", ctType="quanto")])
    with pytest.raises(Malformed, match=r"data\.ctType must be linear or inverse, was quanto"):
        okx.listed(body)


def test_the_current_state():
    """Open interest counts contracts; zero is a rate, nothing is null, two equal instants tell no interval."""
    asked = [BTC, COIN, instrument("ODD-USDT-SWAP")]
    caller = Answers(okx.VENUE, BODIES)
    look = okx.VENUE.current(caller, asked)
    at = utc("2026-08-20")
    assert look.rows() == [
        ("BTC-USDT-SWAP", 0.0001, 8.0, at, 67838.6, None, 3124363.54, False),
        ("BTC-USD-SWAP", 0.0, 8.0, at, 67801.2, None, None, False),
        ("ODD-USDT-SWAP", None, None, at, None, None, None, False),
    ]
    assert okx.VENUE.listing(caller)["contract_size"][0] * 3124363.54 == pytest.approx(31243.6354, rel=1e-12)
    assert [ask.params for ask in caller.asked[:3]] == [{"instId": "ANY"}, {"instType": "SWAP"}, {"instType": "SWAP"}]


def test_the_request_of_history():
    """[00:00, 08:00) is what is newer than the millisecond before midnight and older than eight."""
    ask = okx.window(BTC, utc("2025-01-01"), utc("2025-01-01T08:00"))
    assert ask.path == HISTORY
    assert ask.params == {
        "instId": "BTC-USDT-SWAP",
        "before": NEW_YEAR_MS - 1,
        "after": NEW_YEAR_MS + 8 * HOUR_MS,
        "limit": 400,
    }


def settled(*rows: tuple[int, str, str]) -> dict[str, Any]:
    names = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "method": "current_period"}
    return ok([names | {"fundingTime": str(at), "fundingRate": f, "realizedRate": r} for at, f, r in rows])


def test_a_page_of_history():
    """What was realised counts, not what had been announced; where that is missing there is no rate."""
    body = settled((1597026383085, "0.018", "0.017"), (1597000000000, "0.018", "0"), (1596970000000, "0.018", ""))
    assert okx.events(body, BTC).frame.rows() == [
        ("BTC-USDT-SWAP", of_ms(1597026383085), 0.017, None, None),
        ("BTC-USDT-SWAP", of_ms(1597000000000), 0.0, None, None),
        ("BTC-USDT-SWAP", of_ms(1596970000000), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts, current rates and history are those that ccxt reads out of the same bodies."""
    past = settled((1597026383085, "0.018", "0.017"), (1597000000000, "0.018", "-0.0002"))
    bodies = BODIES | {INSTRUMENTS: ok(CONTRACTS[:2]), HISTORY: past}
    exchange = ccxt_with("okx", lambda url: bodies[urlsplit(url).path])
    exchange.set_markets(exchange.fetch_markets_by_type("swap"))
    for row in okx.listed(bodies[INSTRUMENTS]).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"], row["settle"]) == tuple(
            market[key] for key in ("base", "quote", "settle")
        )
        assert (row["kind"] == "linear", row["contract_size"]) == (market["linear"], market["contractSize"])
        assert row["listed_at"] == of_ms(market["created"])
    theirs = exchange.fetch_funding_rates(["BTC/USDT:USDT", "BTC/USD:BTC"])
    looks = okx.quotes(bodies[RATES]).rows_by_key("native_symbol", named=True)
    for symbol, name in (("BTC-USDT-SWAP", "BTC/USDT:USDT"), ("BTC-USD-SWAP", "BTC/USD:BTC")):
        look = looks[symbol][0]
        assert look["predicted_rate_native"] == theirs[name]["fundingRate"]
        assert look["next_funding_time"] == of_ms(theirs[name]["fundingTimestamp"])
        assert f"{look['interval_hours']:.0f}h" == theirs[name]["interval"]
    held = exchange.fetch_open_interests(["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    look = okx.VENUE.current(Answers(okx.VENUE, BODIES), [BTC])
    assert look["open_interest_native"][0] == held["openInterestAmount"]
    assert same_history(okx.events(past, BTC).frame, exchange.fetch_funding_rate_history("BTC/USDT:USDT"))


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("rate_limited", RateLimited, "code 50011: Too Many Requests"),
        ("unknown_symbol", NotFound, "code 51001: Instrument ID, .* doesn't exist"),
    ],
)
def test_recorded_refusals(shared_data: Path, case: str, kind: type[VendorError], words: str):
    """A quota is a quota, an unknown instrument is not found."""
    with pytest.raises(kind, match=words):
        okx.VENUE.read(recorded(shared_data, "okx", case))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"code": "51000", "msg": "Parameter limit error", "data": []}, 400), BadRequest),
        (reply({"code": "50001", "msg": "Service temporarily unavailable.", "data": []}, 503), Unavailable),
        (reply({"code": "50026", "msg": "System error.", "data": []}), Unavailable),
        (reply("<html><body>Sorry</body></html>"), Malformed),
        (reply({"code": "0", "msg": ""}), Malformed),
        (reply(ok([{"instId": "BTC-USDT-SWAP", "realizedRate": "0.1"}])), Malformed),
    ],
)
def test_other_refusals(answer: Any, kind: type[VendorError]):
    """A wrong parameter is ours, a busy venue is unavailable, HTML and bodies of another shape are malformed."""
    with pytest.raises(kind):
        okx.events(okx.VENUE.read(answer), BTC)


def test_a_walk_over_a_change_of_interval():
    """90 days, every 8 hours and then every hour, in pages of 400 rows, newest first: every settlement once."""
    held = [(at, n / 1e6) for n, at in enumerate(stamps((150, 8), (960, 1)))]

    def serve(ask: Ask) -> dict[str, Any]:
        newer, older = int(ask.params["before"]), int(ask.params["after"])
        rows = [(at, "0.5", repr(rate)) for at, rate in reversed(held) if newer < at < older]
        return settled(*rows[: int(ask.params["limit"])])

    walked = walk(okx.VENUE, Answers(okx.VENUE, {HISTORY: serve}), BTC, utc("2025-01-01"), utc("2025-04-01"), 1.0)
    assert walked.frame["funding_time_native"].to_list() == [of_ms(at) for at, _ in held]
    assert walked.frame["rate_native"].to_list() == [rate for _, rate in held]
    assert (walked.floor, walked.duplicates, walked.outside) == (None, 0, 0)


def test_what_its_record_says():
    """Three months are kept; a settlement measures the interval that ends with it."""
    assert (okx.VENUE.exchange, okx.VENUE.memory, okx.VENUE.measures) == ("okx", timedelta(days=90), "ending")
