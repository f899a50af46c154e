"""Win rates of the signal classes: their uncertainty, and their picture. Pure."""

import math

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards.btc.style import Style

#: every hour: the base rate
BASE = "ALL"
#: matured hours below which a class is shown grey
FEW = 20
#: two-sided 95 % of the normal distribution
_Z = 1.959964


def wilson(rate: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share `rate` observed in `n` independent trials (Wilson 1927).

    Raises ValueError for no trial at all: nothing is known then.
    """
    if n < 1:
        raise ValueError(f"an interval needs at least one trial; was {n}")
    scale = 1 + _Z**2 / n
    center = (rate + _Z**2 / (2 * n)) / scale
    half = _Z / scale * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
    return max(center - half, 0.0), min(center + half, 1.0)


def with_intervals(performance: pl.DataFrame) -> pl.DataFrame:
    """Rows of performance with `rate` (win rate; of ALL the up rate), `low`, `high` and `few`; null where unknown."""
    rated = performance.with_columns(
        pl.col("signal_class").cast(pl.String),
        rate=pl.when(pl.col("signal_class").cast(pl.String) == BASE)
        .then(pl.col("up_rate"))
        .otherwise(pl.col("win_rate")),
        few=pl.col("n_matured") < FEW,
    )
    bounds = [
        wilson(rate, n) if rate is not None and n else (None, None)
        for rate, n in rated.select("rate", "n_matured").iter_rows()
    ]
    return rated.with_columns(
        low=pl.Series([low for low, _ in bounds], dtype=pl.Float64),
        high=pl.Series([high for _, high in bounds], dtype=pl.Float64),
    )


def rates_figure(performance: pl.DataFrame, style: Style, *, narrow: bool = False) -> go.Figure:
    """Win rate per class with its interval, a panel per horizon, over a line at the base rate.

    `performance`: what `with_intervals` gives. Classes with few matured hours are grey; those with none have no mark.
    """
    horizons = performance["horizon_h"].unique().sort().to_list()
    count = max(len(horizons), 1)
    figure = make_subplots(
        rows=count if narrow else 1,
        cols=1 if narrow else count,
        shared_yaxes=not narrow,
        horizontal_spacing=0.03,
        vertical_spacing=0.09,
        subplot_titles=[f"{hours} h ahead" for hours in horizons],
    )
    figure.update_annotations(font={"size": 12, "color": style.theme.muted})
    for number, hours in enumerate(horizons, start=1):
        row, col = (number, 1) if narrow else (1, number)
        part = performance.filter(horizon_h=hours)
        figure.add_trace(_whiskers(part.filter(pl.col("signal_class") != BASE), style), row=row, col=col)
        for base in part.filter(signal_class=BASE)["up_rate"].drop_nulls():
            figure.add_vline(x=base, line={"color": style.theme.accent, "width": 1.5, "dash": "dot"}, row=row, col=col)
    style.dress(figure, height=280 * count if narrow else 300)
    figure.update_layout(showlegend=False, hovermode="closest", dragmode=False, margin={"t": 28, "r": 12})
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", dtick=0.25, fixedrange=True)
    figure.update_yaxes(side="left", autorange="reversed", fixedrange=True, showgrid=False)
    return figure


def _whiskers(part: pl.DataFrame, style: Style) -> go.Scatter:
    def colour(name: str, few: bool) -> str:
        return style.theme.idle if few else style.up if name.endswith("Buy") else style.down

    colours = [colour(name, few) for name, few in part.select("signal_class", "few").iter_rows()]
    return go.Scatter(
        x=part["rate"].to_list(),
        y=part["signal_class"].str.replace("_", " ").to_list(),
        customdata=part.select("low", "high", "n_matured", "n_episodes").rows(),
        mode="markers",
        marker={"color": colours, "size": 10},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (part["high"] - part["rate"]).to_list(),
            "arrayminus": (part["rate"] - part["low"]).to_list(),
            "color": style.theme.muted,
            "thickness": 1.2,
            "width": 4,
        },
        hovertemplate="%{x:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})<br>"
        "%{customdata[2]:,} matured hours, %{customdata[3]:,} episodes<extra>%{y}</extra>",
        name="win rate",
    )
