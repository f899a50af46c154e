"""The fence of the past and the soft compression above it (btc.md 3.3)."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.transforms import outliers


@given(st.lists(st.integers(0, 10**14), min_size=4, max_size=60))
@run(deadline=None)
def test_compression_is_monotone(satoshis):
    """G-PRE-2: in one window, whatever it holds, a larger value never comes out smaller, nor beyond T + iqr."""
    ordered = [amount / 1e8 for amount in sorted(satoshis)]
    q1, q3 = np.quantile(ordered, [0.25, 0.75])
    threshold, iqr, maximum = q3 + 3 * (q3 - q1), q3 - q1, ordered[-1]
    window = pl.DataFrame({"x": ordered}).with_columns(t=threshold, iqr=iqr, v=maximum)
    got = window.select(outliers.compressed(*map(pl.col, window.columns))).to_series().to_list()
    assert got == sorted(got)
    for x, y in zip(ordered, got, strict=True):
        assert y == x if x <= threshold else threshold <= y <= threshold + iqr


@given(
    st.lists(st.none() | st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=60),
    st.integers(4, 20),
    st.integers(1, 4),
)
@run(deadline=None)
def test_bounds_are_quantiles_of_the_trailing_window(values, window, least):
    """Quartiles and maximum are numpy's over the known values of rows t-n+1..t; too few known values have none."""
    got = pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)}).select(
        bound.alias(name) for name, bound in zip("tiv", outliers.bounds(pl.col("x"), window, least, 3.0), strict=True)
    )
    for t, found in enumerate(got.iter_rows()):
        known = [x for x in values[max(0, t + 1 - window) : t + 1] if x is not None]
        if len(known) < least:
            assert found == (None, None, None)
        else:
            q1, q3 = np.quantile(known, [0.25, 0.75])
            assert found == pytest.approx((q3 + 3 * (q3 - q1), q3 - q1, max(known)), rel=1e-9, abs=1e-9)
