"""What row faults do to candles and minute bars: to what they say, to which of them are there, to their order."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

from resources.sandbox.bar_minutes import LastPrice, MinuteBars
from resources.sandbox.fault_rows import EVERY
from resources.sandbox.faults import Fault
from resources.sandbox.minutes import Booleans, Minutes

HOUR_MS = 3_600_000
_DECIMALS = 8
_PRICES = ("open", "high", "low", "close")

Rows = TypeVar("Rows", Minutes, MinuteBars)


def concerning(struck: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    """Of the faults that strike a question about several instruments, those that strike the one with these names."""
    return [fault for fault in struck if fault.symbol is None or fault.symbol in names]


def mispriced(price: LastPrice, struck: Sequence[Fault]) -> LastPrice:
    """The price after the faults that strike it."""
    for fault in struck:
        if fault.kind == "off_by":
            shifted = {
                name: round(getattr(price, name) * (1 + fault.ratio), _DECIMALS)
                for name in ("price", "open", "high", "low", "previous")
            }
            price = price._replace(**shifted)
    return price


def spoilt(rows: Rows, struck: Sequence[Fault]) -> Rows:
    """The candles of one answer after the faults that strike it."""
    for fault in struck:
        rows = _content(rows, fault)
    for fault in struck:
        rows = _order(rows, fault)
    return rows


def _content(rows: Rows, fault: Fault) -> Rows:
    if fault.kind == "correction":
        close = np.where(_struck(rows, fault), np.round(rows.close * fault.factor, _DECIMALS), rows.close)
        return rows.with_columns(close=close, high=np.maximum(rows.high, close), low=np.minimum(rows.low, close))
    if fault.kind == "missing_rows":
        return rows.take(~_struck(rows, fault))
    if fault.kind == "clip":
        return rows.take(slice(len(rows) // 2, None))
    if fault.kind == "nulls":
        which = _struck(rows, fault)
        numbers = {field.name: getattr(rows, field.name) for field in fields(rows)}
        floats = {name: values for name, values in numbers.items() if values.dtype == np.float64}
        return rows.with_columns(**{name: np.where(which, np.nan, values) for name, values in floats.items()})
    if fault.kind == "off_by":
        shifted = {name: np.round(getattr(rows, name) * (1 + fault.ratio), _DECIMALS) for name in _PRICES}
        return rows.with_columns(**shifted)
    return rows


def _order(rows: Rows, fault: Fault) -> Rows:
    if fault.kind == "duplicates":
        return rows.take(np.repeat(np.arange(len(rows)), 1 + _struck(rows, fault).astype(int)))
    if fault.kind == "out_of_order":
        # the second half first: every answer of two rows or more is out of order
        return rows.take(np.roll(np.arange(len(rows)), len(rows) // 2))
    return rows


def _struck(rows: Minutes | MinuteBars, fault: Fault) -> Booleans:
    """Candles of the days and hours that a fault names; of one that names none every tenth row."""
    if not fault.dates and not fault.starts:
        every_nth: Booleans = np.arange(len(rows)) % EVERY == 0
        return every_nth
    days = rows.time_ms.astype("datetime64[ms]").astype("datetime64[D]")
    named: Booleans = np.isin(days, np.array(fault.dates, "datetime64[D]"))
    return named | np.isin(rows.time_ms // HOUR_MS * HOUR_MS // 1000, np.array(fault.starts, np.int64))
