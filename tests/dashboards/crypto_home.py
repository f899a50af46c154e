"""A small crypto home written by hand, for tests of its readers, its REST routes and its pages.

The clock stands at 2026-10-05 12:03. There are minute candles from 2026-10-03 00:00 to 12:01 of the 5th:

    BTCUSDT   closes at 60,000 after the first minute and 1 higher after each; 10 traded, 6 of them bought by takers
    ETHUSDT   closes at 4,000 and 0.1 lower each; 10 traded, 4 bought; the minute 2026-10-04 06:30 is missing

and the bars built from them. A bar of n minutes that ends with minute m therefore closes at 60,000 + m, opens n lower,
and reaches half a minute's move beyond both. Decisions are HOLD but for (hour of the candle)

    BTCUSDT   2026-10-04 09:00 ENTER_LONG, tradeable      2026-10-05 03:00 ENTER_LONG, confidence 0.5
    ETHUSDT   2026-10-04 15:00 ENTER_SHORT, tradeable

The regime is RANGING_COMPRESSION on the 3rd, TRENDING_LOW_VOL after. The account has two days, the 3rd and the 4th:
equity 10,000 to 10,012 to 10,022; trade `a` (BTC) closed on the 3rd, `b` (ETH) open on the 3rd and closed on the 4th,
`c` (BTC) open on the 4th, `d` (ETH) rejected and `e` (ETH) pending on the 4th.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.crypto.settings import MINUTES, OVERLAYS
from market_assets.settings import Settings
from market_assets.tables import contract
from resources.stream.candle import Candle, Update
from resources.stream.hot import HotCache, hot_path
from resources.stream.status import Status

from . import stored_home
from .stored_home import StoredHome

KEY, NOW = stored_home.KEY, stored_home.NOW
FIRST = datetime(2026, 10, 3, tzinfo=UTC)
#: open instant of the newest closed minute
LAST = NOW - timedelta(minutes=2)
DAYS = [date(2026, 10, 3), date(2026, 10, 4), date(2026, 10, 5)]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
#: close of minute 0, change of each minute, taker buys of 10
PRICES = {"BTCUSDT": (60_000.0, 1.0, 6.0), "ETHUSDT": (4_000.0, -0.1, 4.0)}
MISSING = {"ETHUSDT": datetime(2026, 10, 4, 6, 30, tzinfo=UTC)}
SOURCE = "binance_rest"


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of the home, before anything is stored."""
    return stored_home.configure(monkeypatch, **{"CRYPTO__SYMBOLS": '["BTCUSDT", "ETHUSDT"]'} | variables)


def tables() -> Mapping[str, list[dict[str, Any]] | pl.DataFrame]:
    """Rows by table, in the order of the graph."""
    bars = {symbol: [bar for frame in MINUTES for bar in timeframe(symbol, frame)] for symbol in SYMBOLS}
    return {
        "crypto_klines": pl.concat([minutes(symbol) for symbol in SYMBOLS]),
        "crypto_timeframes": [bar for symbol in SYMBOLS for bar in bars[symbol]],
        "crypto_overlays": [overlay(bar) for symbol in SYMBOLS for bar in bars[symbol]],
        "crypto_feature_telemetry": telemetry(),
        "crypto_signals": [signal(bar) for symbol in SYMBOLS for bar in bars[symbol] if bar["timeframe"] == "1h"],
        "crypto_sentiment": [
            {"obs_date": day, "value": value, "label": label, "source": "alternative_me"}
            for day, value, label in zip(DAYS, (20, 50, 75), ("Fear", "Neutral", "Greed"), strict=True)
        ],
        "crypto_advice": advice(),
        "crypto_paper_trades": trades(),
        "crypto_success_metrics": metrics(),
    }


