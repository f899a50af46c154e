"""Plots whose subject is who is being liquidated: RPN, smoothed volumes, dominance. Pure."""

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards.btc.hours import on_grid, runs, thinned
from dashboards.btc.lines import line, price_line
from dashboards.btc.price import marker_size
from dashboards.btc.style import CORR_CASES, RPN, RPN_SMOOTH, Style, panel_title

_SIDES = ((1, "bull"), (-1, "bear"))


def rpn_dominance(rows: pl.DataFrame, style: Style) -> go.Figure:
    """Price over bands of dominance, RPN below. `rows`: ts, price, dominance, risk_priority_number, rpn_smooth."""
    whole = on_grid(rows)
    shown = thinned(whole, style.most, ["price", "risk_priority_number", "rpn_smooth"])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.55, 0.45])
    figure.add_trace(price_line(shown), row=1, col=1)
    for column, name, look in (
        ("risk_priority_number", "RPN", {"color": RPN, "width": 2}),
        ("rpn_smooth", "RPN smoothed", {"color": RPN_SMOOTH, "width": 1.5, "dash": "dot"}),
    ):
        figure.add_trace(line(shown, column, name, look, "%{y:.3f}"), row=2, col=1)
    style.dress(figure)
    figure.update_layout(shapes=_bands(whole, style))
    figure.update_yaxes(tickformat=",~f", row=1)
    figure.update_yaxes(range=[0, 1], nticks=5, row=2)
    panel_title(figure, 2, "share of longs among smoothed liquidations", style)
    return style.time_axes(figure, shown["ts"], rows=2)


def _bands(whole: pl.DataFrame, style: Style) -> list[dict[str, object]]:
    """One rectangle per run of hours with the same side, behind the price."""
    colours = {1: style.band(style.up), -1: style.band(style.down)}
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "y domain",
            "x0": run["start"],
            "x1": run["end"],
            "y0": 0,
            "y1": 1,
            "fillcolor": colours[run["value"]],
            "line": {"width": 0},
            "layer": "below",
        }
        for run in runs(whole, "dominance").filter(pl.col("value") != 0).iter_rows(named=True)
    ]


def fll_fsl(rows: pl.DataFrame, style: Style) -> go.Figure:
    """Smoothed long and short liquidations, with the case of their changes. `rows`: ts, kalman_*, corr_case.

    An hour whose case is NONE or unknown has no marker.
    """
    shown = thinned(on_grid(rows), style.most, ["kalman_long", "kalman_short"])
    figure = go.Figure(
        [
            line(shown, "kalman_long", "long", {"color": style.up, "width": 2}, "%{y:,.2f}"),
            line(shown, "kalman_short", "short", {"color": style.down, "width": 2}, "%{y:,.2f}"),
        ]
    )
    size = marker_size(shown.height)
    for case, (said, colour) in CORR_CASES.items():
        part = shown.filter(pl.col("corr_case").cast(pl.String) == case, pl.col("kalman_long").is_not_null())
        figure.add_trace(
            go.Scatter(
                x=part["ts"].to_list(),
                y=part["kalman_long"].to_list(),
                mode="markers",
                marker={"color": colour, "size": size},
                hovertemplate=f"{said}<extra>{case}</extra>",
                name=case,
            )
        )
    style.dress(figure)
    return style.time_axes(figure, shown["ts"])


def dominance_status(rows: pl.DataFrame, style: Style) -> go.Figure:
    """Price with its class on hover; how long the side has lasted, and which episode of it this is.

    `rows`: ts, price, dominance, dominance_class, dominance_duration_total, dominance_time.
    """
    columns = ["price", "dominance_duration_total", "dominance_time"]
    shown = thinned(on_grid(rows), style.most, columns)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.42, 0.3, 0.28])
    classes = shown["dominance_class"].cast(pl.String).fill_null("unknown").to_list()
    figure.add_trace(price_line(shown, ", %{customdata}", classes), row=1, col=1)
    for trace in _durations(shown, style):
        figure.add_trace(trace, row=2, col=1)
    for side, name in _SIDES:
        figure.add_trace(_episodes(shown.filter(pl.col("dominance") == side), name, style), row=3, col=1)
    style.dress(figure)
    figure.update_yaxes(tickformat=",~f", nticks=5, row=1)
    figure.update_yaxes(rangemode="tozero", nticks=4, row=2)
    figure.update_yaxes(rangemode="tozero", nticks=4, tickformat="d", row=3)
    panel_title(figure, 2, "hours the side has lasted", style)
    panel_title(figure, 3, "episode of the side", style)
    return style.time_axes(figure, shown["ts"], rows=3)


def _durations(shown: pl.DataFrame, style: Style) -> list[go.Scatter]:
    """An area per stretch of known hours: plotly fills one trace straight across its gaps."""
    known = pl.col("dominance_duration_total").is_not_null()
    stretches = (
        shown.select("ts", "dominance_duration_total", known=known, stretch=known.rle_id())
        .filter("known")
        .partition_by("stretch", maintain_order=True)
    )
    return [
        go.Scatter(
            x=stretch["ts"].to_list(),
            y=stretch["dominance_duration_total"].to_list(),
            mode="lines",
            line={"color": style.theme.accent, "width": 1, "shape": "hv"},
            fill="tozeroy",
            fillcolor=style.band(style.theme.accent),
            hovertemplate="%{y} h<extra>lasted</extra>",
            name="duration",
            legendgroup="duration",
            showlegend=number == 0,
        )
        for number, stretch in enumerate(stretches)
    ]


def _episodes(part: pl.DataFrame, name: str, style: Style) -> go.Scatter:
    known = part.filter(pl.col("dominance_time").is_not_null())
    return go.Scatter(
        x=known["ts"].to_list(),
        y=known["dominance_time"].to_list(),
        mode="markers",
        marker={"color": style.up if name == "bull" else style.down, "size": marker_size(known.height)},
        hovertemplate="episode %{y}<extra>" + name + "</extra>",
        name=f"{name} episode",
    )
