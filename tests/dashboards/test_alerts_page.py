"""The inbox, the page of an incident and the badge of every page, asked as Dash's renderer asks them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.pages.alerts_incident import id_of
from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from resources.alerting.book import IncidentBook

from .alerts_home import NOW, configured, fill, reader
from .callbacks import ask, cards

INBOX = [(f"alerts-{name}", "children") for name in ("cards", "rows", "channels", "silences")]
INCIDENT = [("incident-parts", "children")]
BADGE = [("alerts-badge", "children"), ("alerts-badge", "hidden")]
REFRESH = ("refresh", "data", {"tick": 1})


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    """It is three o'clock."""
    with clock.frozen(NOW):
        yield


def inbox(client: TestClient, which: str = "current") -> dict[str, Any]:
    got = ask(client, INBOX, ("alerts-which", "value", which), REFRESH)
    return {name.removeprefix("alerts-"): got[name]["children"] for name, _ in INBOX}


def incident(client: TestClient, name: str) -> Any:
    return ask(client, INCIDENT, ("incident-name", "data", name), REFRESH)["incident-parts"]["children"]


def links(part: Any) -> list[str]:
    """Where the links in a rendered component lead, in their order."""
    if isinstance(part, list):
        return [link for each in part for link in links(each)]
    if not isinstance(part, dict):
        return []
    props = part.get("props", {})
    own = [props["href"]] if "href" in props else []
    return [*own, *links(props.get("children"))]


def texts(part: Any) -> list[str]:
    """Every text in a rendered component, in their order."""
    if isinstance(part, str):
        return [part]
    if isinstance(part, list):
        return [text for each in part for text in texts(each)]
    return texts(part["props"].get("children")) if isinstance(part, dict) else []


def test_the_inbox_counts_what_is_wrong_and_who_can_be_told():
    """Three errors, one of them a warning that explains errors; a silenced one apart; desk did not take its last."""
    told = cards(inbox(reader())["cards"])
    assert {label: value for label, (value, _) in told.items()} == {
        "Errors": "3", "Warnings": "0", "Silenced": "1", "Last round": "30 s ago", "Channels": "1 of 2 well",
    }  # fmt: skip
    assert told["Channels"][1] == "desk failed; 4 messages waiting"
    assert told["Silenced"][1] == "1 silence in force"


@pytest.mark.parametrize(("which", "ids"), [("current", [7, 5, 1, 6]), ("recovered", [4]), ("all", [7, 5, 1, 6, 4])])
def test_the_inbox_lists_what_stands_for_itself(which: str, ids: list[int]):
    """Errors first; what another explains is on that one's page, and counted here."""
    rows = inbox(reader(), which)["rows"]
    assert links(rows) == [f"/alerts/{id}" for id in ids]
    shown = texts(rows)
    if which == "current":
        assert {"acknowledged by anna@desk", "silenced", "2 more", "downstream", "The disk is 93 % full."} <= set(shown)
    if which == "recovered":
        assert "recovered" in shown


def test_channels_and_silences_are_told():
    """Routes with the place on them, whether each took its last message, and why not; no address."""
    got = inbox(reader())
    channels = texts(got["channels"])
    assert channels[channels.index("desk") :][:2] == ["desk", "critical, warning"]
    assert {"boss", "critical (2.)", "took it", "did NOT take it"} <= set(channels)
    assert "the environment variable DESK is empty or not set" in channels
    assert "127.0.0.1" not in json.dumps(got)
    assert {"backup*", "the disk moves", "market-assets alerts unsilence 1"} <= set(texts(got["silences"]))


def test_where_nobody_ever_looked_the_inbox_says_what_to_start(home: Path):
    """Not that all is well; and without a channel that only it is told."""
    app = create_app(configured(home).model_copy(update={"alerts": AlertSettings()}))
    got = inbox(TestClient(app))
    told = cards(got["cards"])
    assert (told["Errors"][0], told["Last round"], told["Channels"][0]) == (
        "unknown",
        ("never", "nobody looks: make dev"),
        "none",
    )
    assert "No round of alerts ever ran" in json.dumps(got["rows"])
    assert texts(got["rows"])[-1] == "make dev"
    assert "Nobody is told but this inbox" in json.dumps(got["channels"])


