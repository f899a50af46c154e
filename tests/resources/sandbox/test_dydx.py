"""dYdX as the sandbox serves it: no start parameter, ISO stamps off the hour, lists of errors."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.hand_market import NOW, QUOTE, HandMarket, perpetual, served
from tests.resources.sandbox.wire import Serve, get

HISTORY = "/dydx/v4/historicalFunding"
MARKET = HandMarket(
    [
        perpetual("dydx", "BTC-USD", quote="USD", settle="USDC", hours=1),
        perpetual("dydx", "OLD-USD", "OLD", quote="USD", settle="USDC", hours=1, is_open=False),
        perpetual("dydx", "PEPE-USD", "PEPE", quote="USD", settle="USDC", hours=1),
    ],
    jitter_ms=1234,
    others={"PEPE-USD": replace(QUOTE, index=0.0000101234567, predicted_rate=0.0, open_interest=None)},
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def numbers(client: httpx.Client, ticker: str = "BTC-USD", **options: Any) -> list[int]:
    """Which settlements come, counted from 1."""
    rows = get(client, f"{HISTORY}/{ticker}", **options)["historicalFunding"]
    return [round(float(row["rate"]) * 1e6) for row in rows]


def test_a_row_of_history(client: httpx.Client) -> None:
    (row,) = get(client, f"{HISTORY}/BTC-USD", limit=1)["historicalFunding"]
    assert row.pop("effectiveAtHeight").isdecimal()
    assert row == {"ticker": "BTC-USD", "rate": "0.0018", "price": "1899", "effectiveAt": "2026-03-17T00:00:01.234Z"}


def test_history_has_100_rows_newest_first(client: httpx.Client) -> None:
    assert numbers(client) == list(range(1800, 1700, -1))
    assert numbers(client, limit=1000) == list(range(1800, 1700, -1))
    assert numbers(client, limit=3) == [1800, 1799, 1798]


def test_effective_before_or_at_includes_its_instant(client: httpx.Client) -> None:
    assert numbers(client, effectiveBeforeOrAt="2026-01-01T03:00:01.234Z") == [3, 2, 1]
    assert numbers(client, effectiveBeforeOrAt="2026-01-01T03:00:01.233Z") == [2, 1]
    assert numbers(client, effectiveBeforeOrAt="2026-01-01T03:00:00") == [2, 1]
    assert numbers(client, effectiveBeforeOrAt="2025-12-31T00:00:00Z") == []


def test_a_closed_market_keeps_its_history(client: httpx.Client) -> None:
    assert numbers(client, "OLD-USD", limit=1) == [1800]


@pytest.mark.parametrize(
    ("path", "param"),
    [
        (f"{HISTORY}/NONE-USD", "ticker"),
        (f"{HISTORY}/BTC-USD?limit=0", "limit"),
        (f"{HISTORY}/BTC-USD?limit=some", "limit"),
        (f"{HISTORY}/BTC-USD?effectiveBeforeOrAt=noon", "effectiveBeforeOrAt"),
        ("/dydx/v4/perpetualMarkets?ticker=NONE-USD", "ticker"),
    ],
)
def test_a_wrong_question_is_400_and_names_the_parameter(client: httpx.Client, path: str, param: str) -> None:
    answer = client.get(path)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["param"]) == (400, param)
    if path.endswith("NONE-USD"):
        assert error["msg"] == "ticker must be a valid ticker (BTC-USD, etc)"


def test_markets_are_named_by_ticker(client: httpx.Client) -> None:
    markets = get(client, "/dydx/v4/perpetualMarkets")["markets"]
    names = ("ticker", "status", "oraclePrice", "nextFundingRate", "openInterest")
    assert {ticker: [market[name] for name in names] for ticker, market in markets.items()} == {
        "BTC-USD": ["BTC-USD", "ACTIVE", "50010.25", "-0.00012345", "1234"],
        "OLD-USD": ["OLD-USD", "FINAL_SETTLEMENT", "0", "0", "0"],
        "PEPE-USD": ["PEPE-USD", "ACTIVE", "0.000010123457", "0", None],
    }
    assert list(get(client, "/dydx/v4/perpetualMarkets", ticker="PEPE-USD")["markets"]) == ["PEPE-USD"]


def test_status_faults_are_lists_of_errors(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["dydx:429:symbol=BTC-USD"])
    answer = httpx.get(f"{url}{HISTORY}/BTC-USD")
    assert (answer.status_code, answer.json()) == (429, {"errors": [{"msg": "Too many requests"}]})
    assert httpx.get(f"{url}{HISTORY}/PEPE-USD").status_code == 200
