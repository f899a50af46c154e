"""What each funding table must look like. Columns are stated here and nowhere else."""

from typing import Any, ClassVar

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Table, column

KINDS = ("linear", "inverse")
OI_UNITS = ("base", "contracts", "usd")
INTERVAL_SOURCES = ("row", "spacing", "contract", "unknown")
CLASSES = ("complete", "partial_high", "partial_medium", "incomplete", "no_data", "interval_unknown")
CONFIDENCES = ("none", "low", "medium", "high", "very_high")
ZONES = ("active", "stable")
Z_FLAGS = ("significant", "extreme")
#: a day of a table, with what it says of the exchange
_EXCHANGE_DAY = {"day": "day", "exchange": "exchange"}
_INSTANTS = pl.List(UTC_MICROS)


def _rate(period: str, **rules: Any) -> Any:
    return column(pl.Float64, f"Funding as a fraction of notional per {period}; positive: longs pay", **rules)


def _optional(description: str, **rules: Any) -> Any:
    return column(pl.Float64, description, nullable=True, **rules)


class FundingContracts(Table):
    """One row is one perpetual of one exchange for as long as its terms stayed the same.

    The instrument map: which house asset a native symbol is, in which multiple, with which terms.
    """

    key: ClassVar[tuple[str, ...]] = ("exchange", "symbol", "valid_from")
    partitioned_by = {"exchange": "exchange"}
    time_column = "valid_from"

    exchange = column(pl.String, "Exchange")
    venue = column(pl.String, "Who runs it: two legs at one venue are no pair")
    native_symbol = column(pl.String, "Name of the contract, exactly as the exchange spells it")
    request_id = column(pl.String, "What the exchange's history is asked by; mostly the native symbol")
    symbol = column(pl.String, "House name: {multiplier}{BASE}-{QUOTE}-PERP, with .INV for inverse contracts")
    base_asset = column(pl.String, "House asset, upper case")
    multiplier = column(pl.Float64, "Units of base_asset in one native base: 1000 for 1000PEPE", gt=0)
    multiplier_verified = column(pl.Boolean, "Curated, plain, or the price agrees with other exchanges")
    price_ratio = _optional("Last price check: mark / multiplier over the median of the others")
    quote = column(pl.String, "Currency of the price")
    settle = column(pl.String, "Currency that funding is paid in")
    kind = column(pl.String, "linear or inverse", isin=KINDS)
    contract_size = column(pl.Float64, "Native base units (linear) or USD (inverse) per contract", gt=0)
    oi_unit = column(pl.String, "What the exchange states open interest in", isin=OI_UNITS)
    interval_hours = _optional(
        "Hours between settlements as the listing said at that time; null where it did not", gt=0
    )
    taker_fee_bps = column(pl.Float64, "Taker fee of one fill (bps), from the settings", ge=0)
    valid_from = column(UTC_MICROS, "From when these terms hold; of the first row the listing, where stated")
    valid_to = column(UTC_MICROS, "Until when; null while listed", nullable=True)
    first_seen = column(UTC_MICROS, "First listing with these terms")
    last_seen = column(UTC_MICROS, "Last listing with these terms", volatile=True)


class FundingRates(Table):
    """One row is one settled funding payment of one perpetual."""

    key: ClassVar[tuple[str, ...]] = ("exchange", "symbol", "funding_time")
    partitioned_by = {"day": "funding_time", "exchange": "exchange"}
    time_column = "funding_time"

    exchange = column(pl.String, "Exchange")
    symbol = column(pl.String, "House name of the contract")
    native_symbol = column(pl.String, "The exchange's name of it")
    base_asset = column(pl.String, "House asset")
    funding_time = column(UTC_MICROS, "Settlement instant, rounded to the minute if within 5 s of one")
    funding_time_native = column(UTC_MICROS, "Settlement instant as stated")
    rate_native = _rate("the event's own interval")
    interval_hours = _optional("Hours from the settlement before to this one; null where unknown", gt=0)
    interval_source = column(pl.String, "What told the interval", isin=INTERVAL_SOURCES)
    rate_1h = _rate("hour", nullable=True)
    rate_8h = _rate("8 hours", nullable=True)
    rate_1d = _rate("day", nullable=True)
    apr_pct = _optional("Simple yearly percent: rate_1h x 8760 x 100")
    mark_price = _optional("Mark price at settlement, per native base unit", gt=0)
    flag_off_grid = column(pl.Boolean, "More than 10 minutes from every expected settlement")
    ingested_at = column(UTC_MICROS, "Instant the response arrived", volatile=True)
    source = column(pl.String, "Exchange, or binance_archive")


