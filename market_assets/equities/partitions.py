"""How equities tables are cut: symbols are added while the graph runs, years by the calendar."""

import dagster as dg

from market_assets.core import partitions
from market_assets.settings import settings

SYMBOLS_NAME = "equity_symbols"
EQUITY_SYMBOLS = dg.DynamicPartitionsDefinition(name=SYMBOLS_NAME)
YEAR = partitions.years(settings().equities.start_year)
SYMBOL_YEAR = partitions.by_symbol_and_year(EQUITY_SYMBOLS, YEAR)
