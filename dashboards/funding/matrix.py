"""Asset by exchange: the predicted rate of the largest contract of each, ready for a grid. Pure."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards.funding.measures import Measure

#: absolute z from which a cell has a badge, from which it is stronger, and strongest
BADGES = (1.0, 2.0, 3.0)
#: of the sizes shown, the share that must not all have the strongest colour
_SCALE_QUANTILE = 0.95


@dataclass(frozen=True)
class Matrix:
    """`exchanges` are its columns; `rows` have `asset`, `open_interest`, and a cell per exchange that lists the asset.

    A cell: `v` percent (None where unknown), `t` its shade from -1 to 1 (0 at zero), `z`, `b` the badge 0 to 3,
    `h` interval hours, `s` symbol, `w` whether the exchange states a trailing value. `scale` is the percent of full
    shade.
    """

    exchanges: tuple[str, ...]
    rows: list[dict[str, Any]]
    scale: float


def matrix(grid: pl.DataFrame, measure: Measure, *, search: str = "", least_z: float = 0.0) -> Matrix:
    """The matrix of rows of `readers.grid`: assets by open interest, largest first; exchanges by name.

    `search` keeps assets whose name contains it; `least_z` those with a cell of at least that absolute z.
    Shade and scale are of the whole grid, so that a search does not change colours.
    """
    cells = with_shade(grid.with_columns(percent=pl.col(measure.predicted) * measure.to_percent))
    scale = _scale(cells["percent"])
    size = pl.col("z_predicted").abs()
    badge = pl.sum_horizontal(size >= least for least in BADGES)
    shown = cells.with_columns(
        badge=badge.fill_null(0), asset_usd=pl.col("open_interest_usd").sum().over("base_asset")
    ).filter(
        pl.col("base_asset").str.to_lowercase().str.contains(search.strip().lower(), literal=True),
        (size >= least_z).fill_null(value=False).any().over("base_asset") if least_z > 0 else pl.lit(value=True),
    )
    ordered = shown.sort("asset_usd", "base_asset", "exchange", descending=[True, False, False])
    rows = [
        {"asset": name[0], "open_interest": part["asset_usd"][0]} | {c["exchange"]: _cell(c) for c in part.to_dicts()}
        for name, part in ordered.group_by("base_asset", maintain_order=True)
    ]
    return Matrix(tuple(grid["exchange"].unique().sort()), rows, scale)


def with_shade(cells: pl.DataFrame) -> pl.DataFrame:
    """With `shade`: percent over the scale, from -1 to 1; null where it is unknown."""
    return cells.with_columns(shade=(pl.col("percent") / _scale(cells["percent"])).clip(-1.0, 1.0))


def _scale(percents: pl.Series) -> float:
    """The 95th percentile of the sizes: one wild rate must not make all others pale."""
    found = percents.abs().quantile(_SCALE_QUANTILE, interpolation="linear")
    return found if found else 1.0


def _cell(row: dict[str, Any]) -> dict[str, Any]:
    z, shade = row["z_predicted"], row["shade"]
    return {
        "v": row["percent"],
        "t": None if shade is None else round(shade, 3),
        "z": None if z is None else round(z, 2),
        "b": row["badge"],
        "h": None if row["interval_hours"] is None else round(row["interval_hours"], 2),
        "s": row["symbol"],
        "w": row["is_trailing"],
    }
