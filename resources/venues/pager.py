"""The one way through a venue's settled history, which verifies what came back.

Windowed venues are asked for our own windows, oldest first, each expected to fill at most 80 % of a page
at the contract's shortest interval. A cut answer, by a page shorter than documented or an interval shorter
than known, ends short of one of its window's edges: an edge without rows for longer than the rows are
apart is asked again, and after a page that is full so is every edge. Backward venues are walked from the
newest page until `first`, or until nothing older comes; a short page alone is not the end.

A stamp up to a minute before `first` or around a window's ends belongs: venues stamp settlements up to
some seconds beside their instant (seen: 47 ms), while no interval is shorter than an hour. Windows abut
and rows are told apart by their stamp, so that no event is lost or doubled at a boundary. Nothing at or
after `until` is taken: what a venue stamps ahead of our clock is not settled yet.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, isfinite
from typing import Literal

import polars as pl

from resources.http.errors import Clipped, Malformed, VendorError
from resources.venues.venue import EVENTS, Ask, Backward, Caller, Instrument, Page, Position, Venue, Whole, Windowed

#: how far from its instant a settlement may be stamped
TOLERANCE = timedelta(seconds=60)
#: share of a page that a window is expected to fill
_FILLED = 0.8
#: requests made at most, against those expected: pages may be smaller than documented, intervals shorter than known
_PATIENCE, _WINDOW_PATIENCE = 10, 50
_AT = "funding_time_native"
#: what instants are counted in
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Walked:
    """Events of one contract."""

    #: EVENTS, unique and sorted by time; a row without a rate is kept
    frame: pl.DataFrame
    #: oldest event the venue still has, where it has none from the beginning of what was asked
    floor: datetime | None
    requests: int
    #: rows of windows' answers that lie outside the window asked
    outside: int = 0
    #: rows that an answer stated again; of two the later is kept
    duplicates: int = 0


@dataclass(frozen=True, kw_only=True)
class History(Walked):
    """Events of one contract as an exchange gave them."""

    #: when the newest answer arrived
    received_at: datetime


def walk(
    venue: Venue, caller: Caller, instrument: Instrument, first: datetime, until: datetime, shortest_hours: float
) -> Walked:
    """Every event of a contract from `first` before `until`.

    `shortest_hours` is the shortest interval the contract is known to have had. Raises Malformed where
    answers are of another window or contract, or repeat a page; Clipped where a page is too short for
    one interval; and what the caller raises.
    """
    walking = _Walk(venue, caller, instrument, first, until, timedelta(hours=shortest_hours))
    if first >= until:
        return walking.walked(None)
    match venue.history:
        case Windowed() as how:
            floor = walking.through_windows(how)
        case Backward() as how:
            floor = walking.back(how)
        case Whole() as how:
            floor = walking.whole(how)
    return walking.walked(floor)


def window_length(how: Windowed, shortest: timedelta) -> timedelta:
    """The length of the windows that a contract with so short an interval is asked for by."""
    return max(1, int(how.page_rows * _FILLED)) * shortest


@dataclass(frozen=True)
class _Window:
    start: datetime
    end: datetime
    #: `head` and `tail` are edges of a window that are asked again
    part: Literal["window", "head", "tail"] = "window"


@dataclass
class _Walk:
    venue: Venue
    caller: Caller
    instrument: Instrument
    first: datetime
    until: datetime
    shortest: timedelta
    pages: list[pl.DataFrame] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    #: of the last request, as messages show it
    context: str = ""
    outside: int = 0
    duplicates: int = 0

    def walked(self, floor: datetime | None) -> Walked:
        """What came of it."""
        return Walked(
            frame=in_order(pl.concat([EVENTS.to_frame(), *self.pages])),
            floor=floor,
            requests=len(self.asked),
            outside=self.outside,
            duplicates=self.duplicates,
        )

    def through_windows(self, how: Windowed) -> datetime | None:
        """Ask window by window; the floor where the first windows were empty."""
        step = window_length(how, self.shortest)
        starts = itertools.takewhile(lambda at: at < self.until, (self.first + n * step for n in itertools.count()))
        # a stack with the oldest on top
        todo = [_Window(start, min(start + step, self.until)) for start in starts][::-1]
        most = _WINDOW_PATIENCE * len(todo)
        while todo:
            if len(self.asked) >= most:
                raise self._wrong(Clipped, f"{most} requests and {_show(todo[-1].start)} is not passed")
            todo += reversed(list(self._window(how, todo.pop())))
        oldest = self._oldest
        return oldest if oldest is not None and oldest >= self.first + step else None

    def back(self, how: Backward) -> datetime | None:
        """Ask page by page, newest first; the floor where nothing older came before `first`."""
        position, most = Position(pages=0, rows=0, cursor=None, before=self.until), _PATIENCE
        while True:
            ask = replace(how.ask(self.instrument, position), context="")
            # the same request brings the same page: the venue gave no mark of an older one
            if ask in self.asked:
                return self._floor(position)
            page = self._page(ask, f"page {position.pages + 1} back to {_show(self.first)}")
            times = page.frame[_AT]
            if times.is_empty() or (position.pages and self._brings_nothing(times, position)):
                return self._floor(position)
            if not position.pages:
                expected = (_newest(times) - self.first) / self.shortest / how.page_rows
                most += _PATIENCE * max(0, ceil(expected))
            self._take(page.frame)
            position = Position(position.pages + 1, position.rows + len(times), page.cursor, _oldest(times))
            if position.before <= self.first:
                return None
            if position.pages >= most:
                raise self._wrong(Clipped, f"{most} pages reach back to {_show(position.before)} only")

    def whole(self, how: Whole) -> datetime | None:
        """Ask once; the floor where the answer begins after `first`."""
        page = self._page(how.ask(self.instrument), "whole history")
        times = page.frame[_AT]
        self._take(page.frame)
        return self._floor(Position(1, len(times), None, _oldest(times))) if len(times) else None

    def _window(self, how: Windowed, asked: _Window) -> Iterator[_Window]:
        """Ask for one window; gives the edges of it that are to be asked again."""
        start, end = asked.start, asked.end
        ask = how.ask(self.instrument, start, end)
        rows = self._page(ask, f"{_show(start)}..{_show(end)}").frame
        near, inside = _cut(rows, start - TOLERANCE, end + TOLERANCE), _cut(rows, start, end - _TICK)[_AT]
        if inside.is_empty() and near.height < rows.height:
            self._refuse_other_window(rows[_AT], asked)
        self.outside += rows.height - near.height
        self._take(near)
        if not inside.is_empty():
            yield from self._bare_edges(asked, inside, is_full=rows.height >= how.page_rows)

    def _bare_edges(self, asked: _Window, inside: pl.Series, *, is_full: bool) -> Iterator[_Window]:
        spacing = _spacing(inside) or self.shortest
        head = tail = timedelta(0) if is_full else spacing + TOLERANCE
        if not is_full and asked.part != "tail":
            # an event at `start` itself would be inside, one at `end` would not, and a tail begins after one
            head = spacing - TOLERANCE
        after = _newest(inside) + timedelta(milliseconds=1)
        if _oldest(inside) - asked.start > head:
            yield _Window(asked.start, _oldest(inside), "head")
        if asked.end - after > tail:
            yield _Window(after, asked.end, "tail")

    def _refuse_other_window(self, times: pl.Series, asked: _Window) -> None:
        """Raise unless rows that are all outside an edge show that there is nothing in it."""
        if asked.part == "window" or (asked.part == "head" and _oldest(times) >= asked.end):
            raise self._wrong(
                Malformed,
                f"the wrong window: asked for {_show(asked.start)}..{_show(asked.end)}, "
                f"got {len(times)} rows of {_show(_oldest(times))}..{_show(_newest(times))}",
            )

    def _brings_nothing(self, times: pl.Series, position: Position) -> bool:
        """Whether a page has nothing older than the pages before it. Raises Malformed where it repeats one."""
        if _oldest(times) < position.before:
            return False
        # a bound that includes its own instant brings that row once more, and it alone
        if _newest(times) == position.before:
            return True
        raise self._wrong(Malformed, f"the same page again: {len(times)} rows, none before {_show(position.before)}")

    def _floor(self, position: Position) -> datetime | None:
        found = position.pages and position.before > self.first + self.shortest
        return position.before if found else None

    def _page(self, ask: Ask, what: str) -> Page:
        self.asked.append(ask)
        self.context = f"{self.instrument.native_symbol} {what}"
        value = self.caller.one(replace(ask, context=self.context))
        try:
            page = self.venue.events(value, self.instrument)
            self._check(page.frame)
        except VendorError as refused:
            raise refused.located(ask.path, self.context) from None
        return page

    def _check(self, rows: pl.DataFrame) -> None:
        """Raise Malformed unless rows are events of this contract with an instant and a finite rate or none."""
        if rows.schema != EVENTS:
            raise TypeError(f"the parser of {self.venue.exchange} must give EVENTS, gave {rows.schema}")
        wanted, symbols, rates = self.instrument.native_symbol, rows["native_symbol"], rows["rate_native"]
        if symbols.null_count() or not (symbols == wanted).all():
            others = symbols.filter(symbols.ne_missing(wanted))
            raise Malformed(self.venue.exchange, f"asked for {wanted}, got {others[0]}")
        if rows[_AT].null_count():
            raise Malformed(self.venue.exchange, f"{rows[_AT].null_count()} of {rows.height} settlements have no time")
        # a sum of numbers is a number; most pages need no look at each of them
        if not isfinite(rates.sum()) and (strange := rows.filter(~rates.is_finite())).height:
            raise Malformed(self.venue.exchange, f"the rate of {_show(strange[_AT][0])} is {strange['rate_native'][0]}")

    def _take(self, rows: pl.DataFrame) -> None:
        wanted = _cut(rows, self.first - TOLERANCE, self.until - _TICK)
        self.duplicates += wanted.height - wanted[_AT].n_unique()
        self.pages.append(wanted)

    def _wrong(self, kind: type[VendorError], said: str) -> VendorError:
        advice = "Nothing was stored; look at the raw response, and at the venue's record (order, page_rows)"
        return kind(self.venue.exchange, said, endpoint=self.asked[-1].path, context=self.context, advice=advice)

    @property
    def _oldest(self) -> datetime | None:
        found = [_oldest(page[_AT]) for page in self.pages if page.height]
        return min(found, default=None)


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """EVENTS by time, of those with the same stamp the last."""
    if events[_AT].n_unique() < events.height:
        events = events.unique(_AT, keep="last", maintain_order=True)
    return events.sort(_AT)


def _cut(rows: pl.DataFrame, first: datetime, last: datetime) -> pl.DataFrame:
    """The rows from `first` to `last`, both included: mostly all of them."""
    times = rows[_AT]
    # pages are short and many: a query costs more than what it does to some hundred rows
    if rows.is_empty() or (_oldest(times) >= first and _newest(times) <= last):
        return rows
    return rows.filter(times.is_between(first, last))


def _spacing(times: pl.Series) -> timedelta | None:
    """Median distance of instants that follow each other; None of less than two."""
    ordered = times.sort()
    if ordered.n_unique() < len(ordered):
        ordered = ordered.unique().sort()
    found = (ordered[1:] - ordered[:-1]).median()
    assert found is None or isinstance(found, timedelta)
    return found


def _oldest(times: pl.Series) -> datetime:
    found = times.min()
    assert isinstance(found, datetime)
    return found


def _newest(times: pl.Series) -> datetime:
    found = times.max()
    assert isinstance(found, datetime)
    return found


def _show(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
