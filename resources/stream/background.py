"""Blocking work beside the loop, that nobody has to wait for when the process ends."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

Value = TypeVar("Value")


async def in_background(work: Callable[[], Value], name: str) -> Value:
    """The value of `work`, done in a thread of its own; raises what it raises.

    Python waits at its end for the threads of a pool, so one slow request would hold up a shutdown: this one it
    does not wait for.
    """
    loop = asyncio.get_running_loop()
    ends: asyncio.Future[Value] = loop.create_future()
    context = copy_context()

    def settle(value: Value | None, error: BaseException | None) -> None:
        if ends.done():
            return
        if error is not None:
            ends.set_exception(error)
        else:
            ends.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, error = None, None
        try:
            value = context.run(work)
        except BaseException as failed:  # noqa: BLE001 - whatever it is, the one who waits gets it
            error = failed
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await ends
