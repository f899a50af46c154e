"""Plots whose subject is the price: its bins, and the signals on it. Pure."""

import plotly.graph_objects as go
import polars as pl

from dashboards.btc.hours import on_grid, thinned
from dashboards.btc.lines import price_line
from dashboards.btc.style import BIN_HIGH, BIN_LOW, Style

#: column, value, name, marker, whether it is green
_EVENTS = (
    ("hit_ceiling_bottom", -1, "ceiling (C = -1)", "triangle-down", False),
    ("hit_ceiling_bottom", 1, "bottom (C = +1)", "triangle-up", True),
    ("reverse_ceiling_bottom", 1, "ceiling failed (R = +1)", "square", True),
    ("reverse_ceiling_bottom", -1, "bottom failed (R = -1)", "square", False),
)

#: milliseconds of a bar: an hour, and a little more so that no seam shows between neighbours
_BAR_MS = 3_640_000


def price_color(rows: pl.DataFrame, style: Style) -> go.Figure:
    """The price, with a marker per hour coloured by its bin. `rows`: ts, price, bin_index (and events).

    An hour without a bin has no marker; an hour without a price breaks the line.
    """
    shown = thinned(on_grid(rows), style.most, ["price", "bin_index"])
    marked = shown.filter(pl.col("bin_index").is_not_null(), pl.col("price").is_not_null())
    figure = go.Figure([price_line(shown), _bins(marked, style)])
    style.dress(figure)
    figure.update_layout(showlegend=False)  # on a phone it has no room beside the ramp, and the line needs no name
    _ramp_legend(figure, style)
    figure.update_yaxes(tickformat=",~f")
    return style.time_axes(figure, shown["ts"])


def _bins(marked: pl.DataFrame, style: Style) -> go.Scatter:
    return go.Scatter(
        x=marked["ts"].to_list(),
        y=marked["price"].to_list(),
        customdata=marked["bin_index"].to_list(),
        mode="markers",
        marker={
            "size": marker_size(marked.height),
            "color": marked["bin_index"].to_list(),
            "colorscale": [[0, BIN_LOW], [1, BIN_HIGH]],
            "cmin": 0,
            "cmax": style.top_bin,
        },
        hovertemplate="bin %{customdata}<extra></extra>",
        name="bin",
        showlegend=False,
    )


def _ramp_legend(figure: go.Figure, style: Style) -> None:
    """The colour of every bin, above the plot on the right."""
    squares = "".join(f'<span style="color:{ramp(n / style.top_bin)}">\u25a0</span>' for n in range(style.top_bin + 1))
    figure.add_annotation(
        x=1,
        xref="paper",
        y=1,
        yref="paper",
        text=f"bin: shorts 0 {squares} {style.top_bin} longs",
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        yshift=5,
        font={"size": 11, "color": style.theme.muted},
    )


def ramp(share: float) -> str:
    """The colour at `share` (0 to 1) of the way from the lowest bin's to the highest's, linear in RGB."""
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (BIN_LOW, BIN_HIGH)]
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in zip(*ends, strict=True))


def marker_size(points: int) -> float:
    """Pixels of a marker so that neighbours stay apart in a wide plot."""
    return 7 if points <= 100 else 5 if points <= 400 else 3


def signals(rows: pl.DataFrame, style: Style) -> go.Figure:
    """The price with exhaustion and its failure. `rows`: ts, price, hit_ceiling_bottom, reverse_ceiling_bottom.

    Events are drawn from every hour, whatever the line was thinned to; without a price there is no place for one.
    """
    whole = on_grid(rows)
    figure = go.Figure(price_line(thinned(whole, style.most, ["price"])))
    for column, value, name, symbol, is_green in _EVENTS:
        events = whole.filter(pl.col(column) == value, pl.col("price").is_not_null())
        figure.add_trace(
            go.Scatter(
                x=events["ts"].to_list(),
                y=events["price"].to_list(),
                mode="markers",
                marker={
                    "symbol": symbol,
                    "size": 13 if symbol.startswith("triangle") else 10,
                    "color": style.up if is_green else style.down,
                    "line": {"color": style.theme.surface, "width": 1.5},
                },
                hovertemplate="%{y:,.0f} USD<extra>" + name + "</extra>",
                name=name,
                showlegend=True,
            )
        )
    style.dress(figure)
    figure.update_yaxes(tickformat=",~f")
    return style.time_axes(figure, whole["ts"])


def signal_strength(rows: pl.DataFrame, style: Style, height: int) -> go.Figure:
    """Strength of each hour's signal, green for a buy and red for a sell; a neutral hour has none.

    `rows`: ts, signal_strength, signal_sign.
    """
    shown = thinned(on_grid(rows), style.most, ["signal_strength"])
    figure = go.Figure()
    for sign, name, colour in ((1, "buy", style.up), (-1, "sell", style.down)):
        part = shown.filter(pl.col("signal_sign") == sign)
        figure.add_trace(
            go.Bar(
                x=part["ts"].to_list(),
                y=part["signal_strength"].to_list(),
                width=_BAR_MS,
                offset=0,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{y:.1f}<extra>" + name + "</extra>",
                name=name,
            )
        )
    style.dress(figure, height=height)
    figure.update_yaxes(range=[0, 1.02], dtick=0.5, tickformat=".1f")
    return style.time_axes(figure, shown["ts"])
