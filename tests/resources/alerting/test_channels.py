"""Channels against a real webhook server and a real SMTP server; their addresses are never shown."""

import json
import logging
import socket

import pytest

from market_assets.ops.settings import AlertSettings
from resources.alerting.channels import Channels, Outcome
from resources.alerting.records import Text
from resources.http import redact
from tests.resources.alerting.conftest import Mailbox
from tests.resources.vendor_host import Host, Says

TEXT = Text("ERROR: bars_minute run_failed", "3 < 5 & no answer\nSince: noon")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered as secret here is not elsewhere."""
    monkeypatch.setattr(redact, "_secrets", set())


def channels(timeout_s: float = 5.0, **variables: str) -> Channels:
    """A channel `desk` of the variable DESK."""
    return Channels(AlertSettings(channels={"desk": "DESK"}, timeout_s=timeout_s), variables)


def hook(host: Host, path: str = "/hook", login: str = "") -> str:
    return host.url.replace("http://", f"json://{login}") + path


def posted(host: Host) -> list[tuple[str, str, str]]:
    """Title, message and type of what a webhook got."""
    bodies = [json.loads(asked.content) for asked in host.asked]
    return [(body["title"], body["message"], body["type"]) for body in bodies]


def test_a_webhook_gets_title_body_and_tone(webhook: Host) -> None:
    """As they are written."""
    assert channels(DESK=hook(webhook)).send("desk", TEXT, "failure") == Outcome("desk", True, "")
    assert posted(webhook) == [(TEXT.title, TEXT.body, "failure")]


def test_a_mail_arrives(mailbox: Mailbox) -> None:
    """With the title as its subject and the body as its text, markup characters and all."""
    address = f"mailto://127.0.0.1:{mailbox.port}?from=desk@example.org&to=quant@example.org&mode=insecure&format=text"
    assert channels(DESK=address).send("desk", TEXT).is_taken
    (mail,) = mailbox.mails
    assert mail["subject"] == TEXT.title
    assert "quant@example.org" in mail["to"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").strip() == TEXT.body


@pytest.mark.parametrize("between", [" ", ",", ";\n"])
def test_every_address_of_a_variable_is_told(webhook: Host, between: str) -> None:
    """Whatever stands between them."""
    both = between.join([hook(webhook, "/one"), hook(webhook, "/two")])
    assert channels(DESK=both).send("desk", TEXT).is_taken
    assert sorted(asked.path for asked in webhook.asked) == ["/one", "/two"]


def test_one_address_of_two_is_enough_and_the_other_is_named(webhook: Host, dead_port: int) -> None:
    """Somebody was told; that another was not is said, without the address."""
    outcome = channels(DESK=f"{hook(webhook)} json://127.0.0.1:{dead_port}/hook").send("desk", TEXT)
    assert outcome.is_taken
    assert "Connection error" in outcome.said
    half = channels(DESK=f"{hook(webhook)}, nonsense://x").send("desk", TEXT)
    assert half == Outcome("desk", True, "1 of 2 addresses in DESK are none that Apprise knows")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "the environment variable DESK is empty or not set"),
        ({"DESK": "  "}, "the environment variable DESK is empty or not set"),
        ({"DESK": "nonsense"}, "1 of 1 addresses in DESK are none that Apprise knows"),
        ({"DESK": "nonsense://a.secret.place/Key12345"}, "1 of 1 addresses in DESK are none that Apprise knows"),
    ],
)
def test_a_channel_without_an_address_takes_nothing_and_says_why(variables: dict[str, str], said: str) -> None:
    """It counts as dead: the next one gets the message."""
    assert channels(**variables).send("desk", TEXT) == Outcome("desk", False, said)


def test_a_server_that_refuses_or_is_not_there_takes_nothing(webhook: Host, dead_port: int) -> None:
    """The reason is what the service said, even where the address calls itself optional."""
    webhook.script = [Says({}, 401)]
    refused = channels(DESK=hook(webhook)).send("desk", TEXT)
    assert not refused.is_taken
    assert "401" in refused.said
    assert not channels(DESK=f"json://127.0.0.1:{dead_port}?optional=yes").send("desk", TEXT).is_taken


def test_a_server_that_never_answers_is_left_after_the_timeout() -> None:
    """It accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = channels(0.2, DESK=f"json://127.0.0.1:{silent.getsockname()[1]}/").send("desk", TEXT)
    assert not outcome.is_taken
    assert outcome.said


def test_no_log_and_no_outcome_tells_an_address(
    webhook: Host, dead_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at level DEBUG, of no library, neither of a success nor of a failure, and not what the server repeats."""
    keys = ("T0Ken-of-the-desk", "Passw0rd!x", "hunter2abc", "Qu3ryKey99")
    path = f"/services/{keys[0]}?+X-Desk={keys[3]}"
    with caplog.at_level(1):
        for name in ("apprise", "urllib3", "urllib3.connectionpool", "requests"):
            caplog.set_level(1, name)
        said = []
        for place in (webhook.url.removeprefix("http://"), f"127.0.0.1:{dead_port}"):
            for answer in ({}, {"you asked": f"{keys[0]} {keys[3]}"}):
                webhook.script = [Says(answer, 500 if answer else 200)]
                address = f"json://desk:{keys[1]}@{place}{path} json://desk:{keys[2]}@{place}{path}"
                said.append(channels(DESK=address).send("desk", TEXT).said)
    assert [asked.path for asked in webhook.asked] == [f"/services/{keys[0]}"] * 4
    assert any(asked.headers.get("X-Desk") == keys[3] for asked in webhook.asked)
    shown = caplog.text + " ".join(said)
    assert "Sent JSON" in shown
    assert [key for key in keys if key in shown] == []
    assert not any(record.levelno < logging.INFO for record in caplog.records if record.name == "apprise")


def test_words_and_hosts_of_an_address_stay_readable(webhook: Host) -> None:
    """Only what may be a key is removed from what this process shows."""
    channels(DESK=hook(webhook, "/services/webhooks/B0123456789")).send("desk", TEXT)
    shown = "the services at 127.0.0.1 and localhost, webhooks, desk"
    assert redact.text(shown) == shown
    assert redact.text("POST /x/B0123456789") == "POST /x/[REDACTED]"


def test_a_password_is_removed_whatever_it_looks_like(webhook: Host) -> None:
    """Also where it is a word, and where it is spelt as addresses spell it."""
    channels(DESK=f"{hook(webhook, login='desk:rosebud@')} {hook(webhook, login='desk:a%2Fb%40c@')}").send("desk", TEXT)
    assert redact.text("rosebud, a%2Fb%40c, a/b@c") == "[REDACTED], [REDACTED], [REDACTED]"
