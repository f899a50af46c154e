"""Advice end to end over a real socket: asked once, kept, and the rules where no model answers."""

import json
import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.crypto.schemas import CryptoAdvice
from market_assets.settings import Settings, load
from resources.crypto_advice import advise
from resources.http.raw import RawStore
from resources.http.state import VendorState
from resources.stores.digest import content_digest
from resources.vendors.registry import Vendors
from tests.market_assets.crypto.advice_frames import HOUR, NOON, overlays, reply, signal, signals
from tests.resources.vendor_host import Asked, Host, Says, StillTime, live_settings
from tests.resources.vendors.advisor_host import KEY, Queue, advised_settings, completion, refusal, text_of

pytest.importorskip("openai", reason="needs the extra llm")

ROWS = [signal(NOON + n * HOUR, price=60_000.0 + n) for n in range(3)]


def speaking(**replies: dict[str, Any]) -> Callable[[Asked], Says]:
    """Answers by the line `call:` of the prompt; blank lines before each answer."""

    def says(asked: Asked) -> Says:
        found = re.search(r"^call: (\w+)$", text_of(asked), re.MULTILINE)
        assert found is not None
        return completion(json.dumps(replies.get(found[1], reply(found[1]))), blank_lines=3)

    return says


def advised(settings: Settings, still: StillTime | None = None, rows: list[dict[str, Any]] = ROWS) -> pl.DataFrame:
    vendors = Vendors(settings, timing=still.timing if still else None)
    frame = advise(settings, vendors, signals(*rows), overlays(*rows))
    return CryptoAdvice.contract().validate(frame)


def test_what_was_answered_is_not_asked_again(host: Host, still: StillTime):
    """Ten questions, ten requests; made again the same digest without a request, also once the vendor is gone."""
    settings = advised_settings(host)
    host.script = speaking()
    first = advised(settings, still)
    assert (first.height, len(host.asked)) == (10, 10)
    assert set(first["status"]) == {"ok"}
    host.script = [refusal(500, "broken")]
    again = advised(settings, still)
    assert len(host.asked) == 10
    assert_frame_equal(again, first)
    stable = CryptoAdvice.contract().stable_columns
    assert content_digest(again, stable) == content_digest(first, stable)


def test_the_reference_leads_to_the_raw_reply(host: Host, still: StillTime):
    """Every row names the stored body that its reply was read from."""
    settings = advised_settings(host)
    host.script = speaking()
    raw = RawStore.of(settings.home, VendorState.of(settings.home))
    for row in advised(settings, still).to_dicts():
        message = json.loads(raw.get("advisor", row["raw_reply_ref"]))["choices"][0]["message"]
        assert json.loads(message["content"]) == json.loads(row["payload"]) == reply(row["call"])


def test_the_same_question_at_another_time_is_not_asked_again(host: Host, still: StillTime):
    """Nothing changed from one candle to the next: what is known is the same, and so is the opinion."""
    host.script = speaking()
    found = advised(advised_settings(host), still, [signal(NOON), signal(NOON + HOUR)])
    assert (found.height, len(host.asked)) == (7, 4)


def test_another_model_is_asked_anew(host: Host, still: StillTime):
    """Model and parameters are part of what a reply is kept by."""
    host.script = speaking()
    advised(advised_settings(host), still)
    advised(advised_settings(host, advice={"model": "deepseek-v4-pro"}), still)
    assert len(host.asked) == 20
    advised(advised_settings(host, advice={"deadline_s": 60}), still)
    assert len(host.asked) == 20


def test_an_unusable_reply_is_kept_as_one(host: Host, still: StillTime):
    """A parse error is what that question was answered: made again, the same rows without a request."""
    settings = advised_settings(host)
    wrong = reply("signal", action="ENTER_LONG")
    host.script = speaking(signal=wrong)
    first = advised(settings, still)
    assert first.filter(call="signal").select("status", "action", "confidence").unique().rows() == [
        ("parse_error", "HOLD", 0.0)
    ]
    requests = len(host.asked)
    assert_frame_equal(advised(settings, still), first)
    assert len(host.asked) == requests


def test_three_time_outs_leave_it_to_the_rules(host: Host):
    """A queue that never ends: three calls, each left at its deadline; all rows are the rules', labelled so."""
    queue = Queue()
    try:
        found = advised(advised_settings(host, advice={"base_url": queue.url, "deadline_s": 0.2}))
    finally:
        queue.close()
    assert queue.requests == 3
    assert set(found["advisor_source"]) == {"rule"}
    assert set(found["status"]) == {"unavailable"}
    signal_rows = found.filter(call="signal")
    assert signal_rows.select("action", "confidence", "position_size").unique().rows() == [("ENTER_LONG", 0.6, 0.02)]


def test_failures_are_not_kept(host: Host, still: StillTime):
    """What a failing vendor left to the rules is asked in the next run."""
    settings = advised_settings(host)
    host.script = [refusal(422, "no such model")]
    assert set(advised(settings, still)["status"]) == {"refused", "unavailable"}
    host.script = speaking()
    assert set(advised(settings, still)["status"]) == {"ok"}


def test_an_empty_account_is_asked_once_a_day(host: Host, still: StillTime):
    """402: one request; every row is the rules', the first one tells that the vendor refused."""
    settings = advised_settings(host)
    host.script = [refusal(402, "Insufficient Balance")]
    found = advised(settings, still)
    advised(settings, still)
    assert len(host.asked) == 1
    assert found.filter(ts=NOON, call="signal")["status"].to_list() == ["refused"]
    assert set(found["advisor_source"]) == {"rule"}


@pytest.mark.parametrize("given", [{"advice": {"enabled": False}}, {"ADVISOR_API_KEY": None}])
def test_switched_off_or_without_a_key_nothing_is_sent(host: Host, given: dict[str, Any]):
    """The rules speak, status `disabled`, the same every time; no cache, no state of a vendor is made."""
    settings = advised_settings(host, **given)
    found = advised(settings)
    assert host.asked == []
    assert found.select("advisor_source", "status").unique().rows() == [("rule", "disabled")]
    assert_frame_equal(advised(settings), found)
    assert not (settings.home / "state").exists()


def test_the_key_is_in_no_row_and_no_cache(host: Host, still: StillTime):
    """A model that repeats the key: redacted in rows and in what is kept."""
    settings = advised_settings(host)
    host.script = speaking(risk=reply("risk", reasoning=f"your key {KEY} is known"))
    found = advised(settings, still)
    assert found.filter(call="risk")["reasoning"].unique().to_list() == ["your key [REDACTED] is known"]
    assert KEY not in found.write_json()
    assert all(KEY.encode() not in path.read_bytes() for path in (settings.home / "state").iterdir())


def test_the_sandbox_advises_without_a_key(host: Host, still: StillTime):
    """vendors=sandbox: switched on is enough."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, crypto={"advice": {"enabled": True}})
    host.script = speaking()
    assert set(advised(settings, still)["advisor_source"]) == {"llm"}
    assert load().home == settings.home
