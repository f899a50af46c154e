"""The language model over a real socket: what is asked, what is waited for, what is refused, and its key."""

import json
import logging
import pickle
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from market_assets.settings import load
from resources.http.breaker import Breaker
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    CircuitOpen,
    Malformed,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.http.raw import RawStore
from resources.http.state import VendorState
from resources.vendors.advisor import Advisor, NoSdk, OutOfCredit, is_enabled
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import Host, Says, StillTime, live_settings
from tests.resources.vendors.advisor_host import KEY, Queue, advised_settings, completion, refusal, text_of

pytest.importorskip("openai", reason="needs the extra llm")


@pytest.fixture
def advisor(host: Host, still: StillTime) -> Advisor:
    return Advisor.connect(advised_settings(host), timing=still.timing)


@pytest.fixture
def queue() -> Iterator[Queue]:
    running = Queue()
    yield running
    running.close()


def test_what_is_asked(host: Host, advisor: Advisor):
    """One POST of one message with model, temperature, limit and JSON mode; the key as bearer."""
    host.script = [completion('{"approved": true}')]
    said = advisor.ask("reply as JSON", "risk BTCUSDT")
    assert said.content == '{"approved": true}'
    (asked,) = host.asked
    assert asked.path == "/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(asked.content) == {
        "model": "deepseek-v4-flash",
        "messages": [{"role": "user", "content": "reply as JSON"}],
        "temperature": 0.0,
        "max_tokens": 4000,
        "response_format": {"type": "json_object"},
    }
    assert text_of(asked) == "reply as JSON"


def test_blank_lines_of_a_queue_are_no_part_of_the_answer(host: Host, advisor: Advisor):
    """The body begins with white space, which is stripped; the raw body is kept as it came."""
    host.script = [completion("{}", blank_lines=50)]
    said = advisor.ask("JSON")
    assert said.content == "{}"
    state = VendorState.of(load().home)
    body = RawStore.of(load().home, state).get("advisor", said.raw_reply_ref)
    assert body == b"\n" * 50 + completion("{}").body


def test_a_queue_that_never_ends_is_left_at_the_deadline(queue: Queue, host: Host):
    """Blank lines keep an idle time-out from firing: the whole call has a deadline, and uses it in one request."""
    advisor = Advisor.connect(advised_settings(host, advice={"base_url": queue.url, "deadline_s": 0.3}))
    with pytest.raises(Unavailable, match=r"advisor /chat/completions \[signal\]: no whole answer within 0.3 s"):
        advisor.ask("JSON", "signal")
    assert queue.requests == 1


@pytest.mark.parametrize("content", ["", None, '{"approved": tr'])
def test_an_empty_or_cut_message_is_still_a_reply(host: Host, advisor: Advisor, content: str | None):
    """What cannot be used is for the reader of replies to say: the vendor did answer."""
    host.script = [completion(content, finish="length")]
    assert advisor.ask("JSON").content == (content or "")
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (Says(b"<html>", 200), "not JSON"),
        (Says(b"\n\n\n", 200), "not JSON"),
        (Says([1]), "must be an object"),
        (Says({"object": "chat.completion"}), "choices is missing"),
        (Says({"choices": []}), "choices must hold a message, was empty"),
        (Says({"choices": [{"text": "x"}]}), r"choices\[0\].message is missing"),
        (Says({"choices": [{"message": {"content": 7}}]}), r"choices\[0\].message.content must be text, was 7"),
    ],
)
def test_another_shape_is_malformed(host: Host, advisor: Advisor, says: Says, words: str):
    """HTTP 200 is not success; it is not asked again."""
    host.script = [says]
    with pytest.raises(Malformed, match=words):
        advisor.ask("JSON")
    assert len(host.asked) == 1


def test_overload_is_waited_out(host: Host, still: StillTime, advisor: Advisor):
    """429 with Retry-After 7, then 503: waits of 7 s and 2 s, three requests, one answer."""
    host.script = [refusal(429, "busy", **{"Retry-After": "7"}), refusal(503, "overloaded"), completion("{}")]
    assert advisor.ask("JSON").content == "{}"
    assert still.slept == [7.0, 2.0]
    assert len(host.asked) == 3


def test_a_permanent_failure_makes_three_requests(host: Host, advisor: Advisor):
    """The SDK's own retries are off: there is one retry layer."""
    host.script = [refusal(500, "broken")]
    with pytest.raises(Unavailable, match="HTTP 500: broken"):
        advisor.ask("JSON")
    assert len(host.asked) == 3


def test_a_long_wait_blocks_the_source(host: Host, still: StillTime, advisor: Advisor):
    """Retry-After of 10 minutes does not fit into the call: until then nothing is sent."""
    host.script = [refusal(429, "busy", **{"Retry-After": "600"})]
    for _ in range(2):
        with pytest.raises(RateLimited):
            advisor.ask("JSON")
    assert len(host.asked) == 1
    still.pass_(601)
    host.script = [completion("{}")]
    assert advisor.ask("JSON").content == "{}"


def test_a_connection_cut_inside_the_answer_is_asked_again(host: Host, advisor: Advisor):
    """Half a body is no answer; the second request brings it whole."""
    host.script = [completion("{}")._replace(cut_after=40), completion('{"size": 0}')]
    assert advisor.ask("JSON").content == '{"size": 0}'
    assert len(host.asked) == 2


