"""What row faults do to bars: `window` before paging, `order` to the page that is sent."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.backend import Bars, Dividend, Floats, Split
from resources.sandbox.faults import Fault

Event = TypeVar("Event", Split, Dividend)

#: without `dates`, a row fault strikes one row of so many, the first of them included
EVERY = 10

PRICES = ("open", "high", "low", "close")


def window(bars: Bars, first: date, last: date, faults: Sequence[Fault], names: Sequence[str]) -> Bars:
    """The bars from `first` to `last` after extra, missing, null, corrected and clipped rows."""
    own = [fault for fault in faults if fault.symbol is None or fault.symbol in names]
    for fault in own:
        if fault.kind == "extra_rows":
            bars = _with_extra(bars, fault)
    bars = bars.window(first, last)
    for fault in own:
        bars = _content(bars, fault)
    return bars


def order(bars: Bars, faults: Sequence[Fault], names: Sequence[str]) -> Bars:
    """The rows of one page after duplicates and disorder."""
    for fault in faults:
        if fault.symbol is not None and fault.symbol not in names:
            continue
        if fault.kind == "duplicates":
            struck = _struck(bars, fault)
            bars = bars.take(np.repeat(np.arange(len(bars)), 1 + struck.astype(int)))
        elif fault.kind == "out_of_order":
            # the second half first: every answer of two rows or more is out of order
            bars = bars.take(np.roll(np.arange(len(bars)), len(bars) // 2))
    return bars


def remaining(events: Sequence[Event], faults: Sequence[Fault], names: Sequence[str]) -> list[Event]:
    """The splits or dividends that `missing_actions` leaves."""
    return [event for event in events if not _left_out(event, faults, names)]


def _left_out(event: Split | Dividend, faults: Sequence[Fault], names: Sequence[str]) -> bool:
    return any(
        fault.kind == "missing_actions"
        and (fault.symbol is None or fault.symbol in names)
        and (not fault.dates or event.ex_date in fault.dates)
        for fault in faults
    )


def _struck(bars: Bars, fault: Fault) -> NDArray[np.bool_]:
    if fault.dates:
        return np.isin(bars.day, np.array(fault.dates, "datetime64[D]"))
    every_nth: NDArray[np.bool_] = np.arange(len(bars)) % EVERY == 0
    return every_nth


def _content(bars: Bars, fault: Fault) -> Bars:
    if fault.kind == "missing_rows":
        return bars.take(~_struck(bars, fault))
    if fault.kind == "clip":
        return bars.take(slice(len(bars) // 2, None))
    if fault.kind == "nulls":
        struck = _struck(bars, fault)
        return bars.with_columns(**{name: np.where(struck, np.nan, getattr(bars, name)) for name in PRICES})
    if fault.kind == "correction":
        close: Floats = np.where(_struck(bars, fault), np.round(bars.close * fault.factor, 4), bars.close)
        return bars.with_columns(close=close, high=np.maximum(bars.high, close), low=np.minimum(bars.low, close))
    return bars


def _with_extra(bars: Bars, fault: Fault) -> Bars:
    """A copy of the row before each date, dated so; none where no row lies before it."""
    for day in fault.dates:
        before = int(np.searchsorted(bars.day, np.datetime64(day), "right")) - 1
        if before < 0:
            continue
        extra = bars.take([before]).with_columns(day=np.array([day], "datetime64[D]"))
        bars = bars.take(slice(before + 1)).append(extra).append(bars.take(slice(before + 1, None)))
    return bars
