"""The coverage grid: share of expected sessions that are stored, symbol by month. Pure but for calendars."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.theme import Theme
from market_assets.core import calendars


@dataclass(frozen=True)
class Listing:
    """What is expected of a symbol: sessions of its calendar inside its listing window."""

    symbol: str
    calendar: str
    first: date
    last: date | None


def coverage_cells(
    stored: pl.DataFrame, fetched: Iterable[tuple[str, int]], listings: Iterable[Listing], due: dict[str, date]
) -> pl.DataFrame:
    """One row per symbol and month with expected sessions, in the order of `listings`.

    `stored`: symbol, session_date of every stored bar. `fetched`: (symbol, year) of every published
    partition. `due`: calendar -> newest session that should be stored by now. Columns: symbol, month
    (its first day), n_expected, n_stored (null where the partition was never fetched), share.
    Months begin with the first year that was fetched for any symbol.
    """
    years = {(symbol, year) for symbol, year in fetched}
    if not years:
        return _EMPTY
    first_year = min(year for _, year in years)
    expected = pl.concat(
        [_expected(listing, first_year, due[listing.calendar]) for listing in listings] or [_EMPTY.clear()]
    )
    known = pl.DataFrame(sorted(years), schema={"symbol": pl.String, "year": pl.Int32}, orient="row").with_columns(
        fetched=pl.lit(value=True)
    )
    counted = stored.group_by("symbol", pl.col("session_date").dt.truncate("1mo").alias("month")).len("n")
    return (
        expected.with_columns(year=pl.col("month").dt.year())
        .join(known, on=["symbol", "year"], how="left", maintain_order="left")
        .join(counted, on=["symbol", "month"], how="left", maintain_order="left")
        .with_columns(
            n_stored=pl.when(pl.col("fetched")).then(pl.col("n").fill_null(0).cast(pl.Int64)),
        )
        .with_columns(share=pl.col("n_stored") / pl.col("n_expected"))
        .select("symbol", "month", "n_expected", "n_stored", "share")
    )


_EMPTY = pl.DataFrame(
    schema={"symbol": pl.String, "month": pl.Date, "n_expected": pl.Int64, "n_stored": pl.Int64, "share": pl.Float64}
)


def _expected(listing: Listing, first_year: int, due: date) -> pl.DataFrame:
    start = max(listing.first, date(first_year, 1, 1))
    end = min(listing.last, due) if listing.last else due
    days = calendars.sessions(listing.calendar, start, end) if start <= end else []
    return (
        pl.DataFrame({"day": days}, schema={"day": pl.Date})
        .group_by(pl.col("day").dt.truncate("1mo").alias("month"), maintain_order=True)
        .agg(n_expected=pl.len().cast(pl.Int64))
        .select(pl.lit(listing.symbol).alias("symbol"), "month", "n_expected")
    )


def coverage_figure(cells: pl.DataFrame, theme: Theme) -> go.Figure:
    """Share of expected sessions that are stored, symbol by month.

    `cells`: symbol, month (first day), n_expected, n_stored (null where never fetched), share.
    Green from 0.95, amber from 0.85, red below, grey where the partition was never fetched.
    """
    symbols = cells["symbol"].unique(maintain_order=True).to_list()
    months = cells["month"].unique().sort().to_list()
    graded = cells.with_columns(
        grade=pl.when(pl.col("n_stored").is_null())
        .then(0)
        .when(pl.col("share") >= 0.95)
        .then(3)
        .when(pl.col("share") >= 0.85)
        .then(2)
        .otherwise(1),
        note=pl.when(pl.col("n_stored").is_null())
        .then(pl.lit("never fetched"))
        .otherwise(pl.format("{} of {} sessions", "n_stored", "n_expected")),
    )
    known = {(row["symbol"], row["month"]): row for row in graded.iter_rows(named=True)}
    figure = go.Figure(
        go.Heatmap(
            x=months,
            y=symbols,
            z=[[_cell(known, symbol, month, "grade") for month in months] for symbol in symbols],
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
