"""The figure of the series tab: candles with lines, the ribbon of sources, volume, RSI, MACD; breaks and gaps. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboards.bars import frames
from dashboards.bars.style import BREAK, EMAS, VWAP, colour, dress, level_line, pane_title, plain, title
from dashboards.theme import Theme, ground
from market_assets.core import trading_hours

#: pane -> its part of the height
_PARTS = {"price": 0.6, "sources": 0.035, "volume": 0.12, "rsi": 0.13, "macd": 0.14}
#: pixels of the panes that are always there, and of each other one
_HEIGHT, _PANE = 460, 90
_TITLES = {"sources": "source", "volume": "volume", "rsi": "RSI 14", "macd": "MACD 12 26 9"}
_OHLC = ("open", "high", "low", "close")
_OVERSOLD, _OVERBOUGHT = 30.0, 70.0
#: share of the candles that two names of breaks stand apart at least
_APART = 0.12
_MS, _DAY = timedelta(milliseconds=1), timedelta(days=1)
#: from which on ticks are days, and how many there are at most
_LONG, _MOST_TICKS, _SATURDAY = timedelta(days=4), 8, 5


@dataclass(frozen=True)
class Chart:
    """What is drawn of one symbol and timeframe."""

    symbol: str
    timeframe: str
    #: of one candle
    length: timedelta
    calendar: str
    #: what `frames.shown` gives
    candles: pl.DataFrame
    #: what `frames.placed` gives
    lines: pl.DataFrame
    #: what `frames.gaps` gives
    gaps: pl.DataFrame

    @property
    def has_volume(self) -> bool:
        """Whether any candle measures a volume."""
        return bool(self.candles["volume"].is_not_null().any())

    @cached_property
    def broken_lines(self) -> pl.DataFrame:
        """The lines, with a row of nulls where minutes are missing between two candles: nothing is drawn across."""
        merged: int = max(self.candles["n"].to_list(), default=1)
        wide = pl.col("gap_end") - pl.col("gap_start") > merged * self.length
        holes = self.gaps.filter(wide).select(ts="gap_start").join(self.lines, on="ts", how="anti")
        return pl.concat([self.lines, holes], how="diagonal").sort("ts")

    def panes(self, switched_on: Collection[str]) -> list[str]:
        """The panes from above."""
        wanted = [name for name in ("volume", "rsi", "macd") if name in switched_on]
        return ["price", "sources", *(name for name in wanted if name != "volume" or self.has_volume)]


def height_of(panes: Collection[str], *, low: bool) -> int:
    """Pixels that these panes need; on a `low` screen less."""
    of_price, of_pane = (_HEIGHT * 3 // 4, _PANE - 10) if low else (_HEIGHT, _PANE)
    return of_price + of_pane * (len(panes) - 2)


def series_figure(chart: Chart, switched_on: Collection[str], theme: Theme, *, height: int, view: str) -> go.Figure:
    """Candles over the ribbon of their sources, with the layers of `query.LAYERS` that are switched on.

    While `view` is the same the reader's zoom stays.
    """
    panes = chart.panes(switched_on)
    parts = [_PARTS[name] for name in panes]
    figure = make_subplots(rows=len(panes), cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=parts)
    traces = {
        "price": lambda: [*_lines(chart, switched_on), _candles(chart.candles, theme)],
        "sources": lambda: [*_ribbon(chart), _gap_notes(chart, theme)],
        "volume": lambda: [_volume(chart, theme)],
        "rsi": lambda: [_line(chart, "rsi_14", "RSI 14", theme.accent, hover="%{y:.1f}")],
        "macd": lambda: _macd(chart, theme),
    }
    for row, name in enumerate(panes, start=1):
        found = traces[name]()
        figure.add_traces(found, rows=[row] * len(found), cols=[1] * len(found))
    dress(figure, theme, height=height, view=view)
    figure.update_layout(barmode="overlay", bargap=0, xaxis_rangeslider_visible=False)
    closed = frames.closed_hours(chart.candles, chart.length, chart.calendar)
    figure.update_xaxes(
        range=_padded(chart), rangebreaks=closed, hoverformat="%Y-%m-%d %H:%M", rangeslider_visible=False
    )
    if ticks := _weekdays(chart):
        figure.update_xaxes(tickvals=ticks, ticktext=[f"{tick:%d %b}" for tick in ticks], tickangle=0)
    figure.update_yaxes(exponentformat="none")
    figure.update_yaxes(row=2, visible=False, range=[0, 1])
    for row, name in enumerate(panes, start=1):
        if name in ("volume", "rsi", "macd"):
            figure.update_yaxes(row=row, col=1, nticks=3)
        if name == "volume":
            figure.update_yaxes(row=row, col=1, exponentformat="B", rangemode="tozero")
        if name == "rsi":
            figure.update_yaxes(row=row, col=1, range=[0, 100], tickvals=[_OVERSOLD, 50, _OVERBOUGHT])
    figure.update_layout(
        shapes=[*_gap_grounds(chart, theme), *_break_lines(chart), *_levels(panes, theme)],
        annotations=[
            *(pane_title(row, _TITLES[name], theme) for row, name in enumerate(panes, start=1) if name in _TITLES),
            *_break_names(chart, theme),
        ],
    )
    return figure


def _candles(candles: pl.DataFrame, theme: Theme) -> go.Candlestick:
    return go.Candlestick(
        x=candles["ts"].to_list(),
        **{name: candles[name].to_list() for name in _OHLC},
        increasing={"line": {"color": theme.up, "width": 1}, "fillcolor": theme.up},
        decreasing={"line": {"color": theme.down, "width": 1}, "fillcolor": theme.down},
        yhoverformat=",.6~g",
        name="candles",
    )


def _lines(chart: Chart, switched_on: Collection[str]) -> list[go.Scatter]:
    """What lies under the candles, the widest ground first."""
    found: list[go.Scatter] = []
    if "bands" in switched_on:
        edge = {"width": 1, "color": "#7f8c9b"}
        upper = _line(chart, "bb_upper", "Bollinger, upper", edge["color"], hover="%{y:,.6~g}")
        lower = _line(chart, "bb_lower", "Bollinger, lower", edge["color"], hover="%{y:,.6~g}")
        upper.line, lower.line = edge, edge
        lower.fill, lower.fillcolor = "tonexty", ground("#7f8c9b", 0.10)
        found += [upper, lower]
    if "ema" in switched_on:
        found += [_line(chart, name, said, tone, hover="%{y:,.6~g}") for name, (said, tone) in EMAS.items()]
    if "vwap" in switched_on:
        vwap = _line(chart, "vwap", "VWAP", VWAP, hover="%{y:,.6~g}")
        vwap.line.dash = "dash"
        found.append(vwap)
    return found


def _line(chart: Chart, column: str, name: str, tone: Any, *, hover: str) -> go.Scatter:
    rows = chart.broken_lines
    return go.Scatter(
        x=rows["ts"].to_list(),
        y=rows[column].to_list(),
        mode="lines",
        line={"color": tone, "width": 1.3},
        connectgaps=False,
        hovertemplate=f"{hover}<extra>{name}</extra>",
        name=name,
    )


def _ribbon(chart: Chart) -> list[go.Bar]:
    """One bar a candle, coloured by who told it."""
    rows = chart.candles.with_columns(named=pl.col("sources").map_elements(_plain, return_dtype=pl.String))
    return [
        go.Bar(
            x=part["ts"].to_list(),
            y=[1] * part.height,
            width=_width(chart),
            customdata=part.select("fallback_level", "instrument_kind").rows(),
            marker={"color": colour(name), "line": {"width": 0}},
            hovertemplate="level %{customdata[0]}, %{customdata[1]}" + f"<extra>{title(name)}</extra>",
            name=f"source {name}",
        )
        for (name,), part in rows.group_by("named", maintain_order=True)
    ]


def _plain(sources: str) -> str:
    return "+".join(plain(name) for name in sources.split("+"))


def _gap_notes(chart: Chart, theme: Theme) -> go.Scatter:
    """What the pointer tells of a gap, at its begin."""
    marked = _marked(chart)
    return go.Scatter(
        x=marked["gap_start"].to_list(),
        y=[0.5] * marked.height,
        customdata=marked["n_missing"].to_list(),
        mode="markers",
        marker={"symbol": "x-thin", "size": 7, "line": {"width": 2, "color": theme.warn}},
        hovertemplate="%{customdata} minutes missing<extra>gap</extra>",
        name="gap",
    )


def _marked(chart: Chart) -> pl.DataFrame:
    return chart.gaps.sort("n_missing", descending=True).head(frames.MOST_GAPS).sort("gap_start")


def _gap_grounds(chart: Chart, theme: Theme) -> list[dict[str, Any]]:
    half = chart.length / 2
    return [
        {
            **{"type": "rect", "xref": "x", "yref": "y domain", "y0": 0, "y1": 1, "name": "gap"},
            **{"x0": start - half, "x1": end - half, "fillcolor": theme.band, "line": {"width": 0}, "layer": "below"},
        }
        for start, end in _marked(chart).select("gap_start", "gap_end").iter_rows()
    ]


def _breaks(chart: Chart) -> pl.DataFrame:
    return chart.candles.filter(pl.col("basis_break"))


def _break_lines(chart: Chart) -> list[dict[str, Any]]:
    """A dashed line where the kind of the instrument changes."""
    return [
        {
            **{"type": "line", "xref": "x", "yref": "y domain", "x0": ts, "x1": ts, "y0": 0, "y1": 1},
            **{"line": {"color": BREAK, "width": 1.5, "dash": "dash"}, "name": "basis break"},
        }
        for ts in _breaks(chart)["ts"]
    ]


def _break_names(chart: Chart, theme: Theme) -> list[dict[str, Any]]:
    """The kind from there on; of breaks that lie so near that names would cover each other, the first one's."""
    found: list[dict[str, Any]] = []
    places, last = {ts: row for row, ts in enumerate(chart.candles["ts"])}, -chart.candles.height
    for ts, kind in _breaks(chart).select("ts", "instrument_kind").iter_rows():
        share = places[ts] / chart.candles.height
        if (places[ts] - last) / chart.candles.height < _APART:
            continue
        last = places[ts]
        text = "kinds mixed" if "+" in kind else f"now {kind}"
        found.append(
            {
                **{"x": ts, "xref": "x", "y": 1, "yref": "y domain", "text": text, "showarrow": False},
                **{"xanchor": "right" if share > 0.5 else "left", "yanchor": "top", "bgcolor": theme.surface},
                "font": {"size": 11, "color": BREAK},
            }
        )
    return found


