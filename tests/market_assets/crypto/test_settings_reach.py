"""No setting is decoration: each key of `crypto` and of `metrics` changes what uses it.

A key is set to another value as a person would, and what is looked at is the component at the end (`reached.py`):
a column, a partition, a cron, a client's budget. One of the tests says that no key is left out.
"""

import functools
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.crypto.settings import OVERLAYS
from market_assets.settings import settings
from tests.market_assets import set_anew
from tests.market_assets.crypto import reached
from tests.market_assets.crypto.reached import linked, reasons, traded
from tests.market_assets.crypto.transforms.paper import desk as paper_desk
from tests.market_assets.set_anew import given
from tests.market_assets.test_settings import KEYS

_REGIMES = {"regime_raw", "regime", "regime_confidence"}
_PROFILE = {"zone_near_price", "zone_near_strength", "zone_concentration"}
#: key -> another value, and columns of overlays that it changes; no column of another overlay may
COLUMNS: dict[str, tuple[Any, set[str]]] = {
    "overlays.lookback_bars": (60, {"n_history", "regime_vol_rank"}),
    "overlays.lookback_bars_1d": (20, {"n_history"}),
    "liquidity.window": (30, _PROFILE),
    "liquidity.recent": (5, _PROFILE),
    "liquidity.bins": (20, _PROFILE),
    "liquidity.pad_share": (0.5, _PROFILE),
    "liquidity.high_close": (0.95, {"zone_near_strength", "zone_concentration"}),
    "liquidity.low_close": (0.05, {"zone_near_strength", "zone_concentration"}),
    "liquidity.side_weight": (5.0, {"zone_near_strength", "zone_concentration"}),
    "liquidity.all_weight": (5.0, {"zone_near_strength", "zone_concentration"}),
    "liquidity.recent_weight": (5.0, {"zone_near_strength", "zone_concentration"}),
    "liquidity.kernel": ([0.0, 1.0, 0.0], {"zone_near_strength", "zone_concentration"}),
    "liquidity.threshold_quantile": (0.5, {"zone_supports", "zone_resistances"}),
    "liquidity.min_distance_pct": (20.0, {"zone_supports", "zone_resistances"}),
    "regime.fast": (5, {"regime_trend_score"}),
    "regime.slow": (40, {"regime_trend_score", "regime_vol_rank"}),
    "regime.range_bars": (3, {"regime_range_rank"}),
    "regime.volume_bars": (10, {"regime_volume_z"}),
    "regime.rank_window": (25, {"regime_vol_rank", "regime_range_rank"}),
    "regime.rank_window_1d": (29, {"regime_vol_rank"}),
    "regime.trend_min": (0.1, _REGIMES),
    "regime.vol_rank": (0.05, _REGIMES),
    "regime.range_rank": (0.95, _REGIMES),
    "regime.confirm_bars": (9, {"regime", "regime_confidence"}),
}
#: overlay -> one of its columns
_FIRST = {
    "supertrend": "st_line",
    "chandelier": "ch_long",
    "liquidity": "zone_concentration",
    "order_flow": "ofi_20",
    "regime": "regime",
    "alignment": "align_n",
}
Decided = tuple[Any, dict[str, Any], str, Any, Any]
#: key -> another value, how a bullish row differs, the column of its decision, and that column before and after
DECISIONS: dict[str, Decided] = {
    "signals.timeframe": ("4h", {}, "action", "ENTER_LONG", None),
    "signals.strategy_version": (2, {}, "strategy_version", 1, 2),
    "signals.min_votes": (6, {"regime": "TRANSITION"}, "action", "ENTER_LONG", "HOLD"),
    "signals.max_against": (0, {"ch_dir": -1}, "action", "ENTER_LONG", "HOLD"),
    "signals.zone_near_pct": (0.3, {}, "vote_liquidity", 1, 0),
    "signals.align_min": (0.8, {"align_score": 0.75}, "vote_alignment", 1, 0),
    "signals.flow_min": (0.2, {}, "vote_flow", 1, 0),
    "signals.min_confidence": (0.9, {}, "is_tradeable", True, False),
    "signals.base_size": (0.01, {}, "size_ratio", 0.0264, 0.0132),
    "signals.max_size": (0.01, {}, "size_ratio", 0.0264, 0.01),
    # without a zone two ranges of 1 away; with that of 99.6 half a percent below it
    "signals.stop_atr": (3.0, {"zone_support_near": None}, "stop_price", 98.0, 97.0),
    "signals.min_stop_atr": (1.5, {}, "stop_price", 99.102, 98.5),
    "signals.zone_stop_pct": (1.0, {}, "stop_price", 99.102, 98.604),
    "signals.target_pcts": ([1.0, 2.0, 3.0], {}, "targets", [102.0, 104.0, 106.0], [101.0, 102.0, 103.0]),
    "signals.trail_arm_pct": (2.5, {}, "trail_arm_price", 101.5, 102.5),
    "signals.trail_atr": (2.5, {}, "trail_distance", 1.5, 2.5),
    "signals.time_stop_min": (60, {}, "time_stop_at", paper_desk.HOUR * 5, paper_desk.HOUR * 2),
    "paper.zone_limit_pct": (0.3, {}, "limit_price", 99.6, None),
}


