"""Reading one symbol, five years of daily bars: from a process's start, and without a cache.

`fresh_process` is what a notebook waits for: import, settings, store, files. Its peer is ArcticDB
over LMDB holding the same rows. `uncached` reads symbols that a warm process has not read before;
its peer is the floor of any Parquet store, polars reading the same five files bare, with no catalogue,
filter, order or schema to look after. Reading again what is known is `store.one_symbol`. Rows come
from a sandbox over HTTP, by the same code as `equities`.
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

_SYMBOLS = [f"T{number:03d}" for number in range(20)]
_TABLE = "equities_daily_bars"
_TIMES = 5
_N_ROWS = 1255  # sessions of XNYS: 252 + 251 + 250 + 252 + 250
_WHAT = f"one symbol, {LAST_YEAR - FIRST_YEAR + 1} years daily ({_N_ROWS} rows), all columns"

#: reads the rows of one symbol, and says how many there are
Reader = Callable[[str], int]


def rows(home: Path) -> list[Row]:
    """A fresh process against ArcticDB, uncached reading against bare Polars."""
    with sandbox(home / "sandbox") as url:
        env = asking(home / "ours", url)
        fresh(["-m", "benchmarks.equities", ",".join(_SYMBOLS)], env)
    fresh(["-m", "benchmarks.readers", "fill"], env)
    found = {
        kind: [fresh(["-m", "benchmarks.readers", kind], env) for _ in range(_TIMES)]
        for kind in ("ours", "arctic", "polars")
    }
    first = {kind: min(result["fresh_process_s"] for result in results) for kind, results in found.items()}
    uncached = {kind: min(result["uncached_ms"] for result in results) for kind, results in found.items()}
    return [
        Row(
            name="reader_fresh_process",
            what=f"import, settings and first read: {_WHAT}",
            ours=first["ours"],
            unit="s",
            peer="ArcticDB (LMDB): import, open and first read",
            theirs=first["arctic"],
            details={f"{kind}_s": value for kind, value in first.items()},
        ),
        Row(
            name="reader_uncached",
            what=f"load_asset_value of a symbol not read before: {_WHAT}",
            ours=uncached["ours"],
            unit="ms",
            peer="polars reading the five files bare",
            theirs=uncached["polars"],
            details={f"{kind}_ms": value for kind, value in uncached.items()},
        ),
    ]


def fill() -> dict[str, Any]:
    """Put the symbols' rows into ArcticDB, one symbol an entry, with the same columns."""
    from market_assets import load_asset_value

    library = _arctic_library()
    for symbol in _SYMBOLS:
        table = load_asset_value(_TABLE, where={"symbol": symbol}).to_pandas()
        table["session_date"] = table["session_date"].astype("datetime64[ns]")
        for instant in ("ts", "ingested_at"):
            table[instant] = table[instant].dt.tz_localize(None)
        library.write(symbol, table.set_index("ts", drop=False).rename_axis("index"))
    return {}


def timed(opened: Callable[[], Reader]) -> dict[str, Any]:
    """Seconds from before the imports to the first rows, then the median of the other symbols (ms)."""
    began = time.perf_counter()
    read = opened()
    assert read(_SYMBOLS[0]) == _N_ROWS
    first = time.perf_counter() - began
    taken = []
    for symbol in _SYMBOLS[1:]:
        began = time.perf_counter()
        found = read(symbol)
        taken.append(time.perf_counter() - began)
        assert found == _N_ROWS, f"{symbol}: {found} rows instead of {_N_ROWS}"
    return {"fresh_process_s": first, "uncached_ms": statistics.median(taken) * 1e3}


def _ours() -> Reader:
    from market_assets import load_asset_value

    start, end = f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31"
    return lambda symbol: load_asset_value(_TABLE, where={"symbol": symbol}, start=start, end=end).height


def _arctic() -> Reader:
    library = _arctic_library()
    return lambda symbol: len(library.read(symbol).data)


def _polars() -> Reader:
    import polars as pl

    folder = _home() / "lake" / _TABLE

    def read(symbol: str) -> int:
        files = [folder / f"{symbol}%7C{year}.parquet" for year in range(FIRST_YEAR, LAST_YEAR + 1)]
        return pl.concat(pl.read_parquet(file, glob=False) for file in files).height

    return read


def _arctic_library() -> Any:
    from arcticdb import Arctic

    return Arctic(f"lmdb://{_home() / 'arctic'}").get_library("daily", create_if_missing=True)


def _home() -> Path:
    return Path(os.environ["MARKET_ASSETS_HOME"])


if __name__ == "__main__":
    kinds = {"ours": _ours, "arctic": _arctic, "polars": _polars}
    print(json.dumps(fill() if sys.argv[1] == "fill" else timed(kinds[sys.argv[1]])), flush=True)
    os._exit(0)  # ArcticDB 6.28.2 now and then crashes while the interpreter is torn down