class FundingSnapshot(Table):
    """One row is one contract's current state at one look: predicted funding, prices, open interest."""

    key: ClassVar[tuple[str, ...]] = ("exchange", "symbol", "snapshot_at")
    partitioned_by = {"day": "snapshot_at", "exchange": "exchange"}
    time_column = "snapshot_at"
    live = True

    exchange = column(pl.String, "Exchange")
    symbol = column(pl.String, "House name of the contract")
    snapshot_at = column(UTC_MICROS, "Instant of the look: the exchange's first answer arrived")
    native_symbol = column(pl.String, "The exchange's name of it")
    base_asset = column(pl.String, "House asset")
    predicted_rate_native = _rate("the interval under way", nullable=True)
    interval_hours = _optional("Hours of the interval under way; null where unknown", gt=0)
    predicted_rate_1h = _rate("hour", nullable=True)
    predicted_rate_8h = _rate("8 hours", nullable=True)
    predicted_apr_pct = _optional("Simple yearly percent of the predicted rate")
    next_funding_time = column(UTC_MICROS, "Next settlement, where the exchange says it", nullable=True)
    mark_price = _optional("Mark price per native base unit", gt=0)
    index_price = _optional("Index price per native base unit", gt=0)
    mark_price_base = _optional("mark_price / multiplier: per unit of base_asset", gt=0)
    open_interest_native = _optional("Open interest in the exchange's own unit", ge=0)
    open_interest_base = _optional("Open interest in units of base_asset", ge=0)
    open_interest_usd = _optional("open_interest_base x mark_price_base (USD)", ge=0)
    basis_pct = _optional("100 (mark / index - 1)")
    latency_ms = column(pl.Float64, "From the first request of the look to the last answer", ge=0, volatile=True)
    is_trailing = column(pl.Boolean, "The exchange states a trailing value instead of a predicted one")
    ingested_at = column(UTC_MICROS, "Instant the last response of the look arrived", volatile=True)
    source = column(pl.String, "Exchange")


class FundingCompleteness(Table):
    """One row is one contract: how many settlements of the 30 days up to a day are stored."""

    key: ClassVar[tuple[str, ...]] = ("day", "exchange", "symbol")
    partitioned_by = _EXCHANGE_DAY
    time_column = "day"

    day = column(pl.Date, "Last day of the window")
    exchange = column(pl.String, "Exchange")
    symbol = column(pl.String, "House name of the contract")
    native_symbol = column(pl.String, "The exchange's name of it")
    base_asset = column(pl.String, "House asset")
    is_active = column(pl.Boolean, "Listed at the end of the window")
    first_event = column(UTC_MICROS, "First settlement in the window", nullable=True)
    last_event = column(UTC_MICROS, "Last settlement in the window", nullable=True)
    epoch_starts = column(_INSTANTS, "Starts of the stretches of equal interval")
    epoch_intervals = column(pl.List(pl.Float64), "Interval of each stretch (h)")
    expected_slots = column(pl.Int64, "Settlements due in the window", ge=0)
    hit_slots = column(pl.Int64, "Due settlements with an event within 10 minutes", ge=0)
    surplus_rows = column(pl.Int64, "Events beyond one per due settlement", ge=0)
    completeness_pct = _optional("100 hit_slots / expected_slots; null where none was due", ge=0, le=100)
    gap_starts = column(_INSTANTS, "First missing settlement of each gap")
    gap_ends = column(_INSTANTS, "Last missing settlement of each gap")
    gap_slots = column(pl.List(pl.Float64), "Missing settlements of each gap")
    history_floor = column(UTC_MICROS, "The exchange keeps nothing older: gaps before cannot be closed", nullable=True)
    n_unrecoverable = column(pl.Int64, "Missing settlements older than history_floor", ge=0)
    completeness_class = column(
        pl.String, "complete >= 95, partial_high >= 80, partial_medium >= 50, ...", isin=CLASSES
    )


