"""Answers that are kept for some seconds: they are asked for often, take a while, and change slowly."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


class Memory:
    """The newest answer to each question. Of several who ask at once one finds it out, and the others wait."""

    def __init__(self) -> None:
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[str, tuple[float, Any]] = {}

    def of(self, name: str, seconds: float, find: Callable[[], _Answer]) -> _Answer:
        """The answer that is kept under `name` while it is younger than `seconds`, or what `find` returns."""
        with self._turns[name]:
            found_at, answer = self._kept.get(name, (float("-inf"), None))
            if time.monotonic() - found_at > seconds:
                answer = find()
                self._kept[name] = (time.monotonic(), answer)
            return answer  # type: ignore[no-any-return]
