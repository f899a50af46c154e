"""Bybit as the sandbox serves it: categories, cursors, windows, and refusals with HTTP 200."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.resources.sandbox.hand_market import LISTED_MS, NOW, NOW_MS, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve, get

ROOT = "/bybit/v5/market"
MARKET = HandMarket(
    [
        perpetual("bybit", "BTCUSDT"),
        perpetual("bybit", "HOURUSDT", "HOUR", hours=1),
        perpetual("bybit", "1000PEPEUSDT", "1000PEPE", hours=4),
        perpetual("bybit", "OLDUSDT", "OLD", is_open=False),
        perpetual("bybit", "BTCUSD", quote="USD", settle="BTC", kind="inverse", oi_unit="usd"),
    ]
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def history(client: httpx.Client, symbol: str = "HOURUSDT", **options: Any) -> list[dict[str, Any]]:
    body = get(client, f"{ROOT}/funding/history", **{"category": "linear", "symbol": symbol, **options})
    assert body["retCode"] == 0, body
    rows: list[dict[str, Any]] = body["result"]["list"]
    return rows


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    """Which settlements the rows are, counted from 1."""
    return [round(float(row["fundingRate"]) * 1e6) for row in rows]


def symbols(client: httpx.Client, **options: Any) -> tuple[list[str], str]:
    """Symbols of a page of the listing, and the cursor."""
    result = get(client, f"{ROOT}/instruments-info", **options)["result"]
    return [row["symbol"] for row in result["list"]], result["nextPageCursor"]


def test_a_row_of_history_is_all_text(client: httpx.Client) -> None:
    body = get(client, f"{ROOT}/funding/history", category="linear", symbol="BTCUSDT", limit=1)
    assert body == {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "category": "linear",
            "list": [
                {
                    "symbol": "BTCUSDT",
                    "fundingRate": "0.000225",
                    "fundingRateTimestamp": str(LISTED_MS + 1800 * 3_600_000),
                }
            ],
        },
        "retExtInfo": {},
        "time": NOW_MS,
    }


def test_history_has_200_rows_newest_first(client: httpx.Client) -> None:
    assert numbers(history(client)) == list(range(1800, 1600, -1))
    assert numbers(history(client, limit=1000)) == list(range(1800, 1600, -1))
    assert numbers(history(client, startTime=0, endTime=NOW_MS)) == list(range(1800, 1600, -1))


def test_a_window_is_cut_from_its_newer_end_and_includes_both_ends(client: httpx.Client) -> None:
    assert numbers(history(client, startTime=at_hour(5), endTime=at_hour(8))) == [8, 7, 6, 5]
    assert numbers(history(client, startTime=at_hour(5) + 1, endTime=at_hour(8) - 1)) == [7, 6]
    assert numbers(history(client, startTime=at_hour(5), endTime=at_hour(8), limit=2)) == [8, 7]


def test_an_end_alone_is_enough(client: httpx.Client) -> None:
    assert numbers(history(client, endTime=at_hour(3))) == [3, 2, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"startTime": 0},
        {"startTime": 2, "endTime": 1},
        {"symbol": "NONEUSDT"},
        {"symbol": "BTCUSD"},
        {"category": "margin"},
        {"limit": "many"},
    ],
)
def test_a_wrong_question_is_http_200_with_a_code(client: httpx.Client, options: dict[str, Any]) -> None:
    """startTime needs endTime; a symbol of another category is unknown."""
    body = get(client, f"{ROOT}/funding/history", **{"category": "linear", "symbol": "BTCUSDT", **options})
    assert (body["retCode"], body["result"]) == (10001, {})
    if "symbol" in options:
        assert body["retMsg"] == "params error: symbol invalid"


def test_a_closed_contract_keeps_its_history(client: httpx.Client) -> None:
    assert numbers(history(client, "OLDUSDT", limit=1)) == [225]


def test_the_listing_has_what_trades_dated_futures_too(client: httpx.Client) -> None:
    assert symbols(client, category="linear") == (["1000PEPEUSDT", "BTCUSDT", "HOURUSDT", "1000PEPE-26MAR27"], "")
    assert symbols(client, category="linear", status="Closed") == (["OLDUSDT"], "")
    assert symbols(client, category="inverse") == (["BTCUSD", "BTC-26MAR27"], "")
    assert symbols(client, category="spot") == ([], "")


def test_a_contract_of_the_listing(client: httpx.Client) -> None:
    row = get(client, f"{ROOT}/instruments-info", category="linear", symbol="1000PEPEUSDT")["result"]["list"][0]
    stated = {"contractType": "LinearPerpetual", "baseCoin": "1000PEPE", "quoteCoin": "USDT", "settleCoin": "USDT"}
    assert {name: row[name] for name in stated} == stated
    assert (row["fundingInterval"], row["launchTime"], row["status"]) == (240, str(LISTED_MS), "Trading")
    inverse = get(client, f"{ROOT}/instruments-info", category="inverse")["result"]["list"][0]
    assert (inverse["contractType"], inverse["settleCoin"]) == ("InversePerpetual", "BTC")


@pytest.mark.parametrize("spelled", [str, unquote], ids=["as stated", "decoded"])
def test_the_cursor_leads_through_the_listing(client: httpx.Client, spelled: Any) -> None:
    """The cursor is stated as a URL spells it; some clients send it so, some spell it once more."""
    first, cursor = symbols(client, category="linear", limit=3)
    rest, end = symbols(client, category="linear", limit=3, cursor=spelled(cursor))
    assert first + rest == ["1000PEPEUSDT", "BTCUSDT", "HOURUSDT", "1000PEPE-26MAR27"]
    assert (cursor, end) == ("first%3D1000PEPEUSDT%26last%3DHOURUSDT", "")
    lost = get(client, f"{ROOT}/instruments-info", category="linear", cursor="nowhere")
    assert lost["retCode"] == 10001


def test_a_ticker_states_open_interest_in_its_own_unit(client: httpx.Client) -> None:
    (row,) = get(client, f"{ROOT}/tickers", category="linear", symbol="HOURUSDT")["result"]["list"]
    stated = {
        "markPrice": "50000.5",
        "indexPrice": "50010.25",
        "fundingRate": "-0.00012345",
        "nextFundingTime": "1773734400000",
        "fundingIntervalHour": "1",
        "openInterest": "1234",
        "openInterestValue": "61700617",
    }
    assert {name: row[name] for name in stated} == stated
    (inverse,) = get(client, f"{ROOT}/tickers", category="inverse")["result"]["list"]
    # 1234 USD at 50000.5
    assert (inverse["openInterest"], inverse["openInterestValue"]) == ("1234", "0.02")


def test_tickers_are_of_what_trades_in_a_category(client: httpx.Client) -> None:
    rows = get(client, f"{ROOT}/tickers", category="linear")["result"]["list"]
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "HOURUSDT", "1000PEPEUSDT"]
    assert get(client, f"{ROOT}/tickers", category="linear", symbol="OLDUSDT")["retCode"] == 10001


def test_a_spent_quota_is_http_200_and_a_banned_address_403_in_words(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["bybit:429:times=1", "bybit:403:times=1", "bybit:500"])
    quota, banned, broken = (httpx.get(f"{url}{ROOT}/tickers?category=linear") for _ in range(3))
    assert (quota.status_code, quota.json()["retCode"]) == (200, 10006)
    assert (banned.status_code, banned.text) == (403, "403, access too frequent. Please try it in 10 minutes")
    assert (broken.status_code, broken.json()["retCode"]) == (500, 10016)