def position(column: str) -> Callable[[pl.DataFrame], Any]:
    return lambda found: paper_desk.position(found)[column]


#: a long at 100 whose first two targets are reached at once
_TARGETS = {"m60": (100, 100, 100, 100), "m61": (100, 104.5, 100, 100)}
_LIMIT = {"rows": [{"limit_price": 99.6}], "m70": (100, 100, 99.5, 100)}
_DOUBT = {"rows": [{}, {"hour": 2, "side": 0, "feature_confidence": 0.6}]}
_TWO = [{"symbol": "AUSDT", "size_ratio": 0.04}, {"symbol": "BUSDT", "size_ratio": 0.04}]
_NEXT_DAY = {"days": 2, "rows": [{"hour": 25}]}
Traded = tuple[Any, Callable[..., pl.DataFrame], Callable[[pl.DataFrame], Any], Any, Any]
#: key -> another value, what is traded, what is looked at, and that before and after
TRADES: dict[str, Traded] = {
    "start_day": (date(2026, 10, 6), traded(**_NEXT_DAY), lambda found: found["day"].n_unique(), 2, 1),
    "start_equity": (5_000.0, traded(), lambda found: paper_desk.state(found)["equity_start"], 10_000.0, 5_000.0),
    "entry_mode": ("zone_limit", traded(**_LIMIT), position("entry_price"), 100.0, 99.6),
    "slippage_pct": (1.0, traded(), position("entry_price"), 100.0, 101.0),
    "commission_pct": (1.0, traded(), lambda found: paper_desk.position(found)["fees"] > 0, False, True),
    "no_bar_min": (2, traded(gaps=range(60, 63)), reasons, [], ["no_bar"]),
    "confidence_drop": (0.5, traded(**_DOUBT), position("exit_reason"), "confidence_drop", "time"),
    "max_position": (0.01, traded(), reasons, [], ["position_limit"]),
    "max_exposure": (0.05, traded(_TWO), reasons, [], ["exposure_limit"]),
    "max_positions": (1, traded(_TWO), reasons, [], ["positions_limit"]),
    "max_group": (0.03, traded([_TWO[0]]), reasons, [], ["group_limit"]),
    "max_drawdown": (0.0, traded(), reasons, [], ["drawdown_limit"]),
    "correlation_days": (
        5,
        traded(days=9),
        lambda found: len(json.loads(paper_desk.state(found, paper_desk.D0 + 8 * paper_desk.DAY)["closes_31d"])),
        9,
        6,
    ),
}
_EQUAL, _ALIKE = ([1, -1], [1, -1]), ([3, -3, 1, -1, 2, -2], [4, -2, 0, -2, 2, -2])
#: key -> another value, what is looked at, and that before and after
BESIDE: dict[str, tuple[Any, Callable[..., Any], Any, Any]] = {
    "paper.correlation": (0.999, functools.partial(linked, _ALIKE, 30), True, False),
    "paper.correlation_min_days": (25, functools.partial(linked, _EQUAL, 24), True, False),
    "advice.max_failures": (1, reached.failures_asked, 3, 1),
}
#: key -> another value, the metric or target that it changes, and that before and after
MEASURED: dict[str, tuple[Any, str, Any, Any]] = {
    "crypto.targets.win_rate": (0.7, "meets_target", True, False),
    "crypto.targets.sharpe": (1e6, "meets_target", True, False),
    "crypto.targets.max_drawdown": (1e-6, "meets_target", True, False),
    "metrics.min_obs": (40, "sharpe", True, False),
    "metrics.risk_free_annual": (0.5, "sharpe", None, None),
}
FIVE, MIDNIGHT = timedelta(seconds=5), reached.MIDNIGHT
#: key -> another value, what is looked at in the environment's settings, and that before and after
CHANGES: dict[str, tuple[Any, Callable[[], Any], Any, Any]] = {
    "market": ("spot", lambda: reached.clients()["venue"], "https://fapi.binance.com", "https://api.binance.com"),
    "base_url": ("https://m.example", lambda: reached.clients()["venue"], "https://fapi.binance.com", "https://m.example"),
    "stream_url": (
        "wss://m.example/s", lambda: reached.stream()["url"], "wss://fstream.binance.com/market/stream", "wss://m.example/s",
    ),
    "budget": ({"per_minute": 7}, lambda: reached.clients()["budget"], {"per_minute": 1440}, {"per_minute": 7}),
    "listings": (
        [{"symbol": "BTCUSDT", "valid_from": "2025-01-02", "valid_to": "2025-03-04"}],
        lambda: reached.window("BTCUSDT"), (None, None), (date(2025, 1, 2), date(2025, 3, 4)),
    ),
    "live": (False, lambda: reached.ticked("crypto_current"), "2026-10-06", None),
    "close_grace_s": (6.0, reached.last_closed, MIDNIGHT, MIDNIGHT - timedelta(minutes=1)),
    "profile": ("swing", reached.cron, "*/5 * * * *", "*/15 * * * *"),
    "cadence_min": (7, reached.cron, "*/5 * * * *", "*/7 * * * *"),
    "trailing_days": (5, lambda: reached.ticked("crypto_late"), "2026-10-04", "2026-10-01"),
    "sentiment.enabled": (False, lambda: reached.ticked("crypto_sentiments"), "", None),
    "sentiment.base_url": (
        "https://m.example", lambda: reached.clients()["sentiment"], "https://api.alternative.me", "https://m.example",
    ),
    **{
        f"sentiment.budget.{name}": (
            77, lambda name=name: reached.clients()["sentiment budget"].get(name, 0), before, 77,
        )
        for name, before in (("per_second", 0), ("per_minute", 30), ("per_5_minutes", 0), ("per_day", 0))
    },
    "advice.enabled": (True, lambda: reached.model()["enabled"], False, True),
    "advice.base_url": (
        "https://m.example", lambda: reached.model()["url"].startswith("https://m.example/"), False, True,
    ),
    "advice.model": ("another", lambda: reached.model()["model"], "deepseek-v4-flash", "another"),
    "advice.temperature": (0.5, lambda: reached.model()["parameters"]["temperature"], 0.0, 0.5),
    "advice.max_tokens": (50, lambda: reached.model()["parameters"]["max_tokens"], 4000, 50),
    "advice.deadline_s": (9.0, lambda: reached.model()["deadline"], 120.0, 9.0),
    "advice.max_calls_per_day": (9, lambda: reached.model()["calls"], [200], [9]),
    "telemetry.max_latency_ms": (9.0, lambda: reached.judged_by("max_latency_ms"), 2000.0, 9.0),
    "telemetry.max_rss_mb": (9.0, lambda: reached.judged_by("max_rss_mb"), 512.0, 9.0),
    **{
        f"stream.{name}": (9, lambda name=name: reached.stream()[name], before, 9)
        for name, before in (
            ("flush_s", 10.0), ("silent_s", 90.0), ("first_wait_s", 1.0), ("max_wait_s", 30.0), ("cache_bars", 5000),
        )
    },
}  # fmt: skip
#: key -> another value, and what a process that starts with it says of its partitions
AT_START: dict[str, tuple[Any, Any]] = {
    "start_date": ("2025-06-01", "2025-06-01"),
    "symbols": (["XRPUSDT", "BTCUSDT"], ["XRPUSDT", "BTCUSDT"]),
}
#: tried where they are used: tests/resources/test_crypto_fetch.py asks with and without the archive
ELSEWHERE = {"archive"}


