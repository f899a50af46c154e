"""The overlays on the candles: lines, zones, the strip of regimes, badges of alignment. Pure.

`rows` are what `frames.placed` gives: one row a candle, its overlays null where they are not known.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import plotly.graph_objects as go
import polars as pl

from dashboards.crypto.style import EMAS, REGIMES, ZONE, band, side
from dashboards.theme import Theme

#: zones drawn at most
MOST_ZONES = 6
#: share of the candles' span above and below it within which a zone is drawn
_ROOM = 0.5
_SIDES = {1: "up", -1: "down", 0: "undecided"}
_SHAPES = {1: "triangle-up", -1: "triangle-down", 0: "circle"}
_LARGE, _SMALL = 11, 7
#: the axis of what has no price: badges and names of regimes, 0 at the foot of the price panel and 1 at its head
_STRIP_AXIS, _BADGE_AT, _NAME_AT = "y9", 0.965, 0.0
STRIP: dict[str, Any] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}


class Run(NamedTuple):
    """Neighbouring candles with one label."""

    label: str
    first: datetime
    end: datetime


def emas(rows: pl.DataFrame) -> list[go.Scatter]:
    """One line a mean."""
    return [_line(rows, rows[column], name, {"color": colour, "width": 1.3}) for column, (name, colour) in EMAS.items()]


def supertrend(rows: pl.DataFrame, theme: Theme) -> list[go.Scatter]:
    """The line in force, a trace a direction, so that its colour tells it."""
    return [
        _line(
            rows,
            rows.select(pl.when(pl.col("st_dir") == direction).then("st_line")).to_series(),
            f"supertrend {name}",
            {"color": side(direction, theme), "width": 2},
        )
        for direction, name in ((1, "up"), (-1, "down"))
    ]


def chandelier(rows: pl.DataFrame, theme: Theme) -> list[go.Scatter]:
    """Both trailing exits, dotted."""
    return [
        _line(
            rows,
            rows[column],
            name,
            {"color": side(direction, theme), "width": 1.2, "dash": "dot", "shape": "hv"},
        )
        for column, name, direction in (
            ("ch_long_trail", "exit of longs", 1),
            ("ch_short_trail", "exit of shorts", -1),
        )
    ]


def zones(rows: pl.DataFrame) -> list[float]:
    """The zones of the newest candle that knows any, the strongest of both sides in turn, at most MOST_ZONES."""
    known = rows.filter(pl.col("zone_supports").is_not_null())
    if known.is_empty():
        return []
    below, above = (known[name][-1].to_list() for name in ("zone_supports", "zone_resistances"))
    order = [price for pair in zip(below, above, strict=False) for price in pair]
    rest = [*below[len(above) :], *above[len(below) :]]
    return [*order, *rest][:MOST_ZONES]


def near(prices: list[float], candles: pl.DataFrame) -> list[float]:
    """Those that lie near what the candles span; farther ones would press the candles flat."""
    if candles.is_empty():
        return prices
    low, high = (float(candles.select(edge).item()) for edge in (pl.col("low").min(), pl.col("high").max()))
    room = _ROOM * (high - low)
    return [price for price in prices if low - room <= price <= high + room]


def zone_lines(prices: list[float]) -> list[dict[str, Any]]:
    """A dashed line a zone (plotly shapes)."""
    return [
        {
            **{"type": "line", "xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": price, "y1": price},
            **{"line": {"color": ZONE, "width": 1.2, "dash": "dash"}, "name": "zone"},
        }
        for price in prices
    ]


def zone_prices(prices: list[float], theme: Theme) -> list[dict[str, Any]]:
    """The price of each at the left edge (plotly annotations)."""
    return [
        {
            **{"x": 0, "xref": "x domain", "y": price, "yref": "y", "text": f"{price:,.6g}"},
            **{"showarrow": False, "xanchor": "left", "yanchor": "bottom"},
            **{"font": {"size": 10, "color": theme.muted}, "bgcolor": theme.surface, "borderpad": 0},
        }
        for price in prices
    ]


def runs(rows: pl.DataFrame, length: timedelta) -> Iterator[Run]:
    """Runs of equal regimes, in order; candles without one end a run and are in none."""
    found: Run | None = None
    for ts, last, label in rows.select("ts", "last", "regime").iter_rows():
        if found is not None and label == found.label:
            found = found._replace(end=last + length)
            continue
        if found is not None:
            yield found
        found = None if label is None else Run(label, ts, last + length)
    if found is not None:
        yield found


def regime_strip(rows: pl.DataFrame, length: timedelta, theme: Theme) -> list[dict[str, Any]]:
    """A ground behind the candles of each run (plotly shapes); a candle is drawn around its open instant."""
    half = length / 2
    return [
        {
            **{"type": "rect", "xref": "x", "yref": "y domain", "y0": 0, "y1": 1},
            **{"x0": run.first - half, "x1": run.end - half},
            **{"fillcolor": band(REGIMES[run.label][1], theme), "line": {"width": 0}, "layer": "below"},
            "name": "regime",
        }
        for run in runs(rows, length)
    ]


def regime_names(rows: pl.DataFrame) -> go.Scatter:
    """What the pointer tells of the regime of a candle."""
    known = rows.filter(pl.col("regime").is_not_null())
    said = [REGIMES[label][0] + _sure(confidence) for label, confidence in known["regime", "regime_confidence"].rows()]
    return go.Scatter(
        x=known["ts"].to_list(),
        y=[_NAME_AT] * known.height,
        text=said,
        mode="markers",
        marker={"opacity": 0},
        hovertemplate="%{text}<extra>regime</extra>",
        yaxis=_STRIP_AXIS,
        name="regime",
    )


def alignment(rows: pl.DataFrame, theme: Theme) -> go.Scatter:
    """A badge at the head of the price panel where side or mode change, and only there; a larger one is SWING."""
    known = rows.filter(pl.col("align_dir").is_not_null())
    state = pl.struct("align_dir", "align_mode")
    changed = known.filter((state != state.shift(1)).fill_null(value=True))
    said = [
        f"{_SIDES[direction]}, {score:.0%} of {n} timeframes ({mode.lower()})"
        for direction, mode, score, n in changed["align_dir", "align_mode", "align_score", "align_n"].rows()
    ]
    return go.Scatter(
        x=changed["ts"].to_list(),
        y=[_BADGE_AT] * changed.height,
        text=said,
        mode="markers",
        marker={
            "symbol": [_SHAPES[direction] for direction in changed["align_dir"]],
            "size": [_LARGE if mode == "SWING" else _SMALL for mode in changed["align_mode"]],
            "color": [side(direction, theme) for direction in changed["align_dir"]],
            "line": {"color": theme.surface, "width": 1},
        },
        hovertemplate="%{text}<extra>alignment</extra>",
        yaxis=_STRIP_AXIS,
        name="alignment",
    )


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f", confidence {confidence:.2f}"


def _line(rows: pl.DataFrame, values: pl.Series, name: str, line: dict[str, Any]) -> go.Scatter:
    return go.Scatter(
        x=rows["ts"].to_list(),
        y=values.to_list(),
        mode="lines",
        line=line,
        connectgaps=False,
        hovertemplate="%{y:,.6~g}<extra>" + name + "</extra>",
        name=name,
    )
