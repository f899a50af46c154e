"""The 16 live values of stored minute bars, each day from its own fixed number of bars before it.

A day's rows depend on exactly `bars.indicators.warm_bars` bars before the day (fewer where there are fewer): neither on
how much history was loaded nor on which other days are computed beside it. Where the instrument kind changes, prices
are those of another thing, and every value begins anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.bars.schemas import BarsIndicators
from market_assets.bars.settings import BarsSettings
from market_assets.core import trading_hours
from market_assets.core.indicator_arrays import live_values
from market_assets.core.windows import Floats

Ints = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND, _DAY = timedelta(microseconds=1), timedelta(days=1)


def indicators(bars: pl.DataFrame, days: Sequence[date], settings: BarsSettings) -> pl.DataFrame:
    """The rows (BarsIndicators) of `days` of every symbol in `bars`, sorted by symbol and instant.

    `bars`: BarsMinute of these days and of up to `LOOK_BACK_DAYS` before them, in any order.
    """
    if not days:
        return BarsIndicators.contract().empty()
    computed = [
        _of_symbol(str(symbol), own, sorted(set(days)), settings)
        for (symbol,), own in bars.sort("symbol", "ts")
        .partition_by("symbol", as_dict=True, maintain_order=True)
        .items()
    ]
    return pl.concat(computed) if computed else BarsIndicators.contract().empty()


@dataclass(frozen=True)
class _Symbol:
    """The bars of one symbol as arrays, and what of each row the calendar says."""

    ts: Ints
    high: Floats
    low: Floats
    close: Floats
    #: NaN where unknown, or where the kind of the row has none
    volume: Floats
    #: rows whose kind is not that of the row before
    breaks: Ints
    #: rows with which a session begins
    turns: Ints
    #: rows before which a minute of the calendar is missing
    gaps: Ints


def _of_symbol(symbol: str, bars: pl.DataFrame, days: Sequence[date], settings: BarsSettings) -> pl.DataFrame:
    warm_bars = settings.indicators.warm_bars
    loaded = int(bars["ts"].search_sorted(datetime.combine(days[0], time(), UTC)))
    bars = bars[max(0, loaded - warm_bars) :]
    series = _arrays(symbol, bars, settings)
    starts = np.searchsorted(series.ts, [_micros(day) for day in days])
    ends = np.searchsorted(series.ts, [_micros(day + _DAY) for day in days])
    parts = [
        part
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for part in _of_day(series, start, end, warm_bars)
    ]
    if not parts:
        return BarsIndicators.contract().empty()
    rows = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    values = [pl.Series(name, np.concatenate([part[name] for part in parts]), nan_to_null=True) for name in parts[0]]
    delays = pl.col("source").str.strip_suffix("-sandbox").replace_strict(
        dict(settings.delays_s), default=0.0, return_dtype=pl.Float64
    )  # fmt: skip
    known = bars[rows].select(
        "symbol",
        "ts",
        available_at=pl.col("ts") + trading_hours.MINUTE + pl.duration(microseconds=(delays * 1e6).cast(pl.Int64)),
    )
    return (
        known.hstack(values)
        .with_columns(
            is_warm=pl.col("bars_in_segment") >= warm_bars,
            bars_since_gap=pl.col("bars_since_gap").cast(pl.Int64),
        )
        .select(BarsIndicators.contract().schema.names())
    )


def _of_day(series: _Symbol, start: int, end: int, warm_bars: int) -> Iterator[dict[str, NDArray[Any]]]:
    """Values of the rows from `start` to `end`, segment by segment, from `warm_bars` bars before them."""
    cut = max(0, start - warm_bars)
    for first, until in _segments(series.breaks, cut, end):
        if until <= start:
            continue
        rows = slice(first, until)
        turns = series.turns[np.searchsorted(series.turns, first) : np.searchsorted(series.turns, until)] - first
        values = live_values(
            series.high[rows], series.low[rows], series.close[rows], series.volume[rows], turns.tolist()
        )
        shown = max(first, start)
        yield {name: one[shown - first :] for name, one in values.items()} | {
            "bars_in_segment": np.arange(shown, until) - first + 1,
            "bars_since_gap": _since(series.gaps, cut, shown, until),
        }


def _segments(breaks: Ints, first: int, until: int) -> Iterator[tuple[int, int]]:
    """Rows from one change of kind to the next."""
    inside = breaks[np.searchsorted(breaks, first, side="right") : np.searchsorted(breaks, until)].tolist()
    yield from zip([first, *inside], [*inside, until], strict=True)


def _since(gaps: Ints, cut: int, first: int, until: int) -> Floats:
    """Bars of each row since the last gap after row `cut`, itself included; NaN where there is none."""
    rows = np.arange(first, until)
    inside = gaps[np.searchsorted(gaps, cut, side="right") :]
    at = np.searchsorted(inside, rows, side="right") - 1
    return np.where(at >= 0, rows - inside[at] + 1.0, np.nan) if inside.size else np.full(len(rows), np.nan)


def _arrays(symbol: str, bars: pl.DataFrame, settings: BarsSettings) -> _Symbol:
    calendar = settings.instrument(symbol).calendar
    ts, kinds = bars["ts"].to_physical().to_numpy(), bars["instrument_kind"]
    silent = [kind for kind in kinds.unique() if not _has_volume(symbol, kind, settings)]
    volume = bars.select(pl.when(~pl.col("instrument_kind").is_in(silent)).then("volume")).to_series()
    anchors = trading_hours.anchors(calendar, bars["ts"])
    expected = _expected(calendar, bars["ts"])
    missing = np.searchsorted(expected, ts[1:]) > np.searchsorted(expected, ts[:-1], side="right")
    return _Symbol(
        ts=ts,
        high=bars["high"].to_numpy(),
        low=bars["low"].to_numpy(),
        close=bars["close"].to_numpy(),
        volume=volume.cast(pl.Float64).fill_null(np.nan).to_numpy(),
        breaks=_changes(kinds),
        turns=_changes(anchors),
        gaps=np.flatnonzero(missing) + 1,
    )


def _has_volume(symbol: str, kind: str, settings: BarsSettings) -> bool:
    """Whether rows of a kind have a volume: as the instrument of this kind says that they come from, if one does."""
    row = settings.instrument(symbol)
    sources = (row, *(settings.instrument(other) for other in row.alt_symbols))
    return all(one.measures_volume for one in sources if one.kind == kind)


def _changes(values: pl.Series) -> Ints:
    """Rows whose value is not that of the row before."""
    return np.flatnonzero(values.ne_missing(values.shift(1)).to_numpy()[1:]) + 1


def _expected(calendar: str, ts: pl.Series) -> Ints:
    """Open instants of every minute of the calendar from the first bar to the last."""
    first, last = ts[0], ts[-1]
    minutes: Ints = trading_hours.minutes(calendar, first, last + trading_hours.MINUTE).to_physical().to_numpy()
    return minutes


def _micros(day: date) -> int:
    return (datetime.combine(day, time(), UTC) - _EPOCH) // _MICROSECOND
