"""Performance metrics against the golden values of the specification (common.md 10)."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import sqrt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core import performance
from market_assets.core.settings import MetricsSettings

EACH = MetricsSettings(min_obs=1)
GOLDEN = [1000.0, 1010.0, 1000.0, 1030.0, 1020.0, 1060.0]
many = settings(max_examples=60, deadline=None)


def trades(*pnl, notional=1000.0, holding=60.0):
    """Closed trades in order."""
    return pl.DataFrame(
        {"pnl": list(pnl), "entry_notional": [notional] * len(pnl), "holding_min": [holding] * len(pnl)},
        schema={"pnl": pl.Float64, "entry_notional": pl.Float64, "holding_min": pl.Float64},
    )


def of(equity, *pnl, metrics=EACH, per_year=365):
    """Both together."""
    return performance.performance(equity, trades(*pnl), per_year=per_year, settings=metrics)


def test_golden_equity():
    """Golden (min_obs 1): sharpe 10.136, sortino 36.726, max drawdown and es95 0.00990099."""
    found = performance.equity_metrics(GOLDEN, per_year=365, settings=EACH)
    assert found.n_obs == 5
    assert (found.sharpe, found.sortino) == pytest.approx((10.136, 36.726), abs=5e-4)
    assert (found.max_drawdown_ratio, found.es95_ratio) == pytest.approx((0.00990099, 0.00990099), rel=1e-6)
    assert found.cagr_ratio == pytest.approx(1.06**73 - 1)
    assert found.calmar == pytest.approx((1.06**73 - 1) / 0.00990099, rel=1e-6)


def test_golden_trades():
    """Golden: 10, -10, 30, -10, 40, 0 -> win rate 0.6, breakeven 1, profit factor 4, expectancy 10."""
    found = performance.trade_metrics(trades(10.0, -10.0, 30.0, -10.0, 40.0, 0.0))
    assert asdict(found) == pytest.approx(
        {
            "n_trades": 6, "n_breakeven": 1, "win_rate_ratio": 0.6, "profit_factor": 4.0, "expectancy": 10.0,
            "avg_win": 80 / 3, "avg_loss": -10.0, "max_win_streak": 1, "max_loss_streak": 1, "avg_holding_min": 60.0,
        }
    )  # fmt: skip


def test_the_drawdown_counts_from_the_starting_equity():
    """E = 1000, 950 has fallen by 0.05 although its only day is its peak; one loss of 50 on 10,000 is 0.005."""
    for equity, share in (([1000, 950], 0.05), ([10_000, 9_950], 0.005)):
        found = performance.equity_metrics(equity, per_year=365, settings=EACH)
        assert found.max_drawdown_ratio == pytest.approx(share, rel=1e-12)


def test_a_day_is_one_observation_however_many_trades_it_had():
    """Ten trades in one day are ten trades and one return: nothing to make a Sharpe ratio of."""
    day = datetime(2026, 10, 5, tzinfo=UTC)
    curve = pl.DataFrame(
        {"at": [day + timedelta(hours=i + 1) for i in range(10)], "equity": [1000.0 + i for i in range(1, 11)]}
    )
    found = of(performance.daily_equity(curve, 1000.0), *[1.0] * 10)
    assert (found.n_obs, found.n_trades, found.sharpe) == (1, 10, None)


def test_midnight_ends_the_day_before_it_and_a_silent_day_ends_as_it_began():
    """The value at 00:00 is the last of the old day; a day without a value repeats the one before."""
    day = datetime(2026, 10, 5, tzinfo=UTC)
    hours = {23: 1.0, 24: 2.0, 25: 3.0, 24 * 3 + 1: 4.0}
    curve = pl.DataFrame({"at": [day + timedelta(hours=h) for h in hours], "equity": list(hours.values())})
    assert performance.daily_equity(curve, 9.0).tolist() == [9.0, 2.0, 3.0, 3.0, 4.0]


def test_the_expected_shortfall_of_a_normal_has_its_own_factor():
    """Sigma 1 loses 2.06271 on the mean of its worst twentieth, not the 1.64485 at its edge."""
    assert performance.normal_es95(1.0) == pytest.approx(2.06271, abs=5e-6)
    assert performance.normal_var95(1.0) == pytest.approx(1.64485, abs=5e-6)
    assert performance.normal_es95(None) is None
    assert performance.normal_var95(None) is None


def test_the_worst_twentieth_is_rounded_up():
    """Of 21 returns the worst two make the shortfall; of 140, where 0.05 x 140 exceeds 7 in floating point, seven."""
    falls = [-0.02, -0.04, *[0.001] * 19]
    equity = [1000.0]
    for r in falls:
        equity.append(equity[-1] * (1 + r))
    found = performance.equity_metrics(equity, per_year=365, settings=EACH)
    assert found.es95_ratio == pytest.approx(0.03)
    # linear: a twentieth of the way along 20 steps is exactly the second worst
    assert found.var95_ratio == pytest.approx(0.02)
    flat = [1.0]
    for i in range(140):
        flat.append(flat[-1] * (0.9 if i < 7 else 1.0))
    assert performance.equity_metrics(flat, per_year=365, settings=EACH).es95_ratio == pytest.approx(0.1)


def test_ratios_need_enough_days():
    """29 returns give a drawdown and no ratio; 30 give them all."""
    equity = [1000.0 * (1.01 if i % 2 else 1.0) for i in range(31)]
    few = performance.equity_metrics(equity[:30], per_year=365, settings=MetricsSettings())
    assert asdict(few) == {
        "n_obs": 29, "sharpe": None, "sortino": None, "max_drawdown_ratio": pytest.approx(1 - 1 / 1.01),
        "cagr_ratio": None, "calmar": None, "var95_ratio": None, "es95_ratio": None,
    }  # fmt: skip
    enough = performance.equity_metrics(equity, per_year=365, settings=MetricsSettings())
    assert None not in asdict(enough).values()


def test_the_rate_without_risk_is_taken_off_every_day():
    """With 3.65 % a year a day costs 1e-4: the golden Sharpe falls by 1e-4 over 0.0224699 times the root of 365."""
    metrics = MetricsSettings(min_obs=1, risk_free_annual=0.0365)
    found = performance.equity_metrics(GOLDEN, per_year=365, settings=metrics)
    assert found.sharpe == pytest.approx(10.136 - 1e-4 / 0.0224699 * sqrt(365), abs=5e-4)


@pytest.mark.parametrize(
    ("equity", "nulls"),
    [
        ([1000.0], {"sharpe", "sortino", "max_drawdown_ratio", "cagr_ratio", "calmar", "var95_ratio", "es95_ratio"}),
        ([], {"sharpe", "sortino", "max_drawdown_ratio", "cagr_ratio", "calmar", "var95_ratio", "es95_ratio"}),
        ([1000.0] * 4, {"sharpe", "sortino", "calmar"}),
        ([1000.0, 1010.0, 1030.0], {"sortino", "calmar"}),
        ([1000.0, 0.0, 10.0], {"sharpe", "sortino", "cagr_ratio", "calmar", "var95_ratio", "es95_ratio"}),
        ([1.0, 1e300], {"sharpe", "sortino", "cagr_ratio", "calmar"}),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_null(equity, nulls):
    """No day, no movement, no loss, no money left, no finite growth: each leaves its own metrics unknown."""
    found = asdict(performance.equity_metrics(equity, per_year=365, settings=EACH))
    assert {name for name, value in found.items() if value is None} == nulls


def test_no_trade_means_no_metric():
    """An account that traded nothing has counts, a reason, and not one number."""
    found = asdict(of(GOLDEN))
    assert (found["n_obs"], found["n_trades"], found["null_reason"]) == (5, 0, "no closed trade")
    assert {found[name] for name in performance.metric_names()} == {None}


def test_the_reason_names_everything_that_is_missing():
    """One winning trade and two days of 30: both are said."""
    found = of([1000.0, 1010.0, 1020.0], 10.0, metrics=MetricsSettings())
    assert found.null_reason == "2 daily returns of the 30 that ratios need; no losing trade"
    assert of(GOLDEN, 10.0, -5.0).null_reason is None
    assert of([1000.0] * 3, -1.0).null_reason == (
        "daily returns do not vary; no negative daily return; no drawdown; no winning trade"
    )


def test_streaks_follow_the_order_of_exits():
    """Two wins, a breakeven, three losses, one win."""
    found = performance.trade_metrics(trades(1.0, 2.0, 0.0, -1.0, -1.0, -3.0, 4.0))
    assert (found.max_win_streak, found.max_loss_streak) == (2, 3)


def test_breakeven_is_measured_against_the_notional():
    """A billionth of the notional is nothing; twice that is a win."""
    found = performance.trade_metrics(trades(9e-7, 2e-6, -9e-7))
    assert (found.n_breakeven, found.win_rate_ratio, found.profit_factor) == (2, 1.0, None)
    assert performance.trade_metrics(trades(0.0)).win_rate_ratio is None


@many
@given(st.lists(st.floats(10.0, 1e6), min_size=1, max_size=60), st.floats(0.01, 100.0))
def test_metrics_do_not_depend_on_the_currency(equity, factor):
    """Equity in another currency has the same ratios, and a drawdown in [0, 1]."""
    ours = asdict(performance.equity_metrics(equity, per_year=365, settings=EACH))
    theirs = asdict(performance.equity_metrics([e * factor for e in equity], per_year=365, settings=EACH))
    if ours["max_drawdown_ratio"] is not None:
        assert 0.0 <= ours["max_drawdown_ratio"] <= 1.0
        assert theirs["max_drawdown_ratio"] == pytest.approx(ours["max_drawdown_ratio"], abs=1e-9)
        assert theirs["es95_ratio"] == pytest.approx(ours["es95_ratio"], rel=1e-6, abs=1e-9)
