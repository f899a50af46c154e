"""Judgements about corporate actions and about the prices adjusted by them."""

import polars as pl

from market_assets.core import clock
from market_assets.core.checks import Judgement, error_unless, warn_unless

LARGE_DIVIDEND, LARGE_RATIO, RECORD_DAYS = 100.0, 100.0, 5
SPLIT_TOLERANCE = 0.20


def actions_plausible(frame: pl.DataFrame) -> Judgement:
    """Amounts, ratios and record dates are in the range the market knows."""
    odd = frame.filter(
        (pl.col("amount") > LARGE_DIVIDEND)
        | (pl.col("split_ratio") > LARGE_RATIO)
        | (pl.col("split_ratio") < 1 / LARGE_RATIO)
        | (pl.col("record_date") < pl.col("ex_date") - pl.duration(days=RECORD_DAYS))
    )
    return warn_unless(
        odd.is_empty(),
        n=odd.height,
        rows=odd.select("symbol", "kind", "ex_date", "amount", "split_ratio", "record_date"),
    )


def dividends_below_price(frame: pl.DataFrame) -> Judgement:
    """A dividend is smaller than the price it is paid from."""
    wrong = frame.filter((pl.col("kind") == "cash_dividend") & (pl.col("amount") >= pl.col("prev_close")))
    return error_unless(wrong.is_empty(), rows=wrong.select("symbol", "ex_date", "amount", "prev_close"))


def splits_in_prices(frame: pl.DataFrame, bars: pl.DataFrame) -> Judgement:
    """A split shows in the prices: open / previous close is near 1 / ratio."""
    missing = (
        frame.filter(pl.col("kind") == "split")
        .join(bars.select("symbol", pl.col("session_date").alias("ex_date"), "open"), on=["symbol", "ex_date"])
        .with_columns(seen_ratio=pl.col("open") / pl.col("prev_close"), stated_ratio=1 / pl.col("split_ratio"))
        .filter((pl.col("seen_ratio") / pl.col("stated_ratio") - 1).abs() > SPLIT_TOLERANCE)
    )
    return warn_unless(
        missing.is_empty(), "split_not_in_prices", rows=missing.select("symbol", "ex_date", "split_ratio", "seen_ratio")
    )


def actions_withdrawn(frame: pl.DataFrame) -> Judgement:
    """An action that was seen stays; one that the vendor no longer states is worth a look."""
    gone = frame.filter("withdrawn")
    return warn_unless(gone.is_empty(), rows=gone.select("symbol", "kind", "ex_date", "amount", "split_ratio"))


def factors_consistent(frame: pl.DataFrame, scored: pl.DataFrame) -> Judgement:
    """Adjustment keeps traded value: close_split x volume_split = close x volume, to 1e-9."""
    both = frame.join(scored.select("symbol", "session_date", "close", "volume"), on=["symbol", "session_date"])
    value = pl.col("close") * pl.col("volume")
    off = both.filter(
        (pl.col("close_split") * pl.col("volume_split") - value).abs() > 1e-9 * pl.max_horizontal(value, 1.0)
    )
    return error_unless(off.is_empty(), n=off.height, rows=off.select("symbol", "session_date", "close", "close_split"))


def latest_unadjusted(frame: pl.DataFrame, actions: pl.DataFrame) -> Judgement:
    """From a symbol's last ex date on, both factors are 1."""
    as_of = clock.today()
    last = actions.filter(pl.col("ex_date") <= as_of).group_by("symbol").agg(last_ex=pl.col("ex_date").max())
    off = (
        frame.join(last, on="symbol", how="left")
        .filter(pl.col("last_ex").is_null() | (pl.col("session_date") >= pl.col("last_ex")))
        .filter((pl.col("split_factor") != 1.0) | (pl.col("total_factor") != 1.0))
    )
    return error_unless(
        off.is_empty(), n=off.height, rows=off.select("symbol", "session_date", "split_factor", "total_factor")
    )


def same_actions(adjusted: pl.DataFrame) -> Judgement:
    """All loaded years of a symbol were adjusted with the same actions."""
    mixed = (
        adjusted.group_by("symbol", maintain_order=True)
        .agg(
            n=pl.col("actions_as_of").n_unique(),
            oldest=pl.col("actions_as_of").min(),
            newest=pl.col("actions_as_of").max(),
        )
        .filter(pl.col("n") > 1)
    )
    return error_unless(
        mixed.is_empty(), "re-materialise equities_adjusted_bars for all years of these symbols", rows=mixed
    )
