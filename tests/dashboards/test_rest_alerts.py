"""`/api/alerts` and what else is asked of incidents: which are listed, what each says, and what a key may change."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.rest.alert_bodies import AlertBody, AlertsBody, SilencesBody
from market_assets.core import clock
from resources.stores import open_store

from .alerts_home import KEY, NOW, configured, fill, reader
from .conftest import CLOSES, DAYS, scored, write

WRITER = {"X-API-Key": KEY}


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    """It is three o'clock."""
    with clock.frozen(NOW):
        yield


@pytest.fixture
def simulated(home: Path) -> TestClient:
    """A client of an app over a home of its own, which holds rows of the sandbox."""
    fill(home)
    rows = scored("SIM", DAYS, CLOSES).with_columns(source=pl.lit("polygon-sandbox"))
    write(open_store(configured(home)), "equities_scored_bars", rows)
    return TestClient(create_app(configured(home)), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        # errors first, by what they explain too; then the newest first
        ("", [7, 5, 3, 2, 1, 6]),
        ("state=open", [5, 1]),
        ("state=acknowledged", [7]),
        ("state=silenced", [6]),
        ("state=attached", [3, 2]),
        ("state=recovered", [4]),
        ("state=all", [7, 5, 3, 2, 1, 6, 4]),
        ("severity=WARN", [1, 6]),
        ("subject=equities_*", [3, 2]),
        ("subject=*/disk_used", [5]),
        ("subject=disk_used", []),
        ("subject=[", []),
        ("limit=2", [7, 5]),
    ],
)
def test_incidents_are_listed_and_filtered(query: str, ids: list[int]):
    """By state, severity and a glob over the subject, or over subject and check; the counts are of all there is."""
    body = reader().get(f"/api/alerts?{query}").json()
    listed = AlertsBody.model_validate(body)
    assert [one.id for one in listed.alerts] == ids
    assert (listed.errors, listed.warnings) == (3, 0)
    assert listed.count == (6 if "limit" in query else len(ids))
    assert body["last_round_at"] == "2026-11-03T14:59:30Z"


def test_an_incident_says_all_there_is_to_it():
    """Times, what it explains, who silenced and acknowledged it, and where to read on."""
    by_id = {row["id"]: row for row in reader().get("/api/alerts?state=all").json()["alerts"]}
    root, attached, memory, backup, daemon = (by_id[id] for id in (1, 3, 4, 6, 7))
    assert (root["severity"], root["worst"], root["n_attached"], root["root_id"]) == ("WARN", "ERROR", 2, None)
    assert (root["opened_at"], root["updated_at"]) == ("2026-11-03T10:00:00Z", "2026-11-03T14:59:30Z")
    assert (attached["root_id"], attached["scope"], attached["cause"]) == (1, "AAPL|2026", "SourcesExhausted")
    assert memory["recovered_at"] == memory["updated_at"] == "2026-11-03T11:30:00Z"
    assert (backup["silenced_until"], root["silenced_until"]) == ("2026-11-03T19:00:00Z", None)
    assert (daemon["acknowledged_by"], daemon["acknowledged_at"]) == ("anna@desk", "2026-11-03T14:30:00Z")
    assert backup["acknowledged_by"] is None
    assert (root["runbook"], len(root["fingerprint"])) == ("/runbook#alert-breaker_open", 16)


def test_one_incident_comes_with_what_it_explains_and_every_message():
    """A warning that only desk may take waits; as an error it went to boss, after desk did not take it."""
    found = AlertBody.model_validate(reader().get("/api/alerts/1").json())
    assert (found.alert.id, sorted(one.id for one in found.attached)) == (1, [2, 3])
    told = [(one.kind, one.severity, one.outcome, one.channel) for one in found.messages]
    assert told == [("open", "WARN", "pending", None), ("worse", "ERROR", "sent", "boss")]
    assert [(one.channel, one.taken) for one in found.messages[1].attempts] == [("desk", False), ("boss", True)]
    assert "DESK is empty or not set" in found.messages[1].attempts[0].said
    assert reader().get("/api/alerts/2").json()["messages"] == []


def test_silences_in_force_are_listed():
    """With who made them, until when and why."""
    body = SilencesBody.model_validate(reader().get("/api/alerts/silences").json())
    (one,) = body.silences
    assert (one.pattern, one.made_by, one.reason) == ("backup*", "anna@desk", "the disk moves")


