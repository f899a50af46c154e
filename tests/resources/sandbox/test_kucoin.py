"""KuCoin as the sandbox serves it: one answer for all contracts, pages that begin at `to`, codes in HTTP 200."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.hand_market import LISTED_MS, NOW, NOW_MS, QUOTE, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve, get

CONTRACTS, HISTORY = "/kucoin/api/v1/contracts/active", "/kucoin/api/v1/contract/funding-rates"
EIGHT_HOURS_MS = 28_800_000
MARKET = HandMarket(
    [
        perpetual("kucoin", "XBTUSDTM", "XBT", size=0.001, oi_unit="contracts", hours=1),
        perpetual("kucoin", "XBTUSDM", "XBT", quote="USD", settle="XBT", kind="inverse", size=1.0, oi_unit="contracts"),
        perpetual("kucoin", "OLDUSDTM", "OLD", oi_unit="contracts", hours=1, is_open=False),
        perpetual("kucoin", "MUTEUSDTM", "MUTE", oi_unit="contracts"),
    ],
    others={"MUTEUSDTM": replace(QUOTE, predicted_rate=None, next_funding_ms=None, open_interest=None, mark=None)},
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def data(client: httpx.Client, path: str, **options: Any) -> list[dict[str, Any]]:
    """What a success carries."""
    body = get(client, path, **options)
    assert (body["code"], set(body)) == ("200000", {"code", "data"})
    rows: list[dict[str, Any]] = body["data"]
    return rows


def numbers(client: httpx.Client, first: int, last: int, symbol: str = "XBTUSDTM") -> list[int]:
    """Which settlements come, counted from 1."""
    rows = data(client, HISTORY, **{"symbol": symbol, "from": first, "to": last})
    return [round(row["fundingRate"] * 1e6) for row in rows]


def test_a_row_of_history(client: httpx.Client) -> None:
    (row,) = data(client, HISTORY, **{"symbol": "XBTUSDTM", "from": at_hour(3), "to": at_hour(3)})
    assert row == {"symbol": "XBTUSDTM", "fundingRate": 3e-06, "timepoint": at_hour(3)}


def test_history_has_100_rows_and_begins_at_the_newer_end(client: httpx.Client) -> None:
    assert numbers(client, 0, NOW_MS) == list(range(1800, 1700, -1))
    assert numbers(client, at_hour(1), at_hour(150)) == list(range(150, 50, -1))


def test_a_window_includes_both_ends(client: httpx.Client) -> None:
    assert numbers(client, at_hour(5), at_hour(8)) == [8, 7, 6, 5]
    assert numbers(client, at_hour(5) + 1, at_hour(8) - 1) == [7, 6]
    assert numbers(client, at_hour(8), at_hour(5)) == []


def test_a_closed_contract_keeps_its_history(client: httpx.Client) -> None:
    assert numbers(client, at_hour(1799), NOW_MS, "OLDUSDTM") == [1800, 1799]


def test_one_answer_lists_every_open_contract_and_a_dated_one(client: httpx.Client) -> None:
    """The inverse contract of 1 USD has a multiplier of -1; the dated one says nothing of funding."""
    rows = {row["symbol"]: row for row in data(client, CONTRACTS)}
    names = ("type", "baseCurrency", "quoteCurrency", "settleCurrency", "multiplier", "isInverse", "status")
    assert {symbol: [row[name] for name in names] for symbol, row in rows.items()} == {
        "XBTUSDTM": ["FFWCSX", "XBT", "USDT", "USDT", 0.001, False, "Open"],
        "XBTUSDM": ["FFWCSX", "XBT", "USD", "XBT", -1.0, True, "Open"],
        "MUTEUSDTM": ["FFWCSX", "MUTE", "USDT", "USDT", 1.0, False, "Open"],
        "XBTMZ26": ["FFICSX", "XBT", "USD", "XBT", -1.0, True, "Open"],
    }
    assert not [name for name in rows["XBTMZ26"] if "unding" in name and name != "fairMethod"]
    assert rows["XBTUSDTM"]["firstOpenDate"] == LISTED_MS


def test_the_current_state_is_in_numbers_and_counts_down(client: httpx.Client) -> None:
    """08:00:00.000 is 7 h 59 min 29.75 s after 00:00:30.250; what is not known is null."""
    rows = {row["symbol"]: row for row in data(client, CONTRACTS)}
    remaining = ((7 * 60 + 59) * 60 + 29) * 1000 + 750
    names = ("fundingFeeRate", "markPrice", "indexPrice", "openInterest", "nextFundingRateTime")
    assert [rows["XBTUSDM"][name] for name in names] == [-0.00012345, 50_000.5, 50_010.25, "1234", remaining]
    assert rows["XBTUSDM"]["nextFundingRateDateTime"] == NOW_MS + remaining
    assert [rows["MUTEUSDTM"][name] for name in names] == [None, None, 50_010.25, None, None]
    granularity = ("fundingRateGranularity", "currentFundingRateGranularity")
    assert [rows["XBTUSDM"][name] for name in granularity] == [EIGHT_HOURS_MS] * 2
    assert [rows["XBTUSDTM"][name] for name in granularity] == [3_600_000] * 2


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"symbol": "NONEUSDTM", "from": 0, "to": 1}, "404000", "The contract information you requested"),
        ({"from": 0, "to": 1}, "400100", "symbol"),
        ({"symbol": "XBTUSDTM", "to": 1}, "400100", "from"),
        ({"symbol": "XBTUSDTM", "from": 0}, "400100", "to"),
        ({"symbol": "XBTUSDTM", "from": "noon", "to": 1}, "400100", "from"),
    ],
)
def test_a_wrong_question_is_200_with_a_code(
    client: httpx.Client, options: dict[str, Any], code: str, message: str
) -> None:
    body = get(client, HISTORY, **options)
    assert (body["code"], set(body)) == (code, {"code", "msg"})
    assert body["msg"].startswith(message)


@pytest.mark.parametrize(("status", "code"), [(429, "429000"), (503, "500000"), (403, "403")])
def test_status_faults_carry_a_code(serve: Serve, status: int, code: str) -> None:
    """Of the contract that the fault names by its house base; the others are answered."""
    url = serve(MARKET, now=NOW, faults=[f"kucoin:{status}:symbol=BTC"])
    window = f"from={at_hour(1)}&to={at_hour(2)}"
    answer = httpx.get(f"{url}{HISTORY}?symbol=XBTUSDTM&{window}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert httpx.get(f"{url}{HISTORY}?symbol=OLDUSDTM&{window}").json()["code"] == "200000"
