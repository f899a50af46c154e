"""What row faults do to candles: to what they say, to which of them are there, to their order."""

from collections.abc import Sequence

import numpy as np

from resources.sandbox.fault_rows import EVERY
from resources.sandbox.faults import Fault
from resources.sandbox.minutes import Booleans, Minutes

HOUR_MS = 3_600_000
_DECIMALS = 8


def spoilt(rows: Minutes, struck: Sequence[Fault]) -> Minutes:
    """The candles of one answer after the faults that strike it."""
    for fault in struck:
        rows = _content(rows, fault)
    for fault in struck:
        rows = _order(rows, fault)
    return rows


def _content(rows: Minutes, fault: Fault) -> Minutes:
    if fault.kind == "correction":
        close = np.where(_struck(rows, fault), np.round(rows.close * fault.factor, _DECIMALS), rows.close)
        return rows.with_columns(close=close, high=np.maximum(rows.high, close), low=np.minimum(rows.low, close))
    if fault.kind == "missing_rows":
        return rows.take(~_struck(rows, fault))
    if fault.kind == "clip":
        return rows.take(slice(len(rows) // 2, None))
    if fault.kind == "nulls":
        which = _struck(rows, fault)
        names = ("open", "high", "low", "close", "volume", "quote_volume", "taker_base", "taker_quote")
        return rows.with_columns(**{name: np.where(which, np.nan, getattr(rows, name)) for name in names})
    return rows


def _order(rows: Minutes, fault: Fault) -> Minutes:
    if fault.kind == "duplicates":
        return rows.take(np.repeat(np.arange(len(rows)), 1 + _struck(rows, fault).astype(int)))
    if fault.kind == "out_of_order":
        # the second half first: every answer of two rows or more is out of order
        return rows.take(np.roll(np.arange(len(rows)), len(rows) // 2))
    return rows


def _struck(rows: Minutes, fault: Fault) -> Booleans:
    """Candles of the days and hours that a fault names; of one that names none every tenth row."""
    if not fault.dates and not fault.starts:
        every_nth: Booleans = np.arange(len(rows)) % EVERY == 0
        return every_nth
    days = rows.time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    named: Booleans = np.isin(days, np.array(fault.dates, "datetime64[D]"))
    return named | np.isin(rows.time_ms // HOUR_MS * HOUR_MS // 1000, np.array(fault.starts, np.int64))