class FundingStatistics(Table):
    """One row is one contract: where its funding stands in the distribution of the 30 days up to a day.

    `settled` compares the last settled rate with the earlier ones, `predicted` the current predicted rate
    with all settled ones: two different quantities.
    """

    key: ClassVar[tuple[str, ...]] = ("day", "exchange", "symbol")
    partitioned_by = _EXCHANGE_DAY
    time_column = "day"
    live = True

    day = column(pl.Date, "Last day of the window")
    available_at = column(UTC_MICROS, "Instant the row could first be used: its newest input", nullable=True)
    exchange = column(pl.String, "Exchange")
    symbol = column(pl.String, "House name of the contract")
    base_asset = column(pl.String, "House asset")
    n_points = column(pl.Int64, "Settled rates in the window", ge=0)
    mean_1h = _optional("Mean of rate_1h")
    std_1h = _optional("Standard deviation (ddof 1)", ge=0)
    median_1h = _optional("Median")
    mad_1h = _optional("Median absolute deviation", ge=0)
    min_1h = _optional("Smallest")
    max_1h = _optional("Largest")
    mean_30d_apr = _optional("Mean (yearly percent)")
    std_dev_30d_apr = _optional("Standard deviation (yearly percent)", ge=0)
    median_30d_apr = _optional("Median (yearly percent)")
    mad_30d_apr = _optional("Median absolute deviation (yearly percent)", ge=0)
    min_30d_apr = _optional("Smallest (yearly percent)")
    max_30d_apr = _optional("Largest (yearly percent)")
    settled_time = column(UTC_MICROS, "Last settlement", nullable=True)
    settled_rate_1h = _optional("Last settled rate per hour")
    z_settled = _optional("z of the last settled rate among the earlier ones")
    modified_z_settled = _optional("0.6745 (x - median) / MAD of the same")
    percentile_settled = _optional("Percentile of the same", ge=0, le=100)
    z_abs_settled = _optional("z of the absolute values")
    predicted_rate_1h = _optional("Current predicted rate per hour")
    z_predicted = _optional("z of the predicted rate among all settled ones")
    percentile_predicted = _optional("Percentile of the same", ge=0, le=100)
    completeness_pct = _optional("Share of due settlements that are stored", ge=0, le=100)
    confidence = column(pl.String, "By n_points and completeness", isin=CONFIDENCES)
    zone = column(pl.String, "active where abs(z_settled) > 2", isin=ZONES)


class FundingHourlyRates(Table):
    """One row is one hour of one contract that a settlement has covered."""

    key: ClassVar[tuple[str, ...]] = ("exchange", "symbol", "hour")
    partitioned_by = {"day": "hour", "exchange": "exchange"}
    time_column = "hour"

    exchange = column(pl.String, "Exchange")
    symbol = column(pl.String, "House name of the contract")
    base_asset = column(pl.String, "House asset")
    hour = column(UTC_MICROS, "Start of the hour")
    rate_1h = _rate("hour")
    apr_pct = column(pl.Float64, "Simple yearly percent")
    settled_at = column(UTC_MICROS, "Settlement that covers the hour: nothing may use the row before it")
    available_at = column(UTC_MICROS, "Instant the row could first be used: settled_at")
    interval_hours = column(pl.Float64, "Interval of that settlement (h)", gt=0)
    mark_price = _optional("Mark price at that settlement, per native base unit", gt=0)


