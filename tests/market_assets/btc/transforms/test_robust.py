"""Robust z-scores (btc.md 4.5)."""

from statistics import median

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.transforms.robust import zscores


def test_z_of_a_constant_is_zero():
    """G-RPN-3: no deviation is no distance; null until 20 medians of 20 values are known."""
    got = zscores(pl.DataFrame({"y": [0.3] * 60}), 24, 20, 20.0)["y"]
    assert got.to_list() == [None] * 38 + [0.0] * 22


@given(
    st.lists(st.none() | st.sampled_from([0.0, 1.0, 2.5]) | st.floats(-5, 5, allow_subnormal=False), max_size=40),
    st.sampled_from([(5, 3), (6, 6), (4, 1)]),
)
@run(deadline=None)
def test_z_is_robust_and_trailing(values, size):
    """Median of the rows t-n+1..t, median of |y_s - med_s| over them, scaled by 1.4826, clipped."""
    window, least = size
    got = zscores(pl.DataFrame({"y": pl.Series(values, dtype=pl.Float64)}), window, least, 20.0)["y"].to_list()

    def middle(trailing):
        known = [value for value in trailing if value is not None]
        return median(known) if len(known) >= least else None

    def windows(of):
        return [of[max(0, t + 1 - window) : t + 1] for t in range(len(of))]

    distance = [
        None if y is None or (med := middle(part)) is None else y - med
        for y, part in zip(values, windows(values), strict=True)
    ]
    mads = [middle(part) for part in windows([None if d is None else abs(d) for d in distance])]
    for found, d, mad in zip(got, distance, mads, strict=True):
        if d is None or mad is None:
            assert found is None
        elif mad < 1e-9:
            assert found == 0.0
        else:
            assert found == pytest.approx(float(np.clip(d / (1.4826 * mad), -20, 20)), rel=1e-9, abs=1e-9)
