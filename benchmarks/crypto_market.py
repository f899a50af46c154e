"""What is measured of crypto: a simulated market of minutes, calm and wild, as the venue would state it.

Prices are walks in cents whose pace changes over the days; now and then nothing is traded in a minute.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from market_assets.core.incremental import Bar

#: a year of minutes
N_MINUTES = 525_600
N_SYMBOLS = 10
START = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
_IDLE = 0.002
_PACE_BARS = 20_000


def candles(n: int, seed: int, *, start: datetime = START, step: timedelta = MINUTE) -> pl.DataFrame:
    """`n` candles from `start`: ts, prices and what of them was traded; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    pace = np.exp(0.8 * np.sin(np.arange(n) * 2 * np.pi / _PACE_BARS)) * np.sqrt(step / MINUTE)
    close = np.round(30_000 * np.exp(np.cumsum(rng.normal(0, 4e-4, n) * pace)), 2)
    opened = np.concatenate([[30_000.0], close])[:n]
    above, below = rng.exponential(2e-4, (2, n)) * pace
    volume = np.where(rng.random(n) < _IDLE, 0.0, np.round(rng.lognormal(2, 1, n) * pace, 3))
    bought = np.round(volume * rng.beta(8, 8, n), 3)
    return pl.DataFrame(
        {
            "ts": pl.datetime_range(start, start + (n - 1) * step, step, time_unit="us", eager=True),
            "open": opened,
            "high": np.round(np.maximum(opened, close) * (1 + above), 2),
            "low": np.round(np.minimum(opened, close) * (1 - below), 2),
            "close": close,
            "volume": volume,
            "quote_volume": np.round(volume * close, 2),
            "trade_count": rng.poisson(40, n) * (volume > 0),
            "taker_buy_base": bought,
            "taker_buy_quote": np.round(bought * close, 2),
        }
    )


def symbols(n: int = N_SYMBOLS) -> list[str]:
    """Names of the simulated symbols."""
    return [f"S{number:02d}USDT" for number in range(n)]


def bars(frame: pl.DataFrame) -> list[Bar]:
    """The rows of a frame of candles, one by one."""
    return list(map(Bar._make, frame.select(Bar._fields).iter_rows()))
