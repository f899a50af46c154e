"""The peer of `crypto_minutes`: what one would write in pandas, knowing nothing of this project.

    python crypto_pandas.py DIR

Reads the venue's answers (`<symbol>.json`) and the candles of the day before (`previous.parquet`) in DIR, drops rows
that cannot be, builds candles of five timeframes and their change over 24 hours, and writes `klines_pandas.parquet`
and `timeframes_pandas.parquet` beside them. Prints the best of five times, without reading and writing files.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

TIMES = 5
LENGTHS = {"5m": "5min", "15m": "15min", "1h": "1h", "4h": "4h", "1d": "1D"}
PRICES = ["open", "high", "low", "close"]
SUMS = ["volume", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote"]
STATED = ["ts", *PRICES, "volume", "until", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote", "_"]
MINUTE, DAY, HOUR = pd.Timedelta(minutes=1), pd.Timedelta(days=1), pd.Timedelta(hours=1)


def parsed(symbol: str, body: bytes) -> pd.DataFrame:
    out = pd.DataFrame(json.loads(body), columns=STATED).drop(columns=["until", "_"])
    out[PRICES + SUMS] = out[PRICES + SUMS].astype(float)
    out["ts"] = pd.to_datetime(out["ts"], unit="ms", utc=True).astype("datetime64[us, UTC]")
    out["symbol"], out["timeframe"], out["source"] = symbol, "1m", "binance_rest"
    return out


def sound(rows: pd.DataFrame) -> pd.DataFrame:
    numbers = rows[PRICES + SUMS]
    good = np.isfinite(numbers).all(axis=1) & (rows[PRICES] > 0).all(axis=1) & (rows[SUMS] >= 0).all(axis=1)
    good &= (rows["high"] >= rows[PRICES].max(axis=1)) & (rows["low"] <= rows[PRICES].min(axis=1))
    good &= (rows["taker_buy_base"] <= rows["volume"]) & (rows["ts"] == rows["ts"].dt.floor("min"))
    return rows[good].drop_duplicates("ts", keep="last")


def candles(minutes: pd.DataFrame, name: str) -> pd.DataFrame:
    length = pd.Timedelta(LENGTHS[name])
    named = minutes.set_index("ts").groupby("symbol").resample(length)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", **dict.fromkeys(SUMS, "sum")}
    out = named.agg({**how, "source": "first", "ingested_at": "max"})
    out["n_minutes"] = named.size()
    out = out[out["n_minutes"] > 0].reset_index()
    out["timeframe"], out["available_at"] = name, out["ts"] + length
    out["complete"] = out["n_minutes"] == length // MINUTE
    return out


def with_change(bars: pd.DataFrame, minutes: pd.DataFrame) -> pd.DataFrame:
    closes = minutes[["symbol", "ts", "close"]].rename(columns={"ts": "before_ts", "close": "before"})
    closes["at"] = closes["before_ts"] + MINUTE
    left = bars.assign(then=bars["available_at"] - DAY).sort_values("then")
    out = pd.merge_asof(left, closes.sort_values("at"), left_on="then", right_on="at", by="symbol", tolerance=HOUR)
    known = out["before_ts"] >= out["ts"].dt.floor("D") - DAY
    out["change_24h_pct"] = (100 * (out["close"] / out["before"] - 1)).where(known)
    return out.drop(columns=["then", "at", "before", "before_ts"])


def computed(answers: dict[str, bytes], previous: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    klines = pd.concat([sound(parsed(symbol, body)) for symbol, body in answers.items()], ignore_index=True)
    klines["ingested_at"] = previous["ingested_at"].iloc[0]
    bars = pd.concat([candles(klines, name) for name in LENGTHS], ignore_index=True)
    return klines, with_change(bars, pd.concat([previous, klines]))


def main(folder: Path) -> dict[str, float]:
    answers = {file.stem: file.read_bytes() for file in sorted(folder.glob("*.json"))}
    previous = pd.read_parquet(folder / "previous.parquet")
    costs = []
    for _ in range(TIMES):
        wall, cpu = time.perf_counter(), time.process_time()
        tables = computed(answers, previous)
        costs.append({"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu})
    for name, table in zip(("klines", "timeframes"), tables, strict=True):
        table.to_parquet(folder / f"{name}_pandas.parquet", index=False)
    return min(costs, key=lambda cost: cost["wall_s"])


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
