"""Requests a vendor allows a key, per wall-clock window. All processes share one count.

A request is reserved before it is sent, retries included. Minutes are wall-clock minutes, days are
UTC days: the windows vendors count in. pyrate-limiter's leaky buckets slide instead, and so would
let 5 requests end one minute and 5 begin the next that the vendor counts together, or refuse some
it would allow.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from market_assets.core import clock
from market_assets.core.settings import RateBudget
from resources.http.errors import BudgetExhausted
from resources.http.state import VendorState, instant

#: a window at least this long is refused, not waited for
_LONG_S = 3600
MINUTE_S, DAY_S = 60, 86_400


@dataclass(frozen=True)
class Window:
    """So many requests in so many seconds, counted from a multiple of that length since 1970."""

    name: str
    seconds: int
    limit: int

    def start(self, at: datetime) -> int:
        """Start of the window that `at` lies in, seconds since 1970."""
        return int(at.timestamp()) // self.seconds * self.seconds


def until_next(seconds: int, at: datetime) -> float:
    """Seconds from `at` until the window of that length that follows: `until_next(60, at)`, until the next minute."""
    return seconds - at.timestamp() % seconds


@dataclass(frozen=True)
class WindowUse:
    """How much of a window is used now."""

    name: str
    used: int
    limit: int
    resets_at: datetime


class Spacing:
    """Starts of one key's requests at least `seconds` apart, over all threads of this process.

    Windows alone would let a minute's requests start at once, which a vendor may read as a flood.
    """

    _turns: ClassVar[dict[str, float]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: str, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._key, self._seconds, self._monotonic = key, seconds, monotonic

    def wait(self, sleep: Callable[[float], None], cost: int = 1) -> float:
        """Take the next `cost` turns and sleep until the first comes; returns the seconds waited."""
        if not self._seconds:
            return 0.0
        with self._lock:
            at = self._monotonic()
            turn = max(at, self._turns.get(self._key, at))
            self._turns[self._key] = turn + self._seconds * cost
        if turn > at:
            sleep(turn - at)
        return turn - at


@dataclass(frozen=True)
class Budget:
    """The windows of one key. Without windows everything passes."""

    vendor: str
    key: str
    windows: tuple[Window, ...]
    state: VendorState
    wait_s: float
    now: Callable[[], datetime] = clock.now
    spacing: Spacing | None = None
    #: what to raise where it is too small; `<vendor>.budget` unless said otherwise
    setting: str | None = None

    @classmethod
    def of(
        cls,
        vendor: str,
        key: str,
        rates: RateBudget,
        state: VendorState,
        *,
        wait_s: float,
        now: Callable[[], datetime] = clock.now,
        spacing: Spacing | None = None,
        setting: str | None = None,
    ) -> Self:
        """The budget of `key` by the rates of the settings; a rate of 0 is no window."""
        windows = (
            Window("second", 1, rates.per_second),
            Window("minute", MINUTE_S, rates.per_minute),
            Window("5 minutes", 300, rates.per_5_minutes),
            Window("day", DAY_S, rates.per_day),
        )
        limited = tuple(window for window in windows if window.limit)
        return cls(vendor, key, limited, state, wait_s, now, spacing, setting)

    def reserve(self, sleep: Callable[[float], None], cost: int = 1) -> float:
        """Take `cost` requests from every window, waiting for the next second or minute if need be, then for its turn.

        Returns the seconds waited. Raises BudgetExhausted where a long window is spent, a short one
        does not come within `wait_s`, or no window of that length is ever large enough.
        """
        self._check(cost)
        waited = 0.0
        while (short := self._take(cost)) is not None:
            pause = max(0.0, (short.resets_at - self.now()).total_seconds()) + 0.001
            length = next(window.seconds for window in self.windows if window.name == short.name)
            if length >= _LONG_S or waited + pause > self.wait_s:
                which = "these" if short.name[0].isdigit() else "this"
                raise BudgetExhausted(
                    self.vendor,
                    f"budget of {which} {short.name} is spent ({short.used}/{short.limit} requests)",
                    retry_at=short.resets_at,
                    advice=f"It resets at {short.resets_at:%Y-%m-%d %H:%M:%SZ}; or raise {self._raised_by}",
                )
            sleep(pause)
            waited += pause
        # last, so that nothing comes between the turn and the request
        return waited + (self.spacing.wait(sleep, cost) if self.spacing else 0.0)

    def told(self, name: str, used: int) -> None:
        """Correct the running window of that name by what the vendor counted: whoever else asks counts too.

        The larger count stands: requests still under way are not in the vendor's.
        """
        window = next((window for window in self.windows if window.name == name), None)
        if window is None:
            return
        with self.state.transaction() as db:
            at = self.now()
            if used > self._used(db, window, at):
                db.execute(
                    "INSERT OR REPLACE INTO budget_use (key, window, window_start, used) VALUES (?, ?, ?, ?)",
                    (self.key, window.name, window.start(at), used),
                )

    def counted(self, name: str, used: int) -> int:
        """Correct every window by what the vendor counted in the running one of that name; how much that was more.

        For a vendor that says what a request cost only with its answer: what the minute lacks, the day lacks too.
        """
        window = next((window for window in self.windows if window.name == name), None)
        if window is None:
            return 0
        with self.state.transaction() as db:
            at = self.now()
            more = max(0, used - self._used(db, window, at))
            if more:
                self._add(db, at, more)
        return more

    def spent(self, name: str) -> None:
        """Count the running window of that name as used up: the vendor says so."""
        for window in self.windows:
            if window.name == name:
                self.told(name, window.limit)

    def use(self) -> list[WindowUse]:
        """How much of each window is used now."""
        at = self.now()
        counted = {
            name: (start, used)
            for name, start, used in self.state.rows(
                "SELECT window, window_start, used FROM budget_use WHERE key = ?", self.key
            )
        }
        return [
            self._use(window, at, used if start == window.start(at) else 0)
            for window in self.windows
            for start, used in [counted.get(window.name, (0, 0))]
        ]

    @property
    def _raised_by(self) -> str:
        return self.setting or f"{self.vendor}.budget"

    def _check(self, cost: int) -> None:
        for window in self.windows:
            if cost > window.limit:
                raise BudgetExhausted(
                    self.vendor,
                    f"a request that counts as {cost} never fits into {window.limit} per {window.name}",
                    advice=f"Raise {self._raised_by}",
                )

    def _take(self, cost: int) -> WindowUse | None:
        if not self.windows:
            return None
        with self.state.transaction() as db:
            # read inside the lock: two processes agree on the window they count in
            at = self.now()
            uses = [self._use(window, at, self._used(db, window, at)) for window in self.windows]
            short = [use for use in uses if use.used + cost > use.limit]
            if short:
                return max(short, key=lambda use: use.resets_at)
            self._add(db, at, cost)
        return None

    def _add(self, db: sqlite3.Connection, at: datetime, cost: int) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO budget_use (key, window, window_start, used) VALUES (?, ?, ?, ?)",
            [(self.key, window.name, window.start(at), self._used(db, window, at) + cost) for window in self.windows],
        )

    def _used(self, db: sqlite3.Connection, window: Window, at: datetime) -> int:
        found = db.execute(
            "SELECT used FROM budget_use WHERE key = ? AND window = ? AND window_start = ?",
            (self.key, window.name, window.start(at)),
        ).fetchone()
        return found[0] if found else 0

    def _use(self, window: Window, at: datetime, used: int) -> WindowUse:
        resets_at = instant(window.start(at) + window.seconds)
        return WindowUse(window.name, used, window.limit, resets_at)