def minutes(symbol: str) -> pl.DataFrame:
    """Closed minute candles of one symbol."""
    start, step, bought = PRICES[symbol]
    n = (LAST - FIRST) // MINUTE + 1
    m = pl.int_range(n, dtype=pl.Int64)
    close = start + step * m
    opened = close - step
    table = contract("crypto_klines")
    found = pl.select(
        symbol=pl.repeat(symbol, n),
        timeframe=pl.repeat("1m", n),
        ts=pl.lit(FIRST, pl.Datetime("us", "UTC")) + pl.duration(minutes=m),
        open=opened,
        high=pl.max_horizontal(opened, close) + abs(step) / 2,
        low=pl.min_horizontal(opened, close) - abs(step) / 2,
        close=close,
        volume=pl.repeat(10.0, n),
        quote_volume=10.0 * close,
        trade_count=pl.repeat(5, n, dtype=pl.Int64),
        taker_buy_base=pl.repeat(bought, n),
        taker_buy_quote=bought * close,
        source=pl.repeat(SOURCE, n),
    ).with_columns(ingested_at=pl.col("ts") + 2 * MINUTE)
    missing = MISSING.get(symbol)
    return found.filter(pl.col("ts") != missing if missing else pl.lit(value=True)).select(list(table.columns))


def timeframe(symbol: str, frame: str) -> list[dict[str, Any]]:
    """Closed bars of one symbol and timeframe."""
    start, step, bought = PRICES[symbol]
    length, found = MINUTES[frame], []
    ts = FIRST
    while ts + length * MINUTE <= LAST + MINUTE:
        last = (ts - FIRST) // MINUTE + length - 1
        n = length - (ts <= MISSING.get(symbol, FIRST - MINUTE) < ts + length * MINUTE)
        close, opened = start + step * last, start + step * (last - length)
        earlier = start + step * (last - 1440)
        found.append(
            {
                **{"symbol": symbol, "timeframe": frame, "ts": ts, "available_at": ts + length * MINUTE},
                **{"open": opened, "close": close},
                "high": max(opened, close) + abs(step) / 2,
                "low": min(opened, close) - abs(step) / 2,
                **{"volume": 10.0 * n, "quote_volume": 10.0 * n * close, "trade_count": 5 * n},
                **{"taker_buy_base": bought * n, "taker_buy_quote": bought * n * close},
                **{"n_minutes": n, "complete": n == length, "source": SOURCE},
                "change_24h_pct": 100 * (close / earlier - 1) if last >= 1440 else None,
            }
        )
        ts += length * MINUTE
    return found


def overlay(bar: dict[str, Any]) -> dict[str, Any]:
    """The overlays of a bar: BTC looks up, ETH down. Zones lie 0.5 % below and 0.8 % above the close."""
    side, close = (1 if bar["symbol"] == "BTCUSDT" else -1), bar["close"]
    trending = bar["ts"].date() > DAYS[0]
    aligned = {f"align_{frame}_trend": side for frame in ("5m", "15m", "1h", "4h")}
    return {
        **{name: bar[name] for name in ("symbol", "timeframe", "ts", "available_at", "complete", "close")},
        **{"n_history": 600, "is_warm": True, "ema_10": close, "ema_21": close, "ema_55": close},
        **{"rsi_14": 50.0 + 10 * side, "atr_14": 0.01 * close},
        **{"st_line": close * (1 - 0.01 * side), "st_dir": side, "st_upper": close * 1.01, "st_lower": close * 0.99},
        **{"st_strength": 1.4, "st_consistency": 1.0, "st_is_warm": True},
        **{"ch_long": close * 0.98, "ch_short": close * 1.02, "ch_long_trail": close * 0.98},
        **{"ch_short_trail": close * 1.02, "ch_dir": side, "ch_long_exit": False, "ch_short_exit": False},
        "ch_dist_long_pct": 100 * (1 / 0.98 - 1),
        **{"zone_near_price": close * 0.995, "zone_near_dist_pct": -0.5, "zone_near_strength": 2.0, "zone_side": 1},
        **{"zone_support_near": close * 0.995, "zone_resistance_near": close * 1.008},
        **{"zone_supports": [close * 0.995, close * 0.985], "zone_resistances": [close * 1.008]},
        **{"zone_concentration": 2.0, "delta": 2.0 * side, "ofi_20": 0.12 * side, "ofi_chg_5": 0.0},
        **{"cvd_day": 20.0 * side, "candle_imbalance_proxy_20": 0.5 * side},
        **{"regime_raw": "TRENDING_LOW_VOL" if trending else "RANGING_COMPRESSION"},
        **{"regime": "TRENDING_LOW_VOL" if trending else "RANGING_COMPRESSION", "regime_confidence": 0.55},
        **{"regime_trend_score": 1.0 if trending else 0.5, "regime_vol_rank": 0.4, "regime_range_rank": 0.2},
        **{"regime_volume_z": 0.0, "trend_dir": side},
        **{"align_score": 1.0, "align_dir": side, "align_mode": "SWING", "align_n": 4, **aligned},
    }


