"""What Glassnode refuses, how often it may be asked, and that its key appears nowhere."""

import logging
import pickle
import time
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from market_assets.core.settings import RateBudget
from market_assets.settings import load
from resources.http.errors import (
    BadRequest,
    BudgetExhausted,
    MissingKey,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.vendors.glassnode import Glassnode
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings
from tests.resources.vendors.glassnode_host import CLOSE, HOUR, KEY, NOON, S, client_of, refusals


@pytest.fixture
def client(host: Host, still: StillTime) -> Glassnode:
    return client_of(host, still)


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
