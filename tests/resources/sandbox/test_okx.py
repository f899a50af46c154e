"""OKX as the sandbox serves it: text everywhere, exclusive bounds, realised against predicted rates."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.hand_market import LISTED_MS, NOW, NOW_MS, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve, get

ROOT = "/okx/api/v5/public"
MARKET = HandMarket(
    [
        perpetual("okx", "BTC-USDT-SWAP", size=0.01, oi_unit="contracts"),
        perpetual("okx", "HOUR-USDT-SWAP", "HOUR", hours=1, size=10.0, oi_unit="contracts"),
        perpetual("okx", "OLD-USDT-SWAP", "OLD", is_open=False),
        perpetual("okx", "BTC-USD-SWAP", quote="USD", settle="BTC", kind="inverse", size=100.0, oi_unit="contracts"),
    ]
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def data(client: httpx.Client, path: str, **options: Any) -> list[dict[str, Any]]:
    body = get(client, f"{ROOT}/{path}", **options)
    assert (body["code"], body["msg"]) == ("0", ""), body
    rows: list[dict[str, Any]] = body["data"]
    return rows


def numbers(client: httpx.Client, **options: Any) -> list[int]:
    """Which settlements of the hourly contract come, counted from 1."""
    rows = data(client, "funding-rate-history", **{"instId": "HOUR-USDT-SWAP", **options})
    return [round(float(row["realizedRate"]) * 1e6) for row in rows]


def test_a_row_of_history_states_what_was_paid_and_what_was_predicted(client: httpx.Client) -> None:
    assert data(client, "funding-rate-history", instId="BTC-USDT-SWAP", limit=1) == [
        {
            "formulaType": "withRate",
            "fundingRate": "0.0002205",
            "fundingTime": str(LISTED_MS + 1800 * 3_600_000),
            "instId": "BTC-USDT-SWAP",
            "instType": "SWAP",
            "method": "current_period",
            "realizedRate": "0.000225",
        }
    ]


def test_history_has_400_rows_newest_first(client: httpx.Client) -> None:
    assert numbers(client) == list(range(1800, 1400, -1))


def test_rows_lie_after_before_and_before_after(client: httpx.Client) -> None:
    """`before` asks for newer rows and `after` for older ones; neither instant itself is included."""
    assert numbers(client, before=at_hour(5), after=at_hour(9)) == [8, 7, 6]
    assert numbers(client, before=at_hour(5) - 1, after=at_hour(9) + 1) == [9, 8, 7, 6, 5]
    assert numbers(client, after=at_hour(4)) == [3, 2, 1]
    assert numbers(client, before=at_hour(1797)) == [1800, 1799, 1798]
    assert numbers(client, before=at_hour(5), after=at_hour(9), limit=2) == [8, 7]


def test_three_months_are_kept(market: SyntheticBackend, serve: Serve) -> None:
    with httpx.Client(base_url=serve(market, now=NOW), timeout=30) as http:
        rows = data(http, "funding-rate-history", instId="BTC-USDT-SWAP")
    assert len(rows) == 90 * 3, "two pages would fit, were more kept"
    assert int(rows[-1]["fundingTime"]) >= NOW_MS - 90 * 86_400_000


@pytest.mark.parametrize(
    ("path", "options", "status", "code"),
    [
        ("funding-rate-history", {"instId": "NONE-USDT-SWAP"}, 200, "51001"),
        ("funding-rate-history", {}, 400, "50014"),
        ("funding-rate-history", {"instId": "BTC-USDT-SWAP", "limit": 401}, 400, "51000"),
        ("funding-rate-history", {"instId": "BTC-USDT-SWAP", "after": "now"}, 400, "51000"),
        ("funding-rate", {}, 400, "50014"),
        ("funding-rate", {"instId": "OLD-USDT-SWAP"}, 200, "51001"),
        ("instruments", {}, 400, "51000"),
        ("mark-price", {"instType": "SWAP", "instId": "NONE-USDT-SWAP"}, 200, "51001"),
    ],
)
def test_wrong_questions_have_codes(
    client: httpx.Client, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = client.get(f"{ROOT}/{path}", params=options)
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (status, code, [])


def test_the_listing_has_what_trades_and_an_announced_contract_without_facts(client: httpx.Client) -> None:
    rows = {row["instId"]: row for row in data(client, "instruments", instType="SWAP")}
    found = {name: (row["ctType"], row["ctVal"], row["settleCcy"], row["state"]) for name, row in rows.items()}
    assert found == {
        "BTC-USDT-SWAP": ("linear", "0.01", "USDT", "live"),
        "HOUR-USDT-SWAP": ("linear", "10", "USDT", "live"),
        "BTC-USD-SWAP": ("inverse", "100", "BTC", "live"),
        "SOON-USDT-SWAP": ("", "", "", "preopen"),
    }
    assert (rows["BTC-USD-SWAP"]["uly"], rows["BTC-USD-SWAP"]["ctValCcy"]) == ("BTC-USD", "USD")
    assert rows["BTC-USDT-SWAP"]["listTime"] == str(LISTED_MS)


def test_the_current_rate_names_two_settlements_whose_distance_is_the_interval(client: httpx.Client) -> None:
    rows = {row["instId"]: row for row in data(client, "funding-rate", instId="ANY")}
    assert sorted(rows) == ["BTC-USD-SWAP", "BTC-USDT-SWAP", "HOUR-USDT-SWAP"]
    hourly = rows["HOUR-USDT-SWAP"]
    assert (hourly["fundingRate"], hourly["nextFundingRate"]) == ("-0.00012345", "")
    assert (hourly["fundingTime"], hourly["nextFundingTime"]) == ("1773734400000", "1773738000000")
    (one,) = data(client, "funding-rate", instId="BTC-USDT-SWAP")
    assert (one["fundingTime"], one["nextFundingTime"]) == ("1773734400000", "1773763200000")


def test_mark_prices(client: httpx.Client) -> None:
    expected = {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "markPx": "50000.5", "ts": str(NOW_MS)}
    assert data(client, "mark-price", instType="SWAP", instId="BTC-USDT-SWAP") == [expected]
    assert len(data(client, "mark-price", instType="SWAP")) == 3


def test_open_interest_is_in_contracts_coins_and_usd(client: httpx.Client) -> None:
    """Linear: 1234 contracts of 10 coins at 50000.5; inverse: 1234 contracts of 100 USD."""
    rows = {row["instId"]: row for row in data(client, "open-interest", instType="SWAP")}
    linear, inverse = rows["HOUR-USDT-SWAP"], rows["BTC-USD-SWAP"]
    assert [linear[name] for name in ("oi", "oiCcy", "oiUsd")] == ["1234", "12340", "617006170"]
    assert [inverse[name] for name in ("oi", "oiCcy", "oiUsd")] == ["1234", "2.46797532", "123400"]


def test_a_spent_quota_is_429_with_a_code(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["okx:429:symbol=HOUR"])
    answer = httpx.get(f"{url}{ROOT}/funding-rate-history", params={"instId": "HOUR-USDT-SWAP"})
    assert (answer.status_code, answer.json()) == (429, {"code": "50011", "msg": "Too Many Requests", "data": []})
    other = httpx.get(f"{url}{ROOT}/funding-rate-history", params={"instId": "BTC-USDT-SWAP"})
    assert other.status_code == 200
