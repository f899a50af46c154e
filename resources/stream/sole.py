"""One collector per home and domain: the second one says who the first is."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from market_assets.core.errors import MarketAssetsError

_ATTEMPTS, _PAUSE_S = 3, 0.05


class AlreadyRunning(MarketAssetsError):
    """Another process does this already."""


@contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Be the only process that holds `path`. Raises AlreadyRunning naming the holder's pid.

    The kernel frees the lock when its holder dies, kill -9 included; the file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # not "w": that would empty the holder's file
    with path.open("a+") as handle:
        if not _taken(handle):
            handle.seek(0)
            raise AlreadyRunning(
                f"{what} runs already for this home, as process {handle.read().strip() or 'unknown'}. "
                "Two would store every candle twice: stop that one first, or leave it running"
            )
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def _taken(handle: IO[str]) -> bool:
    """Whether the lock is ours now. Someone who looks whether it is held holds it himself for a moment."""
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False
