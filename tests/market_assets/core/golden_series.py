"""The golden series G of the specification (common.md 7.1), and its table of indicators."""

from datetime import UTC, datetime, timedelta
from math import sin

import polars as pl

#: rows of the table
AT = (14, 19, 25, 33, 50, 100, 199, 250, 299)

#: common.md 7.1, six significant digits; None in the warm-up
GOLDEN = {
    "ema_9": (108.067, 112.506, 110.114, 106.84, 92.4708, 107.525, 92.982, 101.82, 116.498),
    "ema_20": (None, 108.653, 109.159, 107.542, 95.6902, 108.735, 94.6024, 104.887, 114.43),
    "ema_50": (None, None, None, None, 103.395, 106.577, 98.7626, 106.443, 109.409),
    "ema_200": (None, None, None, None, None, None, 102.173, 104.645, 105.25),
    "rsi_14": (92.2786, 91.8397, 49.6645, 43.8835, 19.5039, 35.4177, 34.145, 22.3913, 53.7312),
    "bb_upper": (None, 116.797, 116.496, 116.913, 107.001, 118.442, 96.5303, 118.864, 122.527),
    "bb_mid": (None, 108.653, 110.306, 109.729, 96.0665, 110.862, 92.962, 106.641, 115.312),
    "bb_lower": (None, 100.509, 104.116, 102.544, 85.132, 103.283, 89.3937, 94.418, 108.098),
    "atr_14": (2.40786, 2.39329, 2.51612, 2.21442, 2.35892, 2.42878, 2.23461, 2.28564, 2.55344),
    "vwap": (106.718, 108.668, 107.65, 106.632, 91.713, 105.949, 93.545, 101.711, 117.911),
    "volume_ma_20": (None, 1285, 1290, 1285, 1305, 1300, 1295, 1285, 1285),
    "macd_line": (None, None, 1.22765, -0.469125, -3.85039, -0.0490132, -2.4228, -2.9677, 3.17149),
    "macd_signal": (None, None, None, 0.178246, -3.74787, 1.59364, -2.88592, -2.21526, 3.99587),
    "macd_hist": (None, None, None, -0.64737, -0.102525, -1.64266, 0.463126, -0.752437, -0.824377),
    "momentum_10": (3.86, 8.14, -6.06, -3.95, -2.21, -11.65, -0.5, -5.19, -2.81),
}


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
