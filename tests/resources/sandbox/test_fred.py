"""FRED on the wire, over a real socket: the members that its documentation shows, and its public files."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.resources.sandbox.bar_host import BarHost

OBSERVATIONS, FILE = "/fred/fred/series/observations", "/fred/graph/fredgraph.csv"


def observed(bars: BarHost, series_id: str, first: str, last: str, **options: Any) -> dict[str, Any]:
    asked = {"series_id": series_id, "observation_start": first, "observation_end": last, "file_type": "json"}
    body: dict[str, Any] = bars.get(OBSERVATIONS, **{**asked, "api_key": "some-key", **options})
    return body


def values(body: dict[str, Any]) -> dict[str, str]:
    return {row["date"]: row["value"] for row in body["observations"]}


@pytest.mark.parametrize(
    ("series_id", "low", "high"), [("DTWEXBGS", 100, 140), ("VIXCLS", 9, 45), ("DGS10", 2, 7), ("DGS2", 1, 7)]
)
def test_a_year_of_every_series(bars: BarHost, series_id: str, low: float, high: float):
    """A row each weekday of 2025; "." on the ten holidays of the exchange; plausible levels."""
    body = observed(bars, series_id, "2025-01-01", "2025-12-31")
    found = values(body)
    assert (len(found), body["count"]) == (261, 261)
    # and 2025-01-09, when the exchange was closed for a funeral
    assert sorted(day for day, value in found.items() if value == ".") == [
        "2025-01-01", "2025-01-09", "2025-01-20", "2025-02-17", "2025-04-18", "2025-05-26", "2025-06-19", "2025-07-04",
        "2025-09-01", "2025-11-27", "2025-12-25",
    ]  # fmt: skip
    assert all(low < float(value) < high for value in found.values() if value != ".")


def test_the_body_is_the_documented_one(bars: BarHost):
    """Its members and those of an observation."""
    body = observed(bars, "DGS10", "2026-09-28", "2026-10-02", limit=2, offset=1, sort_order="desc")
    row = body["observations"][0]
    assert body == {
        "realtime_start": "2026-10-05",
        "realtime_end": "2026-10-05",
        "observation_start": "2026-09-28",
        "observation_end": "2026-10-02",
        "units": "lin",
        "output_type": 1,
        "file_type": "json",
        "order_by": "observation_date",
        "sort_order": "desc",
        "count": 4,
        "offset": 1,
        "limit": 2,
        "observations": body["observations"],
    }
    assert row == {
        "realtime_start": "2026-10-05",
        "realtime_end": "2026-10-05",
        "date": "2026-09-30",
        "value": row["value"],
    }
    assert len(body["observations"]) == 2
    everything = bars.get(OBSERVATIONS, series_id="DGS10", api_key="k", file_type="json")
    assert (everything["observation_end"], everything["count"] > 5000) == ("9999-12-31", True)


@pytest.mark.parametrize(
    ("series_id", "at", "newest"),
    [
        # Friday's yield comes on Monday evening, Monday's on Tuesday evening
        ("DGS10", datetime(2026, 10, 5, 20, 14, tzinfo=UTC), date(2026, 10, 1)),
        ("DGS10", datetime(2026, 10, 5, 20, 15, tzinfo=UTC), date(2026, 10, 2)),
        ("DGS10", datetime(2026, 10, 4, 23, 0, tzinfo=UTC), date(2026, 10, 1)),
        ("VIXCLS", datetime(2026, 10, 6, 20, 15, tzinfo=UTC), date(2026, 10, 5)),
        # the dollar index of a week comes on Monday evening
        ("DTWEXBGS", datetime(2026, 10, 5, 20, 14, tzinfo=UTC), date(2026, 9, 25)),
        ("DTWEXBGS", datetime(2026, 10, 5, 20, 15, tzinfo=UTC), date(2026, 10, 2)),
        ("DTWEXBGS", datetime(2026, 10, 11, 12, 0, tzinfo=UTC), date(2026, 10, 2)),
    ],
)
def test_values_come_when_they_are_published(bars: BarHost, series_id: str, at: datetime, newest: date):
    """Before the release hour of the domain (22:00 UTC), and never earlier than the real ones."""
    bars.clock.at = at
    assert max(values(observed(bars, series_id, "2026-09-01", "2026-12-31"))) == str(newest)


def test_the_past_never_changes(bars: BarHost):
    """A month asked for a year later is the same."""
    september = values(observed(bars, "VIXCLS", "2025-09-01", "2025-09-30"))
    bars.clock.at = datetime(2027, 10, 5, tzinfo=UTC)
    assert values(observed(bars, "VIXCLS", "2025-09-01", "2025-09-30")) == september


def test_files_have_the_same_values(bars: BarHost):
    """Without a key; nothing where JSON has a dot; from and until the days asked for."""
    answer = bars.http.get(FILE, params={"id": "DGS2", "cosd": "2026-06-15", "coed": "2026-06-23"})
    head, *lines = answer.text.splitlines()
    known = values(observed(bars, "DGS2", "2026-06-15", "2026-06-23"))
    assert head == "observation_date,DGS2"
    assert lines == [f"{day},{value.replace('.', '', value == '.')}" for day, value in known.items()]
    assert lines[4] == "2026-06-19,"
    assert bars.http.get(FILE, params={"id": "NOPE"}).status_code == 404
    assert bars.http.get(FILE, params={"id": "DGS2", "cosd": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"api_key": "bad"}, 400, "The value for variable api_key is not registered."),
        ({"api_key": ""}, 400, "The value for variable api_key is not set."),
        ({"series_id": "NOPE"}, 400, "The series does not exist."),
        ({"file_type": "xml"}, 400, "file_type=json"),
        ({"observation_start": "x"}, 400, "observation_start"),
        ({"limit": "x"}, 400, "limit"),
        ({"api_key": "limited-0-key"}, 429, "Too Many Requests."),
    ],
)
def test_refusals(bars: BarHost, wrong: dict[str, str], status: int, words: str):
    """Code and message, the code being the status."""
    asked = {"series_id": "DGS10", "api_key": "k", "file_type": "json", **wrong}
    said = bars.get(OBSERVATIONS, status, **asked)
    assert said["error_code"] == status
    assert words in said["error_message"]
