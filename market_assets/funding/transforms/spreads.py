"""By how much the settled funding of two venues differed, hour by hour and asset by asset."""

import polars as pl

from market_assets.funding.schemas import FundingSpreads
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms import legs
from market_assets.funding.transforms.hourly import TOLERANCE

_DAY_OF_CONTRACT = ["day", "exchange", "symbol"]
#: what of a leg's hour goes into a row of a pair
_OF_LEG = ["venue", "exchange", "symbol", "rate_1h", "apr_pct", "interval_hours", "settled_at", "mark", "is_inverse"]


def spreads(
    hourly: pl.DataFrame, snapshot: pl.DataFrame, contracts: pl.DataFrame, funding: FundingSettings
) -> pl.DataFrame:
    """FundingSpreads of every pair of venues that both have a settled rate of an asset in an hour.

    `hourly` (FundingHourlyRates), `snapshot` (FundingSnapshot) and `contracts` (FundingContracts) may hold several
    days and every exchange. Each day an exchange has one leg per asset, by the open interest of the exchange's last
    look of that day (`legs.chosen`). Marks of different settlements are not compared: they tell how the price moved.
    """
    rows = _leg_hours(hourly, _chosen(hourly, snapshot, contracts, funding))
    first, second = _pairs(rows)
    a, b = rows.select(_OF_LEG)[first], rows.select(_OF_LEG)[second]
    sides = pl.concat([rows.select("hour", "base_asset")[first], _named(a, "a"), _named(b, "b")], how="horizontal")
    return (
        sides.with_columns(sync_period_hours=legs.common_hours(sides["interval_a"], sides["interval_b"]))
        .with_columns(
            spread_apr_pct=pl.col("apr_a") - pl.col("apr_b"),
            short_leg=_either("exchange_a", "exchange_b"),
            long_leg=_either("exchange_b", "exchange_a"),
            daily_spread=(pl.col("rate_1h_a") - pl.col("rate_1h_b")).abs() * 24.0,
            basis_pct=_basis(),
            flag_inverse=pl.col("is_inverse_a") | pl.col("is_inverse_b"),
            available_at=pl.max_horizontal("settled_at_a", "settled_at_b"),
        )
        .with_columns(abs_spread_apr_pct=pl.col("spread_apr_pct").abs())
        .select(list(FundingSpreads.contract().columns))
    )


def _chosen(
    hourly: pl.DataFrame, snapshot: pl.DataFrame, contracts: pl.DataFrame, funding: FundingSettings
) -> pl.DataFrame:
    """The leg of each day, asset and exchange; `order` numbers asset and exchange."""
    traded = hourly.select("exchange", "symbol", day=pl.col("hour").dt.date()).unique()
    candidates = legs.in_force(contracts, traded).join(
        _last_open_interest(snapshot), on=_DAY_OF_CONTRACT, how="left", validate="m:1"
    )
    found = legs.chosen(candidates, ["day", "base_asset", "exchange"], funding)
    return found.with_columns(order=pl.struct("base_asset", "exchange").rank("dense").cast(pl.Int64))


def _leg_hours(hourly: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """The hours of the legs, by hour and base_asset, then exchange; `group` numbers hour and base_asset."""
    return (
        hourly.drop("base_asset")
        .with_columns(day=pl.col("hour").dt.date())
        .join(chosen, on=_DAY_OF_CONTRACT, how="inner", validate="m:1")
        .sort("hour", "order")
        .with_columns(mark=pl.col("mark_price") / pl.col("multiplier"), group=pl.struct("hour", "base_asset").rle_id())
    )


def _last_open_interest(snapshot: pl.DataFrame) -> pl.DataFrame:
    """What each exchange's last look of a day says."""
    return (
        snapshot.select(*_DAY_OF_CONTRACT[1:], "snapshot_at", "open_interest_usd", day=pl.col("snapshot_at").dt.date())
        .filter(pl.col("snapshot_at") == pl.col("snapshot_at").max().over("day", "exchange"))
        .drop("snapshot_at")
    )


def _pairs(rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Row numbers of both sides of every pair of venues, by hour and asset, then the first and the second exchange.

    Legs of an hour and asset stand below each other: those `apart` rows from each other are the pairs that are
    `apart` exchanges apart in the alphabet, found without a join.
    """
    group, venue = rows["group"], rows["venue"]
    most = int(group.value_counts()["count"].to_numpy().max(initial=0))
    numbers = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
    found = []
    for apart in range(1, most):
        meet = (group == group.shift(apart)) & (venue != venue.shift(apart))
        second = numbers.filter(meet.fill_null(value=False))
        found.append(pl.DataFrame({"first": second - apart, "second": second}))
    schema = {"first": pl.UInt32, "second": pl.UInt32}
    both = pl.concat([pl.DataFrame(schema=schema), *found]).sort("first", "second")
    return both["first"], both["second"]


def _named(side: pl.DataFrame, name: str) -> pl.DataFrame:
    short = {"apr_pct": "apr", "interval_hours": "interval"}
    return side.rename({column: f"{short.get(column, column)}_{name}" for column in side.columns})


def _either(where_higher: str, where_lower: str) -> pl.Expr:
    """A column where the rate at exchange_a is at least that at exchange_b, else the other."""
    return pl.when(pl.col("rate_1h_a") >= pl.col("rate_1h_b")).then(where_higher).otherwise(where_lower)


def _basis() -> pl.Expr:
    together = (pl.col("settled_at_a") - pl.col("settled_at_b")).abs() <= TOLERANCE
    return pl.when(together).then(legs.basis_pct(pl.col("mark_a"), pl.col("mark_b")))
