"""Every family of features of every symbol and day, each day from its own fixed number of bars before it.

A day's rows depend on the bars before it alone, cut to the exact look-back: neither on how much history was loaded
nor on which other days are computed beside it.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from market_assets.bars.schemas import CORRELATED, BarsScannerFeatures
from market_assets.bars.settings import LOOK_BACK_DAYS, BarsSettings
from market_assets.bars.transforms.features import correlation, price, regime, trend, volatility, volume
from market_assets.bars.transforms.features.correlation import Minutes
from market_assets.bars.transforms.features.segment import Columns, Segment
from market_assets.bars.transforms.features.sentiment import last_said
from market_assets.bars.transforms.macro import known_at
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.trading_hours import MINUTE

#: columns of BarsIndicators that features read
_BESIDE = ("ema_20", "rsi_14", "bb_upper", "bb_mid", "bb_lower", "atr_14", "vwap")
_FAMILIES = (price, trend, volume, volatility, regime)
#: rows of the graph: neither live nor from the hot cache
_STORED = 3
_DAY = timedelta(days=1)


def features(
    bars: pl.DataFrame,
    indicators: pl.DataFrame,
    macro: pl.DataFrame,
    sentiment: pl.DataFrame,
    days: Sequence[date],
    settings: BarsSettings,
) -> pl.DataFrame:
    """Inputs of the alphas (BarsScannerFeatures) of every row of `indicators` that opens on one of `days`.

    `bars` (BarsMinute) and `indicators` (BarsIndicators) hold those days and `LOOK_BACK_DAYS` before them;
    `bars` also those of the symbols that returns are correlated with. `macro` (BarsMacroDaily) and `sentiment`
    (symbol, available_at, sentiment) may be empty: their columns are null then. Raises InvalidRequest for sentiment
    outside -1 to 1. A bar without indicators, and indicators without a bar, give no row.
    """
    told = BarsScannerFeatures.contract()
    wanted = indicators.get_column("symbol").unique().to_list()
    by_symbol = _by_symbol(bars.filter(pl.col("symbol").is_in([*wanted, *CORRELATED])))
    beside = _by_symbol(indicators.select("symbol", "ts", *_BESIDE, known_from="available_at"))
    others = {name: correlation.minutes(by_symbol[name], settings.delays_s) for name in CORRELATED if name in by_symbol}
    parts = []
    for symbol in sorted(beside.keys() & by_symbol.keys()):
        joined = by_symbol[symbol].join(beside[symbol].drop("symbol"), on="ts", how="left", maintain_order="left")
        for day in sorted(set(days)):
            parts += [_rows(segment, others) for segment in _segments(symbol, joined, day, settings)]
    if not parts:
        return told.empty()
    rows = pl.concat(parts)
    known = known_at(macro, rows.get_column("ts") + MINUTE)
    constants = {"is_stale": pl.lit(False), "feature_level": pl.lit(_STORED)}
    outside = last_said(rows, sentiment, LOOK_BACK_DAYS)
    whole = pl.concat([rows, known, outside.to_frame()], how="horizontal").with_columns(**constants)
    return told.conform(whole.cast({name: told.schema[name] for name in whole.columns}))


def _by_symbol(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each symbol, by time."""
    parts = rows.sort("symbol", "ts").partition_by("symbol", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()}


def _segments(symbol: str, bars: pl.DataFrame, day: date, settings: BarsSettings) -> Iterator[Segment]:
    """The segments that reach into a day, cut to exactly the look-back before it, or what there is within its reach."""
    midnight = datetime.combine(day, time(), UTC)
    ts = bars.get_column("ts")
    reach = midnight - LOOK_BACK_DAYS * _DAY
    beyond, first, stop = (int(ts.search_sorted(at, "left")) for at in (reach, midnight, midnight + _DAY))
    start = first - min(first - beyond, settings.indicators.warm_bars)
    own = bars.slice(start, stop - start)
    kinds = own.get_column("instrument_kind")
    turns = [0, *(kinds != kinds.shift(1)).fill_null(False).arg_true().to_list(), own.height]
    for begin, end in itertools.pairwise(turns):
        if start + end > first:
            yield Segment(
                symbol=symbol,
                bars=own.slice(begin, end - begin),
                kept=max(first - start - begin, 0),
                calendar=settings.instrument(symbol).calendar,
                has_volume=_measures_volume(symbol, kinds[begin], settings),
            )


def _measures_volume(symbol: str, kind: str, settings: BarsSettings) -> bool:
    """Whether bars of that kind, which may be an alternative's of the symbol, have a volume."""
    row = settings.instrument(symbol)
    served = [row, *(settings.instrument(alt) for alt in row.alt_symbols)]
    return any(one.measures_volume for one in served if one.kind == kind)


def _rows(segment: Segment, others: Mapping[str, Minutes]) -> pl.DataFrame:
    """The kept rows that have indicators: whose they are, when they could be used, and every family's columns."""
    columns: Columns = {}
    for family in _FAMILIES:
        columns |= family.compute(segment)
    correlated, available = correlation.compute(segment, others)
    values = {
        name: pl.Series(np.where(np.isfinite(of), of, np.nan)[segment.kept :], nan_to_null=True)
        for name, of in (columns | correlated).items()
    }
    known_from = segment.bars.get_column("known_from").to_physical().fill_null(0).to_numpy()
    # windows reach back: what they are made of may have come later than the bar itself
    usable = np.maximum(np.maximum.accumulate(known_from), available)[segment.kept :]
    return (
        segment.bars.slice(segment.kept)
        .select("symbol", "ts", "close", "known_from", available_at=pl.Series(usable).cast(UTC_MICROS), **values)
        .filter(pl.col("known_from").is_not_null())
        .drop("known_from")
    )
