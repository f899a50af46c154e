"""A small home of minute bars written by hand, for tests of its readers, its REST routes and its pages.

The clock stands at 2026-10-05 12:03, a Monday. Minute bars:

    BTCUSD   2026-10-04 00:00 to 2026-10-05 12:01, closes at 60,000 after the first minute and 1 higher after each; 2
             traded each; from yahoo, but the hour from 2026-10-05 10:00 from twelvedata (level 2); 09:30 is missing
    EURUSD   2026-10-05 00:00 to 11:40, closes at 1.1 and 0.00001 higher each; no volume
    NAS100   Friday 2026-10-02 13:30 to 13:59, closes at 24,000 and 1 higher each; its market opens at 13:30 today

A bar of n minutes that ends with minute m of BTCUSD therefore closes at 60,000 + m and opens n lower. The 16 values of
BTCUSD and EURUSD are stored for the 5th: ema_9 is the close, the others null. Signals have hand-made scores; that of
BTCUSD at 12:00 is the golden one of the specification, at a price of 100. Outcomes of momentum_v3 on BTCUSD: +2, -1 and
+2 times the risk on the 3rd, the 4th and the 5th.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.bars.schemas import VALUES
from market_assets.settings import Settings
from market_assets.tables import contract
from resources.stream.bars.measures import HistogramFacts
from resources.stream.bars.records import LIVE_BARS, Forming, LiveBar
from resources.stream.bars.status import BarsStatus, SourceStatus, SymbolStatus
from resources.stream.hot import Features, HotWriter, hot_path

from . import stored_home
from .stored_home import StoredHome

KEY, NOW = stored_home.KEY, stored_home.NOW
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SYMBOLS = ("BTCUSD", "EURUSD", "NAS100")
FIRST = datetime(2026, 10, 4, tzinfo=UTC)
TODAY = datetime(2026, 10, 5, tzinfo=UTC)
#: open instant of the newest closed minute of BTCUSD, and of EURUSD
LAST, LAST_EUR = NOW - 2 * MINUTE, datetime(2026, 10, 5, 11, 40, tzinfo=UTC)
MISSING = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)
OPENED = datetime(2026, 10, 2, 13, 30, tzinfo=UTC)


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of the home, before anything is stored."""
    return stored_home.configure(monkeypatch, **{"BARS__SYMBOLS": '["BTCUSD", "EURUSD", "NAS100"]'} | variables)


def tables() -> Mapping[str, list[dict[str, Any]] | pl.DataFrame]:
    """Rows by table, in the order of the graph."""
    btc = minutes("BTCUSD", FIRST, LAST, 60_000.0, 1.0, "crypto", 2.0)
    eur = minutes("EURUSD", TODAY, LAST_EUR, 1.1, 0.00001, "spot", None)
    nas = minutes("NAS100", OPENED, OPENED + 29 * MINUTE, 24_000.0, 1.0, "index", None)
    borrowed = pl.col("ts").is_between(TODAY + 10 * HOUR, TODAY + 11 * HOUR, closed="left")
    btc = btc.filter(pl.col("ts") != MISSING).with_columns(
        source=pl.when(borrowed).then(pl.lit("twelvedata")).otherwise("source"),
        fallback_level=pl.when(borrowed).then(pl.lit(2, pl.Int8)).otherwise("fallback_level"),
    )
    return {
        "bars_minute": pl.concat([btc, eur, nas]),
        "bars_indicators": [*indicators(btc), *indicators(eur)],
        "bars_scanner_features": [
            {"symbol": symbol, "ts": ts, "available_at": ts + MINUTE, "close": 1.0, "feature_level": 3}
            for symbol, ts in (("BTCUSD", LAST - MINUTE), ("BTCUSD", LAST), ("EURUSD", LAST_EUR))
        ],
        "bars_signals": signals(),
        "bars_outcomes": outcomes(),
        "bars_reconciliation": reconciliation(),
        "bars_source_health": [health(date(2026, 10, 4), "yahoo"), health(date(2026, 10, 4), "twelvedata")],
    }


