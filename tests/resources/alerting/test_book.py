"""The book: what was open, what people say of it, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.deciding import decide
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.book import Changes, IncidentBook
from resources.alerting.inbox import STATES, listed
from resources.alerting.messages import message, runbook_anchor

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SETTINGS = AlertSettings(settle_s=0)
DISK = Finding("disk", "disk_used", "", "ERROR", "It is full.", NOON, scope="all", upstream=frozenset({"a", "b"}))
LATE = Finding("bars_minute", "freshness", "", "WARN", "It is late.", NOON)


def change(book: IncidentBook, at: datetime, *found: Finding) -> Changes:
    return book.change(
        lambda known, silences: decide(known, found, (), at, SETTINGS, silences),
        lambda due, entry, attached: message(due, entry, attached, SETTINGS),
        at,
    )


def test_an_incident_comes_back_as_it_was_written(home: Path) -> None:
    """Every part of it; and what recovers and comes again is another one."""
    book = IncidentBook(home)
    change(book, NOON, DISK)
    (first,) = book.open()
    assert first.incident.finding == DISK
    assert (first.incident.opened_at, first.incident.told_at, first.incident.told_as) == (NOON, NOON, "ERROR")
    assert change(book, NOON + timedelta(minutes=1)).recovered[0].id == first.id
    assert book.open() == []
    change(book, NOON + timedelta(minutes=2), DISK)
    assert [entry.id for entry in book.all()] == [2, 1]
    assert [entry.id for entry in book.all(limit=1)] == [2]
    assert book.one(1).incident.recovered_at == NOON + timedelta(minutes=1)
    assert [kept.kind for kept in book.outbox.of_incident(1)] == ["open", "recover"]


def test_a_cause_is_named_also_after_both_have_recovered(home: Path) -> None:
    """By its number, as its fingerprint may be open again."""
    book, raw = IncidentBook(home), replace(LATE, upstream=frozenset({"disk"}))
    change(book, NOON, DISK, raw)
    change(book, NOON + timedelta(minutes=1))
    change(book, NOON + timedelta(minutes=2), DISK)
    roots = {entry.id: entry.root_id for entry in book.all()}
    assert len(roots) == 3
    (attached,) = [id for id, root in roots.items() if root is not None]
    assert [entry.id for entry in book.attached(roots[attached] or 0)] == [attached]
    assert book.one(roots[attached] or 0).incident.finding == DISK


def test_a_home_without_a_round_says_so(home: Path) -> None:
    """Nothing is open, and none has ever been."""
    book = IncidentBook(home)
    assert (book.open(), book.all(), book.last_round_at()) == ([], [], None)
    book.round_ended(NOON)
    assert IncidentBook(home).last_round_at() == NOON


def test_who_acknowledges_first_is_remembered(home: Path) -> None:
    """A round in between, and another person, change nothing of it."""
    book = IncidentBook(home)
    change(book, NOON, DISK)
    with clock.frozen(NOON + timedelta(minutes=5)) as at:
        book.acknowledge(1, "anna@desk")
    change(book, NOON + timedelta(minutes=6), DISK)
    book.acknowledge(1, "bert@desk")
    assert (book.one(1).incident.acknowledged_by, book.one(1).incident.acknowledged_at) == ("anna@desk", at)


def test_only_what_is_open_can_be_acknowledged(home: Path) -> None:
    """The error says when it recovered, and where to look."""
    book = IncidentBook(home)
    change(book, NOON, DISK)
    change(book, NOON + timedelta(minutes=1))
    with pytest.raises(InvalidRequest, match=r"1 recovered at 2026-11-03T12:01:00\+00:00.*market-assets alerts"):
        book.acknowledge(1, "anna@desk")
    with pytest.raises(UnknownName, match="no incident named '7'"):
        book.acknowledge(7, "anna@desk")


def test_silences_end_by_themselves_or_by_hand(home: Path) -> None:
    """Those in force are listed; one that is over cannot be ended."""
    book = IncidentBook(home)
    with clock.frozen(NOON):
        kept = book.silence("bars_*", NOON + timedelta(hours=1), "a venue moves", "anna@desk")
        other = book.silence("disk", NOON + timedelta(hours=2))
        assert book.silences(NOON) == [kept, other]
        assert book.unsilence(other.id).silence.until == NOON
        assert book.silences(NOON) == [kept]
        with pytest.raises(UnknownName, match=f"no silence in force named '{other.id}'"):
            book.unsilence(other.id)
    assert book.silences(NOON + timedelta(hours=1)) == []


@pytest.mark.parametrize(("pattern", "hours"), [("bars_*", 0), ("bars_*", -1), (" ", 1)])
def test_a_silence_covers_something_and_lies_ahead(home: Path, pattern: str, hours: int) -> None:
    """The error shows a pattern."""
    with clock.frozen(NOON), pytest.raises(InvalidRequest, match=r"source:polygon/breaker_open"):
        IncidentBook(home).silence(pattern, NOON + timedelta(hours=hours))


def test_the_inbox_shows_how_each_stands(home: Path) -> None:
    """Errors first; a filter by state; recovered ones only where they are asked for."""
    book, raw = IncidentBook(home), replace(LATE, subject="derived", upstream=frozenset({"source:a"}))
    known = replace(DISK, subject="memory", check="memory_used")
    cause = replace(DISK, subject="source:a", check="breaker_open")
    change(book, NOON, replace(DISK, subject="gone"))
    change(book, NOON, LATE, known, cause, raw, replace(LATE, subject="noise"))
    ids = {entry.incident.finding.subject: entry.id for entry in book.all()}
    with clock.frozen(NOON):
        book.acknowledge(ids["memory"], "anna@desk")
        book.silence("noise", NOON + timedelta(hours=1))
    rows = listed(book, NOON, STATES)
    assert {row["subject"]: row["state"] for row in rows} == {
        "bars_minute": "open",
        "memory": "acknowledged",
        "source:a": "open",
        "derived": "attached",
        "noise": "silenced",
        "gone": "recovered",
    }
    assert [row["severity"] for row in rows] == ["ERROR", "ERROR", "WARN", "WARN", "WARN", "ERROR"]
    assert {row["subject"] for row in listed(book, NOON)} == set(ids) - {"gone"}
    assert [row["subject"] for row in listed(book, NOON, ["recovered"])] == ["gone"]
    (attached,) = listed(book, NOON, ["attached"])
    assert (attached["root_id"], attached["opened_at"]) == (ids["source:a"], "2026-11-03T12:00:00Z")
    assert len(listed(book, NOON, STATES, limit=2)) == 2


@pytest.mark.parametrize(
    ("finding", "anchor"),
    [
        (LATE, "check-bars_minute-freshness"),
        (DISK, "alert-disk_used"),
        (replace(LATE, check="run_failed"), "alert-run_failed"),
        (replace(LATE, subject="source:polygon", check="of_another_rule"), "alert-of_another_rule"),
    ],
)
def test_every_incident_has_its_place_in_the_runbook(finding: Finding, anchor: str) -> None:
    """An asset check by asset and name, everything else by its rule."""
    assert runbook_anchor(finding) == anchor
