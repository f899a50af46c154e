"""How btc tables are cut, and how far each looks back. Look-backs follow from the settings, in days."""

import math

from market_assets.btc.settings import BtcSettings, RpnSettings
from market_assets.btc.transforms import bins, dominance, processed, rpn, signals
from market_assets.core import partitions
from market_assets.settings import settings

DAY = partitions.days(settings().btc.history_start)
WEEK = partitions.weeks(settings().btc.history_start)

_DAY_HOURS, _WEEK_HOURS = 24, 168
#: the integrity report covers a day
INTEGRITY_HOURS = 24
#: length of the default trend filter: building it needs pywt, which definitions do not load
_DEFAULT_TAPS = 531


def taps(found: RpnSettings) -> int:
    """Hours that the trend filter spans."""
    if found == RpnSettings():
        return _DEFAULT_TAPS
    return rpn.taps(found)


def days_before(rows: int) -> int:
    """Days before its own that a day needs whose every hour looks at the `rows` hours before it."""
    return math.ceil(rows / _DAY_HOURS)


class LookBack:
    """Days (weeks for `bin_models`) before its own partition that an asset reads, by input. Never typed in twice."""

    def __init__(self, found: BtcSettings) -> None:
        self.price = days_before(INTEGRITY_HOURS)
        self.liquidations = days_before(processed.look_back(found))
        self.processed = days_before(taps(found.features.rpn) - 1)
        self.own_rpn = days_before(rpn.own_look_back(found))
        self.training_weeks = math.ceil(found.features.bin.train_hours / _WEEK_HOURS)
        self.models = days_before(found.features.bin.max_model_age_hours)
        self.own_bins = days_before(bins.look_back(found))
        self.thresholds = days_before(dominance.look_back(found))
        self.own_dominance = days_before(1)
        self.signals = days_before(signals.look_back(found))
        self.label_days = days_before(max(found.labels.horizons) + found.labels.entry_delay_hours)
        self.performance = days_before(max(found.performance.windows_hours)) - 1


LOOK_BACK = LookBack(settings().btc)
