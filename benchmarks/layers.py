"""Whose CPU it is where layers call each other in many threads at once."""

import functools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Layers:
    """CPU seconds that the threads of each layer spend themselves, without the layers they call.

    Only what runs in the calling thread is seen: work that a library hands to threads of its own is not.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def watching(self, methods: Mapping[tuple[type, str], str]) -> Iterator[None]:
        """Count calls of these methods, (class, name) -> layer, while inside."""
        originals = {(kind, name): getattr(kind, name) for kind, name in methods}
        for (kind, name), layer in methods.items():
            setattr(kind, name, self._counted(originals[kind, name], layer))
        try:
            yield
        finally:
            for (kind, name), original in originals.items():
                setattr(kind, name, original)

    def _counted(self, method: Callable[..., Any], layer: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def counted(*args: Any, **kwargs: Any) -> Any:
            below = self._below()
            below.append(0.0)
            began = time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                spent, inner = time.thread_time() - began, below.pop()
                if below:
                    below[-1] += spent
                with self._lock:
                    self.seconds[layer] += spent - inner
                    self.calls[layer] += 1

        return counted

    def _below(self) -> list[float]:
        """Per call under way in this thread: seconds of the counted calls that it made."""
        if not hasattr(self._thread, "below"):
            self._thread.below = []
        found: list[float] = self._thread.below
        return found
