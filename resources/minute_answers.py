"""What sources of minute bars answer, asked for as few times as a request may cover days.

A day that was asked for together with those before it is not asked for again. A source whose plan refused a symbol is
left alone for 24 hours, for days as old; of the running day that is remembered apart, because some plans give
everything but today.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Self

import polars as pl

from market_assets.bars.instruments import Bound
from market_assets.core import clock
from market_assets.settings import Settings
from resources.fallback import REFUSAL
from resources.http.errors import MissingKey, NotEntitled, VendorError
from resources.http.state import VendorState
from resources.vendors.minute import FetchedMinutes, MinuteSource
from resources.vendors.registry import Vendors


@dataclass(frozen=True)
class Window:
    """The minutes of one day that are wanted: [first, until), sessions only at both ends."""

    day: date
    first: datetime
    until: datetime
    #: whether the day is over
    is_over: bool


@dataclass(frozen=True)
class Answers:
    """The sources, and what they have said of whole blocks of days."""

    source: Callable[[str], MinuteSource]
    state: VendorState
    now: Callable[[], datetime] = clock.wall
    _held: dict[tuple[Bound, date], FetchedMinutes] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, settings: Settings, vendors: Vendors) -> Self:
        """Those of the settings."""
        return cls(vendors.minute_source, VendorState.of(settings.home))

    def minutes(self, bound: Bound, window: Window, ahead: Sequence[Window] = ()) -> FetchedMinutes:
        """What a source states of a window; requests are those that it took now.

        `ahead`: later windows that will be wanted of it as well; those that fit into the same request are asked for
        with it. Raises VendorError; NotEntitled also where it was refused in the last 24 hours.
        """
        with self._lock:
            held = self._held.pop((bound, window.day), None)
        if held is not None:
            return held
        source = self.source(bound.source)
        self.check(bound, window)
        block = block_of(window, ahead, source.most_minutes)
        try:
            return self._ask(source, bound, block)
        except NotEntitled:
            self._probe(source, bound, block)
            self._refuse(bound, window)
            raise

    def check(self, bound: Bound, window: Window) -> None:
        """Raise what is known beforehand: MissingKey, or NotEntitled where it was refused in the last 24 hours."""
        if not self.source(bound.source).enabled:
            raise MissingKey(bound.source, "needs a key and has none; nothing was sent", context=bound.symbol)
        refused = self.state.refused_until(bound.source, _refused(bound, window), window.day, self.now())
        if refused is not None:
            raise NotEntitled(
                bound.source,
                f"not entitled to {bound.symbol} of {window.day}, asked again after {refused:%Y-%m-%d %H:%MZ}",
                context=f"{bound.symbol} {window.day}",
                retry_at=refused,
            )

    def _ask(self, source: MinuteSource, bound: Bound, block: Sequence[Window]) -> FetchedMinutes:
        found = source.minutes(bound, block[0].first, block[-1].until)
        parts = {window: replace(found, frame=_within(found.frame, window)) for window in block[1:]}
        free = {window: replace(part, requests=0, credits=0, bytes=0, latency_ms=0.0) for window, part in parts.items()}
        with self._lock:
            self._held.update({(bound, window.day): part for window, part in free.items()})
        # rows outside every window are the first day's to count
        later = pl.any_horizontal(pl.lit(value=False), *(_is_in(window) for window in block[1:]))
        return replace(found, frame=found.frame.filter(~later))

    def _probe(self, source: MinuteSource, bound: Bound, block: Sequence[Window]) -> None:
        """Ask for the newest day of a refused block alone: refused as well, and none of them need be asked for."""
        newest = [window for window in block if window.is_over][-1:]
        if len(block) == 1 or not newest or newest[0] == block[0]:
            return
        try:
            found = self._ask(source, bound, newest)
        except NotEntitled:
            self._refuse(bound, newest[0])
        except VendorError:
            return  # says nothing about the plan; the day is asked for when its turn comes
        else:
            with self._lock:
                self._held[bound, newest[0].day] = found

    def _refuse(self, bound: Bound, window: Window) -> None:
        """Remember a refusal; one of a newer day stands, for it includes this one."""
        key, at = _refused(bound, window), self.now()
        if self.state.refused_until(bound.source, key, window.day, at) is None:
            self.state.refuse(bound.source, key, window.day, at + REFUSAL)


def block_of(window: Window, ahead: Sequence[Window], most_minutes: int) -> list[Window]:
    """A window with those of `ahead` that one request of so many minutes covers as well."""
    fits = [later for later in ahead if (later.until - window.first).total_seconds() <= 60 * most_minutes]
    return [window, *fits]


def _refused(bound: Bound, window: Window) -> str:
    """Under what a refusal is remembered: not that of daily bars of the same symbol."""
    return f"{bound.symbol} 1m" if window.is_over else f"{bound.symbol} 1m today"


def _is_in(window: Window) -> pl.Expr:
    return pl.col("ts").is_between(window.first, window.until, closed="left")


def _within(frame: pl.DataFrame, window: Window) -> pl.DataFrame:
    return frame.filter(_is_in(window))
