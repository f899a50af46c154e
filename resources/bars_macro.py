"""The macro series of the bars domain, asked for whole: each is a few hundred rows."""

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.settings import Settings
from resources.vendors.registry import Vendors

OBSERVATIONS = pl.Schema(
    {
        "series": pl.String(),
        "obs_date": pl.Date(),
        "value": pl.Float64(),
        "source": pl.String(),
        "ingested_at": UTC_MICROS,
    }
)


def observations(settings: Settings, vendors: Vendors) -> pl.DataFrame:
    """Every observation of the configured series since `bars.macro.start_date`, sorted. Raises VendorError.

    Without rows where `bars.macro.enabled` is off.
    """
    macro = settings.bars.macro
    parts = [pl.DataFrame(schema=OBSERVATIONS)]
    for name, series_id in sorted(macro.series.items()) if macro.enabled else ():
        found = vendors.fred.observations(series_id, macro.start_date)
        parts.append(
            found.frame.select(
                pl.lit(name).alias("series"),
                "obs_date",
                "value",
                pl.lit(settings.source_name("fred")).alias("source"),
                pl.lit(found.received_at).cast(UTC_MICROS).alias("ingested_at"),
            )
        )
    return pl.concat(parts).sort("series", "obs_date")
