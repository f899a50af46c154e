"""Contract by day: which settlements are stored. Pure."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboards.theme import Theme

#: rows of the map: what is less complete comes first
MOST = 40
GONE, BAD, PARTIAL, GOOD = 0, 1, 2, 3
#: least share of a day's settlements (%) for each level
_LEAST = {GOOD: 95.0, PARTIAL: 50.0}
_CELL = ("exchange", "symbol", "day", "level", "note")


def least_complete(completeness: pl.DataFrame, *, exchange: str | None = None, search: str = "") -> pl.DataFrame:
    """Rows of FundingCompleteness, listed contracts only: unknown first, then by completeness_pct; by name after that.

    `search` keeps contracts whose house or own name contains it.
    """
    text = search.strip().lower()
    named = [pl.col(name).str.to_lowercase().str.contains(text, literal=True) for name in ("symbol", "native_symbol")]
    found = completeness.filter("is_active", pl.any_horizontal(named))
    if exchange is not None:
        found = found.filter(pl.col("exchange") == exchange)
    return found.sort("completeness_pct", "exchange", "symbol", nulls_last=False)


def levels(days: pl.DataFrame) -> pl.DataFrame:
    """`level` and `note` of rows of FundingCompleteness over one day each; null where nothing was due.

    A day of which the exchange no longer keeps a missing settlement cannot be fetched again.
    """
    share = pl.col("completeness_pct")
    by_share = pl.when(share >= _LEAST[GOOD]).then(GOOD).when(share >= _LEAST[PARTIAL]).then(PARTIAL).otherwise(BAD)
    level = pl.when(share.is_not_null()).then(pl.when(pl.col("n_unrecoverable") > 0).then(GONE).otherwise(by_share))
    stored = pl.format("{} of {} settlements", "hit_slots", "expected_slots")
    gone = pl.format(
        "{} of {} settlements; {} cannot be fetched again", "hit_slots", "expected_slots", "n_unrecoverable"
    )
    return days.with_columns(
        level=level.cast(pl.Int8),
        note=pl.when(pl.col("n_unrecoverable") > 0).then(gone).otherwise(stored),
    )


def heat_figure(days: pl.DataFrame, contracts: Sequence[tuple[str, str]], theme: Theme) -> go.Figure:
    """A cell per contract (exchange, symbol; the first on top) and day of `levels`."""
    dates = days["day"].unique().sort().to_list()
    known = {(e, s, day): (level, note) for e, s, day, level, note in days.select(_CELL).iter_rows()}
    cells = [[known.get((*contract, day), (None, None)) for day in dates] for contract in contracts]
    figure = go.Figure(
        go.Heatmap(
            x=dates,
            y=[f"{exchange}  {symbol}" for exchange, symbol in contracts],
            z=[[level for level, _ in row] for row in cells],
            customdata=[[note for _, note in row] for row in cells],
            zmin=GONE,
            zmax=GOOD,
            colorscale=_scale([theme.idle, theme.bad, theme.warn, theme.good]),
            showscale=False,
            xgap=1,
            ygap=2,
            hoverongaps=False,
            hovertemplate="%{y}<br>%{x|%Y-%m-%d}: %{customdata}<extra></extra>",
        )
    )
    figure.update_layout(**theme.layout(), height=heat_height(len(contracts)))
    figure.update_xaxes(**theme.axis(), showgrid=False, fixedrange=True, side="top", tickformat="%d %b")
    figure.update_yaxes(**theme.axis(), showgrid=False, fixedrange=True, autorange="reversed", type="category", dtick=1)
    return figure


def _scale(colours: list[str]) -> list[tuple[float, str]]:
    """A colour per level, without anything between."""
    return [((place + end) / len(colours), colour) for place, colour in enumerate(colours) for end in (0, 1)]


def heat_height(contracts: int) -> int:
    """Pixels the map needs, so that every contract's name has a line of its own."""
    return 48 + 18 * max(contracts, 2)
