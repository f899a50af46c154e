"""Rows made with other settings are not comparable: who combines tables asks for one feature_version."""

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.state import MissingStateError


def require_version(made: str, settings: BtcSettings, **inputs: pl.DataFrame) -> None:
    """Raise MissingStateError unless every row of every input has the feature_version of `settings`.

    `made` names the table that would be stored; the keywords name the inputs.
    """
    for name, rows in inputs.items():
        other = rows.filter(pl.col("feature_version") != settings.feature_version)
        if other.is_empty():
            continue
        row = other.row(0, named=True)
        raise MissingStateError(
            f"{made} needs {name} made with feature_version {settings.feature_version}; {other.height} of "
            f"{rows.height} rows are of another, the first {row['ts']:%Y-%m-%d %H:%M}Z of {row['feature_version']}: "
            f"the settings or the code changed. Nothing was stored: backfill {name} and what follows it from "
            f"{settings.start:%Y-%m-%d} on."
        )
