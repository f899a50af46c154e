"""Which btc partitions should hold a day, and when."""

from datetime import date, timedelta

from market_assets.core.due import Due, after
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore

#: the last hour of a day is published, at the latest, some hours into the next
_HOURLY = ("btc_price", "btc_liquidations", "btc_processed", "btc_rpn", "btc_bins", "btc_dominance", "btc_signals")
_HOURLY_H = 3.0
#: outcomes of a day are known when the longest horizon has passed
_OUTCOMES = ("btc_labels", "btc_training_data", "btc_signal_performance")
_OUTCOMES_H = 27.0
#: a week's model is fitted on its Monday
_MODEL_H = 12.0


def due(_store: PartitionStore, found: Settings, day: date) -> dict[str, Due]:
    """Table -> its partitions of a UTC day since `btc.history_start`."""
    if day < found.btc.history_start:
        return {}
    own = {day.isoformat()}
    monday = day - timedelta(days=day.weekday())
    return {
        **{table: after(day, _HOURLY_H, own) for table in _HOURLY},
        **{table: after(day, _OUTCOMES_H, own) for table in _OUTCOMES},
        "btc_bin_models": after(monday - timedelta(days=1), _MODEL_H, {monday.isoformat()}),
    }