#: (symbol, open instant of the candle) -> action, feature confidence, whether it is tradeable
DECIDED: dict[tuple[str, datetime], tuple[str, float, bool]] = {
    ("BTCUSDT", datetime(2026, 10, 4, 9, tzinfo=UTC)): ("ENTER_LONG", 0.79, True),
    ("BTCUSDT", datetime(2026, 10, 5, 3, tzinfo=UTC)): ("ENTER_LONG", 0.50, False),
    ("ETHUSDT", datetime(2026, 10, 4, 15, tzinfo=UTC)): ("ENTER_SHORT", 0.70, True),
}


def signal(bar: dict[str, Any]) -> dict[str, Any]:
    """The decision at the close of an hour."""
    action, confidence, tradeable = DECIDED.get((bar["symbol"], bar["ts"]), ("HOLD", 0.4, False))
    side, price = {"ENTER_LONG": 1, "ENTER_SHORT": -1, "HOLD": 0}[action], bar["close"]
    votes = ("supertrend", "chandelier", "alignment", "flow", "regime")
    found = {
        **{name: bar[name] for name in ("symbol", "timeframe", "ts", "available_at", "change_24h_pct")},
        **{"strategy_version": 1, "signal_time": bar["available_at"], "price": price, "action": action},
        **{"n_plus": 5 if side > 0 else 0, "n_minus": 5 if side < 0 else 0, "n_null_votes": 0},
        **{"vote_confidence": 5 / 6 if side else 0.0, "feature_confidence": confidence, "is_tradeable": tradeable},
        **{"strength_label": "MEDIUM" if confidence >= 0.65 else "WEAK" if confidence >= 0.5 else "NO_SIGNAL"},
        **{"size_ratio": 0.02, "regime": "TRENDING_LOW_VOL", "reasoning": f"{action} by 5 votes of 6"},
        **{"config_hash": "0123", "vote_liquidity": 0, **{f"vote_{name}": side for name in votes}},
    }
    if side:
        found |= {"stop_price": price * (1 - 0.02 * side), "stop_distance_pct": 2.0, "rr_at_t3": 3.0}
        found |= {"targets": [price * (1 + pct * side) for pct in (0.02, 0.04, 0.06)]}
        found |= {"trail_arm_price": price * (1 + 0.015 * side), "trail_distance": price * 0.015}
        found |= {"time_stop_at": bar["available_at"] + 4 * HOUR, "limit_price": price * 0.995}
    return found


