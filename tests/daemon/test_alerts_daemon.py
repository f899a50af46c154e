"""A real daemon, webhook and mail server: one outage over forty tables is one message and one recovery."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from dashboards import watchdog
from dashboards.services import Services
from market_assets.core import clock
from market_assets.instance import prepare
from market_assets.settings import load, settings
from resources.alerting.book import IncidentBook
from resources.http import redact
from tests.daemon.alert_location import BOOKS, GRAPH, OUTAGE, RETRIES, TABLES
from tests.daemon.processes import free_port, process, wait_for
from tests.resources.alerting.conftest import Mailbox
from tests.resources.vendor_host import Host

pytestmark = [pytest.mark.daemon, pytest.mark.slow, pytest.mark.timeout(420)]

#: a daemon comes round to its sensors every five seconds, on a busy machine much later
ROUNDS_S = 120.0
ALERTS = {
    "channels": {"pager": "PAGER_URL", "desk": "DESK_URL", "mail": "MAIL_URL"},
    "critical": ["pager", "desk"],
    "warning": ["mail"],
    "escalation": ["mail"],
    # nothing waits for a cause that shows later: one failed run tells of the feed and of its tables
    "settle_s": 0,
    "escalate_min": 0.05,
    "app_url": "http://app.here",
    # however busy the machine is that runs this test
    "disk_used": [1, 1],
    "memory_used": [1, 1],
    "cpu_used": [1e6, 1e6],
}
#: what is posted and mailed of the outage from beginning to end
OPENED, RECOVERED = "ERROR: feed run_failed", "RECOVERED: feed run_failed"
WARNED, ESCALATED = "WARN: notes on_time", "NOT ACKNOWLEDGED ERROR: feed run_failed"
MAILED = [WARNED, ESCALATED, RECOVERED, "RECOVERED: notes on_time"]
DAEMON = ("dagster-daemon", "run", "-m", "tests.daemon.alert_location", "-a", "location")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Desk:
    """The home of the test: who listens, what is in the book, and the daemon's log."""

    def __init__(self, home: Path, webhook: Host, mailbox: Mailbox, instance: dg.DagsterInstance) -> None:
        self.book, self.log = IncidentBook(home), home / "daemon.log"
        self.instance, self._webhook, self._mailbox = instance, webhook, mailbox
        self.log.touch()

    def posted(self) -> list[tuple[str, list[str]]]:
        """Title and lines of everything that the webhook was sent."""
        bodies = [json.loads(asked.content) for asked in self._webhook.asked]
        return [(body["title"], body["message"].splitlines()) for body in bodies]

    def mailed(self) -> list[str]:
        """Subjects of all mail, in any order."""
        return sorted(mail["subject"] for mail in self._mailbox.mails)

    def wait_told(self, what: str, posted: Sequence[str], mailed: Sequence[str] | None = None) -> None:
        """Wait until the two servers were sent that much, and see that it is this and no more; None: whatever mail."""

        def lacking() -> str:
            told, n_pending = ([title for title, _ in self.posted()], self.mailed()), self.book.outbox.n_pending()
            is_all = len(told[0]) >= len(posted) and len(told[1]) >= len(mailed or ())
            # a message arrives before the book notes that it did
            return "" if is_all and not n_pending else f"arrived are {told}, {n_pending} pending"

        wait_for(what, ROUNDS_S, lacking, self.log, every_s=0.2)
        assert [title for title, _ in self.posted()] == list(posted)
        assert mailed is None or self.mailed() == sorted(mailed)

    def wait_round(self) -> None:
        """Wait for a round that began and ended from now on."""
        asked_at = clock.wall()

        def lacking() -> str:
            # a round notes when it began
            last = self.book.last_round_at()
            return "" if last is not None and last > asked_at else f"a round after {asked_at}, the last is of {last}"

        wait_for("the daemon ran a round of alerts", ROUNDS_S, lacking, self.log, every_s=0.2)

    def run(self, *assets: str) -> dg.ExecuteInProcessResult:
        """Materialise these with their checks, in one run of this process."""
        return GRAPH.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(name) for name in assets],
            raise_on_error=False,
            run_config=_QUIET,
        )

    def age_heartbeats(self) -> str:
        """Let ten minutes have passed since the daemons beat last; the name of the first that fell silent."""
        beats = self.instance.get_daemon_heartbeats().values()
        for beat in beats:
            self.instance.add_daemon_heartbeat(beat._replace(timestamp=beat.timestamp - 600))
        return min(beats, key=lambda beat: beat.timestamp).daemon_type

    def ticks(self) -> list[InstigatorTick]:
        """What the daemon noted of the sensor's ticks, newest first."""
        (state,) = self.instance.all_instigator_state()
        return list(self.instance.get_ticks(state.instigator_origin_id, state.selector_id))


