"""Chat completions on the wire: replies worked out from the prompt, and ways to fail."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.settings import AdviceSettings
from market_assets.crypto.transforms.advice import replies
from market_assets.crypto.transforms.advice.prompts import parameters, prompt
from resources.sandbox.advisor_replies import inputs_of, reply
from tests.resources.sandbox.wire import Serve

KEY = {"Authorization": "Bearer some-key"}
INPUTS: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "price": 100.0,
    "st_dir": 1,
    "align_dir": 1,
    "align_score": 1.0,
    "ofi_20": 0.2,
    "regime": "TRENDING_LOW_VOL",
    "sentiment": None,
    "open_positions": None,
    "exposure": None,
    "drawdown": None,
}
PROPOSAL = {"action": "ENTER_LONG", "size_ratio": 0.03}

Ask = Callable[..., httpx.Response]


def asked(call: Any = "signal", **inputs: Any) -> dict[str, Any]:
    """The body of a request, as our own advice words it."""
    advice = AdviceSettings()
    text = prompt(call, {**INPUTS, **inputs}, advice).text
    return {"model": advice.model, "messages": [{"role": "user", "content": text}], **parameters(advice)}


@pytest.fixture
def ask(serve: Serve) -> Ask:
    """Posts a body to a sandbox with these faults."""

    def post(body: dict[str, Any], *faults: str, path: str = "", headers: dict[str, str] = KEY) -> httpx.Response:
        address = f"{serve(faults=faults)}/advisor{path}/chat/completions"
        return httpx.post(address, json=body, headers=headers, timeout=30)

    return post


def content(answer: httpx.Response) -> str:
    """The text of the reply."""
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize("path", ["", "/v1"])
def test_the_sdk_reads_it(serve: Serve, path: str):
    """OpenAI's own client understands the answer, behind the empty lines, at both addresses."""
    with openai.OpenAI(base_url=f"{serve()}/advisor{path}", api_key="some-key", max_retries=0) as client:
        completion = client.chat.completions.create(**asked())
    (choice,) = completion.choices
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    told = replies.parse("signal", choice.message.content or "")
    assert isinstance(told, replies.SignalReply)
    assert told.recommended_action == "ENTER_LONG"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert completion.model == "deepseek-v4-flash"


def test_empty_lines_come_first(ask: Ask):
    """As of a request that was queued."""
    assert ask(asked()).text.startswith("\n\n\n{")


def test_equal_prompts_get_equal_replies(ask: Ask):
    """Bytes and all, from one sandbox to the next; another prompt gets another id."""
    assert ask(asked()).content == ask(asked()).content
    assert ask(asked()).json()["id"] != ask(asked(price=101.0)).json()["id"]


@pytest.mark.parametrize("call", ["signal", "risk", "sizing", "optimise"])
@given(inputs=st.data())
@settings(deadline=None, max_examples=50)
def test_replies_are_what_was_asked_for(call: Any, inputs: st.DataObject):
    """Whatever is known or unknown, each call's reply passes its type."""
    number = st.none() | st.floats(-2, 2)
    sign = st.sampled_from([None, -1, 0, 1])
    known = {name: inputs.draw(sign) for name in ("st_dir", "align_dir")}
    known |= {name: inputs.draw(number) for name in ("ofi_20", "exposure", "drawdown")}
    known |= {"price": inputs.draw(st.none() | st.floats(1e-6, 1e6))}
    known |= inputs.draw(
        st.just({}) | st.fixed_dictionaries({"proposal": st.fixed_dictionaries({"size_ratio": number})})
    )
    text = prompt(call, {**INPUTS, **known}, AdviceSettings()).text
    replies.parse(call, json.dumps(reply(text)))


def test_signal_follows_the_inputs():
    """Two of three voices make a side; stop and target are on the right sides of the price."""
    long, short, none = (
        reply(prompt("signal", {**INPUTS, "st_dir": st_dir, "align_dir": align, "ofi_20": flow}, AdviceSettings()).text)
        for st_dir, align, flow in ((1, 1, None), (-1, 0, -0.2), (1, -1, 0.0))
    )
    assert long is not None and short is not None and none is not None
    assert [told["recommended_action"] for told in (long, short, none)] == ["ENTER_LONG", "ENTER_SHORT", "HOLD"]
    assert (long["confidence"], none["confidence"]) == (0.8, 0.5)
    assert long["exit_strategy"] == {"stop_loss": 98.0, "take_profit": 104.0, "trailing_stop": 1.0}
    assert (short["exit_strategy"]["stop_loss"], short["exit_strategy"]["take_profit"]) == (102.0, 96.0)
    assert (none["position_size"], none["exit_strategy"]["stop_loss"]) == (0.0, None)
    assert "sentiment unknown" in long["reasoning"]


