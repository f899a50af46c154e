"""Bars to fill memories with: prices that move, so that no two windows are alike."""

import math
from datetime import datetime

from resources.stream.bars.records import LiveBar
from resources.stream.candle import MINUTE
from tests.resources.stream.bars.scripted_source import START


def bar(symbol: str, ts: datetime = START, n: int = 0, **changed: object) -> LiveBar:
    close = round(100 + 5 * math.sin(n / 7) + n / 50, 4)
    made = LiveBar(
        symbol, ts, close - 0.1, close + 0.5, close - 0.5, close, 10.0 + n % 5, None, "crypto", 0, "yahoo", ts + MINUTE
    )
    return made._replace(**changed)  # type: ignore[arg-type]


def series(symbol: str, n: int, *, until: datetime = START) -> list[LiveBar]:
    """The `n` minutes before `until`."""
    return [bar(symbol, until - (n - i) * MINUTE, i) for i in range(n)]
