"""Fewer points for the same picture. Pure: frames in, frames out.

A viewport of 1,200 pixels cannot show 6,000 candles; sending them only makes the page slow. Bars
are merged by the rules of a longer bar, so that no high or low is lost; lines keep the extremes of
each bucket, so that no spike is lost.
"""

import math

import polars as pl

#: how each column of a bar is carried into a merged bar; others are dropped
_MERGE = {
    "open": pl.col("open").first(),
    "high": pl.col("high").max(),
    "low": pl.col("low").min(),
    "close": pl.col("close").last(),
    "volume": pl.when(pl.col("volume").is_not_null().any()).then(pl.col("volume").sum()),
    "taker_buy_base": pl.col("taker_buy_base").sum(),
    "quality_score": pl.col("quality_score").min(),
    "source": pl.col("source").last(),
    "sources": pl.col("sources").str.split("+").explode().unique().sort().str.join("+"),
    "fallback_level": pl.col("fallback_level").max(),
    "instrument_kind": pl.col("instrument_kind").last(),
    "basis_break": pl.col("basis_break").any(),
    "n_minutes": pl.col("n_minutes").sum(),
}


def bars(frame: pl.DataFrame, time: str, most: int) -> pl.DataFrame:
    """Merge bars sorted by `time` into at most `most` of equal count.

    Prices merge as open first, high max, low min, close last; volumes are summed (null where every
    volume of the bucket is null); the quality is the worst; flags are raised where any was; names of
    sources joined by + are joined anew, each once; the level is the highest. Adds
    `last` (the newest `time` of the bucket) and `n` (bars merged). A frame that fits is returned
    with one bar a row.
    """
    _at_least_one(most)
    numbered = frame.with_columns(__bucket=_bucket(frame.height, most))
    known = [expr.alias(name) for name, expr in _MERGE.items() if name in frame.columns]
    flags = [pl.col(name).any() for name in frame.columns if name.startswith("flag_")]
    return (
        numbered.group_by("__bucket", maintain_order=True)
        .agg(pl.col(time).first(), pl.col(time).last().alias("last"), pl.len().alias("n"), *known, *flags)
        .drop("__bucket")
    )


def line(frame: pl.DataFrame, value: str, most: int) -> pl.DataFrame:
    """Keep the rows that hold the lowest and the highest `value` of each bucket, in their order.

    At most `most` rows come back (at least two); nulls are dropped. A frame that fits is unchanged.
    """
    _at_least_one(most)
    present = frame.drop_nulls(value)
    if present.height <= most:
        return present
    buckets = max(most // 2, 1)
    numbered = present.with_row_index("__row").with_columns(__bucket=_bucket(present.height, buckets))
    rows = numbered.group_by("__bucket", maintain_order=True).agg(
        low=pl.col("__row").get(pl.col(value).arg_min()),
        high=pl.col("__row").get(pl.col(value).arg_max()),
    )
    kept = pl.concat([rows["low"], rows["high"]]).unique().sort()
    return present[kept]


def _bucket(rows: int, most: int) -> pl.Expr:
    """The bucket of each row. All hold the same number of rows but the last: sums stay comparable."""
    return pl.int_range(pl.len()) // max(math.ceil(rows / most), 1)


def _at_least_one(most: int) -> None:
    if most < 1:
        raise ValueError(f"a picture needs room for at least one point, not {most}")
