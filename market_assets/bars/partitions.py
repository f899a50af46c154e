"""How bars tables are cut: by symbol and UTC day (`2026-10-05|EURUSD`), health of the sources by day."""

import dagster as dg

from market_assets.core import partitions
from market_assets.settings import settings

_BARS = settings().bars

SYMBOL = dg.StaticPartitionsDefinition(list(_BARS.symbols))
DAY = partitions.days(_BARS.start_date)
SYMBOL_DAY = partitions.Pairs({"day": DAY, "symbol": SYMBOL})
