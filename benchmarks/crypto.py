"""What crypto costs: the venue's minutes, a live round, one closed bar, and a year of overlays at once."""

from pathlib import Path

from benchmarks import crypto_incremental, crypto_minutes, crypto_overlays, crypto_round
from benchmarks.measure import Row


def rows(home: Path) -> list[Row]:
    """Every comparison. Raises RuntimeError where two results differ."""
    return [
        *crypto_minutes.rows(home / "minutes"),
        *crypto_round.rows(home / "round"),
        *crypto_incremental.rows(home / "incremental"),
        *crypto_overlays.rows(home / "overlays"),
    ]
