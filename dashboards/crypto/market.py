"""The figure of the market tab: candles with what is switched on, volume, order flow. Pure.

Traces named CANDLES, RUNNING and VOLUME and the layout's `meta` are what the browser needs to carry on the running
candle between two drawings: see `assets/crypto.js`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards.crypto import layers as over
from dashboards.crypto import marks
from dashboards.crypto.style import milliseconds
from dashboards.theme import Theme

CANDLES, RUNNING, VOLUME = "candles", "running", "volume"
_PRICE, _VOLUME, _FLOW = 0.70, 0.15, 0.15
_WIDTH = 0.8
_OHLC = ("open", "high", "low", "close")
_RUNNING_OPACITY = 0.55
#: range of the order flow panel at least
_LEAST_FLOW = 0.05
_TITLES = ("volume", "order flow: takers' buys less sells, of volume")


@dataclass(frozen=True)
class Chart:
    """What is drawn of one symbol and timeframe."""

    symbol: str
    timeframe: str
    #: of one candle
    length: timedelta
    #: what `frames.shown` gives
    candles: pl.DataFrame
    #: what `frames.placed` gives
    overlays: pl.DataFrame
    #: what has closed of the candle that runs; one row or none
    running: pl.DataFrame
    #: CryptoSignals and CryptoPaperTrades of the symbol
    signals: pl.DataFrame
    trades: pl.DataFrame
    #: open instant of the newest closed minute
    newest_minute: datetime | None


def market_figure(chart: Chart, switched_on: Collection[str], theme: Theme, *, height: int, view: str) -> go.Figure:
    """Candles over volume over order flow, with the layers of `query.LAYERS` that are switched on.

    While `view` is the same the reader's zoom stays.
    """
    has_flow = "order_flow" in switched_on
    heights = [_PRICE, _VOLUME, *([_FLOW] if has_flow else [])]
    figure = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=heights)
    price = [_candles(chart.candles, theme, CANDLES), _candles(chart.running, theme, RUNNING)]
    panels = [[*price, *_lines(chart, switched_on, theme)], [_volume(chart.candles, chart.length, theme)]]
    panels += [_flow(chart, theme)] if has_flow else []
    rows = [row for row, traces in enumerate(panels, 1) for _ in traces]
    figure.add_traces([trace for traces in panels for trace in traces], rows=rows, cols=[1] * len(rows))
    figure.add_traces(_strip(chart, switched_on, theme))
    _dress(figure, chart, theme, height, view)
    zones = over.near(over.zones(chart.overlays), chart.candles) if "liquidity" in switched_on else []
    regimes = over.regime_strip(chart.overlays, chart.length, theme) if "regime" in switched_on else []
    zero = [_zero(theme)] if has_flow else []
    # all at once: plotly looks through all of them again with each that is added
    figure.update_layout(
        shapes=[*regimes, *over.zone_lines(zones), *zero],
        annotations=[*over.zone_prices(zones, theme), *_titles(len(heights), theme)],
    )
    if has_flow:
        figure.update_yaxes(row=3, range=_flow_range(chart), nticks=4, tickformat="~g")
    return figure


def _lines(chart: Chart, switched_on: Collection[str], theme: Theme) -> list[Any]:
    """What is drawn at prices besides the candles, in the order in which it lies over them."""
    rows, candles, found = chart.overlays, chart.candles, []
    if "ema" in switched_on:
        found += over.emas(rows)
    if "supertrend" in switched_on:
        found += over.supertrend(rows, theme)
    if "chandelier" in switched_on:
        found += over.chandelier(rows, theme)
    if "trades" in switched_on:
        found += marks.trades(chart.trades, candles, chart.length, theme)
    if "signals" in switched_on:
        found.append(marks.signals(chart.signals, candles, chart.length, theme))
    return found


def _strip(chart: Chart, switched_on: Collection[str], theme: Theme) -> list[Any]:
    """What has a time but no price."""
    found = []
    if "regime" in switched_on:
        found.append(over.regime_names(chart.overlays))
    if "alignment" in switched_on:
        found.append(over.alignment(chart.overlays, theme))
    return found


def _zero(theme: Theme) -> dict[str, Any]:
    """Where takers buy as much as they sell."""
    line = {"color": theme.muted, "width": 1}
    return {"type": "line", "xref": "x3 domain", "yref": "y3", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": line}


def _candles(candles: pl.DataFrame, theme: Theme, name: str) -> go.Candlestick:
    return go.Candlestick(
        x=candles["ts"].to_list(),
        **{column: candles[column].to_list() for column in _OHLC},
        increasing={"line": {"color": theme.up, "width": 1}, "fillcolor": theme.up},
        decreasing={"line": {"color": theme.down, "width": 1}, "fillcolor": theme.down},
        opacity=1 if name == CANDLES else _RUNNING_OPACITY,
        yhoverformat=",.6~g",
        name=name,
    )


def _volume(candles: pl.DataFrame, length: timedelta, theme: Theme) -> go.Bar:
    rising = candles["close"] >= candles["open"]
    return go.Bar(
        x=candles["ts"].to_list(),
        y=candles["volume"].to_list(),
        width=_width(candles, length),
        marker={"color": [theme.up if up else theme.down for up in rising], "line": {"width": 0}},
        opacity=0.55,
        hovertemplate="%{y:.4s}<extra>volume</extra>",
        name=VOLUME,
    )


def _shares(candles: pl.DataFrame) -> pl.Series:
    """Takers' buys less sells over volume, of each candle."""
    share = pl.when(pl.col("volume") > 0).then(2 * pl.col("taker_buy_base") / pl.col("volume") - 1)
    return candles.select(share=share)["share"]


