"""What the simulated account holds and waits for, as tables."""

from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboards.pages import widgets, wording
from dashboards.pages.wording import price

_HELD = (
    ("symbol", "left"), ("side", "left"), ("size", "right"), ("entered, UTC", "left"), ("entry", "right"),
    ("mark", "right"), ("stop", "right"), ("next target", "right"), ("unrealised", "right"), ("realised", "right"),
    ("of equity", "right"), ("sold at the latest", "left"),
)  # fmt: skip
_WAITING = (("symbol", "left"), ("side", "left"), ("signal, UTC", "left"), ("order", "left"), ("size", "right"))
_SIDES: dict[str | None, widgets.Tone] = {"long": "good", "short": "bad"}


def held_table(rows: list[dict[str, Any]]) -> Component:
    """Rows of `orders.held`."""
    if not rows:
        return html.P("The account holds nothing.", className="quiet")
    return widgets.table(_HELD, [_held_row(row) for row in rows])


def _held_row(row: dict[str, Any]) -> list[Any]:
    latest = row["ends_said"] and f"next candle: {row['ends_said']}"
    stop = price(row["stop_price"]) + (f" ({row['stop_said']})" if row["stop_said"] else "")
    return [
        html.Span(row["symbol"], className="strong"),
        _side(row["side"]),
        price(row["qty_open"]),
        _clock(row["entry_ts"]),
        price(row["entry_price"]),
        price(row["mark_price"]),
        stop,
        price(row["next_target"]),
        _money(row["unrealised_pnl"]),
        _money(row["pnl"]),
        wording.percent(row["share"], 2),
        latest or _clock(row["time_stop_at"]),
    ]


def waiting_table(pending: pl.DataFrame) -> Component:
    """Pending rows of CryptoPaperTrades."""
    if pending.is_empty():
        return html.P("No order waits for the next day.", className="quiet")
    return widgets.table(
        _WAITING,
        [
            [
                html.Span(row["symbol"], className="strong"),
                _side(row["side"]),
                _clock(row["signal_time"]),
                "next open" if row["limit_price"] is None else f"limit {price(row['limit_price'])}",
                wording.percent(row["size_ratio"], 2),
            ]
            for row in pending.iter_rows(named=True)
        ],
    )


def _side(side: str | None) -> Component:
    return widgets.pill(side or wording.UNKNOWN, _SIDES.get(side, "idle"))


def _money(value: float | None) -> Component:
    mark = "" if not value else "cell-buy" if value > 0 else "cell-sell"
    return html.Span(wording.NO_DATA if value is None else f"{value:+,.2f} USD", className=mark)


def _clock(at: Any) -> str:
    return wording.NO_DATA if at is None else f"{at:%Y-%m-%d %H:%M}"
