"""One partition of the equities chain in process: what it costs, and whose cost it is.

One symbol, one year, every asset of the domain with its checks, run by run as the demo does it, on
SQLite instance storage and against a real sandbox. The first pass loads what a process loads once
and is told apart; of the following, each of another year, the cheapest counts. Its double is the same
graph with empty bodies on an instance of its own, run by turns with ours: that is Dagster's share.
What remains without waiting for the vendor is ours, as CPU: the difference of two wall times would
mostly measure what else the machine does. Wall times are in the details.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import LAST_YEAR, Meter, Row, asking, fresh, our_requests, sandbox

SYMBOL = "AAPL"
GOAL_S = 0.5
_TIMES = 2
_YEAR_ASSETS = ("equities_adjusted_bars", "equities_gaps", "equities_features", "equities_reconciliation")


def rows(home: Path) -> list[Row]:
    """Our own share of one partition of the whole chain."""
    with sandbox(home / "sandbox") as url:
        universe = json.dumps([{"symbol": SYMBOL}])
        env = asking(home / "ours", url, MARKET_ASSETS_EQUITIES__UNIVERSE=universe)
        found = fresh(["-m", "benchmarks.chain"], env)
    return [
        Row(
            name="one_partition",
            what="1 symbol, 1 year, 9 assets with their checks in process: our own CPU",
            ours=found["own_cpu_s"],
            unit="s",
            peer="Dagster's CPU: the same graph with empty bodies",
            theirs=found["dagster_cpu_s"],
            goal=f"under {GOAL_S} s besides HTTP and Dagster",
            met=found["own_cpu_s"] < GOAL_S,
            details=found,
        )
    ]


def measure() -> dict[str, Any]:
    """Run the chain and its empty double in this process; needs the environment of `asking`."""
    import dagster as dg

    from market_assets.definitions import build_defs
    from market_assets.instance import prepare
    from market_assets.settings import settings

    found = settings()
    home = prepare(found)
    beside = home.with_name("dagster_empty")
    beside.mkdir()
    shutil.copyfile(home / "dagster.yaml", beside / "dagster.yaml")
    ours = build_defs(found)
    empty = empty_double(ours)
    with dg.DagsterInstance.from_config(str(home)) as one, dg.DagsterInstance.from_config(str(beside)) as other:
        years = [str(year) for year in range(LAST_YEAR - _TIMES, LAST_YEAR + 1)]
        (first, _), *passes = [(_passed(ours, one, year), _passed(empty, other, year)) for year in years]
    mine, double = zip(*passes, strict=True)
    cpu, dagster_cpu = min(meter.cpu_s for meter in mine), min(meter.cpu_s for meter in double)
    wall, dagster_wall = min(meter.own_wall_s for meter in mine), min(meter.wall_s for meter in double)
    return {
        "own_cpu_s": cpu - dagster_cpu,
        "dagster_cpu_s": dagster_cpu,
        "own_wall_s": wall - dagster_wall,
        "dagster_wall_s": dagster_wall,
        "http_waiting_s": min(meter.waiting_s for meter in mine),
        "total_wall_s": min(meter.wall_s for meter in mine),
        "first_pass_wall_s": first.wall_s,
    }


def _passed(defs: Any, instance: Any, year: str) -> Meter:
    """One pass over the chain. Raises where a run fails."""
    from market_assets.equities.partitions import EQUITY_SYMBOLS
    from market_assets.instance import materialize_range

    instance.add_dynamic_partitions(EQUITY_SYMBOLS.name, [SYMBOL])
    steps: Sequence[tuple[Sequence[str], list[str] | None]] = (
        (["equities_symbols"], None),
        (["equities_daily_bars"], [f"{SYMBOL}|{year}"]),
        (["equities_corporate_actions"], [SYMBOL]),
        (["equities_scored_bars"], [f"{SYMBOL}|{year}"]),
        (_YEAR_ASSETS, [year]),
        (["equities_symbol_status"], None),
    )
    meter = Meter()
    with our_requests(meter), meter.running():
        for assets, keys in steps:
            for result in materialize_range(defs, instance, assets, keys):
                assert result.success, f"{assets} {keys} failed"
    return meter


def empty_double(defs: Any) -> Any:
    """Definitions of the same assets, inputs, partitions and checks, where nothing is computed or stored."""
    import dagster as dg

    class Nothing(dg.IOManager):
        """Stores nothing, loads None."""

        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            """Drop it."""

        def load_input(self, context: dg.InputContext) -> None:
            """Nothing."""

    def asset(real: dg.AssetsDefinition, name: str) -> dg.AssetsDefinition:
        def compute(**inputs: None) -> int:
            return len(inputs)

        ins = {
            name: dg.AssetIn(key, partition_mapping=real.get_partition_mapping(key))
            for name, key in real.keys_by_input_name.items()
        }
        return dg.asset(
            name=name,
            ins=ins,
            partitions_def=real.partitions_def,
            backfill_policy=real.backfill_policy,
        )(compute)

    def checks(real: dg.AssetChecksDefinition) -> dg.AssetChecksDefinition:
        @dg.multi_asset_check(name=real.node_def.name, specs=list(real.check_specs), can_subset=True)
        def evaluate(context: dg.AssetCheckExecutionContext) -> Any:
            for key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, passed=True)

        return evaluate

    return dg.Definitions(
        assets=[asset(real, key.to_user_string()) for real in defs.assets for key in sorted(real.keys)],
        asset_checks=[checks(real) for real in defs.asset_checks],
        resources={"io_manager": Nothing()},
        executor=dg.in_process_executor,
    )


if __name__ == "__main__":
    print(json.dumps(measure()))
