"""Pairs of legs at the newest look, ranked by what they earn net of costs (spec section 10)."""

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.core.statistics import zscore
from market_assets.funding.schemas import FundingOpportunities
from market_assets.funding.settings import FundingSettings, OpportunitySettings
from market_assets.funding.transforms import legs
from market_assets.funding.transforms.spread_statistics import PERCENTS

HOURS_PER_YEAR, DAYS_PER_YEAR = 8760.0, 365.0
SIGNIFICANT, EXTREME = 2.0, 3.0
#: what spread_1h amounts to over so many hours
_PERIODS = {
    "effective_hourly_spread": 1.0,
    "daily_spread": 24.0,
    "weekly_spread": 168.0,
    "monthly_spread": 720.0,
    "yearly_spread": HOURS_PER_YEAR,
}
_BPS_PER_PCT = 100.0
_CONTRACT = ["exchange", "symbol"]
_PAIR = ["base_asset", "exchange_a", "exchange_b"]
_RANKED = ("net_apr_pct", "capacity_usd", "base_asset", "long_exchange", "short_exchange")
#: of a leg: name in the row of a pair -> name in the tables
_LEG = {
    "exchange": "exchange",
    "symbol": "symbol",
    "venue": "venue",
    "rate": "predicted_rate_native",
    "rate_1h": "predicted_rate_1h",
    "apr": "predicted_apr_pct",
    "interval_hours": "interval_hours",
    "taker": "taker_bps",
    "mark": "mark_price_base",
    "open_interest_usd": "open_interest_usd",
    "next_funding": "next_funding_time",
    "confidence": "confidence",
    "completeness_pct": "completeness_pct",
    "is_inverse": "is_inverse",
}
#: name in the row of a pair -> column, where they differ
_AS_STATED = {
    f"{side}_{name}": column.format(side)
    for side in ("long", "short")
    for name, column in (("taker", "taker_{}_bps"), ("next_funding", "next_funding_{}"))
}


def opportunities(
    snapshot: pl.DataFrame,
    statistics: pl.DataFrame,
    spread_statistics: pl.DataFrame,
    contracts: pl.DataFrame,
    funding: FundingSettings,
) -> pl.DataFrame:
    """FundingOpportunities of the newest round in `snapshot` (FundingSnapshot), every rank.

    A round is what lies within opp.max_age_min of the newest look of all exchanges. A leg is a listed contract of
    verified multiplier with a predicted rate, zero included; each exchange has one per asset (`legs.chosen`), and
    each pair of legs at two venues is one row. `statistics` (FundingStatistics) and `spread_statistics`
    (FundingSpreadStatistics) may hold several days: the newest counts.
    """
    contract = FundingOpportunities.contract()
    as_of = snapshot["snapshot_at"].max()
    known = spread_statistics.filter(pl.col("available_at") <= pl.lit(as_of, dtype=snapshot.schema["snapshot_at"]))
    pairs = _pairs(_legs(snapshot, statistics, contracts, funding)).with_columns(
        as_of=pl.lit(as_of, dtype=snapshot.schema["snapshot_at"])
    )
    rated = _against_history(_earned(pairs.rename(_AS_STATED), funding.opp), known)
    return contract.conform(ranked(rated).select(list(contract.columns)))


def ranked(pairs: pl.DataFrame) -> pl.DataFrame:
    """`pairs` by `rank`: from 1 by net_apr_pct, then capacity_usd, then key."""
    return pairs.sort(
        _RANKED, descending=[True, True, False, False, False], nulls_last=True, maintain_order=True
    ).with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))


def with_costs(pairs: pl.DataFrame, opp: OpportunitySettings) -> pl.DataFrame:
    """`pairs` with slippage_pct, round_trip_cost_pct, cost_apr_pct, net_apr_pct and breakeven_hours by the settings.

    Of a pair spread_1h, gross_apr_pct, taker_long_bps and taker_short_bps are read.
    """
    spread, cost = pl.col("spread_1h"), pl.col("round_trip_cost_pct")
    breakeven = cost / 100.0 / spread
    taker_bps = pl.col("taker_long_bps") + pl.col("taker_short_bps")
    return (
        pairs.with_columns(
            slippage_pct=pl.lit(opp.slippage_pct),
            round_trip_cost_pct=2.0 * taker_bps / _BPS_PER_PCT + opp.slippage_pct,
        )
        .with_columns(
            cost_apr_pct=cost * DAYS_PER_YEAR / opp.holding_days,
            breakeven_hours=pl.when(breakeven.is_finite()).then(breakeven),
        )
        .with_columns(net_apr_pct=pl.col("gross_apr_pct") - pl.col("cost_apr_pct"))
    )


def _legs(
    snapshot: pl.DataFrame, statistics: pl.DataFrame, contracts: pl.DataFrame, funding: FundingSettings
) -> pl.DataFrame:
    """One row per asset and exchange, with what the round, the statistics and the settings say of that leg."""
    oldest = pl.col("snapshot_at").max() - timedelta(minutes=funding.opp.max_age_min)
    looks = snapshot.filter(pl.col("snapshot_at") >= oldest).sort(*_CONTRACT, "snapshot_at")
    listed = contracts.filter(pl.col("valid_to").is_null()).sort(*_CONTRACT, "valid_from")
    judged = statistics.sort(*_CONTRACT, "day").select(*_CONTRACT, "confidence", "completeness_pct")
    newest, terms, confidence = (
        frame.unique(_CONTRACT, keep="last", maintain_order=True) for frame in (looks, listed, judged)
    )
    quoted = newest.filter(pl.col("predicted_rate_1h").is_not_null()).drop("base_asset", "native_symbol")
    candidates = quoted.join(terms.select(legs.TERMS), on=_CONTRACT, how="inner")
    return (
        legs.chosen(candidates, ["base_asset", "exchange"], funding)
        .join(confidence, on=_CONTRACT, how="left", maintain_order="left")
        .with_columns(taker_bps=pl.col("exchange").map_elements(funding.taker_fee_bps.of, return_dtype=pl.Float64))
        .select("base_asset", **{name: pl.col(of) for name, of in _LEG.items()})
    )


