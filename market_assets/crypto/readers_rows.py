"""The tables that the readers ask, and what to run where one holds nothing. See `readers`."""

from functools import partial

from market_assets import reading
from market_assets.core.contracts import Contract
from market_assets.crypto import schemas

KLINES: Contract = schemas.CryptoKlines.contract()
FRAMES: Contract = schemas.CryptoTimeframes.contract()
OVERLAYS: Contract = schemas.CryptoOverlays.contract()
SIGNALS: Contract = schemas.CryptoSignals.contract()
ADVICE: Contract = schemas.CryptoAdvice.contract()
TRADES: Contract = schemas.CryptoPaperTrades.contract()
METRICS: Contract = schemas.CryptoSuccessMetrics.contract()
TELEMETRY: Contract = schemas.CryptoFeatureTelemetry.contract()

#: the store to ask; raises NotMaterialised for the first contract that holds nothing
filled = partial(reading.filled, examples={"day": "2026-10-05", "symbol": "BTCUSDT"})