def test_other_readers_get_open_incidents_that_no_other_explains():
    """By the names that failed checks had; the gauges count those that are not silenced."""
    body = reader().get("/observability/alerts").json()
    assert (body["count"], body["timestamp"]) == (4, "2026-11-03T15:00:00Z")
    assert [(one["asset"], one["severity"]) for one in body["alerts"]] == [
        *(("daemon:SENSOR", "ERROR"), ("disk", "ERROR"), ("source:polygon", "ERROR"), ("backup", "WARN"))
    ]
    named = {"asset", "check", "partition", "severity", "description", "since", "run_id"}
    assert named <= set(body["alerts"][0])
    text = reader().get("/metrics").text
    assert 'alerts_open{severity="ERROR"} 3.0' in text
    assert 'alerts_open{severity="WARN"} 0.0' in text
    assert "alerts_round_age_seconds 30.0" in text


def test_where_nobody_ever_looked_nothing_is_known(home: Path):
    """Null, and no gauge: not zero."""
    client = TestClient(create_app(configured(home)))
    body = client.get("/api/alerts").json()
    assert (body["alerts"], body["errors"], body["last_round_at"]) == ([], None, None)
    assert "\nalerts_" not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "99", 404, "unknown_incident"),
        ("POST", "99/acknowledge", 404, "unknown_incident"),
        ("POST", "99/silence", 404, "unknown_incident"),
        ("DELETE", "silences/99", 404, "unknown_silence"),
        ("POST", "4/acknowledge", 422, "invalid_request"),
        *(
            ("GET", path, 422, "invalid_request")
            for path in ("0", "x", str(2**63), "?state=shut", "?limit=0", "?severity=X")
        ),
    ],
)
def test_what_is_none_is_refused(method: str, path: str, status: int, code: str):
    """An incident or a silence that is none, a number that can be none, a word that is none, one that has recovered."""
    json = {"json": {"hours": 1}} if path.endswith("silence") else {}
    answer = reader().request(method, f"/api/alerts/{path}".replace("/?", "?"), headers=WRITER, **json)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        *(f'{{"hours": {hours}}}' for hours in ("0", "-1", "NaN", "1e-300", "1e9", '"x"', "null")),
        *("{}", "[]", "{", r'{"hours": 1, "reason": "\ud800"}', f'{{"hours": 1, "reason": "{"x" * 301}"}}'),
    ],
)
def test_a_silence_has_hours_that_pass(body: str):
    """Neither none, nor fewer than can pass, nor more than a year; and a reason that is text."""
    headers = WRITER | {"Content-Type": "application/json"}
    answer = reader().post("/api/alerts/5/silence", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert len(reader().get("/api/alerts/silences").json()["silences"]) == 1


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "5/acknowledge"), ("POST", "5/silence"), ("DELETE", "silences/1")]
)
def test_a_change_needs_a_key(method: str, path: str):
    """Also from this machine."""
    assert reader().request(method, f"/api/alerts/{path}").status_code == 401


def test_a_key_acknowledges_silences_and_ends_silences(simulated: TestClient):
    """By the name of the key; of an attached incident the first cause is acknowledged. All is marked as simulated."""
    at_it = simulated.post("/api/alerts/2/acknowledge", headers=WRITER).json()
    assert (at_it["demo"], at_it["alert"]["id"], at_it["alert"]["acknowledged_by"]) == (True, 1, "settings")
    made = simulated.post("/api/alerts/5/silence", json={"hours": 1.5, "reason": "known"}, headers=WRITER)
    assert made.status_code == 201
    silence = made.json()["silence"]
    assert (silence["pattern"], silence["until"]) == ("disk/disk_used", "2026-11-03T16:30:00Z")
    assert (silence["reason"], silence["made_by"]) == ("known", "settings")
    assert simulated.post("/api/alerts/4/silence", json={"hours": 1}, headers=WRITER).status_code == 201
    # it has recovered: there is nothing to keep silent
    assert simulated.get("/api/alerts/4").json()["alert"]["silenced_until"] is None
    states = {row["id"]: row["state"] for row in simulated.get("/api/alerts").json()["alerts"]}
    assert (states[1], states[5]) == ("acknowledged", "silenced")
    ended = simulated.delete(f"/api/alerts/silences/{silence['id']}", headers=WRITER).json()
    assert (ended["demo"], ended["silence"]["until"]) == (True, "2026-11-03T15:00:00Z")
    listed = simulated.get("/api/alerts?state=open").json()
    assert (listed["demo"], [row["id"] for row in listed["alerts"]]) == (True, [5])
