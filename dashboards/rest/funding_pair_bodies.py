"""The shapes of the funding answers about pairs of legs, for OpenAPI.

A pair is long where funding is lower and short where it is higher. Rates and spreads are fractions of notional,
`*_pct` and `*_apr` percent.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dashboards.rest.bodies import Body
from dashboards.rest.funding_bodies import CurrentContract


class Opportunity(BaseModel):
    """A row of `funding_opportunities`, all its columns, with the names that clients know besides."""

    model_config = ConfigDict(extra="allow")

    rank: int
    asset: str = Field(description="base_asset")
    base_asset: str
    long_exchange: str
    short_exchange: str
    long_symbol: str
    short_symbol: str
    rate_spread: float = Field(description="spread_1h")
    apr_spread: float = Field(description="gross_apr_pct")
    net_apr: float = Field(description="net_apr_pct")
    spread_zscore: float | None = Field(description="spread_z")
    spread_1h: float
    gross_apr_pct: float
    cost_apr_pct: float
    net_apr_pct: float
    breakeven_hours: float | None
    capacity_usd: float | None
    combined_oi_usd: float | None


class OpportunityStatistics(BaseModel):
    """All pairs that pass the filters, on whatever page."""

    total_opportunities: int
    avg_net_apr: float | None
    max_net_apr: float | None


class Pagination(BaseModel):
    """Where a page stands; without any row there is no page."""

    total: int
    page: int
    page_size: int
    total_pages: int


class OpportunitiesBody(Body):
    """`GET /api/arbitrage/opportunities`, `GET /api/arbitrage/opportunities-v2`."""

    opportunities: list[Opportunity]
    statistics: OpportunityStatistics
    pagination: Pagination
    parameters: dict[str, Any] = Field(description="The filters in force, and what costs were assumed")
    timestamp: datetime
    version: str


class Projection(BaseModel):
    """What the spread of now earns over a time, should it last."""

    period: str
    hours: float
    gross_pct: float
    net_pct: float = Field(description="Less one round trip")


class SpreadHour(BaseModel):
    """One hour of the pair's settled spread, short minus long."""

    hour: datetime
    spread_apr_pct: float
    long_rate_1h: float
    short_rate_1h: float


class SpreadHistory(BaseModel):
    """The settled spread hour by hour, and its distribution over the 30 days before the newest stored day."""

    days: int
    count: int
    mean: float | None
    std: float | None
    median: float | None
    p05: float | None
    p95: float | None
    n_hours: int | None = Field(description="Hours that the distribution is of")
    data: list[SpreadHour]


class OpportunityDetailBody(Body):
    """`GET /api/arbitrage/opportunity-detail/{asset}/{long_exchange}/{short_exchange}`."""

    asset: str
    long_exchange: str
    short_exchange: str
    is_reversed: bool = Field(description="Rates have changed sides: long is what was asked for as short")
    opportunity: Opportunity
    legs: dict[str, CurrentContract | None] = Field(description="long and short")
    projections: list[Projection]
    history: SpreadHistory
    parameters: dict[str, Any]
    timestamp: datetime


class AssetHit(BaseModel):
    """An asset whose name matches."""

    asset: str
    contracts: int
    exchanges: list[str]
    opportunities: int
    max_net_apr: float | None


class AssetSearchBody(Body):
    """`GET /api/arbitrage/assets/search`: the exact name first, then those that begin with the query."""

    results: list[AssetHit]
    query: str
    count: int
    timestamp: datetime