def _flow_range(chart: Chart) -> list[float]:
    """As much above zero as below, so that neither side looks larger than it is."""
    known = [
        abs(value) for values in (_shares(chart.candles), chart.overlays["ofi_20"]) for value in values.drop_nulls()
    ]
    most = max(_LEAST_FLOW, 1.08 * max(known, default=0.0))
    return [-most, most]


def _flow(chart: Chart, theme: Theme) -> list[Any]:
    """The share of each candle, and of 20 of them (the overlay)."""
    of_candle = _shares(chart.candles)
    bars = go.Bar(
        x=chart.candles["ts"].to_list(),
        y=of_candle.to_list(),
        width=_width(chart.candles, chart.length),
        marker={"color": [theme.up if (value or 0) >= 0 else theme.down for value in of_candle], "line": {"width": 0}},
        opacity=0.4,
        hovertemplate="%{y:+.2f}<extra>this candle</extra>",
        name="flow",
    )
    line = go.Scatter(
        x=chart.overlays["ts"].to_list(),
        y=chart.overlays["ofi_20"].to_list(),
        customdata=chart.overlays["cvd_day"].to_list(),
        mode="lines",
        line={"color": theme.accent, "width": 1.6},
        hovertemplate="%{y:+.3f}, since midnight %{customdata:+.4s}<extra>20 candles</extra>",
        name="ofi_20",
    )
    return [bars, line]


def _width(candles: pl.DataFrame, length: timedelta) -> float:
    """Of a bar; candles may be merged ones."""
    merged: int = max(candles["n"].to_list(), default=1)
    return _WIDTH * merged * milliseconds(length)


def _dress(figure: go.Figure, chart: Chart, theme: Theme, height: int, view: str) -> None:
    figure.update_layout(**theme.layout())
    figure.update_layout(
        height=height,
        hovermode="x unified",
        dragmode="zoom",
        uirevision=view,
        xaxis_rangeslider_visible=False,
        meta=_meta(chart),
        bargap=0,
    )
    figure.update_xaxes(
        **theme.axis(),
        range=_padded(chart),
        rangeslider_visible=False,
        hoverformat="%Y-%m-%d %H:%M",
        **theme.crosshair(),
    )
    figure.update_yaxes(**theme.axis(), side="right", nticks=3, fixedrange=True, exponentformat="B")
    figure.update_layout(yaxis={"nticks": 8, "exponentformat": "none"}, yaxis9=over.STRIP)


def _meta(chart: Chart) -> dict[str, Any]:
    """What the browser needs to know: instants in milliseconds since 1970."""
    last = chart.candles["last"][-1] if chart.candles.height else None
    running = chart.running.row(0, named=True) if chart.running.height else None
    return {
        "symbol": chart.symbol,
        "timeframe": chart.timeframe,
        "length": milliseconds(chart.length),
        "last": _instant(last),
        "minute": _instant(chart.newest_minute),
        "running": running and {"ts": _instant(running["ts"]), **{name: running[name] for name in _OHLC}},
    }


def _instant(moment: datetime | None) -> int | None:
    return None if moment is None else round(1000 * moment.timestamp())


def _padded(chart: Chart) -> list[datetime] | None:
    """From the first candle to a little after the one that runs."""
    if chart.candles.is_empty():
        return None
    first, last = chart.candles["ts"][0], chart.candles["last"][-1]
    room = max((last - first) / 60, 2 * chart.length)
    return [first - chart.length, last + chart.length + room]


def _titles(panels: int, theme: Theme) -> list[dict[str, Any]]:
    """The names of the panels under the first one."""
    return [
        {
            **{"x": 0, "xref": "paper", "y": 1, "yref": f"y{row} domain", "text": text},
            **{"showarrow": False, "xanchor": "left", "yanchor": "bottom"},
            "font": {"size": 10, "color": theme.muted},
        }
        for row, text in list(enumerate(_TITLES, 2))[: panels - 1]
    ]
