"""`/api/condition`, `/api/gaps`, `/api/backups`."""

import pytest

from . import ops_home
from .ops_home import HOME, WRONG


def test_the_condition_of_every_table_and_day(monkeypatch: pytest.MonkeyPatch):
    """Six rows, newest day first; counted by condition, with the reason of what is not ok."""
    body = HOME.reader(monkeypatch).get("/api/condition").json()
    assert body["count"] == 6
    assert body["counts"] == {"ok": 2, "degraded": 2, "missing": 1, "late": 1}
    assert [row["day"] for row in body["rows"]] == ["2026-10-05"] * 3 + ["2026-10-04"] * 3
    told = {(row["dataset"], row["day"]): row["reason"] for row in body["rows"] if row["condition"] != "ok"}
    assert told == {(name, str(day)): said[1] for (name, day), said in WRONG.items()}


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("dataset=crypto_klines", 2),
        ("condition=missing", 1),
        ("start=2026-10-05", 3),
        ("end=2026-10-04", 3),
        ("dataset=crypto_klines&condition=late", 0),
    ],
)
def test_conditions_are_filtered(monkeypatch: pytest.MonkeyPatch, query: str, n: int):
    """By table, condition and days."""
    assert HOME.reader(monkeypatch).get(f"/api/condition?{query}").json()["count"] == n


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("condition?dataset=crypto_kline", 404),
        ("condition?condition=fine", 422),
        ("gaps?table=x", 404),
        ("gaps?status=x", 422),
    ],
)
def test_what_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, path: str, status: int):
    """A table that is none with the near ones; a word that is none."""
    answer = HOME.reader(monkeypatch).get(f"/api/{path}")
    assert answer.status_code == status
    if "kline" in path:
        assert "crypto_klines" in answer.json()["detail"]


def test_gaps_with_their_kinds_and_what_is_done(monkeypatch: pytest.MonkeyPatch):
    """Three holes; one is open and costs two requests."""
    client = HOME.reader(monkeypatch)
    body = client.get("/api/gaps").json()
    assert body["kinds"] == {"ours": 1, "vendor_has_no_data": 1, "no_trades": 1}
    (row,) = client.get("/api/gaps?status=open").json()["rows"]
    assert (row["table"], row["kind"], row["n_requests"]) == ("crypto_klines", "ours", 2)
    assert client.get("/api/gaps?table=equities_daily_bars&kind=ours").json()["count"] == 0


def test_backups_newest_first_with_the_last_drill(monkeypatch: pytest.MonkeyPatch):
    """Two are kept; one table of the newest did not come back."""
    body = HOME.reader(monkeypatch).get("/api/backups").json()
    assert [one["name"] for one in body["backups"]] == ["20261005T030000Z", "20261004T030000Z"]
    assert {one["table"]: one["is_equal"] for one in body["drill"]} == {"bars_signals": False, "crypto_klines": True}


@pytest.mark.parametrize("path", ["condition", "gaps", "backups"])
def test_without_data_it_says_what_to_run(monkeypatch: pytest.MonkeyPatch, path: str):
    """503, not an empty answer: nothing was looked at yet."""
    answer = ops_home.HOME.empty(monkeypatch).get(f"/api/{path}")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_materialised")
    assert "dagster asset materialize" in answer.json()["detail"]