class FundingSpreads(Table):
    """One row is one hour of one asset at two venues: by how much their settled funding differed."""

    key: ClassVar[tuple[str, ...]] = ("hour", "base_asset", "exchange_a", "exchange_b")
    partitioned_by = {"day": "hour"}
    time_column = "hour"

    hour = column(UTC_MICROS, "Start of the hour")
    base_asset = column(pl.String, "House asset")
    exchange_a = column(pl.String, "First exchange in alphabetical order")
    exchange_b = column(pl.String, "Second exchange")
    symbol_a = column(pl.String, "Contract at exchange_a")
    symbol_b = column(pl.String, "Contract at exchange_b")
    rate_1h_a = _rate("hour, at exchange_a")
    rate_1h_b = _rate("hour, at exchange_b")
    apr_a = column(pl.Float64, "Simple yearly percent at exchange_a")
    apr_b = column(pl.Float64, "Simple yearly percent at exchange_b")
    spread_apr_pct = column(pl.Float64, "apr_a - apr_b, signed")
    abs_spread_apr_pct = column(pl.Float64, "Its absolute value", ge=0)
    short_leg = column(pl.String, "Exchange with the higher rate; exchange_a where equal")
    long_leg = column(pl.String, "The other one")
    interval_a = column(pl.Float64, "Interval at exchange_a (h)", gt=0)
    interval_b = column(pl.Float64, "Interval at exchange_b (h)", gt=0)
    sync_period_hours = column(pl.Float64, "Least common multiple of both intervals (h)", gt=0)
    daily_spread = column(pl.Float64, "abs(rate_1h_a - rate_1h_b) x 24, fraction of notional", ge=0)
    basis_pct = _optional("200 (mark_a - mark_b) / (mark_a + mark_b), per unit of base_asset")
    flag_inverse = column(pl.Boolean, "A leg is an inverse contract")
    available_at = column(UTC_MICROS, "Instant the row could first be used: the later settlement")


class FundingSpreadStatistics(Table):
    """One row is one pair of venues for one asset: the distribution of its spread over the 30 days before a day."""

    key: ClassVar[tuple[str, ...]] = ("day", "base_asset", "exchange_a", "exchange_b")
    partitioned_by = {"day": "day"}
    time_column = "day"

    day = column(pl.Date, "Day before which everything lies")
    available_at = column(UTC_MICROS, "Midnight of that day")
    base_asset = column(pl.String, "House asset")
    exchange_a = column(pl.String, "First exchange in alphabetical order")
    exchange_b = column(pl.String, "Second exchange")
    n_hours = column(pl.Int64, "Hours of the window with a spread known by then", ge=0)
    mean = _optional("Mean of spread_apr_pct, signed")
    std = _optional("Standard deviation (ddof 1)", ge=0)
    median = _optional("Median")
    mad = _optional("Median absolute deviation", ge=0)
    min = _optional("Smallest")
    max = _optional("Largest")
    p05 = _optional("5th percentile (linear)")
    p95 = _optional("95th percentile")
    p99 = _optional("99th percentile")
    quantiles = column(
        pl.List(pl.Float64), "0th to 100th percentile of the signed spread (linear); empty under 30 hours"
    )
    mean_abs = _optional("Mean of the absolute spread", ge=0)
    p95_abs = _optional("95th percentile of the absolute spread", ge=0)
    share_a_short_ratio = _optional("Share of hours in which exchange_a is the short leg", ge=0, le=1)
    same_side_share_7d_ratio = _optional("Share of the last 7 days' hours on the side of the newest one", ge=0, le=1)
    autocorr_24h = _optional("Correlation of the spread with itself 24 h before", ge=-1.000001, le=1.000001)
    half_life_hours = _optional("-ln 2 / ln phi of an AR(1) fit; null unless 0 < phi < 1", gt=0)


