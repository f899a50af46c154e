"""Hyperliquid as the sandbox serves it: one posted route, two lists of equal length, an unknown coin."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.hand_market import NOW, QUOTE, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve

INFO = "/hyperliquid/info"
MARKET = HandMarket(
    [
        perpetual("hyperliquid", "BTC", quote="USDC", hours=1),
        perpetual("hyperliquid", "OLD", "OLD", quote="USDC", hours=1, is_open=False),
        perpetual("hyperliquid", "kPEPE", "kPEPE", quote="USDC", hours=1),
    ],
    jitter_ms=31,
    others={"kPEPE": replace(QUOTE, mark=0.0101234567, index=None, predicted_rate=0.0)},
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def info(client: httpx.Client, **body: Any) -> Any:
    answer = client.post(INFO, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(client: httpx.Client, **body: Any) -> list[int]:
    """Which settlements of BTC come, counted from 1."""
    rows = info(client, **{"type": "fundingHistory", "coin": "BTC", **body})
    return [round(float(row["fundingRate"]) * 1e6) for row in rows]


def test_a_row_of_history(client: httpx.Client) -> None:
    """The premium is eight hours' rate less interest: 8 x (0.0018 - 0.0000125)."""
    assert info(client, type="fundingHistory", coin="BTC", startTime=at_hour(1800)) == [
        {"coin": "BTC", "fundingRate": "0.0018", "premium": "0.0143", "time": at_hour(1800) + 31}
    ]


def test_history_has_500_rows_oldest_first(client: httpx.Client) -> None:
    assert numbers(client, startTime=0) == list(range(1, 501))


def test_both_ends_of_a_window_are_included(client: httpx.Client) -> None:
    start, end = at_hour(5) + 31, at_hour(8) + 31
    assert numbers(client, startTime=start, endTime=end) == [5, 6, 7, 8]
    assert numbers(client, startTime=start + 1, endTime=end - 1) == [6, 7]


def test_the_next_page_begins_a_millisecond_after_the_last_row(client: httpx.Client) -> None:
    first = info(client, type="fundingHistory", coin="BTC", startTime=at_hour(1000))
    assert numbers(client, startTime=first[-1]["time"] + 1) == list(range(1500, 1801))


def test_an_unknown_coin_is_500_with_null(client: httpx.Client) -> None:
    answer = client.post(INFO, json={"type": "fundingHistory", "coin": "NONE", "startTime": 0})
    assert (answer.status_code, answer.text) == (500, "null")


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[1]",
        b'{"type":"weather"}',
        b'{"type":"fundingHistory","coin":"BTC"}',
        b'{"type":"fundingHistory","coin":"BTC","startTime":"soon"}',
    ],
)
def test_a_body_it_cannot_read_is_422_in_words(client: httpx.Client, body: bytes) -> None:
    answer = client.post(INFO, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.text) == (422, "Failed to deserialize the JSON body into the target type")


def test_the_universe_and_its_states_are_of_equal_length(client: httpx.Client) -> None:
    meta, states = info(client, type="metaAndAssetCtxs")
    assert [(coin["name"], coin.get("isDelisted", False)) for coin in meta["universe"]] == [
        ("BTC", False),
        ("OLD", True),
        ("kPEPE", False),
    ]
    names = ("funding", "markPx", "oraclePx", "openInterest")
    assert [[state[name] for name in names] for state in states] == [
        ["-0.00012345", "50000.5", "50010.25", "1234"],
        ["0.0", "1.0", "1.0", "0.0"],
        ["0", "0.010123457", None, "1234"],
    ]
    assert info(client, type="meta") == meta


def test_faults_find_a_coin_by_the_body(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["hyperliquid:429:symbol=PEPE"])
    asked = [
        httpx.post(f"{url}{INFO}", json={"type": "fundingHistory", "coin": coin, "startTime": 0})
        for coin in ("kPEPE", "BTC")
    ]
    assert [(answer.status_code, answer.text[:4]) for answer in asked] == [(429, "null"), (200, '[{"c')]
