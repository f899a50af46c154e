"""A month of settled funding from the wire to checked, stored partitions, and whose CPU that takes.

2,275 contracts that settle every hour, 1.6 million settlements: one run of the asset `funding_rates` with its
checks over thirty days of six exchanges, in process, on SQLite instance storage, against a sandbox in a process
of its own. Its wall time is that of asking, so CPU is counted, of all threads. Fetching is what the HTTP stack
takes (client, raw store, breaker, statistics), Dagster's share that of the same graph with empty bodies. What
remains is ours: reading answers, paging, transforming, validating, storing, checking. How ours divides is told by
thread for reading and paging, and by doing the rest once more, alone. The derived tables follow, for information.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import funding_fetch
from benchmarks.chain import empty_double
from benchmarks.funding_market import EXCHANGES, N_CONTRACTS, N_DAYS, UNTIL, first_of, market, scaled
from benchmarks.layers import Layers
from benchmarks.measure import Meter, Row, asking, fresh

GOAL_S = 15.0
#: contracts an exchange in the comparison with the peer
_SAMPLE = 10
#: what follows of the day after, and of all days
_THEN = ("funding_rates", "funding_snapshot", "funding_completeness", "funding_statistics")
_THEN_OF_ALL = "funding_hourly_rates"


def rows(home: Path, perpetuals: int = N_CONTRACTS, n_days: int = N_DAYS, sample: int = _SAMPLE) -> list[Row]:
    """Our own share of the month, and a sample of it against the peer. Raises RuntimeError where rows are wrong."""
    with market(home / "sandbox", perpetuals) as url:
        env = asking(
            home / "ours",
            url,
            MARKET_ASSETS_FUNDING__EXCHANGES=json.dumps(EXCHANGES),
            MARKET_ASSETS_FUNDING__START_DATE=f"{first_of(n_days + 7):%Y-%m-%d}",
            MARKET_ASSETS_FUNDING__WINDOW_DAYS=str(n_days),
        )
        found = fresh(["-m", "benchmarks.funding", str(perpetuals), str(n_days)], env)
        sampled = {"perpetuals": perpetuals, "n_days": n_days, "per_exchange": sample}
        compared = funding_fetch.rows(home / "sample", url, **sampled)
    return [
        Row(
            name="funding_chain",
            what=f"funding: {n_days} days x {perpetuals:,} hourly contracts, wire to checked partitions: our own CPU",
            ours=found["own_cpu_s"],
            unit="s",
            goal=f"under {GOAL_S:g} s CPU besides HTTP and Dagster",
            met=found["own_cpu_s"] < GOAL_S,
            details=found,
        ),
        *compared,
    ]


def measure(perpetuals: int, n_days: int) -> dict[str, Any]:
    """Run the month and its empty double in this process, then what is derived of it."""
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
    layers, days = Layers(), [f"{first_of(n_days - n):%Y-%m-%d}" for n in range(n_days)]
    with dg.DagsterInstance.from_config(str(home)) as one, dg.DagsterInstance.from_config(str(beside)) as other:
        for defs, instance in ((ours, one), (empty, other)):
            _run(defs, instance, "funding_contracts", EXCHANGES)
        with layers.watching(_layers()):
            whole = _run(ours, one, "funding_rates", _keys(days))
        double = _run(empty, other, "funding_rates", _keys(days))
        n_rows = _verified(perpetuals, n_days)
        alone = again(days)
        then = {name: _run(ours, one, name, _keys([f"{UNTIL:%Y-%m-%d}"])).as_dict() for name in _THEN}
        then[_THEN_OF_ALL] = _run(ours, one, _THEN_OF_ALL, _keys(days)).as_dict()
    spent = {name: layers.seconds[name] for name in ("http", "raw_store", "bookkeeping", "reading", "paging")}
    fetching = spent["http"] + spent["raw_store"] + spent["bookkeeping"]
    return {
        "own_cpu_s": whole.cpu_s - fetching - double.cpu_s,
        "fetching_cpu_s": fetching,
        "dagster_cpu_s": double.cpu_s,
        "total_cpu_s": whole.cpu_s,
        "total_wall_s": whole.wall_s,
        "settlements": n_rows,
        "requests": layers.calls["http"],
        "layers_cpu_s": spent,
        "alone_cpu_s": alone,
        "then": {name: {key: spent[key] for key in ("cpu_s", "wall_s")} for name, spent in then.items()},
    }


def again(days: Sequence[str]) -> dict[str, float]:
    """CPU of transforming, validating and storing what is stored, each by itself."""
    import polars as pl

    from market_assets.funding import schemas
    from market_assets.funding.transforms import rates
    from market_assets.settings import settings
    from resources.stores import open_store
    from resources.stores.lake import LakeStore

    found, contract = settings(), schemas.FundingRates.contract()
    store, beside = open_store(found), LakeStore(found.home / "again", found.retention)
    spent = {name: Meter() for name in ("transform", "validate", "store")}
    for exchange in EXCHANGES:
        contracts = store.read(schemas.FundingContracts.contract(), [exchange])
        events = rates.natives(store.read(contract, [f"{day}|{exchange}" for day in days]))
        with spent["transform"].running():
            parts = contract.split(rates.rates(events, contracts, first=first_of(len(days)), until=UNTIL))
        with spent["validate"].running():
            contract.validate(pl.concat(parts.values()))
        with spent["store"].running():
            for key, part in parts.items():
                beside.write(contract, key, part, run_id="benchmark")
    return {name: meter.cpu_s for name, meter in spent.items()}


def _layers() -> dict[tuple[type, str], str]:
    from resources.http.client import Reading, VendorClient
    from resources.http.raw import RawStore
    from resources.http.wire import Wire
    from resources.venues.binance_archive import Archive
    from resources.venues.exchange import Exchange

    return {
        (Wire, "send"): "http",
        (RawStore, "put"): "raw_store",
        (VendorClient, "_ask"): "bookkeeping",
        (Reading, "send"): "reading",
        (Exchange, "history"): "paging",
        (Archive, "month"): "paging",
    }


def _keys(days: Sequence[str]) -> list[str]:
    return [f"{day}|{exchange}" for day in days for exchange in EXCHANGES]


def _run(defs: Any, instance: Any, asset: str, keys: Sequence[str]) -> Meter:
    """One run over these partitions. Raises where it fails, or a check of severity ERROR does."""
    from market_assets.instance import materialize_range

    meter = Meter()
    with meter.running():
        results = materialize_range(defs, instance, [asset], keys)
    assert len(results) == 1, f"{asset}: one range took {len(results)} runs"
    assert results[0].success, f"the run of {asset} failed"
    failed = [check for check in results[0].get_asset_check_evaluations() if not check.passed]
    errors = [check.check_name for check in failed if check.severity.value == "ERROR"]
    assert not errors, f"{asset}: failed {', '.join(errors)}"
    return meter


def _verified(perpetuals: int, n_days: int) -> int:
    """How many settlements are stored. Raises AssertionError where one of an hourly contract is missing."""
    from market_assets.funding import schemas
    from market_assets.settings import settings
    from resources.stores import open_store

    stored = open_store(settings()).read(schemas.FundingRates.contract(), columns=["base_asset", "rate_native"])
    hourly, wanted = stored.filter(scaled("base_asset")).height, perpetuals * n_days * 24
    assert hourly == wanted, f"{wanted:,} settlements of hourly contracts must be stored, are {hourly:,}"
    return stored.height


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
