"""Frames that advice is made from: one tradeable signal an hour, with its overlays and the account before."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.crypto.schemas import CryptoOverlays, CryptoPaperTrades, CryptoSentiment, CryptoSignals

HOUR = timedelta(hours=1)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def signal(ts: datetime = NOON, symbol: str = "BTCUSDT", **given: Any) -> dict[str, Any]:
    """One row of crypto_signals: ENTER_LONG, 0.6 sure, 2 % of equity."""
    return {
        "symbol": symbol,
        "timeframe": "1h",
        "ts": ts,
        "strategy_version": 1,
        "signal_time": ts + HOUR,
        "available_at": ts + HOUR,
        "price": 60_000.0,
        "change_24h_pct": 1.25,
        "action": "ENTER_LONG",
        "n_plus": 5,
        "n_minus": 1,
        "n_null_votes": 0,
        "vote_confidence": 5 / 6,
        "feature_confidence": 0.6,
        "strength_label": "WEAK",
        "size_ratio": 0.02,
        "is_tradeable": True,
        "regime": "TRENDING_LOW_VOL",
        "stop_price": 59_000.0,
        "stop_distance_pct": 1.667,
        "targets": [61_200.0, 62_400.0, 63_600.0],
        "trail_arm_price": 60_900.0,
        "trail_distance": 450.0,
        "time_stop_at": ts + HOUR * 5,
        "rr_at_t3": 3.6,
        "limit_price": None,
        "reasoning": "five for, one against",
        "config_hash": "0123456789abcdef",
        **{f"vote_{name}": 1 for name in ("supertrend", "chandelier", "liquidity", "alignment", "flow")},
        "vote_regime": -1,
    } | given


def signals(*rows: dict[str, Any]) -> pl.DataFrame:
    """Those rows, as crypto_signals."""
    contract = CryptoSignals.contract()
    return contract.validate(pl.DataFrame(list(rows), schema=contract.schema))


def overlays(*signal_rows: dict[str, Any], **given: Any) -> pl.DataFrame:
    """The overlays of the candles of those signals."""
    contract = CryptoOverlays.contract()
    known = {"st_dir": 1, "ofi_20": 0.12, "zone_near_dist_pct": -0.4, "align_dir": 1, "align_score": 1.0} | given
    rows = [
        {
            "symbol": row["symbol"],
            "timeframe": row["timeframe"],
            "ts": row["ts"],
            "available_at": row["available_at"],
            "n_history": 600,
            "is_warm": True,
            "complete": True,
            "close": row["price"],
            **known,
        }
        for row in signal_rows
    ]
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def sentiment(values: dict[date, int]) -> pl.DataFrame:
    """The Fear & Greed index of those days."""
    contract = CryptoSentiment.contract()
    rows = [
        {"obs_date": day, "value": value, "label": "Fear", "source": "alternative_me", "ingested_at": NOON}
        for day, value in values.items()
    ]
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def paper(day: date, *, exposure: float, drawdown: float, held: dict[str, str]) -> pl.DataFrame:
    """The paper account at the end of `day`, with its open positions (symbol -> side) and one that was closed."""
    contract = CryptoPaperTrades.contract()
    common = {"day": day, "strategy_version": 1}
    rows: list[dict[str, Any]] = [
        common
        | {
            "row_kind": "account",
            "trade_id": "account",
            "exposure_ratio": exposure,
            "drawdown_ratio": drawdown,
        },
        common | {"row_kind": "position", "trade_id": "done", "symbol": "XRPUSDT", "side": "short", "status": "closed"},
    ]
    rows += [
        common | {"row_kind": "position", "trade_id": symbol, "symbol": symbol, "side": side, "status": "open"}
        for symbol, side in held.items()
    ]
    return contract.validate(pl.DataFrame(rows, schema=contract.schema))


def inputs_of(text: str) -> dict[str, Any]:
    """The inputs in a prompt: its only line that is a JSON object."""
    (line,) = [line for line in text.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


def reply(call: str, **given: Any) -> dict[str, Any]:
    """A good reply to `call`, as the specification words it."""
    replies: dict[str, dict[str, Any]] = {
        "signal": {
            "recommended_action": "ENTER_LONG",
            "confidence": 0.8,
            "reasoning": "trend and flow agree",
            "position_size": 0.03,
            "entry_conditions": ["above 60000"],
            "exit_strategy": {"stop_loss": 58_900.0, "take_profit": 63_000.0, "trailing_stop": None},
        },
        "risk": {
            "approved": True,
            "adjusted_size": 0.015,
            "reasoning": "acceptable",
            "risk_score": 0.25,
            "concerns": ["weekend"],
        },
        "sizing": {"size": 0.01, "reasoning": "small", "adjustments": [], "risk_warnings": ["thin book"]},
        "optimise": {
            "suggestions": [
                {"category": "stops", "recommendation": "wider", "reasoning": "noise", "priority": "low"},
            ]
        },
    }
    return replies[call] | given
