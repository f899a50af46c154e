"""`/api`: the btc domain. Features, plots, signals, performance, and how fresh each table is.

These five routes keep the shapes their clients know: rows under `data` with `metadata`, the hour as
`time`, and failures as `{"error": {"code", "message"}}`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from dashboards.btc.hours import HOUR
from dashboards.btc.plots import PLOTS
from dashboards.btc.style import Style
from dashboards.btc.window import Window
from dashboards.rest.answers import rows
from dashboards.rest.bodies import BtcPlotBody, BtcRowsBody, BtcStatsBody
from dashboards.rest.btc_errors import BTC_RESPONSES, BtcRoute
from dashboards.rest.errors import ApiError
from dashboards.rest.requests import AsOf, ServicesOf, cached
from dashboards.services import Services
from market_assets.btc import readers
from market_assets.btc.schemas import TABLES
from market_assets.btc.settings import FEATURE_GROUPS
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest

router = APIRouter(prefix="/api", tags=["btc"], route_class=BtcRoute, responses=BTC_RESPONSES)

_MOST_HOURS = 8760
_ALL_TABLES = [table.contract().name for table in TABLES]
_FEATURE_TABLES = [f"btc_{group}" for group in FEATURE_GROUPS]
_DAY = timedelta(days=1)

HourCount = Annotated[int, Query(ge=1, le=_MOST_HOURS, description="The newest hours")]


class Range:
    """`hours`, or both `start_date` and `end_date`. Raises InvalidRequest for a mix, one alone, a range backwards."""

    def __init__(
        self,
        hours: Annotated[
            int | None, Query(ge=1, le=_MOST_HOURS, description="The newest hours; not together with dates")
        ] = None,
        start_date: Annotated[
            str | None, Query(max_length=40, description="First hour: 2026-11-03, or 2026-11-03T14:00:00Z")
        ] = None,
        end_date: Annotated[
            str | None, Query(max_length=40, description="Last hour, inclusive; a date is the whole day")
        ] = None,
    ) -> None:
        self.hours = hours
        self._start, self._end = _instant("start_date", start_date), _instant("end_date", end_date)
        if hours is not None and (start_date or end_date):
            raise InvalidRequest("a range is either hours, or start_date with end_date; both were given")
        if (self._start is None) != (self._end is None):
            raise InvalidRequest("start_date and end_date are given together; one was alone")
        if end_date is not None and self._end is not None and len(end_date) <= len("2026-11-03"):
            self._end += _DAY - timedelta(microseconds=1)
        if self._start and self._end and self._start > self._end:
            raise InvalidRequest(f"start_date must not be after end_date; were {start_date} and {end_date}")

    def window(self, app: Services, default_hours: int, as_of: datetime | None) -> Window:
        """The hours asked for, `default_hours` where nothing was."""
        if self._start and self._end:
            return Window(self._start, self._end)
        return Window.newest(self.hours or default_hours, as_of or clock.now(), app.settings.btc.delay)


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return clock.instant(text)
    except (ValueError, OverflowError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None


def _groups(
    groups: Annotated[
        str | None, Query(max_length=200, description=f"Some of {', '.join(FEATURE_GROUPS)}, by commas; all by default")
    ] = None,
) -> list[str] | None:
    if groups is None:
        return None
    asked = [name.strip() for name in groups.split(",")]
    unknown = [name for name in asked if name not in FEATURE_GROUPS]
    if unknown:
        raise InvalidRequest(f"groups are {', '.join(FEATURE_GROUPS)}; was {', '.join(map(repr, unknown))}")
    return asked


RangeOf = Annotated[Range, Depends()]
GroupsOf = Annotated[list[str] | None, Depends(_groups)]


@router.get("/features", response_model=BtcRowsBody)
def features(request: Request, app: ServicesOf, asked: RangeOf, groups: GroupsOf, as_of: AsOf) -> Response:
    """Every feature per hour, oldest first. The newest 24 hours unless asked otherwise."""

    def build() -> dict[str, Any]:
        window = asked.window(app, 24, as_of)
        return _rows(app, readers.get_all_features(window.start, window.end, groups, as_of=as_of), as_of)

    return _cached(request, app, _FEATURE_TABLES, build)


@router.get("/plots/{type}", response_model=BtcPlotBody)
def plots(
    request: Request,
    app: ServicesOf,
    asked: RangeOf,
    as_of: AsOf,
    kind: Annotated[str, Path(alias="type", description=f"One of {', '.join(PLOTS)}", max_length=60)],
) -> Response:
    """A plotly figure, ready to draw. The newest 168 hours unless asked otherwise."""
    plot = PLOTS.get(kind)
    if plot is None:
        raise ApiError(404, "unknown_plot", f"no plot named {kind!r}; the plots are {', '.join(PLOTS)}")

    def build() -> dict[str, Any]:
        window = asked.window(app, 168, as_of)
        found = readers.get_all_features(window.start, window.end, list(plot.groups), as_of=as_of)
        figure = plot.draw(found, Style.of(app.settings.btc))
        return {"data": figure.to_plotly_json(), "metadata": _metadata(found), "as_of": as_of}

    return _cached(request, app, _FEATURE_TABLES, build)


@router.get("/latest_signals", response_model=BtcRowsBody)
def latest_signals(request: Request, app: ServicesOf, as_of: AsOf, hours: HourCount = 24) -> Response:
    """Hours in which any level of the signal speaks, newest first."""

    def build() -> dict[str, Any]:
        return _rows(app, readers.get_latest_signals(hours, now=as_of), as_of)

    return _cached(request, app, _FEATURE_TABLES, build)


@router.get("/performance", response_model=BtcRowsBody)
def performance(request: Request, app: ServicesOf, as_of: AsOf, hours: HourCount = 168) -> Response:
    """Realised quality per signal class and horizon. Null where no outcome has matured; ALL is the base rate."""

    def build() -> dict[str, Any]:
        found = readers.get_performance_metrics(hours, as_of=as_of)
        until = found["ts"][0] + _DAY
        span = (until - timedelta(hours=int(found["window_h"][0])), until - HOUR)
        return _rows(app, found, as_of, span)

    return _cached(request, app, ["btc_signals", "btc_labels"], build)


@router.get("/stats", response_model=BtcStatsBody, response_model_exclude_none=True)
def stats(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """Per table: first and last hour, rows, age of the newest in hours, and whether that is ok, late or stale."""

    def build() -> dict[str, Any]:
        found: dict[str, Any] = {**readers.get_table_states(as_of, app.data.store)}
        return found | ({"as_of": as_of} if as_of else {})

    return _cached(request, app, _ALL_TABLES, build)


def _cached(request: Request, app: Services, tables: list[str], build: Callable[[], dict[str, Any]]) -> Response:
    return cached(request, app, tables, app.settings.btc.api.cache_seconds, build)


def _rows(
    app: Services, found: pl.DataFrame, as_of: datetime | None, span: tuple[datetime, datetime] | None = None
) -> dict[str, Any]:
    """The envelope of rows; `span` where it is not that of their hours. Raises ApiError 422 for too many rows."""
    most = app.settings.btc.export.max_records
    if found.height > most:
        raise ApiError(
            422,
            "too_many_rows",
            f"an answer holds at most {most:,} rows (btc.export.max_records); these are {found.height:,}. "
            "Ask for a shorter range, or export to a file.",
        )
    return {"data": rows(found.rename({"ts": "time"})), "metadata": _metadata(found, span), "as_of": as_of}


def _metadata(found: pl.DataFrame, span: tuple[datetime, datetime] | None = None) -> dict[str, Any]:
    first, last = span or (found["ts"].min(), found["ts"].max())
    return {"start_time": first, "end_time": last, "record_count": found.height}
