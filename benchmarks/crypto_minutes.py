"""A day of minutes of ten symbols: the venue's answers parsed, judged, and made into candles of five timeframes.

Ours is what the assets `crypto_klines` and `crypto_timeframes` call, without asking, gate, store and Dagster. The peer
is `crypto_pandas.py`, a plain script that reads the same answers. Some of their rows repeat a minute, cross high and
low, or are missing. Every column of both is compared.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import crypto_market
from benchmarks.btc_ours import timed
from benchmarks.comparison import compare_rows
from benchmarks.crypto_market import DAY, MINUTE, START
from benchmarks.measure import ROOT, Row, environment, fresh
from market_assets.crypto.schemas import CryptoKlines, CryptoTimeframes
from market_assets.crypto.transforms.klines import clean
from market_assets.crypto.transforms.timeframes import timeframes
from resources.vendors import binance_klines, json_shape

_PEER = str(ROOT / "benchmarks" / "crypto_pandas.py")
_TIMES = 5
_DAY_MINUTES = DAY // MINUTE
#: of the answer's rows, every so many: stated twice, with a high below the low, missing
_TWICE, _CROSSED, _MISSING = 97, 211, 331
TABLES = {"klines": CryptoKlines, "timeframes": CryptoTimeframes}


def rows(home: Path, n_symbols: int = crypto_market.N_SYMBOLS) -> list[Row]:
    """The comparison. Raises RuntimeError where the two results differ, naming column and row."""
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home)
    ours = fresh(["-m", "benchmarks.crypto_minutes", str(home), str(n_symbols)], env)
    theirs = fresh([_PEER, str(home)], env)
    compared = fresh(["-m", "benchmarks.crypto_minutes", str(home)], env)
    return [
        Row(
            name="crypto_minutes",
            what=f"crypto: {_DAY_MINUTES:,} minutes x {n_symbols} symbols parsed, judged, made into candles",
            ours=ours["wall_s"] * 1e3,
            unit="ms",
            peer="plain pandas script",
            theirs=theirs["wall_s"] * 1e3,
            details={"ours": ours, "theirs": theirs, **compared},
        )
    ]


def build(folder: Path, n_symbols: int) -> dict[str, Any]:
    """Write answers and the day before to `folder`, compute, write what came of it; what computing cost."""
    names, as_of = crypto_market.symbols(n_symbols), START + 2 * DAY
    days = {name: crypto_market.candles(2 * _DAY_MINUTES, seed) for seed, name in enumerate(names)}
    answers = {name: answer(day.filter(pl.col("ts") >= START + DAY)) for name, day in days.items()}
    previous = pl.concat(
        _cleaned(name, answer(day.filter(pl.col("ts") < START + DAY)), as_of) for name, day in days.items()
    )
    for name, body in answers.items():
        (folder / f"{name}.json").write_bytes(body)
    previous.write_parquet(folder / "previous.parquet")

    def work() -> tuple[pl.DataFrame, pl.DataFrame]:
        klines = pl.concat(_cleaned(name, body, as_of) for name, body in answers.items())
        return klines, timeframes(klines, previous, as_of)

    for name, frame in zip(TABLES, work(), strict=True):
        frame.write_parquet(folder / f"{name}.parquet")
    return timed(work, _TIMES)


def answer(day: pl.DataFrame) -> bytes:
    """A day as the venue states it, with the faults that are to be found."""
    stated = []
    for row, (ts, *numbers) in enumerate(day.iter_rows()):
        opened, high, low, close, volume, quote, trades, bought, bought_quote = numbers
        if row % _MISSING == 1:
            continue
        if row % _CROSSED == 1:
            high, low = low - 1, high
        opens = int(ts.timestamp() * 1000)
        prices = [f"{price:.2f}" for price in (opened, high, low, close)]
        one = [opens, *prices, f"{volume:.3f}", opens + 59_999, f"{quote:.2f}", trades, f"{bought:.3f}"]
        stated += [[*one, f"{bought_quote:.2f}", "0"]] * (2 if row % _TWICE == 1 else 1)
    return json.dumps(stated).encode()


def _cleaned(symbol: str, body: bytes, arrived: datetime) -> pl.DataFrame:
    parsed = binance_klines.parse("binance_usdm", json_shape.parse("binance_usdm", body))
    return clean(parsed, symbol=symbol, source=binance_klines.NAME, ingested_at=arrived).klines


def compare(folder: Path) -> dict[str, Any]:
    """Check what ours and the peer wrote to `folder`; how many rows of each table were equal."""
    found = {}
    for name, table in TABLES.items():
        mine, theirs = (pl.read_parquet(folder / f"{file}.parquet") for file in (name, f"{name}_pandas"))
        found[f"{name}_rows_equal"] = compare_rows(mine, theirs, table.key)
    return found


def main() -> None:
    """`python -m benchmarks.crypto_minutes DIR SYMBOLS` computes, without SYMBOLS it compares."""
    folder, *asked = sys.argv[1:]
    print(json.dumps(build(Path(folder), int(asked[0])) if asked else compare(Path(folder))))


if __name__ == "__main__":
    main()
