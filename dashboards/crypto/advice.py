"""Second opinions in words, and the mood of the market as a line. Pure."""

from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.crypto.metrics import UNKNOWN
from dashboards.theme import Theme, ground

#: who speaks -> what the label says
SOURCES = {"llm": "llm: language model", "rule": "rule: no model"}
_SIDES = {1: "long", -1: "short", 0: "neither side"}
_FEAR, _GREED = 25, 75
_DAY = timedelta(days=1)
#: so few points that plotly would tick parts of days, and that dots mark them
_FEW = 8


def said(row: dict[str, Any]) -> dict[str, Any]:
    """A row of CryptoAdvice in words; what is not known is a dash."""
    return {
        "at": f"{row['available_at']:%Y-%m-%d %H:%M}",
        "symbol": row["symbol"],
        "source": row["advisor_source"],
        "model": row["model"],
        "call": row["call"],
        "status": row["status"],
        "advice": _advice(row),
        "confidence": UNKNOWN if row["confidence"] is None else f"{row['confidence']:.2f}",
        "size": UNKNOWN if row["position_size"] is None else f"{100 * row['position_size']:.2f} %",
        "blended": _blended(row),
        "reasoning": row["reasoning"] or UNKNOWN,
    }


def counted(rows: pl.DataFrame) -> str:
    """How many rows are a model's and how many the rules', and how many replies could not be read."""
    models = rows.filter(pl.col("advisor_source") == "llm")
    unread = models.filter(pl.col("status") == "parse_error").height
    rules = rows.height - models.height
    words = f"{rows.height:,} rows: {models.height:,} by a language model (llm), {rules:,} by the rules (rule)."
    return f"{words} Not readable: {unread:,} of the model's replies." if unread else words


def sentiment_figure(sentiment: pl.DataFrame, theme: Theme) -> go.Figure:
    """The Fear & Greed index by day: obs_date, value (0-100), label; a day that is not stored breaks the line."""
    days = sentiment.sort("obs_date").upsample("obs_date", every="1d")
    figure = go.Figure(
        go.Scatter(
            x=days["obs_date"].to_list(),
            y=days["value"].to_list(),
            customdata=days["label"].to_list(),
            mode="lines+markers" if days.height <= _FEW else "lines",
            line={"color": theme.accent, "width": 1.8},
            connectgaps=False,
            hovertemplate="%{y}, %{customdata}<extra>Fear & Greed</extra>",
            name="Fear & Greed",
        )
    )
    for low, high, colour in ((0, _FEAR, theme.down), (_GREED, 100, theme.up)):
        figure.add_hrect(y0=low, y1=high, fillcolor=ground(colour, 0.10), line_width=0, layer="below")
    figure.update_layout(**theme.layout())
    figure.update_layout(height=200, hovermode="x unified", dragmode="zoom", uirevision="sentiment")
    room = max((days["obs_date"][-1] - days["obs_date"][0]) / 60, _DAY)
    span = [days["obs_date"][0] - room, days["obs_date"][-1] + room]
    figure.update_xaxes(**theme.axis(), hoverformat="%Y-%m-%d", range=span)
    if days.height <= _FEW:
        figure.update_xaxes(dtick=_DAY / timedelta(milliseconds=1))
    figure.update_yaxes(
        **theme.axis(), side="right", range=[0, 100], tickvals=[0, _FEAR, 50, _GREED, 100], fixedrange=True
    )
    return figure


def _advice(row: dict[str, Any]) -> str:
    """What it comes to: an action, a verdict of the risk call, or nothing of either."""
    if row["action"] is not None:
        return str(row["action"]).replace("_", " ").lower()
    if row["approved"] is not None:
        risk = "" if row["risk_score"] is None else f", risk {row['risk_score']:.2f}"
        return f"{'approved' if row['approved'] else 'not approved'}{risk}"
    return UNKNOWN


def _blended(row: dict[str, Any]) -> str:
    if row["blended_direction"] is None or row["blended_confidence"] is None:
        return UNKNOWN
    return f"{_SIDES[row['blended_direction']]} {row['blended_confidence']:.2f}"
