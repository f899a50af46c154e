"""What row faults do to hours: `published` by the clock, `window` to the rows asked for, `order` to those sent."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.fault_rows import EVERY
from resources.sandbox.faults import Fault
from resources.sandbox.hours import HOUR, Floats, Hours, within

#: seconds from the end of an hour until the vendor publishes it
LAG = 600
#: how far `off_hour` moves a stamp, in seconds
OFF_HOUR = 17 * 60


def published(begun: Hours, at: float, faults: Sequence[Fault]) -> Hours:
    """Of the hours begun by `at` (epoch seconds) those published, and the one still running; late and restated ones."""
    ends = begun.start + HOUR
    due = (ends + LAG).astype(np.float64)
    running = ends > at
    for fault in faults:
        if fault.kind == "late":
            late = within(begun, fault.dates, fault.starts)
            due[late] += fault.hours * HOUR
            running &= ~late
    for fault in faults:
        if fault.kind == "correction":
            restated = within(begun, fault.dates, fault.starts) & (due + fault.hours * HOUR <= at)
            begun = _restated(begun, restated, fault.factor)
    return begun.take((due <= at) | running)


def window(shown: Hours, since: int, until: int, faults: Sequence[Fault]) -> Hours:
    """The rows with `since` <= start < `until` after missing, null and clipped rows."""
    rows = shown.window(since, until)
    for fault in faults:
        if fault.kind == "missing_rows":
            rows = rows.take(~_struck(rows, fault))
        elif fault.kind == "clip":
            rows = rows.take(slice(len(rows) // 2, None))
        elif fault.kind == "nulls":
            struck = _struck(rows, fault)
            rows = rows.with_values(**{name: np.where(struck, np.nan, c) for name, c in rows.values.items()})
    return rows


def order(rows: Hours, faults: Sequence[Fault]) -> Hours:
    """The rows after wrong stamps, duplicates and disorder."""
    for fault in faults:
        if fault.kind == "off_hour":
            rows = Hours(rows.start + OFF_HOUR * _struck(rows, fault), rows.values)
        elif fault.kind == "duplicates":
            rows = rows.take(np.repeat(np.arange(len(rows)), 1 + _struck(rows, fault).astype(int)))
        elif fault.kind == "out_of_order":
            # the second half first: every answer of two rows or more is out of order
            rows = rows.take(np.roll(np.arange(len(rows)), len(rows) // 2))
    return rows


def _struck(rows: Hours, fault: Fault) -> NDArray[np.bool_]:
    if fault.dates or fault.starts:
        return within(rows, fault.dates, fault.starts)
    every_nth: NDArray[np.bool_] = np.arange(len(rows)) % EVERY == 0
    return every_nth


def _restated(hours: Hours, which: NDArray[np.bool_], factor: float) -> Hours:
    """Every value times `factor` where `which`: an hour's prices keep their order."""
    columns: dict[str, Floats] = {
        name: np.where(which, np.round(column * factor, 6), column) for name, column in hours.values.items()
    }
    return hours.with_values(**columns)
