"""A backtest as a chart and as a file: candles with the trades on them, equity below. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards import downsample
from dashboards.crypto.orders import EXITS
from dashboards.theme import LEGEND, Theme

Freshness = Literal["fresh", "stale", "outdated"]

#: lengths of the timeframe up to which the newest closed candle is fresh, and from where it is outdated
FRESH, STALE = 1.5, 3.0
_HEIGHT = 560
_MARKS = {"long": "triangle-up", "short": "triangle-down"}


class Age(NamedTuple):
    """How old the newest closed candle is."""

    word: Freshness
    since: timedelta


def age(newest: datetime, length: timedelta, now: datetime) -> Age:
    """Of the candle that opened at `newest`: counted from its close, judged in lengths of its timeframe."""
    since = now - (newest + length)
    if since <= FRESH * length:
        return Age("fresh", since)
    return Age("stale" if since <= STALE * length else "outdated", since)


def missing(bars: pl.DataFrame, length: timedelta) -> int:
    """Candles that lack between the first and the last one."""
    if bars.is_empty():
        return 0
    span: timedelta = bars["ts"][-1] - bars["ts"][0]
    return span // length + 1 - bars.height


def lab_figure(
    bars: pl.DataFrame,
    trades: pl.DataFrame,
    equity: pl.DataFrame,
    start_equity: float,
    theme: Theme,
    *,
    most: int,
    view: str,
    legend: bool = True,
) -> go.Figure:
    """Candles (`ts`, OHLC; at least one) with entries and exits, below them the equity and what holding had come to.

    `trades` and `equity` are those of a Backtest on `bars`. While `view` is the same, the reader's zoom stays.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.68, 0.32])
    shown = downsample.bars(bars, "ts", most)
    figure.add_trace(_candles(shown, theme), row=1, col=1)
    for trace in (*_ways(trades, theme), *_exits(trades, theme), *_entries(trades, theme)):
        figure.add_trace(trace, row=1, col=1)
    holding = equity.with_columns(value=start_equity * bars["close"] / bars["open"][0])
    figure.add_trace(
        _line(holding, "at", "value", "holding the symbol, no costs", theme.muted, "dot", most), row=2, col=1
    )
    figure.add_trace(_line(equity, "at", "equity", "equity", theme.accent, "solid", most), row=2, col=1)
    figure.add_hline(y=start_equity, line={"color": theme.grid, "width": 1}, row=2, col=1)
    figure.update_layout(**theme.layout())
    figure.update_layout(
        height=_HEIGHT,
        showlegend=legend,
        legend={**LEGEND, "y": 1.01},
        hovermode="x unified",
        dragmode="zoom",
        xaxis_rangeslider_visible=False,
        uirevision=view,
    )
    figure.update_xaxes(**theme.axis(), hoverformat="%Y-%m-%d %H:%M", **theme.crosshair(), range=_room(bars["ts"]))
    figure.update_yaxes(**theme.axis(), side="right", nticks=7)
    figure.update_yaxes(row=2, nticks=4, fixedrange=True)
    return figure


def trades_csv(trades: pl.DataFrame, **about: str) -> str:
    """The trades as CSV, each row beginning with `about` it; times ISO in UTC, what is unknown empty."""
    labels = [pl.lit(value).alias(name) for name, value in about.items()]
    return trades.select(*labels, *trades.columns).write_csv(datetime_format="%Y-%m-%dT%H:%M:%SZ")


def trade_rows(trades: pl.DataFrame, most: int) -> list[dict[str, object]]:
    """Rows of the grid of trades, the newest entry first: at most `most`."""
    clocked = [pl.col(name).dt.strftime("%Y-%m-%d %H:%M") for name in ("entry_ts", "exit_ts")]
    said = pl.when(pl.col("status") == "open").then(pl.lit("still open")).otherwise(
        pl.col("exit_reason").replace(EXITS)
    )  # fmt: skip
    return trades.with_row_index("n", offset=1).tail(most).reverse().with_columns(*clocked, said=said).to_dicts()


