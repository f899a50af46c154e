"""Glassnode's wire format, from recorded bodies and from a scripted vendor on a real socket."""

import json
import logging
import pickle
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from market_assets.core.settings import RateBudget
from market_assets.settings import load
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    Malformed,
    MissingKey,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.http.transport import Reply
from resources.vendors import glassnode, json_shape
from resources.vendors.glassnode import Glassnode
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.test_shapes import spoilt, verdicts

KEY = "MARKED-GLASSNODE-KEY-7f3a"
CLOSE = "market/price_usd_close"
LONG = "derivatives/futures_liquidated_volume_long_sum"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = int(NOON.timestamp())


def client_of(
    host: Host, still: StillTime, *, rates: RateBudget | None = None, key: str = KEY, **own: Any
) -> Glassnode:
    settings = live_settings(host, btc={"glassnode": {"base_url": host.url, **own}}, GLASSNODE_API_KEY=key)
    return Glassnode.connect(settings, rates=rates, timing=still.timing)


@pytest.fixture
def client(host: Host, still: StillTime) -> Glassnode:
    return client_of(host, still)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "glassnode" / name).read_text())


def refusals(shared_data: Path) -> dict[str, Says]:
    """Every recorded error of the vendor, by case."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    return {
        line["case"]: Says(line["body"].encode(), line["status"], line["headers"])
        for line in lines
        if line["vendor"] == "glassnode"
    }


def test_recorded_points(shared_data: Path, host: Host, client: Glassnode):
    """Three values from 2009-01-03 on; a time of the answer is the start of its interval, in UTC."""
    host.script = [Says(recorded(shared_data, "metric_points.json"))]
    found = client.points(CLOSE, datetime(2009, 1, 3, tzinfo=UTC), datetime(2009, 1, 6, tzinfo=UTC))
    assert found.frame.select("ts", "v").rows() == [
        (datetime(2009, 1, day, tzinfo=UTC), 2.4755000000000003) for day in (3, 4, 5)
    ]
    assert found.frame.schema["ts"] == pl.Datetime("us", "UTC")


def test_what_is_asked(host: Host, client: Glassnode):
    """One GET with asset, resolution, unix seconds and unit; the key in X-Api-Key and nowhere else."""
    host.script = [Says([])]
    client.points(LONG, NOON, NOON + 3 * HOUR, currency="native")
    (asked,) = host.asked
    assert asked.path == "/v1/metrics/derivatives/futures_liquidated_volume_long_sum"
    assert asked.query == {
        "a": "BTC",
        "i": "1h",
        "s": str(S),
        "u": str(S + 3 * 3600),
        "f": "json",
        "timestamp_format": "unix",
        "c": "native",
    }
    assert asked.headers["X-Api-Key"] == KEY
    assert "Authorization" not in asked.headers
    client.points(CLOSE, NOON, NOON + HOUR)
    assert "c" not in host.asked[1].query


def test_zero_is_data_and_null_is_unknown(host: Host, client: Glassnode):
    """0 stays 0; a `v` that is null or absent is null; an hour that is absent stays absent."""
    host.script = [Says([{"t": S, "v": 0}, {"t": S + 3600, "v": None}, {"t": S + 7200}, {"t": S + 14400, "v": 1.5}])]
    found = client.points(LONG, NOON, NOON + 5 * HOUR)
    assert found.frame.select("ts", "v").rows() == [
        (NOON, 0.0),
        (NOON + HOUR, None),
        (NOON + 2 * HOUR, None),
        (NOON + 4 * HOUR, 1.5),
    ]
    assert (found.facts.rows, found.facts.nulls) == (4, 2)


def test_a_list_under_data_is_the_same_answer(host: Host, client: Glassnode):
    """Some answers hold the list as `data`: read alike."""
    points = [{"t": S, "v": 1.0}, {"t": S + 3600, "v": 2.0}]
    host.script = [Says(points), Says({"data": points})]
    bare, held = (client.points(CLOSE, NOON, NOON + 2 * HOUR).frame for _ in range(2))
    assert bare["v"].to_list() == [1.0, 2.0]
    assert held.equals(bare)


def test_only_whole_hours_inside_the_range_are_kept_and_the_rest_is_counted(host: Host, client: Glassnode):
    """s <= t < u: the bounds by a second each; half past is no hour; of two values of one hour the last stands."""
    host.script = [
        Says(
            [
                {"t": S + 7200, "v": 9.0},
                {"t": S - 3600, "v": 1.0},
                {"t": S, "v": 2.0},
                {"t": S + 1800, "v": 3.0},
                {"t": S, "v": 4.0},
                {"t": S + 3600, "v": 5.0},
                {"t": S + 3601, "v": 6.0},
            ]
        )
    ]
    found = client.points(CLOSE, NOON, NOON + 2 * HOUR)
    assert found.frame.rows() == [(NOON, 4.0, 4), (NOON + HOUR, 5.0, 5)]
    facts = found.facts
    assert (facts.rows, facts.duplicates, facts.off_hour, facts.outside) == (2, 1, 2, 2)


def test_of_two_values_the_last_stands_also_where_it_is_null(host: Host, client: Glassnode):
    """The vendor's last word counts, not its last number."""
    host.script = [Says([{"t": S, "v": 2.0}, {"t": S, "v": None}])]
    assert client.points(CLOSE, NOON, NOON + HOUR).frame["v"].to_list() == [None]


