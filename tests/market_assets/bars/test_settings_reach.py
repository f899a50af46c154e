"""No setting is decoration: each key of `bars` changes what uses it.

A key is set in the environment as a person would, and what is looked at is the component at the end (`reached.py`):
a row, a plan, a cron, a client's budget. One of the tests says that no key is left out.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.bars import readers
from market_assets.bars.transforms.signals import signals
from market_assets.core import clock
from tests.market_assets import set_anew
from tests.market_assets.bars import reached
from tests.market_assets.bars.conftest import LAST, NOW, Bars
from tests.market_assets.set_anew import given
from tests.market_assets.test_settings import KEYS

TESTS = Path(__file__).resolve().parents[2]
MINUTE = timedelta(minutes=1)
_APPLE = {"symbol": "AAPL", "kind": "stock", "calendar": "XNYS", "yahoo": "AAPL"}
_EURO = {"symbol": "EURUSD", "kind": "spot", "calendar": "fx_24x5", "twelvedata": "EUR/USD"}
_FAST = {"spreads": [0.002] * 21, "every_s": 0.1}
Seen = tuple[Any, Callable[[], Any], Any, Any]


def _budgets(section: str, source: str, usual: dict[str, int]) -> dict[str, Seen]:
    """Every window of a source's budget."""
    return {
        f"{section}.budget.{name}": (77, functools.partial(reached.budget, source, name), usual.get(name, 0), 77)
        for name in ("per_second", "per_minute", "per_5_minutes", "per_day")
    }


