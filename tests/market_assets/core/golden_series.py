"""The golden series G of the specification (common.md 7.1)."""

from datetime import UTC, datetime, timedelta
from math import sin

import polars as pl


def golden_series(n: int) -> pl.DataFrame:
    """The first `n` rows: symbol, ts (hours from 2024-01-01), open, high, low, close, volume, taker_buy_base."""
    rows = []
    open_ = 100.0
    for i in range(n):
        close = round(100 + 12 * sin(i / 11) + 3 * sin(i / 2.3) + 0.02 * i, 2)
        volume = 1000.0 + 100 * (i % 7)
        rows.append(
            {
                "symbol": "G",
                "ts": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=i),
                "open": open_,
                "high": round(max(open_, close) + 0.4 + 0.3 * (i % 4), 2),
                "low": round(min(open_, close) - 0.4 - 0.2 * (i % 3), 2),
                "close": close,
                "volume": volume,
                "taker_buy_base": round(volume * (0.3 + 0.1 * (i % 5)), 1),
            }
        )
        open_ = close
    return pl.DataFrame(rows)
