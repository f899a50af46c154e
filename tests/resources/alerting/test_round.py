"""Rounds from end to end: what is found, to what a real webhook and a real mailbox get, and what the book keeps."""

import json
import logging
import multiprocessing
import sqlite3
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from market_assets.ops.settings import AlertSettings, QuietHours
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.round import AlertRound, Collected, RoundReport
from resources.http import redact
from tests.resources.alerting.conftest import Mailbox
from tests.resources.alerting.rounds import DISK, LATE, NOON, SETTINGS, Rounds, dies, rounds_at_once
from tests.resources.vendor_host import Host, Says


@pytest.fixture
def desk(home: Path, webhook: Host) -> Rounds:
    """Rounds whose channel `desk` is the webhook."""
    return Rounds(home, {"DESK": hook(webhook)})


def hook(host: Host, path: str = "/hook") -> str:
    return host.url.replace("http://", "json://") + path


def posted(host: Host) -> list[str]:
    """Titles, in the order in which they came."""
    return [json.loads(asked.content)["title"] for asked in host.asked]


def test_an_incident_is_one_message_and_one_recovery(desk: Rounds, webhook: Host) -> None:
    """With what is wrong, since when, and where to read on."""
    assert desk.run(LATE) == RoundReport(is_run=True, n_findings=1, n_opened=1, n_open=1, n_sent=1)
    for _ in range(5):
        assert desk.run(LATE) == RoundReport(is_run=True, n_findings=1, n_open=1)
    assert desk.run() == RoundReport(is_run=True, n_recovered=1, n_sent=1)
    assert desk.run() == RoundReport(is_run=True)
    opened, recovered = (json.loads(asked.content) for asked in webhook.asked)
    assert (opened["title"], opened["type"]) == ("WARN: bars_minute freshness", "warning")
    assert opened["message"].splitlines() == [
        "Its last bar is 20 minutes old.",
        "",
        "Partitions: 2026-11-03|AAPL",
        "Since: 2026-11-03 12:00:00Z",
        "Incident 1: http://app.here/alerts/1",
        "What to do: http://app.here/runbook#check-bars_minute-freshness",
    ]
    assert (recovered["title"], recovered["type"]) == ("RECOVERED: bars_minute freshness", "success")
    assert "Recovered: 2026-11-03 12:03:30Z, after 4 min" in recovered["message"]
    assert desk.book.last_round_at() == NOON + timedelta(minutes=4)


def test_a_cause_and_what_it_explains_are_one_message(desk: Rounds, webhook: Host) -> None:
    """Which names the first of them, and says how many there are."""
    cause = Finding("source:polygon", "breaker_open", "polygon", "WARN", "Polygon fails.", NOON)
    raw = [
        Finding(f"bars_{n:02d}", "run_failed", "", "ERROR", "", NOON, upstream=frozenset({"source:polygon"}))
        for n in range(12)
    ]
    desk.run(*raw, cause)
    (sent,) = (json.loads(asked.content) for asked in webhook.asked)
    assert (sent["title"], sent["type"]) == ("ERROR downstream: source:polygon breaker_open", "failure")
    named = ", ".join(f"bars_{n:02d} run_failed" for n in range(10))
    assert f"It explains 12 more: {named} and 2 others" in sent["message"]
    assert "runbook#alert-breaker_open" in sent["message"]
    root = next(entry for entry in desk.book.open() if entry.root_id is None)
    assert len(desk.book.attached(root.id)) == 12


def test_each_change_is_one_line_of_the_log(desk: Rounds, caplog: pytest.LogCaptureFixture) -> None:
    """Of opened and recovered, and of nothing else."""
    with caplog.at_level(logging.INFO, "market_assets.alerts"):
        desk.run(DISK)
        desk.run(DISK)
        desk.run()
    lines = [(one.levelname, one.message) for one in caplog.records if one.name == "market_assets.alerts"]
    assert lines == [
        ("ERROR", "incident 1 opened: ERROR disk disk_used: The disk is 93 % full."),
        ("INFO", "incident 1 recovered: ERROR disk disk_used: The disk is 93 % full."),
    ]


def test_a_dead_channel_falls_back_to_the_next(home: Path, mailbox: Mailbox, dead_port: int) -> None:
    """The first is asked and takes nothing; the second is a mailbox and has it."""
    mail = f"mailto://127.0.0.1:{mailbox.port}?from=desk@example.org&to=boss@example.org&mode=insecure&format=text"
    rounds = Rounds(home, {"DESK": f"json://127.0.0.1:{dead_port}/", "BOSS": mail})
    assert rounds.run(DISK).n_sent == 1
    assert rounds.told() == [("desk", False), ("boss", True)]
    assert (rounds.message().state, rounds.message().channel) == ("sent", "boss")
    assert [mail["subject"] for mail in mailbox.mails] == ["ERROR: disk disk_used"]


