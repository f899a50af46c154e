"""Reader of how each symbol stands. See `readers`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.crypto.readers_market import TIMEFRAMES, known_timeframe
from market_assets.crypto.readers_rows import FRAMES, KLINES, OVERLAYS, SIGNALS
from market_assets.reading import Moment, Wanted, instant, last_rows
from market_assets.settings import settings
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore

#: the shortest one that says how the price changed over 24 hours
_CHANGE = "5m"
_STATES = pl.Schema(
    {
        "symbol": pl.String(),
        #: of the newest closed candle: open instant, close, vendor
        "ts": UTC_MICROS,
        "close": pl.Float64(),
        "source": pl.String(),
        #: time since its close, in lengths of the timeframe: fresh up to 1.5, stale up to 3
        "age_bars": pl.Float64(),
        "change_24h_pct": pl.Float64(),
        "regime": pl.String(),
        "regime_confidence": pl.Float64(),
        #: the newest decision
        "action": pl.String(),
        "feature_confidence": pl.Float64(),
        "is_tradeable": pl.Boolean(),
        "signal_time": UTC_MICROS,
    }
)
_OF_CANDLE = ("ts", "close", "source")
_OF_REGIME = ("regime", "regime_confidence")
_OF_DECISION = ("action", "feature_confidence", "is_tradeable", "signal_time")


def symbol_states(
    timeframe: str = "1m", *, as_of: Moment | None = None, store: PartitionStore | None = None
) -> pl.DataFrame:
    """One row per symbol of the settings, in their order: newest closed candle of the timeframe, regime, decision.

    Regime and decision are of the primary timeframe. What was never stored is null: nothing stored is no error here.
    Ages count from `as_of`, or now.
    """
    known_timeframe(timeframe)
    known, asked, crypto = instant(as_of, "as_of"), store or store_in_force(), settings().crypto
    primary = {"timeframe": crypto.signals.timeframe}
    decided = primary | {"strategy_version": crypto.signals.strategy_version}
    candles = KLINES if timeframe == "1m" else FRAMES
    states = []
    for symbol in crypto.symbols:
        newest = _Newest(asked, symbol, known)
        states.append(
            {
                "symbol": symbol,
                **newest.of(candles, _OF_CANDLE, {"timeframe": timeframe}),
                **newest.of(FRAMES, ("change_24h_pct",), {"timeframe": _CHANGE}),
                **newest.of(OVERLAYS, _OF_REGIME, primary),
                **newest.of(SIGNALS, _OF_DECISION, decided),
            }
        )
    length = timedelta(minutes=TIMEFRAMES[timeframe])
    since_close = pl.lit(known or clock.now(), UTC_MICROS) - pl.col("ts") - length
    age = since_close.dt.total_microseconds() / (length / timedelta(microseconds=1))
    written = pl.Schema({name: dtype for name, dtype in _STATES.items() if name != "age_bars"})
    return pl.DataFrame(states, schema=written).with_columns(age_bars=age).select(list(_STATES))


class _Newest:
    """The newest row of one symbol in each table."""

    def __init__(self, store: PartitionStore, symbol: str, as_of: datetime | None) -> None:
        self._store, self._symbol, self._as_of = store, symbol, as_of

    def of(self, contract: Contract, columns: tuple[str, ...], where: Mapping[str, object]) -> dict[str, Any]:
        """These columns of it; nulls where there is none."""
        read = list(dict.fromkeys([*contract.key, *columns]))
        wanted = Wanted(contract, self._symbol, where, read, as_of=self._as_of)
        rows = last_rows(self._store, wanted, 1, 1.0)
        return dict.fromkeys(columns) if rows.is_empty() else rows.select(columns).row(0, named=True)
