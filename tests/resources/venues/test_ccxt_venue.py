"""Further exchanges by way of ccxt: it builds URLs and reads answers, everything else is ours."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.funding.settings import EXCHANGES
from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unavailable, VendorError
from resources.venues import ccxt_venue
from resources.venues.ccxt_client import MissingExtra, client_of, takes_ranges
from resources.venues.exchange import Exchange
from resources.venues.venue import CURRENT, LISTED, Instrument, Whole, Windowed
from tests.resources.vendor_host import START, Asked, Host, Says, StillTime, live_settings
from tests.resources.venues.scripted import HTML, ms

BTC = Instrument("BTC_PERP", "BTC/USDT:USDT", "linear", "USDT", "USDT")
FIRST = START - timedelta(days=10)


def market(name: str, stock: str, **more: Any) -> dict[str, Any]:
    """A market as whitebit lists it (ccxt quotes the shape in `fetch_markets`)."""
    told = {"name": name, "stock": stock, "money": "PERP" if name.endswith("PERP") else "USDT", "stockPrec": "3"}
    return {**told, "moneyPrec": "2", "tradesEnabled": True, "type": "futures", "isCollateral": True, **more}


MARKETS = [
    market("BTC_PERP", "BTC"),
    market("1000PEPE_PERP", "1000PEPE"),
    market("OLD_PERP", "OLD", tradesEnabled=False),
    market("BTC_USDT", "BTC", type="spot"),
]
#: as ccxt quotes it in `parse_funding_rate`
FUTURES = {
    "result": [
        {
            "ticker_id": "BTC_PERP",
            "open_interest": "46533000",
            "index_price": "0.29659",
            "funding_rate": "0.0001",
            "next_funding_rate_timestamp": "1691193600000",
        },
        {"ticker_id": "1000PEPE_PERP", "next_funding_rate_timestamp": "1691193600000"},
    ]
}


def whitebit(asked: Asked) -> Says:
    """Settlements every 8 hours for 60 days, at most 20 rows an answer; times in seconds."""
    if asked.path.endswith("/markets"):
        return Says(MARKETS)
    if asked.path.endswith("/futures"):
        return Says(FUTURES)
    stamps = [ms(START) // 1000 - 28_800 * n for n in range(180, 0, -1)]
    inside = [t for t in stamps if int(asked.query["startDate"]) <= t <= int(asked.query["until_timestamp"])]
    return Says(
        [
            {"market": "BTC_PERP", "fundingTime": str(t), "fundingRate": "-0.00004593", "settlementPrice": "2248.47"}
            for t in inside[:20]
        ]
    )


@pytest.fixture
def exchange(host: Host, still: StillTime, tmp_path: Path) -> Iterator[Exchange]:
    """whitebit at the scripted host, where the sandbox would be."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, home=tmp_path)
    host.script = whitebit
    made = ccxt_venue.connect(settings, "whitebit", timing=still.timing)
    yield made
    made.close()


def test_a_listing_has_the_open_perpetuals(exchange: Exchange, host: Host) -> None:
    """Neither spot nor closed markets; the id is the native symbol, ccxt's symbol what history is asked by."""
    found = exchange.listing()
    assert found.frame.schema == LISTED
    assert found.frame.select("native_symbol", "request_id", "native_base").rows() == [
        ("BTC_PERP", "BTC/USDT:USDT", "BTC"),
        ("1000PEPE_PERP", "1000PEPE/USDT:USDT", "1000PEPE"),
    ]
    assert found.frame["kind"].unique().to_list() == ["linear"]
    assert found.frame["contract_size"].to_list() == [1.0, 1.0]
    assert found.frame["interval_hours"].null_count() == 2
    assert (found.requests, found.received_at) == (1, START)
    assert host.asked[0].path == "/whitebit/api/v4/public/markets"


def test_each_listing_asks_anew(exchange: Exchange, host: Host) -> None:
    """ccxt's memory of markets is not an answer of the venue."""
    exchange.listing()
    host.script = lambda asked: Says(MARKETS[:1])
    assert exchange.listing().frame.height == 1


def test_current_state_keeps_what_is_missing_missing(exchange: Exchange) -> None:
    """An absent rate is null; prices and open interest that ccxt does not read are null."""
    pepe = Instrument("1000PEPE_PERP", "1000PEPE/USDT:USDT", "linear", "USDT", "USDT")
    frame = exchange.current([BTC, pepe]).frame
    assert frame.schema == CURRENT
    assert frame["predicted_rate_native"].to_list() == [0.0001, None]
    assert [ms(time) for time in frame["next_funding_time"]] == [1691193600000, 1691193600000]
    # ccxt looks for `indexPrice`, whitebit writes `index_price`
    assert frame.select("index_price", "mark_price", "open_interest_native").null_count().row(0) == (2, 2, 2)