def test_an_empty_inbox_says_when_somebody_looked_last(home: Path):
    """While rounds run nothing is wrong; hours after the last one nobody knows."""
    IncidentBook(home).round_ended(NOW)
    client = TestClient(create_app(configured(home)))
    assert "Nothing is wrong that anybody knows of. The last round ended 0 s ago." in texts(inbox(client)["rows"])
    assert "Nothing has recovered. The last round ended 0 s ago." in texts(inbox(client, "recovered")["rows"])
    with clock.frozen(NOW + timedelta(hours=5)):
        rows = texts(inbox(client)["rows"])
    assert rows[0] == "Nobody looks"
    assert "The last round ended 5 h ago: what broke since is not known." in rows[1]
    assert ask(client, BADGE, ("tick", "n_intervals", 1))["alerts-badge"]["hidden"] is True


def test_an_incident_tells_its_story_in_order():
    """Opened, told to nobody, what it explains, then told as an error: taken by boss, as desk did not."""
    parts = incident(reader(), "1")
    story = texts(parts[2])
    happened = [story.index(one) for one in ("opened", "waits", "explains", "told that it is worse", "sent")]
    assert happened == sorted(happened)
    (taken,) = [text for text in story if "taken by boss" in text]
    assert taken.startswith(
        "ERROR (was a warning) downstream: source:polygon breaker_open (taken by boss; desk did not"
    )
    assert "boss did not" not in taken
    assert links(parts[3]) == ["/alerts/3", "/alerts/2"]


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("1", ["market-assets alerts acknowledge 1", "source:polygon/breaker_open"], ["unsilence"]),
        # of an attached one its first cause is acknowledged
        ("2", ["market-assets alerts acknowledge 1", "equities_daily_bars/run_failed", "AAPL|2026"], ["unsilence"]),
        ("4", ["memory/memory_used", "after 30 min"], ["alerts acknowledge"]),
        ("6", ["market-assets alerts unsilence 1", "2026-11-03 19:00:00Z"], []),
        ("7", ["2026-11-03 14:30:00Z, by anna@desk"], ["alerts acknowledge"]),
    ],
)
def test_an_incident_shows_what_can_be_run(name: str, has: list[str], lacks: list[str]):
    """Commands, as the page has no key: only those that would not be refused."""
    told = "\n".join(texts(incident(reader(), name)))
    assert [text for text in has if text not in told] == []
    assert [text for text in lacks if text in told] == []


def test_an_incident_leads_to_the_runbook_and_to_its_cause():
    """A link to the entry of its rule, and to what explains it."""
    assert {"/runbook#alert-run_failed", "/alerts/1", "/alerts"} <= set(links(incident(reader(), "2")))


@pytest.mark.parametrize("name", ["99", "x", "-1", "²", "9" * 400, "1/2"])
def test_an_address_without_an_incident_says_so(name: str):
    """Whatever stands at its end."""
    assert "No such incident" in texts(incident(reader(), name))
    assert id_of("7") == 7


def test_the_address_opens_the_inbox_or_an_incident():
    """`/alerts` and `/alerts/5`."""
    opened = [
        json.dumps(ask(reader(), [("alerts-body", "children")], ("url", "pathname", path)))
        for path in ("/alerts", "/alerts/5")
    ]
    assert ["alerts-which" in one for one in opened] == [True, False]
    assert '"data": "5"' in opened[1]
    assert reader().get("/alerts/5").status_code == 200


def test_the_badge_counts_on_every_page(home: Path):
    """Errors and warnings apart, none that is zero; it leads to the inbox."""
    badge = ask(reader(), BADGE, ("tick", "n_intervals", 0))["alerts-badge"]
    assert (badge["hidden"], links(badge["children"])) == (False, ["/alerts"])
    assert texts(badge["children"]) == ["3", " errors"]
    book = fill(home)
    book.unsilence(1)
    badge = ask(TestClient(create_app(configured(home))), BADGE, ("tick", "n_intervals", 0))["alerts-badge"]
    assert texts(badge["children"]) == ["3", " errors", "1", " warning"]
