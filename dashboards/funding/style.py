"""How every funding plot looks."""

import plotly.graph_objects as go

from dashboards.theme import LEGEND, Theme

#: colours of lines side by side; each can be read on both grounds
PALETTE = ("#3d85c6", "#e69138", "#17a2a2", "#c2559d", "#8e63ce", "#9ab83b", "#b5725a", "#7f8c9b")


def dress(figure: go.Figure, theme: Theme, height: int, view: str) -> go.Figure:
    """Give a figure its ground, fonts, legend and axes. While `view` is the same, the reader's zoom stays."""
    figure.update_layout(**theme.layout())
    figure.update_layout(
        height=height,
        showlegend=True,
        hovermode="x unified",
        dragmode="zoom",
        uirevision=view,
        legend={**LEGEND, "y": 1.02},
    )
    figure.update_xaxes(**theme.axis(), hoverformat="%Y-%m-%d %H:%M", **theme.crosshair())
    figure.update_yaxes(**theme.axis(), side="right", nticks=7, fixedrange=True)
    return figure


def zero_line(figure: go.Figure, theme: Theme) -> None:
    """Where nobody pays."""
    figure.add_hline(y=0, line={"color": theme.muted, "width": 1})