class FundingOpportunities(Table):
    """One row is one pair of legs at the newest look, with what it earns and costs.

    Long where funding is lower, short where it is higher; rates are predicted ones.
    """

    key: ClassVar[tuple[str, ...]] = ("as_of", "base_asset", "long_exchange", "short_exchange")
    partitioned_by = {"day": "as_of"}
    time_column = "as_of"
    live = True

    as_of = column(UTC_MICROS, "Newest snapshot of the round: the row could first be used then")
    base_asset = column(pl.String, "House asset")
    long_exchange = column(pl.String, "Exchange of the long leg")
    short_exchange = column(pl.String, "Exchange of the short leg: the higher predicted_rate_1h")
    long_symbol = column(pl.String, "Contract of the long leg")
    short_symbol = column(pl.String, "Contract of the short leg")
    long_rate = _rate("the long leg's own interval")
    short_rate = _rate("the short leg's own interval")
    long_rate_1h = _rate("hour, long leg")
    short_rate_1h = _rate("hour, short leg")
    long_apr = column(pl.Float64, "Simple yearly percent of the long leg")
    short_apr = column(pl.Float64, "Simple yearly percent of the short leg")
    long_interval_hours = column(pl.Float64, "Interval of the long leg (h)", gt=0)
    short_interval_hours = column(pl.Float64, "Interval of the short leg (h)", gt=0)
    spread_1h = column(pl.Float64, "short_rate_1h - long_rate_1h", ge=0)
    gross_apr_pct = column(pl.Float64, "spread_1h x 8760 x 100", ge=0)
    taker_long_bps = column(pl.Float64, "Taker fee of the long leg (bps)", ge=0)
    taker_short_bps = column(pl.Float64, "Taker fee of the short leg (bps)", ge=0)
    slippage_pct = column(pl.Float64, "Assumed slippage of the four fills (%)", ge=0)
    round_trip_cost_pct = column(pl.Float64, "2 (taker_long + taker_short) + slippage (%)", ge=0)
    cost_apr_pct = column(pl.Float64, "round_trip_cost_pct x 365 / holding_days", ge=0)
    net_apr_pct = column(pl.Float64, "gross_apr_pct - cost_apr_pct")
    breakeven_hours = _optional("Hours until the spread has paid the round trip; null without a spread", ge=0)
    effective_hourly_spread = column(pl.Float64, "spread_1h", ge=0)
    daily_spread = column(pl.Float64, "spread_1h x 24", ge=0)
    weekly_spread = column(pl.Float64, "spread_1h x 168", ge=0)
    monthly_spread = column(pl.Float64, "spread_1h x 720", ge=0)
    yearly_spread = column(pl.Float64, "spread_1h x 8760", ge=0)
    sync_period_hours = column(pl.Float64, "Least common multiple of both intervals (h)", gt=0)
    sync_period_spread = column(pl.Float64, "spread_1h x sync_period_hours", ge=0)
    basis_pct = _optional("200 (mark_short - mark_long) / (mark_short + mark_long), per unit of base_asset")
    long_open_interest_usd = _optional("Open interest of the long leg (USD)", ge=0)
    short_open_interest_usd = _optional("Open interest of the short leg (USD)", ge=0)
    capacity_usd = _optional("Smaller leg's open interest x opp.oi_share (USD)", ge=0)
    combined_oi_usd = _optional("Open interest of both legs (USD), for display", ge=0)
    spread_z = _optional("z of the spread among the pair's own, oriented short minus long")
    spread_percentile = _optional("Percentile of the spread among the pair's own, oriented likewise", ge=0, le=100)
    z_flag = column(pl.String, "significant above 2, extreme above 3 (absolute)", nullable=True, isin=Z_FLAGS)
    same_side_share_7d_ratio = _optional("Of the pair's statistics", ge=0, le=1)
    half_life_hours = _optional("Of the pair's statistics", gt=0)
    long_confidence = column(pl.String, "Confidence of the long leg's statistics", nullable=True, isin=CONFIDENCES)
    short_confidence = column(pl.String, "Confidence of the short leg's statistics", nullable=True, isin=CONFIDENCES)
    min_completeness_pct = _optional("Smaller completeness of both legs", ge=0, le=100)
    next_funding_long = column(UTC_MICROS, "Next settlement of the long leg", nullable=True)
    next_funding_short = column(UTC_MICROS, "Next settlement of the short leg", nullable=True)
    flag_inverse = column(pl.Boolean, "A leg is an inverse contract")
    rank = column(pl.Int64, "From 1: by net_apr_pct, then capacity_usd, then key", ge=1)


TABLES: tuple[type[Table], ...] = (
    FundingContracts,
    FundingRates,
    FundingSnapshot,
    FundingCompleteness,
    FundingStatistics,
    FundingHourlyRates,
    FundingSpreads,
    FundingSpreadStatistics,
    FundingOpportunities,
)
