"""Questions to the language model over REST, against a scripted one on a real socket."""

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings
from tests.resources.vendor_host import Host
from tests.resources.vendors.advisor_host import completion, refusal, text_of

from . import crypto_home

PATH = "/api/v1/crypto/chat"
KEYS = {"X-API-Key": crypto_home.KEY}
ASKED = {"message": "Is BTC in a trend?", "symbol": "btcusdt"}
SECRET = "sk-marked-secret-0815"


@pytest.fixture
def host() -> Iterator[Host]:
    """The scripted model."""
    running = Host()
    yield running
    running.close()


def enabled(monkeypatch: pytest.MonkeyPatch, host: Host, **variables: str) -> Settings:
    """Settings of a home with the advisor switched on."""
    monkeypatch.setenv("ADVISOR_API_KEY", SECRET)
    return crypto_home.configure(
        monkeypatch, CRYPTO__ADVICE__ENABLED="true", CRYPTO__ADVICE__BASE_URL=host.url, **variables
    )


@pytest.fixture
def client(home: object, host: Host, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app whose advisor is the scripted model."""
    pytest.importorskip("openai", reason="needs the extra llm")
    configured = enabled(monkeypatch, host)
    crypto_home.fill(configured)
    return TestClient(create_app(configured), raise_server_exceptions=False)


def test_the_model_answers_in_its_own_words(client: TestClient, host: Host):
    """Labelled as a model's, never as the rules'; plain text is asked for."""
    host.script = [completion("  Yes, since the 4th. \n")]
    body = client.post(PATH, json=ASKED, headers=KEYS).json()
    assert body.pop("latency_ms") >= 0
    assert body == {
        "reply": "Yes, since the 4th.",
        "advisor_source": "llm",
        "model": "deepseek-v4-flash",
        "symbol": "BTCUSDT",
        "timestamp": "2026-10-05T12:03:00Z",
    }
    (sent,) = host.asked
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert "response_format" not in json.loads(sent.content)


def test_the_model_is_told_what_is_stored(client: TestClient, host: Host):
    """State and overlays of the symbol asked about, the account and what it holds; then the question."""
    host.script = [completion("Yes.")]
    client.post(PATH, json=ASKED, headers=KEYS)
    text = text_of(host.asked[0])
    facts = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    assert [row["close"] for row in facts["symbols"]] == [63_601.0]
    assert (facts["overlays"][0]["regime"], facts["overlays"][0]["ofi_20"]) == ("TRENDING_LOW_VOL", 0.12)
    assert facts["account"][0]["equity_end"] == 10_022.0
    assert [row["symbol"] for row in facts["positions"]] == ["BTCUSDT"]
    assert text.endswith("Question:\nIs BTC in a trend?")
    client.post(PATH, json={"message": "And all?"}, headers=KEYS)
    told = text_of(host.asked[1])
    assert "ETHUSDT" in told
    assert '"overlays"' not in told


def test_what_is_not_stored_is_unknown_to_it(home: object, host: Host, monkeypatch: pytest.MonkeyPatch):
    """An empty home is told as nulls; it is asked all the same."""
    pytest.importorskip("openai", reason="needs the extra llm")
    host.script = [completion("I do not know.")]
    client = TestClient(create_app(enabled(monkeypatch, host)))
    assert client.post(PATH, json=ASKED, headers=KEYS).json()["reply"] == "I do not know."
    facts = json.loads(next(line for line in text_of(host.asked[0]).splitlines() if line.startswith("{")))
    assert (facts["account"], facts["overlays"], facts["symbols"][0]["close"]) == (None, None, None)


def test_it_costs_so_it_needs_a_key(client: TestClient, host: Host):
    """Without one nothing is sent; every call is on record."""
    assert client.post(PATH, json=ASKED).status_code == 401
    assert host.asked == []
    host.script = [completion("Yes.")]
    client.post(PATH, json=ASKED, headers=KEYS)
    audit = client.app.state.services.keys.audit()
    assert [(row["path"], row["status"], row["name"]) for row in audit] == [(PATH, 200, "settings"), (PATH, 401, None)]


@pytest.mark.parametrize(
    ("variables", "code", "hint"),
    [
        ({}, "advisor_disabled", "crypto.advice.enabled"),
        ({"CRYPTO__ADVICE__ENABLED": "true"}, "advisor_without_key", "ADVISOR_API_KEY"),
    ],
)
def test_an_advisor_that_is_off_is_409(
    home: object, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: str, hint: str
):
    """It says what to set; nothing pretends to be a model."""
    monkeypatch.delenv("ADVISOR_API_KEY", raising=False)
    client = TestClient(create_app(crypto_home.configure(monkeypatch, **variables)))
    answer = client.post(PATH, json=ASKED, headers=KEYS)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert hint in answer.json()["detail"]


def test_a_model_that_does_not_answer_is_503(client: TestClient, host: Host):
    """The rules do not stand in for it here, and the key is in no answer. An empty account is asked no more."""
    for says, code in (
        (completion("  \n"), "advisor_unavailable"),
        (refusal(401, f"no such key {SECRET}"), "vendor_unavailable"),
        (refusal(402, "Insufficient Balance"), "vendor_unavailable"),
        (completion("I am back."), "vendor_unavailable"),
    ):
        host.script = [says]
        answer = client.post(PATH, json=ASKED, headers=KEYS)
        assert (answer.status_code, answer.json()["code"]) == (503, code)
        assert SECRET not in answer.text
    assert len(host.asked) == 3


def test_a_question_that_is_none_is_not_sent(client: TestClient, host: Host):
    """No text, too much of it, and a symbol that is none."""
    for body in ({}, {"message": ""}, {"message": "x" * 4001}, {"message": 5}, []):
        assert client.post(PATH, json=body, headers=KEYS).status_code == 422, body
    answer = client.post(PATH, json={"message": "?", "symbol": "BTCUSD"}, headers=KEYS)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_symbol")
    assert host.asked == []


def test_the_sandbox_s_answer_is_marked(home: object, host: Host, monkeypatch: pytest.MonkeyPatch):
    """It needs no key of the vendor's, gets none, and says demo."""
    pytest.importorskip("openai", reason="needs the extra llm")
    configured = enabled(monkeypatch, host, VENDORS="sandbox", SANDBOX_URL=host.url)
    host.script = [completion("Wait.")]
    body = TestClient(create_app(configured)).post(PATH, json=ASKED, headers=KEYS).json()
    assert (body["demo"], body["advisor_source"]) == (True, "llm")
    (sent,) = host.asked
    assert sent.path == "/advisor/chat/completions"
    assert SECRET not in sent.headers["authorization"]
