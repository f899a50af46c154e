"""What row faults do to settlements: to what an exchange has, to the rows an answer is asked for, to their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.fault_rows import EVERY
from resources.sandbox.faults import Fault
from resources.sandbox.perpetuals import HOUR_MS, Settlements

_DECIMALS = 12


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which rows one answer of history is asked for."""

    #: first <= stamp < until; None is no bound
    first_ms: int | None = None
    until_ms: int | None = None
    #: rows of a page at most
    rows: int
    #: order of the answer; a page is cut from the newer end of the window where true, else from the older
    newest_first: bool = False
    #: rows of earlier pages, for exchanges that page by number or offset
    skip: int = 0


def page(settled: Settlements, part: Part, struck: Sequence[Fault]) -> Settlements:
    """The rows of one answer, in its order, after the faults that strike it."""
    for fault in struck:
        settled, part = _understood(_shown(settled, fault), part, fault)
    rows = settled.window(part.first_ms, part.until_ms)
    for fault in struck:
        rows = _content(rows, fault)
    rows = rows.reversed() if part.newest_first else rows
    rows = rows.take(slice(part.skip, part.skip + part.rows))
    for fault in struck:
        rows = _order(rows, fault)
    return rows


def _shown(settled: Settlements, fault: Fault) -> Settlements:
    """Everything an exchange has, restated or stamped wrongly."""
    if fault.kind == "correction":
        restated = np.where(_struck(settled, fault), np.round(settled.rate * fault.factor, _DECIMALS), settled.rate)
        return settled.with_columns(rate=restated)
    if fault.kind == "clock_ahead":
        return settled.with_columns(time_ms=settled.time_ms + int(fault.seconds * 1000))
    return settled


def _understood(settled: Settlements, part: Part, fault: Fault) -> tuple[Settlements, Part]:
    """What an exchange looks in and looks for that misunderstands the question."""
    if fault.kind == "wrong_window":
        return settled.newest(part.rows), replace(part, first_ms=None, until_ms=None, skip=0)
    if fault.kind == "same_page":
        # ignored is whatever moves from one page to the next
        first_ms, until_ms = (part.first_ms, None) if part.newest_first else (None, part.until_ms)
        return settled, replace(part, first_ms=first_ms, until_ms=until_ms, skip=0)
    return settled, part


def _content(rows: Settlements, fault: Fault) -> Settlements:
    """The rows of a window without some of them, or without their rates."""
    if fault.kind == "missing_rows":
        return rows.take(~_struck(rows, fault))
    if fault.kind == "clip":
        return rows.take(slice(len(rows) // 2, None))
    if fault.kind == "nulls":
        return rows.with_columns(rate=np.where(_struck(rows, fault), np.nan, rows.rate))
    return rows


def _order(rows: Settlements, fault: Fault) -> Settlements:
    if fault.kind == "duplicates":
        return rows.take(np.repeat(np.arange(len(rows)), 1 + _struck(rows, fault).astype(int)))
    if fault.kind == "out_of_order":
        # the second half first: every answer of two rows or more is out of order
        return rows.take(np.roll(np.arange(len(rows)), len(rows) // 2))
    return rows


def _struck(rows: Settlements, fault: Fault) -> NDArray[np.bool_]:
    """Settlements of the days and hours that a fault names; of one that names none every tenth row."""
    if not fault.dates and not fault.starts:
        every_nth: NDArray[np.bool_] = np.arange(len(rows)) % EVERY == 0
        return every_nth
    days = rows.time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    hours = rows.time_ms // HOUR_MS * HOUR_MS // 1000
    named: NDArray[np.bool_] = np.isin(days, np.array(fault.dates, "datetime64[D]"))
    return named | np.isin(hours, np.array(fault.starts, np.int64))
