"""The peer of `equities`: what one would write in pandas, knowing nothing of this project.

    python equities_pandas.py URL T000,T001 2021 2025 DIR

Asks Polygon's API at URL for bars, splits and dividends of each symbol, scores every bar and adjusts
for splits and dividends by the formulas of the equities spec, and writes one Parquet file per
symbol-year of raw and of scored bars, and one per year of adjusted bars. Prints what it cost.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import exchange_calendars
import httpx
import numpy as np
import pandas as pd

LOOKBACK, LEAST_PRIOR = 60, 20
RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50)
PENALTIES = {
    "flag_ohlc": 50,
    "flag_extreme_move": 30,
    "flag_gap": 20,
    "flag_volume_high": 10,
    "flag_volume_low": 15,
    "flag_zero_volume": 15,
    "flag_suspect_split": 0,
}
PRICES = ["open", "high", "low", "close"]
NAMES = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vwap_vendor", "n": "trade_count"}
CARRIED = ["quality_score", "validated", "gap_ratio", "flag_ohlc"]


class Asked:
    """A client, and how long it made this thread wait."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, headers={"Authorization": "Bearer sandbox"}, timeout=60)
        self.waiting_s = 0.0

    def results(self, path: str, **params: str | int) -> list[dict[str, Any]]:
        """All pages."""
        rows: list[dict[str, Any]] = []
        url: str | None = str(self.client.build_request("GET", f"/polygon{path}", params=params).url)
        while url:
            wall, cpu = time.perf_counter(), time.thread_time()
            answer = self.client.get(url).raise_for_status()
            self.waiting_s += (time.perf_counter() - wall) - (time.thread_time() - cpu)
            body = json.loads(answer.content)
            rows += body.get("results", [])
            url = body.get("next_url")
        return rows


def bars_of(asked: Asked, symbol: str, first: str, last: str) -> pd.DataFrame:
    found = pd.DataFrame(
        asked.results(
            f"/v2/aggs/ticker/{symbol}/range/1/day/{first}/{last}", adjusted="false", sort="asc", limit=50_000
        )
    ).rename(columns=NAMES)
    days = pd.to_datetime(found["t"], unit="ms", utc=True).dt.tz_convert("America/New_York")
    found["session_date"] = days.dt.tz_localize(None).dt.normalize()
    found["symbol"] = symbol
    return found[["symbol", "session_date", *NAMES.values()]].astype({"volume": float})


def actions_of(asked: Asked, symbol: str, bars: pd.DataFrame, calendar: pd.Index, as_of: str) -> pd.DataFrame:
    splits = pd.DataFrame(
        asked.results("/v3/reference/splits", ticker=symbol, limit=1000),
        columns=["execution_date", "split_from", "split_to"],
    )
    dividends = pd.DataFrame(
        asked.results("/v3/reference/dividends", ticker=symbol, limit=1000), columns=["ex_dividend_date", "cash_amount"]
    )
    actions = pd.concat(
        [
            pd.DataFrame({"ex_date": splits["execution_date"], "ratio": splits["split_to"] / splits["split_from"]}),
            pd.DataFrame({"ex_date": dividends["ex_dividend_date"], "amount": dividends["cash_amount"]}),
        ]
    )
    actions = actions[actions["ex_date"] <= as_of]
    actions["ex_date"] = pd.to_datetime(actions["ex_date"])
    closes = bars.set_index("session_date")["close"]
    before = calendar[np.maximum(calendar.searchsorted(actions["ex_date"]) - 1, 0)]
    prev_close = closes.reindex(before).to_numpy()
    actions["split_factor"] = (1 / actions["ratio"]).fillna(1.0).astype(float)
    actions["dividend_factor"] = (1 - actions["amount"] / prev_close).fillna(1.0).astype(float)
    return actions.sort_values("ex_date", kind="stable").reset_index(drop=True)