def test_history_is_walked_like_any_other(exchange: Exchange, host: Host, tmp_path: Path) -> None:
    """Pages of 20 rows where 100 are asked for lose nothing; every body is in the raw store."""
    found = exchange.history(BTC, START - timedelta(days=60), START, 8)
    assert [ms(time) for time in found.frame["funding_time_native"]] == [
        ms(START) - 28_800_000 * n for n in range(180, 0, -1)
    ]
    assert found.frame["rate_native"].unique().to_list() == [-0.00004593]
    assert found.frame["native_symbol"].unique().to_list() == ["BTC_PERP"]
    # the markets once, then pages: ccxt's own pagination and retries stay off
    assert found.requests == len(host.asked)
    assert sum(asked.path.endswith("/markets") for asked in host.asked) == 1
    assert host.asked[1].query["startDate"] == str(ms(START - timedelta(days=60)) // 1000)
    assert (tmp_path / "raw" / "whitebit").is_dir()


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (Says(HTML.encode()), Malformed),
        (Says(b"not json"), Malformed),
        (Says(b"", 503), Unavailable),
        (Says(b"", 429, {"Retry-After": "1"}), RateLimited),
        (Says(b"blocked", 451), NotEntitled),
        (Says(b"", 404), BadRequest),
        (Says({"code": 10, "message": "Unauthorized request."}), NotEntitled),
        (Says({"success": False, "message": {"market": ["Market is not available"]}}), NotFound),
    ],
)
def test_a_refusal_is_not_an_empty_history(exchange: Exchange, host: Host, says: Says, kind: type[VendorError]) -> None:
    """What ccxt would turn into an empty list, or retry without asking us, is an error of ours."""
    exchange.listing()
    host.script = [says]
    with pytest.raises(kind) as refused:
        exchange.history(BTC, FIRST, START, 8)
    assert refused.value.vendor == "whitebit"
    # one retry layer: three requests where it may pass, one elsewhere
    assert len(host.asked) - 1 == (3 if kind in (Unavailable, RateLimited) else 1)


def test_a_contract_that_ccxt_does_not_know_is_not_found(exchange: Exchange) -> None:
    """It left the listing."""
    with pytest.raises(NotFound, match="BadSymbol"):
        exchange.history(Instrument("X_PERP", "X/USDT:USDT", "linear", "USDT", "USDT"), FIRST, START, 8)


def test_an_answer_of_another_window_is_refused(exchange: Exchange, host: Host) -> None:
    """ccxt would cut it down to an empty list."""
    stale = [
        {"market": "BTC_PERP", "fundingTime": str(ms(FIRST) // 1000 - 86_400 * n), "fundingRate": "1"} for n in (1, 2)
    ]
    host.script = lambda asked: whitebit(asked) if asked.path.endswith("markets") else Says(stale)
    with pytest.raises(Malformed, match="the wrong window"):
        exchange.history(BTC, FIRST, START, 8)


def test_ranges_are_believed_only_where_ccxt_sends_both_ends(shared_data: Path) -> None:
    """The recorded requests of ccxt: twelve venues never get `since`, others an end they do not know."""
    recorded = json.loads((shared_data / "recorded" / "ccxt-requests.json").read_text())
    without_since = {
        exchange
        for exchange, asked in recorded.items()
        if asked.get("fetch_funding_rate_history")
        and not any(
            part in str(asked["fetch_funding_rate_history"]) for part in ("1700000000", "1699999999", "2023-11-14")
        )
    }
    assert {"mexc", "dydx", "backpack", "xt", "toobit"} <= without_since
    known = [name for name in sorted(without_since) if _served(name)]
    assert len(known) >= 8
    assert [name for name in known if takes_ranges(client_of(name))] == []
    ranged = ("phemex", "whitebit", "bitfinex", "binanceusdm", "bybit", "deribit", "paradex", "blofin")
    assert all(takes_ranges(client_of(name)) for name in ranged)
    # start in ms and end in s, or an end under ccxt's own name
    assert not any(takes_ranges(client_of(name)) for name in ("woofipro", "digifinex", "myokx"))


def _served(exchange: str) -> bool:
    try:
        client_of(exchange)
    except BadRequest:
        return False
    return True


def test_of_a_venue_without_ranges_the_newest_page_is_taken() -> None:
    """Its floor is the oldest row of that page, not a claim that there was nothing before."""
    for name, kind in (("xt", Whole), ("phemex", Windowed)):
        client = client_of(name)
        assert isinstance(ccxt_venue.venue_of(name, client, lambda reply: reply).history, kind)


@pytest.mark.parametrize(
    ("exchange", "said"), [("nosuch", "does not know it"), ("coinbase", "no settled and predicted")]
)
def test_an_exchange_ccxt_cannot_serve_is_told(exchange: str, said: str) -> None:
    """With what to do about it."""
    with pytest.raises(BadRequest, match=said) as refused:
        client_of(exchange)
    assert "Take it out of funding.ccxt_exchanges" in str(refused.value)


def test_without_ccxt_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """ccxt is no dependency of the rest."""
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(MissingExtra, match=r"pip install 'market-assets\[ccxt\]'"):
        client_of("whitebit")


def test_ccxt_is_not_needed_by_venues_of_our_own() -> None:
    """Nothing imports it until one of its exchanges is asked."""
    import subprocess

    names = "; ".join(f"import resources.venues.{name}" for name in ("registry", "exchange", "ccxt_venue"))
    told = subprocess.run(
        [sys.executable, "-c", f"{names}; import sys; print('ccxt' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"
    assert "whitebit" not in EXCHANGES
