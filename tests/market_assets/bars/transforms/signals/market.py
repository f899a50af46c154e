"""A market worked by hand for whatever reads signals: minute bars, features beside them, signals and outcomes."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import polars as pl

from market_assets.bars.schemas import BarsMinute, BarsOutcomes, BarsScannerFeatures, BarsSignals

T0 = datetime(2026, 10, 5, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: volatility per bar at which a stop is 1 away from a close of 100
ONE_AWAY = 1.0 / (0.8 * 100.0 * sqrt(60))
#: features with which momentum buys, sells, and does nothing
UP = {"ema_slope": 0.002, "roc_5": 0.004}
DOWN = {"ema_slope": -0.002, "roc_5": -0.004}
CALM = {"ema_slope": 0.0, "roc_5": 0.0}


def quiet(n):
    """So many bars that stand at 100."""
    return [(100.0, 100.1, 99.9, 100.0)] * n


def bars(prices, *, symbol="BTCUSD", start=T0, kinds=(), step=MINUTE):
    """BarsMinute of (open, high, low, close), one a step; of the last of `kinds` where these run out."""
    named = [*kinds, *["crypto"] * (0 if kinds else 1)]
    rows = [
        {
            "symbol": symbol, "timeframe": "1m", "ts": start + i * step, "open": o, "high": h, "low": lo, "close": c,
            "volume": None, "source": "yahoo", "ingested_at": start, "trade_count": None,
            "instrument_kind": named[min(i, len(named) - 1)], "fallback_level": 0, "origin": "rest",
            "basis_break": False, "quality_score": 1.0, "issues": [],
        }
        for i, (o, h, lo, c) in enumerate(prices)
    ]  # fmt: skip
    contract = BarsMinute.contract()
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def features(of, *values, **everywhere):
    """BarsScannerFeatures of these bars: `values` row by row, the last ones from there on; others null."""
    contract = BarsScannerFeatures.contract()
    fixed = {"is_stale": False, "feature_level": 3, "realized_vol": ONE_AWAY, **everywhere}
    rows = [
        dict.fromkeys(contract.columns)
        | {"symbol": symbol, "ts": ts, "available_at": ts + MINUTE, "close": close}
        | fixed
        | values[min(i, len(values) - 1)]
        for i, (symbol, ts, close) in enumerate(of.select("symbol", "ts", "close").iter_rows())
    ]
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def signal(**changed):
    """One BarsSignals row: bought at 100 with a stop at 99."""
    at = changed.get("signal_time", T0)
    return {
        "symbol": "BTCUSD", "ts": at - MINUTE, "alpha_id": "momentum_v3", "strategy_version": 1, "signal_time": at,
        "available_at": at, "action": "BUY", "confidence": 0.5, "p_win": 0.55, "n_outcomes": 40, "rr": 1.8,
        "edge": 0.5, "payoff_std": 1.4, "entropy_factor": 0.01, "q_star": 1.0, "grade": "B",
        "entry_ref_price": 100.0, "stop_loss": 99.0, "take_profit_1": 101.125, "take_profit_2": 101.8,
        "sigma_horizon": 0.0125, "es95_unit": 2.6, "regime": None, "accepted": False, "reject_reasons": ["q_low"],
        "profile": "production", "config_hash": "abc", "features": "{}",
    } | changed  # fmt: skip


def signal_rows(*rows):
    """BarsSignals of these rows."""
    contract = BarsSignals.contract()
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def outcome(**changed):
    """One BarsOutcomes row: entered at 100 at the signal, and stopped out ten bars later."""
    at = changed.get("signal_time", T0)
    settled = changed.get("settled_at", at + 10 * MINUTE)
    return {
        "symbol": "BTCUSD", "settled_at": settled, "settled_day": (settled - MINUTE).date(), "alpha_id": "momentum_v3",
        "strategy_version": 1, "signal_time": at, "action": "BUY", "rr": 1.8, "entry_ts": at, "entry_price": 100.0,
        "exit_ts": settled - MINUTE, "exit_price": 99.0, "outcome": "loss", "r_multiple": -1.0, "n_bars": 10,
    } | changed  # fmt: skip


def outcome_rows(*rows):
    """BarsOutcomes of these rows."""
    contract = BarsOutcomes.contract()
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))
