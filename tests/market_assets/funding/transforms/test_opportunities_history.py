"""Where a spread stands among the pair's own, and what is known of its legs (spec section 10)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market_assets.funding.transforms.pair_frames import APR, D0, DAY, NOON, look, pair

few = settings(max_examples=40, deadline=None)


def history(a="bybit", b="okx", day=D0, **stated):
    """Statistics of a pair: spreads of exchange_a - exchange_b from 0 to 100 % a year, evenly."""
    return {
        "day": day.date(),
        "available_at": day,
        "base_asset": "BTC",
        "exchange_a": a,
        "exchange_b": b,
        "n_hours": 720,
        "mean": 50.0,
        "std": 20.0,
        "quantiles": [float(q) for q in range(101)],
        "same_side_share_7d_ratio": 0.9,
        "half_life_hours": 12.0,
        **stated,
    }


def at_spread(apr, short="bybit", **stated):
    """The pair with this gross spread, short at `short`."""
    rates = {"bybit": 0.0, "okx": 0.0} | {short: apr / APR * 8}
    return pair(*(look(name, NOON, rate) for name, rate in rates.items()), **stated)


def test_a_spread_is_compared_with_the_pairs_own_in_its_direction():
    """Short at a, +75 stands at (75 - 50) / 20; short at b, +10 is -10 of the pair and stands at (10 + 50) / 20."""
    found = at_spread(75.0, pairs=[history()])
    assert (found["spread_z"], found["spread_percentile"]) == pytest.approx((1.25, 75.0))
    assert (found["same_side_share_7d_ratio"], found["half_life_hours"], found["z_flag"]) == (0.9, 12.0, None)
    turned = at_spread(10.0, short="okx", pairs=[history()])
    assert (turned["spread_z"], turned["spread_percentile"]) == pytest.approx((3.0, 100.0))
    within = at_spread(10.0, short="okx", pairs=[history(mean=-20.0, quantiles=[q - 40.0 for q in range(101)])])
    # -10 is the 30th percentile of -40..60, so +10 is the 70th of the spreads turned round
    assert (within["spread_z"], within["spread_percentile"]) == pytest.approx((-0.5, 70.0))


@pytest.mark.parametrize(
    ("distance", "flag"), [(40.0, None), (40.001, "significant"), (60.0, "significant"), (60.001, "extreme")]
)
def test_flags_begin_above_two_and_three(distance, flag):
    """A spread that is exactly 2 or 3 standard deviations (of 20) above the mean is not above them."""
    gross = at_spread(75.0)["gross_apr_pct"]
    found = at_spread(75.0, pairs=[history(mean=gross - distance)])
    assert found["spread_z"] == pytest.approx(distance / 20)
    assert found["z_flag"] == flag


def test_a_spread_far_below_its_usual_size_is_flagged_as_well():
    """z = (0.0 - 50) / 10 = -5: the sign is in spread_z."""
    found = at_spread(0.0, pairs=[history(std=10.0)])
    assert (found["spread_z"], found["z_flag"]) == (pytest.approx(-5.0), "extreme")


def test_percentiles_are_interpolated_and_ties_count_half():
    """Between two of the 101 by the distance; equal to several, in their middle; outside 0 and 100."""
    quantiles = [0.0] * 11 + [float(q) for q in range(11, 101)]
    found = {
        apr: at_spread(apr, pairs=[history(quantiles=quantiles)])["spread_percentile"]
        for apr in (0.0, 11.0, 42.25, 500.0)
    }
    assert found == pytest.approx({0.0: 5.0, 11.0: 11.0, 42.25: 42.25, 500.0: 100.0})
    assert at_spread(5.5, pairs=[history(quantiles=quantiles)])["spread_percentile"] == pytest.approx(10.5)


def test_without_enough_history_nothing_is_said():
    """Under 30 hours, or a spread that stood still: no z, no flag; never 50, never infinite."""
    short = at_spread(75.0, pairs=[history(mean=None, std=None, quantiles=[])])
    assert (short["spread_z"], short["spread_percentile"], short["z_flag"]) == (None, None, None)
    flat = at_spread(75.0, pairs=[history(std=1e-13, quantiles=[50.0] * 101)])
    assert (flat["spread_z"], flat["spread_percentile"]) == (None, 100.0)


def test_the_newest_day_of_the_statistics_counts():
    """Of two days the later; not one that begins after the round; another pair's say nothing."""
    days = [history(day=D0 - DAY, std=5.0), history(day=D0), history(day=D0 + DAY, std=2.5), history("bybit", "gate")]
    assert at_spread(75.0, pairs=days[:3])["spread_z"] == pytest.approx(1.25)
    assert at_spread(75.0, pairs=days[3:])["spread_z"] is None


def test_confidence_and_completeness_are_each_legs_own():
    """By exchange and contract, of the newest day; the smaller completeness is the pair's."""
    common = {"n_points": 90, "zone": "stable", "symbol": "BTC-USDT-PERP", "base_asset": "BTC", "day": D0.date()}
    statistics = [
        {**common, "exchange": "okx", "confidence": "very_high", "completeness_pct": 99.0},
        {**common, "exchange": "bybit", "confidence": "medium", "completeness_pct": 70.0},
        {**common, "exchange": "bybit", "confidence": "low", "completeness_pct": 1.0, "day": (D0 - DAY).date()},
        {**common, "exchange": "bybit", "confidence": "low", "completeness_pct": 1.0, "symbol": "BTC-USDC-PERP"},
    ]
    found = pair(look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002), statistics=statistics)
    assert (found["long_confidence"], found["short_confidence"]) == ("medium", "very_high")
    assert found["min_completeness_pct"] == 70.0
    unknown = pair(look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002), statistics=statistics[:1])
    assert (unknown["long_confidence"], unknown["min_completeness_pct"]) == (None, None)


@given(st.lists(st.floats(-500, 500), min_size=30, max_size=60), st.floats(1e-3, 500), st.booleans())
@few
def test_the_percentile_is_that_of_the_quantiles_whichever_way_the_pair_is_turned(values, apr, at_a):
    """Numpy's inverse of its own quantile function, for spreads without ties, of the oriented series."""
    spaced = np.sort(values) + np.arange(len(values)) * 1e-3
    stated = history(quantiles=np.quantile(spaced, np.arange(101) / 100).tolist(), mean=float(spaced.mean()))
    found = at_spread(apr, short="bybit" if at_a else "okx", pairs=[stated])
    oriented = spaced if at_a else -spaced[::-1]
    quantiles = np.quantile(oriented, np.arange(101) / 100)
    gross = found["gross_apr_pct"]
    assert found["spread_percentile"] == pytest.approx(np.interp(gross, quantiles, np.arange(101)), abs=1e-6)
    assert found["spread_z"] == pytest.approx((gross - oriented.mean()) / 20.0, abs=1e-9)
