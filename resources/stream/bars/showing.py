"""What other processes are shown: the second at once, and older bars that the hot cache lacks in between."""

import logging
import sqlite3
import threading

from resources.stream.bars.cycle import Second
from resources.stream.bars.records import Forming, LiveBar
from resources.stream.bars.ring import Ring, micros
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import HotWriter

log = logging.getLogger(__name__)

Hot = HotWriter[LiveBar, Forming, BarsStatus]
#: older bars in one write: some milliseconds
_PART = 1000


class Showing:
    """The hot cache as the loop sees it. A cache that cannot be written, or was lost, is filled anew from memory."""

    def __init__(self, hot: Hot, ring: Ring) -> None:
        self._hot, self._ring = hot, ring
        #: rows with bars that the cache lacks -> open instant of the last one that was put there again
        self._untold: dict[int, int | None] = {}
        self._lock = threading.Lock()
        self.error: str | None = None

    @property
    def is_behind(self) -> bool:
        """Whether the cache lacks older bars, and could be given them."""
        return bool(self._untold) and self.error is None

    def all_over(self) -> None:
        """Everything in memory has to be put there."""
        self._untold = dict.fromkeys(range(len(self._ring.revision)))

    def show(self, second: Second, status: BarsStatus) -> None:
        """Put a second there; bars by REST are noted for later. A failure is told once."""
        with self._lock:
            if self._hot.is_lost():
                self.all_over()
            for row, bar in second.filled:
                before = micros(bar.ts) - 1
                known = self._untold.setdefault(row, before)
                self._untold[row] = None if known is None else min(known, before)
            features = second.features if self.error is not None else second.changed
            try:
                self._hot.write(closed=second.closed, forming=second.forming, features=features, status=status)
            except (sqlite3.Error, OSError) as failed:
                self._failed(failed)
            else:
                self.error = None

    def catch_up(self) -> None:
        """Put the next of the older bars there; any thread."""
        with self._lock:
            bars: list[LiveBar] = []
            left = dict(self._untold)
            for row, told in self._untold.items():
                own = self._ring.after(row, told, _PART - len(bars))
                bars += own
                if len(bars) == _PART:
                    left[row] = micros(own[-1].ts)
                    break
                del left[row]
            try:
                self._hot.write(closed=bars)
            except (sqlite3.Error, OSError) as failed:
                self._failed(failed)
            else:
                self._untold = left

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._hot.close()

    def _failed(self, failed: Exception) -> None:
        if self.error is None:
            log.warning("bars: the hot cache cannot be written, so pages show nothing live: %s", failed)
        self.error = str(failed)
        self.all_over()
