"""Each fault of an hourly vendor does what it says, over real HTTP, to the endpoint and hours it says."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from resources.sandbox.fault_kinds import HOURLY, KINDS
from resources.sandbox.hours import HOUR
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import CLOSE, EVENING, GLASSNODE, LONG, OHLC, SHORT, Serve, epoch, get, metric

DAY = datetime(2024, 6, 10, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
#: the day in one question
QUESTION = f"{CLOSE}?a=BTC&i=1h&s={epoch(DAY)}&u={epoch(NEXT_DAY)}"
#: hours of the day that a fault without dates strikes: one in ten, the first included
TENTHS = [0, 10, 20]

Ask = Callable[..., httpx.Client]


@pytest.fixture
def faulty(serve: Serve, market: SyntheticBackend) -> Ask:
    """A client of a sandbox with these faults."""

    def ask(*specs: str, now: datetime = EVENING) -> httpx.Client:
        return httpx.Client(base_url=serve(market, faults=specs, now=now), headers=GLASSNODE, timeout=30)

    return ask


@pytest.fixture
def clean(faulty: Ask) -> dict[str, list[dict[str, Any]]]:
    """Each metric's day without a fault: 24 points."""
    http = faulty()
    return {path: metric(http, path, DAY, NEXT_DAY) for path in (CLOSE, OHLC, LONG, SHORT)}


def differing(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[int]:
    """Which points of equally many differ."""
    return [n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]


def test_429_says_when_to_come_back(faulty: Ask, clean: dict[str, Any]):
    """`retry_after` and `reset` set the headers; without them the vendor's reset is in seconds to the minute's end."""
    http = faulty("glassnode:429:retry_after=2:reset=3:times=1", "glassnode:429:times=1")
    answers = [http.get(QUESTION) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].headers["Retry-After"], answers[0].headers["x-rate-limit-reset"]) == ("2", "3")
    assert "Retry-After" not in answers[1].headers
    assert 1 <= int(answers[1].headers["x-rate-limit-reset"]) <= 60
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers[:2]] == ["0", "0"]
    assert answers[0].text == "Too Many Requests"
    assert answers[2].json() == clean[CLOSE]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_any_server_error(faulty: Ask, status: int):
    """A 5xx is text, with the budget in its headers as on every answer."""
    answer = faulty(f"glassnode:{status}:times=1").get(QUESTION)
    assert (answer.status_code, answer.text) == (status, "Internal Server Error")
    assert answer.headers["x-rate-limit-limit"] == "600"


def test_one_endpoint_only(faulty: Ask):
    """`match=` restricts a fault to an endpoint; `symbol=` to an asset, by the vendor's id or ours."""
    http = faulty("glassnode:503:match=long_sum", "glassnode:500:match=price:symbol=BTC-USD")
    question = {"a": "BTC", "i": "1h", "s": epoch(DAY), "u": epoch(NEXT_DAY)}
    assert [http.get(path, params=question).status_code for path in (LONG, SHORT, CLOSE)] == [503, 200, 500]
    assert http.get("/glassnode/v1/metadata/metrics").status_code == 200


def test_timeout_outlasts_the_client(faulty: Ask):
    """The client gives up first; the next question is answered."""
    http = faulty("glassnode:timeout:seconds=5:times=1")
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        http.get(QUESTION, timeout=0.3)
    assert time.monotonic() - started < 3
    assert http.get(QUESTION).status_code == 200


def test_broken_bodies(faulty: Ask):
    """Half a body, an HTML page, a broken connection: status 200 each."""
    http = faulty("glassnode:truncated:times=1")
    with pytest.raises(ValueError, match="char"):
        http.get(QUESTION).json()
    assert faulty("glassnode:not_json").get(QUESTION).text[:9] == "<!DOCTYPE"
    with pytest.raises(httpx.RemoteProtocolError):
        faulty("glassnode:disconnect").get(QUESTION)


