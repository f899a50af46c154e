"""All parts together: one that fails hides no other, and what nobody could look at stays as it is."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from market_assets.settings import Settings, load
from resources import stop_marker
from resources.alerting.book import IncidentBook
from resources.alerting.collecting import Watch
from resources.alerting.looking import NotNow, Part, look
from resources.alerting.round import AlertRound, Collected
from resources.http import redact
from tests.resources import ledger_graph as graph
from tests.resources.alerting.dagster_states import state
from tests.resources.ledger_graph import BREAKS, FAILS, run

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: nothing of this machine is told
CALM = AlertSettings(disk_used=(1, 1), memory_used=(1, 1), cpu_used=(1e6, 1e6), settle_s=0)
REPOSITORY = graph.DEFS.get_repository_def()


def finding(subject: str, since: datetime = NOON) -> Finding:
    return Finding(subject, "rule", "", "WARN", "Something is wrong.", since)


def failing(error: Exception) -> Part:
    def broken(_: datetime) -> Iterable[Finding]:
        raise error

    return Part("vendors", ("source:",), broken)


def test_a_part_that_fails_is_told_itself_and_hides_no_other() -> None:
    """Its subjects are unknown; what it raised is told without secrets."""
    redact.remember("a-key-of-the-desk")
    works = Part("machine", ("disk",), lambda now: [finding("disk", now)])
    found = look([failing(ValueError("key a-key-of-the-desk broke it")), works], {}, NOON)
    assert found.unknown == {"source:"}
    blind, disk = found.findings
    assert (blind.subject, blind.check, blind.cause, blind.severity) == (
        "alerts:vendors",
        "cannot_look",
        "ValueError",
        "ERROR",
    )
    assert "key [REDACTED] broke it" in blind.said
    assert disk.subject == "disk"
    assert look([works], {}, NOON).unknown == frozenset()


def test_what_cannot_be_judged_now_is_unknown_and_no_fault() -> None:
    """A home that stands still on purpose has nothing to tell of its ticks."""
    assert look([failing(NotNow("stopped"))], {}, NOON) == Collected((), frozenset({"source:"}))


def test_what_lasts_keeps_the_time_at_which_it_began() -> None:
    """Most parts only know that something is so now."""
    part = Part("machine", ("disk",), lambda now: [finding("disk", now)])
    lasting = {finding("disk").fingerprint: NOON}
    assert [one.since for one in look([part], lasting, NOON + MINUTE).findings] == [NOON]


@pytest.fixture
def settings(home: Path) -> Settings:
    return load(home=home, vendors="sandbox", alerts=CALM)


def told(watch: Watch, instance: dg.DagsterInstance, now: datetime) -> Collected:
    return watch.whole(instance, REPOSITORY)(now)


def test_tables_ticks_and_daemons_are_looked_at_together(settings: Settings, tmp_path: Path) -> None:
    """A failed check, a failed run and a late sensor of one instance; while the home is stopped, no tick is late."""
    with graph.fresh_instance(tmp_path) as instance:
        watch = Watch(settings, IncidentBook(settings.home))
        FAILS["summary"] = dg.AssetCheckSeverity.WARN
        run(instance, "summary")
        BREAKS["names"] = ValueError("broken")
        run(instance, "names")
        state(instance, "watched", began=NOON)
        late = NOON + 10 * MINUTE
        subjects = [(one.subject, one.check) for one in told(watch, instance, late).findings]
        assert subjects == [("names", "run_failed"), ("summary", "complete"), ("sensor:watched", "tick_late")]
        stop_marker.write(settings, "maintenance", "somebody", [])
        stopped = told(watch, instance, late)
        assert [one.subject for one in stopped.findings] == ["names", "summary"]
        assert stopped.unknown == {"schedule:", "sensor:", "daemon:"}
        FAILS.clear()
        BREAKS.clear()
        run(instance, "summary", "names")
        stop_marker.remove(settings)
        assert [one.subject for one in told(watch, instance, late).findings] == ["sensor:watched"]


def test_without_definitions_other_incidents_stay_as_they_are(settings: Settings) -> None:
    """The app's watchdog knows nothing of tables: what is open of them is unknown, and does not recover."""
    book = IncidentBook(settings.home)
    AlertRound(CALM, book, lambda _: Collected((finding("bars_minute"), finding("disk")))).run(NOON)
    with clock.frozen(NOON):
        found = Watch(settings, book).without_graph(None)(NOON)
    assert found == Collected((), frozenset({"bars_minute"}))
