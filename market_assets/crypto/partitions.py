"""How crypto tables are cut: by symbol and UTC day (`2026-10-05|BTCUSDT`), the account by day."""

import dagster as dg

from market_assets.core import partitions
from market_assets.settings import settings

_CRYPTO = settings().crypto

SYMBOL = dg.StaticPartitionsDefinition(list(_CRYPTO.symbols))
DAY = partitions.days(_CRYPTO.start_date)
SYMBOL_DAY = partitions.Pairs({"day": DAY, "symbol": SYMBOL})
