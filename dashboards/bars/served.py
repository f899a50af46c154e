"""Which source the stored bars came from, by day. Pure."""

import plotly.graph_objects as go
import polars as pl

from dashboards.bars.style import colour, dress, title
from dashboards.theme import Theme

#: so few days that plotly would tick parts of days
_FEW = 8
_DAY_MS = 86_400_000


def served_figure(rows: pl.DataFrame, theme: Theme, *, height: int) -> go.Figure:
    """Stacked bars, one a day, a colour a source. `rows`: day, source, rows_served."""
    figure = go.Figure(
        [
            go.Bar(
                x=part["day"].to_list(),
                y=part["rows_served"].to_list(),
                marker={"color": colour(source), "line": {"width": 0}},
                hovertemplate=f"%{{y:,}}<extra>{title(source)}</extra>",
                name=title(source),
            )
            for (source,), part in rows.sort("day").group_by("source", maintain_order=True)
        ]
    )
    dress(figure, theme, height=height, view="served", legend=True)
    figure.update_layout(barmode="stack", bargap=0.25)
    figure.update_yaxes(rangemode="tozero", exponentformat="none", separatethousands=True)
    figure.update_xaxes(hoverformat="%Y-%m-%d", showspikes=False)
    if rows["day"].n_unique() <= _FEW:
        figure.update_xaxes(dtick=_DAY_MS, tickformat="%d %b")
    return figure