def _pairs(found: pl.DataFrame) -> pl.DataFrame:
    """Each two legs of an asset at different venues once: `long_*` and `short_*`, the higher rate short.

    Of equal rates the first exchange in the alphabet is the short leg, as exchange_a is in spreads.
    """
    long, short = (found.rename({name: f"{side}_{name}" for name in _LEG}) for side in ("long", "short"))
    higher = pl.col("short_rate_1h") > pl.col("long_rate_1h")
    first_of_equals = (pl.col("short_rate_1h") == pl.col("long_rate_1h")) & (
        pl.col("short_exchange") < pl.col("long_exchange")
    )
    return long.join(short, on="base_asset", how="inner").filter(
        pl.col("long_venue") != pl.col("short_venue"), higher | first_of_equals
    )


def _earned(pairs: pl.DataFrame, opp: OpportunitySettings) -> pl.DataFrame:
    """What each pair earns and costs."""
    spread = pl.col("spread_1h")
    earned = pairs.with_columns(
        spread_1h=pl.col("short_rate_1h") - pl.col("long_rate_1h"),
        sync_period_hours=legs.common_hours(pairs["long_interval_hours"], pairs["short_interval_hours"]),
        basis_pct=legs.basis_pct(pl.col("short_mark"), pl.col("long_mark")),
        capacity_usd=_smaller("open_interest_usd") * opp.oi_share,
        combined_oi_usd=pl.col("long_open_interest_usd") + pl.col("short_open_interest_usd"),
        min_completeness_pct=_smaller("completeness_pct"),
        flag_inverse=pl.col("long_is_inverse") | pl.col("short_is_inverse"),
    ).with_columns(
        gross_apr_pct=spread * HOURS_PER_YEAR * 100.0,
        sync_period_spread=spread * pl.col("sync_period_hours"),
        **{name: spread * hours for name, hours in _PERIODS.items()},
    )
    return with_costs(earned, opp)


def _smaller(name: str) -> pl.Expr:
    """Of both legs; null where one is unknown."""
    long, short = pl.col(f"long_{name}"), pl.col(f"short_{name}")
    return pl.when(long.is_not_null() & short.is_not_null()).then(pl.min_horizontal(long, short))


def _against_history(pairs: pl.DataFrame, spread_statistics: pl.DataFrame) -> pl.DataFrame:
    """Where the spread stands among the pair's own, turned to short minus long, by the newest day there is.

    The statistics are of exchange_a minus exchange_b: where exchange_b is short their mean changes its sign, and a
    percentile p becomes 100 - p.
    """
    of_pair = spread_statistics.filter(pl.col("day") == pl.col("day").max()).select(
        *_PAIR, "mean", "std", "quantiles", "same_side_share_7d_ratio", "half_life_hours"
    )
    short, long = pl.col("short_exchange"), pl.col("long_exchange")
    sign = pl.when(short < long).then(1.0).otherwise(-1.0)
    found = pairs.with_columns(
        exchange_a=pl.min_horizontal(short, long), exchange_b=pl.max_horizontal(short, long), sign=sign
    ).join(of_pair, on=_PAIR, how="left", validate="m:1")
    percentile = _percentiles(found["quantiles"], (found["sign"] * found["gross_apr_pct"]).to_numpy())
    turned = pl.when(pl.col("sign") > 0).then(percentile).otherwise(100.0 - percentile)
    size = pl.col("spread_z").abs()
    return found.with_columns(
        spread_z=zscore(pl.col("gross_apr_pct"), pl.col("sign") * pl.col("mean"), pl.col("std")),
        spread_percentile=turned,
    ).with_columns(
        z_flag=pl.when(size > EXTREME).then(pl.lit("extreme")).when(size > SIGNIFICANT).then(pl.lit("significant"))
    )


def _percentiles(quantiles: pl.Series, values: NDArray[np.float64]) -> pl.Series:
    """Percentile of each value by interpolation between its row's 0th to 100th; null where there are none.

    A value equal to several of them stands in their middle: ties count half.
    """
    has_any = (quantiles.list.len() > 0).fill_null(value=False)
    table = quantiles.filter(has_any).list.to_array(PERCENTS.size).to_numpy()
    x = values[has_any.to_numpy()][:, None]
    below, up_to = (table < x).sum(axis=1), (table <= x).sum(axis=1)
    last = PERCENTS.size - 1
    lower, upper = np.clip(below - 1, 0, last), np.clip(below, 0, last)
    rows = np.arange(len(table))
    step = table[rows, upper] - table[rows, lower]
    part = np.divide(x[:, 0] - table[rows, lower], step, out=np.zeros(len(table)), where=step > 0)
    found = np.full(len(values), np.nan)
    found[has_any.to_numpy()] = np.where(up_to > below, (below + up_to - 1) / 2, lower + part)
    return pl.Series(found).fill_nan(None)
