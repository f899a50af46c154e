"""Minutes of one source made fit to store: judged, scored, and marked where the instrument changes. Frames in, out.

What breaks a row rule goes to quarantine with the rule's name. A missing minute is never filled with anything made up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from market_assets.bars.schemas import BarsMinute
from market_assets.core import candles, trading_hours
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.core.statistics import FLAT
from market_assets.core.windows import Floats

CONTRACT: Contract = BarsMinute.contract()
#: rows of this score at least are valid
VALID = 0.8
#: a return is compared with so many before it, and needs so many of them
RETURNS, FEWEST_RETURNS = 240, 60
#: closes before a day that its scores depend on
HISTORY = RETURNS + 1
_MINUTE = timedelta(minutes=1)
_LATE, _VERY_LATE = 2 * _MINUTE, 10 * _MINUTE
#: abs(return) over robust standard deviations of those before
_JUMP, _MAD_TO_STD = 8.0, 1.4826
_DUPLICATE = "duplicate"


class Provenance(NamedTuple):
    """Whose rows these are, and of what."""

    #: house symbol that they are stored under
    symbol: str
    #: how rows name the source
    source: str
    #: what was traded
    kind: str
    fallback_level: int
    #: whether its volume is a measured one; otherwise what the source states is left out
    measures_volume: bool


class Cleaned(NamedTuple):
    """One answer sorted out, and how many rows were dropped for what."""

    #: BarsMinute, not yet scored but for duplicates
    frame: pl.DataFrame
    #: rows of its quarantine
    quarantined: pl.DataFrame
    #: minutes of which an earlier row was dropped
    duplicates: int
    #: rows that open at no full minute: a live quote at the end of a chart
    off_grid: int
    #: rows of other windows, and of the minute that still runs
    outside: int
    #: rows of minutes in which the market is closed
    closed: int


def clean(stated: pl.DataFrame, first: datetime, until: datetime, *, calendar: str, provenance: Provenance) -> Cleaned:
    """Sort out what a source states (ts, prices, volume, trade_count, ingested_at, in its order) of [first, until).

    Reasons of the quarantine: price_not_positive, high_low_crossed, volume_invalid. Of several rows of one minute the
    last that breaks no rule is kept.
    """
    numbered = stated.with_columns(row_number=pl.int_range(pl.len(), dtype=pl.Int64))
    on_grid = numbered.filter(pl.col("ts") == pl.col("ts").dt.truncate("1m"))
    inside = on_grid.filter(pl.col("ts").is_between(first, until, closed="left"))
    traded = inside.filter(pl.col("ts").is_in(trading_hours.minutes(calendar, first, until).implode()))
    judged = _named(traded, provenance).with_columns(reason=_reason(), run_id=pl.lit(""))
    good = judged.filter(pl.col("reason").is_null()).with_columns(
        issues=pl.when(pl.len().over("ts") > 1).then([_DUPLICATE]).otherwise(pl.lit([], pl.List(pl.String)))
    )
    kept = good.unique("ts", keep="last", maintain_order=True)
    broken = judged.filter(pl.col("reason").is_not_null()).with_columns(
        # a value that is no number is told by the reason, and never stored
        pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64))
    )
    quarantine = CONTRACT.quarantine()
    return Cleaned(
        frame=CONTRACT.conform(kept.select(list(CONTRACT.columns))),
        quarantined=quarantine.conform(broken.select(list(quarantine.columns))),
        duplicates=kept.filter(pl.col("issues").list.contains(_DUPLICATE)).height,
        off_grid=numbered.height - on_grid.height,
        outside=on_grid.height - inside.height,
        closed=inside.height - traded.height,
    )


def scored(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """`rows` (BarsMinute of one symbol) with quality_score and issues, by what was known at each close.

    `before`: ts, close and instrument_kind of earlier minutes; the last 241 are used. A dropped duplicate is known from
    the issues that the rows come with.
    """
    ordered = rows.sort("ts")
    lateness = pl.col("ingested_at") - pl.col("ts") - _MINUTE
    is_streamed = pl.col("origin") == "stream"
    rules: Sequence[tuple[str, float, pl.Expr]] = (
        (_DUPLICATE, 0.3, pl.col("issues").list.contains(_DUPLICATE)),
        ("zero_volume", 0.1, (pl.col("volume") == 0).fill_null(False)),
        ("late", 0.2, is_streamed & (lateness > _LATE) & (lateness <= _VERY_LATE)),
        ("very_late", 0.4, is_streamed & (lateness > _VERY_LATE)),
        ("jump", 0.2, pl.lit(_jumps(ordered, before), pl.Boolean)),
    )
    penalty = pl.sum_horizontal(pl.when(broken).then(cost).otherwise(0.0) for _, cost, broken in rules)
    return ordered.with_columns(
        quality_score=pl.max_horizontal(pl.lit(0.0), (1.0 - penalty).round(2)),
        issues=pl.concat_list(pl.when(broken).then(pl.lit(name)) for name, _, broken in rules).list.drop_nulls(),
    ).select(rows.columns)


def with_breaks(rows: pl.DataFrame, configured_kind: str) -> pl.DataFrame:
    """`rows` of one partition with basis_break: true where the kind differs from the row before.

    The first row is compared with the symbol's configured kind.
    """
    kind = pl.col("instrument_kind")
    return rows.sort("ts").with_columns(basis_break=kind != kind.shift(1, fill_value=configured_kind))


def traded_within(rows: pl.DataFrame, first: datetime, until: datetime, calendar: str) -> pl.DataFrame:
    """The rows of [first, until) in the calendar's sessions that break no row rule."""
    return rows.filter(pl.col("ts").is_in(trading_hours.minutes(calendar, first, until).implode()), _reason().is_null())


