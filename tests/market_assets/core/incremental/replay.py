"""Bars for incremental indicators, and how their values are held against a batch form's."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from market_assets.core.incremental import Bar, Values

FIELDS = ("ts", "open", "high", "low", "close", "volume", "taker_buy_base")
START = datetime(2024, 1, 1, tzinfo=UTC)


def bars_of(frame: pl.DataFrame) -> list[Bar]:
    """The rows of a frame as bars; a column it lacks is unknown."""
    return [Bar(**row) for row in frame.select(name for name in FIELDS if name in frame.columns).iter_rows(named=True)]


def random_bars(n: int, seed: int = 7) -> pl.DataFrame:
    """A random walk in cents: calm and wild stretches, jumps, bars without a move, bars without volume."""
    rng = np.random.default_rng(seed)
    calm = np.where(np.sin(np.arange(n) / 90) > 0.6, 0.0, 0.002)
    jumps = rng.normal(0, 0.03, n) * (rng.random(n) < 0.01)
    close = np.round(500 * np.exp(np.cumsum(rng.normal(0, 1, n) * calm + jumps)), 2)
    open_ = np.concatenate([[500.0], close])[:n]
    above, below = np.round(close * calm * rng.random((2, n)), 2)
    volume = np.where(rng.random(n) < 0.02, 0.0, rng.lognormal(3, 1, n))
    return pl.DataFrame(
        {
            "ts": [START + timedelta(minutes=i) for i in range(n)],
            "open": open_,
            "high": np.maximum(open_, close) + above,
            "low": np.minimum(open_, close) - below,
            "close": close,
            "volume": volume,
            "taker_buy_base": volume * rng.random(n),
        }
    )


def assert_same(incremental: Iterable[Values], batch: pl.DataFrame, *, after: int = 0) -> None:
    """Every value is the batch form's to 1e-9 max(1, |batch|), and unknown where that is; from row `after` on."""
    for name, found in zip(batch.columns, zip(*incremental, strict=True), strict=True):
        expected = batch[name]
        assert [value is None for value in found[after:]] == expected[after:].is_null().to_list(), name
        got = np.array([np.nan if value is None else float(value) for value in found])[after:]
        wanted = expected.cast(pl.Float64).fill_null(float("nan")).to_numpy()[after:]
        assert np.isfinite(wanted).any(), f"{name} has no value to compare"
        wrong = np.flatnonzero(np.abs(got - wanted) > 1e-9 * np.maximum(1.0, np.abs(wanted)))
        assert wrong.size == 0, f"{name} at {wrong[:5] + after}: {got[wrong[:5]]} for {wanted[wrong[:5]]}"
