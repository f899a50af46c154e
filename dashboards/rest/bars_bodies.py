"""The shapes of the answers about minute bars, for OpenAPI. What nobody measured is null."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dashboards.rest.bodies import Body
from market_assets.bars.standing import State


class SignalNow(BaseModel):
    """A signal that still counts, sized for the account."""

    symbol: str
    action: Literal["BUY", "SELL"]
    confidence: float
    q_star: float
    es95: float | None = Field(description="Expected shortfall (95 %) of the lots, in money")
    stop_loss: float | None
    take_profit_1: float | None
    take_profit_2: float | None
    lots: float
    alpha_id: str
    regime: str | None
    features: dict[str, Any] = Field(description="Inputs of the alpha")
    grade: str
    p_win: float
    n_outcomes: int
    signal_time: datetime
    stale: bool
    accepted: bool
    reject_reasons: list[str] = Field(description="Why not, why 0 lots, and notes (no_quote, no_sigma)")


class SignalsBody(Body):
    """`GET /api/signals`."""

    signals: list[SignalNow] = Field(description="Best first; then the rejected ones, where they were asked for")
    timestamp: datetime
    count: int


class ScannerBody(Body):
    """`GET /api/scanner/stats`."""

    symbols_scanned: int
    alphas: list[str]
    fired: int
    accepted: int
    rejected_by_reason: dict[str, int]
    last_scan: datetime | None
    profile: str


class BarRow(BaseModel):
    """A closed bar, made of closed minutes."""

    symbol: str
    timeframe: str
    ts: datetime = Field(description="Open instant")
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    trade_count: int | None
    n_minutes: int = Field(description="Minutes it is of; one that is missing is made up by nothing")
    source: str = Field(description="Those of its minutes, joined by +")
    fallback_level: int = Field(description="The worst of its minutes")
    instrument_kind: str = Field(description="Those of its minutes, joined by +")
    basis_break: bool = Field(description="Whether one of its minutes changed the kind")
    quality_score: float


class BarsBody(Body):
    """`GET /api/v1/bars/{symbol}`."""

    symbol: str
    timeframe: str
    count: int
    next_start: datetime | None = Field(description="Start of the next page; null where nothing is left")
    data: list[BarRow] = Field(description="By time")


class IndicatorsBody(Body):
    """`GET /api/v1/indicators/{symbol}`: the newest bar and its 16 values."""

    symbol: str
    ts: datetime | None = Field(description="Open instant of the bar that the values are of")
    at: datetime | None = Field(description="The source's own instant of the price; of a stored bar its close")
    age_s: float | None
    state: State
    price: float | None
    source: str | None
    level: int | None
    kind: str | None
    feature_level: int | None = Field(description="1 live, 2 hot and not fresh, 3 stored; null without anything")
    is_warm: bool | None
    is_forming: bool | None
    bars: int | None = Field(description="Bars that the values are computed from")
    open: float | None
    high: float | None
    low: float | None
    volume: float | None
    market_open: bool
    next_open: datetime | None = Field(description="Null while it is open")
    indicators: dict[str, float | None] = Field(description="The 16 values")
    timestamp: datetime


class WindowBody(BaseModel):
    """A window of a budget."""

    window: str
    used: int
    limit: int
    resets_at: datetime


class IntervalBody(BaseModel):
    """How often a symbol is asked for at a source."""

    symbol: str
    seconds: float


class SourceRow(BaseModel):
    """A source of minute bars, of this UTC day."""

    source: str
    enabled: bool | None = Field(description="Whether it has the key that it needs")
    state: str | None = Field(description="Breaker")
    polling: str | None = Field(description="What the collector's poller does; null without a collector")
    why: str | None
    total_calls: int | None
    success_rate: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    is_healthy: bool | None = Field(description="Null without a call")
    trust_score: float | None
    agreement_ratio: float | None
    n_compared: int | None
    rows_served: int | None
    share_of_rows: float | None
    mean_quality: float | None
    credits_used: int | None
    opens: int | None
    budget: list[WindowBody] | None
    budget_left: int | None
    effective_intervals: list[IntervalBody] | None
    last_error: str | None


class SourcesBody(Body):
    """`GET /api/sources`."""

    count: int
    sources: list[SourceRow] = Field(description="In the order of preference")
    timestamp: datetime


class Window(Body):
    """What an analysis is of."""

    start: date | None = Field(description="First day of outcomes; null: all")
    end: date | None


class CurvePoint(BaseModel):
    """Equity after one outcome."""

    at: datetime
    equity: float
    drawdown_ratio: float


class OverviewBody(Window):
    """`GET /api/analytics/overview`."""

    start_equity: float
    n_outcomes: int
    metrics: dict[str, Any] = Field(description="Null where there is too little to tell, and null_reason says why")
    n_points: int = Field(description="Points of the curve, of which the newest are in `curve`")
    curve: list[CurvePoint]


class AlphaRow(BaseModel):
    """How one alpha did."""

    model_config = ConfigDict(extra="forbid")
    alpha_id: str
    n_signals: int
    n_accepted: int
    n_outcomes: int
    n_wins: int
    n_losses: int
    n_timeouts: int
    win_rate_ratio: float | None
    expectancy_r: float | None
    mean_q_star: float | None


class ReliabilityRow(BaseModel):
    """A tenth of p_win."""

    p_from: float
    p_to: float
    n: int
    predicted: float | None
    realised: float | None


class AlphasBody(Window):
    """`GET /api/analytics/alphas`."""

    count: int
    alphas: list[AlphaRow]
    reliability: list[ReliabilityRow] = Field(description="p_win as promised, against what came")


class CorrelationRow(BaseModel):
    """How two symbols move together."""

    symbol: str
    other: str
    n: int = Field(description="Common minutes")
    correlation: float | None


class RiskBody(Window):
    """`GET /api/analytics/risk`."""

    n_obs: int = Field(description="Days of equity")
    var95_ratio: float | None
    es95_ratio: float | None
    normal_var95_ratio: float | None
    normal_es95_ratio: float | None
    correlations: list[CorrelationRow]


class RuleRow(BaseModel):
    """One rule of bars.risk."""

    rule: str
    limit: float
    value: float | None
    passed: bool | None = Field(description="Null: not known, or the rule is off")


class ComplianceBody(Window):
    """`GET /api/analytics/compliance`."""

    rules: list[RuleRow]
