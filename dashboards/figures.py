"""The figure of one symbol: candles with volume, actions, flags, quality, gaps, second source.

Pure: frames in, a plotly figure out. Frames come sorted by `session_date`, cut to what is shown,
and are merged here to the number of candles the viewport can show.
"""

from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards import downsample
from dashboards.theme import Theme, quality_colour

#: flag column -> what it says on the chart
FLAGS = {
    "flag_ohlc": "OHLC contradicts itself",
    "flag_extreme_move": "extreme move",
    "flag_gap": "price gap",
    "flag_volume_high": "volume high",
    "flag_volume_low": "volume low",
    "flag_zero_volume": "zero volume",
    "flag_suspect_split": "suspect split",
}
_HEIGHTS = {"price": 0.58, "volume": 0.16, "quality": 0.05, "difference": 0.21}


def symbol_figure(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    gaps: pl.DataFrame,
    differences: pl.DataFrame,
    theme: Theme,
    *,
    most: int = 500,
    log: bool = False,
    every_day: bool = False,
    thresholds: tuple[float, float] = (0.002, 0.01),
) -> go.Figure:
    """Candlesticks of `bars` (session_date, open, high, low, close, volume, quality_score, flag_*).

    `actions`: ex_date, kind, split_ratio, amount. `gaps`: gap_start, gap_end, cause, n_sessions.
    `differences`: session_date, rel_diff (fraction), status; its panel is left out where empty.
    `most` is the number of candles that fit; `every_day` is for calendars without weekends;
    `thresholds` are the ok and fail bounds of the difference (fraction).
    """
    shown = downsample.bars(bars, "session_date", most)
    panels = ["price", "volume", "quality"] + (["difference"] if differences.height else [])
    rows = {panel: number for number, panel in enumerate(panels, start=1)}
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.035,
        row_heights=[_HEIGHTS[panel] for panel in panels],
    )
    _candles(figure, shown, theme)
    _volume(figure, shown, theme, rows["volume"])
    _quality(figure, shown, theme, rows["quality"])
    _actions(figure, shown, actions, theme)
    _flags(figure, shown, theme)
    _gaps(figure, gaps, theme)
    if "difference" in rows:
        kept = downsample.line(differences, "rel_diff", most * 2)
        _difference(figure, kept, theme, rows["difference"], thresholds)
    _axes(figure, shown, theme, rows, log=log, every_day=every_day)
    return figure


def _candles(figure: go.Figure, bars: pl.DataFrame, theme: Theme) -> None:
    figure.add_trace(
        go.Candlestick(
            x=bars["session_date"].to_list(),
            open=bars["open"].to_list(),
            high=bars["high"].to_list(),
            low=bars["low"].to_list(),
            close=bars["close"].to_list(),
            increasing={"line": {"color": theme.up, "width": 1}, "fillcolor": theme.up},
            decreasing={"line": {"color": theme.down, "width": 1}, "fillcolor": theme.down},
            text=_span_notes(bars),
            yhoverformat=",.2f",
            name="price",
        ),
        row=1,
        col=1,
    )


def _span_notes(bars: pl.DataFrame) -> list[str]:
    return ["" if n == 1 else f"{n} sessions to {last}" for n, last in zip(bars["n"], bars["last"], strict=True)]


def _volume(figure: go.Figure, bars: pl.DataFrame, theme: Theme, row: int) -> None:
    rising = bars["close"] >= bars["open"]
    figure.add_trace(
        go.Bar(
            x=bars["session_date"].to_list(),
            y=bars["volume"].to_list(),
            marker={"color": [theme.up if up else theme.down for up in rising], "line": {"width": 0}},
            opacity=0.55,
            hovertemplate="%{y:.4s}<extra>volume</extra>",
            name="volume",
        ),
        row=row,
        col=1,
    )


def _quality(figure: go.Figure, bars: pl.DataFrame, theme: Theme, row: int) -> None:
    scores = bars["quality_score"].to_list()
    figure.add_trace(
        go.Bar(
            x=bars["session_date"].to_list(),
            y=[1] * bars.height,
            customdata=scores,
            marker={"color": [quality_colour(score, theme) for score in scores], "line": {"width": 0}},
            hovertemplate="%{customdata:.2f}<extra>quality</extra>",
            name="quality",
        ),
        row=row,
        col=1,
    )


def _actions(figure: go.Figure, bars: pl.DataFrame, actions: pl.DataFrame, theme: Theme) -> None:
    """A dotted line with its ratio per split; a dot under the candle per dividend."""
    if bars.is_empty() or actions.is_empty():
        return
    placed = actions.sort("ex_date").join_asof(
        bars.select("session_date", "low"), left_on="ex_date", right_on="session_date", strategy="backward"
    )
    for split in placed.filter(kind="split").iter_rows(named=True):
        figure.add_vline(x=split["ex_date"], line={"color": theme.accent, "width": 1, "dash": "dot"}, row=1, col=1)
        figure.add_annotation(
            x=split["ex_date"],
            y=1,
            yref="y domain",
            text=f"split {_ratio(split['split_ratio'])}",
            showarrow=False,
            xanchor="right",
            yanchor="top",
            xshift=-4,
            font={"color": theme.accent, "size": 11},
        )
    dividends = placed.filter(pl.col("kind") == "cash_dividend", pl.col("low").is_not_null())
    figure.add_trace(
        go.Scatter(
            x=dividends["ex_date"].to_list(),
            y=(dividends["low"] * 0.985).to_list(),
            customdata=dividends["amount"].to_list(),
            mode="markers",
            marker={"symbol": "circle", "size": 7, "color": theme.accent, "line": {"color": theme.surface, "width": 1}},
            hovertemplate="dividend %{customdata:.4~f}<extra></extra>",
            name="dividend",
        ),
        row=1,
        col=1,
    )


