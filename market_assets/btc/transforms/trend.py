"""End-point wavelet trend as a finite impulse response: what a wavelet filter says of its last sample.

Denoising a whole series shows every row its future. Here the transform sees a trailing window only, and only
its last sample is kept. For a window whose length is a multiple of 2^level that is one fixed kernel.
"""

import functools

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core.errors import InvalidRequest

#: impulses transformed at a time: bounds memory for long filters
_IMPULSES = 256


@functools.cache
def kernel(wavelet: str, level: int, cutoff: float) -> NDArray[np.float64]:
    """Taps, newest row first (h_0 weighs row t), that sum to 1. Read-only; built once per process.

    The response of the last of 2^level x filter length samples to a unit impulse at each of them, under a
    multilevel DWT (symmetric extension) with all detail bands zeroed; cut after the last tap whose size exceeds
    `cutoff`, then divided by the sum, without which a constant is off by some 3e-8. 531 taps for coif3, level 6.
    Raises InvalidRequest where no tap exceeds `cutoff`.
    """
    import pywt

    found = pywt.Wavelet(wavelet)
    width = 2**level * found.dec_len
    response = np.concatenate(
        [_last_sample(width, start, found, level) for start in range(0, width, _IMPULSES)]
    )[::-1]  # fmt: skip
    kept = np.flatnonzero(np.abs(response) > cutoff)
    if not kept.size:
        raise InvalidRequest(f"fir_cutoff must be below the largest tap, {np.abs(response).max():.3g}; was {cutoff}")
    taps: NDArray[np.float64] = response[: kept[-1] + 1] / response[: kept[-1] + 1].sum()
    taps.setflags(write=False)
    return taps


def _last_sample(width: int, start: int, wavelet: object, level: int) -> NDArray[np.float64]:
    """Last trend sample of `width` rows for unit impulses at row `start` and the next _IMPULSES - 1."""
    import pywt

    impulses = np.eye(width, min(_IMPULSES, width - start), k=-start)
    approximation, *details = pywt.wavedec(impulses, wavelet, mode="symmetric", level=level, axis=0)
    silent = [np.zeros_like(band) for band in details]
    last: NDArray[np.float64] = pywt.waverec([approximation, *silent], wavelet, mode="symmetric", axis=0)[width - 1]
    return last


def fir(values: pl.Series, taps: NDArray[np.float64], min_weight: float) -> pl.Series:
    """sum_k taps[k] * values[t - k], same length and unit as `values`; not clipped, so it may overshoot.

    Where some of the rows are unknown, the sum over the known ones divided by their weight. Null where row t is
    unknown, the known weight is below `min_weight`, or fewer rows than taps exist. A row's bits depend on the
    rows under the taps only, not on where the series begins.
    """
    weights, size = taps[::-1].tolist(), taps.size
    total = values.fill_null(0.0).rolling_sum(size, weights=weights)
    if not values.null_count():
        return total
    known = values.is_not_null()
    laid = pl.DataFrame(
        {
            "total": total,
            "known": known,
            "count": known.cast(pl.Int64).rolling_sum(size),
            "weight": known.cast(pl.Float64).rolling_sum(size, weights=weights),
        }
    )
    count, weight = pl.col("count"), pl.col("weight")
    return laid.select(
        pl.when(count == size)
        .then("total")
        .when(pl.col("known") & (weight >= min_weight))
        .then(pl.col("total") / weight)
        .alias(values.name)
    ).to_series()