def _volume(chart: Chart, theme: Theme) -> go.Bar:
    candles = chart.candles
    rising = candles["close"] >= candles["open"]
    return go.Bar(
        x=candles["ts"].to_list(),
        y=candles["volume"].to_list(),
        width=0.8 * _width(chart),
        marker={"color": [theme.up if up else theme.down for up in rising], "line": {"width": 0}},
        opacity=0.55,
        hovertemplate="%{y:.4s}<extra>volume</extra>",
        name="volume",
    )


def _macd(chart: Chart, theme: Theme) -> list[Any]:
    above = chart.lines["macd_hist"]
    tones = [theme.up if (value or 0) >= 0 else theme.down for value in above]
    bars = go.Bar(
        x=chart.lines["ts"].to_list(),
        y=above.to_list(),
        width=0.8 * _width(chart),
        marker={"color": tones, "line": {"width": 0}},
        opacity=0.5,
        hovertemplate="%{y:.4~g}<extra>histogram</extra>",
        name="macd_hist",
    )
    line = _line(chart, "macd_line", "MACD", theme.accent, hover="%{y:.4~g}")
    return [bars, line, _line(chart, "macd_signal", "signal", theme.warn, hover="%{y:.4~g}")]


def _levels(panes: list[str], theme: Theme) -> list[dict[str, Any]]:
    if "rsi" not in panes:
        return []
    row = panes.index("rsi") + 1
    return [level_line(row, value, theme.muted) for value in (_OVERSOLD, _OVERBOUGHT)]


def _width(chart: Chart) -> float:
    """Of a bar in milliseconds; candles may be merged ones."""
    merged: int = max(chart.candles["n"].to_list(), default=1)
    return merged * (chart.length / _MS)


def _weekdays(chart: Chart) -> list[datetime]:
    """Noons of weekdays to tick where Sundays are a few hours long, so that their ticks would collide with Monday's.

    Empty where plotly may choose: a short view, and a market whose days are alike.
    """
    first, last = chart.candles["ts"][0], chart.candles["last"][-1]
    if chart.calendar not in (trading_hours.FX, trading_hours.CME) or last - first < _LONG:
        return []
    noon = first.replace(hour=12, minute=0)
    days = [noon + n * _DAY for n in range((last - noon) // _DAY + 1)]
    weekdays = [day for day in days if day.weekday() < _SATURDAY and day >= first]
    return weekdays[:: -(-len(weekdays) // _MOST_TICKS)]


def _padded(chart: Chart) -> list[datetime] | None:
    """From half a candle before the first one to a little after the last."""
    candles = chart.candles
    if candles.is_empty():
        return None
    return [candles["ts"][0] - chart.length, candles["last"][-1] + 2 * chart.length]
