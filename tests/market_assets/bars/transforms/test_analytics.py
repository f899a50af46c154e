"""Equity, alphas, reliability and correlations of hand-made outcomes."""

from math import exp, log

import polars as pl
import pytest

from market_assets.bars.settings import ALPHAS
from market_assets.bars.transforms.analytics import (
    accepted_only,
    by_alpha,
    correlations,
    equity_curve,
    overview,
    reliability,
)
from market_assets.core.settings import MetricsSettings
from tests.market_assets.bars.transforms.signals.market import (
    DAY,
    MINUTE,
    T0,
    bars,
    outcome,
    outcome_rows,
    quiet,
    signal,
    signal_rows,
)

WIN = {"outcome": "win", "r_multiple": 1.8, "exit_price": 101.8}
#: by hand: 1000, then with 1 % at risk +18 on the first day, -10 twice on the second, +5 on the fourth
FOUR = outcome_rows(
    outcome(signal_time=T0, **WIN),
    outcome(signal_time=T0 + DAY),
    outcome(signal_time=T0 + DAY + 60 * MINUTE),
    outcome(signal_time=T0 + 3 * DAY, outcome="timeout", r_multiple=0.5, exit_price=100.5),
)
NONE = FOUR.clear()


def test_equity_by_hand():
    """Each outcome adds its multiple of 1 % of the start; the drawdown is from the highest so far."""
    curve = equity_curve(FOUR.reverse(), start=1000.0, risk_ratio=0.01)
    assert curve["equity"].to_list() == pytest.approx([1018, 1008, 998, 1003])
    assert curve["drawdown_ratio"].to_list() == pytest.approx([0, 10 / 1018, 20 / 1018, 15 / 1018])
    assert curve["at"][0] == T0 + 10 * MINUTE


def test_a_first_loss_is_a_drawdown_from_the_start():
    """1000, 990: one percent, although no outcome stood higher."""
    assert equity_curve(FOUR[1:2], start=1000.0, risk_ratio=0.01)["drawdown_ratio"].item() == pytest.approx(0.01)


def test_overview_by_hand():
    """Four days, the third without an outcome: returns 18/1000, -20/1018, 0, 5/998; 95 % shortfall 20/1018."""
    found = overview(FOUR, start=1000.0, risk_ratio=0.01, settings=MetricsSettings(min_obs=1)).metrics
    assert (found.n_obs, found.n_trades, found.n_breakeven) == (4, 4, 0)
    assert found.es95_ratio == pytest.approx(20 / 1018)
    assert found.max_drawdown_ratio == pytest.approx(20 / 1018)
    assert found.win_rate_ratio == 0.5
    assert found.expectancy == pytest.approx(0.75)
    assert found.avg_holding_min == pytest.approx(10.0)
    few = overview(FOUR, start=1000.0, risk_ratio=0.01, settings=MetricsSettings()).metrics
    assert few.var95_ratio is few.es95_ratio is few.sharpe is None


def test_nothing_recorded_is_nothing_known():
    """Without an outcome the curve is empty, and every metric is None."""
    found = overview(NONE, start=1000.0, risk_ratio=0.01, settings=MetricsSettings())
    assert found.curve.is_empty()
    assert (found.metrics.n_trades, found.metrics.max_drawdown_ratio) == (0, None)


def test_only_accepted_signals():
    """An outcome counts where the very signal it ended was accepted."""
    told = signal_rows(
        signal(signal_time=T0, accepted=True),
        signal(signal_time=T0 + DAY),
        signal(signal_time=T0 + DAY + 60 * MINUTE, accepted=True, strategy_version=2),
    )
    assert accepted_only(FOUR, told)["signal_time"].to_list() == [T0]


