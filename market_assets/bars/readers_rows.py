"""The tables that the readers ask, the names of symbols, and what to run where a table holds nothing. See `readers`."""

from functools import partial

from market_assets import reading
from market_assets.bars import schemas
from market_assets.core.contracts import Contract
from market_assets.core.errors import UnknownName
from market_assets.settings import settings

MINUTE: Contract = schemas.BarsMinute.contract()
INDICATORS: Contract = schemas.BarsIndicators.contract()
FEATURES: Contract = schemas.BarsScannerFeatures.contract()
SIGNALS: Contract = schemas.BarsSignals.contract()
OUTCOMES: Contract = schemas.BarsOutcomes.contract()
RECONCILIATION: Contract = schemas.BarsReconciliation.contract()
SOURCE_HEALTH: Contract = schemas.BarsSourceHealth.contract()

#: the store to ask; raises NotMaterialised for the first contract that holds nothing
filled = partial(reading.filled, examples={"day": "2026-10-05", "symbol": "EURUSD"})


def known_symbol(name: str) -> str:
    """The house symbol that a name stands for: itself or one of its variants, in any case.

    Raises UnknownName with the near ones. A name that merely looks alike is never guessed: `NDAQ` is a stock.
    """
    bars = settings().bars
    symbol = bars.named(name)
    if symbol is None:
        raise UnknownName("symbol", name, bars.symbols)
    return symbol
