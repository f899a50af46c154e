"""What was decided and traded, on the candles: entries of signals, entries and exits of paper trades. Pure."""

from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.crypto.style import side
from dashboards.theme import Theme

_SIGN = {"ENTER_LONG": 1, "ENTER_SHORT": -1, "long": 1, "short": -1}
_SIZE = 10
#: share of the price between a candle and the mark of its signal
_ROOM = 0.002


def signals(rows: pl.DataFrame, candles: pl.DataFrame, length: timedelta, theme: Theme) -> go.Scatter:
    """A triangle under the candle (long) or over it (short) at whose close an entry was decided.

    Filled where the account may act on it. `rows`: CryptoSignals; `candles`: what `frames.shown` gives.
    """
    entries = rows.filter(pl.col("action") != "HOLD").sort("signal_time")
    # decided at a close: of the candle that ended then, not of the one that began
    at = entries.with_columns(moment=pl.col("signal_time").dt.offset_by("-1us"))
    placed = _on_candles(at, candles, "moment", length)
    signs = [_SIGN[action] for action in placed["action"]]
    beside = pl.when(pl.col("action") == "ENTER_LONG").then(pl.col("low") * (1 - _ROOM))
    symbols = [
        ("triangle-up" if sign > 0 else "triangle-down") + ("" if tradeable else "-open")
        for sign, tradeable in zip(signs, placed["is_tradeable"], strict=True)
    ]
    return go.Scatter(
        x=placed["candle"].to_list(),
        y=placed.select(beside.otherwise(pl.col("high") * (1 + _ROOM))).to_series().to_list(),
        text=[_said(row) for row in placed.iter_rows(named=True)],
        mode="markers",
        marker={
            "symbol": symbols,
            "size": _SIZE,
            "color": [side(sign, theme) for sign in signs],
            "line": {"width": 1, "color": [side(sign, theme) for sign in signs]},
        },
        hovertemplate="%{text}<extra>signal</extra>",
        name="signals",
    )


def trades(rows: pl.DataFrame, candles: pl.DataFrame, length: timedelta, theme: Theme) -> list[go.Scatter]:
    """A line from entry to exit a trade, a dot where it was entered and a cross where it ended.

    `rows`: CryptoPaperTrades of positions of one symbol. What lies in none of the candles is not drawn.
    """
    entered, ended = (_on_candles(rows, candles, at, length) for at in ("entry_ts", "exit_ts"))
    whole = ended.join(entered.select("trade_id", begins="candle"), on="trade_id", how="inner")
    x: list[Any] = []
    y: list[Any] = []
    for row in whole.iter_rows(named=True):
        x += [row["begins"], row["candle"], None]
        y += [row["entry_price"], row["exit_price"], None]
    colours = [side(_SIGN[each], theme) for each in entered["side"]]
    dot = {"symbol": "circle", "size": 8, "color": colours, "line": {"color": theme.surface, "width": 1.5}}
    cross = {"symbol": "x", "size": 7, "color": [side(pnl, theme) for pnl in ended["pnl"]]}
    line = go.Scatter(
        x=x, y=y, mode="lines", line={"color": theme.muted, "width": 1, "dash": "dot"}, hoverinfo="skip", name="held"
    )
    begun = [f"{row['side']} at {row['entry_price']:,.6g}" for row in entered.iter_rows(named=True)]
    over = [_ended(row) for row in ended.iter_rows(named=True)]
    return [line, _dots(entered, "entry_price", dot, begun, "entry"), _dots(ended, "exit_price", cross, over, "exit")]


def _dots(rows: pl.DataFrame, price: str, marker: dict[str, Any], said: list[str], name: str) -> go.Scatter:
    return go.Scatter(
        x=rows["candle"].to_list(),
        y=rows[price].to_list(),
        text=said,
        mode="markers",
        marker=marker,
        hovertemplate="%{text}<extra>" + name + "</extra>",
        name=name,
    )


def _ended(row: dict[str, Any]) -> str:
    pnl = "" if row["pnl"] is None else f", {row['pnl']:+,.2f} USD"
    return f"{row['side']} ended at {row['exit_price']:,.6g} by {row['exit_reason'] or 'unknown'}{pnl}"


def _said(row: dict[str, Any]) -> str:
    sure = row["feature_confidence"]
    confidence = "confidence unknown" if sure is None else f"confidence {sure:.2f}"
    acted = "" if row["is_tradeable"] else ", not tradeable"
    return f"{row['action'].replace('_', ' ').lower()} at {row['price']:,.6g}, {confidence}{acted}"


def _on_candles(rows: pl.DataFrame, candles: pl.DataFrame, at: str, length: timedelta) -> pl.DataFrame:
    """Rows with the open instant (`candle`) and the range of the candle that holds their time; others are left out."""
    known = candles.select("low", "high", candle="ts", ends=pl.col("last") + length)
    return (
        rows.drop_nulls(at)
        .sort(at)
        .join_asof(known, left_on=at, right_on="candle", strategy="backward")
        .filter(pl.col(at) < pl.col("ends"))
    )
