"""What the domain's tables and its collector say: `from market_assets.bars.readers import bars`.

    bars                  closed bars of one symbol, 1m to 4h, with the sources they came from
    indicators            the 16 values of one symbol, minute by minute
    latest, board         how one symbol, or every one, stands this moment
    sources               how every source does: breaker, success, trust, budgets
    reconciliation        what two sources say of the same minutes
    signals               alphas that fired, scored and graded, newest first
    outcomes              how they ended
    latest_signals        those that still count, sized for an account
    scanner_stats         what the scanner did on its newest day
    analytics_overview    equity and drawdown of the outcomes
    analytics_alphas      how each alpha did
    analytics_risk        what may be lost, and how symbols move together
    analytics_compliance  which rules were kept
    reliability           p_win against what came

Frames are Polars frames. `start` and `end` are inclusive: dates (as an end, the whole day), tz-aware instants or ISO
text. With a `limit` only so many days are opened as it takes. `as_of` reads the versions published then; what only
the collector knows is left out then. `store` and `hot` are for who asks often and keeps one. Nothing here imports
Dagster.

A reader raises NotMaterialised, with the command to run, where the table holds nothing; UnknownName for a symbol,
timeframe or alpha that is none; InvalidRequest (a ValueError) for a naive or impossible moment; VersionPruned where
the version of `as_of` is no longer kept.
"""

from market_assets.bars.readers_analytics import (
    Risk,
    analytics_alphas,
    analytics_compliance,
    analytics_overview,
    analytics_risk,
    reliability,
)
from market_assets.bars.readers_live import board, latest
from market_assets.bars.readers_market import (
    BAR_COLUMNS,
    bars,
    indicators,
    outcomes,
    reconciliation,
    scanner_stats,
    signals,
)
from market_assets.bars.readers_rows import known_symbol
from market_assets.bars.readers_signals import SIGNALS_NOW, latest_signals
from market_assets.bars.readers_sources import SOURCES, sources
from market_assets.bars.standing import BOARD, Latest, State
from market_assets.bars.transforms.timeframes import TIMEFRAMES

__all__ = [
    "BAR_COLUMNS",
    "BOARD",
    "SIGNALS_NOW",
    "SOURCES",
    "TIMEFRAMES",
    "Latest",
    "Risk",
    "State",
    "analytics_alphas",
    "analytics_compliance",
    "analytics_overview",
    "analytics_risk",
    "bars",
    "board",
    "indicators",
    "known_symbol",
    "latest",
    "latest_signals",
    "outcomes",
    "reconciliation",
    "reliability",
    "scanner_stats",
    "signals",
    "sources",
]
