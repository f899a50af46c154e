"""A small graph for the ledgers and what reads them: its checks and steps end as a test wishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.storage.schedules import SqliteScheduleStorage

from market_assets.core import partitions

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05")
VENUES = dg.DynamicPartitionsDefinition(name="venues")
PAIRS = dg.MultiPartitionsDefinition({"day": DAYS, "venue": VENUES})
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

#: check -> how it ends; a check that is not named passes
FAILS: dict[str, dg.AssetCheckSeverity] = {}
#: asset -> what its step raises
BREAKS: dict[str, Exception] = {}
#: asset -> a partition that its step stores before it may raise
STORES: dict[str, str] = {}


def _asset(name: str, definition: dg.PartitionsDefinition | None, *deps: str) -> dg.AssetsDefinition:
    policy = dg.BackfillPolicy.single_run() if definition else None

    @dg.asset(name=name, partitions_def=definition, backfill_policy=policy, deps=list(deps))
    def made(context: dg.AssetExecutionContext) -> None:
        if name in STORES:
            context.log_event(dg.AssetMaterialization(name, partition=STORES[name]))
        if name in BREAKS:
            raise BREAKS[name]

    return made


def _check(asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="complete", description="No hour is missing.")
    def complete() -> dg.AssetCheckResult:
        if f"check of {asset}" in BREAKS:
            raise BREAKS[f"check of {asset}"]
        return dg.AssetCheckResult(
            passed=asset not in FAILS,
            severity=FAILS.get(asset, dg.AssetCheckSeverity.ERROR),
            metadata={"partitions": "some", "missing": 3, "share": 0.125, "rows": dg.MetadataValue.md("| a |")},
        )

    return complete


ASSETS = [
    _asset("prices", PAIRS),
    _asset("daily", DAYS, "prices"),
    _asset("summary", None, "daily"),
    _asset("names", None),
]
CHECKS = [_check("prices"), _check("daily"), _check("summary")]


@dg.multi_asset(specs=[dg.AssetSpec("both_a", deps=["names"]), dg.AssetSpec("both_b", deps=["names"])], name="both_a")
def both() -> Iterator[dg.MaterializeResult]:
    if "both_a" in BREAKS:
        raise BREAKS["both_a"]
    yield dg.MaterializeResult("both_a")
    yield dg.MaterializeResult("both_b")


@dg.sensor(asset_selection="names")
def watched() -> None:
    return None


DEFS = dg.Definitions(assets=[*ASSETS, both], asset_checks=CHECKS, sensors=[watched], executor=dg.in_process_executor)
GRAPH = DEFS.resolve_asset_graph()


def run(
    instance: dg.DagsterInstance, *assets: str, of: tuple[str, str] | None = None, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    """Materialise these with their checks, over a range of partitions or none."""
    return DEFS.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in assets],
        tags={**(partitions.range_tags(*of) if of else {}), **(tags or {})},
        raise_on_error=False,
        run_config=_QUIET,
    )


def judge(instance: dg.DagsterInstance, *assets: str) -> dg.ExecuteInProcessResult:
    """Run the checks of these alone, over everything, as a freshness schedule does."""
    selection = dg.AssetSelection.checks_for_assets(*(dg.AssetKey(name) for name in assets))
    job = dg.define_asset_job("judging", selection)
    defs = dg.Definitions(assets=ASSETS, asset_checks=CHECKS, jobs=[job], executor=dg.in_process_executor)
    return defs.resolve_job_def("judging").execute_in_process(instance=instance, run_config=_QUIET)


def give_ticks(instance: dg.DagsterInstance, folder: Path) -> None:
    """Let an instance in memory, which has no schedules, keep them in a folder: one on disk is slow to run in."""
    instance._schedule_storage = SqliteScheduleStorage.from_local(str(folder))
    instance._schedule_storage.register_instance(instance)


@contextmanager
def fresh_instance(folder: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """An instance with two venues, where everything passes; one in a folder knows ticks as well."""
    for ends in (FAILS, BREAKS, STORES):
        ends.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        if folder:
            give_ticks(instance, folder)
        instance.add_dynamic_partitions("venues", ["apex", "bolt"])
        yield instance