@functools.cache
def usual() -> pl.DataFrame:
    """Overlays with nothing changed but their history."""
    return reached.overlays("overlays")


@pytest.mark.parametrize("key", COLUMNS)
def test_a_setting_changes_its_overlay(key: str) -> None:
    """Its columns, and no column of another overlay."""
    value, columns = COLUMNS[key]
    section, name = key.split(".")
    changed = reached.differing(usual(), reached.overlays(section, **{name: value}))
    assert columns <= changed
    prefixes = {"liquidity": ("zone_",), "regime": ("regime", "trend_dir"), "overlays": ("",)}[section]
    assert all(column.startswith(prefixes) for column in changed)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_that_is_left_out_is_null_and_costs_nothing(name: str) -> None:
    """`overlays.enabled`: the others are what they were."""
    column = _FIRST[name]
    found = reached.overlays("overlays", enabled=[one for one in OVERLAYS if one != name])
    assert found[column].null_count() == found.height > usual()[column].null_count()
    others = [one for one in ("close", "ema_10", *_FIRST.values()) if one != column]
    assert found.select(others).equals(usual().select(others))


@pytest.mark.parametrize("key", DECISIONS)
def test_a_setting_changes_the_decision(key: str) -> None:
    """On one row, by hand."""
    value, row, column, before, after = DECISIONS[key]
    section, name = key.split(".")
    for crypto, expected in (({}, before), ({section: {name: value}}, after)):
        found = reached.signal(row, **crypto).get(column)
        since = found - reached.overlay_rows.T0 if isinstance(found, datetime) else found
        assert since == (pytest.approx(expected) if isinstance(expected, float | list) else expected)