def scored(bars: pd.DataFrame, actions: pd.DataFrame, calendar: pd.Index) -> pd.DataFrame:
    out = bars.copy()
    on_day = actions.groupby("ex_date").agg(
        ratio=("ratio", "prod"), cash=("amount", "sum"), n_splits=("ratio", "count")
    )
    today = on_day.reindex(out["session_date"])
    ratio, cash = today["ratio"].fillna(1.0).to_numpy(), today["cash"].fillna(0.0).to_numpy()
    has_split = today["n_splits"].fillna(0).to_numpy() > 0
    out["prev_session_date"] = out["session_date"].shift(1)
    out["sessions_since_prev"] = np.append(np.nan, np.diff(calendar.get_indexer(pd.Index(out["session_date"]))))
    out["prev_close_ref"] = out["close"].shift(1) / ratio - cash
    out["gap_ratio"] = out["open"] / out["prev_close_ref"] - 1
    basis = np.cumprod(ratio)
    traded = pd.Series(np.where(out["volume"] > 0, out["volume"] / basis, np.nan), index=out.index)
    enough = out["volume"].rolling(LOOKBACK, min_periods=1).count().shift(1) >= LEAST_PRIOR
    out["volume_median_60"] = (traded.rolling(LOOKBACK, min_periods=1).median().shift(1) * basis).where(enough)
    top, bottom = out[["open", "close"]].max(axis=1), out[["open", "close"]].min(axis=1)
    low_price = out[PRICES].min(axis=1) <= 0
    out["flag_ohlc"] = (out["high"] < top) | (out["low"] > bottom) | low_price | (out["high"] < out["low"])
    body, span = (out["close"] - out["open"]).abs() / out["open"], (out["high"] - out["low"]) / out["low"]
    out["flag_extreme_move"] = (body > 5.0) | (span > 5.0)
    out["flag_gap"] = out["gap_ratio"].abs() > 0.10
    out["flag_volume_high"] = out["volume"] > 10 * out["volume_median_60"]
    out["flag_volume_low"] = (out["volume"] > 0) & (out["volume"] < 0.1 * out["volume_median_60"])
    out["flag_zero_volume"] = out["volume"] == 0
    change = (out["open"] / out["prev_close_ref"]).to_numpy()[:, None]
    near = (np.abs(change / np.array(RATIOS) - 1) <= 0.02) | (np.abs(change * np.array(RATIOS) - 1) <= 0.02)
    out["flag_suspect_split"] = out["flag_gap"] & ~has_split & near.any(axis=1)
    flags = out[list(PENALTIES)].to_numpy()
    penalty = flags @ np.array(list(PENALTIES.values()))
    out["quality_score"] = np.round(np.maximum(0, 100 - penalty) / 100, 2)
    out["validated"] = out["quality_score"] >= 0.85
    raised = np.array(list(PENALTIES))
    out["issues"] = [
        list(raised[row]) if is_any else [] for row, is_any in zip(flags, list(np.any(flags, axis=1)), strict=True)
    ]
    return out


def adjusted(bars: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    later = actions["ex_date"].searchsorted(bars["session_date"], side="right")

    def after(factors: "pd.Series[float]") -> np.ndarray:
        """The product of the factors of all actions with a later ex date."""
        return np.append(factors.to_numpy()[::-1].cumprod()[::-1], 1.0)[later]

    split, dividend = after(actions["split_factor"]), after(actions["dividend_factor"])
    out = bars[["symbol", "session_date"]].copy()
    for price in PRICES:
        out[f"{price}_split"] = bars[price] * split
    out["volume_split"] = bars["volume"] * after(actions["ratio"].fillna(1.0).astype(float))
    for price in PRICES:
        out[f"{price}_total"] = bars[price] * (split * dividend)
    out["split_factor"], out["total_factor"] = split, split * dividend
    out[CARRIED] = bars[CARRIED]
    out["n_actions_applied"] = (len(actions) - later).astype("int32")
    return out


def main(url: str, symbols: list[str], first_year: int, last_year: int, out: Path) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for name in ("raw", "scored", "adjusted"):
        (out / name).mkdir(parents=True)
    sessions = exchange_calendars.get_calendar("XNYS", start="1990-01-01").sessions
    asked = Asked(url)
    of_all: list[pd.DataFrame] = []
    for symbol in symbols:
        bars = bars_of(asked, symbol, f"{first_year}-01-01", f"{last_year}-12-31")
        actions = actions_of(asked, symbol, bars, sessions, f"{last_year + 1}-01-01")
        scores = scored(bars, actions, sessions)
        for name, frame in (("raw", bars), ("scored", scores)):
            for year, part in frame.groupby(frame["session_date"].dt.year):
                part.to_parquet(out / name / f"{symbol}_{year}.parquet", index=False, compression="zstd")
        of_all.append(adjusted(scores, actions))
    everything = pd.concat(of_all, ignore_index=True)
    for year, part in everything.groupby(everything["session_date"].dt.year):
        part.to_parquet(out / "adjusted" / f"{year}.parquet", index=False, compression="zstd")
    total = time.perf_counter() - wall
    return {
        "wall_s": total,
        "cpu_s": time.process_time() - cpu,
        "waiting_s": asked.waiting_s,
        "own_wall_s": total - asked.waiting_s,
        "files": sum(1 for _ in out.glob("*/*.parquet")),
    }


if __name__ == "__main__":
    where, wanted, first, last, folder = sys.argv[1:]
    print(json.dumps(main(where, wanted.split(","), int(first), int(last), Path(folder))))
