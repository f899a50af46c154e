"""How far sources are apart, day by day, with the lines from which they are looked at. Pure.

`rows` are BarsReconciliation of one symbol.
"""

from math import log10
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.bars.style import PALETTE, dress, level_line, title
from dashboards.theme import Theme

_PERCENT = 100.0
#: percent; the scale is logarithmic, and smaller differences stand here
FLOOR = 0.0001
_TICKS = [FLOOR, 0.001, 0.01, 0.1, 1.0, 10.0]
#: so few days that plotly would tick parts of days
_FEW = 8
_DAY_MS = 86_400_000


def compared(rows: pl.DataFrame) -> pl.DataFrame:
    """The days on which two sources were compared, by pair and day."""
    return rows.filter(pl.col("median_diff_ratio").is_not_null()).sort("source", "other_source", "day")


def disagreement_figure(rows: pl.DataFrame, theme: Theme, *, ok: float, error: float, height: int) -> go.Figure:
    """Median (full) and 95th percentile (dotted) of the differences of closes, percent, a colour a pair of sources.

    `ok` and `error` are the ratios up to which they agree, and from which they contradict each other.
    """
    figure = go.Figure()
    pairs = compared(rows).group_by("source", "other_source", maintain_order=True)
    for place, ((source, other), part) in enumerate(pairs):
        pair, tone = f"{title(source)} and {title(other)}", PALETTE[place % len(PALETTE)]
        figure.add_trace(_line(part, "median_diff_ratio", f"{pair}, median", tone, dash="solid"))
        figure.add_trace(_line(part, "p95_diff_ratio", f"{pair}, p95", tone, dash="dot"))
    dress(figure, theme, height=height, view="disagreement", legend=True)
    known = compared(rows).select("median_diff_ratio", "p95_diff_ratio").max_horizontal().max()
    most = max(_PERCENT * error, _PERCENT * float(known) if isinstance(known, float) else 0.0)
    figure.update_yaxes(
        type="log",
        range=[log10(FLOOR) - 0.15, log10(most) + 0.3],
        tickvals=_TICKS,
        ticktext=[f"{tick:g} %" for tick in _TICKS],
    )
    figure.update_xaxes(hoverformat="%Y-%m-%d")
    if rows["day"].n_unique() <= _FEW:
        figure.update_xaxes(dtick=_DAY_MS, tickformat="%d %b")
    limits = ((ok, theme.warn, "agree up to"), (error, theme.bad, "contradict from"))
    figure.update_layout(
        shapes=[level_line(1, _PERCENT * value, tone) for value, tone, _ in limits],
        annotations=[_limit(value, tone, said) for value, tone, said in limits],
    )
    return figure


def _line(rows: pl.DataFrame, column: str, name: str, tone: str, *, dash: str) -> go.Scatter:
    value = _PERCENT * rows[column]
    return go.Scatter(
        x=rows["day"].to_list(),
        y=value.clip(FLOOR).to_list(),
        customdata=value.to_list(),
        mode="lines+markers",
        line={"color": tone, "width": 1.6, "dash": dash},
        marker={"size": 6},
        hovertemplate=f"%{{customdata:.3~g}} %<extra>{name}</extra>",
        name=name,
    )


def _limit(value: float, tone: str, said: str) -> dict[str, Any]:
    percent = _PERCENT * value
    return {
        **{"x": 0, "xref": "paper", "y": log10(percent), "yref": "y", "text": f"{said} {percent:.3g} %"},
        **{"showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"size": 10, "color": tone}},
    }
