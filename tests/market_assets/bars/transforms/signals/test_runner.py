"""Signals and outcomes of days: edges, open signals, what is known when, and what they do not depend on."""

import json
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.bars.schemas import BarsOutcomes, BarsSignals
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.signals import signals
from tests.market_assets.bars.transforms.signals.market import (
    CALM,
    DAY,
    DOWN,
    MINUTE,
    T0,
    UP,
    bars,
    features,
    quiet,
)

BARS = BarsSettings()
TODAY = T0.date()
#: after an entry at 100: the target 101.8, the stop 99
WIN, LOSS = (100.0, 102.0, 99.9, 100.0), (100.0, 100.1, 98.9, 100.0)


def run(of, told, *days, settings=BARS):
    """Signals and outcomes of days (T0's unless told) as dictionaries, after the tables' own gates."""
    found = signals(told, of, days or [TODAY], settings, "abc")
    return (
        BarsSignals.contract().validate(found.signals).to_dicts(),
        BarsOutcomes.contract().validate(found.outcomes).to_dicts(),
    )


def fired(prices, *values, settings=BARS, kinds=(), **everywhere):
    """Minutes after T0 at which signals of these bars fired, and minutes at which outcomes were settled."""
    of = bars(prices, kinds=kinds)
    now, ended = run(of, features(of, *values, **everywhere), settings=settings)
    return (
        [(row["signal_time"] - T0) // MINUTE for row in now],
        [((row["settled_at"] - T0) // MINUTE, row["outcome"]) for row in ended],
    )


def test_one_signal_by_hand():
    """Momentum at three times its slope and twice its change, close 100, volatility for a stop 1 away."""
    of = bars(quiet(2))
    (row,), _ = run(of, features(of, CALM, UP, regime_trend=0, regime_revert=1, regime_choppy=0))
    assert json.loads(row.pop("features")) == UP
    expected = {
        "symbol": "BTCUSD", "ts": T0 + MINUTE, "signal_time": T0 + 2 * MINUTE, "available_at": T0 + 2 * MINUTE,
        "alpha_id": "momentum_v3", "strategy_version": 1, "action": "BUY", "confidence": pytest.approx(0.85),
        "p_win": 0.5, "n_outcomes": 0, "rr": 1.8, "edge": pytest.approx(0.4), "payoff_std": pytest.approx(1.4),
        "entropy_factor": 0.0, "q_star": 0.0, "grade": "unproven", "entry_ref_price": 100.0,
        "stop_loss": pytest.approx(99.0), "take_profit_1": pytest.approx(101.125),
        "take_profit_2": pytest.approx(101.8), "sigma_horizon": pytest.approx(0.0125),
        "es95_unit": pytest.approx(2.06271 * 1.25, rel=5e-6), "regime": "revert", "accepted": False,
        "reject_reasons": ["unproven", "no_quote"], "profile": "production", "config_hash": "abc",
    }  # fmt: skip
    assert row == expected


def test_one_outcome_by_hand():
    """Entered at the next open, 99.5; out at its target 101.3 two bars later."""
    of = bars([*quiet(2), (99.5, 100.0, 99.0, 100.0), (100.0, 101.4, 99.9, 101.0)])
    _, (row,) = run(of, features(of, CALM, UP))
    assert row == {
        "symbol": "BTCUSD", "settled_at": T0 + 4 * MINUTE, "settled_day": TODAY, "alpha_id": "momentum_v3",
        "strategy_version": 1, "signal_time": T0 + 2 * MINUTE, "action": "BUY", "rr": 1.8,
        "entry_ts": T0 + 2 * MINUTE, "entry_price": 99.5, "exit_ts": T0 + 3 * MINUTE,
        "exit_price": pytest.approx(101.3), "outcome": "win", "r_multiple": 1.8, "n_bars": 2,
    }  # fmt: skip


def test_only_turning_on_fires():
    """Firing on and on is one signal; the other side is another; the first bar follows none."""
    on_and_on = [CALM, *[UP] * 4, CALM, UP]
    assert fired([*quiet(2), LOSS, *quiet(4)], *on_and_on)[0] == [2, 7]
    assert fired([*quiet(2), LOSS, *quiet(4)], UP, UP, UP, CALM, UP)[0] == [5]
    assert fired([*quiet(2), LOSS, *quiet(4)], CALM, UP, UP, DOWN)[0] == [2, 4]


def test_unknown_inputs_do_not_fire_and_count_as_not_firing():
    """From unknown to firing is an edge; from firing to unknown is none."""
    assert fired(quiet(4), {}, UP, {"ema_slope": 0.002}, {})[0] == [2]


def test_no_signal_while_an_earlier_one_is_open():
    """Lost at minute 6: an edge at 4 is passed over, one in the bar that ended it is not."""
    prices = [*quiet(5), LOSS, *quiet(3)]
    assert fired(prices, CALM, UP, CALM, UP, CALM, UP) == ([2, 6], [(6, "loss")])
    assert fired(prices, CALM, UP, CALM, UP, CALM, CALM, CALM, UP) == ([2, 8], [(6, "loss")])


def test_alphas_and_symbols_do_not_hold_each_other_up():
    """Another rule, or another symbol, may fire while one signal is open."""
    both = {"bb_position": 0.1, "rsi": 20.0}
    of = pl.concat([bars(quiet(4)), bars(quiet(4), symbol="EURUSD")])
    told = features(of, CALM, UP, *[UP | both] * 2, CALM, UP | both, *[UP | both] * 2)
    now, _ = run(of, told)
    assert [(row["symbol"], row["signal_time"] - T0, row["alpha_id"]) for row in now] == [
        ("BTCUSD", 2 * MINUTE, "momentum_v3"),
        ("BTCUSD", 3 * MINUTE, "mean_revert_v2"),
        ("EURUSD", 2 * MINUTE, "mean_revert_v2"),
        ("EURUSD", 2 * MINUTE, "momentum_v3"),
    ]


@pytest.mark.parametrize(("volatility", "sigma"), [(None, None), (0.0, 0.0)])
def test_without_volatility_there_is_no_outcome(volatility, sigma):
    """Such a signal has no levels, is never open, never settles and is never accepted."""
    of = bars([*quiet(4), LOSS])
    now, ended = run(of, features(of, CALM, UP, DOWN, UP, CALM, realized_vol=volatility))
    assert [row["sigma_horizon"] for row in now] == [sigma, sigma, sigma]
    assert [row["stop_loss"] for row in now] == [None, None, None]
    assert now[0]["reject_reasons"] == ["unproven", "no_levels", "no_quote"]
    assert ended == []


def test_another_kind_is_another_series():
    """A signal open at a change of kind is over, and the first bar of the other kind fires nothing."""
    kinds = ["index", "index", "index", "future"]
    prices = [*quiet(3), *quiet(4)]
    assert fired(prices, CALM, UP, CALM, UP, kinds=kinds) == ([2], [(4, "timeout")])
    # as one kind it goes on
    assert fired(prices, CALM, UP, CALM, UP, kinds=["index"]) == ([2], [])
    assert fired(prices, CALM, UP, CALM, UP, CALM, UP, kinds=kinds) == ([2, 6], [(4, "timeout")])


def test_a_symbol_without_bars_has_no_signal():
    """Features of a symbol that has no bar make no row: there is no price that could stand in."""
    of, ghost = bars(quiet(3)), bars(quiet(3), symbol="EURUSD")
    told = pl.concat([features(of, CALM), features(ghost, CALM, UP)])
    assert run(of, told) == ([], [])
    assert run(of.clear(), told) == ([], [])
    assert run(of, told.clear()) == ([], [])


def test_stale_data_are_told():
    """A stale row fires with less confidence and is not accepted."""
    of = bars(quiet(2))
    (row,), _ = run(of, features(of, CALM, UP, is_stale=True))
    assert row["confidence"] == pytest.approx(0.68)
    assert row["reject_reasons"] == ["unproven", "stale", "no_quote"]


def records(n_wins, n_losses, *, start=T0):
    """Bars and features of so many signals that ended two minutes after they fired, then one that has not."""
    one = [quiet(1)[0], (100.0, 100.1, 99.9, 100.0)]
    prices = [bar for end in [*[WIN] * n_wins, *[LOSS] * n_losses] for bar in (*one, end)] + quiet(2)
    of = bars(prices, start=start)
    return of, features(of, *[CALM, UP, CALM] * (n_wins + n_losses), CALM, UP)


def test_p_win_is_of_settled_outcomes():
    """27 wins and 3 losses: p 28/32; its Q* is beyond 10, so it is accepted."""
    now, ended = run(*records(27, 3))
    assert [row["n_outcomes"] for row in now] == [*range(31)]
    assert [row["outcome"] for row in ended] == [*["win"] * 27, *["loss"] * 3]
    last = now[-1]
    assert (last["p_win"], last["q_star"], last["grade"], last["accepted"]) == (0.875, 10.0, "A+", True)
    assert last["reject_reasons"] == ["no_quote"]
    assert [row["p_win"] for row in now[:3]] == [1 / 2, 2 / 3, 3 / 4]


def test_weight_and_profile_come_from_the_settings():
    """18 wins of 30, p 19/32, reward 1.8: edge 0.6625; a tenth of the weight makes a tenth of the score."""
    of, told = records(18, 12)
    relaxed = BarsSettings(signals={"profile": "relaxed", "weights": {"momentum_v3": 2.0}})
    light = BarsSettings(signals={"weights": {"momentum_v3": 0.2}})
    double, fifth = (run(of, told, settings=one)[0][-1] for one in (relaxed, light))
    assert (double["profile"], fifth["profile"]) == ("relaxed", "production")
    assert fifth["edge"] == pytest.approx(0.6625)
    assert fifth["payoff_std"] ** 2 == pytest.approx(1.89109375)
    assert double["q_star"] == pytest.approx(10 * fifth["q_star"])


@pytest.mark.parametrize(("days_later", "minute", "n"), [(29, 11, 6), (30, 11, 3), (30, 12, 2), (31, 3, 0)])
def test_outcomes_count_for_thirty_days_to_the_minute(days_later, minute, n):
    """Settled at minutes 3, 6, ..., 18: 30 days later at minute 11 the first three are too old, at 12 the fourth."""
    of, told = (frame.head(18) for frame in records(6, 0))
    later = bars(quiet(minute), start=T0 + days_later * DAY)
    now, _ = run(
        pl.concat([of, later]),
        pl.concat([told, features(later, *[CALM] * (minute - 1), UP)]),
        TODAY + days_later * DAY,
    )
    assert [row["n_outcomes"] for row in now] == [n]


def market(n_days=33, a_day=80, symbols=("BTCUSD", "EURUSD"), seed=7):
    """Bars that wander, features that fire often, kinds that change twice; some bars a day, before its end."""
    rng = np.random.default_rng(seed)
    n = n_days * a_day
    starts = [T0 + day * DAY + (1440 - a_day + i) * MINUTE for day in range(n_days) for i in range(a_day)]
    parts = []
    for symbol in symbols:
        close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
        opens = np.concatenate([[100.0], close[:-1]])
        prices = zip(
            opens, np.maximum(opens, close) + 0.1, np.minimum(opens, close) - 0.1, close, strict=True
        )  # fmt: skip
        kinds = ["index"] * (n // 3) + ["future"] * (n // 3) + ["index"]
        of = bars(prices, symbol=symbol, kinds=kinds).with_columns(ts=pl.Series(starts, dtype=pl.Datetime("us", "UTC")))
        told = features(of, {}, realized_vol=0.0005).with_columns(
            ema_slope=pl.Series(rng.normal(0, 0.001, n)),
            roc_5=pl.Series(rng.normal(0, 0.002, n)),
            bb_position=pl.Series(rng.uniform(-0.2, 1.2, n)),
            rsi=pl.Series(rng.uniform(0, 100, n)),
        )
        parts.append((of, told))
    return tuple(pl.concat(part) for part in zip(*parts, strict=True))


QUICK = BarsSettings(signals={"profile": "relaxed", "horizon_bars": 12})
LAST = TODAY + 32 * DAY


@pytest.fixture(scope="module")
def world():
    """Bars and features of 33 days, and what a range run makes of the last three."""
    of, told = market()
    return of, told, signals(told, of, [LAST - n * DAY for n in range(3)], QUICK, "abc")


def test_days_one_by_one_make_what_a_range_makes(world):
    """Bit for bit, and whatever else was loaded: a day alone gets its own 30 days and nothing before or after."""
    of, told, ranged = world
    alone = []
    for day in (LAST - 2 * DAY, LAST - DAY, LAST):
        within = pl.col("ts").is_between(
            datetime.combine(day - 30 * DAY, T0.timetz()), datetime.combine(day + DAY, T0.timetz()), closed="left"
        )
        alone.append(signals(told.filter(within).reverse(), of.filter(within).reverse(), [day], QUICK, "abc"))
    assert ranged.signals.height > 100
    assert ranged.outcomes.height > 100
    for name in ("signals", "outcomes"):
        joined = pl.concat(getattr(one, name) for one in alone)
        contract = {"signals": BarsSignals, "outcomes": BarsOutcomes}[name].contract()
        assert_frame_equal(contract.conform(joined), getattr(ranged, name), check_exact=True)


@pytest.mark.parametrize("minutes", [0, 7, 31, 78])
def test_later_bars_change_nothing_that_was_known(world, minutes):
    """Cut after any bar: every signal and outcome known by then is there, and is the same."""
    of, told, whole = world
    known_at = datetime.combine(LAST, T0.timetz()) + (1440 - 79 + minutes) * MINUTE
    cut = pl.col("ts") < known_at
    short = signals(told.filter(cut), of.filter(cut), [LAST - n * DAY for n in range(3)], QUICK, "abc")
    assert_frame_equal(
        short.signals, whole.signals.filter(pl.col("signal_time") <= known_at), check_exact=True
    )  # fmt: skip
    assert_frame_equal(
        short.outcomes, whole.outcomes.filter(pl.col("settled_at") <= known_at), check_exact=True
    )  # fmt: skip


def test_a_change_of_kind_is_known_only_when_it_came():
    """Cut before the first bar of the other kind, the signal is still open: no outcome, and no new signal."""
    of = bars(quiet(6), kinds=["index", "index", "index", "future"])
    told = features(of, CALM, UP, CALM, UP)
    assert len(run(of, told)[1]) == 1
    assert run(of.head(3), told.head(3)) == (run(of, told)[0][:1], [])


def test_at_most_one_signal_of_an_alpha_is_open(world):
    """Between a signal and its end there is no other of its symbol and alpha; levels are on their sides."""
    _, _, found = world
    key = ("symbol", "alpha_id", "signal_time")
    ends = {tuple(row[name] for name in key): row["settled_at"] for row in found.outcomes.to_dicts()}
    rows = sorted(found.signals.to_dicts(), key=lambda row: [row[name] for name in key])
    n_checked = 0
    for one, following in pairwise(rows):
        if (one["symbol"], one["alpha_id"]) == (following["symbol"], following["alpha_id"]):
            n_checked += 1
            assert ends[one["symbol"], one["alpha_id"], one["signal_time"]] <= following["signal_time"]
    assert n_checked > 100
    for row in rows:
        side = 1 if row["action"] == "BUY" else -1
        prices = [row[name] for name in ("stop_loss", "entry_ref_price", "take_profit_1", "take_profit_2")]
        assert prices == sorted(prices, reverse=side < 0)


def test_outcomes_are_of_the_day_whose_bar_settled_them():
    """Fired in the last minute of a day, lost in the last minute of the next: a row of that next day."""
    of = pl.concat(
        [bars(quiet(2), start=T0 + DAY - 2 * MINUTE), bars([*quiet(2), LOSS], start=T0 + 2 * DAY - 3 * MINUTE)]
    )
    told = features(of, CALM, UP, CALM)
    days = [TODAY + n * DAY for n in range(3)]
    (today, tomorrow, after) = (run(of, told, day) for day in days)
    assert [len(rows) for rows in (*today, *tomorrow, *after)] == [1, 0, 0, 1, 0, 0]
    assert (tomorrow[1][0]["settled_day"], tomorrow[1][0]["settled_at"]) == (date(2026, 10, 6), T0 + 2 * DAY)
    assert tomorrow[1][0]["exit_ts"] - tomorrow[1][0]["entry_ts"] == timedelta(minutes=2)
