"""The latest verdict of every check on every partition, told by real runs."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources import check_ledger, event_marks
from resources.check_ledger import CheckLedger
from resources.event_marks import Mark
from tests.resources import ledger_graph as graph
from tests.resources.ledger_graph import FAILS, GRAPH, judge, run

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with graph.fresh_instance() as fresh:
        yield fresh


def followed(home: Path, instance: dg.DagsterInstance) -> CheckLedger:
    ledger = CheckLedger(home)
    ledger.follow(instance, GRAPH)
    return ledger


def failing(ledger: CheckLedger) -> list[tuple[str, str]]:
    return ledger.failing().select("asset", "partition").rows()


def test_a_range_is_blamed_as_a_whole(home: Path, instance: dg.DagsterInstance) -> None:
    """A failed evaluation of a range of days and venues is the verdict on each of the pairs it crosses."""
    FAILS["prices"] = WARN
    run(instance, "prices", of=("2026-01-02|apex", "2026-01-03|bolt"))
    ledger = followed(home, instance)
    keys = ["2026-01-02|apex", "2026-01-02|bolt", "2026-01-03|apex", "2026-01-03|bolt"]
    assert failing(ledger) == [("prices", key) for key in keys]
    row = ledger.failing().row(0, named=True)
    assert (row["check"], row["severity"], row["passed"]) == ("complete", "WARN", False)
    assert row["description"] == "No hour is missing (missing 3; share 0.125)."
    assert row["since"] == row["at"]


def test_a_partition_that_passes_later_is_taken_back_alone(home: Path, instance: dg.DagsterInstance) -> None:
    """What is judged again has the newer verdict; what lasts keeps the time at which it began to fail."""
    FAILS["daily"] = ERROR
    run(instance, "daily", of=("2026-01-01", "2026-01-02"))
    ledger = followed(home, instance)
    began = ledger.failing()["since"][0]
    run(instance, "daily", of=("2026-01-02", "2026-01-02"))
    FAILS.clear()
    run(instance, "daily", of=("2026-01-01", "2026-01-01"))
    assert ledger.follow(instance, GRAPH) == 2
    assert failing(ledger) == [("daily", "2026-01-02")]
    row = ledger.failing().row(0, named=True)
    assert row["since"] == began < row["at"]
    passed = ledger.verdicts(["daily"], ["2026-01-01"]).row(0, named=True)
    assert (passed["passed"], passed["since"]) == (True, None)


def test_a_run_over_everything_replaces_all(home: Path, instance: dg.DagsterInstance) -> None:
    """Checks that a schedule runs without partitions speak for every partition; a later range speaks for its own."""
    FAILS["daily"] = ERROR
    run(instance, "daily", of=("2026-01-01", "2026-01-02"))
    ledger = followed(home, instance)
    began = ledger.failing()["since"].min()
    judge(instance, "daily")
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == [("daily", "all")]
    assert ledger.failing()["since"][0] == began
    FAILS.clear()
    run(instance, "daily", of=("2026-01-01", "2026-01-03"))
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == [("daily", "all")]
    assert ledger.verdicts(["daily"], ["2026-01-03"])["partition"].to_list() == ["2026-01-03", "all"]
    run(instance, "daily", of=("2026-01-01", "2026-01-04"))
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == []
    assert ledger.verdicts(["daily"])["partition"].to_list() == [f"2026-01-0{day}" for day in (1, 2, 3, 4)]


def test_unpartitioned_assets_have_one_verdict(home: Path, instance: dg.DagsterInstance) -> None:
    """A table without partitions is judged as a whole."""
    FAILS["summary"] = WARN
    run(instance, "summary")
    ledger = followed(home, instance)
    assert failing(ledger) == [("summary", "all")]
    FAILS.clear()
    run(instance, "summary")
    ledger.follow(instance, GRAPH)
    assert ledger.verdicts().select("asset", "passed").rows() == [("summary", True)]


def test_partitions_and_checks_that_are_no_more_are_dropped(home: Path, instance: dg.DagsterInstance) -> None:
    """A venue that was removed fails no more, and neither does a check that nobody declares."""
    FAILS.update(prices=ERROR, summary=ERROR)
    run(instance, "prices", of=("2026-01-01|apex", "2026-01-01|bolt"))
    run(instance, "summary")
    followed(home, instance)
    instance.delete_dynamic_partition("venues", "bolt")
    smaller = dg.Definitions(assets=graph.ASSETS, asset_checks=graph.CHECKS[:2]).resolve_asset_graph()
    ledger = CheckLedger(home)
    assert ledger.follow(instance, smaller) == 0
    assert failing(ledger) == [("prices", "2026-01-01|apex")]


def test_a_range_whose_end_is_gone_still_speaks_for_the_rest(home: Path, instance: dg.DagsterInstance) -> None:
    """A run over venues of which one was removed before anybody looked blames those that are left."""
    FAILS["prices"] = ERROR
    run(instance, "prices", of=("2026-01-01|apex", "2026-01-01|bolt"))
    instance.delete_dynamic_partition("venues", "bolt")
    assert failing(followed(home, instance)) == [("prices", "2026-01-01|apex")]


def test_a_first_look_at_a_long_log_reads_little(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with the newest evaluations and the last one of each check; older ones stay unread."""
    monkeypatch.setattr(check_ledger, "_FIRST_LOOK", 1)
    monkeypatch.setattr(event_marks, "_OVERLAP", 0)
    FAILS.update(daily=ERROR, summary=ERROR)
    for asset, of in (
        ("summary", None),
        ("daily", ("2026-01-01", "2026-01-01")),
        ("daily", ("2026-01-02", "2026-01-02")),
    ):
        run(instance, asset, of=of)
    ledger = CheckLedger(home)
    assert ledger.follow(instance, GRAPH) == 2
    assert failing(ledger) == [("daily", "2026-01-02"), ("summary", "all")]
    assert ledger.follow(instance, GRAPH) == 0


def test_a_log_that_was_begun_anew_is_read_anew(home: Path, instance: dg.DagsterInstance) -> None:
    """Verdicts of an instance that was wiped do not stand for ever."""
    FAILS["summary"] = ERROR
    run(instance, "summary")
    ledger = followed(home, instance)
    with dg.DagsterInstance.ephemeral() as other:
        assert ledger.follow(other, GRAPH) == 0
    assert failing(ledger) == []


def test_two_processes_read_each_evaluation_once(home: Path, instance: dg.DagsterInstance) -> None:
    """What one ledger has read is no news to another one of the same home."""
    run(instance, "summary")
    first, second = followed(home, instance), CheckLedger(home)
    run(instance, "summary")
    assert (first.follow(instance, GRAPH), second.follow(instance, GRAPH)) == (1, 0)


def test_an_event_that_appears_late_is_read(home: Path, instance: dg.DagsterInstance) -> None:
    """An id that was handed out before the last one read, and committed after it, is not skipped."""
    run(instance, "summary")
    run(instance, "daily", of=("2026-01-01", "2026-01-01"))
    kinds = [dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    earlier, later = event_marks.unread(instance, kinds, Mark())
    assert event_marks.unread(instance, kinds, Mark().after([later])) == [earlier]
    assert event_marks.unread(instance, kinds, Mark.parse(Mark().after([earlier, later]).write())) == []
