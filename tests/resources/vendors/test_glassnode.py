"""Glassnode's wire format: what an answer says, from recorded bodies and from a scripted vendor."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.core.settings import RateBudget
from resources.http.errors import (
    Malformed,
    NotFound,
)
from resources.http.transport import Reply
from resources.vendors import glassnode, json_shape
from resources.vendors.glassnode import Glassnode
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.glassnode_host import CLOSE, HOUR, KEY, LONG, NOON, S, client_of, recorded
from tests.resources.vendors.test_shapes import spoilt, verdicts


@pytest.fixture
def client(host: Host, still: StillTime) -> Glassnode:
    return client_of(host, still)


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


def test_the_registry_knows_it(host: Host, still: StillTime):
    """One client for all of the process, listed among the vendors in use; the chain of equities lacks it."""
    settings = live_settings(host, btc={"glassnode": {"base_url": host.url}}, GLASSNODE_API_KEY=KEY)
    vendors = Vendors(settings, rates={"glassnode": RateBudget(per_minute=1)}, timing=still.timing)
    assert vendors.glassnode is vendors.glassnode
    assert [use.limit for use in vendors.glassnode.http.budget.use()] == [1]
    assert "glassnode" in settings.vendor_names
    assert vendors.source("polygon") is vendors.polygon
    with pytest.raises(KeyError):
        vendors.source("glassnode")
    vendors.close()
