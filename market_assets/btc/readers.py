"""What the domain's tables say: `from market_assets.btc.readers import get_all_features`.

    get_raw_data            price and liquidations in use        get_performance_metrics  quality of the signals
    get_processed_data      filled, tamed, shares                get_feature_stats        one table in numbers
    get_all_features        features of one hour in one row      get_data_summary         every table in numbers
    get_latest_signals      what has just spoken                 get_pipeline_status      how old every table is
    get_training_data       train, validation, test

Frames are Polars frames and ascend in `ts` unless said otherwise. `start` and `end` are inclusive: dates (as an
end, the whole day), tz-aware instants or ISO text; by default the last processing.default_days_back days.
`as_of` keeps what was known then (available_at <= as_of). Where columns are asked for, their names of before are
taken too. Internal state (`st_*`) is never returned. Nothing here imports Dagster.

A reader raises NotMaterialised, with the command to run, where a table it needs holds nothing, and
InvalidRequest (a ValueError) for a naive or impossible moment.
"""

from market_assets.btc.readers_frames import (
    get_all_features,
    get_latest_signals,
    get_performance_metrics,
    get_processed_data,
    get_raw_data,
)
from market_assets.btc.readers_summaries import (
    get_data_summary,
    get_feature_stats,
    get_pipeline_status,
    get_table_states,
)
from market_assets.btc.readers_training import TrainingSets, get_training_data

__all__ = [
    "TrainingSets",
    "get_all_features",
    "get_data_summary",
    "get_feature_stats",
    "get_latest_signals",
    "get_performance_metrics",
    "get_pipeline_status",
    "get_processed_data",
    "get_raw_data",
    "get_table_states",
    "get_training_data",
]
