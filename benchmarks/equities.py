"""500 symbols x 5 years, from a sandbox's HTTP to stored raw, scored and adjusted bars.

Ours is the code the assets of `market_assets/equities/assets.py` run: the same fetch (raw bodies
kept, calls counted), the same transforms, the same gates and store writes, and the record of
fetches. What is left out is Dagster itself: no run, no event log, no asset checks; what Dagster
adds is the subject of `definitions`. The peer is a plain pandas script, `equities_pandas.py`, that
asks the same server for the same bodies. Both run in a process of their own, after a third one has
asked for everything once, so that the sandbox has its market in memory for both. CPU is that of the
asking process alone; wall time is counted apart from waiting for the server.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import FIRST_YEAR, LAST_YEAR, ROOT, Meter, Row, asking, fresh, our_requests, sandbox

#: the benchmark tickers of the sandbox
SYMBOLS = [f"T{number:03d}" for number in range(500)]
#: difference, of values above 1 relative, up to which two values count as equal
TOLERANCE = 1e-9
_PEER = str(ROOT / "benchmarks" / "equities_pandas.py")
_WARM_UP = """
import json, sys, httpx
client = httpx.Client(headers={"Authorization": "Bearer sandbox"}, timeout=60)
for name in sys.argv[2].split(","):
    client.get(f"{sys.argv[1]}/polygon/v2/aggs/ticker/{name}/range/1/day/2025-12-01/2025-12-31").raise_for_status()
print(json.dumps({}))
"""


def rows(home: Path, symbols: Sequence[str] = SYMBOLS) -> list[Row]:
    """The comparison. Raises RuntimeError where the two results differ, naming column and row."""
    with sandbox(home / "sandbox") as url:
        asked = ",".join(symbols)
        fresh(["-c", _WARM_UP, url, asked], asking(home / "warm", url))
        env = asking(home / "ours", url)
        theirs = fresh([_PEER, url, asked, str(FIRST_YEAR), str(LAST_YEAR), str(home / "theirs")], env)
        ours = fresh(["-m", "benchmarks.equities", asked], env)
    compared = fresh(["-m", "benchmarks.equities", "--compare", str(home / "theirs")], env)
    what = f"{len(symbols)} symbols x {LAST_YEAR - FIRST_YEAR + 1} years, HTTP to stored raw, scored and adjusted"
    return [
        Row(
            name="equities",
            what=f"{what}: CPU",
            ours=ours["cpu_s"],
            unit="s",
            peer="plain pandas script",
            theirs=theirs["cpu_s"],
            details={"ours": ours, "theirs": theirs, **compared},
        ),
        Row(
            name="equities",
            what=f"{what}: wall time apart from waiting for the server",
            ours=ours["own_wall_s"],
            unit="s",
            peer="plain pandas script",
            theirs=theirs["own_wall_s"],
        ),
    ]


def build(symbols: Sequence[str]) -> dict[str, Any]:
    """Fetch, score and adjust `symbols` into the home of this process; what it cost, by phase."""
    # loaded on first use elsewhere; the peer's clock starts after its imports as well
    import exchange_calendars  # noqa: F401
    import httpx  # noqa: F401
    import pandera.polars  # noqa: F401

    from market_assets.core import clock
    from market_assets.equities import schemas
    from market_assets.equities.sessions import all_sessions
    from market_assets.equities.transforms import adjust, scores
    from market_assets.equities.transforms import symbols as universe
    from market_assets.settings import load
    from resources.equities_fetch import EquitiesFetch
    from resources.fetch_log import FetchLog
    from resources.partition_fetch import Unit
    from resources.stores import open_store
    from resources.vendors.registry import Vendors

    found = load(equities={"universe": [{"symbol": name} for name in symbols]})
    store, log = open_store(found), FetchLog(found.home)
    raw, actions, scored, adjusted = (
        table.contract()
        for table in (
            schemas.EquitiesDailyBars,
            schemas.EquitiesCorporateActions,
            schemas.EquitiesScoredBars,
            schemas.EquitiesAdjustedBars,
        )
    )
    listed = universe.universe(found.equities.universe, schemas.EquitiesSymbolOverrides.contract().empty())
    asked = EquitiesFetch(found, Vendors(found), listed, clock.now())
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    keys = [f"{symbol}|{year}" for symbol in symbols for year in years]
    phases = {name: Meter() for name in ("bars", "actions", "scored", "adjusted")}
    total = Meter()
    with total.running(), our_requests(total):
        with phases["bars"].running():
            for unit in asked.units(keys):
                _keep(store, log, raw, asked.bars(unit))
        with phases["actions"].running():
            known = store.read(raw).partition_by("symbol", as_dict=True)
            for symbol in symbols:
                _keep(store, log, actions, asked.actions(Unit(symbol, (symbol,)), known[(symbol,)], store))
        with phases["scored"].running():
            found_scores = scores.score(
                store.read(raw, keys),
                store.read(actions),
                listed,
                all_sessions(FIRST_YEAR - 1, LAST_YEAR),
                found.equities,
                years=years,
            )
            _write(store, scored, found_scores)
        with phases["adjusted"].running():
            _write(store, adjusted, adjust.adjusted(store.read(scored), store.read(actions), clock.today()))
    return {
        **total.as_dict(),
        "phases_cpu_s": {name: meter.cpu_s for name, meter in phases.items()},
        "phases_wall_s": {name: meter.wall_s for name, meter in phases.items()},
        "files": sum(len(store.partitions(table)) for table in (raw, actions, scored, adjusted)),
    }


def _keep(store: Any, log: Any, contract: Any, brought: Any) -> None:
    """What `PartitionFetch` does with a finished unit, apart from telling Dagster."""
    import polars as pl

    contract.validate(pl.concat([contract.empty(), *brought.frames.values()]))
    for key, frame in brought.frames.items():
        assert not brought.quarantined[key].height, f"the benchmark's market is clean; {key} has rejected rows"
        store.write(contract, key, frame, run_id="benchmark")
    log.succeeded(contract.name, brought.frames, "benchmark")


def _write(store: Any, contract: Any, frame: Any) -> None:
    """What gate and IO manager do with an asset's frame, apart from telling Dagster."""
    for key, part in contract.split(contract.conform(contract.validate(frame))).items():
        store.write(contract, key, part, run_id="benchmark")


