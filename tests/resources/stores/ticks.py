"""A small table with every column type, two partition dimensions and a volatile column."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Contract, Table, column

DAY = date(2026, 3, 2)
NIGHT = datetime(2026, 3, 2, tzinfo=UTC)


class Ticks(Table):
    """One trade of one venue."""

    key = ("venue", "ts")
    partitioned_by = {"venue": "venue", "day": "ts"}
    time_column = "ts"

    venue = column(pl.String, "Venue")
    ts = column(UTC_MICROS, "Instant of the trade")
    price = column(pl.Float64, "Price")
    size = column(pl.Int64, "Units", nullable=True)
    count = column(pl.Int32, "Fills", nullable=True)
    level = column(pl.Int8, "Fallback level", nullable=True)
    is_block = column(pl.Boolean, "Block trade", nullable=True)
    settles = column(pl.Date, "Settlement date", nullable=True)
    note = column(pl.String, "Free text", nullable=True)
    tags = column(pl.List(pl.String), "Labels", nullable=True)
    source = column(pl.String, "Vendor")
    ingested_at = column(UTC_MICROS, "Arrival", volatile=True)


class Rates(Table):
    """One rate by name, in one partition."""

    key = ("name",)

    name = column(pl.String, "Name")
    rate = column(pl.Float64, "Rate", nullable=True)


TICKS: Contract = Ticks.contract()
RATES: Contract = Rates.contract()


def ticks(
    count: int = 3,
    *,
    venue: str = "XA",
    day: datetime = NIGHT,
    price: float = 100.0,
    source: str = "alpha",
    ingested_at: datetime = NIGHT,
    **columns: object,
) -> pl.DataFrame:
    """`count` trades of one partition, a minute apart, prices counting up from `price`."""
    rows = {
        "venue": [venue] * count,
        "ts": [day + timedelta(minutes=i) for i in range(count)],
        "price": [price + i for i in range(count)],
        "size": [None if i % 3 == 2 else i for i in range(count)],
        "count": list(range(count)),
        "level": [i % 3 for i in range(count)],
        "is_block": [None if i % 4 == 3 else i % 2 == 0 for i in range(count)],
        "settles": [DAY] * count,
        "note": [None if i % 2 else f'né {i}\n"q"' for i in range(count)],
        "tags": [None if i % 5 == 4 else [f"t{j}" for j in range(i % 3)] for i in range(count)],
        "source": [source] * count,
        "ingested_at": [ingested_at] * count,
    }
    return pl.DataFrame({**rows, **columns}, schema=TICKS.schema)


def rates(**values: float | None) -> pl.DataFrame:
    """The rates of those names."""
    return pl.DataFrame({"name": list(values), "rate": list(values.values())}, schema=RATES.schema)