def advice() -> list[dict[str, Any]]:
    """The rules on BTC's tradeable signal; a model on ETH's, and one reply of it that was not readable."""
    (btc, eth) = ((symbol, ts) for (symbol, ts), told in DECIDED.items() if told[2])
    common = {"timeframe": "1h", "call": "signal"}
    model = {"advisor_source": "llm", "model": "deepseek-v4-flash", "prompt_hash": "ab", "raw_reply_ref": "cd"}
    return [
        {
            **common,
            **{"symbol": btc[0], "ts": btc[1], "available_at": btc[1] + HOUR, "advisor_source": "rule"},
            **{"status": "disabled", "action": "ENTER_LONG", "confidence": 0.79, "position_size": 0.02},
            **{"risk_score": 0.21, "approved": True, "reasoning": "the rules say so", "payload": "{}"},
        },
        {
            **common,
            **model,
            **{"symbol": eth[0], "ts": eth[1], "available_at": eth[1] + HOUR, "status": "ok", "latency_ms": 900.0},
            **{"action": "ENTER_SHORT", "confidence": 0.8, "position_size": 0.01, "payload": "{}"},
            **{"reasoning": "sellers lead", "blended_direction": -1, "blended_confidence": 0.77},
        },
        {
            **common,
            **model,
            **{"symbol": eth[0], "ts": eth[1], "available_at": eth[1] + HOUR, "call": "risk"},
            **{"status": "parse_error", "approved": False, "latency_ms": 900.0},
        },
    ]


def trades() -> list[dict[str, Any]]:
    """Two days of the account."""
    third, fourth, _ = DAYS
    noon = datetime(2026, 10, 3, 12, tzinfo=UTC)
    long, short = {"symbol": "BTCUSDT", "side": "long"}, {"symbol": "ETHUSDT", "side": "short"}
    closed = {"row_kind": "position", "status": "closed", "qty_open": 0.0, "unrealised_pnl": 0.0}
    is_open = {"row_kind": "position", "status": "open", "pnl": 0.0}
    b = {**short, "trade_id": "b", "qty": 0.1, "entry_ts": noon, "entry_price": 3_928.0, "initial_stop_price": 4_006.0}
    account = {"row_kind": "account", "trade_id": "account", "exposure_ratio": 0.02, "drawdown_ratio": 0.0}
    found = [
        {
            **account,
            **{"day": third, "equity_start": 10_000.0, "equity_end": 10_012.0, "peak_equity": 10_012.0},
            **{"realised_pnl": 10.0, "unrealised_pnl": 2.0, "fees": 1.0},
        },
        {
            **{**closed, **long, "day": third, "trade_id": "a", "qty": 0.003, "entry_ts": noon - 6 * HOUR},
            **{"entry_price": 60_360.0, "exit_ts": noon, "exit_price": 63_693.0, "exit_reason": "target"},
            **{"pnl": 10.0, "pnl_pct": 5.5, "fees": 0.6, "r_multiple": 2.7},
        },
        {**is_open, **b, "day": third, "qty_open": 0.1, "mark_price": 3_908.0, "unrealised_pnl": 2.0, "fees": 0.4},
        {
            **account,
            **{"day": fourth, "equity_start": 10_012.0, "equity_end": 10_022.0, "peak_equity": 10_022.0},
            **{"realised_pnl": 5.0, "unrealised_pnl": 7.0, "fees": 1.2},
        },
        {
            **{**closed, **b, "day": fourth, "exit_ts": noon + 20 * HOUR, "exit_price": 3_878.0},
            **{"exit_reason": "time", "pnl": 5.0, "pnl_pct": 1.3, "fees": 0.8, "r_multiple": 0.6},
        },
        {
            **{**is_open, **long, "day": fourth, "trade_id": "c", "qty": 0.003, "qty_open": 0.003, "fees": 0.2},
            **{"entry_ts": noon + 22 * HOUR, "entry_price": 62_040.0, "mark_price": 62_879.0, "unrealised_pnl": 7.0},
            **{"initial_stop_price": 60_800.0, "stop_price": 60_800.0, "targets": [63_280.0, 64_521.0, 65_762.0]},
        },
        {**short, "day": fourth, "row_kind": "rejected", "trade_id": "d", "reason": "one position per symbol"},
        {**short, "day": fourth, "row_kind": "pending", "trade_id": "e", "signal_price": 3_712.1},
    ]
    for one in found:
        if one["row_kind"] != "account":
            one |= {"signal_time": noon, "feature_confidence": 0.79, "size_ratio": 0.02}
    return found


