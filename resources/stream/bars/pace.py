"""How often a budget lets a source be asked. Pure: windows in, seconds out."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from resources.http.budget import WindowUse

_LENGTH_S = {"second": 1.0, "minute": 60.0, "5 minutes": 300.0, "day": 86_400.0}


class Needed(NamedTuple):
    """The time that a round needs, and the window that says so."""

    seconds: float
    window: WindowUse | None


def needed(windows: Sequence[WindowUse], cost: int, now: datetime, share: float = 1.0) -> Needed:
    """Seconds between two rounds that count as `cost` each, so that no window is ever short.

    What is left of a window lasts until it resets: 3 credits a round of 800 a day are a round in 324 s. A round that
    costs more than is left goes on in the windows after this one.
    """
    worst = Needed(0.0, None)
    for window in windows:
        left, rest = _left(window, share), max(0.0, (window.resets_at - now).total_seconds())
        if cost <= left:
            seconds = rest * cost / left
        else:
            seconds = rest + _LENGTH_S[window.name] * (cost - left) / (window.limit * share)
        if seconds > worst.seconds:
            worst = Needed(seconds, window)
    return worst


def short(windows: Sequence[WindowUse], cost: int, now: datetime, share: float = 1.0) -> WindowUse | None:
    """The window that cannot pay for a request now, the one that resets last; None where all can."""
    lacking = [window for window in windows if window.resets_at > now and cost > _left(window, share)]
    return max(lacking, key=lambda window: window.resets_at, default=None)


def largest(windows: Sequence[WindowUse], share: float = 1.0) -> float:
    """What a request may count as at most: it has to fit into every window."""
    return min((window.limit * share for window in windows), default=float("inf"))


def _left(window: WindowUse, share: float) -> float:
    return max(0, window.limit - window.used) * share
