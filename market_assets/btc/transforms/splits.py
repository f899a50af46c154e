"""From training rows to train, validation and test: thinned, chronological, purged, imputed from train alone.

Frames are sorted by `ts` and carry feature_available_at and label_available_at.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from market_assets.btc.transforms.state import HOUR


@dataclass(frozen=True)
class Parts:
    """Three stretches of time, one after the other."""

    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame

    def each(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> "Parts":
        """All three, changed alike."""
        return Parts(change(self.train), change(self.validation), change(self.test))

    def heights(self) -> dict[str, int]:
        """Rows of each."""
        return {"train": self.train.height, "validation": self.validation.height, "test": self.test.height}


def thin(rows: pl.DataFrame, hours: int) -> pl.DataFrame:
    """The first row, and then each that is at least `hours` after the last one kept."""
    times: list[datetime] = rows["ts"].to_list()
    kept: list[int] = []
    at = 0
    while at < len(times):
        kept.append(at)
        at = bisect.bisect_left(times, times[at] + hours * HOUR, lo=at + 1)
    return rows.select(pl.all().gather(kept))


def split(rows: pl.DataFrame, validation: float, test: float) -> Parts:
    """By row count in order of time; shares are fractions of all rows, train has what is left."""
    n_validation, n_test = round(rows.height * validation), round(rows.height * test)
    n_train = rows.height - n_validation - n_test
    return Parts(rows[:n_train], rows[n_train : n_train + n_validation], rows[n_train + n_validation :])


def purge(parts: Parts, embargo_hours: int) -> Parts:
    """Without the rows of an earlier part whose outcome overlaps the next part, or that lie in the embargo before it.

    Kept are rows with label_available_at < the first feature_available_at of the next part that has rows, and
    with feature_available_at more than `embargo_hours` before it.
    """
    after_validation = _first(parts.test)
    after_train = _first(parts.validation) or after_validation
    return Parts(
        _before(parts.train, after_train, embargo_hours),
        _before(parts.validation, after_validation, embargo_hours),
        parts.test,
    )


def _first(rows: pl.DataFrame) -> datetime | None:
    found: datetime | None = rows["feature_available_at"].min()  # type: ignore[assignment]
    return found


def _before(rows: pl.DataFrame, following: datetime | None, embargo_hours: int) -> pl.DataFrame:
    if following is None:
        return rows
    return rows.filter(
        pl.col("label_available_at") < following,
        pl.col("feature_available_at") < following - embargo_hours * HOUR,
    )


def imputation(train: pl.DataFrame, features: Sequence[str]) -> dict[str, object]:
    """What each of `features` is filled with: the median of a number, else the commonest value (the least of several).

    From the rows of `train` and no others; None where it knows no value.
    """
    return {name: _typical(train[name]) for name in features}


def _typical(values: pl.Series) -> object:
    if values.dtype.is_numeric():
        return values.median()
    return values.drop_nulls().mode().sort().head(1).to_list()[0] if values.null_count() < values.len() else None


def impute(rows: pl.DataFrame, values: Mapping[str, object]) -> pl.DataFrame:
    """`rows` with the nulls of those columns filled; numbers become Float64, because a median is one."""
    return rows.with_columns(_filled(name, rows.schema[name], value) for name, value in values.items())


def _filled(name: str, kind: pl.DataType, value: object) -> pl.Expr:
    column = pl.col(name).cast(pl.Float64) if kind.is_numeric() else pl.col(name)
    return column if value is None else column.fill_null(pl.lit(value, pl.Float64 if kind.is_numeric() else kind))


def balance(train: pl.DataFrame, target: str, seed: int) -> pl.DataFrame:
    """As many rows of every class of `target` as the rarest has, drawn by `seed`, in order of time."""
    draw = np.random.default_rng(seed)
    classes = train[target].to_numpy()
    found, counts = np.unique(classes, return_counts=True)
    kept = [draw.permutation(np.flatnonzero(classes == each))[: counts.min()] for each in found]
    return train[np.sort(np.concatenate(kept))] if kept else train


def class_counts(parts: Parts, target: str) -> dict[str, dict[str, int]]:
    """Rows of each class of `target`, by part."""
    named = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    return {
        part: {str(name): count for name, count in rows[target].value_counts().sort(target).iter_rows()}
        for part, rows in named.items()
    }