def metrics() -> list[dict[str, Any]]:
    """Of the 3rd for the account alone, of the 4th for every scope; too few days for yearly numbers."""
    zero = {"n_obs": 1, "n_trades": 1, "n_breakeven": 0, "null_reason": "n_obs 1 of 30"}
    target = {"target_win_rate_ratio": 0.55, "target_sharpe": 1.5, "target_max_drawdown_ratio": 0.1}
    new = [
        {
            **{**zero, **target, "as_of_day": DAYS[1], "scope": scope, "window": window, "n_obs": 2, "n_trades": n},
            **{"win_rate_ratio": 1.0, "total_pnl": pnl, "fees": 1.4, "max_drawdown_ratio": 0.0},
        }
        for scope, n, pnl in (("ALL", 2, 22.0), ("BTCUSDT", 1, 17.0), ("ETHUSDT", 1, 5.0))
        for window in ("7d", "30d", "90d", "all")
    ]
    return [{**zero, **target, "as_of_day": DAYS[0], "scope": "ALL", "window": "all", "total_pnl": 12.0}, *new]


def telemetry() -> list[dict[str, Any]]:
    """What overlays cost on the 4th and the 5th: liquidity 300 ms, the others 10."""
    return [
        {
            **{"symbol": symbol, "day": day, "timeframe": frame, "overlay": name, "rows": 24},
            **{"latency_ms": 300.0 if name == "liquidity" else 10.0, "cpu_ms": 9.0, "output_bytes": 4_800},
            **{"rss_delta_mb": 0.5, "started_at": NOW - HOUR},
        }
        for symbol in SYMBOLS
        for day in DAYS[1:]
        for frame in MINUTES
        for name in ("base", *OVERLAYS)
    ]


def candle(symbol: str, ts: datetime, *, source: str = "binance_stream") -> Candle:
    """The minute of one symbol as a collector knows it: in line with the stored ones."""
    start, step, bought = PRICES[symbol]
    close = start + step * ((ts - FIRST) // MINUTE)
    high, low = max(close, close - step) + abs(step) / 2, min(close, close - step) - abs(step) / 2
    return Candle(
        *(symbol, ts, close - step, high, low, close, 10.0, 10.0 * close, 5, bought, bought * close),
        *(source, ts + MINUTE),
    )


def status(at: datetime = NOW, **values: Any) -> Status:
    """A collector of both symbols, well and connected."""
    unknown = dict.fromkeys(Status.__dataclass_fields__)
    counts = dict.fromkeys(
        (
            *("connects", "disconnects", "reconnects", "refusals", "malformed", "late_bars", "filled_bars"),
            *("given_up_bars", "unflushed_bars", "flushed_rows", "dropped_bars"),
        ),
        0,
    )
    known = {"running": True, "pid": 1, "started_at": at - HOUR, "at": at, "symbols": SYMBOLS, "vendors": "live"}
    return Status(**{**unknown, **counts, **known, "connected_since": at - HOUR, **values})


def stream(found: Settings, *, n_closed: int = 3, **values: Any) -> HotCache:
    """What a collector of both symbols has written: the last closed minutes, and one that forms since 12:02."""
    cache = HotCache(hot_path(found, "crypto"), keep=500)
    cache.write(
        closed=[candle(symbol, LAST - n * MINUTE) for symbol in SYMBOLS for n in range(n_closed)],
        forming=[Update(candle(symbol, LAST + MINUTE), False, NOW - timedelta(seconds=1)) for symbol in SYMBOLS],
        status=status(**values),
    )
    return cache


_HOME = StoredHome(configure, tables)
fill, filled, reader, empty, write, row = _HOME.fill, _HOME.filled, _HOME.reader, _HOME.empty, _HOME.write, _HOME.row
