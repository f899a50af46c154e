"""Threads that work for the thread that made them: they see its stopped clock, and stop when it does.

A thread cannot be interrupted. But whoever asks vendors passes by here: with every request, and while
waiting for a budget or between two attempts. A run that is terminated therefore ends within seconds,
not when the hours of history that its threads are fetching are through.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar

from market_assets.core.errors import MarketAssetsError

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")
#: set once the pools that this thread works for, innermost last, were left by an error
_left: ContextVar[tuple[threading.Event, ...]] = ContextVar("left", default=())
_GLANCE_S = 0.5


class Abandoned(MarketAssetsError):
    """Nobody waits for the answer any more, so nothing is sent."""


class Workers(ThreadPoolExecutor):
    """A pool whose work runs in the context of whoever submits it (`clock.frozen` is such a context).

    Where its `with` block is left by an error, work under way is abandoned at its next request.
    """

    def __init__(self, count: int, thread_name_prefix: str = "") -> None:
        super().__init__(count, thread_name_prefix)
        self._is_left = threading.Event()

    def submit(
        self, fn: Callable[Arguments, Value], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Value]:
        """As `ThreadPoolExecutor.submit`; `map` goes by it."""
        context = copy_context()
        context.run(_left.set, (*_left.get(), self._is_left))
        return super().submit(partial(context.run, fn, *args, **kwargs))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if kind is not None:
            self._is_left.set()
        self.shutdown(wait=True, cancel_futures=kind is not None)
        return False


def check() -> None:
    """Raise Abandoned where a pool that this thread works for was left by an error."""
    if any(event.is_set() for event in _left.get()):
        raise Abandoned("the run that asked for this has ended; nothing was sent")


def sleep(seconds: float) -> None:
    """Sleep, and `check` now and then. Raises Abandoned."""
    check()
    ends = time.monotonic() + seconds
    while (rest := ends - time.monotonic()) > 0:
        time.sleep(min(rest, _GLANCE_S) if _left.get() else rest)
        check()
