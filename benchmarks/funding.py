"""A month of settled funding from the wire to checked, stored partitions, and whose CPU that takes.

2,275 contracts that settle every hour, 1.6 million settlements: one run of the asset `funding_rates` with its
checks over thirty days of six exchanges, in process, on SQLite instance storage, against a sandbox in a process
of its own. Its wall time is that of asking, so CPU is counted, of all threads. Fetching is what the HTTP stack
takes (client, raw store, breaker, statistics), Dagster's share that of the same graph with empty bodies. What
remains is ours: reading answers, paging, transforming, validating, storing, checking, and what thirty threads cost
that share one interpreter. The same work is then done once more from the answers in memory, exchange by exchange
in one thread, which tells that part. The derived tables follow, for information.
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
from benchmarks.replies import Replies

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
    alone, month = found["alone_cpu_s"]["total"], f"{n_days} days x {perpetuals:,} hourly contracts"
    return [
        Row(
            name="funding_chain",
            what=f"funding: {month}, {found['settlements']:,} settlements parsed, checked, stored: CPU",
            ours=alone,
            unit="s",
            goal=f"under {GOAL_S:g} s",
            met=alone < GOAL_S,
            details=found,
        ),
        Row(
            name="funding_run",
            what=f"funding: {month}, the run itself, thirty threads, asset checks: our CPU",
            ours=found["own_cpu_s"],
            unit="s",
            peer="HTTP stack with raw store, and Dagster, in the same run",
            theirs=found["fetching_cpu_s"] + found["dagster_cpu_s"],
            details={"total_wall_s": found["total_wall_s"]},
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
    layers, replies, days = Layers(), Replies(), [f"{first_of(n_days - n):%Y-%m-%d}" for n in range(n_days)]
    with dg.DagsterInstance.from_config(str(home)) as one, dg.DagsterInstance.from_config(str(beside)) as other:
        for defs, instance in ((ours, one), (empty, other)):
            _run(defs, instance, "funding_contracts", EXCHANGES)
        with replies.kept(), layers.watching(_layers()):
            whole = _run(ours, one, "funding_rates", _keys(days))
        double = _run(empty, other, "funding_rates", _keys(days))
        n_rows = _verified(perpetuals, n_days)
        alone = again(replies, days)
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
        "alone_cpu_s": alone | {"total": sum(alone.values())},
        "then": {name: {key: spent[key] for key in ("cpu_s", "wall_s")} for name, spent in then.items()},
    }


def again(replies: Replies, days: Sequence[str]) -> dict[str, float]:
    """CPU of the run's own work once more, exchange by exchange in one thread: from answers kept to files stored.

    Raises AssertionError where another partition comes of it than the run stored.
    """
    import polars as pl

    from market_assets.core import clock
    from market_assets.funding import schemas
    from market_assets.settings import settings
    from resources.fetch_log import FetchLog
    from resources.funding_fetch import FundingFetch
    from resources.stores import open_store
    from resources.stores.lake import LakeStore
    from resources.vendors.registry import Vendors

    found, contract, contracts = settings(), schemas.FundingRates.contract(), schemas.FundingContracts.contract()
    store, beside = open_store(found), LakeStore(found.home / "again", found.retention)
    for exchange in EXCHANGES:
        beside.write(contracts, exchange, store.read(contracts, [exchange]))
    one_thread, log = _one_thread(found), FetchLog(found.home / "again")
    fetch = FundingFetch(one_thread, Vendors(one_thread), beside, log, "again", clock.now())
    spent = {name: Meter() for name in ("parse_transform", "validate", "store")}
    for unit in fetch.units(_keys(days)):
        with replies.served(), spent["parse_transform"].running():
            frames = fetch.rates(unit).frames
        with spent["validate"].running():
            contract.validate(pl.concat(frames.values()))
        with spent["store"].running():
            for key, frame in frames.items():
                beside.write(contract, key, frame, run_id="benchmark")
        for key in frames:
            once, more = store.manifest(contract, key), beside.manifest(contract, key)
            assert once is not None and more is not None and once.digest == more.digest, f"{key} differs"
    return {name: meter.cpu_s for name, meter in spent.items()}


def _one_thread(found: Any) -> Any:
    """The settings with one request of an exchange at a time."""
    venues = found.funding.venues
    alone = {name: getattr(venues, name).model_copy(update={"workers": 1}) for name in EXCHANGES}
    funding = found.funding.model_copy(update={"venues": venues.model_copy(update=alone)})
    return found.model_copy(update={"funding": funding})


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
