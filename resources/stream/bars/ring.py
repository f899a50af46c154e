"""The last closed bars of every symbol, in memory: arrays, so that a hundred symbols cost some megabytes.

Safe to use from many threads. A bar that comes late is put in its place, which `revision` tells.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from market_assets.bars.instruments import KINDS
from resources.stream.bars.records import LiveBar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ORIGINS = ("stream", "rest")
BAR = np.dtype(
    [
        ("ts", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8"), ("volume", "f8"),
        ("trade_count", "i8"), ("kind", "i1"), ("level", "i1"),
        ("origin", "i1"), ("source", "i2"), ("ingested_at", "i8"),
    ]
)  # fmt: skip
Rows = npt.NDArray[np.void]


class Ring:
    """The newest `keep` bars of each row."""

    def __init__(self, symbols: Sequence[str], keep: int) -> None:
        self._symbols, self._keep = tuple(symbols), keep
        # room behind the last one, so that rows move together only now and then
        self._bars = np.zeros((len(self._symbols), keep + max(64, keep // 4)), dtype=BAR)
        self._first = [0] * len(self._symbols)
        self._end = [0] * len(self._symbols)
        self._sources: list[str] = []
        self._lock = threading.Lock()
        #: row -> how often bars were put before others: what was copied from it has to be copied anew
        self.revision = [0] * len(self._symbols)

    def __len__(self) -> int:
        return sum(end - first for first, end in zip(self._first, self._end, strict=True))

    def last_ts(self, row: int) -> int | None:
        """Open instant of a row's newest bar, microseconds since 1970; None without one."""
        return int(self._bars[row, self._end[row] - 1]["ts"]) if self._end[row] > self._first[row] else None

    def last(self, row: int) -> LiveBar | None:
        """A row's newest bar."""
        with self._lock:
            at = self._end[row] - 1
            return self._bar(row, self._bars[row, at]) if at >= self._first[row] else None

    def after(self, row: int, ts: int | None, most: int | None = None) -> list[LiveBar]:
        """A row's bars that opened after an instant (None: all), oldest first, the first `most` of them."""
        found = self.rows(row)
        start = 0 if ts is None else int(np.searchsorted(found["ts"], ts, side="right"))
        return [self._bar(row, one) for one in found[start:][:most]]

    def rows(self, row: int) -> Rows:
        """A copy of a row's bars."""
        with self._lock:
            return self._bars[row, self._first[row] : self._end[row]].copy()

    def closes(self, row: int, n: int) -> npt.NDArray[np.float64]:
        """A row's last `n` closes, or as many as there are."""
        with self._lock:
            first = max(self._first[row], self._end[row] - n)
            return self._bars[row, first : self._end[row]]["close"].copy()

    def has(self, row: int, ts: datetime) -> bool:
        """Whether a row has that minute."""
        own = self._bars[row, self._first[row] : self._end[row]]["ts"]
        us = micros(ts)
        at = int(np.searchsorted(own, us))
        return at < len(own) and int(own[at]) == us

    def append(self, row: int, bar: LiveBar) -> bool:
        """Put a bar behind a row's newest; False where it is not newer."""
        coded = self._coded(bar)
        with self._lock:
            newest = self.last_ts(row)
            if newest is not None and coded[0] <= newest:
                return False
            if self._end[row] == self._bars.shape[1]:
                self._move(row)
            self._bars[row, self._end[row]] = coded
            self._end[row] += 1
            self._first[row] = max(self._first[row], self._end[row] - self._keep)
        return True

    def insert(self, row: int, bars: Sequence[LiveBar]) -> list[LiveBar]:
        """Put bars in their places, whatever lies behind them; those that were not there yet, oldest first."""
        ordered = sorted(bars, key=lambda bar: bar.ts)
        coded = np.array([self._coded(bar) for bar in ordered], dtype=BAR)
        with self._lock:
            own = self._bars[row, self._first[row] : self._end[row]]
            is_new = ~np.isin(coded["ts"], own["ts"])
            both = np.concatenate([own, coded[is_new]])
            kept = both[np.argsort(both["ts"], kind="stable")][-self._keep :]
            if len(kept):
                # what is older than everything that is kept is not taken
                is_new &= coded["ts"] >= kept["ts"][0]
            if not is_new.any():
                return []
            self._first[row], self._end[row] = 0, len(kept)
            self._bars[row, : len(kept)] = kept
            self.revision[row] += 1
        return [bar for bar, new in zip(ordered, is_new.tolist(), strict=True) if new]

    def _move(self, row: int) -> None:
        n = self._end[row] - self._first[row]
        self._bars[row, :n] = self._bars[row, self._first[row] : self._end[row]].copy()
        self._first[row], self._end[row] = 0, n

    def _coded(self, bar: LiveBar) -> tuple[float, ...]:
        if bar.source not in self._sources:
            with self._lock:
                self._sources += [] if bar.source in self._sources else [bar.source]
        return (
            micros(bar.ts), bar.open, bar.high, bar.low, bar.close,
            np.nan if bar.volume is None else bar.volume,
            -1 if bar.trade_count is None else bar.trade_count,
            KINDS.index(bar.instrument_kind),
            bar.fallback_level,
            _ORIGINS.index(bar.origin),
            self._sources.index(bar.source),
            micros(bar.ingested_at),
        )  # fmt: skip

    def _bar(self, row: int, coded: np.void) -> LiveBar:
        ts, opened, high, low, close, volume, count, kind, level, origin, source, ingested_at = coded.item()
        return LiveBar(
            symbol=self._symbols[row],
            ts=instant(ts),
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=None if np.isnan(volume) else volume,
            trade_count=None if count < 0 else count,
            instrument_kind=KINDS[kind],
            fallback_level=level,
            source=self._sources[source],
            ingested_at=instant(ingested_at),
            origin=_ORIGINS[origin],
        )


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """The same as an instant."""
    return _EPOCH + us * _MICROSECOND
