"""How many rows an answer has, how far back without a start, pages of bars."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import Query

from dashboards.rest.answers import rows
from dashboards.rest.requests import Range
from dashboards.services import Services

#: bars of an answer without a start
_NEWEST_BARS = 500
#: days that are searched without a start, from the newest stored one back
_DAYS_BACK = 30

Limit = Annotated[int | None, Query(ge=1, le=50_000, description="Rows at most; api.page_rows at most")]


def most(app: Services, limit: int | None, default: int | None = None) -> int:
    """How many rows an answer may have: what was asked or `default`, at most what the settings allow."""
    allowed = app.settings.api.page_rows
    return min(limit or default or allowed, allowed)


def since(app: Services, table: str, within: Range) -> date | datetime | None:
    """Where a search begins: as asked, else 30 days before its end, or before the newest stored day."""
    if within.start is not None:
        return within.start
    newest = max((part.max_time for part in app.data.manifests(table) if part.max_time), default=None)
    known = [at for at in (within.end, newest) if at is not None]
    return None if not known else min(_day(at) for at in known) - timedelta(days=_DAYS_BACK)


def page_of_bars(
    app: Services, within: Range, limit: int | None, load: Callable[[int], pl.DataFrame]
) -> dict[str, Any]:
    """The part of an answer that all bars have: from the start on page by page, or the newest without one."""
    if within.start is None:
        shown, left = load(most(app, limit, _NEWEST_BARS)), None
    else:
        size = most(app, limit)
        found = load(size + 1)
        shown, left = found.head(size), found["ts"][size] if found.height > size else None
    return {"count": shown.height, "next_start": left, "data": rows(shown)}


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
