"""From bars to arrays and from arrays to an overlay's columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core.windows import Floats
from market_assets.crypto.schemas import CryptoOverlays

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000


def floats(bars: pl.DataFrame, name: str) -> Floats:
    """A column of the bars as an array."""
    return bars.get_column(name).to_numpy()


def opens(bars: pl.DataFrame) -> NDArray[np.int64]:
    """Open instants, in microseconds since 1970."""
    return bars.get_column("ts").to_physical().to_numpy()


def micros(instant: datetime) -> int:
    """An aware instant in microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def first_kept(bars: pl.DataFrame, first: datetime) -> int:
    """Number of the first row at or after `first`."""
    return int(np.searchsorted(opens(bars), micros(first)))


def typed(names: Sequence[str], values: Mapping[str, Any]) -> pl.DataFrame:
    """The columns `names` with the types of their contract; what is NaN or infinite becomes null.

    A two-dimensional array is a column of lists, of what is not NaN in each row.
    """
    schema = CryptoOverlays.contract().schema
    return pl.DataFrame([_series(name, values[name], schema[name]) for name in names])


def nulls(names: Sequence[str], height: int) -> pl.DataFrame:
    """The columns `names` with the types of their contract and nothing in them."""
    schema = CryptoOverlays.contract().schema
    return pl.DataFrame([pl.Series(name, [], dtype=schema[name]).extend_constant(None, height) for name in names])


def _series(name: str, values: Any, dtype: Any) -> pl.Series:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return pl.Series(name, values, dtype=dtype)
    if values.ndim == 1:
        known = np.where(np.isfinite(values), values, np.nan)
        return pl.Series(name, known, nan_to_null=True).cast(dtype)
    if not values.size:
        return pl.Series(name, [[]] * len(values), dtype=dtype)
    return pl.Series(name, values).arr.to_list().list.eval(pl.element().filter(pl.element().is_not_nan()))