def test_what_a_request_cost_is_told(host: Host, still: StillTime):
    """Two requests for one answer, 6 s apart: two credits, 6,000 ms, the range, the status; no key."""
    host.script = [Says(b"busy", 503), Says([{"t": S, "v": 2.0}])]
    facts = client_of(host, still).points(CLOSE, NOON, NOON + HOUR).facts
    assert facts.received_at == START + timedelta(seconds=6)
    assert facts.metadata() == {
        "endpoint": CLOSE,
        "range": "2026-11-20T12:00Z..2026-11-20T13:00Z",
        "rows": 1,
        "nulls": 0,
        "duplicates": 0,
        "off_hour": 0,
        "outside": 0,
        "duration_ms": 6000,
        "status": 200,
        "credits": 2,
    }


def test_open_high_low_close(host: Host, client: Glassnode):
    """`o` holds four values, one of them also called o; absent ones are null."""
    host.script = [
        Says(
            [
                {"t": S, "o": {"c": 4333.7, "h": 4350.0, "l": 4100.1, "o": 4110.0}},
                {"t": S + 3600, "o": {"c": 4333, "h": None, "l": 1}},
                {"t": S + 7200, "o": None},
                {"t": S + 10800},
            ]
        )
    ]
    found = client.ohlc("market/price_usd_ohlc", NOON, NOON + 4 * HOUR)
    assert found.frame.select("open", "high", "low", "close").rows() == [
        (4110.0, 4350.0, 4100.1, 4333.7),
        (None, None, 1.0, 4333.0),
        (None,) * 4,
        (None,) * 4,
    ]
    assert (found.facts.rows, found.facts.nulls) == (4, 3)