#: key -> another value, what is looked at in the environment's settings, and that before and after
CHANGES: dict[str, Seen] = {
    "instruments": ([_EURO], lambda: reached.served("EURUSD"), ["ok"], ["ok"]),
    "sources": (["polygon", "yahoo"], reached.planned, ["yahoo"], ["polygon"]),
    "source_exclusions": (
        [{"source": "yahoo", "symbol": "BTCUSD", "first": "2026-10-04", "last": "2026-10-04"}],
        reached.planned, ["yahoo"], ["alphavantage"],
    ),
    "timeout_s": (9.0, lambda: reached.clients()["timeout_s"], 5.0, 9.0),
    "close_grace_s": (
        5.0, reached.final_until, reached.MONDAY - MINUTE, reached.MONDAY,
    ),
    "min_batch_quality": (0.5, lambda: reached.judged_by("min_quality"), 0.8, 0.5),
    "min_coverage_always": (0.5, lambda: reached.served(share=0.6), ["partial", "ok"], ["ok"]),
    "min_coverage": (0.9, lambda: reached.served("EURUSD", share=0.6), ["ok"], ["partial", "ok"]),
    "merge_mode": ("whole", lambda: reached.mergeable(100, 0.0), "ok", "whole"),
    "overlap_ok": (0.006, lambda: reached.mergeable(100, 0.005), "warn", "ok"),
    "overlap_error": (0.004, lambda: reached.mergeable(100, 0.005), "warn", "error"),
    "overlap_min": (10, lambda: reached.mergeable(20, 0.0), "too_few", "ok"),
    "micro_batch_min": (7, lambda: reached.cron("bars_current"), "*/5 * * * *", "*/7 * * * *"),
    "trailing_days": (5, lambda: reached.ticked("bars_late"), "2026-10-04", "2026-10-01"),
    "reconcile": (False, lambda: reached.ticked("bars_comparison"), "2026-10-05", None),
    "alphavantage.base_url": (
        "https://m.example", lambda: reached.clients()["alphavantage"]["url"],
        "https://www.alphavantage.co", "https://m.example",
    ),
    "alphavantage.delay_s": (9.0, lambda: reached.clients()["delays"]["alphavantage"], 0.0, 9.0),
    **_budgets("alphavantage", "alphavantage", {"per_second": 1, "per_day": 25}),
    "twelvedata.base_url": (
        "https://m.example", lambda: reached.clients()["twelvedata"]["url"],
        "https://api.twelvedata.com", "https://m.example",
    ),
    "twelvedata.delay_s": (9.0, lambda: reached.clients()["delays"]["twelvedata"], 130.0, 9.0),
    **_budgets("twelvedata", "twelvedata", {"per_minute": 8, "per_day": 800}),
    "indicators.warm_bars": (20, reached.warm_from, 60, 19),
    "macro.enabled": (False, lambda: reached.ticked("bars_macro"), "", None),
    "macro.release_lag_bd": (2, lambda: str(reached.released("vix", "available_at"))[:10], "2026-10-02", "2026-10-05"),
    "macro.usd_index_lag_days": (
        1, lambda: str(reached.released("usd_index", "available_at"))[:10], "2026-10-08", "2026-10-02",
    ),
    "macro.release_hour": (5, lambda: reached.released("vix", "available_at").hour, 22, 5),
    "macro.z_window": (20, lambda: reached.released("vix", "z_60", 40) is None, True, False),
    "macro.fred.csv_url": (
        "https://m.example", lambda: reached.clients()["fred"]["url"],
        "https://fred.stlouisfed.org", "https://m.example",
    ),
    **_budgets("macro.fred", "fred", {"per_minute": 60}),
    "signals.strategy_version": (2, lambda: reached.first_signal("strategy_version"), 1, 2),
    "signals.profile": ("relaxed", lambda: reached.first_signal("profile"), "production", "relaxed"),
    "signals.min_outcomes": (5, lambda: reached.scored(9.0, 10), "unproven", "A+"),
    "signals.q_aplus": (9.5, lambda: reached.scored(9.0, 99), "A+", "A"),
    "signals.q_min": (5.0, lambda: reached.scored(6.0, 99), "B", "A"),
    "signals.q_min_relaxed": (5.0, lambda: reached.scored(4.0, 99), "A", "B"),
    "risk.horizon_bars": (
        240, lambda: round(reached.first_signal("sigma_horizon") / 0.0125, 9), 1.0, 2.0,
    ),
    "risk.max_leverage": (3.0, lambda: reached.capped("leverage"), 15.0, 30.0),
    "risk.es95_max_ratio": (0.02, lambda: reached.capped("es95"), 12.5175, 25.0350),
    "risk.max_daily_loss_ratio": (0.07, lambda: reached.ruled("daily_loss"), False, True),
    "risk.max_drawdown_ratio": (0.05, lambda: reached.ruled("max_drawdown"), True, False),
    "risk.min_trading_days": (2, lambda: reached.ruled("min_trading_days"), False, True),
    "filters.spread_percentile": (
        100.0, lambda: reached.filtered([0.002] * 15 + [0.004] * 6 + [0.003]), ["spread_wide"], [],
    ),
    "filters.spread_window": (
        20, lambda: reached.filtered([0.002] * 40 + [0.004] * 20 + [0.003]), ["spread_wide"], [],
    ),
    "filters.spread_min_seen": (30, lambda: reached.filtered([0.002] * 20 + [0.004]), ["spread_wide"], []),
    "filters.max_slippage_bps": (0.05, reached.filtered, [], ["slippage_high"]),
    "filters.max_latency_ms": (
        40.0, lambda: reached.filtered([0.002] * 3), [], ["source_slow"],
    ),
    "filters.latency_strikes": (
        2, lambda: reached.filtered([0.002] * 2, latency_ms=[500.0, 500.0]), [], ["source_slow"],
    ),
    "filters.pause_s": (
        9.0, lambda: reached.filtered([0.002] * 3, latency_ms=[500.0], wait_s=10.0), ["source_slow"], [],
    ),
    "filters.max_quotes": (30, lambda: reached.filtered(**_FAST), ["tape_fast"], []),
    "filters.quotes_s": (1.0, lambda: reached.filtered(**_FAST), ["tape_fast"], []),
    **{
        f"stream.{name}": (9, lambda name=name: reached.stream()[name], before, 9)
        for name, before in (
            ("interval_s", 1.0), ("close_delay_s", 2.0), ("flush_s", 10.0), ("cache_bars", 5000), ("warn_s", 10.0),
        )
    },
    "stream.budget_share": (0.5, lambda: reached.stream()["budget_share"], 1.0, 0.5),
}  # fmt: skip
#: key -> another value, and what a process that starts with it says of its partitions
AT_START: dict[str, tuple[Any, Any]] = {
    "start_date": ("2025-06-01", "2025-06-01"),
    "symbols": (["EURUSD", "BTCUSD"], ["EURUSD", "BTCUSD"]),
}
#: tried where they are used: key -> the test file that sets it
ELSEWHERE = {
    "trust_days": "market_assets/bars/test_assets.py",
    "sentiment_plugin": "market_assets/bars/transforms/features/test_sentiment.py",
    "macro.series": "resources/sandbox/test_fred.py",
    "macro.start_date": "market_assets/bars/conftest.py",
    "macro.fred.base_url": "resources/vendors/test_fred.py",
    "signals.horizon_bars": "market_assets/bars/transforms/signals/test_runner.py",
    "signals.weights": "market_assets/bars/transforms/signals/test_runner.py",
    "risk.flat_before_close_min": "market_assets/bars/transforms/test_compliance.py",
    "stream.error_s": "dashboards/test_bars_frames.py",
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_changes_what_uses_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Before, what the spec says; after, what was set."""
    value, observe, before, after = CHANGES[key]
    if key in {"sources", "source_exclusions"}:
        # whose sources all have a key
        monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    if key == "signals.q_min_relaxed":
        given(monkeypatch, "bars.signals.profile", "relaxed")
    assert observe() == (pytest.approx(before, rel=5e-6) if isinstance(before, float) else before)
    given(monkeypatch, f"bars.{key}", value)
    assert observe() == (pytest.approx(after, rel=5e-6) if isinstance(after, float) else after)


def test_a_signal_is_shown_as_long_as_is_set(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """`signals.ttl_min`: of a Monday of signals those of a quarter of an hour, or all."""
    told = []
    for minutes in (15, 1440):
        given(monkeypatch, "bars.signals.ttl_min", minutes)
        told.append(len(readers.latest_signals(1000.0, include_rejected=True, top=1000)))
    first = clock.instant(NOW) - timedelta(minutes=1440)
    assert told[0] < told[1] == bars.desk.read("bars_signals").filter(pl.col("signal_time") >= first).height


def test_outcomes_count_for_as_long_as_is_set(bars: Bars) -> None:
    """`signals.outcome_days`: a day of the outcomes that a Monday's signals are scored by, or all four."""
    values, rows = (bars.desk.read(name).filter(symbol="BTCUSD") for name in ("bars_scanner_features", "bars_minute"))
    settled = bars.desk.read("bars_outcomes").filter(symbol="BTCUSD")
    for days in (1, 30):
        ours = bars.desk.settings.bars
        ours = ours.model_copy(update={"signals": ours.signals.model_copy(update={"outcome_days": days})})
        last = signals(values, rows, [LAST], ours, "hash").signals.sort("signal_time", "alpha_id").to_dicts()[-1]
        known = settled.filter(
            pl.col("alpha_id") == last["alpha_id"],
            pl.col("settled_at").is_between(last["signal_time"] - timedelta(days=days), last["signal_time"]),
        )
        assert last["n_outcomes"] == known.height > 0, days


_AT_START = """
import json
from market_assets.bars.partitions import DAY, SYMBOL
print(json.dumps({"start_date": DAY.get_first_partition_key(), "symbols": SYMBOL.get_partition_keys()}))
"""


@functools.cache
def at_start() -> dict[str, Any]:
    """What a process says that starts with all of AT_START."""
    return set_anew.at_start(_AT_START, {f"bars.{key}": value for key, (value, _) in AT_START.items()})


@pytest.mark.parametrize("key", AT_START)
def test_a_setting_cuts_the_partitions(key: str) -> None:
    """First day, and symbols in the order that is set."""
    assert at_start()[key] == AT_START[key][1]


@pytest.mark.parametrize("key", ELSEWHERE)
def test_what_is_tried_elsewhere_is(key: str) -> None:
    """The file that is named sets it."""
    assert key.rpartition(".")[2] in (TESTS / ELSEWHERE[key]).read_text().lower()


def test_no_setting_is_left_out() -> None:
    """Every key of `bars` is set to another value by one of these tests."""
    tried = {*CHANGES, *AT_START, *ELSEWHERE, "signals.ttl_min", "signals.outcome_days"}
    assert {key for key in KEYS if key.startswith("bars.")} == {f"bars.{key}" for key in tried}