@pytest.fixture
def desk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Routes in the configuration file, addresses in the environment; the pager is a port where nobody is."""
    # what this process remembers as secret here is not elsewhere
    monkeypatch.setattr(redact, "_secrets", set())
    webhook, mailbox = Host(), Mailbox()
    (home / "config.yaml").write_text(yaml.safe_dump({"alerts": ALERTS}))
    monkeypatch.setenv("PAGER_URL", f"json://127.0.0.1:{free_port()}/page")
    monkeypatch.setenv("DESK_URL", webhook.url.replace("http://", "json://") + "/desk")
    to = "from=desk@example.org&to=quant@example.org&mode=insecure&format=text"
    monkeypatch.setenv("MAIL_URL", f"mailto://127.0.0.1:{mailbox.port}?{to}")
    settings.cache_clear()
    prepare(settings())
    OUTAGE.clear()
    with dg.DagsterInstance.get() as instance:
        yield Desk(home, webhook, mailbox, instance)
    OUTAGE.clear()
    webhook.close()
    mailbox.close()


def test_an_outage_is_one_message_and_one_recovery_and_a_dead_daemon_is_told_of(
    home: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails behind the feed, and however often, the desk hears of it twice; the app tells of a dead daemon."""
    began = time.monotonic()
    with process(desk.log, *DAEMON) as running:
        desk.wait_round()
        print(f"the daemon ticks after {time.monotonic() - began:.0f} s")  # noqa: T201 - shown by pytest -s
        n_tries = _the_outage_is_told_once(desk)
        _what_fails_later_is_part_of_it(desk)
        _it_recovers_once(desk)
        n_ticks = _no_tick_failed(desk)
        running.kill()
        running.wait()
        told = _the_app_tells_of_the_dead_daemon(home, desk, monkeypatch)
    with process(desk.log, *DAEMON):
        _its_return_is_told(desk, told)
    n_failed = desk.instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    incidents = desk.book.all()
    outage = [one for one in incidents if not one.incident.finding.subject.startswith("daemon:")]
    print(  # noqa: T201
        f"{len(TABLES)} tables tried {n_tries} times, {n_failed} failed runs, {len(outage)} incidents of the outage "
        f"and {len(incidents) - len(outage)} of the daemons; {len(desk.posted())} messages at the webhook, "
        f"{len(desk.mailed())} mails, {n_ticks} ticks, {time.monotonic() - began:.0f} s"
    )


def _the_outage_is_told_once(desk: Desk) -> int:
    """The feed and forty tables with three retries each fail: the pager is dead, so the desk gets one message."""
    OUTAGE.set()
    failed = desk.run("feed", *TABLES)
    tries = [event for event in failed.all_events if event.is_step_start or event.is_step_restarted]
    assert sum(event.step_key in TABLES for event in tries) == len(TABLES) * (1 + RETRIES)
    assert sum(event.is_step_failure for event in failed.all_events) == 1 + len(TABLES)
    desk.wait_told("the outage is told", [OPENED])
    (entry,) = [one for one in desk.book.open() if one.root_id is None]
    ((_, lines),) = desk.posted()
    assert lines[0] == "vendor.example answers 503"
    assert f"It explains {len(TABLES)} more: " in "\n".join(lines)
    assert f"Incident {entry.id}: http://app.here/alerts/{entry.id}" in lines
    assert "What to do: http://app.here/runbook#alert-run_failed" in lines
    message = desk.book.outbox.of_incident(entry.id)[0]
    pager, webhook = desk.book.outbox.attempts(message.id)
    assert (pager.channel, pager.is_taken, webhook.channel, webhook.is_taken) == ("pager", False, "desk", True)
    assert "Connection error" in pager.said
    return len(TABLES) * (1 + RETRIES)


def _what_fails_later_is_part_of_it(desk: Desk) -> None:
    """Another try of the feed and failed checks behind it say nothing more; a warning elsewhere goes by mail."""
    again = GRAPH.resolve_job_def("again").execute_in_process(
        instance=desk.instance, raise_on_error=False, run_config=_QUIET
    )
    assert not again.success
    assert len(again.get_asset_check_evaluations()) == len(BOOKS) + 1
    desk.wait_round()
    root = next(one for one in desk.book.open() if one.incident.finding.subject == "feed")
    subjects = sorted(one.incident.finding.subject for one in desk.book.attached(root.id))
    assert subjects == sorted([*TABLES, *BOOKS])
    desk.wait_told("the warning and the escalation are mailed", [OPENED], [ESCALATED, WARNED])


def _it_recovers_once(desk: Desk) -> None:
    """The outage ends and everything is made anew: one recovery, on each route that was told."""
    OUTAGE.clear()
    assert desk.run("feed", "notes", *BOOKS, *TABLES).success
    desk.wait_told("the recovery is told", [OPENED, RECOVERED], MAILED)
    assert desk.book.open() == []
    assert f"It explained {len(TABLES) + len(BOOKS)} more" in desk.posted()[1][1]


def _no_tick_failed(desk: Desk) -> int:
    """How often the sensor ticked; what it said at the height of the outage."""
    ticks = desk.ticks()
    assert {tick.status for tick in ticks} <= {TickStatus.SKIPPED, TickStatus.STARTED}
    n_wrong = 1 + len(TABLES) + len(BOOKS) + 1
    assert any(str(tick.skip_reason).startswith(f"{n_wrong} findings, {n_wrong} incidents open") for tick in ticks)
    return len(ticks)


def _the_app_tells_of_the_dead_daemon(home: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ten minutes after the daemon was killed, which are let pass, the app's watchdog runs the rounds; the message."""
    told = f"daemon:{desk.age_heartbeats()} heartbeat"
    monkeypatch.setattr(watchdog, "_EVERY_S", 0.2)
    monkeypatch.setattr(watchdog, "_SILENT", timedelta(seconds=1))
    # that nobody acknowledges this one for three seconds is another story
    eye = watchdog.Watchdog(Services.of(load(home=home, alerts={**ALERTS, "escalate_min": 60})))
    eye.start()
    try:
        desk.wait_told("the dead daemon is told", [OPENED, RECOVERED, f"ERROR: {told}"], MAILED)
    finally:
        eye.stop()
    lines = desk.posted()[2][1]
    assert "What to do: http://app.here/runbook#alert-heartbeat" in lines
    assert any(line.startswith("It explains") for line in lines)
    return told


def _its_return_is_told(desk: Desk, told: str) -> None:
    """Once every daemon has beaten again."""
    desk.wait_told("the return", [OPENED, RECOVERED, f"ERROR: {told}", f"RECOVERED: {told}"], MAILED)
    assert desk.book.open() == []
