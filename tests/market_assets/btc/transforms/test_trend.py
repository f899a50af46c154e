"""The end-point wavelet filter (btc.md 4.1). Golden values are those of coif3, level 6."""

import numpy as np
import polars as pl
import pytest
import pywt
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.settings import RpnSettings
from market_assets.btc.transforms import trend
from market_assets.core.errors import InvalidRequest

DEFAULTS = RpnSettings()
TAPS = trend.kernel(DEFAULTS.wavelet, DEFAULTS.level, DEFAULTS.fir_cutoff)
K = np.arange(TAPS.size)


def filtered(values):
    return trend.fir(pl.Series(values, dtype=pl.Float64), TAPS, DEFAULTS.fir_min_weight)


def noise(n, seed=0):
    return np.exp(1.5 * np.random.default_rng(seed).normal(size=n))


def unknown(values, *at):
    return pl.Series(values, dtype=pl.Float64).scatter(list(at), None)


def test_taps():
    """G-FIR-1: the newest 24 weights, and eight of them to eight decimals."""
    wanted = (
        ".12617 .12565 .12414 .12570 .11329 .06779 .02046 .00724 .01056 .00918 .00935 .01237 "
        ".01319 .01301 .01304 .01315 .01374 .01420 .01395 .01334 .01255 .01166 .01091 .01020"
    )
    np.testing.assert_allclose(TAPS[:24], [float(tap) for tap in wanted.split()], atol=5.1e-6)
    fine = ".12617417 .12564787 .12414253 .12570323 .11329187 .06779224 .02045935 .00723985"
    np.testing.assert_allclose(TAPS[:8], [float(tap) for tap in fine.split()], atol=5.1e-9)


def test_shape_of_the_kernel():
    """G-FIR-2: 531 taps of sum 1, a delay of 7.19 hours, half power at a period of 74.5 hours."""
    assert TAPS.size == 531
    assert np.flatnonzero(np.abs(TAPS) > 1e-4)[-1] == 196
    assert TAPS.sum() == pytest.approx(1.0, abs=1e-12)
    assert (TAPS * K).sum() == pytest.approx(7.193947, abs=1e-6)
    assert (TAPS**2).sum() == pytest.approx(0.083969, abs=1e-6)
    assert -TAPS[TAPS < 0].sum() == pytest.approx(0.042167, abs=1e-6)
    weight = np.cumsum(TAPS)
    assert [weight[7], weight[31], weight[47]] == pytest.approx([0.710451, 0.965404, 1.022380], abs=1e-6)

    def gain(period):
        return abs(TAPS @ np.exp(-2j * np.pi * K / period))

    assert gain(74.45) < np.sqrt(0.5) < gain(74.55)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_haar_is_a_mean(level):
    """By hand: the last sample of a Haar approximation is the mean of the last 2^level rows."""
    np.testing.assert_allclose(trend.kernel("haar", level, 1e-9), [0.5**level] * 2**level, rtol=1e-12)


def test_a_constant_is_kept():
    """G-FIR-3: c in, c out, also with six of the rows unknown: the taps are divided by what they sum to."""
    got = filtered([37.5] * 700)
    np.testing.assert_allclose(got[530:], 37.5, rtol=1e-12)
    holed = filtered(unknown([37.5] * 700, 600, 604, 605, 610, 611, 650))
    np.testing.assert_allclose(holed.drop_nulls(), 37.5, rtol=1e-12)
    assert holed[690] is not None


def test_a_ramp_is_delayed():
    """G-FIR-4: a + b t comes out as a + b (t - 7.193947)."""
    t = np.arange(900)
    np.testing.assert_allclose(filtered(3.0 + 0.25 * t)[530:], 3.0 + 0.25 * (t[530:] - 7.193947), atol=1e-6)


def test_an_impulse_returns_the_taps():
    """G-FIR-5: newest first, unclipped: the negative ones too."""
    values = np.zeros(1200)
    values[560] = 1.0
    got = filtered(values)
    np.testing.assert_array_equal(got[560 : 560 + 531], TAPS)
    assert got.min() < 0


def test_equals_the_end_point_of_the_transform():
    """G-FIR-6: the last sample of a wavelet trend over the 1,152 rows up to t, for any t."""
    values = noise(3000)
    got = filtered(values)
    for t in (1151, 1152, 1183, 2000, 2999):
        approximation, *details = pywt.wavedec(values[t - 1151 : t + 1], "coif3", mode="symmetric", level=6)
        last = pywt.waverec([approximation, *map(np.zeros_like, details)], "coif3", mode="symmetric")[-1]
        assert got[t] == pytest.approx(last, abs=1e-6)


def test_equals_plain_convolution():
    """G-FIR-7: the first 530 rows have no trend, the next has; all are the convolution with the taps."""
    values = noise(2000)
    got = filtered(values)
    assert got[:530].null_count() == 530
    np.testing.assert_allclose(got[530:], np.convolve(values, TAPS)[530:2000], rtol=1e-12)
    assert filtered(values[:530]).null_count() == 530
    assert filtered([]).len() == 0


@given(seed=st.integers(0, 1000), start=st.integers(0, 1400), size=st.integers(531, 900), holes=st.booleans())
@run(max_examples=60, deadline=None)
def test_a_slice_has_the_bits_of_the_whole(seed, start, size, holes):
    """G-FIR-8: whatever row a series begins at, a row with 531 rows under the taps has the same bits."""
    values = pl.Series(noise(2000, seed))
    if holes:
        values = unknown(values, *np.random.default_rng(seed).integers(0, 2000, 8))
    window = values[start : start + size]
    wanted = filtered(values)[start : start + size][530:]
    assert filtered(window)[530:].equals(wanted, null_equal=True)
    assert filtered(pl.Series(window.to_list(), dtype=pl.Float64))[530:].equals(wanted, null_equal=True)


def test_six_unknown_hours_silence_the_trend_for_a_day():
    """G-FIR-9: those six and the next 23 rows have too little weight, then values resume."""
    got = filtered(unknown(noise(900), *range(700, 706)))
    assert np.flatnonzero(got.is_null().to_numpy()).tolist() == [*range(530), *range(700, 729)]


def test_unknown_rows_are_left_out_of_the_mean():
    """One unknown hour: the weighted mean of the others, and nothing at the hour itself."""
    values = noise(600)
    got = filtered(unknown(values, 560))
    assert got[560] is None
    h, x = np.delete(TAPS, 20), np.delete(values[580::-1][:531], 20)
    assert got[580] == pytest.approx(h @ x / h.sum(), rel=1e-12)


def test_least_weight_is_a_setting():
    """At 0.5 a series goes on where at 0.95 it stops."""
    values = unknown(noise(600), 559)
    assert trend.fir(values, TAPS, 0.95)[560] is None
    assert trend.fir(values, TAPS, 0.5)[560] is not None
    assert trend.fir(values, TAPS, 0.5)[559] is None  # weight 0.87, but the hour itself is unknown


def test_kernel_is_built_once_and_cannot_be_changed():
    """The taps are shared by the whole process."""
    assert trend.kernel("coif3", 6, 1e-9) is TAPS
    with pytest.raises(ValueError, match="read-only"):
        TAPS[0] = 1.0


def test_a_cutoff_that_leaves_nothing_is_refused():
    """The largest tap of coif3 at level 6 is 0.126."""
    with pytest.raises(InvalidRequest, match=r"fir_cutoff .* 0\.126"):
        trend.kernel("coif3", 6, 0.2)
