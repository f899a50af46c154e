"""Technical indicators as Polars expressions, exactly as the specification defines them.

Every function takes expressions and returns expressions over closed bars in time order, one
instrument after the other: put `.over("symbol")` around them on a long frame sorted by symbol and
time. Row-based: a missing bar does not insert a row. Warm-up is null, never a neutral constant.
Stateful loops (supertrend, chandelier) and statistics of a history do not belong here.
"""

import polars as pl

#: below this mean of gains and losses a series counts as flat, and its RSI is 50
FLAT_MOVES = 1e-14


def sma(values: pl.Expr, n: int) -> pl.Expr:
    """Mean of the last `n` values, the current one included. First value at row n-1."""
    return values.rolling_mean(n)


def ema(values: pl.Expr, n: int) -> pl.Expr:
    """Exponential mean with a = 2/(n+1), seeded with the mean of the first `n` values (row n-1)."""
    return _seeded(values, n, alpha=2.0 / (n + 1.0))


def wilder(values: pl.Expr, n: int) -> pl.Expr:
    """Wilder's mean: seeded with the mean of the first `n` values, then (y(n-1) + x)/n."""
    return _seeded(values, n, alpha=1.0 / n)


def _seeded(values: pl.Expr, n: int, *, alpha: float) -> pl.Expr:
    """A recursion y += alpha (x - y) that starts from the mean of the first `n` known values.

    The first n values are replaced by that one seed; the rest is one vectorised `ewm_mean`.
    """
    count = values.cum_count()
    start = (
        pl.when(count == n)
        .then(values.cum_sum() / n)
        .when(count > n)
        .then(values)
    )  # fmt: skip
    return pl.when(values.is_not_null()).then(start.ewm_mean(alpha=alpha, adjust=False, ignore_nulls=True))


def true_range(high: pl.Expr, low: pl.Expr, close: pl.Expr) -> pl.Expr:
    """max(h-l, |h-c'|, |l-c'|) with c' the previous close; null at the first row."""
    previous = close.shift(1)
    widest = pl.max_horizontal(high - low, (high - previous).abs(), (low - previous).abs())
    return pl.when(previous.is_not_null()).then(widest)


def atr(high: pl.Expr, low: pl.Expr, close: pl.Expr, n: int = 14) -> pl.Expr:
    """Wilder's mean of the true range. First value at row n."""
    return wilder(true_range(high, low, close), n)


def rsi(close: pl.Expr, n: int = 14) -> pl.Expr:
    """Wilder's relative strength index, 0-100; a flat series is 50. First value at row n."""
    change = close.diff()
    gain = wilder(change.clip(lower_bound=0.0), n)
    # mean gain and mean loss in one: an expression that stands twice is computed twice
    moved = wilder(change.abs(), n)
    return pl.when(moved < FLAT_MOVES).then(50.0).otherwise(100.0 * gain / moved)


def macd(close: pl.Expr, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """(line, signal, histogram). Each mean has its own seed, so the line starts at row slow-1."""
    line = ema(close, fast) - ema(close, slow)
    smoothed = ema(line, signal)
    return line, smoothed, line - smoothed


def bollinger(close: pl.Expr, n: int = 20, k: float = 2.0) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """(upper, mid, lower): the simple mean and k POPULATION standard deviations around it."""
    mid = sma(close, n)
    spread = k * close.rolling_std(n, ddof=0)
    return mid + spread, mid, mid - spread


def momentum(close: pl.Expr, n: int) -> pl.Expr:
    """c[i] - c[i-n], in price units."""
    return close - close.shift(n)


def roc(close: pl.Expr, n: int) -> pl.Expr:
    """c[i]/c[i-n] - 1 (fraction)."""
    return close / close.shift(n) - 1.0


def realized_vol(close: pl.Expr, n: int = 20) -> pl.Expr:
    """Sample standard deviation of the last `n` log returns, per bar. First value at row n."""
    return close.log().diff().rolling_std(n)


def relative_volume(volume: pl.Expr, n: int = 20) -> pl.Expr:
    """Volume over the mean of the `n` bars before it; null where that mean is 0."""
    usual = volume.shift(1).rolling_mean(n)
    return pl.when(usual > 0).then(volume / usual)
