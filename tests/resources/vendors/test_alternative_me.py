"""The Fear & Greed index: what an answer says, and what is refused."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from market_assets.crypto.schemas import CryptoSentiment
from resources.http.errors import BadRequest, EmptyUnexpected, Malformed, Unavailable
from resources.vendors.alternative_me import AlternativeMe, parse
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Host, Says, StillTime, live_settings

#: 2026-11-20 00:00 UTC
MIDNIGHT = 1_795_132_800
DAY = 86_400


def entry(value: str, label: str, seconds: int, **more: str) -> dict[str, str]:
    """One value as the vendor words it."""
    return {"value": value, "value_classification": label, "timestamp": str(seconds), **more}


def answer(*entries: dict[str, Any], error: str | None = None) -> dict[str, Any]:
    return {"name": "Fear and Greed Index", "data": list(entries), "metadata": {"error": error}}


TWO_DAYS = answer(
    entry("40", "Fear", MIDNIGHT, time_until_update="68499"),
    entry("0", "Extreme Fear", MIDNIGHT - DAY),
)


@pytest.fixture
def client(host: Host, still: StillTime) -> AlternativeMe:
    settings = live_settings(host, crypto={"sentiment": {"base_url": host.url}})
    return AlternativeMe.connect(settings, timing=still.timing)


def test_the_whole_index_is_asked_for_and_comes_sorted(host: Host, client: AlternativeMe):
    """One GET without a limit; newest first becomes oldest first; text becomes numbers, and 0 stays 0."""
    host.script = [Says(TWO_DAYS)]
    found = client.sentiment()
    assert found.rows() == [
        (date(2026, 11, 19), 0, "Extreme Fear", "alternative_me", START),
        (date(2026, 11, 20), 40, "Fear", "alternative_me", START),
    ]
    CryptoSentiment.contract().validate(found)
    (asked,) = host.asked
    assert (asked.path, asked.query) == ("/fng/", {"limit": "0", "format": "json"})


def test_of_two_values_of_a_day_the_first_stands():
    """Answers are newest first."""
    found = parse(answer(entry("41", "Fear", MIDNIGHT + 60), entry("40", "Fear", MIDNIGHT)))
    assert found.rows() == [(date(2026, 11, 20), 41, "Fear")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "the body must be an object with data, was list"),
        ({"metadata": {"error": None}}, "data is missing"),
        (answer(error="something failed"), "the answer is an error: something failed"),
        ({"data": ["40"]}, r"data\[0\] must be an object"),
        (answer(entry("101", "Greed", MIDNIGHT)), r"data\[0\].value must be 0 to 100, was 101"),
        (answer(entry("40.5", "Fear", MIDNIGHT)), r"data\[0\].value must be a whole number as text, was '40.5'"),
        (answer(entry("-1", "Fear", MIDNIGHT)), r"data\[0\].value must be a whole number"),
        (answer({"value": 40, "value_classification": "Fear", "timestamp": "1"}), r"data\[0\].value must be text"),
        (answer(entry("40", "Fear", MIDNIGHT * 1000)), r"data\[0\].timestamp must be a whole number|in seconds"),
        (answer({"value": "40", "timestamp": str(MIDNIGHT)}), r"value_classification is missing"),
    ],
)
def test_another_shape_is_malformed_by_its_first_offence(body: Any, words: str):
    """A status of 200 is not success."""
    with pytest.raises(Malformed, match=words):
        parse(body)


def test_a_failure_is_raised_and_retried_as_everywhere(host: Host, client: AlternativeMe):
    """503 thrice is Unavailable after three requests; an HTML page is Malformed; 400 is told at once."""
    host.script = [Says(b"", 503)]
    with pytest.raises(Unavailable):
        client.sentiment()
    assert len(host.asked) == 3
    host.script = [Says(b"<html>", 200)]
    with pytest.raises(Malformed, match="not JSON"):
        client.sentiment()
    host.script = [Says(b"", 400)]
    with pytest.raises(BadRequest):
        client.sentiment()
    assert len(host.asked) == 5


def test_no_day_at_all_is_a_failure(host: Host, client: AlternativeMe):
    """The index has had a value every day for years: an empty list is not believed."""
    host.script = [Says(answer())]
    with pytest.raises(EmptyUnexpected, match=r"no day of the index.*old values stay"):
        client.sentiment()


def test_the_registry_knows_it_and_marks_the_sandbox(host: Host, still: StillTime):
    """One client for the process; what the sandbox says is marked."""
    host.script = [Says(TWO_DAYS)]
    vendors = Vendors(live_settings(host, vendors="sandbox", sandbox_url=host.url), timing=still.timing)
    assert vendors.sentiment is vendors.sentiment
    assert vendors.sentiment.sentiment()["source"].unique().to_list() == ["alternative_me-sandbox"]
    assert host.asked[0].path == "/alternative_me/fng/"
    assert vendors.sentiment.sentiment().schema["value"] == pl.Int16
    vendors.close()
