"""Keys are removed from every form of text."""

import logging

import pytest

from resources.http import redact

SECRET = "k3y+with/odd=chars"


@pytest.mark.parametrize(
    "shown",
    [
        f"GET https://api.example.com/v2?apiKey={SECRET}&limit=5",
        "GET https://api.example.com/v2?apiKey=k3y%2Bwith%2Fodd%3Dchars&limit=5",
        f"we have detected your API key as {SECRET} and our standard limit",
        f'{{"headers": {{"Authorization": "Bearer {SECRET}"}}}}',
        f"Illegal header value b'Bearer {SECRET}'",
    ],
)
def test_a_known_key_is_removed_wherever_it_stands(shown: str):
    """A remembered value disappears as it is and percent-encoded, also where the vendor echoes it."""
    redact.remember(SECRET)
    clean = redact.text(shown)
    assert SECRET not in clean
    assert "k3y%2Bwith" not in clean
    assert redact.MASK in clean


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("https://a.b/c?apikey=UNKNOWN1&x=2", "https://a.b/c?apikey=[REDACTED]&x=2"),
        ("https://a.b/c?x=2&api_key=UNKNOWN1", "https://a.b/c?x=2&api_key=[REDACTED]"),
        ("Authorization: Bearer UNKNOWN1", "Authorization: Bearer [REDACTED]"),
        ("X-Api-Key: UNKNOWN1", "X-Api-Key: [REDACTED]"),
        ('{"apiKey": "UNKNOWN1", "n": 1}', '{"apiKey": "[REDACTED]", "n": 1}'),
        ("{'authorization': 'Bearer UNKNOWN1'}", "{'authorization': 'Bearer [REDACTED]'}"),
        ("cursor=YXA9MQ&limit=5", "cursor=YXA9MQ&limit=5"),
        ('{"ticker":"AAPL","o":1.5}', '{"ticker":"AAPL","o":1.5}'),
    ],
)
def test_what_follows_the_name_of_a_key_is_removed_unseen(shown: str, left: str):
    """A value nobody told us is removed by its parameter's name; other text is left as it is."""
    assert redact.text(shown) == left


def test_a_body_of_any_bytes_survives():
    """Redaction changes nothing in a body without keys, text or not."""
    body = bytes(range(256)) + "Größe €".encode()
    assert redact.body(body) == body


def test_the_log_of_httpx_shows_no_key(caplog: pytest.LogCaptureFixture):
    """httpx logs every URL with its query at INFO; the filter rewrites the record."""
    redact.guard_logs()
    redact.guard_logs()
    with caplog.at_level(logging.INFO, logger="httpx"):
        logging.getLogger("httpx").info("HTTP Request: %s %s", "GET", "https://a.b/c?apikey=UNKNOWN1")
    assert caplog.messages == ["HTTP Request: GET https://a.b/c?apikey=[REDACTED]"]
