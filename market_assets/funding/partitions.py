"""How funding tables are cut: by exchange, by UTC day, by both (`2026-10-05|bybit`)."""

import dagster as dg

from market_assets.core import partitions
from market_assets.funding.settings import EXCHANGES
from market_assets.settings import settings

_FUNDING = settings().funding

#: exchanges in use come first, so that one range covers them; those not in use keep their partitions
EXCHANGE = dg.StaticPartitionsDefinition(list(dict.fromkeys((*_FUNDING.enabled, *EXCHANGES))))
DAY = partitions.days(_FUNDING.start_date)
EXCHANGE_DAY = partitions.Pairs({"day": DAY, "exchange": EXCHANGE})
