"""The store: replacing partitions from several processes, and reading one symbol.

Replacing is compared with what the stock IO managers do, one shared `.duckdb` file: a writer opens
it, deletes and inserts the partition, closes it, and tries again while another process holds the
lock. Reading is compared with ArcticDB over LMDB, holding the same rows.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measure import FIRST_YEAR, LAST_YEAR, ROOT, Row, environment, fresh
from market_assets.core.contracts import UTC_MICROS, Contract, Table, column

PARTITIONS, ROWS, WRITERS = 120, 5_000, 4
SYMBOLS = 20
_RETRY_S = 0.01
#: a reader that never pauses would only measure how the processor is shared
_PAUSE_S = 0.005


class Quotes(Table):
    """One quote of one symbol."""

    key = ("symbol", "ts")
    partitioned_by = {"symbol": "symbol"}
    time_column = "ts"

    symbol = column(pl.String, "Symbol")
    ts = column(UTC_MICROS, "Instant")
    open = column(pl.Float64, "First price")
    high = column(pl.Float64, "Highest price")
    low = column(pl.Float64, "Lowest price")
    close = column(pl.Float64, "Last price")
    volume = column(pl.Float64, "Units")
    source = column(pl.String, "Vendor")


QUOTES: Contract = Quotes.contract()


def rows(home: Path) -> list[Row]:
    """Every row of this module."""
    return [partition_replace(home / "replace"), one_symbol(home / "symbol")]


def partition_replace(home: Path) -> Row:
    """Replace 120 partitions of 5,000 rows from 4 processes, while a fifth one reads."""
    ours = _contest("lake", home / "lake")
    theirs = _contest("file", home / "file")
    return Row(
        name="partition_replace",
        what=f"{PARTITIONS} partitions x {ROWS} rows replaced, {WRITERS} writers and 1 reader",
        ours=ours["wall_s"],
        unit="s",
        peer="one shared DuckDB file, retrying for its lock",
        theirs=theirs["wall_s"],
        goal="10x",
        met=theirs["wall_s"] / ours["wall_s"] >= 10,
        details={"ours": ours, "peer": theirs},
    )


def one_symbol(home: Path) -> Row:
    """Read five years of daily bars of one symbol, warm."""
    found = fresh(["-m", "benchmarks.store", "read"], environment(home))
    return Row(
        name="load_asset_value",
        what=f"one symbol, {LAST_YEAR - FIRST_YEAR + 1} years daily, all columns, warm",
        ours=found["ours_ms"],
        unit="ms",
        peer="ArcticDB (LMDB) reading the same rows",
        theirs=found["peer_ms"],
        goal="at most 2 x ArcticDB",
        met=found["ours_ms"] <= 2 * found["peer_ms"],
        details=found,
    )


def quotes(partition: int, number: int) -> pl.DataFrame:
    """The rows of one partition; `number` makes them differ from another version."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    prices = {name: pl.int_range(ROWS).cast(pl.Float64) / 7 + number for name in ("open", "high", "low", "close")}
    return pl.select(
        symbol=pl.repeat(f"S{partition:03d}", ROWS),
        ts=pl.lit(start).cast(UTC_MICROS) + pl.duration(seconds=pl.int_range(ROWS)),
        **prices,
        volume=pl.lit(1000.0),
        source=pl.lit("a"),
    )


def _contest(kind: str, home: Path) -> dict[str, Any]:
    """Seconds from the moment all processes are ready until the last writer is done."""
    home.mkdir(parents=True, exist_ok=True)
    store = _KINDS[kind](home)
    for partition in range(PARTITIONS):
        store.replace(partition, 0)
    store.close()
    number = random.randrange(1, 10**6)
    writers = [_start("write", kind, home, number, part) for part in range(WRITERS)]
    reader = _start("reader", kind, home, number, 0)
    for process in [*writers, reader]:
        _line(process)
    began = time.perf_counter()
    for process in [*writers, reader]:
        _say(process)
    results = [json.loads(_line(process)) for process in writers]
    wall = time.perf_counter() - began
    _say(reader)
    read = json.loads(_line(reader))
    for process in [*writers, reader]:
        process.wait()
    return {
        "wall_s": wall,
        "lock_retries": sum(result["retries"] for result in results) + read["retries"],
        "reads_meanwhile": read["reads"],
    }


def _start(what: str, kind: str, home: Path, number: int, part: int) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "benchmarks.store", what, kind, str(home), str(number), str(part)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} ended with {process.wait()}")
    return line


