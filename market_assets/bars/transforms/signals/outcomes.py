"""How a signal ended: the first bar after it that touched its target or its stop, or neither in time."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Result(NamedTuple):
    """The end of one signal; `entry` and `exit` are rows of the tape."""

    outcome: str
    entry: int
    exit: int
    entry_price: float
    exit_price: float
    r_multiple: float


class Course(NamedTuple):
    """From which row's close on a signal is open no more, and how it ended; None where it never began."""

    known: int
    result: Result | None


@dataclass(frozen=True)
class Tape:
    """Bars of one symbol in order; `breaks` are the rows at which the instrument kind changed."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    breaks: Sequence[int]

    def __len__(self) -> int:
        return len(self.close)

    def segment_end(self, row: int) -> int:
        """The first row after the segment that `row` is in."""
        at = bisect_right(self.breaks, row)
        return self.breaks[at] if at < len(self.breaks) else len(self)


def course(tape: Tape, fired: int, side: int, risk: float, rr: float, horizon: int) -> Course:
    """What became of a signal of row `fired`: entered at the next open, `risk` from its stop, `rr` times that from
    its target.

    A bar that holds both is a loss. After `horizon` bars, the bar of entry included, it is a timeout at the close. A
    change of the instrument kind ends it as a timeout at the last bar before it, which only the bar after it can
    tell; a signal of that last bar never begins. A bar that opens beyond the stop ends it there. Where the tape ends
    first, `known` is its length: still open.
    """
    entry, segment_end = fired + 1, tape.segment_end(fired)
    if entry >= segment_end:
        return Course(segment_end, None)
    entry_price = float(tape.open[entry])
    stop, target = entry_price - side * risk, entry_price + side * rr * risk
    end = min(entry + horizon, segment_end)
    worst, best = (tape.low, tape.high) if side > 0 else (tape.high, tape.low)
    is_lost = side * (worst[entry:end] - stop) <= 0
    is_over = is_lost | (side * (best[entry:end] - target) >= 0)
    at = int(is_over.argmax())
    row = entry + at
    if is_lost[at]:
        opened = float(tape.open[row])
        if side * (opened - stop) < 0:
            return Course(row, Result("loss", entry, row, entry_price, opened, side * (opened - entry_price) / risk))
        return Course(row, Result("loss", entry, row, entry_price, stop, -1.0))
    if is_over[at]:
        return Course(row, Result("win", entry, row, entry_price, target, rr))
    is_in_time = end < entry + horizon
    if is_in_time and segment_end == len(tape):
        return Course(len(tape), None)
    left = float(tape.close[end - 1])
    result = Result("timeout", entry, end - 1, entry_price, left, side * (left - entry_price) / risk)
    return Course(segment_end if is_in_time else end - 1, result)
