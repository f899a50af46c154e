"""Glassnode on the wire, over a real socket, against recorded bodies."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from resources.sandbox.hours import HOUR
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.wire import (
    CLOSE,
    EVENING,
    GLASSNODE,
    LONG,
    OHLC,
    SHORT,
    Serve,
    epoch,
    get,
    metric,
    shape,
)

DAY = datetime(2024, 6, 10, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "glassnode" / name).read_text())


def error(shared_data: Path, case: str) -> dict[str, Any]:
    lines = (shared_data / "recorded" / "errors.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    found: dict[str, Any] = next(c for c in cases if c["vendor"] == "glassnode" and c["case"] == case)
    return found


@pytest.fixture
def http(serve: Serve) -> Iterator[httpx.Client]:
    """A client with a key of a sandbox without faults."""
    with httpx.Client(base_url=serve(), headers=GLASSNODE, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", [CLOSE, LONG, SHORT])
def test_points_have_the_recorded_shape(http: httpx.Client, shared_data: Path, path: str):
    """An array of `t` and `v` and nothing else; a day is 24 starts of hours, `u` is excluded."""
    points = metric(http, path, DAY, NEXT_DAY)
    assert shape(points) == shape(recorded(shared_data, "metric_points.json"))
    assert [point["t"] for point in points] == [epoch(DAY) + HOUR * n for n in range(24)]


def test_ohlc_is_an_object_per_point(http: httpx.Client):
    """vendors.md 1: `{"t", "o": {"c", "h", "l", "o"}}`; its close is that of the price metric."""
    points = metric(http, OHLC, DAY, NEXT_DAY)
    assert shape(points) == [{"t": "number", "o": dict.fromkeys("chlo", "number")}]
    assert [point["o"]["c"] for point in points] == [point["v"] for point in metric(http, CLOSE, DAY, NEXT_DAY)]
    assert all(o["l"] <= min(o["o"], o["c"]) <= max(o["o"], o["c"]) <= o["h"] for o in (p["o"] for p in points))


def test_an_hour_is_published_ten_minutes_after_its_end(serve: Serve, market: SyntheticBackend):
    """At 12:09:59 the hour 11:00 is absent and the running 12:00 is an extra last point; at 12:10 both are there."""
    for minutes, seconds, starts in [(9, 59, [9, 10, 12]), (10, 0, [10, 11, 12])]:
        at = DAY + timedelta(hours=12, minutes=minutes, seconds=seconds)
        with httpx.Client(base_url=serve(market, now=at), headers=GLASSNODE, timeout=30) as http:
            points = metric(http, CLOSE, DAY, NEXT_DAY)
        assert [(point["t"] - epoch(DAY)) // HOUR for point in points][-3:] == starts


def test_the_running_hour_is_not_its_final_value(serve: Serve, market: SyntheticBackend):
    """What is served of 12:00 at 12:30 is another value than that of the finished hour: a client must drop it."""
    values = []
    for at in (DAY + timedelta(hours=12, minutes=30), EVENING):
        with httpx.Client(base_url=serve(market, now=at), headers=GLASSNODE, timeout=30) as http:
            points = {path: metric(http, path, DAY, NEXT_DAY) for path in (CLOSE, LONG)}
        values.append([points[path][12 if at == EVENING else -1] for path in (CLOSE, LONG)])
    assert [point["t"] for point in values[0]] == [point["t"] for point in values[1]]
    assert values[0][0]["v"] != values[1][0]["v"]
    assert values[0][1]["v"] == pytest.approx(values[1][1]["v"] / 2, abs=1e-5)


def test_until_cuts_the_running_hour_off(http: httpx.Client):
    """A window that ends in the past has whole hours only; without s and u everything is served."""
    assert metric(http, CLOSE, DAY, EVENING)[-1]["t"] == epoch(EVENING) - 2 * HOUR
    everything = get(http, CLOSE, a="BTC", i="1h")
    assert (everything[0]["t"], everything[-1]["t"]) == (epoch(datetime(2017, 1, 1, tzinfo=UTC)), epoch(EVENING))
    assert metric(http, CLOSE, NEXT_DAY, DAY) == []


def test_volumes_are_bitcoin_unless_usd_is_asked_for(http: httpx.Client):
    """`c=usd` is the volume times the hour's close; omitted it is BTC (the unit trap of vendors.md 1)."""
    native, omitted, usd = (
        metric(http, LONG, DAY, NEXT_DAY, **option) for option in ({"c": "native"}, {}, {"c": "usd"})
    )
    assert native == omitted
    closes = metric(http, CLOSE, DAY, NEXT_DAY)
    expected = [point["v"] * close["v"] for point, close in zip(native, closes, strict=True)]
    assert [point["v"] for point in usd] == pytest.approx(expected, abs=1e-5)
    assert any(point["v"] == 0.0 for point in metric(http, LONG, DAY - timedelta(days=3), NEXT_DAY))


