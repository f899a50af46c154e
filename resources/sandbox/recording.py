"""Recorded tables: `<dir>/<table>/*.parquet`."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from market_assets.core.errors import MarketAssetsError

#: a directory for replay holds rows of at least one of these
ACCEPTED = ("equities_daily_bars", "btc_price", "btc_liquidations", "funding_rates", "crypto_klines", "bars_minute")

#: one file to be: table, file name, rows
Piece = tuple[str, str, pl.DataFrame]


class NoRecording(MarketAssetsError):
    """A replay directory without usable tables."""


def read(directory: Path, table: str, needed: Sequence[str]) -> pl.DataFrame | None:
    """The rows of every file of a table; None without files or rows. Raises NoRecording where a column lacks."""
    files = sorted((directory / table).glob("*.parquet"))
    if not files:
        return None
    frame = pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed")
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise NoRecording(f"{directory / table} must have the columns {', '.join(needed)}; missing {missing}")
    return frame if frame.height else None


def nothing_in(directory: Path) -> NoRecording:
    """The error of a directory that has rows of no accepted table."""
    accepted = ", ".join(f"{table}/*.parquet" for table in ACCEPTED)
    return NoRecording(
        f"replay needs rows in at least one of {accepted} under {directory}; found none. "
        "Make them with: python -m resources.sandbox.convert SRC DST"
    )
