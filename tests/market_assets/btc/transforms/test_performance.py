"""Realised quality of the signals (btc.md 8.3)."""

import itertools
import statistics
import time
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.btc.schemas import PERFORMANCE_CLASSES, SIGNAL_CLASSES, BtcLabels, BtcSignalPerformance, BtcSignals
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.performance import performance, realised
from market_assets.btc.transforms.state import MissingStateError
from tests.market_assets.btc.stored import BTC, FIRST, HOUR, at, hours, labels, signals

DAY = date(2024, 6, 1)
AS_OF = at(24) + timedelta(minutes=10)
STATISTICS = (
    *("avg_return", "std_return", "min_return", "max_return", "up_rate", "win_rate"),
    *("avg_directional_return", "avg_net_return", "episode_win_rate"),
)


def configured(windows=(168,), horizons=(1,), batch_size=10_000, cost_bps=10.0):
    return BtcSettings.model_validate(
        {
            "labels": {"horizons": horizons},
            "performance": {"windows_hours": windows, "cost_bps": cost_bps},
            "processing": {"batch_size": batch_size},
        }
    )


def measured(classes, returns, *, ts=None, days=(DAY,), now=AS_OF, known_at=None, **options):
    """Performance over the hours from FIRST on, one horizon of one hour."""
    chosen = configured(**options)
    when = hours(len(classes)) if ts is None else ts
    version = {"feature_version": chosen.feature_version}
    known = {} if known_at is None else {"available_at": known_at}
    outcome = labels(when, 1, returns, **version, **known)
    found = performance(signals(when, classes, **version), outcome, chosen, days=days, now=now)
    return BtcSignalPerformance.contract().validate(found)


def cell(found, name, **where):
    return found.filter(signal_class=name, **where).row(0, named=True)


def test_golden_statistics_of_three_sells():
    """G-PERF-1: a Sell wins where the price falls; the rise is a rise all the same."""
    row = cell(measured(["Sell"] * 3, [-0.01, 0.02, -0.03]), "Sell")
    expected = {
        "win_rate": 0.666667,
        "up_rate": 0.333333,
        "avg_return": -0.006667,
        "std_return": 0.025166,
        "avg_directional_return": 0.006667,
        "avg_net_return": 0.005667,
    }
    assert {name: round(row[name], 6) for name in expected} == expected
    assert (row["min_return"], row["max_return"]) == (-0.03, 0.02)
    assert (row["n_signals"], row["n_matured"], row["n_episodes"]) == (3, 3, 1)
    assert row["episode_win_rate"] == 1.0, "one episode, and its first hour won"


@pytest.mark.parametrize(("minutes", "n_matured"), [(0, 1), (1, 0)])
def test_golden_an_outcome_known_a_minute_late_does_not_count(minutes, n_matured):
    """G-PERF-2: known by the instant of the row counts, a minute later it does not; the signal still does."""
    row = cell(measured(["Buy"], [0.01], known_at=[AS_OF + timedelta(minutes=minutes)]), "Buy")
    assert (row["n_signals"], row["n_matured"]) == (1, n_matured)
    assert row["available_at"] == AS_OF


def test_without_an_outcome_every_statistic_is_unknown():
    """Zero would be a win rate; a lone outcome has no deviation."""
    found = measured(["Buy", "Sell"], [None, 0.5])
    for name in ("Buy", "Strong_Buy"):
        assert [cell(found, name)[column] for column in STATISTICS] == [None] * len(STATISTICS)
    assert (cell(found, "Buy")["n_signals"], cell(found, "Strong_Buy")["n_signals"]) == (1, 0)
    lone = cell(found, "Sell")
    assert (lone["std_return"], lone["avg_return"]) == (None, 0.5)


def test_the_base_rate_has_no_direction_and_counts_every_hour_with_a_class():
    """Neutral hours too; an hour without a class is no hour of the population."""
    found = measured(["Buy", None, "Neutral", "Sell"], [0.01, 0.5, -0.02, 0.03])
    row = cell(found, "ALL")
    assert (row["n_signals"], row["n_matured"]) == (3, 3)
    assert row["up_rate"] == pytest.approx(2 / 3)
    assert row["avg_return"] == pytest.approx(0.02 / 3)
    directed = ("win_rate", "avg_directional_return", "avg_net_return", "episode_win_rate")
    assert [row[column] for column in directed] == [None] * 4
    assert "Neutral" not in found["signal_class"].cast(pl.String).to_list()


def test_an_unchanged_price_is_no_win_for_either_side():
    """Zero is an outcome: it matures, and does not win."""
    found = measured(["Buy", "Sell"], [0.0, 0.0])
    for name in ("Buy", "Sell"):
        row = cell(found, name)
        assert (row["n_matured"], row["win_rate"], row["up_rate"]) == (1, 0.0, 0.0)
        assert row["avg_net_return"] == pytest.approx(-0.001)


