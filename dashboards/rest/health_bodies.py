"""The shape of `GET /health`, for OpenAPI: every number may be null, and is where nobody measured it."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Overall = Literal["healthy", "degraded", "unhealthy"]
Status = Literal["healthy", "degraded", "error", "unhealthy", "unknown", "idle", "not_configured"]
Condition = Literal["ok", "degraded", "missing", "late"]


class ComponentBody(BaseModel):
    """One component. `unknown`: it could not be looked at; `idle`, `not_configured`: there is nothing to judge."""

    model_config = ConfigDict(extra="allow")

    status: Status = "unknown"
    note: str | None = Field(None, description="How it stands, in a few words")
    detail: str | None = Field(None, description="What is wrong, and what to do; null where nothing is")


class StorageBody(ComponentBody):
    """The store. Unhealthy where it cannot be read."""

    kind: str | None = None
    bytes: int | None = None
    query_time_ms: float | None = None


class InstanceBody(ComponentBody):
    """Dagster's storage of runs, events and ticks."""

    kind: str | None = None
    query_time_ms: float | None = None


class DaemonBody(BaseModel):
    """One daemon; `healthy` is null where the instance does not need it."""

    healthy: bool | None
    last_heartbeat: datetime | None


class SchedulerBody(ComponentBody):
    """The daemons of Dagster."""

    running: bool | None = Field(None, description="Whether the scheduler's heartbeat is recent")
    daemons: dict[str, DaemonBody] = {}


class TickBody(BaseModel):
    """A schedule or sensor that is late, failed last, or whose job does not succeed."""

    subject: str
    check: str
    severity: Literal["WARN", "ERROR"]
    said: str
    since: datetime


class AutomationBody(ComponentBody):
    """Schedules and sensors."""

    n_on: int | None = None
    n_off: int | None = None
    n_late: int | None = None
    n_failed: int | None = None
    findings: list[TickBody] = []


class StreamBody(ComponentBody):
    """The collectors, by domain."""

    streams: dict[str, dict[str, Any]] = {}


class StandstillBody(ComponentBody):
    """Whether this home was stopped, by whom and why."""

    stopped_at: datetime | None = None
    stopped_by: str | None = None
    reason: str | None = None


class RateBody(BaseModel):
    """The newest stored share of what is valid or complete."""

    measure: str = Field(description="The check that judges it")
    value: float | None = Field(ge=0, le=1)
    of: str | None


class PipelineBody(ComponentBody):
    """Whether stored data are as fresh as their clocks ask."""

    data_freshness_seconds: float | None = None
    cache_hit_rate: float | None = None
    active_symbols: int | None = None
    stale_symbols: int | None = None
    market_open: bool | None = None
    validation: dict[str, RateBody] = Field({}, description="By domain")


class TableBody(BaseModel):
    """One table."""

    newest: datetime | date | None
    published_at: datetime | None
    late_s: float | None = Field(description="For how long it has lacked what is due; 0 while it has all")
    yesterday: Condition | None
    today: Condition | None


class ConditionBody(ComponentBody):
    """Tables by their own calendars, and by the stored condition of two days (condition -> tables)."""

    n_late: int | None = None
    yesterday: dict[str, int] = {}
    today: dict[str, int] = {}
    tables: dict[str, TableBody] = {}


class SourcesBody(ComponentBody):
    """The vendors together."""

    n_open: int | None = Field(None, description="Breakers that are not closed")
    day_budget_left_ratio: float | None = Field(None, description="Of the budget of a day of which least is left")


class BackupStateBody(ComponentBody):
    """The newest backup, and the last restore on trial."""

    taken_at: datetime | None = None
    age_s: float | None = None
    n_kept: int | None = None
    restored_at: datetime | None = None
    restored_backup: str | None = None
    restored_equal: bool | None = Field(None, description="Whether all of it came back as it was")
    restore_verified_age_s: float | None = Field(None, description="Null where it did not, too")


class MachineBody(ComponentBody):
    """Shares that are used; the load of 15 minutes by processors may be above one."""

    disk_used_ratio: float | None = None
    disk_free_bytes: int | None = None
    memory_used_ratio: float | None = None
    cpu_load_ratio: float | None = None


class AlertsBody(ComponentBody):
    """Open incidents that no other explains, by the worst of each; silenced ones apart."""

    errors: int | None = None
    warnings: int | None = None
    silenced: int | None = None
    last_round_age_s: float | None = None


class Components(BaseModel):
    """What the whole is made of."""

    storage: StorageBody
    instance: InstanceBody
    scheduler: SchedulerBody
    automation: AutomationBody
    stream: StreamBody
    standstill: StandstillBody
    redis: ComponentBody
    data_pipeline: PipelineBody
    condition: ConditionBody
    sources: SourcesBody
    backup: BackupStateBody
    machine: MachineBody
    alerts: AlertsBody

    @classmethod
    def blank(cls, name: str) -> dict[str, Any]:
        """A component without anything measured."""
        model: type[ComponentBody] = cls.__annotations__[name]
        return model().model_dump()


class PerformanceBody(BaseModel):
    """Time to answer of this process, over its newest requests."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class SourceBody(BaseModel):
    """One vendor, as all processes see it."""

    state: str
    total_calls: int
    success_rate: float | None
    latency_p95_ms: float | None
    is_healthy: bool
    budget_left: int | None
    budget_left_ratio: float | None


class HealthBody(BaseModel):
    """`GET /health`: the status is that of the worst component."""

    status: Overall
    timestamp: datetime
    scheduler_running: bool | None
    components: Components
    performance: PerformanceBody
    data_sources: dict[str, SourceBody]
    demo: bool | None = Field(None, description="True where the data came from the sandbox; absent otherwise")