def known(*versions: pl.DataFrame) -> pl.DataFrame:
    """What arrived last of each minute; of those that arrived at once, what the later frame says."""
    return (
        pl.concat(versions)
        .sort("symbol", "ts", "ingested_at", maintain_order=True)
        .unique(["symbol", "ts"], keep="last", maintain_order=True)
    )


def missing(rows: pl.DataFrame, expected: pl.Series) -> list[tuple[datetime, datetime]]:
    """The runs of expected minutes (in order) that `rows` lack, each [start, end). A closed market ends a run."""
    lacking = expected.filter(~expected.is_in(rows["ts"].implode()))
    runs = (
        pl.DataFrame({"ts": lacking})
        .group_by((pl.col("ts").diff() != _MINUTE).fill_null(True).cum_sum().alias("run"), maintain_order=True)
        .agg(start=pl.col("ts").first(), end=pl.col("ts").last() + _MINUTE)
    )
    return list(runs.select("start", "end").iter_rows())


def _named(stated: pl.DataFrame, provenance: Provenance) -> pl.DataFrame:
    """Columns of BarsMinute, as far as they follow from who states it."""
    volume = pl.col("volume") if provenance.measures_volume else pl.lit(None, pl.Float64)
    return stated.with_columns(
        volume=volume,
        symbol=pl.lit(provenance.symbol),
        timeframe=pl.lit("1m"),
        source=pl.lit(provenance.source),
        instrument_kind=pl.lit(provenance.kind),
        fallback_level=pl.lit(provenance.fallback_level, pl.Int8),
        origin=pl.lit("rest"),
        basis_break=pl.lit(value=False),
        quality_score=pl.lit(0.0),
        issues=pl.lit([], pl.List(pl.String)),
        ingested_at=pl.col("ingested_at").cast(UTC_MICROS),
    )


def _reason() -> pl.Expr:
    """Name of the first rule a row breaks, null where it breaks none."""
    counted = (pl.col("volume").is_finite() & (pl.col("volume") >= 0)).fill_null(True)
    return (
        pl.when(~candles.priced())
        .then(pl.lit("price_not_positive"))
        .when(candles.crossed())
        .then(pl.lit("high_low_crossed"))
        .when(~counted | (pl.col("trade_count") < 0).fill_null(False))
        .then(pl.lit("volume_invalid"))
    )


def _jumps(rows: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """Whether each close lies more than 8 robust standard deviations of the returns before it from the last one.

    A change of instrument is no return. Where the returns before do not vary there is nothing to compare with.
    """
    earlier = before.sort("ts").tail(HISTORY).select("close", "instrument_kind")
    series = pl.concat([earlier, rows.select("close", "instrument_kind")])
    is_one = (series["instrument_kind"] == series["instrument_kind"].shift(1)).fill_null(False)
    returns = np.diff(np.log(series["close"].to_numpy()), prepend=np.nan)
    returns[~is_one.to_numpy()] = np.nan
    sigma = _robust_std_of_previous(returns, earlier.height)
    with np.errstate(invalid="ignore"):
        jumped = np.abs(returns[earlier.height :]) > _JUMP * sigma
    return pl.Series(jumped)


def _robust_std_of_previous(returns: Floats, start: int) -> Floats:
    """1.4826 x median absolute deviation of the 240 known returns before each row from `start` on; NaN if too few."""
    windows = sliding_window_view(np.concatenate([np.full(RETURNS, np.nan), returns]), RETURNS)[start : len(returns)]
    known = RETURNS - np.count_nonzero(np.isnan(windows), axis=1)
    sigma = np.full(len(windows), np.nan)
    full = known == RETURNS
    sigma[full] = _mad(windows[full])
    for row in np.flatnonzero((known >= FEWEST_RETURNS) & ~full):
        window = windows[row]
        sigma[row] = _mad(window[~np.isnan(window)][None, :])[0]
    sigma[sigma < FLAT] = np.nan
    return _MAD_TO_STD * sigma


def _mad(windows: Floats) -> Floats:
    deviations: Floats = np.abs(windows - np.median(windows, axis=1, keepdims=True))
    spread: Floats = np.median(deviations, axis=1)
    return spread