def test_csv_and_humanized_stamps(http: httpx.Client):
    """`f=csv` has the header `timestamp,value` and the same numbers; stamps can be text."""
    points = metric(http, CLOSE, DAY, NEXT_DAY)
    text = http.get(CLOSE, params={"a": "BTC", "i": "1h", "s": epoch(DAY), "u": epoch(NEXT_DAY), "f": "csv"}).text
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["timestamp", "value"]
    assert [(int(t), float(v)) for t, v in rows] == [(point["t"], point["v"]) for point in points]
    humanized = metric(http, CLOSE, DAY, NEXT_DAY, timestamp_format="humanized")
    assert [point["t"] for point in humanized[:2]] == ["2024-06-10T00:00:00Z", "2024-06-10T01:00:00Z"]
    objects = http.get(OHLC, params={"a": "BTC", "i": "1h", "s": epoch(DAY), "u": epoch(NEXT_DAY), "f": "csv"}).text
    assert objects.splitlines()[0] == "timestamp,c,h,l,o"


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "bad"}, {"X-Api-Key": "bad-key"}])
def test_missing_or_bad_key(serve: Serve, shared_data: Path, headers: dict[str, str]):
    """401 with the recorded body, on metrics and metadata."""
    expected = error(shared_data, "bad_key")
    base = serve()
    for path in (CLOSE, "/glassnode/v1/metadata/assets"):
        answer = httpx.get(base + path, headers=headers)
        assert (answer.status_code, answer.json()) == (expected["status"], json.loads(expected["body"]))
        assert answer.headers["Content-Type"] == expected["headers"]["Content-Type"]


def test_key_in_the_query_is_accepted_and_not_repeated(serve: Serve):
    """`api_key=` works as well as the header, and no answer or ledger line shows it."""
    base = serve()
    answer = httpx.get(base + CLOSE, params={"api_key": "secret-0451", "a": "BTC", "i": "1h", "s": epoch(EVENING)})
    assert answer.status_code == 200
    refused = httpx.get(base + CLOSE, params={"api_key": "secret-0451", "a": "BTC", "i": "1h", "foo": "1"})
    shown = answer.text + refused.text + str(answer.headers) + httpx.get(f"{base}/_sandbox/ledger").text
    assert "0451" not in shown


