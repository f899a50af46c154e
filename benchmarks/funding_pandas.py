"""The peer of the funding benchmarks: what one would write in pandas, knowing nothing of this project.

    python funding_pandas.py DIR spreads
    python funding_pandas.py DIR statistics 2025-11-30

Reads `hourly`, `rates`, `contracts`, `snapshot` and `completeness` from Parquet files in DIR, computes hourly
spreads, or the statistics of a day, from the definitions of the funding spec, and writes them beside as
`<what>_pandas.parquet`. Prints what it cost, without reading and writing.
"""

import json
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

CONTRACT = ["exchange", "symbol"]
QUOTES = {"USDT": 0, "USDC": 1, "USD": 2}
APR = 8760 * 100


def legs(hourly: pd.DataFrame, contracts: pd.DataFrame, snapshot: pd.DataFrame) -> pd.DataFrame:
    """One contract per day, asset and exchange: the largest open interest of the day's last look."""
    looks = snapshot.assign(day=snapshot["snapshot_at"].dt.floor("D"))
    last = looks[looks["snapshot_at"] == looks.groupby(["day", "exchange"])["snapshot_at"].transform("max")]
    days = pd.DataFrame({"day": hourly["hour"].dt.floor("D").unique()})
    listed = days.merge(contracts.drop(columns="interval_hours"), how="cross")
    since, until = listed["valid_from"] < listed["day"] + pd.Timedelta(days=1), listed["valid_to"]
    listed = listed[since & (until.isna() | (until > listed["day"]))]
    usable = listed[listed["multiplier_verified"] & listed["quote"].isin(QUOTES)]
    ranked = usable.merge(last[["day", *CONTRACT, "open_interest_usd"]], on=["day", *CONTRACT], how="left")
    ranked["inverse"], ranked["preference"] = ranked["kind"] == "inverse", ranked["quote"].map(QUOTES)
    order = ["day", "base_asset", "exchange", "inverse", "open_interest_usd", "preference", "native_symbol"]
    ranked = ranked.sort_values(order, ascending=[True, True, True, True, False, True, True])
    return ranked.drop_duplicates(["day", "base_asset", "exchange"])


