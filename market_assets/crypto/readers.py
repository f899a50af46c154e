"""What the domain's tables say: `from market_assets.crypto.readers import klines`.

    klines            closed candles of one symbol, 1m to 1d
    overlays          chart overlays and features of one symbol, those that are named
    signals           rule-based decisions with their levels, newest first
    advice            second opinions on them, each labelled by who gave it
    paper_trades      the simulated account's trades: open, closed, pending, rejected
    positions         what it holds
    equity            its equity by day
    success_metrics   how it did
    telemetry         what overlays cost
    symbol_states     how every symbol stands

Frames are Polars frames. `start` and `end` are inclusive: dates (as an end, the whole day), tz-aware instants or
ISO text; candles count by their open instant. With a `limit` only so many days are opened as it takes.
`as_of` reads the versions published then. Tables that are rewritten every few minutes keep only their last ones.
`store` is for who asks often and keeps one. Nothing here imports Dagster.

A reader raises NotMaterialised, with the command to run, where the table holds nothing; UnknownName for a timeframe,
overlay or status that is none; InvalidRequest (a ValueError) for a naive or impossible moment; VersionPruned where
the version of `as_of` is no longer kept. A symbol that is not stored has no rows.
"""

from market_assets.crypto.readers_account import EQUITY_COLUMNS, equity, paper_trades, positions, success_metrics
from market_assets.crypto.readers_market import (
    OVERLAY_COLUMNS,
    TIMEFRAMES,
    advice,
    klines,
    overlay_columns,
    overlays,
    signals,
    telemetry,
)
from market_assets.crypto.readers_states import symbol_states

__all__ = [
    "EQUITY_COLUMNS",
    "OVERLAY_COLUMNS",
    "TIMEFRAMES",
    "advice",
    "equity",
    "klines",
    "overlay_columns",
    "overlays",
    "paper_trades",
    "positions",
    "signals",
    "success_metrics",
    "symbol_states",
    "telemetry",
]