def test_plan_without_hours(serve: Serve, shared_data: Path):
    """A key `daily-...` is refused 1h with the recorded words, 10m likewise; metadata are served."""
    expected = error(shared_data, "resolution_not_in_plan")
    with httpx.Client(base_url=serve(), headers={"X-Api-Key": "daily-1"}, timeout=30) as http:
        answer = http.get(CLOSE, params={"a": "BTC", "i": "1h"})
        assert (answer.status_code, answer.json()) == (403, json.loads(expected["body"]))
        assert "Resolution 10m is not allowed" in http.get(CLOSE, params={"a": "BTC", "i": "10m"}).json()["message"]
        assert http.get("/glassnode/v1/metadata/assets").status_code == 200


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        (CLOSE, {"foo": "1"}, 'unexpected parameter "foo"'),
        (CLOSE, {"c": "native"}, 'unexpected parameter "c"'),
        (LONG, {"since": "1"}, 'unexpected parameter "since"'),
        (LONG, {"c": "eur"}, 'invalid value "eur" for parameter "c"'),
        (LONG, {"e": "binance"}, 'invalid value "binance" for parameter "e"'),
        (LONG, {"a": "DOGE"}, 'invalid value "DOGE" for parameter "a"'),
        (LONG, {"s": "2024-06-10"}, 'invalid value "2024-06-10" for parameter "s"'),
        (LONG, {"f": "xml"}, 'invalid value "xml" for parameter "f"'),
        (LONG, {"timestamp_format": "iso"}, 'invalid value "iso" for parameter "timestamp_format"'),
        (LONG, {"i": "24h"}, "the sandbox serves i=1h"),
    ],
)
def test_questions_the_vendor_refuses(http: httpx.Client, path: str, options: dict[str, str], said: str):
    """400 with plain text, as the vendor answers `unexpected parameter "foo"` (vendors.md 1)."""
    answer = http.get(path, params={"a": "BTC", "i": "1h", **options})
    assert (answer.status_code, answer.text) == (400, said)
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_asset_and_path_are_needed(http: httpx.Client):
    """No asset, and no path in the metadata: 400 naming what is missing."""
    assert http.get(CLOSE, params={"i": "1h"}).text == 'missing parameter "a"'
    assert http.get("/glassnode/v1/metadata/metric").text == 'missing parameter "path"'


@pytest.mark.parametrize(
    "path",
    ["/glassnode/v1/metrics/market/price_usd_closing", "/glassnode/v1/metadata/metric?path=/market/price_usd_closing"],
)
def test_unknown_metric(http: httpx.Client, path: str):
    """404; the `_mean` endpoints and the bulk ones are not served."""
    assert http.get(path).status_code == 404
    assert http.get(CLOSE + "/bulk").status_code == 404


def test_every_answer_states_the_budget(http: httpx.Client):
    """Limit, remaining and seconds to reset on a 200, 400 and 404; metadata have 1,200 a minute of their own."""
    paths = [f"{CLOSE}?a=BTC&i=1h&s={epoch(EVENING)}", f"{CLOSE}?a=BTC&foo=1", "/glassnode/v1/metrics/nothing"]
    for path in paths:
        headers = http.get(path).headers
        assert headers["x-rate-limit-limit"] == "600"
        assert 0 < int(headers["x-rate-limit-remaining"]) < 600
        assert 1 <= int(headers["x-rate-limit-reset"]) <= 60
    assert http.get("/glassnode/v1/metadata/assets").headers["x-rate-limit-limit"] == "1200"


