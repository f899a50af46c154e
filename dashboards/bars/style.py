"""Colours of the bars charts by meaning; each can be read on both grounds."""

from typing import Any

from dashboards.theme import LEGEND, Theme

#: source -> what it is called and its colour
SOURCES: dict[str, tuple[str, str]] = {
    "yahoo": ("Yahoo", "#8e63ce"),
    "alphavantage": ("Alpha Vantage", "#e69138"),
    "twelvedata": ("Twelve Data", "#17a2a2"),
    "polygon": ("Polygon", "#3d85c6"),
}
#: candles that several sources made
SEVERAL = ("several", "#7f8c9b")
EMAS = {
    "ema_9": ("EMA 9", "#e0a526"),
    "ema_20": ("EMA 20", "#3d85c6"),
    "ema_50": ("EMA 50", "#c2559d"),
    "ema_200": ("EMA 200", "#8e63ce"),
}
VWAP = "#17a2a2"
BREAK = "#c2559d"
#: colours of things without a meaning of their own
PALETTE = ("#3d85c6", "#e69138", "#8e63ce", "#17a2a2", "#c2559d", "#9ab83b", "#b5725a", "#7f8c9b")
#: rows that came from the sandbox are marked
_MARK = "-sandbox"


def plain(source: str) -> str:
    """`yahoo` for `yahoo-sandbox`."""
    return source.removesuffix(_MARK)


def title(source: str | None) -> str | None:
    """What a source, or several joined by +, is called."""
    if source is None:
        return None
    return " + ".join(SOURCES.get(name, (name, ""))[0] for name in map(plain, source.split("+")))


def colour(source: str) -> str:
    """The colour of a source, or of several joined by +."""
    return SOURCES.get(plain(source), SEVERAL)[1]


def dress(figure: Any, theme: Theme, *, height: int, view: str, legend: bool = False) -> None:
    """The look of a plot over time; while `view` is the same the reader's zoom stays."""
    figure.update_layout(**theme.layout())
    figure.update_layout(height=height, hovermode="x unified", dragmode="zoom", uirevision=view)
    if legend:
        figure.update_layout(showlegend=True, legend={**LEGEND, "y": 1.02}, margin={"t": 44})
    figure.update_xaxes(**theme.axis(), **theme.crosshair())
    figure.update_yaxes(**theme.axis(), side="right", nticks=6, fixedrange=True)


def pane_title(row: int, text: str, theme: Theme) -> dict[str, Any]:
    """The name of a pane, at its head (a plotly annotation)."""
    return {
        **{"x": 0, "xref": "paper", "y": 1, "yref": f"y{row if row > 1 else ''} domain", "text": text},
        **{"showarrow": False, "xanchor": "left", "yanchor": "bottom"},
        "font": {"size": 10, "color": theme.muted},
    }


def level_line(row: int, value: float, colour: str) -> dict[str, Any]:
    """A dotted line through a pane (a plotly shape)."""
    axis = row if row > 1 else ""
    return {
        **{"type": "line", "xref": f"x{axis} domain", "yref": f"y{axis}", "x0": 0, "x1": 1, "y0": value, "y1": value},
        "line": {"color": colour, "width": 1, "dash": "dot"},
    }
