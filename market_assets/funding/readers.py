"""What the domain's tables say: `from market_assets.funding.readers import current_contracts`.

    current_contracts   every open contract: predicted rate, prices, open interest, where it stands
    grid                of those the largest of each asset and exchange
    opportunities       the newest ranking of pairs net of costs
    exchange_states     how each exchange in use is doing
    settled             settled rates by time
    spread_history      settled spread of one pair by hour
    completeness        how much of the history is stored

Frames are Polars frames. `start` and `end` are inclusive: dates (as an end, the whole day), tz-aware instants or
ISO text. `as_of` reads what was published then; snapshots, which are only ever added to, what had arrived by then.
Of tables that are rewritten every few minutes (statistics, opportunities) only the last versions are kept.
`store` is for who asks often and keeps one. Nothing here imports Dagster.

A reader raises NotMaterialised, with the command to run, where a table it needs holds nothing, InvalidRequest
(a ValueError) for a naive or impossible moment, VersionPruned where the version of `as_of` is no longer kept.
"""

from market_assets.funding.readers_exchanges import exchange_states
from market_assets.funding.readers_history import completeness, settled, spread_history
from market_assets.funding.readers_now import current_contracts, grid, opportunities

__all__ = [
    "completeness",
    "current_contracts",
    "exchange_states",
    "grid",
    "opportunities",
    "settled",
    "spread_history",
]
