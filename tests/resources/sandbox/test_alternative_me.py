"""The Fear & Greed index on the wire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.wire import EVENING, Serve, get, shape

#: an answer of two days, as published examples show it
SHOWN = {
    "name": "Fear and Greed Index",
    "data": [
        {"value": "47", "value_classification": "Neutral", "timestamp": "1777248000", "time_until_update": "68499"},
        {"value": "33", "value_classification": "Fear", "timestamp": "1777161600"},
    ],
    "metadata": {"error": None},
}
MIDNIGHT = int(EVENING.replace(hour=0).timestamp())


@pytest.fixture
def http(serve: Serve) -> Iterator[httpx.Client]:
    """A client without any headers of its own."""
    with httpx.Client(base_url=serve(), timeout=30) as client:
        yield client


def index(http: httpx.Client, **options: Any) -> list[dict[str, str]]:
    """The rows of an answer."""
    rows: list[dict[str, str]] = get(http, "/alternative_me/fng/", **options)["data"]
    return rows


def test_answers_have_the_shown_shape(http: httpx.Client):
    """Members and types; only the newest row says when the next one comes: in the hour left of the day."""
    body = get(http, "/alternative_me/fng/", limit=2, format="json")
    assert shape(body) == shape(SHOWN)
    assert [list(row) for row in body["data"]] == [list(row) for row in SHOWN["data"]]
    assert body["data"][0]["time_until_update"] == "3600"


def test_every_day_since_the_first_newest_first(http: httpx.Client):
    """`limit=0` is everything: one value a day from 2018-02-01 to today, at midnight."""
    rows = index(http, limit=0, format="json")
    first = int(datetime(2018, 2, 1, tzinfo=UTC).timestamp())
    assert [int(row["timestamp"]) for row in rows] == list(range(MIDNIGHT, first - 1, -86_400))


@pytest.mark.parametrize(
    ("options", "count"), [({}, 1), ({"limit": "1"}, 1), ({"limit": "30"}, 30), ({"limit": "x"}, 1)]
)
def test_limit(http: httpx.Client, options: dict[str, str], count: int):
    """The newest so many days; one without a limit."""
    rows = index(http, **options)
    assert [int(row["timestamp"]) for row in rows] == [MIDNIGHT - day * 86_400 for day in range(count)]


def test_labels_go_with_values(http: httpx.Client):
    """Values from 0 to 100 in all five bands, each with the label of its band."""
    seen = set()
    for row in index(http, limit=0):
        value = int(row["value"])
        bands = {24: "Extreme Fear", 46: "Fear", 54: "Neutral", 75: "Greed", 100: "Extreme Greed"}
        assert row["value_classification"] == next(label for highest, label in bands.items() if 0 <= value <= highest)
        seen.add(row["value_classification"])
    assert len(seen) == 5


def test_a_later_day_changes_no_earlier_one(serve: Serve, http: httpx.Client):
    """What was published stays, whoever asks and when."""
    with httpx.Client(base_url=serve(now=EVENING + timedelta(days=3)), timeout=30) as later:
        newer = index(later, limit=0)
    older = index(http, limit=0)
    without = [{name: value for name, value in row.items() if name != "time_until_update"} for row in older]
    assert newer[3:] == without


def test_faults(serve: Serve):
    """Whole answers can fail; there are no faults of rows."""
    faults = ["alternative_me:429:retry_after=3:times=1", "alternative_me:not_json:times=1"]
    with httpx.Client(base_url=serve(faults=faults), timeout=30) as http:
        refused, page, served = (http.get("/alternative_me/fng/") for _ in range(3))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
        assert page.text.startswith("<!DOCTYPE")
        assert served.json()["metadata"] == {"error": None}
        unknown = http.post("/_sandbox/faults", json={"spec": "alternative_me:clip"})
    assert "not of alternative_me" in unknown.json()["detail"]