def test_what_nobody_takes_is_tried_again_until_somebody_does(desk: Rounds, webhook: Host) -> None:
    """Once a round, then no more; what opened is told before what recovered."""
    webhook.script = [Says({}, 503)]
    assert [desk.run(DISK).n_failed, desk.run(DISK).n_failed, desk.run().n_pending] == [1, 1, 2]
    webhook.script = [Says({})]
    assert desk.run().n_sent == 2
    assert desk.run() == RoundReport(is_run=True)
    assert posted(webhook) == ["ERROR: disk disk_used"] * 4 + ["RECOVERED: disk disk_used"]
    # boss has no address: dead as well, and told
    reasons = {one.channel: one.said for one in desk.book.outbox.attempts(1)[:2]}
    assert "503" in reasons["desk"]
    assert reasons["boss"] == "the environment variable BOSS is empty or not set"


def test_a_dead_channel_is_asked_once_a_round(desk: Rounds, webhook: Host) -> None:
    """However many messages wait; those that failed least often come first."""
    webhook.script = [Says({}, 503)]
    desk.run(LATE)
    others = [Finding(f"bars_{n}", "freshness", "", "WARN", "", NOON) for n in range(3)]
    for _ in range(3):
        assert desk.run(LATE, *others).n_pending == 4
    assert posted(webhook)[0] == "WARN: bars_minute freshness"
    assert sorted(posted(webhook)[1:]) == [f"WARN: bars_{n} freshness" for n in range(3)]


def test_what_nobody_took_for_a_day_is_given_up(desk: Rounds, webhook: Host) -> None:
    """The inbox has it, and no one is told of yesterday's."""
    webhook.script = [Says({}, 503)]
    desk.run(LATE)
    webhook.script = [Says({})]
    desk.settings = SETTINGS.model_copy(update={"remind_h": 100.0})
    assert desk.run(LATE, later=timedelta(hours=25)).n_pending == 0
    assert desk.message().state == "given_up"
    assert len(webhook.asked) == 1


def test_without_a_channel_the_inbox_has_it(home: Path) -> None:
    """Nothing waits, nothing fails."""
    rounds = Rounds(home, {}, AlertSettings(settle_s=0))
    assert rounds.run(DISK) == RoundReport(is_run=True, n_findings=1, n_opened=1, n_open=1)
    assert rounds.message().state == "inbox"
    assert [entry.incident.finding for entry in rounds.book.open()] == [DISK]


def test_no_warning_leaves_in_quiet_hours(desk: Rounds, webhook: Host) -> None:
    """Neither one that a dead channel left over, nor the recovery of one that was told before."""
    desk.settings = SETTINGS.model_copy(update={"quiet_hours": QuietHours(start=time(22), end=time(7))})
    desk.at = NOON.replace(hour=21, minute=58)
    other = Finding("btc_prices", "freshness", "", "WARN", "", NOON)
    desk.run(other)
    webhook.script = [Says({}, 503)]
    assert desk.run(LATE, other).n_failed == 1
    webhook.script = [Says({})]
    asked = len(webhook.asked)
    report = desk.run(LATE, later=timedelta(hours=1))
    assert (report.n_recovered, report.n_sent, report.n_pending) == (1, 0, 2)
    assert len(webhook.asked) == asked
    assert desk.run(LATE, later=timedelta(hours=8, minutes=1)).n_sent == 3  # and a reminder
    assert sorted(posted(webhook)[asked:]) == [
        "RECOVERED: btc_prices freshness",
        "STILL WARN: bars_minute freshness",
        "WARN: bars_minute freshness",
    ]


def test_escalation_goes_to_its_own_channels(desk: Rounds, webhook: Host) -> None:
    """Unless somebody acknowledged the incident, or the one that explains it."""
    desk.settings = SETTINGS.model_copy(update={"escalation": ("boss",)})
    desk.environment["BOSS"] = hook(webhook, "/boss")
    derived = Finding("bars", "run_failed", "", "ERROR", "", NOON, upstream=frozenset({"disk"}))
    other = Finding("memory", "memory_used", "", "ERROR", "", NOON)
    desk.run(DISK, derived, other)
    attached = next(entry for entry in desk.book.open() if entry.root_id is not None)
    known = desk.book.acknowledge(attached.id, "anna@desk")
    assert (known.incident.finding.subject, known.incident.acknowledged_by) == ("disk", "anna@desk")
    desk.run(DISK, derived, other, later=timedelta(hours=2))
    assert [asked.path for asked in webhook.asked] == ["/hook", "/hook", "/boss"]
    assert posted(webhook)[2] == "NOT ACKNOWLEDGED ERROR: memory memory_used"


