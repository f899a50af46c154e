"""The rows of the signals table: what fired, what it is worth, how many lots of it, and why not. Pure.

`signals` are BarsSignals.
"""

from typing import Any

import orjson
import polars as pl

from dashboards.bars.alphas import NAMES
from dashboards.bars.query import SignalsQuery
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.sizing import sized

#: reason -> in words
REASONS = {
    "unproven": "too few outcomes",
    "q_low": "Q* too low",
    "edge_negative": "no edge",
    "p_low": "p_win below one half",
    "stale": "too old when it fired",
    "no_levels": "no levels: volatility unknown",
    "below_min_lot": "less than the smallest lot",
    "no_quote": "no quote to judge its costs by",
    "no_sigma": "volatility unknown, costs not judged",
}


def chosen(signals: pl.DataFrame, query: SignalsQuery) -> pl.DataFrame:
    """Those that the filters leave."""
    wanted = [pl.lit(value=True)]
    if query.symbols:
        wanted.append(pl.col("symbol").is_in(query.symbols))
    if query.alphas:
        wanted.append(pl.col("alpha_id").is_in(query.alphas))
    if query.verdict != "all":
        wanted.append(pl.col("accepted") == (query.verdict == "accepted"))
    return signals.filter(wanted)


def rows(signals: pl.DataFrame, equity: float, bars: BarsSettings) -> list[dict[str, Any]]:
    """One a signal, sized for that equity."""
    return [_row(row, equity, bars) for row in signals.iter_rows(named=True)]


def _row(row: dict[str, Any], equity: float, bars: BarsSettings) -> dict[str, Any]:
    size = sized(row, equity=equity, instrument=bars.instrument(row["symbol"]), risk=bars.risk)
    reasons = [*row["reject_reasons"], *([size.reason] if size.reason else [])]
    return {
        "id": f"{row['symbol']} {row['ts']} {row['alpha_id']} {row['strategy_version']}",
        "time": f"{row['signal_time']:%Y-%m-%d %H:%M}",
        "symbol": row["symbol"],
        "alpha": NAMES[row["alpha_id"]],
        "action": row["action"],
        "grade": row["grade"],
        "verdict": "accepted" if row["accepted"] else "rejected",
        **{name: row[name] for name in ("q_star", "p_win", "n_outcomes", "rr", "confidence", "entry_ref_price")},
        **{name: row[name] for name in ("stop_loss", "take_profit_1", "take_profit_2")},
        "lots": size.lots,
        "es95": size.es95,
        "regime": row["regime"],
        "why": "; ".join(words(reason) for reason in dict.fromkeys(reasons)),
        "inputs": inputs(row["features"]),
        "profile": row["profile"],
    }


def words(reason: str) -> str:
    """A reason as a person reads it; one without words of its own as it is."""
    return REASONS.get(reason, reason.replace("_", " "))


def inputs(features: str) -> str:
    """The inputs of an alpha (JSON): `ema_slope 0.0012, roc_5 0.0031`."""
    told = orjson.loads(features)
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in told.items()
    )
