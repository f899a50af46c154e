"""A real Dagster instance in the test's DAGSTER_HOME, with what the test wants to have happened."""

import os
import shutil
from pathlib import Path

import dagster as dg

_INSTANCE = Path(__file__).resolve().parents[2] / "dagster.yaml"


def instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME, made from the project's own dagster.yaml."""
    home = Path(os.environ["DAGSTER_HOME"])
    shutil.copyfile(_INSTANCE, home / "dagster.yaml")
    return dg.DagsterInstance.from_config(str(home))


def heartbeat(found: dg.DagsterInstance, *, age_s: float = 0.0) -> None:
    """Every daemon the instance needs has beaten `age_s` ago."""
    import time

    from dagster._daemon.types import DaemonHeartbeat

    for kind in found.get_required_daemon_types():
        found.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age_s, kind, "test", []))


def evaluate(found: dg.DagsterInstance, *, passed: bool, severity: str = "ERROR") -> None:
    """Materialise an asset whose check ends so."""
    spec = dg.AssetCheckSpec("newest_due_session", asset="equities_daily_bars")

    @dg.asset(name="equities_daily_bars", check_specs=[spec])
    def bars() -> dg.MaterializeResult:
        result = dg.AssetCheckResult(
            check_name=spec.name,
            passed=passed,
            severity=dg.AssetCheckSeverity(severity),
            description="AAPL lacks 2024-01-11",
        )
        return dg.MaterializeResult(check_results=[result])

    assert dg.materialize([bars], instance=found).success
