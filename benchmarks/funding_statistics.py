"""Where every contract's funding stands in its last 30 days: 2,275 contracts at the end of a month.

Ours is what the asset calls, without reading, gate, store and Dagster. The peer is `funding_pandas.py`, a plain
script that applies a function to the events of each contract. Every column of every row is compared.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import funding_month
from benchmarks.btc_ours import timed
from benchmarks.comparison import compare_rows
from benchmarks.measure import ROOT, Row, environment, fresh
from market_assets.funding.schemas import FundingStatistics
from market_assets.funding.transforms.statistics import statistics

_PEER = str(ROOT / "benchmarks" / "funding_pandas.py")
_DAY = (funding_month.UNTIL - funding_month.HOUR).date()


def rows(home: Path, n_assets: int = funding_month.N_ASSETS) -> list[Row]:
    """The comparison. Raises RuntimeError where the two results differ, naming column and row."""
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home)
    ours = fresh(["-m", "benchmarks.funding_statistics", str(home), str(n_assets)], env)
    theirs = fresh([_PEER, str(home), "statistics", str(_DAY)], env)
    compared = fresh(["-m", "benchmarks.funding_statistics", str(home)], env)
    return [
        Row(
            name="funding_statistics",
            what=f"statistics of {ours['rows']:,} contracts over {ours['events']:,} settlements",
            ours=ours["wall_s"] * 1e3,
            unit="ms",
            peer="plain pandas script, a function applied to each contract",
            theirs=theirs["wall_s"] * 1e3,
            details={"ours": ours, "theirs": theirs, **compared},
        )
    ]


def build(folder: Path, n_assets: int) -> dict[str, Any]:
    """Simulate the month into `folder`, compute the last day's statistics, write them; what computing cost."""
    month = funding_month.simulated(n_assets)
    month.write(folder)

    def work() -> Any:
        return statistics(
            month.rates,
            month.snapshot,
            month.completeness,
            days=[_DAY],
            window_days=funding_month.N_DAYS,
            now=funding_month.UNTIL,
        )

    found = work()
    found.write_parquet(folder / "statistics.parquet")
    return {"events": month.rates.height, "rows": found.height, **timed(work)}


def compare(folder: Path) -> dict[str, Any]:
    """Check what ours and the peer wrote to `folder`; how many rows were equal."""
    import polars as pl

    mine, theirs = (pl.read_parquet(folder / f"{name}.parquet") for name in ("statistics", "statistics_pandas"))
    return {"rows_equal": compare_rows(mine, theirs, FundingStatistics.key)}


def main() -> None:
    """`python -m benchmarks.funding_statistics DIR ASSETS` computes, without ASSETS it compares."""
    folder, *asked = sys.argv[1:]
    print(json.dumps(build(Path(folder), int(asked[0])) if asked else compare(Path(folder))))


if __name__ == "__main__":
    main()