@pytest.mark.parametrize(
    ("classes", "ts", "episodes", "of_any"),
    [
        (["Buy", "Buy", "Sell", "Buy"], None, 2, 3),
        (["Buy", None, "Buy"], None, 2, 2),
        (["Buy", "Buy"], [at(0), at(2)], 2, 2),
        (["Buy", "Strong_Buy", "Buy"], None, 2, 3),
        (["Neutral", "Buy", "Neutral"], None, 1, 3),
    ],
)
def test_an_episode_is_a_run_of_consecutive_hours_of_one_class(classes, ts, episodes, of_any):
    """Another class, an unknown hour or an absent one ends it; the base rate counts runs of any class."""
    found = measured(classes, [0.01] * len(classes), ts=ts)
    assert (cell(found, "Buy")["n_episodes"], cell(found, "ALL")["n_episodes"]) == (episodes, of_any)


def test_the_episode_win_rate_judges_first_hours_only():
    """Wins: hours 0 and 1 of the first run, none of the second: one of two episodes."""
    row = cell(measured(["Buy", "Buy", "Neutral", "Buy"], [0.1, 0.1, 0.0, -0.1]), "Buy")
    assert row["episode_win_rate"] == 0.5
    assert row["win_rate"] == pytest.approx(2 / 3)


def test_a_window_holds_exactly_its_hours():
    """Window 24: the hours of the day, not the one before nor the one after; a run cut by the start begins there."""
    found = measured(["Buy"] * 26, [0.01] * 26, ts=hours(26, at(-1)), windows=[24], now=at(100))
    row = cell(found, "Buy")
    assert (row["n_signals"], row["n_episodes"]) == (24, 1)
    assert row["n_matured"] == 22, "the outcomes of the last two hours are not known at the day's end"


@pytest.mark.parametrize(("late", "days"), [(timedelta(0), 1), (timedelta(microseconds=1), 0)])
def test_a_day_has_rows_once_its_last_hour_is_published(late, days):
    """One row per window, class and horizon, also for classes that never spoke."""
    found = measured(["Buy"], [0.1], now=AS_OF - late, windows=(24, 168))
    assert found.height == days * 2 * len(PERFORMANCE_CLASSES)


def test_days_may_come_in_any_order_and_twice():
    """The table is sorted by its key."""
    days = [DAY + timedelta(days=1), DAY, DAY]
    found = measured(["Buy"], [0.1], days=days, now=at(100))
    assert found["ts"].unique(maintain_order=True).to_list() == [at(0), at(24)]


def test_no_days_are_no_rows():
    """A typed empty frame; so are signals and labels that hold nothing."""
    assert_frame_equal(measured(["Buy"], [0.1], days=[]), BtcSignalPerformance.contract().empty())
    empty = performance(BtcSignals.contract().empty(), BtcLabels.contract().empty(), BTC, days=[DAY], now=AS_OF)
    assert empty["n_signals"].to_list() == [0] * (2 * len(PERFORMANCE_CLASSES) * 3)
    assert empty["avg_return"].null_count() == empty.height


def test_rows_of_other_settings_are_refused():
    """A row must not carry a feature_version that its inputs do not have."""
    ts = hours(3)
    with pytest.raises(MissingStateError, match="btc_labels made with feature_version"):
        performance(
            signals(ts, ["Buy"] * 3),
            labels(ts, 1, [0.1] * 3, feature_version="0" * 12),
            BTC,
            days=[DAY],
            now=AS_OF,
        )


def test_a_naive_now_is_refused():
    """Local time has no place on the axis."""
    with pytest.raises(ValueError, match="naive"):
        measured(["Buy"], [0.1], now=datetime(2024, 6, 2))


def simulated(n, seed, horizons=(1, 6, 24)):
    """Signals that last some hours, with unknown ones, and labels with unknown returns."""
    draw = np.random.default_rng(seed)
    ts, classes = hours(n), []
    while len(classes) < n:
        name = draw.choice([*SIGNAL_CLASSES, ""])
        classes += [str(name) or None] * int(draw.integers(1, 9))
    outcomes = []
    for horizon in horizons:
        returns = [None if draw.random() < 0.05 else float(draw.normal(0, 0.01)) for _ in range(n)]
        outcomes.append(labels(ts, horizon, returns))
    return signals(ts, classes[:n]), pl.concat(outcomes)


