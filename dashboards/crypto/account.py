"""The simulated account as plots: equity, drawdown and exposure by day, and how deep it stands. Pure."""

from datetime import timedelta

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards import downsample
from dashboards.theme import Theme, ground
from market_assets.crypto.settings import PaperSettings

_DAY = timedelta(days=1)
#: the gauge ends this many times beyond the drawdown from which nothing is entered
_BEYOND = 2.5
_HEIGHTS = (0.54, 0.23, 0.23)
_GAP = 0.09
#: so few points that plotly would tick parts of days
_FEW = 8


def curve(days: pl.DataFrame) -> pl.DataFrame:
    """Equity, drawdown, exposure at the end of each day, before it the equity it started with; null where unknown.

    `days`: rows of `readers.equity` of one account.
    """
    start = days.head(1).select(
        pl.col("day") - _DAY,
        equity=pl.col("equity_start"),
        drawdown=pl.lit(None, pl.Float64),
        exposure=pl.lit(None, pl.Float64),
    )
    ends = days.select(
        "day", equity=pl.col("equity_end"), drawdown=pl.col("drawdown_ratio"), exposure=pl.col("exposure_ratio")
    )
    return pl.concat([start, ends]).upsample("day", every="1d")


def equity_figure(days: pl.DataFrame, paper: PaperSettings, theme: Theme, *, most: int) -> go.Figure:
    """Equity from its start, drawdown, exposure, with their limits. `days`: rows of `readers.equity`, at least one."""
    points = curve(days)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=_GAP, row_heights=list(_HEIGHTS))
    panes = (
        ("equity", "equity, USD", theme.accent, 1.0, "%{y:,.2f} USD"),
        ("drawdown", "below its peak, %", theme.down, -100.0, "%{y:.2f} %"),
        ("exposure", "value held over equity, %", theme.accent, 100.0, "%{y:.2f} %"),
    )
    for row, (column, title, colour, factor, hover) in enumerate(panes, start=1):
        kept = _thinned(points, column, most)
        figure.add_trace(
            go.Scatter(
                x=kept["day"].to_list(),
                y=(kept[column] * factor).to_list(),
                mode="lines" if kept.height > 2 else "lines+markers",
                line={"color": colour, "width": 1.8 if row == 1 else 1.2},
                fill="tozeroy" if row > 1 else None,
                fillcolor=ground(colour, 0.16),
                connectgaps=False,
                hovertemplate=f"{hover}<extra>{column}</extra>",
                name=column,
            ),
            row=row,
            col=1,
        )
        _pane_title(figure, row, title, theme)
    _level(figure, 1, paper.start_equity, f"start {paper.start_equity:,.0f}", theme.muted, theme)
    _level(figure, 2, -100 * paper.max_drawdown, "no new entries", theme.warn, theme)
    _level(figure, 3, 100 * paper.max_exposure, "most", theme.warn, theme)
    figure.update_layout(**theme.layout())
    figure.update_layout(height=430, margin={"t": 22}, hovermode="x unified", dragmode="zoom", uirevision="account")
    figure.update_xaxes(**theme.axis(), hoverformat="%Y-%m-%d", **theme.crosshair(), range=_room(points["day"]))
    figure.update_yaxes(**theme.axis(), side="right", nticks=6, fixedrange=True)
    if points.height <= _FEW:
        figure.update_xaxes(dtick=_DAY / timedelta(milliseconds=1))
    figure.update_yaxes(row=1, exponentformat="none", separatethousands=True)
    figure.update_yaxes(row=2, nticks=3)
    figure.update_yaxes(row=3, nticks=3, rangemode="tozero")
    return figure


def drawdown_gauge(drawdown: float | None, paper: PaperSettings, theme: Theme) -> go.Figure:
    """How far equity is below its peak, against the drawdown from which nothing new is entered (fractions)."""
    limit = 100 * paper.max_drawdown
    end = min(max(_BEYOND * limit, 1.0), 100.0)
    steps = [(0, limit / 2, theme.good), (limit / 2, limit, theme.warn), (limit, end, theme.bad)]
    figure = go.Figure(
        go.Indicator(
            mode="gauge+number" if drawdown is not None else "gauge",
            value=None if drawdown is None else 100 * drawdown,
            number={"suffix": " %", "valueformat": ".2f", "font": {"size": 28, "color": theme.text}},
            gauge={
                "axis": {
                    "range": [0, end],
                    "tickvals": [0, limit, end],
                    "ticksuffix": " %",
                    "tickfont": {"size": 11, "color": theme.muted},
                },
                "bar": {"color": theme.text, "thickness": 0.22},
                "bgcolor": "rgba(0,0,0,0)",
                "borderwidth": 0,
                "steps": [{"range": [low, high], "color": ground(colour, 0.4)} for low, high, colour in steps],
                "threshold": {"line": {"color": theme.bad, "width": 3}, "thickness": 0.9, "value": limit},
            },
        )
    )
    figure.update_layout(**theme.layout())
    figure.update_layout(height=190, margin={"l": 28, "r": 28, "t": 18, "b": 6})
    return figure


def _thinned(points: pl.DataFrame, column: str, most: int) -> pl.DataFrame:
    """As many points as fit, the days that are not stored among them."""
    if points.height <= most:
        return points
    unknown = points.filter(pl.col(column).is_null())
    return pl.concat([unknown, downsample.line(points, column, most)]).sort("day")


def _pane_title(figure: go.Figure, row: int, text: str, theme: Theme) -> None:
    suffix = "" if row == 1 else str(row)
    figure.add_annotation(
        x=0,
        xref=f"x{suffix} domain",
        y=1,
        yref=f"y{suffix} domain",
        text=text,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        yshift=2,
        font={"size": 11, "color": theme.muted},
    )


def _level(figure: go.Figure, row: int, y: float, text: str, colour: str, theme: Theme) -> None:
    """A dotted line with its name at the left."""
    figure.add_hline(
        y=y,
        line={"color": colour, "width": 1.2, "dash": "dot"},
        row=row,
        col=1,
        annotation={
            "text": text,
            "font": {"size": 10.5, "color": theme.muted},
            "xanchor": "left",
            "yanchor": "bottom",
            "x": 0,
            "bgcolor": ground(theme.surface, 0.7),
        },
    )


def _room(days: pl.Series) -> list[object]:
    first, last = days[0], days[-1]
    pad = max((last - first) / 60, timedelta(hours=6))
    at = pl.Series([first, last]).cast(pl.Datetime("us"))
    return [at[0] - pad, at[1] + pad]
