"""What the series tab reads: bars of a view, their lines, where minutes are missing, what other sources say."""

from datetime import date, datetime, timedelta

import polars as pl

from dashboards.bars import frames
from dashboards.bars.query import TIMEFRAMES, SeriesQuery
from dashboards.bars.series import Chart
from dashboards.services import Services
from market_assets.bars import readers
from market_assets.bars.schemas import BarsIndicators, BarsReconciliation
from market_assets.core.contracts import Contract
from market_assets.core.errors import NotMaterialised

_MINUTES, _INDICATORS, _RECONCILIATION = "bars_minute", "bars_indicators", "bars_reconciliation"
_LINES: Contract = BarsIndicators.contract()
_COMPARED: Contract = BarsReconciliation.contract()
#: days of comparisons that are shown at least
_LEAST_DAYS = 30
_MINUTE = timedelta(minutes=1)


def symbol_of(services: Services, query: SeriesQuery) -> str:
    """The symbol to show: the one that is stated, or its variant, where the settings have it."""
    bars = services.settings.bars
    return (bars.named(query.symbol) if query.symbol else None) or bars.symbols[0]


def newest_minute(services: Services, symbol: str) -> datetime | None:
    """Open instant of the newest stored bar of a symbol; None before the first."""
    found = [
        each.max_time
        for each in services.data.manifests(_MINUTES)
        if each.partition.endswith(f"|{symbol}") and isinstance(each.max_time, datetime)
    ]
    return max(found, default=None)


def chart(services: Services, query: SeriesQuery, most: int) -> Chart | None:
    """What is drawn of a view, in at most `most` candles; None where no bar of the symbol is stored.

    Raises NotMaterialised where no bar of any symbol is.
    """
    symbol, length = symbol_of(services, query), TIMEFRAMES[query.timeframe]
    newest = newest_minute(services, symbol)
    if newest is None:
        # tells what to run where nothing at all is stored
        readers.bars(symbol, limit=1, store=services.data.store)
        return None
    first, last = query.window(newest)
    begin = _floor(first, length)
    calendar = services.settings.bars.instrument(symbol).calendar
    # means of longer candles are made here, so they need candles before those that are shown
    warm_up = timedelta() if length == _MINUTE else _history(length, calendar)
    candles = _candles(services, symbol, query.timeframe, begin - warm_up, last)
    lined = frames.with_lines(candles, _stored_lines(services, symbol, begin, last), length)
    visible = lined.filter(pl.col("ts") >= begin)
    shown = frames.shown(visible.drop(frames.LINES), most)
    return Chart(
        symbol=symbol,
        timeframe=query.timeframe,
        length=length,
        calendar=calendar,
        candles=shown,
        lines=frames.placed(shown, visible),
        gaps=frames.gaps(visible, calendar, length),
    )


def reconciliation(services: Services, query: SeriesQuery) -> pl.DataFrame:
    """BarsReconciliation of the symbol, newest first, over the days of the view and 30 at least."""
    symbol = symbol_of(services, query)
    newest = newest_minute(services, symbol)
    if newest is None:
        return _COMPARED.empty()
    first, last = query.window(newest)
    since = min(first.date(), last.date() - timedelta(days=_LEAST_DAYS))
    return _compared(services, symbol, since, last.date())


def _compared(services: Services, symbol: str, since: date, until: date) -> pl.DataFrame:
    try:
        return services.data.kept(
            f"bars compared {symbol} {since} {until}",
            [_RECONCILIATION],
            lambda: readers.reconciliation(symbol, start=since, end=until, store=services.data.store),
        )
    except NotMaterialised:
        return _COMPARED.empty()


def _candles(services: Services, symbol: str, timeframe: str, start: datetime, end: datetime) -> pl.DataFrame:
    return services.data.kept(
        f"bars {symbol} {timeframe} {start} {end}",
        [_MINUTES],
        lambda: readers.bars(symbol, start=start, end=end, timeframe=timeframe, store=services.data.store).rename(
            {"source": "sources"}
        ),
    )


def _stored_lines(services: Services, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
    """BarsIndicators of those minutes; empty where none were made: the candles stand without them."""
    try:
        return services.data.kept(
            f"bars lines {symbol} {start} {end}",
            [_INDICATORS],
            lambda: readers.indicators(symbol, start=start, end=end, store=services.data.store),
        )
    except NotMaterialised:
        return _LINES.empty()


def _history(length: timedelta, calendar: str) -> timedelta:
    """The time in which a market makes the candles that the longest mean needs, holidays and weekends included."""
    share_open = {"always": 1.0, "XNYS": 0.16}.get(calendar, 0.65)
    return frames.WARM_UP * length / share_open + timedelta(days=0 if calendar == "always" else 4)


def _floor(at: datetime, length: timedelta) -> datetime:
    """The open instant of the candle that a minute lies in."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + length * ((at - midnight) // length)
