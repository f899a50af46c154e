"""Reading one symbol, five years of daily bars: the first read of a process, and what caching is worth.

Cold is a fresh process's first read after its imports: settings, store, files. Its peer is ArcticDB
over LMDB holding the same rows. Warm is compared with the floor of any Parquet store: polars reading
the same five files bare, with no catalogue, filter, ordering or schema to look after. (Warm against
ArcticDB is `store.one_symbol`.) Rows come from a sandbox over HTTP, by the same code as `equities`.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import FIRST_YEAR, LAST_YEAR, Row, asking, fresh, sandbox

_SYMBOLS = ",".join(f"T{number:03d}" for number in range(20))
_SYMBOL = "T007"
_TABLE = "equities_daily_bars"
_TIMES = 5
_N_ROWS = 1255  # sessions of XNYS from 2021 to 2025: 252 + 251 + 250 + 252 + 250


def rows(home: Path) -> list[Row]:
    """Cold against ArcticDB, warm against bare Polars."""
    with sandbox(home / "sandbox") as url:
        env = asking(home / "ours", url)
        fresh(["-m", "benchmarks.equities", _SYMBOLS], env)
    fresh(["-m", "benchmarks.readers", "fill"], env)
    cold = [
        (fresh(["-m", "benchmarks.readers", "ours"], env), fresh(["-m", "benchmarks.readers", "arctic"], env))
        for _ in range(_TIMES)
    ]
    ours = min((mine for mine, _ in cold), key=lambda result: result["first_ms"])
    arctic = min((other for _, other in cold), key=lambda result: result["first_ms"])
    bare = fresh(["-m", "benchmarks.readers", "polars"], env)
    what = f"one symbol, {LAST_YEAR - FIRST_YEAR + 1} years daily ({_N_ROWS} rows), all columns"
    return [
        Row(
            name="reader_cold",
            what=f"load_asset_value: {what}, first read of a process",
            ours=ours["first_ms"],
            unit="ms",
            peer="ArcticDB (LMDB), first read of a process",
            theirs=arctic["first_ms"],
            goal="at most 2 x ArcticDB",
            met=ours["first_ms"] <= 2 * arctic["first_ms"],
            details={"ours": ours, "arctic": arctic},
        ),
        Row(
            name="reader_warm",
            what=f"load_asset_value: {what}, warm",
            ours=ours["warm_ms"],
            unit="ms",
            peer="polars reading the five files bare",
            theirs=bare["warm_ms"],
            goal="at most 2 x ArcticDB, warm",
            met=ours["warm_ms"] <= 2 * arctic["warm_ms"],
            details={"ours": ours, "polars": bare, "arctic": arctic},
        ),
    ]


def _fill() -> dict[str, Any]:
    """Put the symbols' rows into ArcticDB, one symbol an entry, with the same columns."""
    from market_assets import load_asset_value

    library = _arctic()
    for symbol in _SYMBOLS.split(","):
        table = load_asset_value(_TABLE, where={"symbol": symbol}).to_pandas()
        table["session_date"] = table["session_date"].astype("datetime64[ns]")
        table["ingested_at"] = table["ingested_at"].dt.tz_localize(None)
        table["ts"] = table["ts"].dt.tz_localize(None)
        library.write(symbol, table.set_index("ts", drop=False).rename_axis("index"))
    return {}


def _home() -> Path:
    return Path(os.environ["MARKET_ASSETS_HOME"])


def _arctic() -> Any:
    from arcticdb import Arctic

    return Arctic(f"lmdb://{_home() / 'arctic'}").get_library("daily", create_if_missing=True)


def _ours() -> Callable[[], int]:
    from market_assets import load_asset_value

    def read() -> int:
        asked = load_asset_value(
            _TABLE, where={"symbol": _SYMBOL}, start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31"
        )
        return asked.height

    return read


def _arctic_reader() -> Callable[[], int]:
    import arcticdb  # noqa: F401 - its import is no part of the first read, as ours is not

    library: list[Any] = []

    def read() -> int:
        if not library:
            library.append(_arctic())
        return len(library[0].read(_SYMBOL).data)

    return read


def _polars() -> Callable[[], int]:
    import polars as pl

    folder = _home() / "lake" / _TABLE
    files = [folder / f"{_SYMBOL}%7C{year}.parquet" for year in range(FIRST_YEAR, LAST_YEAR + 1)]

    def read() -> int:
        return pl.concat(pl.read_parquet(file, glob=False) for file in files).height

    return read


def _timed(read: Callable[[], int], times: int = 300) -> dict[str, Any]:
    """Milliseconds of the first read, and the median of the following."""
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        found = read()
        taken.append(time.perf_counter() - began)
        assert found == _N_ROWS, f"{found} rows instead of {_N_ROWS}"
    return {"first_ms": taken[0] * 1e3, "warm_ms": statistics.median(taken[1:]) * 1e3}


if __name__ == "__main__":
    readers = {"ours": _ours, "arctic": _arctic_reader, "polars": _polars}
    print(json.dumps(_fill() if sys.argv[1] == "fill" else _timed(readers[sys.argv[1]]())))