def pair(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    both = a.merge(b, on="hour", suffixes=("_a", "_b"))
    out = both[["hour", *(f"{name}_{side}" for name in ("exchange", "symbol", "rate_1h") for side in "ab")]].copy()
    for side in "ab":
        out[f"apr_{side}"], out[f"interval_{side}"] = both[f"apr_pct_{side}"], both[f"interval_hours_{side}"]
    out["spread_apr_pct"] = out["apr_a"] - out["apr_b"]
    out["abs_spread_apr_pct"] = out["spread_apr_pct"].abs()
    higher = both["rate_1h_a"] >= both["rate_1h_b"]
    out["short_leg"] = np.where(higher, out["exchange_a"], out["exchange_b"])
    out["long_leg"] = np.where(higher, out["exchange_b"], out["exchange_a"])
    seconds = [(out[f"interval_{side}"] * 3600).round().astype("int64") for side in "ab"]
    out["sync_period_hours"] = np.lcm(*seconds) / 3600
    out["daily_spread"] = (both["rate_1h_a"] - both["rate_1h_b"]).abs() * 24
    mark_a, mark_b = (both[f"mark_price_{side}"] / both[f"multiplier_{side}"] for side in "ab")
    together = (both["settled_at_a"] - both["settled_at_b"]).abs() <= pd.Timedelta(minutes=10)
    out["basis_pct"] = (200 * (mark_a - mark_b) / (mark_a + mark_b)).where(together)
    out["flag_inverse"] = both["inverse_a"] | both["inverse_b"]
    out["available_at"] = both[["settled_at_a", "settled_at_b"]].max(axis=1)
    return out


def spreads(hourly: pd.DataFrame, contracts: pd.DataFrame, snapshot: pd.DataFrame) -> pd.DataFrame:
    chosen = legs(hourly, contracts, snapshot)[["day", *CONTRACT, "venue", "base_asset", "multiplier", "inverse"]]
    dated = hourly.drop(columns="base_asset").assign(day=hourly["hour"].dt.floor("D"))
    rows = dated.merge(chosen, on=["day", *CONTRACT])
    found = []
    for base, of_base in rows.groupby("base_asset"):
        sides = dict(list(of_base.drop(columns=["base_asset", "day"]).groupby("exchange")))
        for a, b in combinations(sorted(sides), 2):
            if sides[a]["venue"].iat[0] != sides[b]["venue"].iat[0]:
                found.append(pair(sides[a], sides[b]).assign(base_asset=base))
    return pd.concat(found).sort_values(["hour", "base_asset", "exchange_a", "exchange_b"])


def percentile(x: float, history: np.ndarray) -> float:
    return 100 * ((history < x).sum() + 0.5 * (history == x).sum()) / len(history)


def zscore(x: float, history: np.ndarray) -> float:
    std = history.std(ddof=1)
    return (x - history.mean()) / std if std >= 1e-12 else np.nan


def of_contract(events: pd.DataFrame) -> pd.Series:
    rate, predicted = events["rate_1h"].to_numpy(), events["predicted_rate_1h"].iat[0]
    last, earlier = rate[-1], rate[:-1]
    out = {
        "base_asset": events["base_asset"].iat[-1],
        "n_points": len(rate),
        "settled_time": events["funding_time"].iat[-1],
        "settled_rate_1h": last,
        "predicted_rate_1h": predicted,
    }
    if len(rate) >= 30:
        median = np.median(rate)
        out |= {
            "mean_1h": rate.mean(),
            "std_1h": rate.std(ddof=1),
            "median_1h": median,
            "mad_1h": np.median(np.abs(rate - median)),
            "min_1h": rate.min(),
            "max_1h": rate.max(),
            "z_predicted": zscore(predicted, rate),
            "percentile_predicted": percentile(predicted, rate),
        }
    if len(earlier) >= 30:
        median = np.median(earlier)
        mad = np.median(np.abs(earlier - median))
        out |= {
            "z_settled": zscore(last, earlier),
            "modified_z_settled": 0.6745 * (last - median) / mad if mad >= 1e-12 else np.nan,
            "percentile_settled": percentile(last, earlier),
            "z_abs_settled": zscore(abs(last), np.abs(earlier)),
        }
    return pd.Series(out)


def statistics(
    rates: pd.DataFrame, snapshot: pd.DataFrame, completeness: pd.DataFrame, day: pd.Timestamp
) -> pd.DataFrame:
    end = day + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    known = (
        rates["funding_time"].between(end - pd.Timedelta(days=30), end, inclusive="right") & rates["rate_1h"].notna()
    )
    newest = snapshot[snapshot["snapshot_at"].between(day, end)].sort_values("snapshot_at")
    newest = newest.drop_duplicates(CONTRACT, keep="last")[[*CONTRACT, "snapshot_at", "predicted_rate_1h"]]
    events = rates[known].merge(newest, on=CONTRACT, how="left").sort_values("funding_time")
    columns = ["base_asset", "funding_time", "rate_1h", "predicted_rate_1h"]
    out = events.groupby(CONTRACT)[columns].apply(of_contract).reset_index()
    out = out.merge(newest[[*CONTRACT, "snapshot_at"]], on=CONTRACT, how="left")
    out["available_at"] = out[["settled_time", "snapshot_at"]].max(axis=1)
    out = out.drop(columns="snapshot_at")
    of_day = completeness[completeness["day"] == day.date()]
    out = out.merge(of_day[[*CONTRACT, "completeness_pct"]], on=CONTRACT, how="left").assign(day=day.date())
    for name, prefix in {
        "mean": "mean",
        "std": "std_dev",
        "median": "median",
        "mad": "mad",
        "min": "min",
        "max": "max",
    }.items():
        out[f"{prefix}_30d_apr"] = out[f"{name}_1h"] * APR
    share = out["completeness_pct"].fillna(0)
    classes = [out["n_points"] < 10, share < 50, share < 80, share < 95]
    out["confidence"] = np.select(classes, ["none", "low", "medium", "high"], "very_high")
    out["zone"] = np.where(out["z_settled"].abs() > 2, "active", "stable")
    return out


def main(folder: Path, what: str, *day: str) -> dict[str, float]:
    names = {"spreads": ["hourly", "contracts", "snapshot"], "statistics": ["rates", "snapshot", "completeness"]}[what]
    inputs = [pd.read_parquet(folder / f"{name}.parquet") for name in names]
    wall, cpu = time.perf_counter(), time.process_time()
    out = spreads(*inputs) if what == "spreads" else statistics(*inputs, pd.Timestamp(*day, tz="UTC"))
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    out.to_parquet(folder / f"{what}_pandas.parquet", index=False)
    return cost


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *sys.argv[2:])))
