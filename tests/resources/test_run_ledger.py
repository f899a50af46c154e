"""Which partitions failed to be made and have not been made since, told by real runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from market_assets.core import clock
from resources.check_ledger import CheckLedger
from resources.http import redact
from resources.http.errors import RateLimited, Unavailable
from resources.run_ledger import RunLedger
from tests.resources import ledger_graph as graph
from tests.resources.ledger_graph import BREAKS, FAILS, GRAPH, judge, run


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with graph.fresh_instance() as fresh:
        yield fresh


def followed(home: Path, instance: dg.DagsterInstance) -> RunLedger:
    ledger = RunLedger(home)
    ledger.follow(instance, GRAPH)
    return ledger


def failing(ledger: RunLedger) -> list[tuple[str, str]]:
    return ledger.failing().select("asset", "partition").rows()


def test_what_was_not_made_is_failing_until_it_is_made(home: Path, instance: dg.DagsterInstance) -> None:
    """A failed range fails each of its partitions; those that a later run stores are cleared, one by one."""
    BREAKS["daily"] = ValueError("a gap in the tape")
    run(instance, "daily", of=("2026-01-01", "2026-01-02"))
    ledger = followed(home, instance)
    assert failing(ledger) == [("daily", "2026-01-01"), ("daily", "2026-01-02")]
    row = ledger.failing().row(0, named=True)
    assert (row["cause"], row["said"], row["is_check"]) == ("ValueError", "a gap in the tape", False)
    BREAKS.clear()
    run(instance, "daily", of=("2026-01-02", "2026-01-03"))
    assert ledger.follow(instance, GRAPH) == 0
    assert failing(ledger) == [("daily", "2026-01-01")]
    run(instance, "daily", of=("2026-01-01", "2026-01-01"))
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == []


def test_what_only_waited_did_not_fail(home: Path, instance: dg.DagsterInstance) -> None:
    """In a chain the step that broke is told of, and not what came after it."""
    BREAKS["daily"] = ValueError("broken")
    run(instance, "daily", "summary")
    assert {asset for asset, _ in failing(followed(home, instance))} == {"daily"}


def test_retries_of_a_run_are_one_failure(home: Path, instance: dg.DagsterInstance) -> None:
    """A failure that lasts keeps the time at which it began, whatever the vendor says from try to try."""
    BREAKS["names"] = Unavailable("polygon", "answered 503")
    first = run(instance, "names")
    ledger = followed(home, instance)
    began = ledger.failing()["since"][0]
    BREAKS["names"] = RateLimited("polygon", "answered 429")
    run(instance, "names", tags={"dagster/root_run_id": first.run_id, "dagster/parent_run_id": first.run_id})
    assert ledger.follow(instance, GRAPH) == 1
    rows = ledger.failing()
    assert rows.select("asset", "partition", "cause", "since").rows() == [("names", "all", "VendorError", began)]
    assert rows["said"][0].startswith("polygon: answered 429.")
    assert rows["at"][0] > began


def test_a_failure_that_was_raised_on_purpose_says_its_description(home: Path, instance: dg.DagsterInstance) -> None:
    """dg.Failure is told by its text, without secrets and in few characters."""
    redact.remember("s3cr3t-of-a-desk")
    BREAKS["names"] = dg.Failure("3 of 9 series failed; key s3cr3t-of-a-desk was refused. " + "x" * 2000)
    run(instance, "names")
    row = followed(home, instance).failing().row(0, named=True)
    assert row["cause"] == "Failure"
    assert row["said"].startswith("3 of 9 series failed; key [REDACTED] was refused.")
    assert len(row["said"]) < 1000


def test_a_step_of_several_assets_fails_all_of_them(home: Path, instance: dg.DagsterInstance) -> None:
    """What is made together fails together."""
    BREAKS["both_a"] = ValueError("broken")
    run(instance, "both_a", "both_b")
    assert failing(followed(home, instance)) == [("both_a", "all"), ("both_b", "all")]


def test_checks_that_broke_are_told_until_they_are_evaluated(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asset that was stored does not fail because its check raised; the check's step does."""
    monkeypatch.setitem(BREAKS, "check of summary", ZeroDivisionError("no rows"))
    run(instance, "summary")
    ledger = followed(home, instance)
    assert ledger.failing().select("asset", "is_check", "cause").rows() == [("summary", True, "ZeroDivisionError")]
    BREAKS.clear()
    judge(instance, "summary")
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == []


