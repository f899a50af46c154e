"""The contract every bar-shaped table extends."""

from typing import ClassVar

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Table, column

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")


class Bar(Table):
    """One closed bar of one symbol from one source."""

    key: ClassVar[tuple[str, ...]] = ("symbol", "timeframe", "ts")

    symbol = column(pl.String, "House symbol")
    timeframe = column(pl.String, "Length of the bar", isin=TIMEFRAMES)
    ts = column(UTC_MICROS, "Open instant of the bar")
    open = column(pl.Float64, "First price", gt=0)
    high = column(pl.Float64, "Highest price", gt=0)
    low = column(pl.Float64, "Lowest price", gt=0)
    close = column(pl.Float64, "Last price", gt=0)
    volume = column(pl.Float64, "Traded base units; null where the instrument has none", nullable=True, ge=0)
    source = column(pl.String, "Vendor the row came from")
    ingested_at = column(UTC_MICROS, "Instant the response arrived", volatile=True)