def _say(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


class _Lake:
    """Our embedded store."""

    def __init__(self, home: Path) -> None:
        from market_assets.core.settings import RetentionSettings
        from resources.stores.lake import LakeStore

        self.store = LakeStore(home, RetentionSettings())
        self.retries = 0

    def replace(self, partition: int, number: int) -> None:
        self.store.write(QUOTES, f"S{partition:03d}", quotes(partition, number))

    def read(self, partition: int) -> int:
        return self.store.read(QUOTES, [f"S{partition:03d}"]).height

    def close(self) -> None:
        """Nothing is held open."""


class _File:
    """One `.duckdb` file, opened for each partition as the stock IO managers do."""

    def __init__(self, home: Path) -> None:
        self.path = str(home / "shared.duckdb")
        self.retries = 0

    def _connect(self, *, read_only: bool) -> Any:
        import duckdb

        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only)
            except duckdb.IOException:
                self.retries += 1
                time.sleep(random.uniform(0.5, 1.5) * _RETRY_S)

    def replace(self, partition: int, number: int) -> None:
        frame = quotes(partition, number)
        with self._connect(read_only=False) as connection:
            connection.register("handed_over", frame)
            connection.execute("CREATE TABLE IF NOT EXISTS quotes AS SELECT * FROM handed_over LIMIT 0")
            connection.execute("BEGIN")
            connection.execute("DELETE FROM quotes WHERE symbol = ?", [f"S{partition:03d}"])
            connection.execute("INSERT INTO quotes SELECT * FROM handed_over")
            connection.execute("COMMIT")

    def read(self, partition: int) -> int:
        with self._connect(read_only=True) as connection:
            query = "SELECT * FROM quotes WHERE symbol = ? ORDER BY ts"
            return int(connection.sql(query, params=[f"S{partition:03d}"]).pl().height)

    def close(self) -> None:
        """Each connection was closed after use."""


_KINDS: dict[str, Callable[[Path], Any]] = {"lake": _Lake, "file": _File}


def _write(kind: str, home: str, number: str, part: str) -> dict[str, Any]:
    store = _KINDS[kind](Path(home))
    quotes(0, 0)
    _ready()
    for partition in range(int(part), PARTITIONS, WRITERS):
        store.replace(partition, int(number))
    return {"retries": store.retries}


def _reader(kind: str, home: str, number: str, part: str) -> dict[str, Any]:
    import threading

    del number, part
    store, reads, over = _KINDS[kind](Path(home)), 0, threading.Event()
    _ready()
    threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
    while not over.is_set():
        assert store.read(random.randrange(PARTITIONS)) == ROWS
        reads += 1
        time.sleep(_PAUSE_S)
    return {"retries": store.retries, "reads": reads}


def _ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def _read() -> dict[str, Any]:
    from arcticdb import Arctic

    from market_assets import load_asset_value, tables
    from market_assets.settings import settings
    from resources.stores import open_store

    found, contract = settings(), tables.contract("equities_daily_bars")
    store = open_store(found)
    library = Arctic(f"lmdb://{found.home / 'arctic'}").get_library("daily", create_if_missing=True)
    for symbol in (f"S{i:02d}" for i in range(SYMBOLS)):
        bars = [_bars(contract, symbol, year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
        for year, frame in zip(range(FIRST_YEAR, LAST_YEAR + 1), bars, strict=True):
            store.write(contract, f"{symbol}|{year}", frame)
        table = pl.concat(bars).with_columns(index=pl.col("ts").dt.replace_time_zone(None)).to_pandas()
        table["session_date"] = table["session_date"].astype("datetime64[ns]")
        library.write(symbol, table.set_index("index"))
    first, last = f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31"

    def ours() -> int:
        asked = load_asset_value("equities_daily_bars", where={"symbol": "S07"}, start=first, end=last)
        return asked.height

    span = (datetime.fromisoformat(first), datetime.fromisoformat(last))

    def theirs() -> int:
        return len(library.read("S07", date_range=span).data)

    assert ours() == theirs() > 1_200
    return {"ours_ms": _median_ms(ours), "peer_ms": _median_ms(theirs), "rows": ours()}


def _bars(contract: Contract, symbol: str, year: int) -> pl.DataFrame:
    days = pl.date_range(date(year, 1, 1), date(year, 12, 31), eager=True)
    session = days.filter(days.dt.weekday() < 6)
    price = pl.int_range(pl.len()).cast(pl.Float64) / 3 + 100
    constants = {
        "symbol": symbol,
        "timeframe": "1d",
        "volume": 1e6,
        "source": "polygon",
        "ingested_at": datetime(2026, 1, 1, tzinfo=UTC),
        "vwap_vendor": 100.5,
        "trade_count": 1000,
        "price_basis": "unadjusted",
        "fallback_level": 0,
    }
    return (
        pl.DataFrame({"session_date": session})
        .with_columns(
            ts=pl.col("session_date").cast(UTC_MICROS), open=price, high=price + 1, low=price - 1, close=price
        )
        .with_columns(**{name: pl.lit(value, contract.schema[name]) for name, value in constants.items()})
        .select(list(contract.columns))
    )


def _median_ms(read: Callable[[], int], times: int = 300) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        read()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps({"write": _write, "reader": _reader, "read": _read}[what](*arguments)))
