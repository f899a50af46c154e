"""Questions that are posted, requests that count as several, budgets of their own."""

from pathlib import Path

import pytest

from market_assets.core.settings import RateBudget
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, BudgetExhausted, CircuitOpen, Unavailable
from resources.http.state import VendorState
from resources.vendors import json_shape
from tests.resources.vendor_host import Host, Says, StillTime, live_settings

KEY = "MARKED-KEY-post9XYZ"


def client_of(host: Host, still: StillTime, *, key: str | None = None, lane: str = "", **rates: int) -> VendorClient:
    settings = live_settings(host)
    return connect(settings, "polygon", key=key, lane=lane, rates=RateBudget(**rates), timing=still.timing)


def read(reply):
    judge.refuse("polygon", reply)
    return json_shape.parse("polygon", reply.body)


def test_what_is_posted_arrives_as_json(host: Host, still: StillTime):
    """Method POST with a JSON body and its content type; the answer is read like any other."""
    host.script = [Says([1, 2])]
    value, reply = client_of(host, still).post("/info", {"type": "fundingHistory", "coin": "BTC"}, read=read)
    (asked,) = host.asked
    assert (asked.path, asked.query, asked.content) == ("/info", {}, b'{"type":"fundingHistory","coin":"BTC"}')
    assert asked.headers["Content-Type"] == "application/json"
    assert (value, reply.requests) == ([1, 2], 1)


def test_a_get_posts_nothing(host: Host, still: StillTime):
    """No body and no content type where nothing is posted."""
    client_of(host, still).get("/info", read=read)
    assert host.asked[0].content == b""
    assert "Content-Type" not in host.asked[0].headers


def test_a_posted_question_is_repeated(host: Host, still: StillTime):
    """503 twice, then an answer: three times the same body."""
    host.script = [Says(b"", 503), Says(b"", 503), Says({"a": 1})]
    value, reply = client_of(host, still).post("/info", {"type": "meta"}, read=read)
    assert (value, reply.requests) == ({"a": 1}, 3)
    assert {asked.content for asked in host.asked} == {b'{"type":"meta"}'}


def test_the_raw_store_tells_what_was_posted(host: Host, still: StillTime):
    """Behind the URL stands the body, without a key that it may hold."""
    client_of(host, still, key=KEY).post("/info", {"type": "meta", "user": KEY, "api_key": "other-0001"}, read=read)
    notes = VendorState.of(live_settings(host).home).rows("SELECT url FROM raw_responses")
    body = '{"type":"meta","user":"[REDACTED]","api_key":"[REDACTED]"}'
    assert notes == [(f"{host.url}/info#{body}",)]


def test_a_posted_path_cannot_name_another_host(host: Host, still: StillTime):
    """The rule of `get` holds for `post`."""
    with pytest.raises(BadRequest, match="a path starts with a slash"):
        client_of(host, still).post("@evil.example/x", {}, read=read)
    assert host.asked == []


def test_a_request_costs_what_the_vendor_counts(host: Host, still: StillTime):
    """20 of 50 a minute: the third asks the next minute; each of its repeats costs 20 as well."""
    client = client_of(host, still, per_minute=50, per_day=1000)
    for _ in range(2):
        client.post("/info", {"type": "meta"}, read=read, cost=20)
    assert {use.name: use.used for use in client.budget.use()} == {"minute": 40, "day": 40}
    host.script = [Says(b"", 503), Says({"a": 1})]
    client.get("/info", read=read, cost=20)
    assert still.slept == [pytest.approx(60, abs=0.01), 1.0]
    assert {use.name: use.used for use in client.budget.use()} == {"minute": 40, "day": 80}


def test_a_request_no_window_can_hold_is_refused_at_once(host: Host, still: StillTime):
    """Waiting would not help: the message says what it counts as, and which setting to raise."""
    words = r"counts as 20 never fits into 10 per second\. Raise polygon\.budget\."
    with pytest.raises(BudgetExhausted, match=words):
        client_of(host, still, per_second=10).get("/info", read=read, cost=20)
    assert (host.asked, still.slept) == ([], [])


def test_lanes_have_a_budget_each(host: Host, still: StillTime):
    """One request a day: spent in one lane, it is there in the other."""
    history, market = (client_of(host, still, lane=lane, per_day=1) for lane in ("", "market"))
    history.get("/info", read=read)
    with pytest.raises(BudgetExhausted):
        history.get("/info", read=read)
    market.get("/info", read=read)
    with pytest.raises(BudgetExhausted):
        client_of(host, still, lane="market", per_day=1).get("/info", read=read)


def test_lanes_share_breaker_statistics_and_raw_store(host: Host, still: StillTime, home: Path):
    """Five failed calls in one lane rest the vendor for both; counts and bodies are the vendor's."""
    host.script = [Says({"error": "down"}, 500)]
    history, market = (client_of(host, still, lane=lane) for lane in ("", "market"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            history.get("/info", read=read)
    with pytest.raises(CircuitOpen):
        market.get("/info", read=read)
    assert VendorState.of(home).call_stats("polygon").outcomes == {"unavailable": 15, "circuit_open": 1}
    assert [path.name for path in (home / "raw").iterdir()] == ["polygon"]
