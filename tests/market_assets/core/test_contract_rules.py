"""The one-query judgement of a frame agrees with pandera's, which it saves."""

import math
from datetime import UTC, date, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core.contracts import UTC_MICROS, Contract, ContractViolation
from market_assets.core.pandera_schema import check_values
from market_assets.tables import TABLES

_DAY = date(2025, 1, 2)
_INSTANT = datetime(2025, 1, 2, tzinfo=UTC)


def valid(contract: Contract, row: int) -> dict:
    """A row that breaks no rule; rows of different number have different keys."""
    return {name: _value(col, row) for name, col in contract.columns.items()}


def _value(col, row):
    if col.isin:
        return col.isin[row % len(col.isin)]
    if isinstance(col.dtype, pl.Enum):
        return col.dtype.categories[row % len(col.dtype.categories)]
    if col.dtype == pl.Date:
        return _DAY + timedelta(days=row)
    if col.dtype == UTC_MICROS:
        return _INSTANT + timedelta(days=row)
    if col.dtype == pl.List(pl.String):
        return ["a"] * row
    if col.dtype == pl.List(pl.Float64):
        return [0.5] * row
    if col.dtype == pl.List(UTC_MICROS):
        return [_INSTANT] * row
    if col.dtype == pl.Boolean:
        return row % 2 == 0
    if col.dtype == pl.String:
        return f"S{row}"
    return 1 if col.le is None else col.le


def strange(col) -> list:
    """Values of the column's type that some rule may refuse."""
    bounds = [bound for bound in (col.gt, col.ge, col.lt, col.le) if bound is not None]
    near = [bound + step for bound in bounds for step in (-1, 0, 1)]
    if col.dtype == pl.Float64:
        return [None, math.nan, math.inf, -math.inf, *map(float, near)]
    if col.dtype in (pl.Int8, pl.Int16, pl.Int32, pl.Int64):
        return [None, *map(int, near)]
    if col.dtype == pl.List(pl.Float64):
        return [None, [], [None, 1.0], [1.0, math.nan], [math.inf, None]]
    if col.dtype == pl.List(UTC_MICROS):
        return [None, [], [None, _INSTANT]]
    return [None, "nobody"] if col.dtype == pl.String else [None]


@st.composite
def frames(draw):
    contract = draw(st.sampled_from(list(TABLES.values())))
    rows = [valid(contract, row) for row in range(draw(st.integers(0, 4)))]
    for row in rows:
        for name in draw(st.lists(st.sampled_from(list(contract.columns)), max_size=1)):
            row[name] = draw(st.sampled_from(strange(contract.columns[name])))
    if rows and draw(st.booleans()):
        rows.append({**rows[0], **{name: rows[0][name] for name in contract.key}})
    return contract, pl.DataFrame(rows, schema=contract.schema)


@settings(max_examples=150, deadline=None)
@given(frames())
def test_a_frame_is_suspect_exactly_where_pandera_refuses_it(drawn):
    """Nulls, bounds, choices, NaN, infinities and repeated keys, in every table of the graph."""
    contract, frame = drawn
    try:
        check_values(contract, frame)
        refused = False
    except ContractViolation:
        refused = True
    assert contract._is_suspect(frame) is refused
