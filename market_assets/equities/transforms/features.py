"""Features of one symbol at one session: trend, momentum, volatility, volume, yield and rank.

Prices are total-return, volumes on today's share basis. Every year is computed from its own context
(250 sessions before it), so its recursions start at the same bar in a daily run and in a recompute
of all years. No column but `label_*` looks ahead, and the label does not look beyond its year.
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from market_assets.core import indicators
from market_assets.core.statistics import rank_among_others
from market_assets.equities.schemas import EquitiesFeatures
from market_assets.equities.transforms.actions import later_product
from market_assets.equities.transforms.sessions import Sessions, cuts, located, numbered

#: sessions of context before the first session of a year
LOOKBACK_SESSIONS = 250
#: sessions after a bar that its label looks at
LABEL_SESSIONS = 5

_LEAST_NAMES = 10
_TTM_DAYS = 365
#: means closer than this share of the price are equal
_EQUAL = 1e-12
_C, _H, _L, _V = (pl.col(name) for name in ("close_total", "high_total", "low_total", "volume_split"))


def features(
    adjusted: pl.DataFrame,
    actions: pl.DataFrame,
    symbols: pl.DataFrame,
    sessions: Sessions,
    as_of: date,
    *,
    years: Collection[int] | None = None,
) -> pl.DataFrame:
    """EquitiesFeatures of the given `years` (of every year in the input where none are given).

    `adjusted`: EquitiesAdjustedBars with the year before the first one. `actions`: all actions of
    those symbols; those with an ex date up to `as_of` count. `sessions`: must cover every bar.
    Bars with flag_ohlc have no row and count in no window. Raises NotOnCalendar as `located` does.
    """
    calendar = numbered(sessions)
    placed = located(adjusted, symbols, calendar).filter(~pl.col("flag_ohlc"))
    asked = sorted(years if years is not None else placed["session_date"].dt.year().unique())
    contract = EquitiesFeatures.contract()
    if not asked:
        return contract.empty()
    starts = cuts(calendar, LOOKBACK_SESSIONS)
    computed = pl.concat(_of_year(placed, starts, year) for year in asked)
    ranked = _with_dividend_yield(computed, actions.filter(pl.col("ex_date") <= as_of)).with_columns(
        ret_20d_rank=rank_among_others(_of_ranked("ret_20d"), min_n=_LEAST_NAMES).over("session_date")
    )
    return contract.validate(ranked.select(list(contract.columns)))


def _of_year(placed: pl.DataFrame, starts: pl.DataFrame, year: int) -> pl.DataFrame:
    """The rows of one year, computed from its own cut and nothing after its end."""
    context = (
        placed.join(
            starts.filter(pl.col("year") == year).select("calendar", "cut_number"), on="calendar", maintain_order="left"
        )
        .filter((pl.col("session_number") >= pl.col("cut_number")) & (pl.col("session_date").dt.year() <= year))
        .drop("cut_number")
    )
    return (
        context.with_columns(expr.over("symbol").alias(name) for name, expr in _windowed().items())
        .with_columns(expr.over("symbol").alias(name) for name, expr in _from_windowed().items())
        .filter(pl.col("session_date").dt.year() == year)
    )


def _windowed() -> dict[str, pl.Expr]:
    """Features read from prices and volumes."""
    upper, mid, lower = indicators.bollinger(_C)
    ret_1d = indicators.roc(_C, 1)
    trading_days = pl.when(pl.col("asset_class") == "crypto").then(365.0).otherwise(252.0).sqrt()
    slow_volume = indicators.sma(_V, 60)
    return {
        "ret_1d": ret_1d,
        "ret_5d": indicators.roc(_C, 5),
        "ret_20d": indicators.roc(_C, 20),
        "range_ratio": (_H - _L) / _C,
        "vol_20d_ann": indicators.realized_vol(_C, 20) * trading_days,
        "vol_60d_ann": indicators.realized_vol(_C, 60) * trading_days,
        "open_gap_ratio": pl.col("gap_ratio"),
        "volume_ratio_20": indicators.relative_volume(_V, 20),
        "volume_trend_20_60": pl.when(slow_volume > 0).then(indicators.sma(_V, 20) / slow_volume - 1.0),
        "obv_250": (_C.diff().sign() * _V).rolling_sum(LOOKBACK_SESSIONS),
        "vpt_250": (ret_1d * _V).rolling_sum(LOOKBACK_SESSIONS),
        "roc_5": indicators.roc(_C, 5),
        "roc_10": indicators.roc(_C, 10),
        "momentum_10": indicators.momentum(_C, 10),
        "momentum_20": indicators.momentum(_C, 20),
        **{f"sma_{n}": indicators.sma(_C, n) for n in (20, 50, 200)},
        **{f"ema_{n}": indicators.ema(_C, n) for n in (12, 26)},
        "rsi_14": indicators.rsi(_C, 14),
        "bb_upper": upper,
        "bb_mid": mid,
        "bb_lower": lower,
        "bb_width": (upper - lower) / mid,
        "atr_14": indicators.atr(_H, _L, _C, 14),
        "label_fwd_5d": _C.shift(-LABEL_SESSIONS) / _C - 1.0,
    }


def _from_windowed() -> dict[str, pl.Expr]:
    """Features read from other features."""
    line = pl.col("ema_12") - pl.col("ema_26")
    signal = indicators.ema(line, 9)
    distance = pl.col("sma_20") - pl.col("sma_50")
    # running sums of a flat series differ in the last digits; that is no cross
    above = pl.when(distance.abs() > _EQUAL * pl.col("sma_50")).then(distance.sign()).otherwise(distance * 0.0)
    before = above.shift(1)
    cross = (
        pl.when(before.is_null())
        .then(None)
        .when((above > 0) & (before <= 0))
        .then(1)
        .when((above < 0) & (before >= 0))
        .then(-1)
        .otherwise(0)
    )
    return {
        "macd_line": line,
        "macd_signal": signal,
        "macd_hist": line - signal,
        "rsi_overbought": pl.col("rsi_14") > 70.0,
        "rsi_oversold": pl.col("rsi_14") < 30.0,
        "cross_20_50": cross.cast(pl.Int8),
    }


def _of_ranked(feature: str) -> pl.Expr:
    """The feature of active stocks and ETFs; null for all others."""
    return pl.when(pl.col("active") & pl.col("asset_class").is_in(["stock", "etf"])).then(pl.col(feature))


def _with_dividend_yield(rows: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """dividend_yield_ttm: cash with ex date in (s - 365 d, s], in today's shares, over the close in them."""
    splits = actions.filter(pl.col("kind") == "split")
    dividends = actions.filter(pl.col("kind") == "cash_dividend").select("symbol", "ex_date", "amount", "amount_key")
    shares = later_product(dividends.select("symbol", "ex_date").unique(), splits, "volume_factor")
    paid = (
        dividends.join(shares, on=["symbol", "ex_date"], how="left")
        .sort("symbol", "ex_date", "amount_key")
        .with_columns(cash=(pl.col("amount") / pl.col("later_product")).cum_sum().over("symbol"))
        .group_by("symbol", "ex_date", maintain_order=True)
        .agg(pl.col("cash").last())
        .sort("ex_date", "symbol")
    )
    until, since = pl.col("cash_until").fill_null(0.0), pl.col("cash_since").fill_null(0.0)
    return (
        rows.sort("session_date", "symbol")
        .with_columns(year_ago=pl.col("session_date") - pl.duration(days=_TTM_DAYS))
        .pipe(_cash_at, paid, "session_date", "cash_until")
        .pipe(_cash_at, paid, "year_ago", "cash_since")
        .with_columns(dividend_yield_ttm=(until - since) / pl.col("close_split"))
    )


def _cash_at(rows: pl.DataFrame, paid: pl.DataFrame, day: str, name: str) -> pl.DataFrame:
    """The cash paid up to and including `day`, as column `name`."""
    return rows.join_asof(
        paid.rename({"ex_date": f"{name}_date", "cash": name}),
        left_on=day,
        right_on=f"{name}_date",
        by="symbol",
        strategy="backward",
        check_sortedness=False,
    ).drop(f"{name}_date", strict=False)