def test_a_run_that_was_lost_fails_the_first_that_was_not_made(home: Path, instance: dg.DagsterInstance) -> None:
    """Without a failed step, as after a lost worker, the first of each chain that was to be made is told of."""
    keys = {dg.AssetKey("daily"), dg.AssetKey("summary")}
    job = graph.DEFS.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)
    lost = instance.create_run_for_job(
        job, asset_selection=frozenset(keys), tags={"dagster/partition": "2026-01-03"}, status=DagsterRunStatus.STARTED
    )
    instance.report_run_failed(lost, "The worker of this run was lost.")
    ledger = followed(home, instance)
    assert failing(ledger) == [("daily", "2026-01-03")]
    assert ledger.failing()["said"][0] == "The worker of this run was lost."


def test_what_was_stored_before_the_failure_did_not_fail(home: Path, instance: dg.DagsterInstance) -> None:
    """Partitions that a failed run stored on its way are not among those that failed."""
    BREAKS["daily"] = ValueError("broken")
    graph.STORES["daily"] = "2026-01-01"
    run(instance, "daily", of=("2026-01-01", "2026-01-02"))
    assert failing(followed(home, instance)) == [("daily", "2026-01-02")]


def test_what_nobody_asks_for_again_is_forgotten_after_a_week(home: Path, instance: dg.DagsterInstance) -> None:
    """A day of an old backfill does not fail for ever, once others are stored; while none is, it does."""
    BREAKS["daily"] = ValueError("broken")
    run(instance, "daily", of=("2026-01-01", "2026-01-01"))
    ledger = followed(home, instance)
    later = datetime.now(UTC) + timedelta(days=8)
    with clock.frozen(later):
        ledger.follow(instance, GRAPH)
    assert failing(ledger) == [("daily", "2026-01-01")]
    BREAKS.clear()
    run(instance, "daily", of=("2026-01-02", "2026-01-02"))
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == [("daily", "2026-01-01")]
    with clock.frozen(later):
        ledger.follow(instance, GRAPH)
    assert failing(ledger) == []


def test_partitions_and_logs_that_are_gone_are_dropped(home: Path, instance: dg.DagsterInstance) -> None:
    """A venue that was removed fails no more; an instance that was begun anew has no failures."""
    BREAKS.update(prices=ValueError("broken"), names=ValueError("broken"))
    run(instance, "prices", of=("2026-01-01|apex", "2026-01-01|bolt"))
    run(instance, "names")
    ledger = followed(home, instance)
    instance.delete_dynamic_partition("venues", "bolt")
    ledger.follow(instance, GRAPH)
    assert failing(ledger) == [("names", "all"), ("prices", "2026-01-01|apex")]
    with dg.DagsterInstance.ephemeral() as other:
        ledger.follow(other, GRAPH)
    assert failing(ledger) == []


def test_dagsters_own_files_are_read_as_well(home: Path, tmp_path: Path) -> None:
    """On disk each run has an event log of its own, and the index of all of them is what is followed."""
    with graph.fresh_instance(), dg.DagsterInstance.local_temp(str(tmp_path)) as stored:
        BREAKS["daily"] = ValueError("broken")
        run(stored, "daily", of=("2026-01-01", "2026-01-01"))
        runs, checks = followed(home, stored), CheckLedger(home)
        assert failing(runs) == [("daily", "2026-01-01")]
        BREAKS.clear()
        FAILS["daily"] = dg.AssetCheckSeverity.WARN
        run(stored, "daily", of=("2026-01-01", "2026-01-01"))
        runs.follow(stored, GRAPH)
        assert failing(runs) == []
        assert checks.follow(stored, GRAPH) == 1
        assert checks.failing().select("asset", "partition", "severity").rows() == [("daily", "2026-01-01", "WARN")]
        assert (runs.follow(stored, GRAPH), checks.follow(stored, GRAPH)) == (0, 0)