def minutes(
    symbol: str, first: datetime, last: datetime, start: float, step: float, kind: str, volume: float | None
) -> pl.DataFrame:
    """Rows of bars_minute: the n-th closes at start + n x step and opens a step before."""
    n = (last - first) // MINUTE + 1
    m = pl.int_range(n, dtype=pl.Int64)
    close = start + step * m
    opened = close - step
    found = pl.select(
        symbol=pl.repeat(symbol, n),
        timeframe=pl.repeat("1m", n),
        ts=pl.lit(first, pl.Datetime("us", "UTC")) + pl.duration(minutes=m),
        open=opened,
        high=close + step / 2,
        low=opened - step / 2,
        close=close,
        volume=pl.lit(volume, pl.Float64).repeat_by(n).explode() if volume else pl.repeat(None, n, dtype=pl.Float64),
        trade_count=pl.repeat(None, n, dtype=pl.Int64),
        source=pl.repeat("yahoo", n),
        instrument_kind=pl.repeat(kind, n),
        fallback_level=pl.repeat(0, n, dtype=pl.Int8),
        origin=pl.repeat("rest", n),
        basis_break=pl.repeat(False, n),
        quality_score=pl.repeat(1.0, n),
    ).with_columns(ingested_at=pl.col("ts") + 2 * MINUTE, issues=pl.lit([], pl.List(pl.String)))
    return found.select(list(contract("bars_minute").columns))


