"""Market regime: the golden rows, thresholds by hand, bounds of confidence, independence of what was loaded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.schemas import REGIMES, CryptoOverlays
from market_assets.crypto.settings import RegimeSettings
from market_assets.crypto.transforms.overlays import regime
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import random_bars
from tests.market_assets.crypto.transforms.overlays.surroundings import given_with

GOLDEN = {
    599: (0.749901, 0.278, 0.714, "RANGING_EXPANSION", 0.583388, 0.5),
    650: (0.926741, 0.128, 0.144, "TRENDING_LOW_VOL", 0.514856, 1.46542),
    699: (0.43689, 0.732, 0.286, "RANGING_COMPRESSION", 0.523333, 1.46542),
}
DEFAULTS = RegimeSettings()
NAN = float("nan")


@pytest.mark.parametrize("i", GOLDEN)
def test_golden_rows(i):
    """The series G, extended to 700 bars, as printed."""
    score, vol_rank, range_rank, label, confidence, volume_z = GOLDEN[i]
    row = regime.compute(golden_series(700), given_with()).row(i, named=True)
    assert row["regime"] == row["regime_raw"] == label
    assert row["regime_trend_score"] == pytest.approx(score, rel=1e-5)
    assert row["regime_vol_rank"] == pytest.approx(vol_rank, rel=1e-5)
    assert row["regime_range_rank"] == pytest.approx(range_rank, rel=1e-5)
    assert row["regime_confidence"] == pytest.approx(confidence, rel=1e-5)
    assert row["regime_volume_z"] == pytest.approx(volume_z, rel=1e-5)


@pytest.mark.parametrize(
    ("score", "vol_rank", "range_rank", "label"),
    [
        (0.91, 0.71, 0.0, "TRENDING_HIGH_VOL"),
        (0.91, 0.70, 0.0, "TRENDING_LOW_VOL"),
        (0.90, 1.0, 0.29, "RANGING_COMPRESSION"),
        (0.90, 1.0, 0.30, "RANGING_EXPANSION"),
        (NAN, 0.5, 0.5, "UNKNOWN"),
        (0.5, NAN, 0.5, "UNKNOWN"),
        (2.0, 0.5, NAN, "UNKNOWN"),
    ],
)
def test_label_of_a_bar(score, vol_rank, range_rank, label):
    """On a threshold it is not yet beyond it; with any input unknown it is unknown."""
    found = regime.labels(np.array([score]), np.array([vol_rank]), np.array([range_rank]), DEFAULTS)
    assert REGIMES[found[0]] == label


def test_three_labels_must_agree():
    """A new label is a transition for two bars; an unknown bar stays unknown."""
    low, out, unknown, transition = regime.LOW_VOL, regime.EXPANSION, regime.UNKNOWN, regime.TRANSITION
    raw = np.array([unknown, low, low, low, out, out, out, unknown, out])
    expected = [unknown, transition, transition, low, transition, transition, out, unknown, transition]
    assert regime.confirmed(raw, 3).tolist() == expected


@pytest.mark.parametrize(
    ("label", "agreed", "score", "vol_rank", "range_rank", "expected"),
    [
        # trend 0.5 + 0.5 x 0.9/0.9; volatility above 0.7: 0.5 + 0.5 x 0.15/0.3
        ("TRENDING_HIGH_VOL", "TRENDING_HIGH_VOL", 1.8, 0.85, 0.0, 0.75),
        # volatility below 0.7: 0.5 + 0.5 x 0.35/0.7
        ("TRENDING_LOW_VOL", "TRENDING_LOW_VOL", 1.8, 0.35, 0.0, 0.75),
        # range below 0.3: 0.5 + 0.5 x 0.06/0.3; trend 0.5 + 0.5 x 0.45/0.9 is larger
        ("RANGING_COMPRESSION", "RANGING_COMPRESSION", 0.45, 0.0, 0.24, 0.6),
        # trend 0.5 + 0.5 x 0.09/0.9; range above 0.3 at its end is 1
        ("RANGING_EXPANSION", "RANGING_EXPANSION", 0.81, 0.0, 1.0, 0.55),
        # far beyond every threshold it is 1, and half of it while labels do not agree
        ("TRENDING_HIGH_VOL", "TRANSITION", 9.0, 1.0, 0.0, 0.5),
        ("RANGING_EXPANSION", "TRANSITION", 0.9, 0.0, 0.3, 0.25),
        ("UNKNOWN", "UNKNOWN", NAN, 0.5, 0.5, NAN),
    ],
)
def test_confidence_is_the_smaller_margin(label, agreed, score, vol_rank, range_rank, expected):
    """By hand: half on the threshold, one at the end of the room."""
    codes = (np.array([REGIMES.index(name)]) for name in (label, agreed))
    found = regime.confidence(*codes, np.array([score]), np.array([vol_rank]), np.array([range_rank]), DEFAULTS)
    assert found[0] == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 50),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.01, 5),
    st.booleans(),
)
def test_confidence_is_between_a_quarter_and_one(score, vol_rank, range_rank, vol_at, range_at, trend_min, moving):
    """Whatever the thresholds, those at the ends of their range included."""
    chosen = RegimeSettings(trend_min=trend_min, vol_rank=vol_at, range_rank=range_at)
    inputs = [np.array([value]) for value in (score, vol_rank, range_rank)]
    raw = regime.labels(*inputs, chosen)
    agreed = np.array([regime.TRANSITION]) if moving else raw
    assert 0.25 <= regime.confidence(raw, agreed, *inputs, chosen)[0] <= 1.0


def test_confidence_of_real_rows_is_bounded_or_unknown():
    """On a random walk with flat stretches: null exactly where the regime is unknown."""
    found = regime.compute(random_bars(1500), given_with())
    assert found["regime_confidence"].is_null().equals(found["regime"] == "UNKNOWN")
    assert found["regime_confidence"].drop_nulls().is_between(0.25, 1.0).all()
    assert found["regime"].n_unique() == len(REGIMES)


def test_prices_that_do_not_move_have_no_regime():
    """No deviation, no score: unknown, whatever the rounding of the means."""
    still = golden_series(700).with_columns(open=0.1, high=0.1, low=0.1, close=0.1)
    row = regime.compute(still, given_with()).row(699, named=True)
    assert (row["regime_raw"], row["regime"]) == ("UNKNOWN", "UNKNOWN")
    assert (row["regime_trend_score"], row["regime_confidence"], row["trend_dir"]) == (None, None, 0)


def test_the_same_label_from_600_or_2000_bars():
    """Ranks are of a fixed window: what was loaded before it changes no bit."""
    bars = random_bars(2000, 11)
    long, short = (regime.compute(part, given_with()) for part in (bars, bars[-600:]))
    # 500 previous values, each of 50 returns, and three labels
    assert short[553:].equals(long[-47:])


def test_a_daily_rank_is_of_250_values():
    """With half as many values an earlier row has its first rank: 125 of 250 instead of 250 of 500."""
    bars = random_bars(400, 11)
    found = {
        name: regime.compute(bars, given_with(name))["regime_vol_rank"].is_null().to_list() for name in ("1h", "1d")
    }
    assert found["1d"].index(False) == 50 + 125
    assert found["1h"].index(False) == 50 + 250


@pytest.mark.parametrize("n", [0, 1, 14, 51, 301])
def test_columns_are_those_of_the_contract(n):
    """Names and types as stored, one row for each bar, however few there are."""
    found = regime.compute(golden_series(301)[:n], given_with())
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in regime.COLUMNS}
    assert found.height == n


def test_rows_before_the_first_are_not_computed():
    """Null before `first`; from it on what they are without it, the labels of the bars before included."""
    bars = random_bars(700, 11)
    found, whole = (regime.compute(bars, given_with(**kept)) for kept in ({"first": bars["ts"][600]}, {}))
    assert found[:600].null_count().row(0) == (600,) * len(regime.COLUMNS)
    assert found[600:].equals(whole[600:])


def test_later_bars_change_nothing():
    """Cut at any of these rows, what remains is the same to the last bit."""
    bars = random_bars(900, 11)
    whole = regime.compute(bars, given_with())
    for cut in (1, 51, 302, 640, 899):
        assert regime.compute(bars[:cut], given_with()).equals(whole[:cut])
