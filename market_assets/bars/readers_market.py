"""Readers of what is stored of the market: bars, indicators, signals, outcomes, comparisons. See `readers`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from market_assets.bars.readers_rows import (
    FEATURES,
    INDICATORS,
    MINUTE,
    OUTCOMES,
    RECONCILIATION,
    SIGNALS,
    filled,
    known_symbol,
)
from market_assets.bars.settings import ALPHAS
from market_assets.bars.transforms.scanner_stats import BarsScannerStats
from market_assets.bars.transforms.scanner_stats import scanner_stats as counted
from market_assets.bars.transforms.timeframes import TIMEFRAMES, coarse
from market_assets.core import clock
from market_assets.reading import Moment, Wanted, chosen, instant, known, newest_rows, series_rows
from market_assets.settings import settings
from resources.stores.protocol import PartitionStore

_A_DAY = 1440
#: columns of `bars`, in their order
BAR_COLUMNS = (
    *("symbol", "timeframe", "ts", "open", "high", "low", "close", "volume", "trade_count", "n_minutes"),
    *("source", "fallback_level", "instrument_kind", "basis_break", "quality_score"),
)
_READ = [name for name in BAR_COLUMNS if name not in ("timeframe", "n_minutes")]


def bars(
    symbol: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    timeframe: str = "1m",
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """Closed bars (BAR_COLUMNS) of one symbol with start <= ts <= end, by time, made of stored minutes.

    n_minutes (Int32): minutes that a bar is of; a minute that is missing is made up by nothing. source and
    instrument_kind: those of its minutes, joined by `+`; fallback_level: the worst of them; basis_break: whether one
    of them changed the kind; quality_score: their mean. volume and trade_count are null where one of the minutes has
    none. A bar that is not over yet is left out. At most `limit`: with a start the first ones, else the newest.
    """
    known_timeframe(timeframe)
    name = known_symbol(symbol)
    wanted = _Coarse(MINUTE, name, None, _READ, start, end, as_of, timeframe=timeframe)
    return series_rows(filled(store, MINUTE), wanted, limit, _A_DAY / TIMEFRAMES[timeframe])


def indicators(
    symbol: str,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """BarsIndicators of one symbol with start <= ts <= end, by time.

    At most `limit`: with a start the first ones, else the newest.
    """
    wanted = Wanted(INDICATORS, known_symbol(symbol), start=start, end=end, as_of=as_of)
    return series_rows(filled(store, INDICATORS), wanted, limit, _A_DAY)


def signals(
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    symbol: str | None = None,
    alpha: str | None = None,
    accepted: bool | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """BarsSignals of a symbol or of all with start <= ts <= end, newest first; at most `limit`.

    `features` of a row is JSON: the inputs of its alpha. Raises UnknownName for an alpha that is none.
    """
    where = chosen(alpha_id=None if alpha is None else known("alpha", alpha, ALPHAS), accepted=accepted)
    wanted = Wanted(SIGNALS, symbol and known_symbol(symbol), where, None, start, end, as_of)
    return newest_rows(filled(store, SIGNALS), wanted, limit, a_day=8.0)


def outcomes(
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    symbol: str | None = None,
    alpha: str | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """BarsOutcomes of a symbol or of all with start <= settled_at <= end, newest first; at most `limit`."""
    where = chosen(alpha_id=None if alpha is None else known("alpha", alpha, ALPHAS))
    wanted = Wanted(OUTCOMES, symbol and known_symbol(symbol), where, None, start, end, as_of)
    return newest_rows(filled(store, OUTCOMES), wanted, limit, a_day=8.0)


def reconciliation(
    symbol: str | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """BarsReconciliation of a symbol or of all with start <= day <= end, newest first; at most `limit`."""
    wanted = Wanted(RECONCILIATION, symbol and known_symbol(symbol), None, None, start, end, as_of)
    return newest_rows(filled(store, RECONCILIATION), wanted, limit, a_day=1.0)


def scanner_stats(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> BarsScannerStats:
    """What the scanner did on the newest day that it looked at: symbols, alphas, fired, accepted, reasons, profile.

    Before anything was looked at all counts are 0.
    """
    asked = filled(store, FEATURES)
    looked = Wanted(FEATURES, columns=("symbol", "ts"), as_of=as_of)
    day = max(looked.days(asked), default=None)
    scanned = replace(looked, start=day, end=day).read(asked)
    fired = Wanted(SIGNALS, start=day, end=day, as_of=as_of).read(asked)
    return counted(scanned, fired, settings().bars.signals)


def known_timeframe(name: str) -> str:
    """The timeframe. Raises UnknownName with those there are."""
    return known("timeframe", name, TIMEFRAMES)


@dataclass(frozen=True)
class _Coarse(Wanted):
    """Bars of a timeframe, made of the minutes of whole days: a day begins with a bar of each."""

    timeframe: str = "1m"

    def read(self, store: PartitionStore, partitions: Sequence[str] | None = None) -> pl.DataFrame:
        """Those bars that are over."""
        length = timedelta(minutes=TIMEFRAMES[self.timeframe])
        minutes = Wanted(
            self.contract, self.symbol, None, self.columns, self.start, _whole(self.end, length), self.as_of
        )
        found = coarse(minutes.read(store, partitions), self.timeframe)
        now, first = instant(self.as_of, "as_of") or clock.now(), instant(self.start, "start")
        # of a bar that opened before the start only a part was read
        later = pl.lit(value=True) if first is None else pl.col("ts") >= first
        return found.filter(later, pl.col("ts") + length <= now).select(BAR_COLUMNS)


def _whole(end: Moment | None, length: timedelta) -> Moment | None:
    """The last minute of the bar that an end lies in; an end that is a day is whole as it is."""
    at = instant(end, "end")
    if at is None or (isinstance(end, str) and len(end) <= len("2026-10-05")) or not isinstance(end, str | datetime):
        return end
    since_midnight = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at - since_midnight % length + length - timedelta(minutes=1)
