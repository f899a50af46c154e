"""The simulated account of the crypto domain over REST, over a home written by hand (`crypto_home.py`)."""

import pytest
from starlette.testclient import TestClient

from . import crypto_home

API = "/api/v1/crypto"


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["e", "b", "c", "d", "a"]),
        ("?status=closed", ["b", "a"]),
        ("?status=open", ["c"]),
        ("?status=pending", ["e"]),
        ("?status=rejected", ["d"]),
        ("?status=closed&limit=1", ["b"]),
        ("?symbol=btcusdt", ["c", "a"]),
        ("?status=closed&end=2026-10-03", ["a"]),
        ("?status=closed&start=2026-10-04", ["b"]),
        ("?status=open&end=2026-10-03", ["b"]),
    ],
)
def test_trades_by_status(client: TestClient, query: str, ids: list[str]):
    """Each once, newest day first; what stands is of the newest day asked for."""
    body = client.get(f"{API}/paper-trades{query}").json()
    found = [row["trade_id"] for row in body["data"]]
    assert (sorted(found), body["count"]) == (sorted(ids), len(ids))
    days = [row["day"] for row in body["data"]]
    assert days == sorted(days, reverse=True)


def test_a_closed_trade(client: TestClient):
    """How it ended, and what it earned net of fees."""
    trade = client.get(f"{API}/paper-trades?status=closed&symbol=ETHUSDT").json()["data"][0]
    assert (trade["side"], trade["exit_reason"], trade["pnl"], trade["fees"]) == ("short", "time", 5.0, 0.8)
    assert (trade["entry_ts"], trade["exit_ts"]) == ("2026-10-03T12:00:00Z", "2026-10-04T08:00:00Z")


def test_positions(client: TestClient):
    """What is held at the end of the newest day, marked at its last close."""
    body = client.get(f"{API}/positions").json()
    assert [(row["trade_id"], row["mark_price"], row["unrealised_pnl"]) for row in body["data"]] == [
        ("c", 62_879.0, 7.0)
    ]


def test_equity_by_day(client: TestClient):
    """From the start equity on; a day's change is what was realised and the change of what was not."""
    body = client.get(f"{API}/equity").json()
    days = body["data"]
    assert (body["start_equity"], [row["equity_end"] for row in days]) == (10_000.0, [10_012.0, 10_022.0])
    assert days[1]["equity_end"] - days[1]["equity_start"] == days[1]["realised_pnl"] + 7.0 - 2.0
    assert [row["day"] for row in client.get(f"{API}/equity?limit=1").json()["data"]] == ["2026-10-04"]
    assert "closes_31d" not in days[0]


def test_success_metrics(client: TestClient):
    """Of the newest day: the account first; too few days leave ratios null, with the reason."""
    body = client.get(f"{API}/success-metrics").json()
    assert (body["count"], {row["as_of_day"] for row in body["data"]}) == (12, {"2026-10-04"})
    month = client.get(f"{API}/success-metrics?window=30d").json()["data"]
    assert [(row["scope"], row["total_pnl"]) for row in month] == [("ALL", 22.0), ("BTCUSDT", 17.0), ("ETHUSDT", 5.0)]
    assert (month[0]["sharpe"], month[0]["meets_target"], month[0]["win_rate_ratio"]) == (None, None, 1.0)
    assert client.get(f"{API}/success-metrics?scope=ethusdt&window=all").json()["count"] == 1
