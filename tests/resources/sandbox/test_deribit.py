"""Deribit as the sandbox serves it: JSON-RPC, hourly rows beside a trailing sum, an exclusive start."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.hand_market import LISTED_MS, NOW, NOW_MS, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve, get

ROOT = "/deribit/api/v2/public"
MARKET = HandMarket(
    [
        perpetual(
            "deribit", "BTC-PERPETUAL", quote="USD", settle="BTC", kind="inverse", size=10.0, oi_unit="usd", hours=1
        ),
        perpetual("deribit", "SOL_USDC-PERPETUAL", "SOL", quote="USDC", hours=1),
        perpetual("deribit", "OLD_USDC-PERPETUAL", "OLD", quote="USDC", hours=1, is_open=False),
    ]
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def result(client: httpx.Client, path: str, **options: Any) -> Any:
    body = get(client, f"{ROOT}/{path}", **options)
    assert (body["jsonrpc"], body["testnet"]) == ("2.0", False)
    return body["result"]


def history(client: httpx.Client, start: int, end: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result(
        client,
        "get_funding_rate_history",
        instrument_name="BTC-PERPETUAL",
        start_timestamp=start,
        end_timestamp=end,
    )
    return rows


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    """Which settlements the rows are, counted from 1."""
    return [round(row["interest_1h"] * 1e6) for row in rows]


def test_a_row_states_the_hour_and_the_sum_of_eight(client: httpx.Client) -> None:
    """10 is the tenth hour: eight hours are 3 + 4 + ... + 10 = 52."""
    (row,) = history(client, at_hour(9), at_hour(10))
    assert row == {
        "timestamp": at_hour(10),
        "index_price": 109.0,
        "prev_index_price": 108.0,
        "interest_8h": pytest.approx(52e-6, abs=1e-14),
        "interest_1h": 1e-05,
    }


def test_the_first_hours_have_shorter_sums(client: httpx.Client) -> None:
    rows = history(client, 0, at_hour(3))
    assert [row["interest_8h"] for row in rows] == pytest.approx([1e-6, 3e-6, 6e-6], abs=1e-14)
    assert [row["prev_index_price"] for row in rows] == [100.0, 100.0, 101.0]


def test_the_start_is_not_included_and_the_end_is(client: httpx.Client) -> None:
    assert numbers(history(client, at_hour(5), at_hour(8))) == [6, 7, 8]
    assert numbers(history(client, at_hour(5) - 1, at_hour(8) - 1)) == [5, 6, 7]


def test_a_long_window_gives_its_newest_744_hours_oldest_first(client: httpx.Client) -> None:
    assert numbers(history(client, 0, at_hour(1000))) == list(range(257, 1001))


@pytest.mark.parametrize(
    ("path", "options", "code", "reason"),
    [
        ("get_funding_rate_history", {"instrument_name": "BTC-PERPETUAL"}, -32602, "start_timestamp"),
        (
            "get_funding_rate_history",
            {"instrument_name": "BTC-PERPETUAL", "start_timestamp": "then", "end_timestamp": 1},
            -32602,
            "start_timestamp",
        ),
        ("ticker", {}, -32602, "instrument_name"),
        ("ticker", {"instrument_name": "NONE-PERPETUAL"}, 13020, None),
        ("ticker", {"instrument_name": "OLD_USDC-PERPETUAL"}, 13020, None),
    ],
)
def test_errors_have_a_code_of_their_own(
    client: httpx.Client, path: str, options: dict[str, Any], code: int, reason: str | None
) -> None:
    answer = client.get(f"{ROOT}/{path}", params=options)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("data", {}).get("param")) == (400, code, reason)


def test_the_listing_has_dated_futures_beside_perpetuals(client: httpx.Client) -> None:
    rows = result(client, "get_instruments", currency="any", kind="future", expired="false")
    found = [(row["instrument_name"], row["settlement_period"], row["settlement_currency"]) for row in rows]
    assert found == [
        ("BTC-PERPETUAL", "perpetual", "BTC"),
        ("SOL_USDC-PERPETUAL", "perpetual", "USDC"),
        ("BTC-26MAR27", "month", "BTC"),
        ("SOL_USDC-26MAR27", "month", "USDC"),
    ]
    names = (
        "base_currency",
        "quote_currency",
        "counter_currency",
        "future_type",
        "contract_size",
        "creation_timestamp",
    )
    assert [[row[name] for name in names] for row in rows[:2]] == [
        ["BTC", "USD", "USD", "reversed", 10.0, LISTED_MS],
        ["SOL", "USDC", "USDC", "linear", 1.0, LISTED_MS],
    ]


def test_the_listing_can_be_asked_by_currency_kind_and_end(client: httpx.Client) -> None:
    def listed(**options: str) -> list[str]:
        return [row["instrument_name"] for row in result(client, "get_instruments", **options)]

    assert listed(currency="BTC") == ["BTC-PERPETUAL", "BTC-26MAR27"]
    assert listed(currency="any", kind="option") == []
    assert listed(currency="any", expired="true") == ["OLD_USDC-PERPETUAL"]


def test_current_funding_is_on_a_basis_of_eight_hours(client: httpx.Client) -> None:
    """An hour costs -0.00012345; the last eight cost 1793 + ... + 1800 millionths."""
    ticker = result(client, "ticker", instrument_name="BTC-PERPETUAL")
    assert ticker["current_funding"] == pytest.approx(-0.0009876, abs=1e-15)
    assert ticker["funding_8h"] == pytest.approx(0.014372, abs=1e-12)
    names = ("instrument_name", "timestamp", "mark_price", "index_price", "open_interest", "state")
    assert [ticker[name] for name in names] == ["BTC-PERPETUAL", NOW_MS, 50000.5, 50010.25, 1234.0, "open"]


def test_a_spent_quota_is_10028(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["deribit:429"])
    answer = httpx.get(f"{url}{ROOT}/ticker", params={"instrument_name": "BTC-PERPETUAL"})
    assert (answer.status_code, answer.json()["error"]) == (429, {"message": "too_many_requests", "code": 10028})
