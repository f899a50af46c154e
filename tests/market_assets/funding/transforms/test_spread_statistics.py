"""The distribution of a pair's spread over 30 days (spec section 9)."""

import math
import statistics
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.schemas import FundingSpreads, FundingSpreadStatistics
from market_assets.funding.transforms.spread_statistics import spread_statistics
from tests.market_assets.funding.transforms.pair_frames import APR, D0, DAY, HOUR, table

few = settings(max_examples=25, deadline=None)
#: the window of D ends at D 00:00
D = D0 + 30 * DAY


def spread(at, value, pair=("BTC", "bybit", "okx"), **stated):
    """An hour of a pair with a spread (APR in percent), settled at its end."""
    base, a, b = pair
    return {
        "hour": at,
        "base_asset": base,
        "exchange_a": a,
        "exchange_b": b,
        "symbol_a": f"{base}-USDT-PERP",
        "symbol_b": f"{base}-USDT-PERP",
        "rate_1h_a": value / APR,
        "rate_1h_b": 0.0,
        "apr_a": value,
        "apr_b": 0.0,
        "spread_apr_pct": value,
        "abs_spread_apr_pct": abs(value),
        "short_leg": a if value >= 0 else b,
        "long_leg": b if value >= 0 else a,
        "interval_a": 1.0,
        "interval_b": 1.0,
        "sync_period_hours": 1.0,
        "daily_spread": abs(value) / 36_500,
        "flag_inverse": False,
        "available_at": at + HOUR,
        **stated,
    }


def of(values, *, first=D - 10 * DAY, day=D, **stated):
    """The row of a pair with these values hour by hour; None leaves an hour out."""
    rows = [spread(first + n * HOUR, value, **stated) for n, value in enumerate(values) if value is not None]
    return row_of(table(FundingSpreads, rows), day)


def row_of(spreads, day=D):
    """The only row, after the table's own gate."""
    found = FundingSpreadStatistics.contract().validate(spread_statistics(spreads, days=[day.date()]))
    assert found.height == 1
    return found.row(0, named=True)


def test_statistics_of_1_to_100():
    """Worked by hand: mean 50.5, quantile q of 1..100 is 1 + 0.99 q, half of them within 25 of the median."""
    found = of([float(n) for n in range(1, 101)])
    assert found["n_hours"] == 100
    assert found["mean"] == pytest.approx(50.5)
    assert found["std"] == pytest.approx(math.sqrt(100 * 101 / 12))
    assert (found["median"], found["mad"], found["min"], found["max"]) == (50.5, 25.0, 1.0, 100.0)
    assert (found["p05"], found["p95"], found["p99"]) == pytest.approx((5.95, 95.05, 99.01))
    assert found["quantiles"] == pytest.approx([1 + 0.99 * q for q in range(101)])
    assert (found["mean_abs"], found["p95_abs"], found["share_a_short_ratio"]) == pytest.approx((50.5, 95.05, 1.0))


def test_absolute_statistics_are_apart_from_signed_ones():
    """-60..39: the mean is -10.5, the mean distance from zero (sum 0..60 + sum 1..39) / 100 = 26.1."""
    found = of([float(n) for n in range(-60, 40)])
    assert found["mean"] == pytest.approx(-10.5)
    assert found["mean_abs"] == pytest.approx(26.1)
    # at rank 94.05 of 0, 1, 1, ..., 39, 39, 40, ..., 60: the 95th value is 54, the next 55
    assert found["p95_abs"] == pytest.approx(55.05)
    assert found["share_a_short_ratio"] == pytest.approx(0.4)


def test_under_30_hours_nothing_is_said_but_their_number():
    """29 hours are too few, 30 are enough for everything but pairs of hours."""
    found = of([float(n % 7) for n in range(29)])
    assert found["n_hours"] == 29
    assert found["quantiles"] == []
    told = set(FundingSpreadStatistics.contract().columns) - {
        *("day", "available_at", "base_asset", "exchange_a", "exchange_b", "n_hours", "quantiles")
    }
    assert {found[name] for name in told} == {None}
    assert of([float(n % 7) for n in range(30)])["mean"] is not None


def test_only_hours_known_before_midnight_count():
    """What is settled at 00:00 of the day itself is known a moment too late."""
    values = [spread(D - n * HOUR, 1.0) for n in range(2, 40)]
    in_time = spread(D - HOUR, 9.0, available_at=D - timedelta(seconds=1))
    late = spread(D - HOUR, 9.0, available_at=D)
    assert row_of(table(FundingSpreads, [*values, late]))["max"] == 1.0
    assert row_of(table(FundingSpreads, [*values, in_time]))["max"] == 9.0
    assert row_of(table(FundingSpreads, [*values, late]), D)["available_at"] == D


def test_the_window_is_30_days():
    """The hour that starts 30 days before counts, the one before it does not, however much is loaded."""
    values = [spread(D - n * HOUR, 1.0) for n in range(2, 40)]
    first, before = spread(D - 30 * DAY, 7.0), spread(D - 30 * DAY - HOUR, 9.0)
    assert row_of(table(FundingSpreads, [*values, first]))["max"] == 7.0
    assert row_of(table(FundingSpreads, [*values, first, before])) == row_of(table(FundingSpreads, [*values, first]))
    assert spread_statistics(table(FundingSpreads, [before]), days=[D.date()]).is_empty()


def test_the_side_of_the_last_week_is_compared_with_the_newest_hour():
    """Three days a is short, then b for 42 hours, then a: 125 of the last week's 167 known hours are as the newest."""
    values = [1.0] * 72 + [-1.0] * 42 + [0.0] * 125 + [-1.0]
    found = of(values)  # the last hour is settled at midnight, too late to be the newest
    assert found["same_side_share_7d_ratio"] == pytest.approx(125 / 167)
    assert found["share_a_short_ratio"] == pytest.approx(197 / 239)