def _candles(shown: pl.DataFrame, theme: Theme) -> go.Candlestick:
    merged = [None if n == 1 else f"{n} candles" for n in shown["n"]]
    return go.Candlestick(
        x=shown["ts"].to_list(),
        open=shown["open"].to_list(),
        high=shown["high"].to_list(),
        low=shown["low"].to_list(),
        close=shown["close"].to_list(),
        increasing={"line": {"color": theme.up, "width": 1}, "fillcolor": theme.up},
        decreasing={"line": {"color": theme.down, "width": 1}, "fillcolor": theme.down},
        text=merged if any(merged) else None,
        opacity=0.6,
        showlegend=False,
        name="price",
    )


def _ways(trades: pl.DataFrame, theme: Theme) -> list[go.Scatter]:
    """A line from each entry to its exit, green for a profit, red for a loss."""
    done = trades.drop_nulls("exit_ts")
    sides = (
        ("profit", theme.up, done.filter(pl.col("pnl") > 0)),
        ("loss", theme.down, done.filter(pl.col("pnl") <= 0)),
    )
    return [
        go.Scatter(
            x=_broken(part["entry_ts"].to_list(), part["exit_ts"].to_list()),
            y=_broken(part["entry_price"].to_list(), part["exit_price"].to_list()),
            mode="lines",
            line={"color": colour, "width": 1.6, "dash": "dot"},
            connectgaps=False,
            hoverinfo="skip",
            name=name,
        )
        for name, colour, part in sides
        if part.height
    ]


def _broken(starts: Sequence[object], ends: Sequence[object]) -> list[object]:
    """Start, end, nothing: points of lines that do not touch."""
    return [point for start, end in zip(starts, ends, strict=True) for point in (start, end, None)]


def _entries(trades: pl.DataFrame, theme: Theme) -> list[go.Scatter]:
    found = []
    for side, symbol in _MARKS.items():
        part = trades.filter(pl.col("side") == side)
        if part.height:
            colour = theme.up if side == "long" else theme.down
            said = "%{y:,.6~g}<extra>" + f"{side} entered</extra>"
            found.append(_marks(part, "entry", symbol, colour, said, f"{side} entry", theme))
    return found


def _exits(trades: pl.DataFrame, theme: Theme) -> list[go.Scatter]:
    done = trades.filter(pl.col("status") == "closed")
    if done.is_empty():
        return []
    said = "%{y:,.6~g}, %{customdata[0]}, %{customdata[1]:+,.2f} USD<extra>left</extra>"
    left = _marks(done, "exit", "circle-open", theme.muted, said, "exit", theme)
    reasons = done["exit_reason"].replace(EXITS)
    left.update(customdata=[list(row) for row in zip(reasons, done["pnl"], strict=True)])
    return [left]


def _marks(part: pl.DataFrame, event: str, symbol: str, colour: str, said: str, name: str, theme: Theme) -> go.Scatter:
    return go.Scatter(
        x=part[f"{event}_ts"].to_list(),
        y=part[f"{event}_price"].to_list(),
        mode="markers",
        marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1, "color": theme.surface}},
        hovertemplate=said,
        name=name,
    )


def _line(frame: pl.DataFrame, time: str, value: str, name: str, colour: str, dash: str, most: int) -> go.Scatter:
    kept = downsample.line(frame, value, max(2 * most, 2))
    return go.Scatter(
        x=kept[time].to_list(),
        y=kept[value].to_list(),
        mode="lines",
        line={"color": colour, "width": 1.6, "dash": dash},
        hovertemplate="%{y:,.2f} USD<extra>" + name + "</extra>",
        name=name,
    )


def _room(times: pl.Series) -> list[datetime]:
    first, last = times[0], times[-1]
    pad = max((last - first) / 60, timedelta(minutes=5))
    return [first - pad, last + 2 * pad]
