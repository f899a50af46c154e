"""The shapes of the crypto answers, for OpenAPI. Rows are those of the tables, by their contracts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from dashboards.rest.bodies import Body
from dashboards.rest.row_schemas import row_schema
from market_assets.crypto import schemas
from market_assets.crypto.readers_account import EQUITY_COLUMNS
from market_assets.crypto.readers_market import OVERLAY_ROW

#: columns of a candle of any timeframe, and those that only candles built from minutes have
CANDLE = (
    *("ts", "open", "high", "low", "close", "volume", "quote_volume", "trade_count"),
    *("taker_buy_base", "taker_buy_quote", "source"),
)
BUILT = ("n_minutes", "complete", "change_24h_pct")
_ROW = dict[str, Any]
_FRAMES, _OVERLAYS = schemas.CryptoTimeframes.contract(), schemas.CryptoOverlays.contract()
_SIGNALS, _ADVICE = schemas.CryptoSignals.contract(), schemas.CryptoAdvice.contract()
_TRADES, _METRICS = schemas.CryptoPaperTrades.contract(), schemas.CryptoSuccessMetrics.contract()
_TELEMETRY = schemas.CryptoFeatureTelemetry.contract()

Candle = Annotated[_ROW, WithJsonSchema(row_schema(_FRAMES, CANDLE, BUILT))]
OverlayRow = Annotated[_ROW, WithJsonSchema(row_schema(_OVERLAYS, OVERLAY_ROW, _OVERLAYS.columns))]
Signal = Annotated[_ROW, WithJsonSchema(row_schema(_SIGNALS))]
Opinion = Annotated[_ROW, WithJsonSchema(row_schema(_ADVICE))]
Trade = Annotated[_ROW, WithJsonSchema(row_schema(_TRADES))]
EquityDay = Annotated[_ROW, WithJsonSchema(row_schema(_TRADES, EQUITY_COLUMNS))]
Metrics = Annotated[_ROW, WithJsonSchema(row_schema(_METRICS))]
Cost = Annotated[_ROW, WithJsonSchema(row_schema(_TELEMETRY))]


class SymbolState(BaseModel):
    """How one symbol stands. `age_bars`: time since the newest close, in lengths of the timeframe."""

    symbol: str
    ts: datetime | None
    close: float | None
    source: str | None
    age_bars: float | None
    change_24h_pct: float | None
    regime: str | None
    regime_confidence: float | None
    action: str | None
    feature_confidence: float | None
    is_tradeable: bool | None
    signal_time: datetime | None


class SymbolStatesBody(Body):
    """`GET /api/v1/crypto/symbols`."""

    timeframe: str
    count: int
    data: list[SymbolState]
    timestamp: datetime


class KlinesBody(Body):
    """`GET /api/v1/crypto/klines/{symbol}`."""

    symbol: str
    timeframe: str
    count: int
    next_start: datetime | None = Field(description="Start of the next page; null where nothing is left")
    data: list[Candle] = Field(description="By time")


class OverlaysBody(Body):
    """`GET /api/v1/crypto/overlays/{symbol}`."""

    symbol: str
    timeframe: str
    overlays: list[str]
    count: int
    next_start: datetime | None = Field(description="Start of the next page; null where nothing is left")
    data: list[OverlayRow] = Field(description="By time")


class SignalsBody(Body):
    """`GET /api/v1/crypto/signals`."""

    signals: list[Signal] = Field(description="Newest first")
    count: int
    timestamp: datetime


class AdviceBody(Body):
    """`GET /api/v1/crypto/advice`."""

    count: int
    data: list[Opinion] = Field(description="Newest first; advisor_source says who speaks")


class TradesBody(Body):
    """`GET /api/v1/crypto/paper-trades` and `/positions`."""

    count: int
    data: list[Trade] = Field(description="As they stand on `day`")


class EquityBody(Body):
    """`GET /api/v1/crypto/equity`."""

    start_equity: float = Field(description="Equity that the account began with (USD)")
    count: int
    data: list[EquityDay] = Field(description="By day")


class MetricsBody(Body):
    """`GET /api/v1/crypto/success-metrics`."""

    count: int
    data: list[Metrics]


class TelemetryBody(Body):
    """`GET /api/v1/crypto/telemetry`."""

    count: int
    data: list[Cost] = Field(description="Newest first")


class ChatBody(Body):
    """`POST /api/v1/crypto/chat`: what a language model says; it is no decision of the rules."""

    reply: str
    advisor_source: Literal["llm"]
    model: str
    symbol: str | None
    latency_ms: float
    timestamp: datetime
