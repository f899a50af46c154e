"""Binance futures as the sandbox serves them: windows, pages, what is refused and in which words."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from resources.sandbox.binance_futures import router
from resources.sandbox.desk import Desk
from resources.sandbox.faults import Faults
from resources.sandbox.perpetuals import Settlements
from tests.resources.sandbox.hand_market import NOW, NOW_MS, QUOTE, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve, get

USDM, COINM = "/binance_usdm/fapi/v1", "/binance_coinm/dapi/v1"
MARKET = HandMarket(
    [
        perpetual("binance_usdm", "BTCUSDT"),
        perpetual("binance_usdm", "HOURUSDT", "HOUR", hours=1),
        perpetual("binance_usdm", "1000PEPEUSDC", "1000PEPE", quote="USDC", hours=4),
        perpetual("binance_usdm", "OLDUSDT", "OLD", hours=4, is_open=False),
        perpetual(
            "binance_coinm", "BTCUSD_PERP", quote="USD", settle="BTC", kind="inverse", size=100.0, oi_unit="contracts"
        ),
    ],
    jitter_ms=7,
    others={"1000PEPEUSDC": replace(QUOTE, mark=None, predicted_rate=None)},
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def history(client: httpx.Client, symbol: str = "HOURUSDT", **options: Any) -> list[dict[str, Any]]:
    rows: Any = get(client, f"{USDM}/fundingRate", symbol=symbol, **options)
    assert isinstance(rows, list)
    return rows


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    """Which settlements the rows are, counted from 1."""
    return [round(float(row["fundingRate"]) * 1e6) for row in rows]


def refused(client: httpx.Client, path: str, **options: Any) -> tuple[int, Any]:
    answer = client.get(path, params=options)
    return answer.status_code, answer.json()


def test_a_row_is_text_but_for_its_jittered_stamp(client: httpx.Client) -> None:
    assert history(client, limit=2) == [
        {
            "symbol": "HOURUSDT",
            "fundingTime": at_hour(1799) + 7,
            "fundingRate": "0.00179900",
            "markPrice": "1898.00000000",
            "rateType": "FUNDING_RATE",
        },
        {
            "symbol": "HOURUSDT",
            "fundingTime": at_hour(1800) + 7,
            "fundingRate": "0.00180000",
            "markPrice": "1899.00000000",
            "rateType": "FUNDING_RATE",
        },
    ]


def test_without_a_window_the_newest_200_rows_come_oldest_first(client: httpx.Client) -> None:
    assert numbers(history(client)) == list(range(1601, 1801))
    assert numbers(history(client, limit=1000)) == list(range(1601, 1801))


def test_a_page_has_500_rows_although_a_thousand_are_asked_for(client: httpx.Client) -> None:
    assert numbers(history(client, startTime=0, limit=1000)) == list(range(1, 501))


def test_without_limit_a_window_gives_its_oldest_100_rows(client: httpx.Client) -> None:
    assert numbers(history(client, startTime=at_hour(10))) == list(range(10, 110))


def test_only_an_end_gives_the_rows_before_it(client: httpx.Client) -> None:
    assert numbers(history(client, endTime=at_hour(20), limit=3)) == [17, 18, 19]


def test_both_ends_of_a_window_are_included(client: httpx.Client) -> None:
    start, end = at_hour(5) + 7, at_hour(8) + 7
    assert numbers(history(client, startTime=start, endTime=end)) == [5, 6, 7, 8]
    assert numbers(history(client, startTime=start + 1, endTime=end - 1)) == [6, 7]


def test_a_closed_contract_keeps_its_history(client: httpx.Client) -> None:
    assert numbers(history(client, "OLDUSDT", startTime=0, limit=2)) == [1, 2]


def test_coinm_rows_have_no_mark_price(client: httpx.Client) -> None:
    rows: Any = get(client, f"{COINM}/fundingRate", symbol="BTCUSD_PERP", limit=1)
    assert rows == [{"symbol": "BTCUSD_PERP", "fundingTime": at_hour(1800) + 7, "fundingRate": "0.00022500"}]


def test_what_is_not_known_is_an_empty_price_and_a_null_rate(serve: Serve) -> None:
    class Silent(HandMarket):
        def settlements(self, *asked: Any) -> Settlements:
            found = super().settlements(*asked)
            unknown = np.full(len(found), np.nan)
            return found.with_columns(rate=unknown, mark=unknown)

    with httpx.Client(base_url=serve(Silent(MARKET.listed), now=NOW)) as http:
        row = history(http, limit=1)[0]
    assert (row["fundingRate"], row["markPrice"]) == (None, "")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"symbol": "NONEUSDT"}, 400, -1121),
        ({}, 400, -1102),
        ({"symbol": "BTCUSDT", "limit": 1001}, 400, -1130),
        ({"symbol": "BTCUSDT", "startTime": "yesterday"}, 400, -1100),
    ],
)
def test_wrong_questions_have_codes(client: httpx.Client, options: dict[str, Any], status: int, code: int) -> None:
    answered, body = refused(client, f"{USDM}/fundingRate", **options)
    assert (answered, body["code"]) == (status, code)


@pytest.mark.parametrize("path", ["fundingRate", "premiumIndex", "exchangeInfo", "fundingInfo", "openInterest"])
def test_an_option_binance_does_not_know_is_refused(client: httpx.Client, path: str) -> None:
    status, body = refused(client, f"{USDM}/{path}", until=1)
    words = "Not all sent parameters were read; read '0' parameter(s) but was sent '1'."
    assert (status, body) == (400, {"code": -1104, "msg": words})


def test_the_listing_names_closed_and_dated_contracts_too(client: httpx.Client) -> None:
    symbols = {row["symbol"]: row for row in get(client, f"{USDM}/exchangeInfo")["symbols"]}
    assert {name: (row["contractType"], row["status"]) for name, row in symbols.items()} == {
        "BTCUSDT": ("PERPETUAL", "TRADING"),
        "HOURUSDT": ("PERPETUAL", "TRADING"),
        "1000PEPEUSDC": ("PERPETUAL", "TRADING"),
        "OLDUSDT": ("PERPETUAL", "SETTLING"),
        "BTCUSDT_270326": ("CURRENT_QUARTER", "TRADING"),
    }
    pepe = symbols["1000PEPEUSDC"]
    assert [pepe[name] for name in ("baseAsset", "quoteAsset", "marginAsset")] == ["1000PEPE", "USDC", "USDC"]
    assert pepe["onboardDate"] == at_hour(0)


def test_coinm_says_the_contract_size_and_another_name_for_the_status(client: httpx.Client) -> None:
    row = get(client, f"{COINM}/exchangeInfo")["symbols"][0]
    found = [row[name] for name in ("symbol", "pair", "contractStatus", "contractSize", "marginAsset")]
    assert found == ["BTCUSD_PERP", "BTCUSD", "TRADING", 100, "BTC"]


def test_funding_info_leaves_out_contracts_of_8_hours(client: httpx.Client) -> None:
    rows: Any = get(client, f"{USDM}/fundingInfo")
    assert {row["symbol"]: row["fundingIntervalHours"] for row in rows} == {"HOURUSDT": 1, "1000PEPEUSDC": 4}


def test_the_premium_index_of_one_contract(client: httpx.Client) -> None:
    expected = {
        "symbol": "BTCUSDT",
        "markPrice": "50000.50000000",
        "indexPrice": "50010.25000000",
        "estimatedSettlePrice": "50010.25000000",
        "lastFundingRate": "-0.00012345",
        "interestRate": "0.00010000",
        "nextFundingTime": 1_773_734_400_000,
        "time": NOW_MS,
    }
    assert get(client, f"{USDM}/premiumIndex", symbol="BTCUSDT") == expected
    of_coinm: Any = get(client, f"{COINM}/premiumIndex", symbol="BTCUSD_PERP")
    assert of_coinm == [{**expected, "symbol": "BTCUSD_PERP", "pair": "BTCUSD"}]


def test_the_premium_index_of_all_has_no_closed_contract_but_a_dated_one(client: httpx.Client) -> None:
    rows: Any = get(client, f"{USDM}/premiumIndex")
    rates = {row["symbol"]: row["lastFundingRate"] for row in rows}
    assert rates == {
        "BTCUSDT": "-0.00012345",
        "HOURUSDT": "-0.00012345",
        "1000PEPEUSDC": "",
        "BTCUSDT_270326": "",
    }
    assert next(row["markPrice"] for row in rows if row["symbol"] == "1000PEPEUSDC") == ""


def test_open_interest_is_in_coins_at_usdm_and_in_contracts_at_coinm(client: httpx.Client) -> None:
    assert get(client, f"{USDM}/openInterest", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "openInterest": "1234",
        "time": NOW_MS,
    }
    assert get(client, f"{COINM}/openInterest", symbol="BTCUSD_PERP") == {
        "symbol": "BTCUSD_PERP",
        "pair": "BTCUSD",
        "openInterest": "1234",
        "contractType": "PERPETUAL",
        "time": NOW_MS,
    }
    assert refused(client, f"{USDM}/openInterest", symbol="OLDUSDT")[1]["code"] == -4108


@pytest.mark.parametrize(("status", "code"), [(418, -1003), (429, -1003), (451, 0), (503, -1008), (500, -1001)])
def test_status_faults_speak_as_binance_does(serve: Serve, status: int, code: int) -> None:
    url = serve(MARKET, now=NOW, faults=[f"binance_usdm:{status}:retry_after=12"])
    answer = httpx.get(f"{url}{USDM}/premiumIndex")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (status, code, "12")


def test_faults_find_a_contract_by_its_symbol_and_by_its_base(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["binance_usdm:503:symbol=PEPE", "binance_usdm:500:symbol=BTCUSDT"])
    asked = [
        httpx.get(f"{url}{USDM}/fundingRate", params={"symbol": symbol}).status_code
        for symbol in ("1000PEPEUSDC", "BTCUSDT", "HOURUSDT")
    ]
    assert asked == [503, 500, 200]


def test_both_funding_routes_share_one_budget() -> None:
    elapsed = [0.0]
    app = FastAPI()
    app.include_router(router(Desk(MARKET, Faults(), lambda: NOW), requests=3, now=lambda: elapsed[0]))

    async def questions() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as http:
            paths = ["fundingInfo", "fundingRate?symbol=BTCUSDT", "fundingInfo", "fundingRate?symbol=BTCUSDT"]
            answers = [await http.get(f"{USDM}/{path}") for path in paths]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
            assert answers[3].headers["Retry-After"] == "300"
            assert answers[3].json()["code"] == -1003
            assert (await http.get(f"{USDM}/premiumIndex")).status_code == 200, "other routes have another budget"
            assert (await http.get(f"{COINM}/fundingInfo")).status_code == 200, "the other exchange has another budget"
            elapsed[0] += 299
            assert (await http.get(f"{USDM}/fundingInfo")).headers["Retry-After"] == "1"
            elapsed[0] += 1
            assert (await http.get(f"{USDM}/fundingInfo")).status_code == 200

    asyncio.run(questions())


def test_a_sandbox_does_not_count_requests_of_funding(client: httpx.Client) -> None:
    """Thousands of requests in a minute are what benchmarks and backfills ask of it."""
    assert {client.get(f"{USDM}/fundingInfo").status_code for _ in range(510)} == {200}
