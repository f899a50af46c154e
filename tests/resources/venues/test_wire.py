"""Instants in queries, and what a refusal means wherever it is told: in the status, in the body, or in both."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.http.errors import (
    BadRequest,
    Malformed,
    NotEntitled,
    NotFound,
    RateLimited,
    Unavailable,
    VendorError,
)
from resources.venues.wire import Envelope, millis, refuse, seconds
from tests.resources.venues.answers import NEW_YEAR_MS, of_ms, reply, utc

ENVELOPE = Envelope(
    vendor="venue",
    status="code",
    ok="0",
    code="code",
    message="msg",
    quota=frozenset({"429"}),
    unknown={"51001": "", "1": "symbol"},
    busy=frozenset({"500"}),
)


def test_instants_in_queries():
    """2025-01-01 00:00 is 1735689600 s."""
    assert (seconds(utc("2025-01-01")), millis(utc("2025-01-01"))) == (1_735_689_600, NEW_YEAR_MS)


@given(st.integers(0, 10**7), st.integers(1, 10**7))
@settings(deadline=None)
def test_a_window_takes_in_what_is_inside_and_nothing_else(start: int, length: int):
    """Of whole milliseconds and seconds, those in [first, until) lie between the stated ends, both included."""
    first, until = (utc("2025-01-01") + timedelta(microseconds=us) for us in (start, start + length))
    assert of_ms(millis(first)) >= first > of_ms(millis(first) - 1)
    assert of_ms(millis(until) - 1) < until <= of_ms(millis(until))
    assert of_ms(seconds(first) * 1000) >= first > of_ms((seconds(first) - 1) * 1000)


@pytest.mark.parametrize("status", [200, 400, 429])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 429, "msg": "slow down"}, RateLimited),
        ({"code": "51001", "msg": "no such contract"}, NotFound),
        ({"code": "1", "msg": "Symbol invalid"}, NotFound),
        ({"code": "500", "msg": "busy"}, Unavailable),
    ],
)
def test_a_known_code_means_the_same_under_every_status(status: int, body: Any, kind: type[VendorError]):
    """Venues send one refusal as 200, 400 or 429; its words are told."""
    with pytest.raises(kind, match=f"venue: code {body['code']}: {body['msg']}"):
        ENVELOPE.read(reply(body, status))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (reply({"code": "1", "msg": "limit invalid"}), BadRequest, "code 1: limit invalid"),
        (reply({"code": "7"}), BadRequest, "code 7: None"),
        (reply({"code": "7", "msg": "no"}, 400), BadRequest, "code 7: no"),
        (reply({"code": "429"}, 503), Unavailable, "HTTP 503"),
        (reply("slow down", 429), RateLimited, "HTTP 429: slow down"),
        (reply("not here", 404), NotFound, "HTTP 404: not here"),
        (reply("<html>maintenance</html>"), Malformed, "not JSON .* the body starts '<html>"),
        (reply(""), Malformed, "not JSON"),
        (reply([]), Malformed, "the body must be an object, was \\[\\]"),
        (reply({"data": []}), Malformed, "code is missing; present: data"),
    ],
)
def test_other_refusals(answer: Any, kind: type[VendorError], words: str):
    """A code nobody knows is a bad request; a body of another shape is malformed, never empty."""
    with pytest.raises(kind, match=words):
        ENVELOPE.read(answer)


def test_a_success_is_its_body():
    """The code of a success may be a number or its text."""
    assert ENVELOPE.read(reply({"code": 0, "data": [1]})) == {"code": 0, "data": [1]}
    assert ENVELOPE.read(reply({"code": "0"})) == {"code": "0"}


def test_the_wait_that_is_asked_for():
    """Retry-After holds for a quota that the body names, too."""
    with pytest.raises(RateLimited) as refused:
        ENVELOPE.read(reply({"code": "429"}, headers={"retry-after": "17"}))
    assert refused.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, "403, access too frequent. Please try it in 10 minutes", RateLimited),
        (403, "<html>blocked in your country</html>", NotEntitled),
        (451, "", NotEntitled),
    ],
)
def test_a_closed_door_is_no_quota(status: int, body: str, kind: type[VendorError]):
    """403 is a block of the address, which asking again does not open, unless it tells of frequency."""
    with pytest.raises(kind, match=f"HTTP {status}"):
        refuse("venue", reply(body, status))


def test_a_venues_own_meaning_comes_first():
    """What a venue says of a status replaces the common meaning."""
    with pytest.raises(NotFound):
        refuse("venue", reply("", 403), {403: lambda detail: NotFound("venue", detail)})
