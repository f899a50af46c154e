"""A small weekly table of the narrow, chosen and nested column types, keyed by a category first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Contract, Table, column

#: not in the order of the alphabet: rows sort by the place of the category
TRENDS = ("rising", "flat", "falling")
STATES = ("ok", "too few", "né, \"q\" | 'x'")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class Fits(Table):
    """One fit of one week and trend."""

    key = ("trend", "ts")
    partitioned_by = {"week": "ts"}
    time_column = "ts"

    trend = column(pl.Enum(TRENDS), "Trend that was fitted")
    ts = column(UTC_MICROS, "Instant within the week")
    state = column(pl.Enum(STATES), "What came of it", nullable=True)
    window_h = column(pl.Int16, "Hours", nullable=True)
    rows = column(pl.Int32, "Rows", nullable=True)
    sign = column(pl.Int8, "Direction", nullable=True)
    is_warm = column(pl.Boolean, "Enough was seen", nullable=True)
    inertia = column(pl.Float64, "Mean squared distance", nullable=True)
    centers = column(pl.List(pl.Float64), "Centers", nullable=True)
    edges = column(pl.List(pl.Float64), "Edges; never null")
    notes = column(pl.List(pl.String), "Remarks", nullable=True)
    epochs = column(pl.List(UTC_MICROS), "Starts of its stretches", nullable=True)
    gaps = column(pl.List(UTC_MICROS), "Starts of its gaps; never null")


FITS: Contract = Fits.contract()
#: the same rows in a partition per trend
BY_TREND: Contract = replace(FITS, name="fits_by_trend", partitioned_by={"trend": "trend"})

#: before 2000, where PostgreSQL counts from; before 1970, where Polars does; to the microsecond
_INSTANTS = (
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 8, 0, 0, 47_000, tzinfo=UTC),
)
_EPOCHS = (None, [], [*_INSTANTS], [None, _INSTANTS[0]], [None])
_CENTERS = (None, [], [0.1, 0.30000000000000004, 5e-324], [None, -0.0, 1.7976931348623157e308], [None])


def fits(
    count: int = 6, *, week: datetime = MONDAY, trends: tuple[str, ...] = TRENDS, **columns: object
) -> pl.DataFrame:
    """`count` fits of one week, sorted by the key: the trends in turn, an hour apart, nulls wherever they may be."""
    rows = {
        "trend": [trends[i % len(trends)] for i in range(count)],
        "ts": [week + timedelta(hours=i) for i in range(count)],
        "state": [None if i % 4 == 3 else STATES[i % 3] for i in range(count)],
        "window_h": [None if i % 5 == 4 else (-(2**15), 2**15 - 1, 0)[i % 3] for i in range(count)],
        "rows": [None if i % 4 == 1 else (-(2**31), 2**31 - 1)[i % 2] for i in range(count)],
        "sign": [None if i % 3 == 2 else i % 3 - 1 for i in range(count)],
        "is_warm": [None if i % 4 == 2 else i % 2 == 0 for i in range(count)],
        "inertia": [None if i % 3 == 1 else i / 7 for i in range(count)],
        "centers": [_CENTERS[i % len(_CENTERS)] for i in range(count)],
        "edges": [[j / 3 for j in range(i % 7)] for i in range(count)],
        "notes": [(None, [], ["a", None, "ü\n;"])[i % 3] for i in range(count)],
        "epochs": [_EPOCHS[i % len(_EPOCHS)] for i in range(count)],
        "gaps": [[week + timedelta(hours=j) for j in range(i % 4)] for i in range(count)],
    }
    return pl.DataFrame({**rows, **columns}, schema=FITS.schema).sort(list(FITS.key))
