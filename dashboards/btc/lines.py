"""Lines of the btc plots: they break at unknown hours, and show a known hour between two unknown ones. Pure."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboards.btc.style import PRICE

#: pixels of the dot that stands for a line of one point
_DOT = 5


def line(
    shown: pl.DataFrame,
    column: str,
    name: str,
    look: dict[str, object],
    number: str,
    notes: Sequence[object] | None = None,
) -> go.Scatter:
    """A line over `column` of rows on the complete grid; `number` is its hover text, which may name `customdata`."""
    lone = _lone(shown[column])
    dots = {"color": look["color"], "size": [_DOT if alone else 0 for alone in lone], "line": {"width": 0}}
    return go.Scatter(
        x=shown["ts"].to_list(),
        y=shown[column].to_list(),
        customdata=notes,
        mode="lines+markers" if lone.any() else "lines",
        line=look,
        marker=dots if lone.any() else None,
        connectgaps=False,
        hovertemplate=f"{number}<extra>{name}</extra>",
        name=name,
    )


def price_line(shown: pl.DataFrame, said: str = "", notes: Sequence[object] | None = None) -> go.Scatter:
    """The line every plot draws its price with; `said` is added to its hover text."""
    return line(shown, "price", "price", {"color": PRICE, "width": 2}, f"%{{y:,.0f}} USD{said}", notes)


def _lone(values: pl.Series) -> pl.Series:
    """Known values without a known neighbour: a line alone would not show them."""
    known = values.is_not_null()
    return known & ~known.shift(1, fill_value=False) & ~known.shift(-1, fill_value=False)
