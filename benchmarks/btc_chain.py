"""One day of the btc chain in process: what it costs, and whose cost it is.

One run of the ten daily assets with their checks over a store that holds the year before, on SQLite instance
storage and against a real sandbox. The first pass loads what a process loads once, the year's files among it,
and is told apart; of the following, each of the next day, the cheapest counts. Its double is the same graph
with empty bodies on an instance of its own, run by turns with ours: that is Dagster's share. What remains
without waiting for the vendor is ours, as CPU: the difference of two wall times would mostly measure what else
the machine does. Wall times are in the details. What the runs stored is then compared with one full recompute.
"""

import json
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.chain import empty_double
from benchmarks.measure import Meter, Row, asking, fresh, our_requests, sandbox

GOAL_S = 0.5
#: a Tuesday: the model of its week is among what is stored, and no pass needs another
FIRST_DAY = date(2025, 12, 23)
#: days stored before it: more than any asset looks back
N_DAYS = 400
#: passes that count; with the one before them they must stay within the week
TIMES = 5


def rows(home: Path, n_days: int = N_DAYS, times: int = TIMES) -> list[Row]:
    """Our own share of one day of the whole chain. Raises RuntimeError where a run fails or stores other rows."""
    with sandbox(home / "sandbox") as url:
        start = str(FIRST_DAY - timedelta(days=n_days))
        env = asking(home / "ours", url, MARKET_ASSETS_BTC__HISTORY_START=start)
        fresh(["-m", "benchmarks.btc_chain", "fill"], env)
        found = fresh(["-m", "benchmarks.btc_chain", "measure", str(times)], env)
    compared = fresh(["-m", "benchmarks.btc_chain", "compare"], env)
    return [
        Row(
            name="btc_one_day",
            what=f"btc: 1 day after {n_days}, 10 assets with their checks in process: our own CPU",
            ours=found["own_cpu_s"],
            unit="s",
            peer="Dagster's CPU: the same graph with empty bodies",
            theirs=found["dagster_cpu_s"],
            goal=f"under {GOAL_S} s besides HTTP and Dagster",
            met=found["own_cpu_s"] < GOAL_S,
            details={**found, **compared},
        )
    ]


def fill() -> dict[str, Any]:
    """Store every table of the days before FIRST_DAY, without Dagster; how many files that are."""
    import polars as pl

    from benchmarks import btc_hours
    from market_assets.btc import schemas
    from market_assets.btc.transforms import labels, performance, raw, training
    from market_assets.core import clock
    from market_assets.core.contracts import Table
    from market_assets.settings import settings
    from resources.stores import open_store

    btc, until, now = settings().btc, clock.instant(FIRST_DAY), clock.now()
    inputs = btc_hours.fitted(btc, *btc_hours.observed(btc, (until - btc.start) // timedelta(hours=1)), until)
    made = btc_hours.computed(inputs, btc, first=btc.start, until=until)
    price = raw.canonical(inputs.price, ["price"])
    outcomes = labels.labels(price, btc, first=btc.start, until=until, now=now)
    days = [btc.history_start + timedelta(days=n) for n in range((FIRST_DAY - btc.history_start).days)]
    trained = training.training_data(
        made["processed"], made["rpn"], made["bins"], made["dominance"], made["signals"], outcomes, btc
    )
    stored: list[tuple[type[Table], pl.DataFrame]] = [
        (schemas.BtcPrice, inputs.price),
        (schemas.BtcLiquidations, inputs.liquidations),
        (schemas.BtcBinModels, inputs.models),
        *((table, made[name]) for name, (table, _) in btc_hours.FEATURES.items()),
        (schemas.BtcLabels, outcomes),
        (schemas.BtcTrainingData, trained),
        (schemas.BtcSignalPerformance, performance.performance(made["signals"], outcomes, btc, days=days, now=now)),
    ]
    store, files = open_store(settings()), 0
    for table, frame in stored:
        contract = table.contract()
        for key, part in contract.split(contract.conform(frame)).items():
            store.write(contract, key, part, run_id="benchmark")
            files += 1
    return {"files": files}


def measure(times: int) -> dict[str, Any]:
    """Run days and their empty double in this process, over what `fill` stored."""
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
    days = [str(FIRST_DAY + timedelta(days=n)) for n in range(times + 1)]
    with dg.DagsterInstance.from_config(str(home)) as one, dg.DagsterInstance.from_config(str(beside)) as other:
        (first, _), *passes = [(_passed(ours, one, day), _passed(empty, other, day)) for day in days]
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


def _passed(defs: Any, instance: Any, day: str) -> Meter:
    """One run of the day. Raises where it fails."""
    from market_assets.instance import materialize_range
    from schedules.btc import DAILY

    meter = Meter()
    with our_requests(meter), meter.running():
        (result,) = materialize_range(defs, instance, [key.to_user_string() for key in DAILY], [day])
    assert result.success, f"the run of {day} failed"
    return meter


def compare() -> dict[str, Any]:
    """How many stored feature rows are those of one full recompute, bit for bit. Raises AssertionError for others."""
    from benchmarks import btc_hours
    from market_assets.btc import schemas
    from market_assets.core import clock
    from market_assets.settings import settings
    from resources.stores import open_store

    btc, store = settings().btc, open_store(settings())
    price, liquidations, models = (
        store.read(table.contract()) for table in (schemas.BtcPrice, schemas.BtcLiquidations, schemas.BtcBinModels)
    )
    inputs = btc_hours.Inputs(price, liquidations, models, btc_hours.nothing_stored())
    until = clock.instant(store.partitions(schemas.BtcSignals.contract())[-1]) + timedelta(days=1)
    n_equal = 0
    for name, wanted in btc_hours.computed(inputs, btc, first=btc.start, until=until).items():
        table, _ = btc_hours.FEATURES[name]
        assert store.read(table.contract()).equals(wanted), f"{name}: the days do not add up to a full recompute"
        n_equal += wanted.height
    return {"rows_equal": n_equal}


if __name__ == "__main__":
    work, *times = sys.argv[1:]
    steps = {"fill": fill, "measure": lambda: measure(int(times[0])), "compare": compare}
    print(json.dumps(steps[work]()))
