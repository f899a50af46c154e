"""Settled funding of some contracts as an exchange's client brings it, and as a plain script does.

Ours is `Exchange.history`: the common HTTP stack (raw responses kept, breaker, statistics), the pager that walks
its own windows and verifies what came, and the parsers of the venues. The peer is `funding_httpx.py`. Both ask the
same sandbox for the same contracts, one after the other, and every settlement is compared. It is a sample: what
the peer would need for all contracts is told as its time for one, times their number.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.funding_market import EXCHANGES, UNTIL, first_of, scaled
from benchmarks.measure import ROOT, Meter, Row, asking, fresh

_PEER = str(ROOT / "benchmarks" / "funding_httpx.py")


def rows(home: Path, url: str, *, perpetuals: int, n_days: int, per_exchange: int) -> list[Row]:
    """The comparison over the first contracts of each exchange. Raises RuntimeError where a settlement differs."""
    home.mkdir(parents=True, exist_ok=True)
    env = asking(home / "fetch", url)
    ours = fresh(["-m", "benchmarks.funding_fetch", str(home), str(n_days), str(per_exchange)], env)
    files = [str(home / name) for name in ("contracts.json", "theirs.parquet")]
    theirs = fresh([_PEER, url, first_of(n_days).isoformat(), UNTIL.isoformat(), *files], env)
    compared = fresh(["-m", "benchmarks.funding_fetch", str(home)], env)
    n_contracts = ours["contracts"]
    return [
        Row(
            name="funding_fetch",
            what=f"funding: {n_days} days of {n_contracts} hourly contracts fetched and parsed: CPU",
            ours=ours["cpu_s"],
            unit="s",
            peer="plain httpx and pandas loop that keeps and verifies nothing",
            theirs=theirs["cpu_s"],
            details={
                "ours": ours,
                "theirs": theirs,
                "theirs_scaled_to_all_cpu_s": theirs["cpu_s"] * perpetuals / n_contracts,
                "theirs_scaled_to_all_wall_s": theirs["wall_s"] * perpetuals / n_contracts,
                **compared,
            },
        )
    ]


def fetch(folder: Path, n_days: int, per_exchange: int) -> dict[str, Any]:
    """Ask for the first contracts of each exchange; writes which, and what came. What it cost."""
    import polars as pl

    from market_assets.settings import settings
    from resources.vendors.registry import Vendors
    from resources.venues.venue import Instrument

    vendors, first = Vendors(settings()), first_of(n_days)
    asked: list[tuple[str, Instrument]] = []
    for name in EXCHANGES:
        listed = vendors.exchange(name).listing().frame.filter(scaled("native_base")).head(per_exchange)
        known = listed.select("native_symbol", "request_id", "kind", "quote", "settle").iter_rows(named=True)
        asked += [(name, Instrument(**row)) for row in known]

    def history(name: str, one: Instrument) -> pl.DataFrame:
        found = vendors.exchange(name).history(one, first, UNTIL, 1.0).frame
        return found.select(
            pl.lit(name).alias("exchange"), "native_symbol", at="funding_time_native", rate="rate_native"
        )

    history(*asked[0])
    meter = Meter()
    with meter.running():
        found = pl.concat([history(name, one) for name, one in asked])
    vendors.close()
    # an exchange's client takes a stamp just before the window as belonging to it
    found.filter(pl.col("at").is_between(first, UNTIL, closed="left")).write_parquet(folder / "ours.parquet")
    pairs = [(name, one.native_symbol) for name, one in asked]
    (folder / "contracts.json").write_text(json.dumps(pairs))
    return {"contracts": len(asked), "rows": found.height, "wall_s": meter.wall_s, "cpu_s": meter.cpu_s}


def compare(folder: Path) -> dict[str, Any]:
    """How many settlements are the same. Raises AssertionError for the first that differs, or is missing."""
    import polars as pl

    key = ["exchange", "native_symbol", "at"]
    mine, other = (pl.read_parquet(folder / f"{name}.parquet").sort(key) for name in ("ours", "theirs"))
    other = other.cast(dict(mine.schema))
    assert mine.height == other.height > 0, f"{mine.height} settlements, the peer has {other.height}"
    wrong = (mine != other).select(pl.any_horizontal(pl.all())).to_series().arg_true()
    assert wrong.is_empty(), f"{mine.row(wrong[0])} is not {other.row(wrong[0])}"
    return {"rows_equal": mine.height}


def main(arguments: Sequence[str]) -> None:
    """`python -m benchmarks.funding_fetch DIR DAYS N` fetches N contracts an exchange, without both it compares."""
    folder, *asked = arguments
    print(json.dumps(fetch(Path(folder), *map(int, asked)) if asked else compare(Path(folder))))


if __name__ == "__main__":
    main(sys.argv[1:])