def test_risk_and_size_follow_the_account():
    """A proposal passes with its size; beyond a limit it does not, and is sized down."""
    easy, deep = {**INPUTS, "proposal": PROPOSAL}, {**INPUTS, "proposal": PROPOSAL, "drawdown": 0.12}
    risks = [reply(prompt("risk", given, AdviceSettings()).text) or {} for given in (easy, deep)]
    sizes = [reply(prompt("sizing", given, AdviceSettings()).text) or {} for given in (easy, deep)]
    assert [(risk["approved"], risk["adjusted_size"], len(risk["concerns"])) for risk in risks] == [
        (True, 0.03, 0),
        (False, 0.0, 1),
    ]
    assert [size["size"] for size in sizes] == [0.03, 0.015]


def test_inputs_are_the_first_object_of_a_text():
    """Braces that hold no JSON are passed over."""
    assert inputs_of('a {b} {"c": {"d": 1}} {"e": 2}') == {"c": {"d": 1}}
    assert inputs_of("nothing [1]") == {}


def test_free_text(ask: Ask):
    """Without a call and without JSON mode the reply is prose."""
    body = {"model": "m", "messages": [{"role": "user", "content": "What do you think of bitcoin?"}]}
    assert content(ask(body)).startswith("On balance")
    in_json = {**body, "response_format": {"type": "json_object"}}
    assert ask(in_json).status_code == 400
    in_json["messages"] = [{"role": "user", "content": "Say something in JSON."}]
    assert json.loads(content(ask(in_json))) == {"reply": "There is nothing to advise on."}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bad-key"}, {"Authorization": "some-key"}])
def test_keys(ask: Ask, shared_data: Path, headers: dict[str, str]):
    """Without a known key nothing is said; the body is shaped as the vendor's."""
    answer = ask(asked(), headers=headers)
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    recorded = next(line for line in lines if (line["vendor"], line["case"]) == ("deepseek", "bad_key"))
    assert answer.status_code == recorded["status"]
    told, expected = answer.json()["error"], json.loads(recorded["body"])["error"]
    assert list(told) == list(expected)
    assert (told["type"], told["code"]) == (expected["type"], expected["code"])


@pytest.mark.parametrize(
    ("status", "message"),
    [(402, "Insufficient Balance"), (429, "Rate limit reached"), (500, "Internal"), (503, "Server overloaded")],
)
def test_status_faults(ask: Ask, status: int, message: str):
    """In the vendor's words."""
    answer = ask(asked(), f"advisor:{status}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    "body",
    [{"messages": []}, {"model": "m"}, {"model": "m", "messages": "x"}, {**asked(), "stream": True}],
)
def test_requests_that_cannot_be_answered(ask: Ask, body: dict[str, Any]):
    """They are refused with 400 and a reason."""
    answer = ask(body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_body_that_is_no_json(serve: Serve):
    """It is refused, not a crash."""
    assert httpx.post(f"{serve()}/advisor/chat/completions", content=b"{", headers=KEY).status_code == 400


def test_replies_that_cannot_be_used(ask: Ask):
    """Wrong member, prose, nothing, and one that was cut: each is refused by the type that was asked for."""
    wrong, prose, empty, cut = (
        ask(asked(), f"advisor:{kind}") for kind in ("bad_reply", "not_json_reply", "empty_reply", "cut_reply")
    )
    assert json.loads(content(wrong))["action"] == "ENTER_LONG"
    assert content(empty) == ""
    assert (cut.json()["choices"][0]["finish_reason"], prose.json()["choices"][0]["finish_reason"]) == (
        "length",
        "stop",
    )
    assert content(cut) == content(ask(asked()))[: len(content(cut))]
    for answer in (wrong, prose, empty, cut):
        with pytest.raises(replies.UnusableReply):
            replies.parse("signal", content(answer))


def test_faults_of_one_symbol(ask: Ask):
    """`symbol=` is that of the inputs."""
    assert ask(asked(), "advisor:500:symbol=ETHUSDT").status_code == 200
    assert ask(asked(symbol="ETHUSDT"), "advisor:500:symbol=ETHUSDT").status_code == 500


def test_queued_request_sends_empty_lines(serve: Serve):
    """Lines come all the while, so that no wait for the next byte is long; the answer is at the end."""
    body, address = asked(), serve(faults=["advisor:queued:seconds=1"])
    began = time.monotonic()
    with httpx.stream(
        "POST", f"{address}/advisor/chat/completions", json=body, headers=KEY, timeout=httpx.Timeout(10, read=0.8)
    ) as answer:
        parts = list(answer.iter_bytes())
    assert time.monotonic() - began >= 1
    assert b"".join(parts[:-1]).strip() == b""
    assert json.loads(b"".join(parts))["object"] == "chat.completion"


def test_slow_answer_outlasts_the_client(serve: Serve):
    """`timeout`: nothing comes for so long that the client gives up."""
    address = serve(faults=["advisor:timeout:seconds=5"])
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/advisor/chat/completions", json=asked(), headers=KEY, timeout=0.2)
