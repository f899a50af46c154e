"""Forward-only recursions (btc.md 4.2, 1.3)."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.settings import RpnSettings
from market_assets.btc.transforms import kalman
from market_assets.btc.transforms.kalman import State

DEFAULTS = RpnSettings()
observed = st.lists(st.none() | st.floats(0, 1e6), max_size=60)


def levels(values, prior=None, state=None):
    return kalman.local_level(
        values, state, q=DEFAULTS.kalman_q, r=DEFAULTS.kalman_r, p0=DEFAULTS.kalman_p0, prior=prior
    )


def states(frame):
    return [None if n is None else State(x, p, n) for x, p, n in frame.iter_rows()]


def test_gains():
    """G-KAL-1: the gain is the variance after the row over r; it settles at 0.0247, a half-life of 28 hours."""
    p = levels([1.0] * 2000)["p"]
    wanted = {
        0: 0.384615, 1: 0.278104, 2: 0.217973, 5: 0.132829, 10: 0.081658,
        24: 0.042668, 48: 0.029017, 100: 0.024987, 168: 0.024699,
    }  # fmt: skip
    assert {t: p[t] / 80 for t in wanted} == pytest.approx(wanted, abs=6e-7)
    gain = p[-1] / 80
    assert gain == pytest.approx(0.0246895, abs=6e-8)
    assert p[-1] + 0.05 == pytest.approx(2.025156, abs=6e-7)
    assert math.log(0.5) / math.log(1 - gain) == pytest.approx(27.73, abs=0.006)
    ramp = levels([float(t) for t in range(2000)])["x"]
    assert 1999 - ramp[-1] == pytest.approx(39.50, abs=0.006)
    assert 1999 - ramp[-1] + 7.193947 == pytest.approx(46.70, abs=0.006)


def test_the_prior_is_forgotten():
    """G-KAL-2: observations of 0 under a prior of 1 show the prior's weight."""
    x = levels([0.0] * 100, prior=1.0)["x"]
    wanted = {1: 0.6154, 10: 0.1362, 24: 0.0585, 48: 0.0253, 100: 0.0064}
    assert {n: x[n - 1] for n in wanted} == pytest.approx(wanted, abs=6e-5)


def test_volumes_start_at_their_first_observation():
    """G-KAL-3: no prior of another unit."""
    assert levels([10.0, 20.0, 30.0])["x"].to_list() == pytest.approx([10, 12.781036, 16.534310], abs=6e-7)


def test_the_share_starts_at_one_half():
    """G-KAL-4: a first share of 1 is not believed."""
    got = levels([1.0, 1.0, 0.0], prior=DEFAULTS.kalman_prior_share)
    assert got["x"].to_list() == pytest.approx([0.692308, 0.777878, 0.608321], abs=6e-7)
    assert got["n"].to_list() == [1, 2, 3]


def test_an_unknown_hour_widens_the_variance():
    """G-KAL-5: the level stands, its variance grows by q, and the next observation counts for more."""
    got = levels([10.0, None, 20.0])
    assert got["x"].to_list() == pytest.approx([10.0, 10.0, 12.784292], abs=6e-7)
    assert got["p"][1] - got["p"][0] == pytest.approx(0.05)
    assert got["n"].to_list() == [1, 1, 2]


def test_a_constant_is_kept():
    """G-KAL-6: exactly."""
    assert levels([7.25] * 50)["x"].to_list() == [7.25] * 50


def test_nothing_is_known_before_the_first_observation():
    """No state, and no prediction step: hours before the first observation do not widen the prior."""
    got = levels([None, None, 1.0], prior=0.5)
    assert got.rows()[:2] == [(None, None, None)] * 2
    assert got.row(2) == levels([1.0], prior=0.5).row(0)
    assert levels([]).is_empty()


@given(observed, st.integers(0, 60), st.sampled_from([None, 0.5]))
@run(deadline=None)
def test_the_filter_continues_from_its_state(values, cut, prior):
    """Cut anywhere, also before the first observation: the second part has the bits of the full pass."""
    full = levels(values, prior)
    head = levels(values[:cut], prior)
    rest = levels(values[cut:], prior, states(head)[-1] if head.height else None)
    assert head.equals(full[:cut])
    assert rest.equals(full[cut:])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80))
@run(deadline=None)
def test_a_share_stays_a_share(values):
    """Neither level nor mean leaves [0, 1], by no last digit: the contract of the table would refuse it."""
    assert levels(values, prior=0.5)["x"].is_between(0.0, 1.0).all()
    for span in (1, 2, 12):
        assert kalman.exponential_mean(values, span, None).is_between(0.0, 1.0).all()


@pytest.mark.parametrize(
    ("span", "wanted"),
    [
        (DEFAULTS.ema_span_diff, [1, 1.117647, 1.456747, 2.226542, 3.846949]),
        (DEFAULTS.ema_span_lld, [1, 1.153846, 1.591716, 2.577606, 4.642590]),
    ],
)
def test_exponential_mean(span, wanted):
    """G-RPN-4: spans 16 and 12 over 1, 2, 4, 8, 16."""
    got = kalman.exponential_mean([1.0, 2.0, 4.0, 8.0, 16.0], span, None)
    assert got.to_list() == pytest.approx(wanted, abs=6e-7)


def test_exponential_mean_skips_the_unknown():
    """An unknown hour is carried over and changes nothing that follows."""
    got = kalman.exponential_mean([None, 1.0, None, 2.0], 16, None).to_list()
    assert got[:3] == [None, 1.0, 1.0]
    assert got[3] == pytest.approx(1.117647, abs=6e-7)


@given(observed, st.integers(0, 60))
@run(deadline=None)
def test_exponential_mean_continues_from_its_last(values, cut):
    """Cut anywhere: the second part has the bits of the full pass."""
    full = kalman.exponential_mean(values, 16, None).to_list()
    last = full[:cut][-1] if full[:cut] else None
    assert kalman.exponential_mean(values[cut:], 16, last).to_list() == full[cut:]