def by_hand(spoken, outcomes, end, window, name, horizon, cost):
    """The statistics of one cell by plain loops."""
    as_of = end + timedelta(minutes=10)
    rows = {ts: (cls, sign) for ts, cls, sign in spoken.select("ts", "signal_class", "signal_sign").rows() if cls}
    known = {
        ts: value
        for ts, h, value, available in outcomes.select("ts", "horizon_h", "return_exec", "available_at").rows()
        if h == horizon and value is not None and available <= as_of
    }
    population = [end - k * HOUR for k in range(window, 0, -1) if end - k * HOUR in rows]
    runs = [ts for ts in population if ts - HOUR not in population or rows[ts - HOUR][0] != rows[ts][0]]
    mine = [ts for ts in population if name in ("ALL", rows[ts][0])]
    values = [known[ts] for ts in mine if ts in known]
    directed = [rows[ts][1] * known[ts] for ts in mine if ts in known] if name != "ALL" else []
    firsts = [rows[ts][1] * known[ts] > 0 for ts in mine if ts in known and ts in runs] if name != "ALL" else []

    def mean(of):
        return statistics.fmean(of) if of else None

    return {
        "n_signals": len(mine),
        "n_matured": len(values),
        "n_episodes": sum(ts in runs for ts in mine),
        "avg_return": mean(values),
        "std_return": statistics.stdev(values) if len(values) > 1 else None,
        "min_return": min(values, default=None),
        "max_return": max(values, default=None),
        "up_rate": mean([value > 0 for value in values]),
        "win_rate": mean([value > 0 for value in directed]),
        "avg_directional_return": mean(directed),
        "avg_net_return": mean(directed) - cost / 1e4 if directed else None,
        "episode_win_rate": mean(firsts),
    }


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_every_cell_is_what_plain_loops_find(seed, window):
    """Over windows of any length, with unknown hours and outcomes."""
    spoken, outcomes = simulated(80, seed)
    end = at(72)
    found = realised(spoken, outcomes, BTC, ends=[end], windows=[window])
    rows = {(row["signal_class"], row["horizon_h"]): row for row in found.iter_rows(named=True)}
    for name, horizon in itertools.product(PERFORMANCE_CLASSES, (1, 6, 24)):
        row = rows[name, horizon]
        expected = by_hand(spoken, outcomes, end, window, name, horizon, BTC.performance.cost_bps)
        for column, value in expected.items():
            same = row[column] is None if value is None else row[column] == pytest.approx(value, rel=1e-9, abs=1e-15)
            assert same, (name, horizon, column, row[column], value)


def test_a_day_alone_and_within_a_range_are_the_same_rows():
    """Bit for bit, whatever is computed at a time, from the window's rows alone."""
    spoken, outcomes = simulated(24 * 40, seed=3)
    days = [DAY + timedelta(days=k) for k in range(40)]
    whole = performance(spoken, outcomes, BTC, days=days, now=at(5000))
    by_ten = configured((168, 720), (1, 6, 24), batch_size=10)
    assert_frame_equal(performance(spoken, outcomes, by_ten, days=days, now=at(5000)), whole)
    for k in (0, 13, 39):
        window = pl.col("ts").is_between(at(24 * (k + 1) - 720), at(24 * (k + 1)), closed="left")
        alone = performance(spoken.filter(window), outcomes.filter(window), BTC, days=[days[k]], now=at(5000))
        assert_frame_equal(alone, whole.filter(ts=at(24 * k)))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_what_becomes_known_later_changes_nothing(seed, day):
    """Signals and outcomes after the row's instant may be anything."""
    spoken, outcomes = simulated(24 * 6, seed)
    other, otherwise = simulated(24 * 6, seed + 1)
    as_of = at(24 * day) + timedelta(minutes=10)
    known, later = pl.col("available_at") <= as_of, pl.col("available_at") > as_of
    altered = (pl.concat([spoken.filter(known), other.filter(later)]),
               pl.concat([outcomes.filter(known), otherwise.filter(later)]))  # fmt: skip
    asked = {"ends": [at(24 * day)], "windows": [168]}
    assert_frame_equal(realised(spoken, outcomes, BTC, **asked), realised(*altered, BTC, **asked))


def test_five_years_take_less_than_three_seconds():
    """1,900 days, two windows, three horizons: no loop over rows."""
    n = 1900 * 24
    ts = hours(n, BTC.start)
    draw = np.random.default_rng(5)
    classes = draw.choice(SIGNAL_CLASSES, n)
    signs = [name.endswith("Buy") - name.endswith("Sell") for name in classes]
    version = {"feature_version": [BTC.feature_version] * n}
    spoken = pl.DataFrame(
        {"ts": ts, "signal_class": list(classes), "signal_sign": signs, **version},
        {name: BtcSignals.contract().schema[name] for name in ("ts", "signal_class", "signal_sign", "feature_version")},
    )
    outcomes = pl.concat(
        spoken.select(
            "ts",
            "feature_version",
            horizon_h=pl.lit(horizon, pl.Int16),
            available_at=pl.col("ts") + (horizon + 1) * HOUR + BTC.delay,
            return_exec=pl.Series(draw.normal(0, 0.01, n)),
        )
        for horizon in (1, 6, 24)
    )
    days = [BTC.history_start + timedelta(days=k) for k in range(1900)]
    spent = []
    for _ in range(2):
        started = time.perf_counter()
        found = performance(spoken, outcomes, BTC, days=days, now=FIRST + timedelta(days=10_000))
        spent.append(time.perf_counter() - started)
    assert found.height == 1900 * 2 * len(PERFORMANCE_CLASSES) * 3
    assert min(spent) < 3, spent
