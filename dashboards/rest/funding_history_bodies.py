"""The shapes of the funding answers about history and how it is collected, for OpenAPI."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dashboards.rest.bodies import Body


class SettledEvent(BaseModel):
    """One settled payment; `funding_rate` per its own interval."""

    exchange: str
    symbol: str
    funding_time: datetime
    funding_rate: float
    interval_hours: float | None
    interval_source: str
    rate_1h: float | None
    rate_8h: float | None
    apr: float | None
    mark_price: float | None


class SettledBody(Body):
    """Settled rates by time."""

    model_config = ConfigDict(extra="allow")

    days: int
    exchanges: list[str]
    count: int
    data: list[SettledEvent]


class SparklineSeries(BaseModel):
    """One exchange's settled rates, oldest first."""

    times: list[datetime]
    rate_1h: list[float | None]
    apr: list[float | None]


class SparklineBody(Body):
    """`GET /api/funding-sparkline/{symbol}`."""

    symbol: str
    hours: int
    exchanges: dict[str, SparklineSeries]


class Gap(BaseModel):
    """Missing settlements in a row."""

    first: datetime
    last: datetime
    n: int


class VerifiedContract(BaseModel):
    """How complete a contract's settled history is."""

    exchange: str
    symbol: str
    native_symbol: str
    expected_slots: int
    hit_slots: int
    surplus_rows: int
    completeness_pct: float | None
    completeness_class: str
    gaps: list[Gap]
    n_unrecoverable: int
    history_floor: datetime | None = Field(description="The exchange keeps nothing older")


class RepairCandidate(BaseModel):
    """Partitions of funding_rates worth fetching again."""

    exchange: str
    partitions: list[str]


class VerifyBody(Body):
    """`GET /api/backfill/verify`."""

    days: int
    threshold: float
    total_contracts: int
    complete: int = Field(description="Contracts at or above the threshold")
    below: int
    unknown: int = Field(description="Contracts without an expected settlement, or of unknown interval")
    data: list[VerifiedContract] = Field(description="Open contracts, least complete first")
    repair_candidates: list[RepairCandidate]
    timestamp: datetime


class BackfillStarted(BaseModel):
    """A backfill that Dagster has taken."""

    status: str
    message: str
    backfill_id: str
    partitions: int
    first_day: date
    last_day: date
    exchanges: list[str]
    limited: list[str] = Field(description="Exchanges that keep less history than was asked for, and how much")


class CollectedExchange(BaseModel):
    """The newest look at an exchange. Status: ok, late (10 min), stale (30 min), missing."""

    name: str
    duration_ms: float | None
    record_count: int | None
    status: str
    speed_contracts_per_sec: float | None
    collected_at: datetime | None
    age_min: float | None


class CollectionBody(Body):
    """`GET /api/health/collection-metrics`."""

    exchanges: list[CollectedExchange]
    total_records: int
    timestamp: datetime


class FundingSettingsBody(Body):
    """`GET /api/settings`: what is in force, with its defaults. It is changed in the file or the environment."""

    read_only: bool
    config_file: str | None
    funding: dict[str, Any]
