"""The plot of settled rates: one line of steps a contract, and where its interval changed. Pure."""

import plotly.graph_objects as go
import polars as pl

from dashboards.funding.measures import Measure
from dashboards.funding.steps import SHAPE, changes, steps
from dashboards.funding.style import PALETTE, dress, zero_line
from dashboards.theme import Theme

#: changes that are few enough to be named in the plot
_NAMED_CHANGES = 12
#: pixels of the dot of a settlement that covers nobody knows what
_DOT = 6


def history_figure(events: pl.DataFrame, measure: Measure, theme: Theme, *, most: int, view: str) -> go.Figure:
    """`events` are rows of FundingRates of some contracts; `most` settlements of each are drawn.

    A settlement whose interval is unknown has no value but the native one, and is a dot.
    """
    figure = go.Figure()
    valued = events.with_columns(value=pl.col(measure.settled) * measure.to_percent)
    changed = []
    contracts = valued.sort("exchange", "symbol", "funding_time").group_by("exchange", "symbol", maintain_order=True)
    for place, ((exchange, symbol), rows) in enumerate(contracts):
        colour = PALETTE[place % len(PALETTE)]
        points = steps(rows, most)
        figure.add_trace(_line(points, f"{exchange} {symbol}", colour, measure))
        changed.append(changes(points).with_columns(colour=pl.lit(colour)))
    marks = pl.concat(changed) if changed else pl.DataFrame()
    if marks.height:
        figure.add_trace(_marks(marks, theme))
    dress(figure, theme, 460, view)
    zero_line(figure, theme)
    figure.update_yaxes(ticksuffix=" %")
    return figure


def _line(points: pl.DataFrame, name: str, colour: str, measure: Measure) -> go.Scatter:
    said = ["interval unknown" if interval is None else f"over {interval:g} h" for interval in points["interval_hours"]]
    dots = [_DOT if interval is None else 0 for interval in points["interval_hours"]]
    return go.Scatter(
        x=points["funding_time"].to_list(),
        y=points["value"].to_list(),
        customdata=said,
        mode="lines+markers" if any(dots) else "lines",
        marker={"size": dots, "color": colour, "line": {"width": 0}} if any(dots) else None,
        line={"shape": SHAPE, "color": colour, "width": 1.6},
        connectgaps=False,
        hovertemplate=f"%{{y:{measure.d3}}} %, %{{customdata}}<extra>{name}</extra>",
        name=name,
    )


def _marks(marks: pl.DataFrame, theme: Theme) -> go.Scatter:
    """A diamond at the first settlement of the new interval."""
    said = [f"{before:g} h to {after:g} h" for before, after in marks.select("before", "interval_hours").iter_rows()]
    return go.Scatter(
        x=marks["funding_time"].to_list(),
        y=marks["value"].to_list(),
        text=said,
        mode="markers+text" if len(said) <= _NAMED_CHANGES else "markers",
        textposition="top center",
        textfont={"size": 11, "color": theme.muted},
        marker={
            "symbol": "diamond",
            "size": 9,
            "color": marks["colour"].to_list(),
            "line": {"color": theme.text, "width": 1},
        },
        hovertemplate="interval %{text}<extra></extra>",
        name="interval changed",
    )
