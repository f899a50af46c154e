"""How ops tables are cut: the condition by UTC day, everything else whole."""

from datetime import date

from market_assets.core import partitions

DAY = partitions.days(date(2020, 1, 1))
