"""What routes have in common when they read a request: services, instants, cached answers."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from dashboards.rest.answers import encode
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest

_Value = TypeVar("_Value")
#: nothing is older, nothing is published later: what a client means by the ends of the calendar, where sums overflow
_EARLIEST, _LATEST = clock.instant("1900-01-01"), clock.instant("2200-01-01")
#: an object, or rows where that is the shape clients know
Body = TypeVar("Body", dict[str, Any], list[dict[str, Any]])


# routes that must be quick wait for no thread: what reads a request alone is done where it came in
async def services(request: Request) -> Services:
    """The services of the app that got the request."""
    return cast(Services, request.app.state.services)


async def _as_of(
    as_of: Annotated[str | None, Query(description="Answer with the versions published at this UTC instant")] = None,
) -> datetime | None:
    return _parsed("as_of", as_of, _instant)


class Span:
    """`start` and `end` of a request, both inclusive. Raises InvalidRequest for no date, and for a range backwards."""

    def __init__(
        self,
        start: Annotated[str | None, Query(description="First day, inclusive: 2026-11-03")] = None,
        end: Annotated[str | None, Query(description="Last day, inclusive: 2026-11-03")] = None,
    ) -> None:
        self.start = _parsed("start", start, _day)
        self.end = _parsed("end", end, _day)
        if self.start and self.end and self.start > self.end:
            raise InvalidRequest(f"start must not be after end; start is {start}, end is {end}")


class Range:
    """`start` and `end` of a request by instants or days, both inclusive; a day as `end` is the whole day.

    Raises InvalidRequest for what is neither, and for a range backwards.
    """

    def __init__(
        self,
        start: Annotated[str | None, Query(description="First instant or day: 2026-11-03T14:00:00Z")] = None,
        end: Annotated[str | None, Query(description="Last instant or day, inclusive")] = None,
    ) -> None:
        self.start = _parsed("start", start, _moment)
        self.end = _parsed("end", end, _moment)
        if self.start and self.end and clock.instant(self.start) > _last(self.end):
            raise InvalidRequest(f"start must not be after end; start is {start}, end is {end}")


class Page:
    """`limit` and `cursor` of a request."""

    def __init__(
        self,
        limit: Annotated[
            int | None, Query(ge=1, le=50_000, description="Rows of a page; api.page_rows at most")
        ] = None,
        cursor: Annotated[str | None, Query(max_length=500, description="next_cursor of the page before")] = None,
    ) -> None:
        self.limit, self.cursor = limit, cursor

    def rows(self, app: Services) -> int:
        """The size of the page: what was asked, at most what the settings allow."""
        most = app.settings.api.page_rows
        return min(self.limit or most, most)


def _instant(text: str) -> datetime:
    return min(max(clock.instant(text), _EARLIEST), _LATEST)


def _day(text: str) -> date:
    return _instant(text).date()


def _moment(text: str) -> date | datetime:
    """The day where one is written, else the instant."""
    found = _instant(text)
    return found.date() if len(text) <= 10 else found


def _last(moment: date | datetime) -> datetime:
    """The last instant that is meant: of a day its midnight and nearly a day more."""
    is_day = not isinstance(moment, datetime)
    return clock.instant(moment) + (timedelta(days=1, microseconds=-1) if is_day else timedelta(0))


def _parsed(name: str, text: str | None, parse: Callable[[str], _Value]) -> _Value | None:
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None


ServicesOf = Annotated[Services, Depends(services)]
AsOf = Annotated[datetime | None, Depends(_as_of)]
SpanOf = Annotated[Span, Depends()]
RangeOf = Annotated[Range, Depends()]
PageOf = Annotated[Page, Depends()]


def cached(
    request: Request,
    app: Services,
    tables: Iterable[str],
    ttl_s: float,
    build: Callable[[], Body],
    *,
    also: str = "",
) -> Response:
    """The answer from the cache, or built, marked as demo data where it is, and kept.

    The key is path, sorted query and the published versions of `tables`, and `also` whatever else
    the answer depends on.
    """
    query = urlencode(sorted(request.query_params.multi_items()))
    key = f"{request.url.path}?{query}|{app.data.version(tables)}|{also}"
    body = app.cache.get(key)
    found = body is not None
    if body is None:
        body = encode(marked(app, build()))
        app.cache.put(key, body, ttl_s)
    return Response(body, media_type="application/json", headers={"X-Cache": "hit" if found else "miss"})


def marked(app: Services, body: Body) -> Body:
    """The body, or each row of a body that is a list, with `demo: true` where the data came from the sandbox."""
    if not app.data.demo:
        return body
    return [{**row, "demo": True} for row in body] if isinstance(body, list) else {**body, "demo": True}