def test_nulls(faulty: Ask, clean: dict[str, Any]):
    """Single hours, or every tenth, are null; in an object every field is."""
    points = metric(faulty("glassnode:nulls:dates=2024-06-10T05,2024-06-10T07"), CLOSE, DAY, NEXT_DAY)
    assert differing(clean[CLOSE], points) == [5, 7]
    assert [points[n]["v"] for n in (5, 7)] == [None, None]
    objects = metric(faulty("glassnode:nulls"), OHLC, DAY, NEXT_DAY)
    assert differing(clean[OHLC], objects) == TENTHS
    assert objects[0] == {"t": epoch(DAY), "o": dict.fromkeys("chlo")}
    answer = faulty("glassnode:nulls").get(QUESTION + "&f=csv").text
    assert answer.splitlines()[1] == f"{epoch(DAY)},"


def test_missing_rows(faulty: Ask, clean: dict[str, Any]):
    """Hours in the middle of the day, or a whole day, are not there."""
    points = metric(faulty("glassnode:missing_rows:dates=2024-06-10T11,2024-06-10T12"), LONG, DAY, NEXT_DAY)
    assert points == clean[LONG][:11] + clean[LONG][13:]
    http = faulty("glassnode:missing_rows:dates=2024-06-10")
    assert metric(http, LONG, DAY, NEXT_DAY) == []
    assert len(metric(http, LONG, DAY - timedelta(days=1), NEXT_DAY + timedelta(days=1))) == 48


