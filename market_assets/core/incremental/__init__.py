"""The indicators of the specification one bar at a time, for streams: the values of the batch definitions, to 1e-9.

`Series` drives a set of indicators over the bars of one symbol; `Indicator` says what one is. Each gives the columns
that the batch form is stored under.
"""

from market_assets.core.incremental.means import Atr, Ema, Macd, Rsi
from market_assets.core.incremental.protocol import Bar, Indicator, State, Value, Values
from market_assets.core.incremental.series import Series, StateMismatch
from market_assets.core.incremental.session import Vwap
from market_assets.core.incremental.trends import Chandelier, Supertrend
from market_assets.core.incremental.windows import (
    Bollinger,
    Momentum,
    RealizedVol,
    RelativeVolume,
    Roc,
    Sma,
    VolumeMa,
)

__all__ = [
    "Atr",
    "Bar",
    "Bollinger",
    "Chandelier",
    "Ema",
    "Indicator",
    "Macd",
    "Momentum",
    "RealizedVol",
    "RelativeVolume",
    "Roc",
    "Rsi",
    "Series",
    "Sma",
    "State",
    "StateMismatch",
    "Supertrend",
    "Value",
    "Values",
    "VolumeMa",
    "Vwap",
]
