"""The shapes of the funding answers about contracts, for OpenAPI.

Rates are fractions of notional, positive where longs pay; `apr` and `apy` are percent a year. `funding_rate` is
per the contract's own interval, `mean_30d` and `std_dev_30d` are per hour. Zero is a rate, null is unknown.
"""

from datetime import datetime

from pydantic import BaseModel, Field

from dashboards.rest.bodies import Body


class FundingRate(BaseModel):
    """A contract's predicted rate."""

    exchange: str
    symbol: str
    base_asset: str
    quote_asset: str
    funding_rate: float | None = Field(description="Predicted, per the interval under way")
    funding_interval_hours: float | None
    rate_1h: float | None
    rate_8h: float | None
    apr: float | None = Field(description="Simple: rate_1h x 8760 x 100")


class Distribution(BaseModel):
    """Settled rates of the last 30 days, per hour and as yearly percent; null under 30 of them."""

    mean_30d: float | None
    std_dev_30d: float | None
    mean_30d_apr: float | None
    std_dev_30d_apr: float | None


class FundingRateRow(FundingRate, Distribution):
    """One contract. z and percentile are of the predicted rate among the settled ones."""

    apy: float | None = Field(description="100 ((1 + 24 rate_1h)^365 - 1)")
    index_price: float | None
    mark_price: float | None
    open_interest: float | None = Field(description="Units of base_asset")
    open_interest_usd: float | None
    contract_type: str
    market_type: str = Field(description="linear or inverse")
    last_updated: datetime
    current_z_score: float | None
    current_percentile: float | None
    current_percentile_apr: float | None
    demo: bool | None = Field(None, description="True where the data came from the sandbox; absent otherwise")
    as_of: datetime | None = Field(None, description="The instant asked for; absent where none was")


class GridCell(BaseModel):
    """The largest contract of an asset at an exchange."""

    funding_rate: float | None
    rate_8h: float | None
    apr: float | None
    funding_interval_hours: float | None
    z_score: float | None
    percentile: float | None
    mean_30d: float | None
    std_dev_30d: float | None
    symbol: str


class GridAsset(BaseModel):
    """One asset by exchange."""

    asset: str
    exchanges: dict[str, GridCell]


class FundingGridBody(Body):
    """`GET /api/funding-rates-grid`."""

    data: list[GridAsset]
    total_assets: int
    timestamp: datetime


class FundingStatisticsBody(Body):
    """`GET /api/statistics`: all contracts in numbers."""

    total_contracts: int
    active_exchanges: int
    unique_assets: int
    avg_apr: float | None
    highest_apr: float | None
    highest_symbol: str | None
    highest_exchange: str | None
    lowest_apr: float | None
    lowest_symbol: str | None
    lowest_exchange: str | None
    total_open_interest: float | None = Field(description="USD")
    contracts_by_exchange: dict[str, int]
    last_update: datetime | None


class ExchangeSummary(BaseModel):
    """One exchange's contracts in numbers."""

    exchange: str
    contracts: int
    avg_apr: float | None
    median_apr: float | None
    lowest_apr: float | None
    highest_apr: float | None
    positive_share: float | None = Field(description="Share of the known rates above 0 (fraction)")
    open_interest_usd: float | None


class FundingSummaryBody(Body):
    """`GET /api/statistics/summary`: exchange by exchange, and where rates stand among their own."""

    exchanges: list[ExchangeSummary]
    contracts_with_z_score: int
    avg_abs_z_score: float | None
    high_deviation_count: int = Field(description="Contracts with an absolute z above 2")
    extreme_count: int = Field(description="Contracts with an absolute z above 3")
    zones: dict[str, int]
    confidence: dict[str, int]
    timestamp: datetime


class ExtremesBody(Body):
    """`GET /api/statistics/extreme-values`: the highest rates above zero and the lowest below it."""

    highest_positive: list[FundingRateRow]
    highest_negative: list[FundingRateRow]
    timestamp: datetime


class AssetGroup(BaseModel):
    """One asset over all its contracts."""

    asset: str
    contracts: int
    exchanges: list[str]
    avg_apr: float | None
    lowest_apr: float | None
    highest_apr: float | None
    apr_range: float | None = Field(description="highest_apr - lowest_apr")
    open_interest_usd: float | None


class AssetGroupsBody(Body):
    """`GET /api/group-by-asset`, `GET /api/assets`."""

    data: list[AssetGroup]
    total_assets: int
    timestamp: datetime


class ExchangeState(BaseModel):
    """How an exchange is doing. Null is what was never measured."""

    exchange: str
    venue: str
    contracts: int | None
    last_update: datetime | None
    age_min: float | None
    newest_settlement: datetime | None
    completeness_pct: float | None = Field(description="Mean over open contracts")
    n_incomplete: int | None
    is_trailing: bool | None = Field(description="It states a trailing value instead of a predicted one")
    measures: str | None = Field(description="The interval whose premium a settled rate measures: ending, previous")
    memory_days: float | None = Field(description="Days of settled history it keeps; null keeps all")
    forward_only: bool | None = Field(description="Only its newest settlements can be asked for")


class ExchangesBody(Body):
    """`GET /api/exchanges`."""

    exchanges: list[ExchangeState]
    total: int
    timestamp: datetime


class ScoredContract(FundingRate, Distribution):
    """One contract and where its rate stands: `z_score` of the predicted one, `z_score_settled` of the last one."""

    z_score: float | None
    percentile: float | None
    z_score_settled: float | None
    percentile_settled: float | None
    zone: str | None
    confidence: str | None
    completeness_pct: float | None
    open_interest_usd: float | None
    next_funding_time: datetime | None
    next_funding_seconds: float | None
    last_updated: datetime


class ScoredContractsBody(Body):
    """`GET /api/contracts-with-zscores`."""

    contracts: list[ScoredContract]
    total: int
    high_deviation_count: int = Field(description="Of these with an absolute z_score above 2")
    updated_at: datetime | None


class CurrentContract(FundingRateRow):
    """One contract with its next settlement."""

    next_funding_time: datetime | None
    seconds_until_funding: float | None


class CurrentFundingBody(Body):
    """`GET /api/current-funding/{asset}`."""

    asset: str
    count: int
    data: list[CurrentContract]
    timestamp: datetime
