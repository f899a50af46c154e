"""What an API key of the sandbox may do. Keys are made up by the caller; their prefixes say the plan.

`bad`, `bad-key` and no key are unknown, any other key is served. `delayed-...` marks answers as
delayed, `plan2y-...` has two years of history, `daily-...` has nothing finer than a day (hourly
vendors), `limited-5-...` has five requests (credits) a minute, `free-...` is the free plan (Alpha
Vantage and Twelve Data); prefixes add up.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

UNKNOWN = ("", "bad", "bad-key")


@dataclass(frozen=True)
class Plan:
    """What a key may do."""

    delayed: bool = False
    years: int | None = None
    per_minute: int | None = None
    daily: bool = False
    free: bool = False

    @classmethod
    def of(cls, key: str) -> "Plan":
        """Read the prefixes of a key."""
        delayed, years, per_minute, daily, free = False, None, None, False, False
        words = key.split("-")
        while words:
            word = words.pop(0)
            if word == "delayed":
                delayed = True
            elif word == "plan2y":
                years = 2
            elif word == "daily":
                daily = True
            elif word == "free":
                free = True
            elif word == "limited" and words and words[0].isdigit():
                per_minute = int(words.pop(0))
            else:
                break
        return cls(delayed, years, per_minute, daily, free)

    def earliest(self, at: datetime) -> date:
        """The first day of the plan's history."""
        return date.min if self.years is None else at.date() - timedelta(days=365 * self.years)


class Budget:
    """Requests of each key in the current minute, or in windows of another length.

    Windows are wall-clock minutes, also where the sandbox's own clock stands still.
    """

    def __init__(self, at: datetime, window_s: int = 60) -> None:
        self._window_s = window_s
        self._offset = at.timestamp() - time.monotonic()
        self._spent: Counter[tuple[str, int]] = Counter()

    def spend(self, key: str, most: int | None, weight: int = 1) -> bool:
        """Count a request by its weight; whether the budget allowed it."""
        window = self._window(key)
        self._spent[window] += weight
        return most is None or self._spent[window] <= most

    def spent(self, key: str) -> int:
        """What the key has used of this window."""
        return self._spent[self._window(key)]

    def left(self, key: str, most: int) -> int:
        """Requests the key may still make in this window."""
        return max(most - self._spent[self._window(key)], 0)

    def reset_s(self) -> int:
        """Seconds until the next window, when every budget is whole again; at least 1."""
        return int(self._window_s - self._now() % self._window_s) or 1

    def _window(self, key: str) -> tuple[str, int]:
        return key, int(self._now() // self._window_s)

    def _now(self) -> float:
        return time.monotonic() + self._offset