def test_what_collect_raises_is_raised_and_changes_nothing(desk: Rounds, webhook: Host) -> None:
    """The round has not been: who watches sees that."""
    desk.run(DISK)

    def broken(now: datetime) -> Collected:
        raise OSError("no such instance")

    with pytest.raises(OSError, match="no such instance"):
        AlertRound(SETTINGS, desk.book, broken, desk.environment).run(desk.at + timedelta(hours=1))
    assert desk.book.last_round_at() == desk.at
    assert len(desk.book.open()) == 1
    assert desk.run(DISK).is_run


def test_no_key_gets_into_the_book_or_a_message(
    home: Path, webhook: Host, monkeypatch: pytest.MonkeyPatch, dead_port: int
) -> None:
    """Neither what a finding quotes, nor an address, whether it took the message or not."""
    monkeypatch.setattr(redact, "_secrets", set())
    redact.remember("PolygonKey123")
    addresses = {"DESK": f"json://127.0.0.1:{dead_port}/T0KenOfDesk", "BOSS": hook(webhook, "/T0KenOfBoss")}
    rounds = Rounds(home, addresses)
    rounds.run(Finding("bars", "run_failed", "", "ERROR", "GET /x?apiKey=PolygonKey123: 500", NOON, "PolygonKey123"))
    assert rounds.told() == [("desk", False), ("boss", True)]
    shown = webhook.asked[0].content + b"".join(file.read_bytes() for file in (home / "state").iterdir())
    assert b"GET /x?apiKey=[REDACTED]" in shown
    assert [key for key in (b"PolygonKey123", b"T0KenOfDesk", b"T0KenOfBoss") if key in shown] == []


def test_two_processes_with_a_round_at_once_tell_it_once(home: Path, webhook: Host) -> None:
    """One of them does the round, or both one after the other: one incident, one message."""
    context = multiprocessing.get_context("spawn")
    gate, reports = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=rounds_at_once, args=(home, {"DESK": hook(webhook)}, gate, reports)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    found = [reports.get(timeout=60) for _ in range(6)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sum(report.n_opened for report in found) == sum(report.n_sent for report in found) == 1
    assert posted(webhook) == ["ERROR: disk disk_used"]


def test_a_round_while_another_runs_does_nothing(desk: Rounds, webhook: Host) -> None:
    """Also in another thread of the same process; the next one runs again."""
    with desk.book.alone() as is_alone:
        assert is_alone
        assert desk.run(DISK) == RoundReport(is_run=False)
    assert desk.book.open() == webhook.asked == []
    assert desk.run(DISK).n_sent == 1


@pytest.mark.parametrize(("when", "sent"), [("after", [1, 1]), ("before", [2, 1])])
def test_a_process_that_dies_loses_no_message_and_repeats_none_that_was_noted(
    home: Path, webhook: Host, when: str, sent: list[int]
) -> None:
    """Of two messages the first was taken: the second is sent by the next round; the first again only if not noted."""
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=dies, args=(home, {"DESK": hook(webhook)}, when))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 9
    first = posted(webhook)
    assert len(first) == 1
    rounds = Rounds(home, {"DESK": hook(webhook)})
    assert rounds.run(DISK, Finding("memory", "memory_used", "", "ERROR", "", NOON)).n_opened == 0
    assert sorted(posted(webhook).count(title) for title in set(posted(webhook))) == sorted(sent)
    assert posted(webhook).count(first[0]) == sent[0]
    begun = rounds.told(next(m.incident_id for m in map(rounds.message, (1, 2)) if m.text.title == first[0]))
    assert begun == ([("desk", True)] if when == "after" else [("desk", None), ("desk", True)])


def test_the_change_and_its_message_are_written_together_or_not_at_all(desk: Rounds, webhook: Host) -> None:
    """A message that cannot be written takes the incident with it."""
    desk.run(LATE)
    with sqlite3.connect(desk.book._file.path) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(sqlite3.IntegrityError, match="disk is full"):
        desk.run(LATE, DISK)
    assert [entry.incident.finding.subject for entry in desk.book.open()] == ["bars_minute"]
    with sqlite3.connect(desk.book._file.path) as db:
        db.execute("DROP TRIGGER full")
    assert desk.run(LATE, DISK).n_sent == 1