def indicators(bars: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of bars_indicators of the 5th."""
    today = bars.filter(pl.col("ts") >= TODAY)
    return [
        {
            **{"symbol": symbol, "ts": ts, "available_at": ts + MINUTE, "close": close, "ema_9": close},
            **{"bars_in_segment": 3000, "is_warm": True},
        }
        for symbol, ts, close in today.select("symbol", "ts", "close").iter_rows()
    ]


def signal(symbol: str, ts: datetime, **values: Any) -> dict[str, Any]:
    """A row of bars_signals: by default the golden one, p 0.7 and RR 2 at a price of 100."""
    golden = {
        **{"symbol": symbol, "ts": ts, "signal_time": ts + MINUTE, "available_at": ts + MINUTE},
        **{"alpha_id": "momentum_v3", "strategy_version": 1, "action": "BUY", "confidence": 0.8, "p_win": 0.7},
        **{"n_outcomes": 48, "rr": 2.0, "edge": 1.1, "payoff_std": 1.37477, "entropy_factor": 0.118709},
        **{"q_star": 9.4983, "grade": "A+", "entry_ref_price": 100.0, "stop_loss": 100 - 0.309839},
        **{"take_profit_1": 100.387, "take_profit_2": 100.62, "sigma_horizon": 0.00387298},
        **{"es95_unit": 2.06271 * 0.387298, "regime": "trend", "accepted": True, "reject_reasons": ["no_quote"]},
        **{"profile": "production", "config_hash": "x", "features": '{"ema_slope":0.002,"roc_5":0.004}'},
    }
    return {**golden, **values}


def signals() -> list[dict[str, Any]]:
    """Signals of the last quarter of an hour, an older one, and those that the outcomes are of."""
    weak = {"accepted": False, "grade": "unproven", "n_outcomes": 3, "q_star": 1.5, "confidence": 0.6}
    minute = {name: TODAY + timedelta(hours=11, minutes=n) for name, n in (("old", 46), ("ttl", 47), ("later", 55))}
    return [
        signal("BTCUSD", LAST - MINUTE),
        signal("EURUSD", minute["ttl"], q_star=7.5, grade="A", confidence=0.9),
        signal("EURUSD", minute["later"], alpha_id="breakout_v2", **weak, reject_reasons=["unproven", "no_quote"]),
        signal("BTCUSD", minute["old"], alpha_id="volume_v1"),
        *(signal("BTCUSD", at, p_win=p) for at, p in zip(FIRED, (0.55, 0.65, 0.65), strict=True)),
    ]


FIRED = [datetime(2026, 10, day, 6, tzinfo=UTC) for day in (3, 4, 5)]


def outcomes() -> list[dict[str, Any]]:
    """Three ends: a win, a loss, a win, each an hour after its signal."""
    return [
        {
            **{"symbol": "BTCUSD", "settled_at": at + HOUR, "settled_day": at.date(), "alpha_id": "momentum_v3"},
            **{"strategy_version": 1, "signal_time": at + MINUTE, "action": "BUY", "rr": 2.0},
            **{"entry_ts": at + MINUTE, "entry_price": 100.0, "exit_ts": at + HOUR - MINUTE, "exit_price": 101.0},
            **{"outcome": "win" if r > 0 else "loss", "r_multiple": r, "n_bars": 59},
        }
        for at, r in zip(FIRED, (2.0, -1.0, 2.0), strict=True)
    ]


def reconciliation() -> list[dict[str, Any]]:
    """Two comparisons of the 4th: one agrees, one could not be made."""
    day = date(2026, 10, 4)
    return [
        {
            **{"symbol": "BTCUSD", "day": day, "source": "yahoo", "other_source": "twelvedata"},
            **{"instrument_kind": "crypto", "other_kind": "crypto", "n_stored": 1440, "n_other": 1000},
            **{"n_common": 1000, "median_diff_ratio": 0.0005, "agreement_ratio": 0.9, "status": "ok"},
        },
        {
            **{"symbol": "EURUSD", "day": day, "source": "yahoo", "other_source": "-", "instrument_kind": "spot"},
            **{"n_stored": 10, "n_other": 0, "n_common": 0, "status": "not_compared", "reason": "budget"},
        },
    ]


def health(day: date, source: str) -> dict[str, Any]:
    """A row of bars_source_health."""
    return {
        **{"day": day, "source": source, "total_calls": 10, "ok": 9, "partial": 0, "empty": 0, "invalid": 0},
        **{"quota": 0, "error": 1, "skipped": 0, "success_rate": 0.9, "latency_p95_ms": 120.0, "credits_used": 10},
        **{"state": "closed", "opens": 0, "rows_served": 100, "n_compared": 1000, "agreement_ratio": 0.9},
        **{"trust_score": 0.81, "is_healthy": True},
    }


# --- a collector ---------------------------------------------------------------------------------------------------


def features(symbol: str, at: datetime | None, price: float | None, **values: Any) -> Features:
    """What a collector tells of a symbol whose last quote is of that instant."""
    body = {
        **{"price": price, "at": at, "received_at": at, "bid": None, "ask": None, "source": "yahoo", "level": 0},
        **{"kind": "crypto", "is_stale": False, "market_open": True, "effective_interval_s": 1.0, "bars": 2600},
        **{"is_warm": True, "open": price, "high": price, "low": price, "volume": None, "is_forming": True},
        **{"reasons": ["no_quote"], **dict.fromkeys(VALUES), "close": price, "ema_9": price},
    }
    return Features(symbol, "1m", NOW.replace(second=0), {**body, **values})


def status(at: datetime = NOW, **values: Any) -> BarsStatus:
    """A collector that is well: yahoo is polled each second, twelvedata each 324 s."""
    unknown = dict.fromkeys(BarsStatus.__dataclass_fields__)
    paces = {"yahoo": 1.0, "twelvedata": 324.0}
    sources = tuple(
        SourceStatus(
            *(name, "polling" if pace == 1 else "slower", None, pace, ("BTCUSD",), "closed", {}, {"ok": 3}),
            *(HistogramFacts(), at, None),
        )
        for name, pace in paces.items()
    )
    known = {
        **{"running": True, "warming": False, "pid": 1, "started_at": at - HOUR, "at": at, "vendors": "live"},
        **{"interval_s": 1.0, "cycles": 3600, "missed_seconds": 0, "unflushed_bars": 0, "sources": sources},
        **{"symbols": (SymbolStatus("BTCUSD", True, "yahoo", 0, at, 1.0, False, 1.0, 2600, True),)},
        **{"cycle_ms": HistogramFacts(), "update_ms": HistogramFacts(), "rss_bytes": 1},
    }
    return BarsStatus(**{**unknown, **known, **values})


def stream(
    found: Settings, *told: Features, forming: tuple[Forming, ...] = (), **values: Any
) -> HotWriter[LiveBar, Forming, BarsStatus]:
    """What a collector has written: by default a quote of BTCUSD, 2 s old."""
    cache = HotWriter(hot_path(found, "bars"), 500, LIVE_BARS)
    shown = told or (features("BTCUSD", NOW - timedelta(seconds=2), 65_000.0),)
    cache.write(features=shown, forming=forming, status=status(**values))
    return cache


_HOME = StoredHome(configure, tables)
fill, filled, reader, empty, write, row = _HOME.fill, _HOME.filled, _HOME.reader, _HOME.empty, _HOME.write, _HOME.row
