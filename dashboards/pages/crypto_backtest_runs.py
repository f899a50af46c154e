"""Runs of the backtest lab: stored candles of one symbol, traded by one strategy; kept while nothing new is stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock

import polars as pl

from dashboards.crypto.lab_query import RANGES, LabQuery
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.backtest import Backtest, backtest
from market_assets.crypto.transforms.paper.fills import Costs
from market_assets.crypto.transforms.strategies import STRATEGIES, Strategy

TABLES = ("crypto_timeframes", "crypto_signals")
_FRAMES, _SIGNALS = TABLES
_KEPT = 8
#: days before the range from which the direction of a strategy with two timeframes is known
_BEFORE = timedelta(days=30)
#: timeframe that the scalp takes its direction from
_DIRECTION = "4h"
_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "complete", "source")


@dataclass(frozen=True)
class Run:
    """One backtest and the candles it traded on, `_COLUMNS` by time."""

    symbol: str
    strategy: Strategy
    #: what it traded on
    timeframe: str
    bars: pl.DataFrame
    costs: Costs
    found: Backtest

    @property
    def length(self) -> timedelta:
        """How long a candle is."""
        return timedelta(minutes=MINUTES[self.timeframe])


class Runs:
    """The newest few runs; safe to ask from several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept = lru_cache(maxsize=_KEPT)(self._ran)
        # the plot and the cards of a run ask for it at once
        self._one_at_a_time = Lock()

    def of(self, query: LabQuery) -> Run:
        """Run it, unless it was run on what is stored. Raises NotMaterialised where candles or decisions lack."""
        with self._one_at_a_time:
            return self._kept(query, self._services.data.version(TABLES))

    def timeframe(self, query: LabQuery) -> str:
        """The timeframe it trades on: the strategy's own, or the one asked for."""
        strategy = STRATEGIES[query.strategy]
        if strategy.is_primary:
            return self._services.settings.crypto.signals.timeframe
        return strategy.timeframe or query.timeframe

    def symbol(self, query: LabQuery) -> str:
        """The symbol it trades: the first of the settings where none is asked for."""
        return query.symbol or self._services.settings.crypto.symbols[0]

    def newest(self, query: LabQuery) -> datetime | None:
        """Open instant of the newest candle it would trade on; None where there is none."""
        found = self._candles(self.symbol(query), self.timeframe(query), limit=1)
        return None if found.is_empty() else found["ts"][0]

    def costs(self, query: LabQuery) -> Costs:
        """The costs asked for; of the paper account where none are."""
        plain = Costs.of(self._services.settings.crypto.paper)
        return Costs(
            plain.slippage if query.slippage is None else query.slippage / 100.0,
            plain.commission if query.commission is None else query.commission / 100.0,
        )

    def _ran(self, query: LabQuery, _version: str) -> Run:
        symbol, timeframe, strategy = self.symbol(query), self.timeframe(query), STRATEGIES[query.strategy]
        newest, days = self.newest(query), RANGES[query.range]
        if newest is None:
            raise NotMaterialised(
                f"{_FRAMES} holds no {timeframe} candle of {symbol}. If it is among crypto.symbols, materialise its "
                f"days in the Dagster UI, or run: dagster asset materialize -m market_assets.definitions "
                f"--select crypto_klines,{_FRAMES} --partition '{clock.today()}|{symbol}'"
            )
        start = None if days is None else newest - timedelta(days=days) + timedelta(minutes=MINUTES[timeframe])
        bars = self._candles(symbol, timeframe, start=start)
        frames = {timeframe: bars}
        if strategy.timeframe is not None:
            before = None if start is None else start - _BEFORE
            frames[_DIRECTION] = self._candles(symbol, _DIRECTION, start=before)
        settings, costs = self._services.settings, self.costs(query)
        found = backtest(
            query.strategy,
            frames,
            costs=costs,
            crypto=settings.crypto,
            metrics=settings.metrics,
            timeframe=timeframe,
            signals=self._decisions(symbol, start) if strategy.is_primary else None,
        )
        return Run(symbol, strategy, timeframe, bars, costs, found)

    def _candles(
        self, symbol: str, timeframe: str, *, start: datetime | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        store = self._services.data.store
        return readers.klines(symbol, timeframe, start=start, limit=limit, store=store).select(_COLUMNS)

    def _decisions(self, symbol: str, start: datetime | None) -> pl.DataFrame:
        """The decisions of the strategy version in force, by time."""
        found = readers.signals(symbol, start=start, store=self._services.data.store)
        version = self._services.settings.crypto.signals.strategy_version
        return found.filter(pl.col("strategy_version") == version).sort("ts")