def test_an_answer_of_many_assets_is_refused(shared_data: Path, host: Host, client: Glassnode):
    """The recorded bulk answer has no `v`: it is another shape, not hours without values."""
    host.script = [Says(recorded(shared_data, "metric_bulk.json"))]
    with pytest.raises(Malformed, match=r"\[0\]\.v is missing; present: t, bulk"):
        client.points(CLOSE, NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>consent</html>", "not JSON .*the body starts '<html>consent</html>'"),
        (b"", "not JSON"),
        (b'[{"t": 1, "v": NaN}]', "not JSON"),
        (b'[{"t": 1, "v": 1e999}]', "not JSON"),
        ({}, r"the body must be a list of t and v, or hold one as data; was dict \{\}"),
        ({"data": None}, "the body must be a list"),
        ({"error": "sorry"}, r"was dict \{'error': 'sorry'\}"),
        (None, "was NoneType None"),
        ("text", "was str 'text'"),
        ([7], r"\[0\] must be an object, was int 7"),
        ([{"t": S, "o": {"c": 1}}], r"\[0\]\.v is missing; present: t, o"),
        ([{"v": 1.0}], r"\[0\]\.t must be in seconds since 1970, was None"),
        ([{"t": S * 1000, "v": 1.0}], rf"\[0\]\.t must be in seconds since 1970, was {S}000"),
        ([{"t": str(S), "v": 1.0}], r"\[0\]\.t must be in seconds since 1970"),
        ([{"t": S, "v": 1.0}, {"t": S + 3600, "v": "2.0"}], r"\[1\]\.v must be a number, was '2.0'"),
        ([{"t": S, "v": True}], r"\[0\]\.v must be a number, was True"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(host: Host, client: Glassnode, body: Any, words: str):
    """HTTP 200 is not success; what is not as agreed is refused unretried, naming element, endpoint and range."""
    host.script = [Says(body if isinstance(body, bytes) else json.dumps(body).encode())]
    with pytest.raises(Malformed, match=words) as refused:
        client.points(CLOSE, NOON, NOON + HOUR)
    assert "/v1/metrics/market/price_usd_close [BTC 1h 2026-11-20T12:00Z..2026-11-20T13:00Z]" in str(refused.value)
    assert len(host.asked) == 1


def test_single_values_are_no_open_high_low_close(host: Host, client: Glassnode):
    """`v` where `o` was agreed is refused, and so is an `o` that is no object."""
    host.script = [Says([{"t": S, "v": 1.0}]), Says([{"t": S, "o": 1.0}]), Says([{"t": S, "o": {"c": "1"}}])]
    for words in (r"\[0\]\.o is missing", r"\[0\]\.o must be an object, was 1.0", r"o\[0\]\.c must be a number"):
        with pytest.raises(Malformed, match=words):
            client.ohlc("market/price_usd_ohlc", NOON, NOON + HOUR)


@pytest.mark.parametrize("parse", [glassnode.parse_points, glassnode.parse_ohlc])
def test_any_body_is_rows_or_a_vendor_error(parse: Any):
    """A body with one member replaced by junk, or removed, is read or refused, never a crash."""
    value = {"v": 2.0} if parse is glassnode.parse_points else {"o": {"o": 1.0, "h": 2.0, "l": 1.0, "c": 2.0}}
    body = {"data": [{"t": S, **value}, {"t": S + 3600, **value}]}

    def read(reply: Reply) -> pl.DataFrame:
        return parse(json_shape.parse("glassnode", reply.body))

    good, refused = verdicts(spoilt(body), read)
    assert good > 10 < refused


#: recorded case -> error, what it must say, requests made
REFUSALS: dict[str, tuple[type[VendorError], str, int]] = {
    "rate_limited": (RateLimited, "HTTP 429: Too Many Requests", 5),
    "bad_key": (Unauthorized, "GLASSNODE_API_KEY is refused .*Invalid API key.*no retry was made", 1),
    "resolution_not_in_plan": (
        NotEntitled,
        r"Resolution 1h is not allowed. Allowed resolutions: \[24h, 1w, 1month\].*upgrade the plan",
        1,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_recorded_refusals(shared_data: Path, host: Host, client: Glassnode, case: str):
    """Each recorded error becomes its own error, with the vendor's words; only 429 is asked again."""
    kind, words, requests = REFUSALS[case]
    host.script = [refusals(shared_data)[case]]
    with pytest.raises(kind, match=words):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert len(host.asked) == requests


def test_every_recorded_refusal_is_tested(shared_data: Path):
    """A case added to the recordings needs its line above."""
    assert set(refusals(shared_data)) == set(REFUSALS)


def test_the_window_of_the_vendor_is_waited_for(shared_data: Path, host: Host, still: StillTime, client: Glassnode):
    """The recorded 429 resets in 37 s: four waits of 37 s, and the source is blocked for as long at the end."""
    host.script = [refusals(shared_data)["rate_limited"]]
    with pytest.raises(RateLimited) as refused:
        client.points(CLOSE, NOON, NOON + HOUR)
    assert still.slept == [37.0] * 4
    assert refused.value.retry_at == START + timedelta(seconds=5 * 37)


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "11", "x-rate-limit-reset": "37"}, 11.0),
        ({"x-rate-limit-reset": "12.5"}, 12.5),
        ({"x-rate-limit-reset": "1795176000"}, 6.0),
        ({"x-rate-limit-reset": "soon"}, 6.0),
        ({}, 6.0),
    ],
)
def test_the_wait_after_429(host: Host, still: StillTime, client: Glassnode, headers: dict[str, str], waited: float):
    """Retry-After wins; else the reset in seconds; an epoch, words or nothing leave our own back-off of 6 s."""
    host.script = [Says(b"Too Many Requests", 429, headers), Says([])]
    client.points(CLOSE, NOON, NOON + HOUR)
    assert still.slept == [waited]


def test_a_failing_vendor_is_asked_five_times(host: Host, still: StillTime, client: Glassnode):
    """A 502 on each: waits of 6, 12, 24 and 48 s, then the failure with the vendor's words."""
    host.script = [Says(b"bad gateway", 502)]
    with pytest.raises(Unavailable, match="HTTP 502: bad gateway"):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert len(host.asked) == 5
    assert still.slept == [6.0, 12.0, 24.0, 48.0]


