"""The peer of `btc`: the same features as a plain pandas script, knowing nothing of this project.

    python btc_pandas.py DIR

Reads `price`, `liquidations` (versions of hours as the vendor stated them) and `models` (weekly bin edges)
from Parquet files in DIR, computes every feature hour by hour from the definitions of the btc spec, and
writes `<table>_pandas.parquet` beside them. The trend of an hour is what a wavelet filter says of the last
sample of the hour's trailing window, one transform a window; filters and states are loops; the rest is
pandas' rolling windows. Prints what it cost, without reading and writing.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pywt
from numpy.lib.stride_tricks import sliding_window_view

WINDOW, TAPS = 1152, 531
OUTLIER_ROWS, YEAR_ROWS, PATH_ROWS, EXTREME_ROWS = 4320, 8760, 721, 720
TOP, MIDDLE = 8, 4
CLASSES = {
    (3, 1): "Strong_Buy",
    (3, -1): "Strong_Sell",
    (2, 1): "Buy",
    (2, -1): "Sell",
    (1, 1): "Weak_Buy",
    (1, -1): "Weak_Sell",
}


def used(versions: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    timely = versions[~versions["is_late"]].sort_values(["ts", "ingested_at"])
    return timely.groupby("ts")[names].first()


def processed(price: pd.DataFrame, liquidations: pd.DataFrame) -> pd.DataFrame:
    raw = used(price, ["price"]).join(used(liquidations, ["long_liquidations", "short_liquidations"]), how="outer")
    out = raw.asfreq("h")
    filled = {side: out[f"{side}_liquidations"].ffill(limit=3) for side in ("long", "short")}
    out["is_filled"] = np.any([out[f"{side}_liquidations"].isna() & filled[side].notna() for side in filled], axis=0)
    out["is_gap"] = filled["long"].isna() | filled["short"].isna()
    for side, values in filled.items():
        window = values.rolling(OUTLIER_ROWS, min_periods=100)
        q1, q3 = window.quantile(0.25), window.quantile(0.75)
        iqr, limit = q3 - q1, q3 + 3 * (q3 - q1)
        above = limit + iqr * (values - limit) / (window.max() - limit)
        out[f"{side}_filled"], out[f"is_outlier_{side}"] = values, values > limit
        out[f"{side}_volume"] = values.where(~(values > limit), above)
    total = out["long_filled"] + out["short_filled"]
    out["long_share"] = (out["long_filled"] / total).where(total > 1e-12, 0.5)
    out["net_volume"] = out["long_volume"] - out["short_volume"]
    out["total_volume"] = out["long_volume"] + out["short_volume"]
    out["net_share"] = (out["net_volume"] / out["total_volume"]).where(out["total_volume"] > 1e-12, 0.0)
    return out.drop(columns=["long_liquidations", "short_liquidations"])


def trend(values: np.ndarray) -> np.ndarray:
    """One transform a window. Zeros stand before the first hour: nothing TAPS rows back has weight."""
    padded = np.concatenate([np.zeros(WINDOW - 1), values])
    out = np.full(len(values), np.nan)
    for row in range(TAPS - 1, len(values)):
        approximation, *details = pywt.wavedec(padded[row : row + WINDOW], "coif3", mode="symmetric", level=6)
        silent = [np.zeros_like(band) for band in details]
        out[row] = pywt.waverec([approximation, *silent], "coif3", mode="symmetric")[WINDOW - 1]
    return out


def kalman(values: np.ndarray, prior: float | None) -> np.ndarray:
    out = np.full(len(values), np.nan)
    level, variance, seen = 0.0, 50.0, False
    for row, value in enumerate(values):
        if seen:
            variance += 0.05
        if not np.isnan(value):
            if not seen:
                level, seen = value if prior is None else prior, True
            gain = variance / (variance + 80.0)
            level += gain * (value - level)
            variance *= 1.0 - gain
            out[row] = level
    return out


def rpn(tamed: pd.DataFrame, trends: dict[str, np.ndarray]) -> pd.DataFrame:
    out = pd.DataFrame(index=tamed.index)
    for name, values in trends.items():
        out[f"trend_{name}"] = np.clip(values, 0.0, 1.0 if name == "share" else None)
        out[f"kalman_{name}"] = kalman(out[f"trend_{name}"].to_numpy(), 0.5 if name == "share" else None)
    out["kalman_total"] = total = out["kalman_long"] + out["kalman_short"]
    out["kalman_diff"] = out["kalman_long"] - out["kalman_short"]
    out["risk_priority_number"] = (out["kalman_long"] / total).mask(total <= 1e-12, 0.5)
    out["kalman_diff_share"] = (out["kalman_diff"] / total).mask(total <= 1e-12, 0.0)
    out["diff_smooth"] = out["kalman_diff"].ewm(span=16, adjust=False).mean()
    out["rpn_smooth"] = out["risk_priority_number"].ewm(span=12, adjust=False).mean()
    for side in ("long", "short"):
        out[f"delta_{side}"] = out[f"kalman_{side}"].diff()
    moved = out[["delta_long", "delta_short"]]
    up = moved > 0
    case = "L" + up["delta_long"].map({True: "U", False: "D"}) + "S" + up["delta_short"].map({True: "U", False: "D"})
    case += np.where(out["kalman_long"] > out["kalman_short"], "L", "S")
    out["corr_case"] = case.mask((moved == 0).any(axis=1), "NONE").mask(moved.isna().any(axis=1))
    for name, values in {
        "total": np.log1p(total),
        "diff_share": out["kalman_diff_share"],
        "long": np.log1p(out["kalman_long"]),
        "short": np.log1p(out["kalman_short"]),
    }.items():
        from_median = values - values.rolling(24, min_periods=20).median()
        deviation = from_median.abs().rolling(24, min_periods=20).median()
        score = (from_median / (1.4826 * deviation)).mask(deviation < 1e-9, 0.0).clip(-20, 20)
        out[f"z_{name}"] = score.where(deviation.notna())
    seen = out[["trend_long", "trend_short"]].notna().cumsum().min(axis=1)
    out["n_obs"] = seen
    out["is_warm"] = (seen >= 200) & out[["trend_long", "trend_short", "trend_share"]].notna().all(axis=1)
    return out


def leg(bins: np.ndarray) -> tuple[int, int, int]:
    """Momentum, turns and direction of the newest leg, walked back from its end."""
    path = bins[np.append(True, bins[1:] != bins[:-1])]
    if len(path) < 2:
        return 0, 0, 0
    direction = int(np.sign(path[-1] - path[-2]))
    end, *before = (path if direction > 0 else TOP - path)[::-1].tolist()
    lowest = last = end
    turns = 0
    for step in before:
        near = step <= lowest + 1
        if not (step < last or near):
            break
        lowest, last, turns = min(lowest, step), step, turns + near
    return direction * int(end - lowest), max(0, turns - 2), direction


def extreme(bins: np.ndarray) -> int:
    for edge, sign in ((TOP, -1), (0, 1)):
        at = np.flatnonzero(bins == edge)
        back = bins <= MIDDLE if edge == TOP else bins >= MIDDLE
        if at.size and not back[at[-1] + 1 :].any():
            return sign
    return 0


def bins(smoothed: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    usable = models[models["status"] == "ok"].sort_values("ts")
    usable = usable.assign(model_time=usable["ts"])[["ts", "model_time", "edges"]]
    shares = smoothed["risk_priority_number"].rename_axis("ts").reset_index()
    out = pd.merge_asof(shares, usable, on="ts", tolerance=pd.Timedelta(hours=672)).set_index("ts")
    known = out["risk_priority_number"].notna() & out["model_time"].notna()
    out["bin_index"] = np.nan
    below = np.stack(out.loc[known, "edges"].to_list()) <= out.loc[known, ["risk_priority_number"]].to_numpy()
    out.loc[known, "bin_index"] = below.sum(axis=1)
    out["bin_warm"], out["model_time"] = known, out["model_time"].where(known)
    changed = ~((out["model_time"] == out["model_time"].shift()) | (out["model_time"].isna()))
    out["model_changed"] = changed.astype("boolean").where(known)
    found = out["bin_index"].to_numpy()
    path = np.full((len(out), 4), np.nan)
    for row in np.flatnonzero(known):
        trailing, newest = (found[max(0, row + 1 - rows) : row + 1] for rows in (PATH_ROWS, EXTREME_ROWS))
        path[row] = *leg(trailing[~np.isnan(trailing)]), extreme(newest)
    out[["bin_momentum", "bin_turn", "bin_mm_direction", "is_rpn_extreme"]] = path
    return out.drop(columns=["risk_priority_number", "edges"])


def dominance(smoothed: pd.DataFrame, binned: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame(index=smoothed.index)
    diff, share, in_bin = smoothed["kalman_diff"], smoothed["risk_priority_number"], binned["bin_index"]
    window = diff.rolling(YEAR_ROWS, min_periods=720)
    for percent in (20, 40, 60, 80):
        out[f"thr_q{percent}"] = window.quantile(percent / 100)
    for side in ("long", "short"):
        out[f"{side}_high"] = smoothed[f"kalman_{side}"].rolling(YEAR_ROWS, min_periods=720).quantile(0.80)
    out["threshold_n"] = diff.notna().rolling(YEAR_ROWS, min_periods=1).sum()
    middle = in_bin == MIDDLE
    bear = ((in_bin > MIDDLE) & (diff >= out["thr_q80"])) | (middle & (share >= 0.52) & (diff >= out["thr_q60"]))
    bull = ((in_bin < MIDDLE) & (diff <= out["thr_q20"])) | (middle & (share <= 0.48) & (diff <= out["thr_q40"]))
    known = in_bin.notna() & diff.notna() & out["thr_q80"].notna()
    dominant = (bull.astype(float) - bear.astype(float)).where(known)
    out["dominance"] = dominant
    out["dominance_class"] = dominant.map({-1.0: "Bear", 0.0: "Congestion", 1.0: "Bull"})
    status = np.full((len(out), 6), np.nan)
    last = newest = before = run = number = 0
    for row, value in enumerate(dominant):
        if np.isnan(value):
            continue
        now, keep = int(value), value != 0 and value == before
        run = run + 1 if now == before else 1
        if now and not keep:
            number, newest = (number + 1 if now == newest else 1), now
        status[row] = last, run, run * abs(now), number * abs(now), keep, now != 0 and now == last
        before, last = now, now or last
    names = ["last", "duration", "duration_total", "time"]
    out[[*(f"dominance_{name}" for name in names), "is_keep", "is_strengthen"]] = status
    return out


def slope(values: pd.Series, rows: int) -> np.ndarray:
    weights = (np.arange(rows) - (rows - 1) / 2) / (rows * (rows**2 - 1) / 12)
    return np.concatenate([np.full(rows - 1, np.nan), sliding_window_view(values.to_numpy(), rows) @ weights])


def without_repeats(raw: pd.Series) -> pd.Series:
    repeated = (raw == raw.shift(1)) | (raw == raw.shift(2)) | (raw == raw.shift(3))
    return raw.mask(repeated, 0.0)


def reversals(event: np.ndarray, diff: np.ndarray, margin: np.ndarray) -> np.ndarray:
    out = np.zeros(len(event))
    for at, until in pairwise([*np.flatnonzero(np.nan_to_num(event)), len(event)]):
        for row in range(at + 1, min(at + 8, until, len(event) - 1) + 1):
            if event[at] * (diff[row] - diff[at]) >= margin[at]:
                out[row] = -event[at]
    return out


def signals(smoothed: pd.DataFrame, dominant: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame(index=smoothed.index)
    diff, side = smoothed["kalman_diff"], dominant["dominance"]
    for name, rows in (("_short", 3), ("", 8), ("_long", 10), ("_day", 24)):
        out[f"diff_beta{name}"] = slope(diff, rows)
    now, before = out["diff_beta_short"], out["diff_beta_short"].shift()
    low, high = dominant["thr_q20"], dominant["thr_q80"]
    squeezed, flushed = side == 1, side == -1
    shorts, longs = (smoothed[f"kalman_{one}"] >= dominant[f"{one}_high"] for one in ("short", "long"))
    ceiling = squeezed & (diff <= low) & shorts & (before < 0) & (now >= 0)
    bottom = flushed & (diff >= high) & longs & (before > 0) & (now <= 0)
    raw = (bottom.astype(float) - ceiling.astype(float)).where(side.notna())
    margin = (0.02 * (high - low)).to_numpy()
    failed = pd.Series(reversals(raw.to_numpy(), diff.to_numpy(), margin), out.index).where(side.notna())
    out["hit_ceiling_bottom_raw"], out["reverse_ceiling_bottom_raw"] = raw, failed
    levels = [side, without_repeats(raw), without_repeats(failed)]
    out["hit_ceiling_bottom"], out["reverse_ceiling_bottom"] = levels[1:]
    out[["signal_l1", "signal_l2", "signal_l3"]] = np.column_stack(levels)
    rank = np.select([levels[2] != 0, levels[1] != 0], [3, 2], 1)
    sign = levels[0].where(rank == 1, levels[1]).where(rank < 3, levels[2])
    out["signal_sign"] = sign
    named = [CLASSES.get((one, value), "Neutral") for one, value in zip(rank.tolist(), sign, strict=True)]
    out["signal_class"] = pd.Series(named, out.index).where(side.notna())
    out["signal_strength"] = 0.3 * levels[0].abs() + 0.4 * levels[1].abs() + 0.3 * levels[2].abs()
    return out


def main(folder: Path) -> dict[str, float]:
    price, liquidations, models = (
        pd.read_parquet(folder / f"{n}.parquet") for n in ("price", "liquidations", "models")
    )
    wall, cpu = time.perf_counter(), time.process_time()
    tamed = processed(price, liquidations)
    before_trend = time.perf_counter()
    trends = {"long": trend(tamed["long_volume"].to_numpy())}
    one_trend = time.perf_counter() - before_trend
    trends |= {name: trend(tamed[of].to_numpy()) for name, of in (("short", "short_volume"), ("share", "long_share"))}
    three_trends = time.perf_counter() - before_trend
    smoothed = rpn(tamed, trends)
    binned = bins(smoothed, models)
    dominant = dominance(smoothed, binned)
    signalled = signals(smoothed, dominant)
    cost = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "one_trend_s": one_trend,
        "three_trends_s": three_trends,
    }
    tables = {"processed": tamed, "rpn": smoothed, "bins": binned, "dominance": dominant, "signals": signalled}
    for name, table in tables.items():
        table.rename_axis("ts").reset_index().to_parquet(folder / f"{name}_pandas.parquet", index=False)
    return cost


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