def _ratio(ratio: float) -> str:
    """4.0 as 4:1, 0.1 as 1:10, 1.5 as 3:2."""
    from fractions import Fraction

    exact = Fraction(ratio).limit_denominator(50)
    return f"{exact.numerator}:{exact.denominator}"


def _flags(figure: go.Figure, bars: pl.DataFrame, theme: Theme) -> None:
    """A triangle over every candle that has a flag, with the names of its flags."""
    present = [flag for flag in FLAGS if flag in bars.columns]
    flagged = bars.filter(pl.any_horizontal(present)) if present else bars.clear()
    texts = [
        ", ".join(FLAGS[flag] for flag in present if row[flag]) for row in flagged.select(present).iter_rows(named=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=flagged["session_date"].to_list(),
            y=(flagged["high"] * 1.015).to_list(),
            text=texts,
            mode="markers",
            marker={"symbol": "triangle-down", "size": 8, "color": theme.warn},
            hovertemplate="%{text}<extra></extra>",
            name="flag",
        ),
        row=1,
        col=1,
    )


def _gaps(figure: go.Figure, gaps: pl.DataFrame, theme: Theme) -> None:
    for gap in gaps.iter_rows(named=True):
        figure.add_vrect(
            x0=gap["gap_start"],
            x1=gap["gap_end"] + timedelta(days=1),
            fillcolor=theme.band,
            line_width=0,
            layer="below",
        )
    figure.add_trace(
        go.Scatter(
            x=gaps["gap_start"].to_list(),
            y=[0] * gaps.height,
            customdata=gaps.select("cause", "n_sessions").rows(),
            mode="markers",
            marker={"size": 8, "opacity": 0, "color": theme.warn},
            hovertemplate="%{customdata[1]} session(s) missing: %{customdata[0]}<extra>gap</extra>",
            name="gap",
        ),
        row=2,
        col=1,
    )


def _difference(figure: go.Figure, kept: pl.DataFrame, theme: Theme, row: int, thresholds: tuple[float, float]) -> None:
    colours = {"ok": theme.good, "investigate": theme.warn}
    figure.add_trace(
        go.Bar(
            x=kept["session_date"].to_list(),
            y=(kept["rel_diff"] * 1e4).to_list(),
            customdata=kept["status"].to_list(),
            marker={"color": [colours.get(s, theme.bad) for s in kept["status"]], "line": {"width": 0}},
            hovertemplate="%{y:.1f} bps, %{customdata}<extra>second source</extra>",
            name="difference",
        ),
        row=row,
        col=1,
    )
    for threshold, colour in zip(thresholds, (theme.warn, theme.bad), strict=True):
        figure.add_hline(y=threshold * 1e4, line={"color": colour, "width": 1, "dash": "dot"}, row=row, col=1)


def _axes(
    figure: go.Figure, bars: pl.DataFrame, theme: Theme, rows: dict[str, int], *, log: bool, every_day: bool
) -> None:
    figure.update_layout(
        **theme.layout(),
        bargap=0.12,
        hovermode="x unified",
        dragmode="zoom",
        xaxis_rangeslider_visible=False,
        uirevision="symbol",
    )
    figure.update_xaxes(
        **theme.axis(),
        range=_padded(bars),
        rangebreaks=[] if every_day else [{"bounds": ["sat", "mon"]}],
        **theme.crosshair(),
    )
    figure.update_yaxes(**theme.axis(), side="right", fixedrange=True, nticks=6)
    figure.update_yaxes(row=1, type="log" if log else "linear", nticks=8)
    figure.update_yaxes(row=rows["volume"], nticks=3, exponentformat="B", rangemode="tozero")
    figure.update_yaxes(row=rows["quality"], visible=False, range=[0, 1])
    titles = {"volume": "volume", "quality": "quality", "difference": "second source, bps"}
    for panel, title in titles.items():
        if panel in rows:
            _panel_title(figure, rows[panel], title, theme)
    if "difference" in rows:
        figure.update_yaxes(row=rows["difference"], nticks=4, rangemode="tozero")


def _panel_title(figure: go.Figure, row: int, title: str, theme: Theme) -> None:
    figure.add_annotation(
        x=0,
        xref="paper",
        y=1,
        yref=f"y{row} domain",
        text=title,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"size": 10, "color": theme.muted},
    )


def _padded(bars: pl.DataFrame) -> list[date] | None:
    if bars.is_empty():
        return None
    first, last = bars["session_date"][0], bars["last"][-1]
    pad = max(timedelta(days=1), (last - first) / 100)
    return [first - pad, last + pad]


def empty_figure(theme: Theme) -> go.Figure:
    """Axes with nothing on them: what stands where there is no data yet."""
    figure = go.Figure()
    figure.update_layout(**theme.layout())
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
