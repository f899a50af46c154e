"""Sound bars tables to be judged, and ways to break them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.bars import schemas
from market_assets.core.contracts import Table

D0 = datetime(2026, 11, 20, tzinfo=UTC)
TODAY = D0.date()
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def table(of: type[Table], rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a table, validated; columns that are not stated are null."""
    contract = of.contract()
    return contract.validate(pl.DataFrame([dict.fromkeys(contract.columns) | row for row in rows], contract.schema))


def minutes(n: int = 100, symbol: str = "BTCUSD", **stated: Any) -> pl.DataFrame:
    """So many minutes from midnight that do not move, each from the first source."""
    common = {
        "symbol": symbol, "timeframe": "1m", "open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 10.0,
        "source": "yahoo", "instrument_kind": "crypto", "fallback_level": 0, "origin": "rest", "basis_break": False,
        "quality_score": 1.0, "issues": [],
    }  # fmt: skip
    rows = [common | {"ts": D0 + k * MINUTE, "ingested_at": D0 + (k + 1) * MINUTE} | stated for k in range(n)]
    return table(schemas.BarsMinute, rows)


def at(frame: pl.DataFrame, *places: int, **values: Any) -> pl.DataFrame:
    """The frame with other values in some rows."""
    here = pl.int_range(pl.len()).is_in(places)
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def due(expected: int, *, is_over: bool = True, min_share: float = 0.9, symbol: str = "BTCUSD") -> pl.DataFrame:
    """How many minutes are due of a symbol on the first day."""
    schema = {"symbol": pl.String, "day": pl.Date, "expected": pl.Int64, "is_over": pl.Boolean, "min_share": pl.Float64}
    return pl.DataFrame([(symbol, TODAY, expected, is_over, min_share)], schema, orient="row")


def aged(*minutes_old: float | None) -> pl.DataFrame:
    """Ages of newest minutes."""
    return pl.DataFrame({"symbol": "BTCUSD", "age_min": pl.Series(minutes_old, dtype=pl.Float64)})


def indicators(n: int = 50, **stated: Any) -> pl.DataFrame:
    """So many rows of values from midnight, every value there."""
    common = dict.fromkeys(schemas.VALUES, 50.0) | {"symbol": "BTCUSD", "bars_since_gap": None, "is_warm": True}
    bands = {"bb_lower": 49.0, "bb_mid": 50.0, "bb_upper": 51.0}
    rows = [
        common | bands | {"ts": D0 + k * MINUTE, "available_at": D0 + (k + 1) * MINUTE, "bars_in_segment": 2501 + k}
        | stated
        for k in range(n)
    ]  # fmt: skip
    return table(schemas.BarsIndicators, rows)


def features(n: int = 50, **stated: Any) -> pl.DataFrame:
    """So many rows of features, every number there and in a trend."""
    numbers = [name for name, dtype in schemas.BarsScannerFeatures.contract().schema.items() if dtype == pl.Float64]
    common = dict.fromkeys(numbers, 0.5) | {"symbol": "BTCUSD", "is_stale": False, "feature_level": 3}
    regime = {"regime_trend": 1, "regime_revert": 0, "regime_choppy": 0}
    rows = [common | regime | {"ts": D0 + k * MINUTE, "available_at": D0 + (k + 1) * MINUTE} | stated for k in range(n)]
    return table(schemas.BarsScannerFeatures, rows)


def history(n: int, first: int = 2501) -> pl.DataFrame:
    """How many bars stand behind each of so many rows."""
    return indicators(n).select("symbol", "ts").with_columns(bars_in_segment=pl.int_range(pl.len()) + first)


def signal(at_minute: int = 0, **stated: Any) -> dict[str, Any]:
    """A sound BUY that fired at a minute of the first day."""
    fired = D0 + at_minute * MINUTE
    return {
        "symbol": "BTCUSD", "ts": fired - MINUTE, "alpha_id": "momentum_v3", "strategy_version": 1,
        "signal_time": fired, "available_at": fired, "action": "BUY", "confidence": 0.6, "p_win": 0.5, "n_outcomes": 0,
        "rr": 1.8, "edge": 0.4, "payoff_std": 1.4, "entropy_factor": 0.0, "q_star": 0.0, "grade": "unproven",
        "entry_ref_price": 100.0, "stop_loss": 99.0, "take_profit_1": 101.125, "take_profit_2": 101.8,
        "sigma_horizon": 0.0125, "es95_unit": 2.6, "regime": "trend", "accepted": False, "reject_reasons": ["unproven"],
        "profile": "production", "config_hash": "0", "features": "{}",
    } | stated  # fmt: skip


def signals(*rows: dict[str, Any]) -> pl.DataFrame:
    """Signals, as stored."""
    return table(schemas.BarsSignals, rows)


SELL = {"action": "SELL", "stop_loss": 101.0, "take_profit_1": 98.875, "take_profit_2": 98.2}


def outcome(fired_minute: int, settled_minute: int, **stated: Any) -> dict[str, Any]:
    """A loss: when its signal fired and when it ended, in minutes of the first day."""
    settled = D0 + settled_minute * MINUTE
    return {
        "symbol": "BTCUSD", "settled_at": settled, "settled_day": (settled - MINUTE).date(), "alpha_id": "momentum_v3",
        "strategy_version": 1, "signal_time": D0 + fired_minute * MINUTE, "action": "BUY", "rr": 1.8,
        "entry_ts": D0 + fired_minute * MINUTE, "entry_price": 100.0, "exit_ts": settled - MINUTE, "exit_price": 99.0,
        "outcome": "loss", "r_multiple": -1.0, "n_bars": settled_minute - fired_minute,
    } | stated  # fmt: skip


def outcomes(*rows: dict[str, Any]) -> pl.DataFrame:
    """How signals ended, as stored."""
    return table(schemas.BarsOutcomes, rows)


def fired(per_day: Sequence[int], alphas: Sequence[str]) -> pl.DataFrame:
    """So many signals of each alpha on each day up to yesterday."""
    rows = [
        ("BTCUSD", D0 - (n + 1) * DAY + k * MINUTE, alpha)
        for n, count in enumerate(per_day)
        for alpha in alphas
        for k in range(count)
    ]
    schema = {"symbol": pl.String(), "ts": pl.Datetime("us", "UTC"), "alpha_id": pl.String()}
    return pl.DataFrame(rows, schema, orient="row")


def compared(status: str = "ok") -> pl.DataFrame:
    """Two sources of one day."""
    row = {
        "symbol": "EURUSD", "day": TODAY, "source": "yahoo", "other_source": "polygon", "instrument_kind": "spot",
        "n_stored": 100, "n_other": 100, "n_common": 100, "median_diff_ratio": 0.0001, "status": status,
    }  # fmt: skip
    return table(schemas.BarsReconciliation, [row])


def health(**healthy: bool | None) -> pl.DataFrame:
    """Sources of one day, well or not; None where nobody asked."""
    counts = dict.fromkeys(
        ("total_calls", "ok", "partial", "empty", "invalid", "quota", "error", "skipped", "credits_used", "opens"), 0
    ) | {"rows_served": 0, "n_compared": 0}
    rows = [counts | {"day": TODAY, "source": source, "is_healthy": well} for source, well in healthy.items()]
    return table(schemas.BarsSourceHealth, rows)


def macro(**newest: date) -> pl.DataFrame:
    """The newest observation of each series."""
    rows = [(series, day, 1.0) for series, day in newest.items()]
    return pl.DataFrame(rows, {"series": pl.String, "obs_date": pl.Date, "value": pl.Float64}, orient="row")
