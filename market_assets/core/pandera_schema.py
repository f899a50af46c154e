"""The pandera schema of a contract. Apart from `contracts`, because importing pandera is slow."""

import functools

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from market_assets.core.contracts import Column, Contract, ContractViolation

_SHOWN_FAILURES = 5


def check_values(contract: Contract, frame: pl.DataFrame) -> None:
    """Raise ContractViolation where a value breaks a column rule or the key is not unique.

    `frame` is eager: on a LazyFrame pandera checks the schema only and lets bad values through.
    """
    try:
        _schema(contract.name, tuple(contract.columns.items()), contract.key).validate(frame, lazy=True)
    except SchemaErrors as broken:
        raise ContractViolation(_explain(contract, broken)) from None


@functools.cache
def _schema(name: str, columns: tuple[tuple[str, Column], ...], key: tuple[str, ...]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {column_name: _column(spec) for column_name, spec in columns},
        unique=list(key),
        strict=True,
        ordered=True,
        name=name,
    )


def _column(spec: Column) -> pa.Column:
    checks: list[pa.Check] = []
    if spec.gt is not None:
        checks.append(pa.Check.gt(spec.gt))
    if spec.ge is not None:
        checks.append(pa.Check.ge(spec.ge))
    if spec.lt is not None:
        checks.append(pa.Check.lt(spec.lt))
    if spec.le is not None:
        checks.append(pa.Check.le(spec.le))
    if spec.isin is not None:
        checks.append(pa.Check.isin(list(spec.isin)))
    if spec.dtype == pl.Float64:
        checks.append(pa.Check(_finite, name="finite"))
    if spec.dtype == pl.List(pl.Float64):
        checks.append(pa.Check(_all_finite, name="finite"))
    return pa.Column(spec.dtype, checks=checks, nullable=spec.nullable, description=spec.description)


def _finite(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).is_finite() | pl.col(data.key).is_null())


def _all_finite(data: pa.PolarsData) -> pl.LazyFrame:
    lists = pl.col(data.key)
    return data.lazyframe.select(lists.list.eval(pl.element().is_finite()).list.all() | lists.is_null())


def _explain(contract: Contract, broken: SchemaErrors) -> str:
    cases = broken.failure_cases.head(_SHOWN_FAILURES)
    shown = "; ".join(
        f"{row.get('column') or 'key'}: {row.get('check')} (was {row.get('failure_case')}, row {row.get('index')})"
        for row in cases.iter_rows(named=True)
    )
    return (
        f"{contract.name} must satisfy its contract (key {', '.join(contract.key)}); "
        f"{broken.failure_cases.height} violation(s): {shown}. Nothing was stored."
    )
