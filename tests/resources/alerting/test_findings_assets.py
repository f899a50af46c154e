"""Failed checks and runs as findings: of real runs of a small graph, with what explains them."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from market_assets.ops.transforms.incidents import Finding
from market_assets.settings import Settings, load
from resources.alerting.asked import asked_by, supplies
from resources.alerting.findings_assets import NOTICES, failed_checks, failed_runs
from resources.alerting.lineage import Lineage
from resources.check_ledger import CheckLedger
from resources.http.errors import Unavailable
from resources.plans import REQUESTS
from resources.run_ledger import RunLedger
from resources.run_scope import Scopes
from resources.vendor_budgets import vendors_in_use
from tests.resources import ledger_graph as graph
from tests.resources.ledger_graph import BREAKS, FAILS, GRAPH, run

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with graph.fresh_instance() as fresh:
        yield fresh


@pytest.fixture
def settings(home: Path) -> Settings:
    return load(home=home, vendors="sandbox", funding={"exchanges": ["bybit", "okx"]})


def found(settings: Settings, instance: dg.DagsterInstance, *, notices: bool = False) -> list[Finding]:
    checks, runs = CheckLedger(settings.home), RunLedger(settings.home)
    checks.follow(instance, GRAPH)
    runs.follow(instance, GRAPH)
    lineage, scopes, failures = Lineage(GRAPH, settings), Scopes(GRAPH, instance), runs.failing()
    broken = set(failures["asset"])
    judged = failed_checks(checks.failing(), broken, lineage, scopes, notices=notices)
    return [*failed_runs(failures, lineage, scopes), *judged]


def test_a_failed_check_is_one_finding_over_its_partitions(settings: Settings, instance: dg.DagsterInstance) -> None:
    """It says what does not hold, where as ranges, and how bad it is at its worst; it goes when all of them pass."""
    FAILS["prices"] = ERROR
    run(instance, "prices", of=("2026-01-01|apex", "2026-01-02|bolt"))
    FAILS["prices"] = WARN
    run(instance, "prices", of=("2026-01-04|bolt", "2026-01-04|bolt"))
    (one,) = found(settings, instance)
    assert (one.subject, one.check, one.cause, one.severity) == ("prices", "complete", "", "ERROR")
    assert one.scope == "2026-01-01|apex ... 2026-01-02|bolt, 2026-01-04|bolt"
    assert one.said == "Does not hold: No hour is missing (missing 3; share 0.125)."
    FAILS.clear()
    run(instance, "prices", of=("2026-01-01|apex", "2026-01-02|bolt"))
    (one,) = found(settings, instance)
    assert (one.severity, one.scope) == ("WARN", "2026-01-04|bolt")
    run(instance, "prices", of=("2026-01-04|apex", "2026-01-04|bolt"))
    assert found(settings, instance) == []


def test_what_checks_find_is_explained_by_what_is_before_them(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Ancestors explain a finding; a run that fails to make the asset explains what its checks find."""
    FAILS["daily"] = ERROR
    run(instance, "daily", of=("2026-01-01", "2026-01-01"))
    (checked,) = found(settings, instance)
    assert checked.upstream == {"prices"}
    BREAKS["daily"] = ValueError("broken")
    run(instance, "daily", of=("2026-01-02", "2026-01-03"))
    failed, checked = found(settings, instance)
    assert (failed.subject, failed.check, failed.cause, failed.severity) == (
        "daily",
        "run_failed",
        "ValueError",
        "ERROR",
    )
    assert (failed.scope, failed.said, failed.upstream) == ("2026-01-02 ... 2026-01-03", "broken", {"prices"})
    assert checked.upstream == {"prices", "daily"}
    BREAKS.clear()
    FAILS.clear()
    run(instance, "daily", of=("2026-01-01", "2026-01-03"))
    assert found(settings, instance) == []


def test_checks_that_could_not_be_evaluated_say_so(settings: Settings, instance: dg.DagsterInstance) -> None:
    """The table is there; nobody knows how good it is."""
    BREAKS["check of summary"] = ZeroDivisionError("no rows")
    run(instance, "summary")
    (one,) = found(settings, instance)
    assert (one.check, one.cause, one.scope) == ("run_failed", "ZeroDivisionError", "")
    assert one.said == "Its checks could not be evaluated: no rows"


def test_a_notice_is_told_only_where_it_is_wanted(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails to tell of something worth a look is no failure."""
    FAILS["summary"] = WARN
    run(instance, "summary")
    monkeypatch.setattr("resources.alerting.findings_assets.NOTICES", ("complete",))
    assert found(settings, instance) == []
    assert [one.check for one in found(settings, instance, notices=True)] == ["complete"]


def test_the_notices_are_checks_of_the_graph() -> None:
    """A check that was renamed would be told as a failure."""
    from market_assets.definitions import defs

    declared = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert set(NOTICES) <= declared


def chain(*names: str) -> list[dg.AssetSpec]:
    """Assets of these names, each after the one before."""
    befores = [[], *([name] for name in names)]
    return [dg.AssetSpec(name, deps=before) for name, before in zip(names, befores, strict=False)]


def test_vendors_explain_what_asks_them_and_what_follows(settings: Settings) -> None:
    """Of a table cut by exchange only the exchanges of its partitions do; of an error that names one, it alone."""
    assets = chain("funding_contracts", "funding_rates", "funding_hourly_rates", "funding_spreads")
    lineage = Lineage(dg.Definitions(assets=assets).resolve_asset_graph(), settings)
    both = {"source:bybit", "source:okx", "source:binance_archive"}
    before = {"funding_contracts", "funding_rates", "funding_hourly_rates"}
    assert lineage.upstream("funding_spreads", ["2026-10-05"]) == before | both
    of_bybit = lineage.upstream("funding_rates", ["2026-10-05|bybit"])
    assert of_bybit == {"funding_contracts", "source:bybit", "source:binance_archive"}
    named = lineage.upstream("funding_rates", ["all"], str(Unavailable("okx", "answered 503")))
    assert named == {"funding_contracts", "source:okx"}
    assert lineage.upstream("no_table", ["all"]) == frozenset()


def test_every_table_that_asks_is_known_with_its_vendors(settings: Settings) -> None:
    """A table that a plan counts requests of names its vendors, and every vendor in use supplies something."""
    asked = asked_by(settings)
    assert set(asked) == set(REQUESTS)
    named = frozenset().union(*asked.values())
    assert set(vendors_in_use(settings)) <= named
    assert set(vendors_in_use(settings)) <= {source for one in supplies(settings) for source in one.sources}
