"""The strategies of the backtest lab: what each would order at the close of a candle, from candles closed by then.

Every strategy takes `Given` and returns rows of `ORDERS`, for the closes at which it orders anything. All of them
go both ways: upside down, a market makes the opposite orders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from market_assets.core import indicators
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import InvalidRequest
from market_assets.crypto.settings import MINUTES, CryptoSettings

#: one row: at the close of the candle that opened at `ts`, enter `side` and close positions of the side `closes`
ORDERS: dict[str, Any] = {
    "ts": UTC_MICROS,
    "side": pl.Int8,
    "closes": pl.Int8,
    "confidence": pl.Float64,
    "size_ratio": pl.Float64,
    "stop_price": pl.Float64,
    "targets": pl.List(pl.Float64),
    "shares": pl.List(pl.Float64),
    "trail_arm_price": pl.Float64,
    "trail_distance": pl.Float64,
    "time_stop_at": UTC_MICROS,
}
OVERSOLD, OVERBOUGHT = 30.0, 70.0
#: how near a close is to a pivot, in average true ranges, and how sure that makes the scalp
PULLBACK_ATR, PULLBACK_CONFIDENCE = 0.3, 0.8
BREAKOUT_ATR, BREAKOUT_CONFIDENCE = 0.2, 0.7
SCALP_STOP_ATR, SCALP_TARGETS_R, SCALP_SHARES = 1.5, (1.5, 3.0), (0.5, 0.5)
SCALP_RISK, SCALP_MAX_SIZE = 0.015, 0.10
_SCALP, _SCALP_DIRECTION = "15m", "4h"


@dataclass(frozen=True)
class Given:
    """What a strategy may look at: one symbol's closed candles by timeframe (sorted by ts), and its signals."""

    frames: Mapping[str, pl.DataFrame]
    #: timeframe it trades on
    timeframe: str
    signals: pl.DataFrame | None
    crypto: CryptoSettings

    def bars(self, timeframe: str | None = None) -> pl.DataFrame:
        """Candles of a timeframe, of its own by default. Raises InvalidRequest where they were not given."""
        name = timeframe or self.timeframe
        if name not in self.frames:
            raise InvalidRequest(
                f"the strategy needs candles of {name}; was given {', '.join(self.frames) or 'none'}; load them as well"
            )
        return self.frames[name]


def sma_cross(given: Given) -> pl.DataFrame:
    """The mean of 20 closes crosses that of 50."""
    close = pl.col("close")
    return _at_crosses(given.bars(), indicators.sma(close, 20) - indicators.sma(close, 50))


def ema_cross(given: Given) -> pl.DataFrame:
    """The exponential mean of 10 closes crosses that of 21."""
    close = pl.col("close")
    return _at_crosses(given.bars(), indicators.ema(close, 10) - indicators.ema(close, 21))


def macd(given: Given) -> pl.DataFrame:
    """The MACD line (12/26) crosses its signal (9)."""
    _, _, histogram = indicators.macd(pl.col("close"))
    return _at_crosses(given.bars(), histogram)


def rsi(given: Given) -> pl.DataFrame:
    """Long where RSI 14 is below 30, short where it is above 70."""
    value = indicators.rsi(pl.col("close"), 14)
    side = pl.when(value < OVERSOLD).then(1).when(value > OVERBOUGHT).then(-1)
    return _orders(given.bars().select("ts", side=side).drop_nulls("side"))


def scalp(given: Given) -> pl.DataFrame:
    """With the direction of the last closed 4h candle: a 15m close back at a pivot, or just beyond one.

    Direction: the exponential mean of 21 closes over that of 50. A pivot is the extreme of five candles, known two
    candles after it. A long is a pullback to the last low pivot or a break of the last high one; a short mirrors it.
    """
    close, direction, atr = pl.col("close"), pl.col("direction"), pl.col("atr")
    support = pl.when(direction > 0).then("pivot_low").otherwise("pivot_high")
    barrier = pl.when(direction > 0).then("pivot_high").otherwise("pivot_low")
    beyond = direction * (close - barrier)
    confidence = (
        pl.when((close - support).abs() <= PULLBACK_ATR * atr)
        .then(PULLBACK_CONFIDENCE)
        .when((beyond > 0) & (beyond <= BREAKOUT_ATR * atr))
        .then(BREAKOUT_CONFIDENCE)
    )
    risk = SCALP_STOP_ATR * atr
    return _orders(
        _with_direction(given)
        .with_columns(
            atr=indicators.atr(pl.col("high"), pl.col("low"), close, 14),
            pivot_high=_pivot(pl.col("high")),
            pivot_low=-_pivot(-pl.col("low")),
        )
        .filter(direction != 0, atr > 0)
        .select(
            "ts",
            side=direction,
            confidence=confidence,
            size_ratio=(SCALP_RISK * close / risk).clip(upper_bound=SCALP_MAX_SIZE),
            stop_price=close - direction * risk,
            targets=pl.concat_list(close + direction * r * risk for r in SCALP_TARGETS_R),
            shares=pl.lit(list(SCALP_SHARES), pl.List(pl.Float64)),
        )
        .drop_nulls("confidence")
    )