def test_an_empty_account_stops_for_the_day(host: Host, still: StillTime, advisor: Advisor):
    """402 is told at once, blocks until midnight UTC, and not longer."""
    host.script = [refusal(402, "Insufficient Balance")]
    with pytest.raises(OutOfCredit, match=r"HTTP 402: Insufficient Balance.*before midnight UTC"):
        advisor.ask("JSON")
    with pytest.raises(RateLimited, match="blocked by the vendor until 2026-11-21 00:00:00Z"):
        advisor.ask("JSON")
    assert len(host.asked) == 1
    host.script = [completion("{}")]
    still.at = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    assert advisor.ask("JSON").content == "{}"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorized), (400, BadRequest), (422, BadRequest), (302, Malformed)]
)
def test_refusals_are_not_retried(host: Host, advisor: Advisor, status: int, kind: type[VendorError]):
    """Our request or our key is wrong: asking again is answered the same way. A redirect is not followed."""
    host.script = [refusal(status, "no", Location=f"{host.url}/elsewhere")]
    with pytest.raises(kind, match=f"HTTP {status}"):
        advisor.ask("JSON")
    assert [asked.path for asked in host.asked] == ["/chat/completions"]


def test_the_calls_of_a_day_are_counted(host: Host, still: StillTime):
    """The budget is of the settings, per UTC day, retries included, and shared by way of the state file."""
    settings = advised_settings(host, advice={"max_calls_per_day": 3})
    host.script = [refusal(503, "overloaded"), completion("{}")]
    one, other = (Advisor.connect(settings, timing=still.timing) for _ in range(2))
    one.ask("JSON")
    other.ask("JSON")
    with pytest.raises(BudgetExhausted, match=r"\(3/3 requests\).*crypto.advice.max_calls_per_day"):
        one.ask("JSON")
    assert len(host.asked) == 3
    still.pass_(timedelta(hours=12).total_seconds())
    assert one.ask("JSON").content == "{}"


def test_failures_open_the_breaker_that_health_pages_see(host: Host, still: StillTime, advisor: Advisor):
    """Five failed calls open it: nothing is sent; calls and outcomes stand in the vendors' state."""
    host.script = [refusal(500, "broken")]
    for _ in range(5):
        with pytest.raises(Unavailable):
            advisor.ask("JSON")
    with pytest.raises(CircuitOpen):
        advisor.ask("JSON")
    state = VendorState.of(load().home)
    assert Breaker("advisor", state, now=still.now).status().state == "open"
    assert state.call_stats("advisor").outcomes == {"unavailable": 15, "circuit_open": 1}


def test_the_key_appears_nowhere(
    host: Host, still: StillTime, advisor: Advisor, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    """A vendor that echoes the key in a reply, an error and a header: no text, log, file or pickle has it."""
    caplog.set_level(logging.DEBUG)
    host.script = [
        completion(f'{{"reasoning": "your key is {KEY}"}}'),
        refusal(401, f"bad key {KEY}", **{"X-Echo": KEY}),
    ]
    said = advisor.ask("JSON")
    assert said.content == '{"reasoning": "your key is [REDACTED]"}'
    with pytest.raises(Unauthorized) as refused:
        advisor.ask("JSON")
    shown = "".join(traceback.format_exception(refused.value))
    assert "ADVISOR_API_KEY" in shown
    assert KEY not in shown + repr(refused.value) + caplog.text
    assert KEY.encode() not in pickle.dumps(refused.value)
    stored = [path for path in load().home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".zst" for path in stored)
    for path in stored:
        content = path.read_bytes()
        assert KEY.encode() not in (
            zstandard.ZstdDecompressor().decompress(content) if path.suffix == ".zst" else content
        )


def test_the_sandbox_is_asked_by_its_own_key(host: Host, still: StillTime):
    """A real key never reaches the sandbox; its calls have no budget."""
    settings = live_settings(
        host,
        vendors="sandbox",
        sandbox_url=host.url,
        crypto={"advice": {"enabled": True, "max_calls_per_day": 1}},
        ADVISOR_API_KEY=KEY,
    )
    vendors = Vendors(settings, timing=still.timing)
    host.script = [completion("{}")]
    assert vendors.advisor is not None
    assert vendors.advisor is vendors.advisor
    for _ in range(2):
        vendors.advisor.ask("JSON")
    assert {(asked.path, asked.headers["authorization"]) for asked in host.asked} == {
        ("/advisor/chat/completions", "Bearer sandbox")
    }


@pytest.mark.parametrize(
    ("vendors", "enabled", "key", "asked"),
    [
        ("live", True, KEY, True),
        ("live", True, None, False),
        ("live", False, KEY, False),
        ("sandbox", True, None, True),
        ("sandbox", False, None, False),
    ],
)
def test_when_a_model_is_asked(host: Host, vendors: str, enabled: bool, key: str | None, asked: bool):
    """Switched on, and with a key; the sandbox needs none."""
    settings = live_settings(host, vendors=vendors, crypto={"advice": {"enabled": enabled}}, ADVISOR_API_KEY=key)
    assert is_enabled(settings) is asked
    assert (Vendors(settings).advisor is not None) is asked


def test_a_missing_package_names_the_extra(host: Host, monkeypatch: pytest.MonkeyPatch):
    """Without openai the error says what to install; nothing else needs the package."""
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(NoSdk, match=r"pip install 'market-assets\[llm\]', or set crypto.advice.enabled: false"):
        Advisor.connect(advised_settings(host))
