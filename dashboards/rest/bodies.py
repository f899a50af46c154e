"""The shapes of the answers, for OpenAPI. Numbers that may be unknown are nullable; extra fields never appear."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """Every answer over stored data."""

    demo: bool | None = Field(None, description="True where the data came from the sandbox; absent otherwise")
    as_of: datetime | None = Field(None, description="The instant asked for, where one was")


class Database(BaseModel):
    """What is stored."""

    symbols_available: int | None
    latest_data: date | None
    total_records: int | None
    validated_records: int | None
    validation_rate_pct: float | None


class DataQuality(BaseModel):
    """Flags and the scheduler."""

    records_with_gaps_flagged: int | None
    scheduler_status: str


class StatusBody(Body):
    """`GET /api/v1/status`."""

    api_version: str
    status: str
    database: Database
    data_quality: DataQuality


class SymbolsBody(Body):
    """`GET /api/v1/symbols`."""

    count: int
    timestamp: datetime
    symbols: list[str]


class SymbolDetail(BaseModel):
    """One symbol."""

    symbol: str
    records: int
    validation_rate: float | None
    latest_data: date | None
    data_age_hours: float | None
    sessions_behind: int | None
    timeframes: list[str]
    status: str


class SymbolDetailsBody(Body):
    """`GET /api/v1/symbols/detailed`."""

    count: int
    timestamp: datetime
    symbols: list[SymbolDetail]


class HistoricalBar(BaseModel):
    """One bar."""

    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    source: str
    validated: bool
    quality_score: float
    gap_detected: bool
    volume_anomaly: bool


class HistoricalBody(Body):
    """`GET /api/v1/historical/{symbol}`."""

    symbol: str
    timeframe: str
    start_date: date | None
    end_date: date | None
    adjust: str
    count: int
    excluded_count: int
    excluded_dates: list[date]
    next_cursor: str | None
    data: list[HistoricalBar]


class RowsBody(Body):
    """Rows of a table, paged."""

    count: int
    next_cursor: str | None
    data: list[dict[str, Any]]


class MessageBody(BaseModel):
    """The outcome of a write."""

    status: str
    message: str


class SymbolAdded(MessageBody):
    """A symbol of the universe, and what follows."""

    symbol: str
    backfill: str


class KeyCreated(MessageBody):
    """A new API key. This is the only time it is shown."""

    name: str
    key: str


class KeyFacts(BaseModel):
    """One API key, without the key."""

    name: str
    active: bool
    created_at: datetime
    last_used: datetime | None


class KeysBody(BaseModel):
    """`GET /api/v1/admin/api-keys`."""

    count: int
    keys: list[KeyFacts]


class BtcMetadata(BaseModel):
    """The span of an answer. Times are null where nothing lies in the range."""

    start_time: datetime | None
    end_time: datetime | None
    record_count: int


class BtcRowsBody(Body):
    """Rows of the btc domain; `time` is the start of the hour."""

    data: list[dict[str, Any]]
    metadata: BtcMetadata


class BtcFigure(BaseModel):
    """A plotly figure."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class BtcPlotBody(Body):
    """`GET /api/plots/{type}`; record_count is the number of hours before thinning."""

    data: BtcFigure
    metadata: BtcMetadata


class BtcTableStats(BaseModel):
    """One btc table as it is stored. `age_hours` counts from the instant its newest row became available."""

    earliest: datetime | None
    latest: datetime | None
    count: int
    age_hours: float | None
    status: Literal["ok", "late", "stale", "empty"]


class BtcStatsBody(BaseModel):
    """`GET /api/stats`: table -> its state, without envelope; `as_of` and `demo` stand beside where they apply."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, BtcTableStats]

    demo: bool | None = Field(None, description="True where the data came from the sandbox; absent otherwise")
    as_of: datetime | None = Field(None, description="The instant asked for; absent where none was")