@pytest.mark.parametrize("key", TRADES)
def test_a_setting_changes_the_account(key: str) -> None:
    """One signal on flat candles, by hand; costs are off but for the one that is looked at."""
    value, trade, look, before, after = TRADES[key]
    assert look(trade()) == (pytest.approx(before) if isinstance(before, float) else before)
    assert look(trade(**{key: value})) == (pytest.approx(after) if isinstance(after, float) else after)


def test_a_limit_order_waits_as_long_as_is_set() -> None:
    """`paper.zone_limit_min`: the price comes after ten minutes; with five it is too late."""
    trade = traded(**_LIMIT)
    assert reasons(trade(entry_mode="zone_limit")) == []
    assert reasons(trade(entry_mode="zone_limit", zone_limit_min=5)) == ["limit_expired"]


def test_targets_sell_the_shares_that_are_set() -> None:
    """`signals.target_shares`: two targets sell 75 % of it, or 90 %."""
    trade = traded(**_TARGETS, days=1)
    left = []
    for shares in ((0.5, 0.25, 0.25), (0.8, 0.1, 0.1)):
        (row,) = paper_desk.of_kind(trade({"target_shares": shares}), "position")
        sold = [102.0 * shares[0], 104.0 * shares[1], 100.0 * (1 - shares[0] - shares[1])]
        left.append(row["exit_price"])
        assert row["exit_price"] == pytest.approx(sum(sold))
    assert left[0] != left[1]


@pytest.mark.parametrize("key", BESIDE)
def test_a_setting_changes_what_it_bounds(key: str) -> None:
    """Which symbols count as one, and how often a silent model is asked."""
    value, look, before, after = BESIDE[key]
    assert (look(), look(**{key.split(".")[1]: value})) == (before, after)


@pytest.mark.parametrize("key", MEASURED)
def test_a_setting_changes_what_is_measured(key: str) -> None:
    """A life of 31 days with two wins for each loss, against its targets and without risk."""
    value, column, before, after = MEASURED[key]
    section, _, name = key.rpartition(".")
    changed: Mapping[str, Any] = {"targets": {name: value}} if section == "crypto.targets" else {}
    measured = {name: value} if section == "metrics" else {}
    one, other = reached.metrics({})[column], reached.metrics(changed, **measured)[column]
    if before is None:
        assert other < one
    else:
        assert (one is not None and bool(one), other is not None and bool(other)) == (before, after)


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_changes_what_uses_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Before, what the spec says; after, what was set."""
    value, observe, before, after = CHANGES[key]
    monkeypatch.setenv("ADVISOR_API_KEY", "a-key")
    settings.cache_clear()
    assert observe() == before
    monkeypatch.setenv("MARKET_ASSETS_HOME", f"{settings().home}-again")
    given(monkeypatch, f"crypto.{key}", value)
    assert observe() == after


def test_the_model_is_asked_anew_where_its_parameters_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is asked with is part of what a reply is kept under."""
    hashes = [reached.model()["hash"]]
    for key, value in (("advice.model", "another"), ("advice.temperature", 0.5), ("advice.max_tokens", 50)):
        given(monkeypatch, f"crypto.{key}", value)
        hashes.append(reached.model()["hash"])
    assert len(set(hashes)) == 4


_AT_START = """
import json
from market_assets.crypto.partitions import DAY, SYMBOL
print(json.dumps({"start_date": DAY.get_first_partition_key(), "symbols": SYMBOL.get_partition_keys()}))
"""


@functools.cache
def at_start() -> dict[str, Any]:
    """What a process says that starts with all of AT_START."""
    return set_anew.at_start(_AT_START, {f"crypto.{key}": value for key, (value, _) in AT_START.items()})


@pytest.mark.parametrize("key", AT_START)
def test_a_setting_cuts_the_partitions(key: str) -> None:
    """First day, and symbols in the order that is set."""
    assert at_start()[key] == AT_START[key][1]


def test_no_setting_is_left_out() -> None:
    """Every key of `crypto` and of `metrics` is set to another value by one of these tests."""
    beside = {"overlays.enabled", "paper.zone_limit_min", "signals.target_shares"}
    tried = {*COLUMNS, *DECISIONS, *BESIDE, *CHANGES, *AT_START, *ELSEWHERE, *beside}
    tried |= {f"paper.{key}" for key in TRADES}
    wanted = {key for key in KEYS if key.startswith(("crypto.", "metrics."))}
    assert wanted == {f"crypto.{key}" for key in tried} | set(MEASURED)