def test_the_settings_reach_the_client(host: Host, still: StillTime):
    """max_attempts 2 and first_wait_s 30 are two requests 30 s apart; timeout_s is the time of one request."""
    client = client_of(host, still, max_attempts=2, first_wait_s=30, timeout_s=0.2)

    def late(_: Any) -> Says:
        time.sleep(0.6)
        return Says([])

    host.script = late
    with pytest.raises(Unavailable, match=r"no whole answer within 0\.2 s"):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert (len(host.asked), still.slept) == (2, [30.0])


def test_four_long_waits_are_not_cut_short(host: Host, still: StillTime, client: Glassnode):
    """Four times Retry-After 59 is longer than any other vendor's call may take; the fifth answer counts."""
    host.script = [*[Says(b"", 429, {"Retry-After": "59"})] * 4, Says([{"t": S, "v": 1.0}])]
    found = client.points(CLOSE, NOON, NOON + HOUR)
    assert (found.facts.credits, found.facts.duration_ms) == (5, 4 * 59_000)


def test_a_wrong_request_is_told_in_the_vendors_words(host: Host, client: Glassnode):
    """400 is plain text: `unexpected parameter "foo"`, once."""
    host.script = [Says(b'unexpected parameter "foo"', 400, {"Content-Type": "text/plain"})]
    with pytest.raises(BadRequest, match='HTTP 400: unexpected parameter "foo"'):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("endpoint", "setting"),
    [(CLOSE, r"btc\.glassnode\.endpoints\.price\."), ("/market/gone", r"btc\.glassnode\.endpoints\.")],
)
def test_an_unknown_metric_names_its_setting(host: Host, client: Glassnode, endpoint: str, setting: str):
    """404 says which endpoint the vendor does not have, and which setting to correct."""
    host.script = [Says(b"404 page not found", 404, {"Content-Type": "text/plain"})]
    name = endpoint.strip("/")
    with pytest.raises(NotFound, match=rf"no metric {name} \(HTTP 404: 404 page not found\)\. Correct {setting}"):
        client.points(endpoint, NOON, NOON + HOUR)


def test_requests_start_six_seconds_apart(host: Host, still: StillTime, client: Glassnode):
    """10 requests a minute: the second and third call wait 6 s each, another client of the same key a third time."""
    host.script = [Says([])]
    for _ in range(3):
        client.points(CLOSE, NOON, NOON + HOUR)
    client_of(host, still).points(CLOSE, NOON, NOON + HOUR)
    assert still.slept == [6.0, 6.0, 6.0]


def test_thirty_a_minute_are_two_seconds_apart(host: Host, still: StillTime):
    """`requests_per_minute` decides; metadata is asked through the same gate."""
    client = client_of(host, still, requests_per_minute=30)
    host.script = [Says([]), Says({})]
    client.points(CLOSE, NOON, NOON + HOUR)
    client.metric(CLOSE)
    assert still.slept == [2.0]


def test_the_daily_credits_of_a_plan_are_kept(host: Host, still: StillTime):
    """requests_per_day 1: the second request is refused unsent, naming the setting."""
    client = client_of(host, still, requests_per_day=1)
    host.script = [Says([])]
    client.points(CLOSE, NOON, NOON + HOUR)
    with pytest.raises(BudgetExhausted, match=r"day is spent \(1/1 requests\).*raise btc\.glassnode\.requests_per"):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert len(host.asked) == 1


@pytest.mark.parametrize(("rates", "waits"), [(None, []), (RateBudget(per_minute=20), [3.0, 3.0])])
def test_the_sandbox_is_not_waited_for(
    host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch, rates: RateBudget | None, waits: list[float]
):
    """Sandbox: no budget and no spacing unless given; asked below /glassnode, with a key of its own."""
    monkeypatch.delenv("GLASSNODE_API_KEY", raising=False)
    client = Glassnode.connect(load(vendors="sandbox", sandbox_url=host.url), rates=rates, timing=still.timing)
    host.script = [Says([])]
    for _ in range(3):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert still.slept == waits
    assert host.asked[0].path == "/glassnode/v1/metrics/market/price_usd_close"
    assert host.asked[0].headers["X-Api-Key"] == "sandbox"


def test_recorded_description_of_a_metric(shared_data: Path, host: Host, client: Glassnode):
    """Market cap has a variant that is never revised; the path is asked with its slash."""
    host.script = [Says(recorded(shared_data, "metric_describe.json"))]
    found = client.metric("market/marketcap_usd")
    assert (found["tier"], found["path"]) == (1, "/market/marketcap_usd")
    assert glassnode.point_in_time_variant(found) == "/market/marketcap_usd_pit"
    (asked,) = host.asked
    assert (asked.path, asked.query) == ("/v1/metadata/metric", {"path": "/market/marketcap_usd"})
    assert asked.headers["X-Api-Key"] == KEY


