"""Every pair spread of a month: 2,275 contracts at five venues, ten pairs an asset.

Ours is what the asset calls, without reading, gate, store and Dagster. The peer is `funding_pandas.py`, a plain
script that merges the hours of each two venues, asset by asset. Both choose the legs day by day. Every column of
every row is compared.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import funding_month
from benchmarks.btc_ours import timed
from benchmarks.comparison import compare_rows
from benchmarks.measure import ROOT, Row, environment, fresh
from market_assets.funding.schemas import FundingSpreads
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms.spreads import spreads

_GOAL_TIMES = 20
_PEER = str(ROOT / "benchmarks" / "funding_pandas.py")


def rows(home: Path, n_assets: int = funding_month.N_ASSETS) -> list[Row]:
    """The comparison. Raises RuntimeError where the two results differ, naming column and row."""
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home)
    ours = fresh(["-m", "benchmarks.funding_spreads", str(home), str(n_assets)], env)
    theirs = fresh([_PEER, str(home), "spreads"], env)
    compared = fresh(["-m", "benchmarks.funding_spreads", str(home)], env)
    return [
        Row(
            name="funding_spreads",
            what=f"{ours['rows']:,} hourly spreads: {funding_month.N_DAYS} days x {ours['contracts']:,} contracts",
            ours=ours["wall_s"],
            unit="s",
            peer="plain pandas script, a merge for each asset and pair",
            theirs=theirs["wall_s"],
            goal=f"{_GOAL_TIMES}x",
            met=theirs["wall_s"] >= _GOAL_TIMES * ours["wall_s"],
            details={"ours": ours, "theirs": theirs, **compared},
        )
    ]


def build(folder: Path, n_assets: int) -> dict[str, Any]:
    """Simulate the month into `folder`, compute its spreads, write them; what computing cost."""
    month = funding_month.simulated(n_assets)
    month.write(folder)
    inputs = (month.hourly, month.snapshot, month.contracts, FundingSettings())
    found = spreads(*inputs)
    found.write_parquet(folder / "spreads.parquet")
    return {"contracts": month.contracts.height, "rows": found.height, **timed(lambda: spreads(*inputs))}


def compare(folder: Path) -> dict[str, Any]:
    """Check what ours and the peer wrote to `folder`; how many rows were equal."""
    import polars as pl

    mine, theirs = (pl.read_parquet(folder / f"{name}.parquet") for name in ("spreads", "spreads_pandas"))
    return {"rows_equal": compare_rows(mine, theirs, FundingSpreads.key)}


def main() -> None:
    """`python -m benchmarks.funding_spreads DIR ASSETS` computes, without ASSETS it compares."""
    folder, *asked = sys.argv[1:]
    print(json.dumps(build(Path(folder), int(asked[0])) if asked else compare(Path(folder))))


if __name__ == "__main__":
    main()
