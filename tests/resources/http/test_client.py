"""The whole stack: what it refuses to send, what it makes of bad answers, and that it shows no key."""

import logging
import pickle
import traceback
from pathlib import Path

import pytest
import zstandard

from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import (
    BadRequest,
    CircuitOpen,
    Malformed,
    MissingKey,
    NotFound,
    RateLimited,
    Truncated,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.http.state import VendorState
from resources.vendors import json_shape
from tests.resources.vendor_host import Host, Says, StillTime, live_settings

KEY = "MARKED-KEY-abc123XYZ"


def client_of(host: Host, still: StillTime, key: str | None = KEY, **overrides) -> VendorClient:
    settings = live_settings(host, **overrides)
    return connect(settings, "polygon", key=key, key_variable="POLYGON_API_KEY", timing=still.timing)


def ask(client: VendorClient):
    def read(reply):
        bad_key = {401: lambda detail: Unauthorized("polygon", f"POLYGON_API_KEY is refused ({detail})")}
        judge.refuse("polygon", reply, bad_key)
        return json_shape.parse("polygon", reply.body)

    return client.get("/v2/thing", {"x": 1}, read=read, context="AAPL 2020")


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_nothing_is_sent(host: Host, still: StillTime, key: str | None):
    """A missing key is one message that names the variable; zero requests."""
    with pytest.raises(MissingKey, match="POLYGON_API_KEY is not set; nothing was sent"):
        ask(client_of(host, still, key))
    assert host.asked == []


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_not_sent_and_not_shown(host: Host, still: StillTime, key: str):
    """A pasted key with a space, a line break or an umlaut is told by variable, not by value."""
    with pytest.raises(Unauthorized, match="POLYGON_API_KEY holds characters") as refused:
        ask(client_of(host, still, key))
    assert key not in str(refused.value)
    assert host.asked == []


@pytest.mark.parametrize("path", ["@evil.example/x", ".evil.example/x", "x"])
def test_a_path_cannot_name_another_host(host: Host, still: StillTime, path: str):
    """A path that would change the host of the base URL is refused, unsent."""
    with pytest.raises(BadRequest, match="a path starts with a slash"):
        client_of(host, still).get(path, read=lambda reply: reply)
    assert host.asked == []


def test_the_key_travels_in_the_header_only(host: Host, still: StillTime):
    """Authorization: Bearer; surrounding space of the variable is dropped; the URL has no key."""
    ask(client_of(host, still, f" {KEY}\n"))
    assert host.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert host.asked[0].query == {"x": "1"}


def test_the_key_travels_where_the_vendor_reads_it(host: Host, still: StillTime):
    """Behind another scheme, or in the query alone, spelled as a URL needs it."""
    settings, named = live_settings(host), "POLYGON_API_KEY"
    ask(connect(settings, "polygon", key=KEY, key_variable=named, key_scheme="apikey", timing=still.timing))
    ask(connect(settings, "polygon", key=f"{KEY}+&", key_variable=named, key_query="apikey", timing=still.timing))
    assert host.asked[0].headers["Authorization"] == f"apikey {KEY}"
    assert host.asked[1].query == {"x": "1", "apikey": f"{KEY}+&"}
    assert "Authorization" not in host.asked[1].headers


def test_a_client_knows_whether_it_can_ask(host: Host, still: StillTime):
    """With a key, or where none is needed; a blank one is none."""
    assert [client_of(host, still, key).is_enabled for key in (KEY, " ", None)] == [True, False, False]
    assert connect(live_settings(host), "yahoo", timing=still.timing).is_enabled


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>consent</html>", "not JSON .*the body starts '<html>consent</html>'"),
        (b'{"results": [{"o": 1.', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_body_that_is_not_json_is_malformed_and_not_retried(host: Host, still: StillTime, body: bytes, said: str):
    """HTTP 200 is not success; a parse error is not retried, and names vendor, endpoint, context."""
    host.script = [Says(body)]
    with pytest.raises(Malformed, match=rf"polygon /v2/thing \[AAPL 2020\]: {said}"):
        ask(client_of(host, still))
    assert len(host.asked) == 1


def test_malformed_answers_open_the_breaker(host: Host, still: StillTime):
    """Five malformed bodies in a row count like five failed calls."""
    host.script = [Says(b"not json")]
    client = client_of(host, still)
    for _ in range(5):
        with pytest.raises(Malformed):
            ask(client)
    with pytest.raises(CircuitOpen):
        ask(client)
    assert len(host.asked) == 5


def test_answers_that_say_nothing_of_health_do_not_open_it(host: Host, still: StillTime):
    """404 and 401, however many, leave the breaker closed and its count at zero."""
    host.script = lambda _: Says({}, 401 if len(host.asked) % 2 else 404)
    client = client_of(host, still)
    for _ in range(12):
        with pytest.raises((NotFound, Unauthorized)):
            ask(client)
    assert client.breaker.status().consecutive_failures == 0
    assert len(host.asked) == 12


def test_a_connection_cut_inside_the_body_is_malformed_after_three_requests(host: Host, still: StillTime):
    """Half a body is never an answer; the call tries again and then says how much came."""
    host.script = [Says({"a": "x" * 100}, cut_after=20)]
    with pytest.raises(Truncated, match="the body ends after 20 bytes, announced were 109"):
        ask(client_of(host, still))
    assert len(host.asked) == 3


def test_a_redirect_is_not_followed(host: Host, still: StillTime):
    """A consent page elsewhere is no answer, and the key is not carried to it."""
    host.script = [Says(b"", 302, {"Location": f"{host.url}/elsewhere?apiKey={KEY}"})]
    with pytest.raises(Malformed, match=r"elsewhere\?apiKey=\[REDACTED\]; redirects are not followed"):
        ask(client_of(host, still))
    assert [asked.path for asked in host.asked] == ["/v2/thing"]


def test_a_silent_server_is_left_after_the_timeout(host: Host):
    """A request that brings nothing within timeout_s is given up, and the call fails as unavailable."""
    import threading

    from resources.http.transport import Timing

    release = threading.Event()

    def wait(_):
        release.wait(5)
        return Says({})

    host.script = wait
    timing = Timing(sleep=lambda _: None)
    settings = live_settings(host, fetch={"timeout_s": 0.1})
    client = connect(settings, "polygon", key=KEY, key_variable="POLYGON_API_KEY", timing=timing)
    with pytest.raises(Unavailable, match=r"no whole answer within 0\.1 s"):
        ask(client)
    release.set()
    assert len(host.asked) == 3


def test_statistics_of_what_was_asked(host: Host, still: StillTime):
    """Outcomes are counted per request; latency is measured."""
    host.script = [Says(b"", 503), Says({"a": 1}), Says(b"", 404)]
    client = client_of(host, still)
    ask(client)
    with pytest.raises(NotFound):
        ask(client)
    stats = VendorState.of(live_settings(host).home).call_stats("polygon")
    assert stats.outcomes == {"unavailable": 1, "ok": 1, "not_found": 1}
    assert stats.success_rate == pytest.approx(1 / 3)
    assert stats.latency_p95_ms is not None
    assert stats.latency_p95_ms > 0


def test_every_body_is_stored_before_it_is_read(host: Host, still: StillTime, home: Path):
    """Good, bad and refused answers are all in the raw store, by digest, with status and URL."""
    host.script = [Says(b"not json"), Says({"error": "Unknown API Key"}, 401)]
    client = client_of(host, still)
    for _ in range(2):
        with pytest.raises(VendorError):
            ask(client)
    bodies = {zstandard.decompress(path.read_bytes()) for path in (home / "raw").glob("*/*/*.zst")}
    assert bodies == {b"not json", b'{"error": "Unknown API Key"}'}
    notes = VendorState.of(home).rows("SELECT status, url FROM raw_responses ORDER BY id")
    assert notes == [(200, f"{host.url}/v2/thing?x=1"), (401, f"{host.url}/v2/thing?x=1")]


ECHO = f"We have detected your API key as {KEY}, see https://x.y/?apiKey={KEY}"


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (Says({"fine": ECHO}), None),
        (Says({"error": ECHO}, 401), Unauthorized),
        (Says({"error": ECHO}, 429), RateLimited),
        (Says({"error": ECHO}, 429, {"Retry-After": "3600"}), RateLimited),
        (Says(ECHO.encode(), 500), Unavailable),
        (Says(ECHO.encode()), Malformed),
        (Says({"error": ECHO}, 404), NotFound),
        (Says(ECHO.encode() * 9, cut_after=50), Truncated),
    ],
)
def test_the_key_is_found_nowhere(
    host: Host, still: StillTime, home: Path, caplog: pytest.LogCaptureFixture, says: Says, kind: type[Exception] | None
):
    """After success or any failure, with a vendor that echoes the key, it is in no log, error or file."""
    host.script = [says]
    caplog.set_level(logging.DEBUG)
    shown = ""
    try:
        _, reply = ask(client_of(host, still))
        shown = f"{reply!r}"
    except VendorError as error:
        assert kind is not None
        assert type(error) is kind
        shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(pickle.dumps(error))
    assert KEY in host.asked[0].headers["Authorization"]
    assert KEY not in shown
    assert KEY not in caplog.text
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        if path.suffix == ".zst":
            assert KEY.encode() not in zstandard.decompress(content), path


def test_an_answer_that_nobody_reads_again_is_not_kept(host: Host, still: StillTime, home: Path):
    """Quotes of every second would fill the raw store; they are read and counted like all others."""
    host.script = [Says({"price": 1.5})]
    client = client_of(host, still)
    found, reply = client.get("/v2/quote", read=lambda reply: json_shape.parse("polygon", reply.body), record=False)
    assert (found, reply.digest) == ({"price": 1.5}, "")
    assert list((home / "raw").glob("*/*/*.zst")) == []
    state = VendorState.of(home)
    assert state.rows("SELECT * FROM raw_responses") == []
    assert state.call_stats("polygon").outcomes == {"ok": 1}