@pytest.mark.parametrize("described", [{}, {"refs": None}, {"refs": {}}, {"refs": {"metric_variant": {"bulk": "/x"}}}])
def test_a_metric_without_such_a_variant(described: dict[str, Any]):
    """No reference, no variant."""
    assert glassnode.point_in_time_variant(described) is None


def test_a_description_of_another_shape(host: Host, client: Glassnode):
    """A list is no description; an unknown path is told with its setting."""
    host.script = [Says([]), Says({"message": "no such metric"}, 404)]
    with pytest.raises(Malformed, match="the body must be an object, was list"):
        client.metric(CLOSE)
    with pytest.raises(NotFound, match=r"no such metric.*btc\.glassnode\.endpoints\.price"):
        client.metric(CLOSE)


def test_without_a_key_nothing_is_sent(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch):
    """A missing key is one message that names the variable and the sandbox; zero requests."""
    monkeypatch.delenv("GLASSNODE_API_KEY", raising=False)
    client = Glassnode.connect(live_settings(host, btc={"glassnode": {"base_url": host.url}}), timing=still.timing)
    with pytest.raises(MissingKey, match=r"GLASSNODE_API_KEY is not set; nothing was sent.*or use the sandbox"):
        client.points(CLOSE, NOON, NOON + HOUR)
    assert host.asked == []


def test_the_key_appears_nowhere(host: Host, still: StillTime, home: Path, caplog: pytest.LogCaptureFixture):
    """Vendors that echo the key in bodies of every kind: no error, log, file or raw response shows it."""
    caplog.set_level(logging.DEBUG)
    echo = f"key {KEY} (X-Api-Key: {KEY}, ?api_key={KEY})"
    client = client_of(host, still)
    shown: list[str] = []
    for says in (
        Says({"error": echo}, 401),
        Says({"message": echo}, 403),
        Says(echo.encode(), 400),
        Says(echo.encode(), 404),
        Says(echo.encode(), 429, {"Retry-After": "300"}),
        Says(echo.encode(), 500),
        Says(echo.encode(), 200),
        Says([{"t": S, "v": echo}], 200),
        Says({"data": echo}, 200),
    ):
        host.script = [says]
        still.pass_(3600)
        with pytest.raises(VendorError) as failed:
            client.points(CLOSE, NOON, NOON + HOUR)
        shown += [*traceback.format_exception(failed.value), pickle.dumps(failed.value).decode("latin-1")]
        shown += [str(vars(failed.value)), repr(client)]
    assert len(host.asked) >= 9
    stored = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    bodies = [zstandard.ZstdDecompressor().decompress(path.read_bytes()) for path in home.glob("raw/**/*.zst")]
    assert len(bodies) >= 5
    assert any("[REDACTED]" in text for text in shown)
    assert not [text for text in (*shown, caplog.text) if KEY in text]
    assert not [content for content in (*stored, *bodies) if KEY.encode() in content]


@pytest.mark.parametrize("filler", range(60, 210, 5))
@pytest.mark.parametrize("status", [200, 400])
def test_a_key_is_not_cut_in_two(host: Host, client: Glassnode, filler: int, status: int):
    """Long bodies are shown cut: wherever the cut falls, not even the first half of an echoed key is shown."""
    said = "x" * filler + KEY
    host.script = [Says({"message": said}, status)]
    with pytest.raises(VendorError) as failed:
        client.points(CLOSE, NOON, NOON + HOUR)
    assert KEY[:6] not in str(failed.value)


def test_the_registry_knows_it(host: Host, still: StillTime):
    """One client for all of the process, listed last among the vendors in use; the chain of equities lacks it."""
    settings = live_settings(host, btc={"glassnode": {"base_url": host.url}}, GLASSNODE_API_KEY=KEY)
    vendors = Vendors(settings, rates={"glassnode": RateBudget(per_minute=1)}, timing=still.timing)
    assert vendors.glassnode is vendors.glassnode
    assert [use.limit for use in vendors.glassnode.http.budget.use()] == [1]
    assert settings.vendor_names[-1] == "glassnode"
    assert vendors.source("polygon") is vendors.polygon
    with pytest.raises(KeyError):
        vendors.source("glassnode")
    vendors.close()
