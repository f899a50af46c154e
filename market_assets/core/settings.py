"""Settings shared by every domain: fetching, quality, statistics, retention, the app."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of the settings file: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FetchSettings(Section):
    """How vendors are asked (spec: one retry layer, budgets, breaker)."""

    attempts: int = Field(3, ge=1, description="Requests made for one call at most")
    first_wait_s: float = Field(1.0, ge=0, description="Wait before the second request")
    max_wait_s: float = Field(60.0, ge=0, description="Longest wait; a longer Retry-After blocks the source")
    deadline_s: float = Field(30.0, gt=0, description="Time for one call with all its retries")
    timeout_s: float = Field(10.0, gt=0, description="Time for one request")
    budget_wait_s: float = Field(61.0, ge=0, description="Longest wait for the next budget window")
    breaker_failures: int = Field(5, ge=1, description="Consecutive failures that open the breaker")
    breaker_open_s: float = Field(60.0, gt=0, description="Time the breaker stays open")
    breaker_successes: int = Field(2, ge=1, description="Consecutive probes that close it")


class QualitySettings(Section):
    """What share of bad rows a partition may have and still be stored."""

    max_quarantine_share: float = Field(0.01, ge=0, le=1)


class GapSettings(Section):
    """Share of missing sessions or slots that fails a check, and how holes are asked for again."""

    warn_share: float = Field(0.01, ge=0, le=1)
    error_share: float = Field(0.05, ge=0, le=1)
    repair: bool = Field(True, description="Whether holes are asked for again by themselves")
    repair_days: int = Field(30, ge=1, description="Holes of the last so many days are looked for in minute tables")
    repair_tries: int = Field(5, ge=1, description="Repairs of a partition after which its holes are given up")
    repair_pause_h: float = Field(6.0, gt=0, description="Hours between two repairs of a partition")
    repair_partitions: int = Field(50, ge=1, description="Partitions of a table that one round asks for at most")
    repair_budget: float = Field(0.5, gt=0, le=1, description="Share of what is left of a day's budget for a round")


class RetentionSettings(Section):
    """What is kept, and for how long."""

    raw_days: int = Field(90, ge=1, description="Raw vendor responses")
    versions: int = Field(10, ge=0, description="Superseded versions kept per partition")
    versions_days: int = Field(30, ge=0, description="Days for which every superseded version is kept")
    snapshot_days: int = Field(30, ge=1, description="Days of every funding snapshot; of older ones the last an hour")
    events_days: int = Field(30, ge=1, description="Dagster's event logs of runs that succeeded")
    failed_runs_days: int = Field(90, ge=1, description="The same of runs that failed or were cancelled")
    ticks_days: int = Field(30, ge=1, description="Ticks of schedules and sensors; skipped ones go after two days")
    logs_days: int = Field(90, ge=1, description="Log files that were rotated away, and compute logs of runs")
    segments_days: int = Field(30, ge=1, description="What a stream handed over and no run has published since")
    tables: dict[str, int] = Field(
        default_factory=dict, description="Table -> days of its partitions that are kept; others are kept for ever"
    )
    delete_exchanges: dict[str, int] = Field(
        default_factory=dict,
        description="Exchange whose funding rows go -> rows that may go at most, which the dry run counts",
    )


class MetricsSettings(Section):
    """How performance is measured."""

    risk_free_annual: float = Field(0.0, description="Yearly return without risk, as a fraction")
    min_obs: int = Field(30, ge=1, description="Daily returns below which ratios are null")


class ApiSettings(Section):
    """The app and its REST API."""

    host: str = "127.0.0.1"
    port: int = Field(8050, ge=1, le=65535)
    cors_origins: tuple[str, ...] = ()
    cache_ttl_s: float = Field(5.0, ge=0, description="Live answers")
    cache_ttl_grid_s: float = Field(30.0, ge=0, description="Grids")
    cache_ttl_summary_s: float = Field(300.0, ge=0, description="Summaries")
    cache_entries: int = Field(1000, ge=0)
    rate_limit_per_minute: int = Field(1200, ge=1, description="Requests a client may make in a minute")
    export_max_rows: int = Field(1_000_000, ge=1)
    page_rows: int = Field(50_000, ge=1, le=50_000)


class RateBudget(Section):
    """Requests a vendor allows a key, per window. Zero means no limit of that kind."""

    per_second: int = Field(0, ge=0)
    per_minute: int = Field(0, ge=0)
    per_5_minutes: int = Field(0, ge=0)
    per_day: int = Field(0, ge=0)


class PolygonSettings(Section):
    """Polygon (now Massive)."""

    base_url: str = "https://api.massive.com"
    budget: RateBudget = RateBudget(per_minute=5)


class YahooSettings(Section):
    """Yahoo's chart endpoint: no key, so the budget is our own restraint."""

    base_url: str = "https://query1.finance.yahoo.com"
    user_agent: str = "Mozilla/5.0 (compatible; market-assets)"
    budget: RateBudget = RateBudget(per_minute=60, per_day=2000)


StoreKind = Literal["duckdb", "postgres"]
VendorMode = Literal["live", "sandbox"]
