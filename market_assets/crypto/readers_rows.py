"""The tables that the readers ask, and what to run where one holds nothing. See `readers`."""

from market_assets import reading
from market_assets.core.contracts import Contract
from market_assets.crypto import schemas
from resources.stores.protocol import PartitionStore

KLINES: Contract = schemas.CryptoKlines.contract()
FRAMES: Contract = schemas.CryptoTimeframes.contract()
OVERLAYS: Contract = schemas.CryptoOverlays.contract()
SIGNALS: Contract = schemas.CryptoSignals.contract()
ADVICE: Contract = schemas.CryptoAdvice.contract()
TRADES: Contract = schemas.CryptoPaperTrades.contract()
METRICS: Contract = schemas.CryptoSuccessMetrics.contract()
TELEMETRY: Contract = schemas.CryptoFeatureTelemetry.contract()

_EXAMPLES = {"day": "2026-10-05", "symbol": "BTCUSDT"}


def filled(store: PartitionStore | None, *contracts: Contract) -> PartitionStore:
    """The store to ask. Raises NotMaterialised for the first of `contracts` that holds nothing."""
    return reading.filled(store, *contracts, examples=_EXAMPLES)