def test_limited_plan_runs_out(serve: Serve, shared_data: Path):
    """`limited-3-` answers three requests in a minute, then 429 as text with the reset in a header, no Retry-After."""
    expected = error(shared_data, "rate_limited")
    address = f"{serve()}{CLOSE}?a=BTC&i=1h&s={epoch(EVENING)}"
    answers = [httpx.get(address, headers={"X-Api-Key": "limited-3-x"}) for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    # the eight may straddle a minute: then at most six are served
    assert statuses[:3] == [200, 200, 200]
    assert 3 <= statuses.count(200) <= 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.text == expected["body"]
    assert set(expected["headers"]) - {"Content-Type"} <= set(refused.headers)
    assert (refused.headers["x-rate-limit-limit"], refused.headers["x-rate-limit-remaining"]) == ("3", "0")
    assert "Retry-After" not in refused.headers
    assert httpx.get(address, headers=GLASSNODE).status_code == 200


@pytest.mark.parametrize("path", [CLOSE, OHLC, LONG, SHORT])
def test_description_has_the_recorded_shape(http: httpx.Client, shared_data: Path, path: str):
    """Every key and type of a recorded description, but for `network` and currencies, which differ by metric.

    None of our metrics has a point-in-time variant: `refs.metric_variant` has no `pit`.
    """
    name = path.removeprefix("/glassnode/v1/metrics")
    body = get(http, f"/glassnode/v1/metadata/metric?path={name}")
    example = recorded(shared_data, "metric_describe.json")
    assert example["refs"]["metric_variant"].pop("pit")
    assert body["refs"]["metric_variant"] == {}
    for answer in (body, example):
        answer["refs"]["metric_variant"] = {}
        for varying in ("network", "c", "e"):
            answer["parameters"].pop(varying, None)
    assert shape(body) == shape(example)
    assert (body["path"], body["queried"]["path"]) == (name, f"/v1/metrics{name}")
    # the hour 21:00 ended at 22:00; at 23:00 the hour 22:00 is not published yet
    assert body["timerange"]["max"] == epoch(EVENING) - 2 * HOUR
    assert body["modified"] == epoch(EVENING) - 50 * 60


def test_parameters_of_a_description_are_those_accepted(http: httpx.Client):
    """Every value a description lists for a parameter is served."""
    for path in (CLOSE, LONG):
        described = f"/glassnode/v1/metadata/metric?path={path.removeprefix('/glassnode')}"
        listed = get(http, described)["parameters"]
        for option, values in listed.items():
            for value in values:
                asked = {"a": "BTC", "i": "1h", "s": epoch(EVENING), option: value}
                assert http.get(path, params=asked).status_code == 200, (path, option, value)


def test_assets_and_listing_have_the_recorded_shape(http: httpx.Client, shared_data: Path):
    """`data` with one asset; a bare list of paths, each of which is served."""
    assets = get(http, "/glassnode/v1/metadata/assets")
    example = recorded(shared_data, "assets.json")
    assert shape(assets) == shape(example)
    assert assets["data"][0]["id"] == "BTC"
    paths: Any = get(http, "/glassnode/v1/metadata/metrics")
    assert shape(paths) == shape(recorded(shared_data, "metrics_list.json"))
    assert {f"/glassnode/v1/metrics{path}" for path in paths} == {CLOSE, OHLC, LONG, SHORT}
    assert all(metric(http, f"/glassnode/v1/metrics{path}", DAY, NEXT_DAY) for path in paths)


def test_equal_questions_get_equal_bytes(serve: Serve):
    """Two sandboxes of one seed give the same bytes: a raw-response store keeps one copy."""
    question = f"{LONG}?a=BTC&i=1h&s={epoch(DAY)}&u={epoch(NEXT_DAY)}"
    assert len({httpx.get(serve(SyntheticBackend(7)) + question, headers=GLASSNODE).content for _ in range(2)}) == 1


def test_five_years_are_quick(serve: Serve, market: SyntheticBackend):
    """46,227 hours, as the vendor once served them in 3.6 s: under half a second here once the path is simulated."""
    at = datetime(2026, 5, 12, 3, 30, tzinfo=UTC)
    since, until = datetime(2021, 2, 1, tzinfo=UTC), datetime(2026, 5, 12, 3, tzinfo=UTC)
    with httpx.Client(base_url=serve(market, now=at), headers=GLASSNODE, timeout=30) as http:
        metric(http, SHORT, until, at)
        started = time.perf_counter()
        answer = http.get(LONG, params={"a": "BTC", "i": "1h", "s": epoch(since), "u": epoch(until)})
        assert time.perf_counter() - started < 0.5
    assert len(answer.json()) == 46_227


def test_earlier_hours_stay_as_they_were_served(serve: Serve, market: SyntheticBackend):
    """What was served in 2021 is served again in 2024, hour for hour."""
    then = datetime(2021, 12, 31, 23, 30, tzinfo=UTC)
    since, until = DAY - timedelta(days=1300), DAY - timedelta(days=900)
    answers = []
    for at in (then, EVENING):
        with httpx.Client(base_url=serve(market, now=at), headers=GLASSNODE, timeout=30) as http:
            answers.append([metric(http, path, since, until) for path in (CLOSE, OHLC, LONG, SHORT)])
    assert answers[0] == answers[1]
    assert [len(points) for points in answers[0]] == [400 * 24] * 4
