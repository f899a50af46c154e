"""The coverage grid: share of due sessions that are stored, symbol by month. Pure."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.theme import Theme

#: grade of a cell, from worst to best; the first one is not a measurement
UNFETCHED = "unfetched"
_GRADES = (UNFETCHED, "red", "yellow", "green")


def without_guesses(cells: pl.DataFrame, fetched: Iterable[tuple[str, int]]) -> pl.DataFrame:
    """`cells` (symbol, month, grade, ...) graded `unfetched` where no partition was published.

    `fetched` lists the (symbol, year) of every published partition: an empty cell of a year nobody
    asked for says nothing about the vendor.
    """
    known = pl.DataFrame(sorted(set(fetched)), schema={"symbol": pl.String, "year": pl.Int32}, orient="row")
    asked = pl.col("asked").fill_null(value=False)
    return (
        cells.with_columns(year=pl.col("month").dt.year())
        .join(known.with_columns(asked=True), on=["symbol", "year"], how="left", maintain_order="left")
        .with_columns(grade=pl.when(asked).then(pl.col("grade")).otherwise(pl.lit(UNFETCHED)))
        .drop("year", "asked")
    )


def coverage_figure(cells: pl.DataFrame, theme: Theme) -> go.Figure:
    """A cell per symbol and month. `cells`: symbol, month (first day), n_expected, n_stored, grade."""
    symbols = cells["symbol"].unique(maintain_order=True).to_list()
    months = cells["month"].unique().sort().to_list()
    graded = cells.with_columns(
        level=pl.col("grade").replace_strict(list(_GRADES), list(range(len(_GRADES))), return_dtype=pl.Int8),
        note=pl.when(pl.col("grade") == UNFETCHED)
        .then(pl.lit("never fetched"))
        .otherwise(pl.format("{} of {} sessions", "n_stored", "n_expected")),
    )
    known = {(row["symbol"], row["month"]): row for row in graded.iter_rows(named=True)}
    figure = go.Figure(
        go.Heatmap(
            x=months,
            y=symbols,
            z=[[_cell(known, symbol, month, "level") for month in months] for symbol in symbols],
            customdata=[[_cell(known, symbol, month, "note") for month in months] for symbol in symbols],
            zmin=0,
            zmax=3,
            colorscale=_steps([theme.idle, theme.bad, theme.warn, theme.good]),
            showscale=False,
            xgap=1,
            ygap=2,
            hoverongaps=False,
            hovertemplate="%{y} %{x|%b %Y}: %{customdata}<extra></extra>",
        )
    )
    figure.update_layout(**theme.layout(), height=coverage_height(len(symbols)))
    figure.update_xaxes(**theme.axis(), showgrid=False, fixedrange=True, side="top")
    figure.update_yaxes(**theme.axis(), showgrid=False, fixedrange=True, autorange="reversed", type="category", dtick=1)
    return figure


def coverage_height(symbols: int) -> int:
    """Pixels the coverage grid needs, so that every symbol's name has a line of its own."""
    return 48 + 20 * max(symbols, 2)


def _cell(known: dict[tuple[str, date], dict[str, Any]], symbol: str, month: date, field: str) -> Any:
    row = known.get((symbol, month))
    return row[field] if row else None


def _steps(colours: list[str]) -> list[tuple[float, str]]:
    edges = [index / len(colours) for index in range(len(colours) + 1)]
    return [
        stop
        for colour, low, high in zip(colours, edges, edges[1:], strict=False)
        for stop in ((low, colour), (high, colour))
    ]
