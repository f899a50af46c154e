"""`/api/condition`, `/api/gaps`, `/api/backups`: whether stored data can be relied on, and could be put back."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request, Response
from pydantic import WithJsonSchema

from dashboards.rest.answers import rows
from dashboards.rest.bodies import Body
from dashboards.rest.errors import RESPONSES
from dashboards.rest.requests import AsOf, ServicesOf, SpanOf, cached
from dashboards.rest.row_schemas import row_schema
from market_assets.core.errors import UnknownName
from market_assets.tables import TABLES

router = APIRouter(prefix="/api", tags=["operations"], responses=RESPONSES)

_CONDITION, _GAPS, _BACKUP, _DRILL = "ops_condition", "ops_gaps", "ops_backup", "ops_restore_drill"
_MOST = 10_000
Condition = Literal["ok", "degraded", "missing", "late"]
GapStatus = Literal["open", "given_up", "explained"]


_ROW = dict[str, Any]
ConditionRow = Annotated[_ROW, WithJsonSchema(row_schema(TABLES[_CONDITION]))]
GapRow = Annotated[_ROW, WithJsonSchema(row_schema(TABLES[_GAPS]))]
BackupRow = Annotated[_ROW, WithJsonSchema(row_schema(TABLES[_BACKUP]))]
DrillRow = Annotated[_ROW, WithJsonSchema(row_schema(TABLES[_DRILL]))]


class ConditionBody(Body):
    """`GET /api/condition`."""

    count: int
    counts: dict[str, int]
    rows: list[ConditionRow]


class GapsBody(Body):
    """`GET /api/gaps`."""

    count: int
    kinds: dict[str, int]
    rows: list[GapRow]


class BackupsBody(Body):
    """`GET /api/backups`."""

    count: int
    backups: list[BackupRow]
    drill: list[DrillRow]


def _table(name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        raise UnknownName("table", name, known)


@router.get("/condition", response_model=ConditionBody)
def condition(
    request: Request,
    app: ServicesOf,
    within: SpanOf,
    as_of: AsOf,
    dataset: Annotated[str | None, Query(max_length=80, description="Only this table")] = None,
    condition: Annotated[Condition | None, Query(description="Only rows of this condition")] = None,
) -> Response:
    """One row for every table and day: ok, degraded, missing or late, and why, by the checks; newest day first."""
    _table(dataset, list(TABLES))
    where = {name: value for name, value in (("dataset", dataset), ("condition", condition)) if value is not None}

    def build() -> dict[str, Any]:
        found = app.data.load(_CONDITION, start=within.start, end=within.end, where=where, as_of=as_of)
        newest = found.sort(["day", "dataset"], descending=[True, False]).head(_MOST)
        return {"count": found.height, "counts": _counts(found, "condition"), "rows": rows(newest), "as_of": as_of}

    return cached(request, app, [_CONDITION], app.settings.api.cache_ttl_grid_s, build)


@router.get("/gaps", response_model=GapsBody)
def gaps(
    request: Request,
    app: ServicesOf,
    within: SpanOf,
    as_of: AsOf,
    table: Annotated[str | None, Query(max_length=80, description="Only holes of this table")] = None,
    kind: Annotated[str | None, Query(max_length=40, description="Only holes of this kind, for example ours")] = None,
    status: Annotated[GapStatus | None, Query(description="Only holes that stand so")] = None,
) -> Response:
    """Every known hole of an observed table, with its kind and what is done about it; newest first."""
    _table(table, list(TABLES))
    asked = (("table", table), ("kind", kind), ("status", status))
    where = {name: value for name, value in asked if value is not None}

    def build() -> dict[str, Any]:
        found = app.data.load(_GAPS, start=within.start, end=within.end, where=where, as_of=as_of)
        newest = found.sort("gap_start", descending=True).head(_MOST)
        return {"count": found.height, "kinds": _counts(found, "kind"), "rows": rows(newest), "as_of": as_of}

    return cached(request, app, [_GAPS], app.settings.api.cache_ttl_grid_s, build)


@router.get("/backups", response_model=BackupsBody)
def backups(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """The backups that are kept, newest first, and how the newest one came back when it was last restored."""

    def build() -> dict[str, Any]:
        kept = app.data.load(_BACKUP, as_of=as_of).sort("taken_at", descending=True)
        drilled = app.data.load_or_none(_DRILL, as_of=as_of)
        return {
            "count": kept.height,
            "backups": rows(kept),
            "drill": rows(drilled) if drilled is not None else [],
            "as_of": as_of,
        }

    return cached(request, app, [_BACKUP, _DRILL], app.settings.api.cache_ttl_grid_s, build)


def _counts(found: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(found[column].value_counts(sort=True).iter_rows())