def compare(theirs: Path) -> dict[str, Any]:
    """Check what this home holds against the peer's files; how many values were compared.

    Raises AssertionError naming the first column that differs by more than TOLERANCE.
    """
    import polars as pl

    counted: dict[str, int] = {}
    for table, mine, other in _pairs(theirs):
        assert mine.height == other.height > 0, f"{table}: {mine.height} rows, the peer has {other.height}"
        assert mine.columns == other.columns, f"{table}: {mine.columns} is not {other.columns}"
        for name in mine.columns:
            left, right = mine[name], other[name]
            equal = left.eq_missing(right)
            if left.dtype == pl.Float64:
                equal = equal | ((left - right).abs() <= TOLERANCE * left.abs().clip(1.0)).fill_null(False)
            wrong = (~equal).arg_true()
            assert wrong.is_empty(), f"{table}.{name}: {mine.row(wrong[0])} is not {other.row(wrong[0])}"
        counted[f"{table}_rows_equal"] = mine.height
    return counted


def _pairs(theirs: Path) -> Iterator[tuple[str, Any, Any]]:
    """Table by table: our rows and the peer's, in the columns the peer has."""
    import polars as pl

    from market_assets import load_asset_value

    tables: Mapping[str, str] = {
        "raw": "equities_daily_bars",
        "scored": "equities_scored_bars",
        "adjusted": "equities_adjusted_bars",
    }
    for short, table in tables.items():
        other = pl.read_parquet(theirs / short / "*.parquet").sort("symbol", "session_date")
        mine = load_asset_value(table, columns=other.columns)
        dates = pl.col("session_date").cast(pl.Date)
        yield short, mine, other.with_columns(dates).cast(mine.schema)


def main() -> None:
    """`python -m benchmarks.equities T000,T001`, or `--compare DIR`, in the environment `asking` gives."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("symbols", nargs="?", default="")
    parser.add_argument("--compare", type=Path)
    asked = parser.parse_args()
    print(json.dumps(compare(asked.compare) if asked.compare else build(asked.symbols.split(","))))


if __name__ == "__main__":
    main()
