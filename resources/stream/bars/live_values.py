"""The 16 values of every symbol: of its closed bars, and of the forming one.

A bar that follows the last one is one step of the bank. One that was put between others, or before all, makes the
symbol's history anew, which a thread does beside the loop and the loop then takes over.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from market_assets.bars.instruments import KINDS
from market_assets.core.incremental.bank import Bank, BarArrays
from resources.stream.bars.measures import Histogram
from resources.stream.bars.records import LiveBar
from resources.stream.bars.ring import Ring, Rows, micros
from resources.stream.bars.watched import Watched

Floats = npt.NDArray[np.float64]
#: kind of a row whose history is empty
_NO_KIND = -1


class _Made(NamedTuple):
    """What a thread computed anew: place i is row `rows[i]` as it was at `revisions[i]`."""

    bank: Bank
    rows: list[int]
    revisions: list[int]
    values: Floats
    kinds: npt.NDArray[np.int64]


class LiveValues:
    """The bank of all symbols, fed from the ring."""

    def __init__(self, watched: Watched, ring: Ring, measures_volume: Callable[[str], bool], warm_bars: int) -> None:
        self._watched, self._ring, self._warm_bars = watched, ring, warm_bars
        self._measures = [measures_volume(symbol) for symbol in watched.symbols]
        n = len(watched.symbols)
        self._bank = self._new(range(n))
        self._kinds = np.full(n, _NO_KIND)
        #: the newest values of each symbol's closed bars
        self.closed: Floats = np.full((n, len(Bank.COLUMNS)), np.nan)
        #: rows with bars that came between others, and those of them that no thread has begun with
        self._stale: set[int] = set()
        self._wanted: set[int] = set()
        self._made: list[_Made] = []
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self.update_ms = Histogram()

    def bars(self, row: int) -> int:
        """Bars of the row's running segment that its values are computed from."""
        return int(self._bank.counts[row])

    def is_warm(self, row: int) -> bool:
        """Whether these are as many as the values need, and none came between them since."""
        return self.bars(row) >= self._warm_bars and row not in self._stale

    @property
    def is_warming(self) -> bool:
        """Whether a symbol is not warm."""
        return any(not self.is_warm(row) for row in range(len(self._watched.symbols)))

    def update(self, bars: Sequence[tuple[int, LiveBar]]) -> None:
        """Apply closed bars, at most one a row."""
        if not bars:
            return
        rows = np.array([row for row, _ in bars])
        kinds = np.array([KINDS.index(bar.instrument_kind) for _, bar in bars])
        began = time.perf_counter()
        self.closed[rows] = _step(self._bank, rows, _arrays([bar for _, bar in bars]), kinds, self._kinds)
        self._measure(began, len(bars))

    def peek(self, bars: Sequence[tuple[int, LiveBar]]) -> Floats:
        """The values as they would be if these forming bars closed now."""
        if not bars:
            return np.zeros((0, len(Bank.COLUMNS)))
        began = time.perf_counter()
        values = self._bank.peek(np.array([row for row, _ in bars]), _arrays([bar for _, bar in bars]))
        self._measure(began, len(bars))
        return values

    def remake(self, rows: Iterable[int], *, wait: bool = False) -> None:
        """Compute the values of these rows anew from the ring, beside the loop unless told to wait."""
        with self._lock:
            self._wanted |= set(rows)
            self._stale |= self._wanted
            if self._wanted and self._worker is None:
                self._worker = threading.Thread(target=self._remake, name="stream-values", daemon=True)
                self._worker.start()
            worker = self._worker
        if wait and worker is not None:
            worker.join()
            self.take_over()

    def take_over(self) -> None:
        """Take over what was computed anew; what closed meanwhile is applied on top."""
        with self._lock:
            made, self._made = self._made, []
        for one in made:
            for place, row in enumerate(one.rows):
                if one.revisions[place] != self._ring.revision[row]:
                    continue
                self._bank.from_state(one.bank.to_state(self._watched.symbols[row]))
                self.closed[row], self._kinds[row] = one.values[place], one.kinds[place]
                self._stale.discard(row)
                for bar in self._ring.after(row, int(self._bank.last[row])):
                    self.update([(row, bar)])

    def _remake(self) -> None:
        while True:
            with self._lock:
                rows, self._wanted = sorted(self._wanted), set()
                if not rows:
                    self._worker = None
                    return
            made = self._replayed(rows)
            with self._lock:
                self._made.append(made)

    def _replayed(self, rows: list[int]) -> "_Made":
        """The values of some rows from the ring alone, in a bank of their own."""
        bank = self._new(rows)
        revisions = [self._ring.revision[row] for row in rows]
        history = [self._ring.rows(row) for row in rows]
        kinds = np.full(len(rows), _NO_KIND)
        values = np.full((len(rows), len(Bank.COLUMNS)), np.nan)
        # counted from the end, so that in the last steps every symbol takes part
        longest = max((len(bars) for bars in history), default=0)
        for back in range(longest, 0, -1):
            there = np.array([place for place, bars in enumerate(history) if len(bars) >= back])
            now = np.array([history[place][-back] for place in there], dtype=history[0].dtype)
            values[there] = _step(bank, there, _coded_arrays(now), now["kind"].astype(np.int64), kinds)
        return _Made(bank, rows, revisions, values, kinds)

    def _new(self, rows: Iterable[int]) -> Bank:
        chosen = list(rows)
        watched = self._watched
        return Bank(
            [watched.symbols[row] for row in chosen],
            [watched.calendars[row] for row in chosen],
            [self._measures[row] for row in chosen],
        )

    def _measure(self, began: float, n: int) -> None:
        self.update_ms.add((time.perf_counter() - began) * 1000 / n, n)


def _step(
    bank: Bank,
    rows: npt.NDArray[np.int64],
    bars: BarArrays,
    kinds: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
) -> Floats:
    """The values at closed bars; where the kind is another than before, everything begins anew."""
    broken = rows[(known[rows] != kinds) & (known[rows] != _NO_KIND)]
    if len(broken):
        bank.reset(broken)
    known[rows] = kinds
    return bank.update(rows, bars)


def _arrays(bars: Sequence[LiveBar]) -> BarArrays:
    return BarArrays(
        ts=np.array([micros(bar.ts) for bar in bars]),
        open=np.array([bar.open for bar in bars]),
        high=np.array([bar.high for bar in bars]),
        low=np.array([bar.low for bar in bars]),
        close=np.array([bar.close for bar in bars]),
        volume=np.array([np.nan if bar.volume is None else bar.volume for bar in bars]),
    )


def _coded_arrays(rows: Rows) -> BarArrays:
    return BarArrays(*(np.ascontiguousarray(rows[name]) for name in BarArrays._fields))