def test_without_an_hour_in_the_last_week_there_is_no_side():
    """40 hours of 20 days ago have statistics, and no newest side."""
    found = of([float(n % 5) for n in range(40)], first=D - 20 * DAY)
    assert found["mean"] is not None
    assert found["same_side_share_7d_ratio"] is None


def test_autocorrelation_is_over_hours_exactly_a_day_apart():
    """A daily pattern repeats (1), a two-daily one is opposite (-1); gaps of other hours do not shift it."""
    daily = [math.sin(2 * math.pi * n / 24) for n in range(240)]
    assert of(daily)["autocorr_24h"] == pytest.approx(1.0)
    assert of([math.sin(2 * math.pi * n / 48) for n in range(240)])["autocorr_24h"] == pytest.approx(-1.0)
    holes = [None if n % 7 == 3 else value for n, value in enumerate(daily)]
    assert of(holes)["autocorr_24h"] == pytest.approx(1.0)


def test_half_life_of_a_spread_that_halves_every_five_hours():
    """x[t] = 3 + phi (x[t-1] - 3) with phi = 0.5 ** (1 / 5): the intercept is fitted, the half life is 5 hours."""
    phi = 0.5 ** (1 / 5)
    values = [3 + 10 * phi**n for n in range(60)]
    assert of(values)["half_life_hours"] == pytest.approx(5.0, rel=1e-6)
    # the pairs across a hole are not neighbours
    holes = [None if n in {10, 11, 30} else value for n, value in enumerate(values)]
    assert of(holes)["half_life_hours"] == pytest.approx(5.0, rel=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        [(-1.0) ** n for n in range(60)],  # phi = -1
        [0.0, 1.0, 0.0, -1.0] * 15 + [0.0],  # phi = 0
        [1.1**n for n in range(60)],  # phi = 1.1
        [40.1] * 60,  # flat
        [1.0 if n % 3 == 0 else None for n in range(120)],  # no two neighbours
    ],
)
def test_what_does_not_revert_has_no_half_life(values):
    """Null unless 0 < phi < 1, and where the spread does not move."""
    assert of(values)["half_life_hours"] is None


def test_a_constant_spread_has_no_correlation():
    """It stands still: std 0, and nothing to correlate; its quantiles are itself."""
    found = of([40.1] * 60)
    assert found["std"] == pytest.approx(0.0, abs=1e-12)
    assert found["autocorr_24h"] is None
    assert set(found["quantiles"]) == {40.1}


def test_under_30_pairs_of_hours_there_is_no_correlation():
    """53 hours in a row have 29 pairs a day apart, 54 have 30."""
    values = [math.sin(n) for n in range(54)]
    assert of(values[:53])["autocorr_24h"] is None
    assert of(values)["autocorr_24h"] is not None


def slow(values):
    """The statistics by numpy and the statistics module, from hour -> value."""
    known = [values[n] for n in sorted(values)]
    median = statistics.median(known)

    def lag(hours):
        return np.array([(values[n - hours], values[n]) for n in sorted(values) if n - hours in values]).reshape(-1, 2)

    day, hour = lag(24), lag(1)
    phi = np.polyfit(hour[:, 0], hour[:, 1], 1)[0] if len(hour) >= 30 else None
    return {
        "n_hours": len(known),
        "mean": statistics.fmean(known),
        "std": statistics.stdev(known),
        "median": median,
        "mad": statistics.median(abs(x - median) for x in known),
        "p99": np.quantile(known, 0.99),
        "p95_abs": np.quantile(np.abs(known), 0.95),
        "quantiles": [np.quantile(known, q / 100) for q in range(101)],
        "share_a_short_ratio": sum(x >= 0 for x in known) / len(known),
        "autocorr_24h": np.corrcoef(day.T)[0, 1] if len(day) >= 30 else None,
        "half_life_hours": -math.log(2) / math.log(phi) if phi is not None and 0 < phi < 1 else None,
    }


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 1.0))
@few
def test_every_statistic_against_numpy(seed, share):
    """Random walks with holes: moments, quantiles, correlation and fit agree to 1e-9."""
    rng = np.random.default_rng(seed)
    level, values = 0.0, {}
    for n in range(300):
        level = 0.8 * level + rng.normal()
        if rng.random() < share:
            values[n] = level
    found = of([values.get(n) for n in range(300)], first=D - 300 * HOUR - HOUR)
    for name, expected in slow(values).items():
        if expected is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-9), name


def test_each_pair_and_day_by_itself():
    """Two pairs over three days at once are the rows of each alone; hours settled later change no earlier day."""
    rng = np.random.default_rng(5)
    pairs = [("BTC", "bybit", "okx"), ("ETH", "gate", "okx")]
    rows = [spread(D - 5 * DAY + n * HOUR, float(rng.normal()), pair) for n in range(8 * 24) for pair in pairs]
    frame, days = table(FundingSpreads, rows), [(D + n * DAY).date() for n in range(3)]
    together = spread_statistics(frame.sample(fraction=1.0, shuffle=True, seed=3), days=[*days, days[0]])
    alone = [
        spread_statistics(frame.filter(pl.col("base_asset") == base, pl.col("available_at") < D + n * DAY), days=[day])
        for n, day in enumerate(days)
        for base in ("BTC", "ETH")
    ]
    assert together.height == 6
    assert together.equals(pl.concat(alone))


def test_no_spread_no_row():
    """An empty window keeps the columns."""
    empty = FundingSpreads.contract().empty()
    assert spread_statistics(empty, days=[D.date()]).equals(FundingSpreadStatistics.contract().empty())
