"""The signed spread of one pair by hour, with where it mostly was. Pure."""

from dataclasses import dataclass
from datetime import timedelta

import plotly.graph_objects as go
import polars as pl

from dashboards import downsample
from dashboards.funding.pair import distribution
from dashboards.funding.style import PALETTE, dress, zero_line
from dashboards.theme import Theme, ground

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Usual:
    """Mean and 5th to 95th percentile of the spread (yearly percent), short minus long. None: too few hours."""

    mean: float | None
    p05: float | None
    p95: float | None

    @classmethod
    def of(cls, statistics: pl.DataFrame, short_exchange: str) -> "Usual":
        """From FundingSpreadStatistics of the pair, see `distribution`."""
        found = distribution(statistics, short_exchange)
        return cls(found["mean"], found["p05"], found["p95"])


def oriented(history: pl.DataFrame, short_exchange: str) -> pl.DataFrame:
    """`hour` and `spread`, short minus long (yearly percent), of rows of `readers.spread_history`."""
    sign = pl.when(pl.col("exchange_a") == short_exchange).then(1.0).otherwise(-1.0)
    return history.sort("hour").select("hour", spread=sign * pl.col("spread_apr_pct"))


def hourly(spreads: pl.DataFrame, most: int) -> pl.DataFrame:
    """Points of a line of shape `hv`: an hour lasts to its end, and where one is missing the line breaks."""
    gap = (pl.col("hour").diff() > _HOUR).fill_null(value=True)
    marked = spreads.with_columns(ends=gap.shift(-1, fill_value=True), starts=gap)
    fixed = marked.filter(pl.col("ends") | pl.col("starts"))
    kept = marked
    if marked.height > most:
        others = downsample.line(marked.filter(~pl.col("ends") & ~pl.col("starts")), "spread", max(most, 2))
        kept = pl.concat([fixed, others]).sort("hour")
    ends = kept.filter("ends").with_columns(pl.col("hour") + _HOUR)
    breaks = ends.head(-1).with_columns(spread=pl.lit(None, pl.Float64))
    parts = [part.select("hour", "spread", order=pl.lit(order)) for order, part in enumerate((ends, breaks, kept))]
    return pl.concat(parts).sort("hour", "order", maintain_order=True).drop("order")


def spread_figure(
    spreads: pl.DataFrame, usual: Usual, now_apr_pct: float, theme: Theme, *, most: int, view: str
) -> go.Figure:
    """`spreads` as `oriented` gives them; `now_apr_pct` is what the predicted rates promise."""
    points = hourly(spreads, most)
    figure = go.Figure(
        go.Scatter(
            x=points["hour"].to_list(),
            y=points["spread"].to_list(),
            mode="lines",
            line={"shape": "hv", "color": PALETTE[0], "width": 1.6},
            connectgaps=False,
            hovertemplate="%{y:,.2f} %<extra>settled</extra>",
            name="settled, short minus long",
        )
    )
    dress(figure, theme, 300, view)
    zero_line(figure, theme)
    if usual.p05 is not None and usual.p95 is not None:
        figure.add_hrect(y0=usual.p05, y1=usual.p95, fillcolor=ground(PALETTE[1], 0.14), line_width=0, layer="below")
        _label(figure, usual.p95, f"5th to 95th: {usual.p05:,.1f} to {usual.p95:,.1f} %", theme, "right")
    if usual.mean is not None:
        figure.add_hline(y=usual.mean, line={"color": PALETTE[1], "width": 1.4, "dash": "dash"})
        _label(figure, usual.mean, f"mean {usual.mean:,.1f} %", theme, "center")
    figure.add_hline(y=now_apr_pct, line={"color": theme.accent, "width": 1.4, "dash": "dot"})
    _label(figure, now_apr_pct, f"predicted now {now_apr_pct:,.1f} %", theme, "left")
    figure.update_layout(showlegend=False)
    figure.update_yaxes(ticksuffix=" %")
    return figure


def _label(figure: go.Figure, y: float, text: str, theme: Theme, side: str) -> None:
    """The name of a level, each on a side of its own."""
    figure.add_annotation(
        x={"left": 0.0, "center": 0.5, "right": 1.0}[side],
        xref="paper",
        y=y,
        text=text,
        showarrow=False,
        xanchor=side,
        yanchor="bottom",
        bgcolor=ground(theme.surface, 0.75),
        borderpad=1,
        font={"size": 11, "color": theme.text},
    )