def test_alphas_by_hand():
    """A win, two losses and a timeout: a quarter won, 0.075 of the risk on average; alphas that rested are there."""
    told = signal_rows(
        signal(signal_time=T0, q_star=4.0, accepted=True),
        signal(signal_time=T0 + DAY, q_star=1.0),
        signal(signal_time=T0, symbol="EURUSD", alpha_id="volume_v1", q_star=2.0),
    )
    found = {row.pop("alpha_id"): row for row in by_alpha(FOUR, told).to_dicts()}
    assert tuple(found) == ALPHAS
    assert found["momentum_v3"] == {
        "n_signals": 2, "n_accepted": 1, "n_outcomes": 4, "n_wins": 1, "n_losses": 2, "n_timeouts": 1,
        "win_rate_ratio": 0.25, "expectancy_r": pytest.approx(0.075), "mean_q_star": 2.5,
    }  # fmt: skip
    assert found["volume_v1"]["n_signals"] == 1
    assert found["volume_v1"]["win_rate_ratio"] is None
    assert found["sentiment_v1"]["mean_q_star"] is None
    assert by_alpha(NONE, told.clear())["n_outcomes"].to_list() == [0] * len(ALPHAS)


def test_reliability_by_hand():
    """Promised 0.5 and 0.55, won one of two; promised 0.6, which is of the next tenth, won none of one."""
    told = signal_rows(
        signal(signal_time=T0, p_win=0.5),
        signal(signal_time=T0 + DAY, p_win=0.55),
        signal(signal_time=T0 + DAY + 60 * MINUTE, p_win=0.6),
        signal(signal_time=T0 + 9 * DAY, p_win=0.9),
    )
    table = reliability(FOUR, told)
    assert table["p_from"].to_list() == pytest.approx([n / 10 for n in range(10)])
    assert table["n"].to_list() == [0, 0, 0, 0, 0, 2, 1, 0, 0, 0]
    assert table.row(5)[3:] == pytest.approx((0.525, 0.5))
    assert table.row(6)[3:] == pytest.approx((0.6, 0.0))
    assert table.row(0)[3:] == (None, None)


def priced(symbol, returns, **stated):
    """Minute bars whose closes have these log returns after a first close of 100."""
    closes = [100.0]
    for change in returns:
        closes.append(closes[-1] * exp(change))
    return bars([(c, c + 1, c - 1, c) for c in closes], symbol=symbol, **stated)


def test_correlations_by_hand():
    """Returns 1, 2, 3, 4 against 2, 4, 6, 8 and against 4, 3, 2, 1; one that stood still has none."""
    up = [0.01, 0.02, 0.03, 0.04]
    of = pl.concat([
        priced("BTCUSD", up), priced("EURUSD", [2 * x for x in up]), priced("US30", up[::-1]),
        bars(quiet(5), symbol="US500"),
    ])  # fmt: skip
    found = {row[:2]: row[2:] for row in correlations(of, min_n=4).iter_rows()}
    assert len(found) == 16
    assert found["BTCUSD", "EURUSD"] == (4, pytest.approx(1.0))
    assert found["US30", "BTCUSD"] == found["BTCUSD", "US30"] == (4, pytest.approx(-1.0))
    assert found["US500", "BTCUSD"] == found["US500", "US500"] == (4, None)
    assert correlations(of, min_n=5)["correlation"].null_count() == 16


def test_returns_across_holes_and_kinds_are_none():
    """A minute apart and of one kind: of four steps two are left, whose returns are those of the other symbol."""
    step = [log(1.01), log(1.02), log(1.03), log(1.04), log(1.05)]
    whole = priced("BTCUSD", step)
    broken = priced("EURUSD", step, kinds=["index", "index", "index", "index", "future"])
    holed = broken.filter(pl.col("ts") != T0 + 2 * MINUTE)
    found = {row[:2]: row[2:] for row in correlations(pl.concat([whole, holed]), min_n=2).iter_rows()}
    assert found["BTCUSD", "EURUSD"] == (2, pytest.approx(1.0))
    assert found["EURUSD", "EURUSD"][0] == 2
    assert correlations(whole.clear(), min_n=2).is_empty()