def test_duplicates_and_disorder(faulty: Ask, clean: dict[str, Any]):
    """One row in ten comes twice; the second half of the rows comes first."""
    points = metric(faulty("glassnode:duplicates"), CLOSE, DAY, NEXT_DAY)
    assert [(point["t"] - epoch(DAY)) // HOUR for point in points] == sorted([*range(24), *TENTHS])
    points = metric(faulty("glassnode:out_of_order"), CLOSE, DAY, NEXT_DAY)
    assert points == clean[CLOSE][12:] + clean[CLOSE][:12]


def test_off_hour_stamps(faulty: Ask, clean: dict[str, Any]):
    """The rows struck are stamped 17 minutes past their hour, value unchanged."""
    points = metric(faulty("glassnode:off_hour"), CLOSE, DAY, NEXT_DAY)
    assert differing(clean[CLOSE], points) == TENTHS
    assert [points[n]["t"] - clean[CLOSE][n]["t"] for n in TENTHS] == [17 * 60] * 3
    assert [point["v"] for point in points] == [point["v"] for point in clean[CLOSE]]
    points = metric(faulty("glassnode:off_hour:dates=2024-06-10T03"), CLOSE, DAY, NEXT_DAY)
    assert differing(clean[CLOSE], points) == [3]


def test_clip_starts_in_the_middle(faulty: Ask, clean: dict[str, Any]):
    """The first half of the window is silently not there."""
    assert metric(faulty("glassnode:clip"), SHORT, DAY, NEXT_DAY) == clean[SHORT][12:]


def test_usd_where_bitcoin_was_asked_for(faulty: Ask, clean: dict[str, Any]):
    """`c=native` is answered in USD, at one endpoint if so asked; prices are not touched."""
    http = faulty("glassnode:usd:match=long_sum")
    points = metric(http, LONG, DAY, NEXT_DAY, c="native")
    expected = [point["v"] * price["v"] for point, price in zip(clean[LONG], clean[CLOSE], strict=True)]
    assert [point["v"] for point in points] == pytest.approx(expected, abs=1e-5)
    assert metric(http, SHORT, DAY, NEXT_DAY, c="native") == clean[SHORT]
    assert metric(faulty("glassnode:usd"), CLOSE, DAY, NEXT_DAY) == clean[CLOSE]


def starts(http: httpx.Client, path: str) -> list[int]:
    """Hours of the day that are served."""
    return [(point["t"] - epoch(DAY)) // HOUR for point in metric(http, path, DAY, NEXT_DAY)]


def test_late_hour_appears_hours_later(faulty: Ask, clean: dict[str, Any]):
    """05:00 would be published at 06:10; three hours late it appears at 09:10. Nothing else is late."""
    spec = "glassnode:late:dates=2024-06-10T05:hours=3:match=long_sum"
    for minute, served in [(9, [*range(5), 6, 7, 9]), (10, list(range(10)))]:
        http = faulty(spec, now=DAY + timedelta(hours=9, minutes=minute))
        assert starts(http, LONG) == served
        assert 5 in starts(http, SHORT)
    assert metric(faulty(spec), LONG, DAY, NEXT_DAY) == clean[LONG]


def test_late_hour_is_not_shown_while_it_runs(faulty: Ask):
    """Nothing of it is there before it appears; six hours are the default: 12:10."""
    late, at = "glassnode:late:dates=2024-06-10T05", DAY + timedelta(hours=5, minutes=30)
    assert starts(faulty(now=at), CLOSE) == [0, 1, 2, 3, 4, 5]
    assert starts(faulty(late, now=at), CLOSE) == [0, 1, 2, 3, 4]
    assert [5 in starts(faulty(late, now=DAY + timedelta(hours=12, minutes=m)), CLOSE) for m in (9, 10)] == [
        False,
        True,
    ]


def test_correction_restates_one_hour(faulty: Ask, clean: dict[str, Any]):
    """The hour's values are multiplied, at once or `hours` after publication; no other hour is touched."""
    spec = "glassnode:correction:date=2024-06-10T05:factor=1.2"
    points = metric(faulty(spec), LONG, DAY, NEXT_DAY)
    assert differing(clean[LONG], points) == [5]
    assert points[5]["v"] == pytest.approx(clean[LONG][5]["v"] * 1.2, abs=1e-6)
    old, new = clean[OHLC][5]["o"], metric(faulty(spec), OHLC, DAY, NEXT_DAY)[5]["o"]
    assert new == pytest.approx({name: value * 1.2 for name, value in old.items()}, abs=1e-5)
    for minutes, restated in [(9, []), (10, [5])]:  # published at 06:10, restated two days later
        at = DAY + timedelta(hours=54, minutes=minutes)
        http = faulty(f"{spec}:hours=48", now=at)
        assert differing(clean[LONG], metric(http, LONG, DAY, NEXT_DAY)) == restated


def test_correction_by_api_while_it_runs(faulty: Ask, clean: dict[str, Any]):
    """A fault put in force between two questions restates what was served before."""
    http = faulty()
    assert metric(http, SHORT, DAY, NEXT_DAY) == clean[SHORT]
    parts = {"vendor": "glassnode", "fault": "correction", "date": "2024-06-10T07:00:00Z", "factor": 1.05}
    http.post("/_sandbox/faults", json=parts).raise_for_status()
    assert differing(clean[SHORT], metric(http, SHORT, DAY, NEXT_DAY)) == [7]


def test_daily_plan(faulty: Ask):
    """The vendor's words for a resolution that the plan does not include; metadata are served."""
    http = faulty("glassnode:daily_plan")
    answer = http.get(QUESTION)
    words = "Resolution 1h is not allowed. Allowed resolutions: [24h, 1w, 1month]"
    assert (answer.status_code, answer.json()) == (403, {"message": words})
    assert http.get("/glassnode/v1/metadata/metrics").status_code == 200


def test_every_fault_is_seen_here_or_with_other_vendors():
    """A new kind must be added to a test: these are all there are."""
    daily = {"extra_rows", "wrong_symbol", "missing_actions"}
    own = {"late", "off_hour", "usd", "daily_plan"}
    exchanges = {"wrong_window", "same_page", "clock_ahead"}
    streams = {"ws_drop", "ws_silent", "ws_shutdown", "ws_garbage", "ws_duplicate", "ws_refuse"}
    advisor = {"bad_reply", "not_json_reply", "empty_reply", "cut_reply", "queued"}
    bars = {"off_by", "premium", "daily_limit", "burst", "credits", "plan_gated"}
    common = {"timeout", "truncated", "disconnect", "not_json", "nulls", "duplicates", "out_of_order", "missing_rows"}
    assert {name for name, kind in KINDS.items() if set(HOURLY) & set(kind.vendors)} == common | own | {
        "correction",
        "clip",
    }
    assert set(KINDS) == common | own | daily | exchanges | streams | advisor | bars | {"correction", "clip"}


def test_faults_are_told_of_in_the_ledger_and_by_vendor(faulty: Ask):
    """The ledger counts Glassnode's answers by path and status; a fault of another vendor leaves it alone."""
    http = faulty("glassnode:500:times=1", "polygon:503")
    assert [http.get(QUESTION).status_code for _ in range(2)] == [500, 200]
    path = CLOSE.removeprefix("/glassnode")
    assert get(http, "/_sandbox/ledger") == [
        {"vendor": "glassnode", "path": path, "status": status, "count": 1} for status in (500, 200)
    ]
