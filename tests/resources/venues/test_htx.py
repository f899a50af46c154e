"""HTX: what its answers mean, what is asked of it, and that nothing of its history is lost."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from resources.http.errors import BadRequest, Malformed, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import htx
from resources.venues.pager import walk
from resources.venues.venue import Ask, Position
from tests.resources.venues.answers import (
    Answers,
    ccxt_with,
    instrument,
    of_ms,
    reply,
    same_history,
    stamps,
    utc,
)

CONTRACTS, RATES = "/linear-swap-api/v1/swap_contract_info", "/linear-swap-api/v1/swap_batch_funding_rate"
TRADES, INDICES = "/linear-swap-ex/market/detail/batch_merged", "/linear-swap-api/v1/swap_index"
INTEREST, HISTORY = "/linear-swap-api/v1/swap_open_interest", "/linear-swap-api/v1/swap_historical_funding_rate"
BTC = instrument("BTC-USDT")


def ok(data: Any, where: str = "data") -> dict[str, Any]:
    return {"status": "ok", where: data, "ts": 1640736207263}


def swap(code: str, base: str, **other: Any) -> dict[str, Any]:
    stated = {
        "symbol": base,
        "contract_code": code,
        "contract_size": 0.001,
        "price_tick": 0.1,
        "delivery_date": "",
        "delivery_time": "",
        "create_date": "20201021",
        "contract_status": 1,
        "settlement_date": "1640764800000",
        "settlement_period": "8",
        "support_margin_mode": "all",
        "business_type": "swap",
        "pair": code,
        "contract_type": "swap",
        "trade_partition": "USDT",
    }
    return stated | other


OLDER = {name: said for name, said in swap("MANA-USDT", "MANA", contract_size=10).items() if "_type" not in name}
LISTED = [
    swap("BTC-USDT", "BTC"),
    swap("G-USDT", "G", settlement_period="1", contract_size=100),
    # without what newer answers say
    {name: said for name, said in OLDER.items() if name != "settlement_period"},
    swap("BTC-USDT-211231", "BTC", business_type="futures", contract_type="this_week"),
    swap("GONE-USDT", "GONE", contract_status=3),
]


def rate(code: str, now: str | None, upcoming: str | None, after: str | None = None) -> dict[str, Any]:
    base = code.split("-", maxsplit=1)[0]
    stated = {"estimated_rate": None, "funding_rate": now, "contract_code": code, "symbol": base, "fee_asset": "USDT"}
    return stated | {"funding_time": upcoming, "next_funding_time": after, "trade_partition": "USDT"}


#: 1787184000000 is 2026-08-20 00:00
CURRENT = [
    rate("BTC-USDT", "-0.000017417222787085", "1787184000000"),
    rate("G-USDT", "0E-18", "1787184000000"),
    rate("MANA-USDT", "0.000100000000000000", "1643356800000", "1643385600000"),
    rate("MUTE-USDT", None, None),
]
BODIES = {
    CONTRACTS: ok(LISTED),
    RATES: ok(CURRENT),
    TRADES: ok([{"contract_code": "BTC-USDT", "close": "67993", "vol": "13507800", "amount": "13507.8"}], "ticks"),
    INDICES: ok([{"contract_code": "BTC-USDT", "index_price": 68001.25, "index_ts": 1787160958392}]),
    INTEREST: ok([{"contract_code": "BTC-USDT", "volume": 31034739.0, "amount": 31034.739, "value": 2104319788.3167}]),
}


def test_the_listing_has_every_swap_in_trade():
    """Dated and suspended contracts are left out; the interval is stated, or else unknown."""
    caller = Answers(htx.VENUE, BODIES)
    assert htx.VENUE.listing(caller).rows() == [
        ("BTC-USDT", "BTC-USDT", "BTC", "USDT", "USDT", "linear", 0.001, "contracts", 8.0, None),
        ("G-USDT", "G-USDT", "G", "USDT", "USDT", "linear", 100.0, "contracts", 1.0, None),
        ("MANA-USDT", "MANA-USDT", "MANA", "USDT", "USDT", "linear", 10.0, "contracts", None, None),
    ]
    assert [(ask.path, ask.params) for ask in caller.asked] == [(CONTRACTS, {})]


def test_the_current_state():
    """0E-18 is zero; the last trade stands for the mark; 31034739 contracts of 0.001 are 31034.739 BTC."""
    asked = [BTC, instrument("G-USDT"), instrument("MANA-USDT"), instrument("MUTE-USDT")]
    caller = Answers(htx.VENUE, BODIES)
    assert htx.VENUE.current(caller, asked).rows() == [
        ("BTC-USDT", -0.000017417222787085, None, utc("2026-08-20"), 67993.0, 68001.25, 31034739.0, False),
        ("G-USDT", 0.0, None, utc("2026-08-20"), None, None, None, False),
        ("MANA-USDT", 0.0001, 8.0, utc("2022-01-28T08:00"), None, None, None, False),
        ("MUTE-USDT", None, None, None, None, None, None, False),
    ]
    assert [ask.path for ask in caller.asked] == [RATES, TRADES, INDICES, INTEREST]
    assert pytest.approx(31034.739, rel=1e-12) == 31034739 * 0.001


def test_the_requests_of_history():
    """Pages are counted from 1."""
    first = htx.page(BTC, Position(0, 0, None, utc("2025-01-01")))
    assert first.path == HISTORY
    assert first.params == {"contract_code": "BTC-USDT", "page_index": 1, "page_size": 50}
    assert htx.page(BTC, Position(2, 100, None, utc("2025-01-01"))).params["page_index"] == 3


def settled(*rows: tuple[int, str | None, str | None]) -> dict[str, Any]:
    listed = [
        {
            "avg_premium_index": "0.000149696771643437",
            "funding_rate": announced,
            "realized_rate": realized,
            "funding_time": str(at),
            "contract_code": "BTC-USDT",
            "symbol": "BTC",
            "fee_asset": "USDT",
        }
        for at, announced, realized in rows
    ]
    return ok({"total_page": 137, "current_page": 1, "total_size": 6810, "data": listed})


def test_a_page_of_history():
    """What was realised counts, zero too; where it is null, what had been announced; where both are, nothing."""
    body = settled(
        (1603699200000, "0.0001", "0.00009"),
        (1603670400000, "0.0001", "0.000000000000000000"),
        (1603641600000, "0.0002", None),
        (1603612800000, None, None),
    )
    assert htx.events(body, BTC).frame.rows() == [
        ("BTC-USDT", utc("2020-10-26T08:00"), 0.00009, None, None),
        ("BTC-USDT", utc("2020-10-26T00:00"), 0.0, None, None),
        ("BTC-USDT", utc("2020-10-25T16:00"), 0.0002, None, None),
        ("BTC-USDT", utc("2020-10-25T08:00"), None, None, None),
    ]


def test_ccxt_reads_the_same():
    """Contracts, rates and history are those that ccxt reads; it knows this page from the inverse swaps only."""
    past = settled((1603699200000, "0.000100000000000000", None), (1603670400000, "-0.0002", None))
    coin = {name: said for name, said in swap("BTC-USD", "BTC", contract_size=100).items() if name != "business_type"}
    del coin["delivery_date"]
    bodies = BODIES | {
        CONTRACTS: ok([{name: said for name, said in row.items() if said != ""} for row in LISTED[:2]]),
        "/swap-api/v1/swap_contract_info": ok([coin]),
        "/swap-api/v1/swap_historical_funding_rate": past,
    }
    exchange = ccxt_with("htx", lambda url: bodies[urlsplit(url).path])
    markets = exchange.fetch_markets_by_type_and_sub_type("swap", "linear")
    exchange.set_markets(markets + exchange.fetch_markets_by_type_and_sub_type("swap", "inverse"))
    for row in htx.listed(ok(LISTED[:2])).iter_rows(named=True):
        market = exchange.markets_by_id[row["native_symbol"]][0]
        assert (row["native_base"], row["quote"], row["settle"]) == (market["base"], market["quote"], market["settle"])
        assert (market["linear"], row["contract_size"]) == (True, market["contractSize"])
    for ours in htx.quotes(ok(CURRENT)).iter_rows(named=True):
        row = next(row for row in CURRENT if row["contract_code"] == ours["native_symbol"])
        theirs = exchange.parse_funding_rate(row)
        assert ours["predicted_rate_native"] == theirs["fundingRate"]
        upcoming = theirs["fundingTimestamp"]
        assert ours["next_funding_time"] == (None if upcoming is None else of_ms(upcoming))
        assert ours["interval_hours"] is None or f"{ours['interval_hours']:.0f}h" == theirs["interval"]
    past["data"]["data"] = [row | {"contract_code": "BTC-USD"} for row in past["data"]["data"]]
    assert same_history(htx.events(past, BTC).frame, exchange.fetch_funding_rate_history("BTC/USD:BTC"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "error", "err_code": 1032, "err_msg": "The number of access exceeded the limit."}, RateLimited),
        ({"status": "error", "err_code": 1013, "err_msg": "This contract symbol doesnt exist."}, NotFound),
        ({"status": "error", "err_code": 1332, "err_msg": "The contract doesn't exist."}, NotFound),
        ({"status": "error", "err_code": 1067, "err_msg": "The page_size field is invalid."}, BadRequest),
        ({"status": "error", "err_code": 1004, "err_msg": "System busy. Please try again later."}, Unavailable),
        ("<html><body>Sorry</body></html>", Malformed),
        (ok([]), Malformed),
        (ok({"total_page": 0}), Malformed),
    ],
)
def test_refusals(body: Any, kind: type[VendorError]):
    """Refusals come as 200 with a status; HTML and bodies without a list are malformed."""
    with pytest.raises(kind):
        htx.events(htx.VENUE.read(reply(body)), BTC)


def test_a_walk_back_over_odd_steps():
    """From 60 days of history the last 30, with steps of 8, 4 and 12 hours, page by page of 50 rows."""
    held = [(at, f"{n / 1e6:.6f}") for n, at in enumerate(stamps((90, 8), (30, 4), (20, 12), (45, 8)))]

    def serve(ask: Ask) -> dict[str, Any]:
        start = (int(ask.params["page_index"]) - 1) * 50
        page = held[::-1][start : start + int(ask.params["page_size"])]
        return settled(*[(at, "0.5", rate) for at, rate in page])

    caller = Answers(htx.VENUE, {HISTORY: serve})
    walked = walk(htx.VENUE, caller, BTC, utc("2025-01-31"), utc("2025-03-02"), 4.0)
    wanted = [(of_ms(at), float(rate)) for at, rate in held if of_ms(at) >= utc("2025-01-31")]
    assert walked.frame.select("funding_time_native", "rate_native").rows() == wanted
    # 30 + 20 + 45 rows are two pages
    assert (len(wanted), len(caller.asked), walked.floor) == (95, 2, None)


def test_a_walk_back_to_the_first_page_ever():
    """Where the venue has nothing older, that is where its history begins; a whole last page is no trap."""
    held = stamps((100, 8))

    def serve(ask: Ask) -> dict[str, Any]:
        start = (int(ask.params["page_index"]) - 1) * 50
        return settled(*[(at, "0.0001", None) for at in held[::-1][start : start + 50]])

    walked = walk(htx.VENUE, Answers(htx.VENUE, {HISTORY: serve}), BTC, utc("2024-06-01"), utc("2025-03-02"), 8.0)
    assert (walked.frame.height, walked.floor) == (100, utc("2025-01-01"))


def test_what_its_record_says():
    """All history is kept; a settlement measures the interval before."""
    assert (htx.VENUE.exchange, htx.VENUE.memory, htx.VENUE.measures) == ("htx", None, "previous")