def convergence(given: Given) -> pl.DataFrame:
    """The decisions of the signals table, with their sizes and levels; the opposite side's votes close."""
    if given.signals is None:
        raise InvalidRequest("the strategy convergence trades crypto_signals; was given none; load them as well")
    ours = given.crypto.signals
    side = pl.when(pl.col("action") == "ENTER_LONG").then(1).otherwise(-1)
    against = pl.when(pl.col("n_minus") >= ours.min_votes).then(1).when(pl.col("n_plus") >= ours.min_votes).then(-1)
    has_stop = pl.col("stop_price").is_not_null()
    return _orders(
        given.signals.filter(pl.col("timeframe") == given.timeframe)
        .sort("ts")
        .with_columns(
            side=pl.when(pl.col("is_tradeable") & has_stop).then(side),
            closes=against,
            confidence=pl.col("feature_confidence"),
            shares=pl.lit(list(ours.target_shares), pl.List(pl.Float64)),
        )
        .select(list(ORDERS))
    )


@dataclass(frozen=True)
class Strategy:
    """One strategy: what it orders, and the timeframe it trades on where it has one of its own."""

    title: str
    orders: Callable[[Given], pl.DataFrame]
    #: own timeframe; None: any
    timeframe: str | None = None
    is_primary: bool = False


STRATEGIES = {
    "sma_cross": Strategy("SMA 20/50 cross", sma_cross),
    "rsi": Strategy("RSI 14 30/70", rsi),
    "macd": Strategy("MACD 12/26/9", macd),
    "ema_cross": Strategy("EMA 10/21 cross", ema_cross),
    "scalp": Strategy("Scalp 15m/4h", scalp, timeframe=_SCALP),
    "convergence": Strategy("Convergence of six votes", convergence, is_primary=True),
}


def _at_crosses(bars: pl.DataFrame, difference: pl.Expr) -> pl.DataFrame:
    """Enter the side the difference changes to; where it is 0 it has not changed."""
    sign = difference.sign()
    return _orders(
        bars.select("ts", side=pl.when(sign != 0).then(sign))
        .drop_nulls("side")
        .filter(pl.col("side") != pl.col("side").shift(1))
    )


def _with_direction(given: Given) -> pl.DataFrame:
    """The 15m candles with the direction of the last 4h candle that closed by their close."""
    close = pl.col("close")
    trend = (indicators.ema(close, 21) - indicators.ema(close, 50)).sign()
    higher = given.bars(_SCALP_DIRECTION).select(closed=_closed(_SCALP_DIRECTION), direction=trend).drop_nulls()
    base = given.bars().with_columns(closed=_closed(given.timeframe))
    return base.join_asof(higher, on="closed", strategy="backward")


def _closed(timeframe: str) -> pl.Expr:
    return pl.col("ts").dt.offset_by(f"{MINUTES[timeframe]}m")


def _pivot(values: pl.Expr) -> pl.Expr:
    """The last value above the two on either side of it, from two candles later on."""
    candidate = values.shift(2)
    beside = pl.max_horizontal(values.shift(4), values.shift(3), values.shift(1), values)
    is_known = values.shift(4).is_not_null()
    return pl.when(is_known & (candidate > beside)).then(candidate).forward_fill()


def _orders(found: pl.DataFrame) -> pl.DataFrame:
    """Rows of ORDERS; what a strategy does not say is null."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in ORDERS.items() if name not in found.columns]
    return found.with_columns(missing).select(list(ORDERS)).cast(pl.Schema(ORDERS))
