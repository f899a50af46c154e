"""Draws by hash: the numbers they promise to be, the same from wherever they are asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sandbox import perpetual_paths as paths

#: ten years of hours from 2020 on
HOURS = np.arange(438_288, 438_288 + 87_660, dtype=np.int64)


def test_draws_have_the_moments_of_their_names():
    """Uniform draws: mean 1/2, variance 1/12; normal ones: mean 0, variance 1, nothing beyond 2 sqrt 3."""
    one = paths.key(7, "BTC", "any")
    flat, bell = paths.uniform(one, HOURS), paths.normal(one, HOURS)
    assert flat.mean() == pytest.approx(0.5, abs=0.005)
    assert flat.var() == pytest.approx(1 / 12, rel=0.02)
    assert (flat.min() >= 0, flat.max() < 1) == (True, True)
    assert bell.mean() == pytest.approx(0, abs=0.02)
    assert bell.var() == pytest.approx(1, rel=0.02)
    assert abs(bell).max() <= 2 * np.sqrt(3)


def test_draws_of_neighbours_and_of_other_names_have_nothing_in_common():
    """Neither the next hour's draw nor another seed's, name's or quantity's tells anything of this one."""
    drawn = paths.normal(paths.key(7, "BTC", "any"), HOURS)
    others = [paths.key(8, "BTC", "any"), paths.key(7, "ETH", "any"), paths.key(7, "BTC", "other")]
    compared = [paths.normal(key, HOURS) for key in others] + [np.roll(drawn, 1)]
    assert all(abs(np.corrcoef(drawn, other)[0, 1]) < 4 / np.sqrt(len(HOURS)) for other in compared)


def test_noise_is_its_draws_at_the_knots_and_a_line_between():
    """Half way between two knots lies the mean of both; scales add up."""
    key = paths.key(7, "ETH", "any")
    first, middle, last = paths.noise(key, np.array([48.0, 60.0, 72.0]), {24: 2.0})
    assert middle == pytest.approx((first + last) / 2, rel=1e-12)
    both = paths.noise(key, np.array([60.0]), {24: 2.0, 6: 0.5})
    assert both[0] == pytest.approx(middle + paths.noise(key, np.array([60.0]), {6: 0.5})[0], rel=1e-12)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(1, 500))
def test_an_hour_does_not_depend_on_the_others_asked_for(start: int, length: int):
    """Part of the path is the path's part, bit for bit: longer horizons and later starts change nothing."""
    part = slice(start, start + length)
    whole = HOURS[:4000]
    assert np.array_equal(paths.base_premium(7, "SOL", whole)[part], paths.base_premium(7, "SOL", whole[part]))
    assert np.array_equal(paths.own_premium(7, "okx/SOL", whole)[part], paths.own_premium(7, "okx/SOL", whole[part]))
    prices = paths.price(7, "SOL", whole + 0.25, 140.0, 1.3)
    assert np.array_equal(prices[part], paths.price(7, "SOL", whole[part] + 0.25, 140.0, 1.3))


def test_prices_move_like_a_random_walk():
    """Returns of an hour spread by 0.6 %, of a day, a week and a quarter by the root of their length more."""
    log = np.log(paths.price(7, "BTC", HOURS.astype(float), 60_000.0, 1.0))
    for length in (1, 24, 24 * 7, 24 * 90):
        moves = log[length:] - log[:-length]
        assert moves.std() == pytest.approx(0.006 * np.sqrt(length), rel=0.35)
    assert 15_000 < np.exp(log.min()) < np.exp(log.max()) < 300_000


def test_premiums_have_regimes():
    """In ten years most ten-day stretches are calm, some are hot, fewer negative; each name has its own."""
    premium = paths.base_premium(7, "BTC", HOURS)
    stretches = premium[: len(premium) // 240 * 240].reshape(-1, 240).mean(axis=1)
    calm, hot, negative = (abs(stretches) < 0.0004).mean(), (stretches > 0.0006).mean(), (stretches < -0.0003).mean()
    assert calm > 0.5
    assert 0.1 < hot < 0.35
    assert 0.03 < negative < 0.25
    other = paths.base_premium(7, "ETH", HOURS)
    assert abs(np.corrcoef(premium, other)[0, 1]) < 0.2


def test_open_interest_stays_around_its_level():
    """Ten years of it: the median is the typical value, and it neither vanishes nor explodes."""
    found = paths.open_interest(7, "okx/SOL", HOURS.astype(float), 1e8)
    assert np.median(found) == pytest.approx(1e8, rel=0.1)
    assert (found.min() > 2e7, found.max() < 5e8) == (True, True)
