"""The figure of the market tab: what is drawn, where, and what the browser is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboards.crypto import frames, layers, marks
from dashboards.crypto.market import Chart, market_figure
from dashboards.crypto.query import LAYERS
from dashboards.theme import DARK, LIGHT

from . import crypto_home as home

HOUR = timedelta(hours=1)
START = datetime(2026, 10, 5, tzinfo=UTC)


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    table, plain = home.contract(name), home.row(name)
    return pl.DataFrame([plain | row for row in rows], schema=table.schema)


def chart(n: int = 12, **values: Any) -> Chart:
    """Twelve hours of BTC, to 12:00 of the 5th."""
    bars = [bar for bar in home.timeframe("BTCUSDT", "1h") if bar["ts"] >= START][:n]
    columns = ("ts", "open", "high", "low", "close", "volume", "taker_buy_base", "source")
    shown = frames.shown(frame("crypto_timeframes", bars).select(columns), 1000)
    rows = frames.placed(shown, frame("crypto_overlays", [home.overlay(bar) for bar in bars]), "1h")
    common = {"symbol": "BTCUSDT", "timeframe": "1h", "length": HOUR, "candles": shown, "overlays": rows}
    nothing = {"signals": frame("crypto_signals", []), "trades": frame("crypto_paper_trades", [])}
    return Chart(**{**common, **nothing, "running": frames.EMPTY, "newest_minute": home.LAST, **values})


def drawn(found: Chart, *switched_on: str, theme: Any = LIGHT) -> go.Figure:
    return market_figure(found, switched_on, theme, height=600, view="v")


def names(figure: go.Figure) -> list[str]:
    return [trace.name for trace in figure.data]


def shapes(figure: go.Figure, name: str) -> list[Any]:
    return [shape for shape in figure.layout.shapes if shape.name == name]


def test_panes_are_70_15_15_and_the_third_is_order_flow():
    """Shares of the height in the ratio of the spec; without order flow there are two panes."""
    figure = drawn(chart(), *LAYERS)
    high = [
        axis.domain[1] - axis.domain[0] for axis in (figure.layout.yaxis, figure.layout.yaxis2, figure.layout.yaxis3)
    ]
    assert [part / high[0] for part in high] == pytest.approx([1, 15 / 70, 15 / 70])
    assert [(trace.name, trace.yaxis) for trace in figure.data if trace.yaxis == "y3"] == [
        ("flow", "y3"),
        ("ofi_20", "y3"),
    ]
    assert "yaxis3" not in drawn(chart(), "ema").to_dict()["layout"]


def test_every_layer_can_be_switched_off():
    """Only candles, the running one and volume are always there; each switch adds what it is of."""
    always = ["candles", "running", "volume"]
    added = {
        "ema": ["EMA 10", "EMA 21", "EMA 55"],
        "supertrend": ["supertrend up", "supertrend down"],
        "chandelier": ["exit of longs", "exit of shorts"],
        "order_flow": ["flow", "ofi_20"],
        "regime": ["regime"],
        "alignment": ["alignment"],
        "signals": ["signals"],
        "trades": ["held", "entry", "exit"],
        "liquidity": [],
    }
    assert set(added) == set(LAYERS)
    assert sorted(names(drawn(chart()))) == always
    for layer, wanted in added.items():
        assert sorted(names(drawn(chart(), layer))) == sorted([*always, *wanted])
    # 0.5 and 1.5 % below; 0.8 % above is farther from the candles than half of what they span
    assert len(shapes(drawn(chart(), "liquidity"), "zone")) == 2
    assert not shapes(drawn(chart()), "zone")


def test_two_labels_are_two_shapes():
    """A run of equal labels is one rectangle from its first open to its last close; no label, no rectangle."""
    labels = ["TRENDING_LOW_VOL"] * 5 + ["TRANSITION"] * 3 + [None] * 2 + ["TRANSITION"] * 2
    found = chart()
    labelled = found.overlays.with_columns(regime=pl.Series(labels, dtype=pl.String))
    strip = layers.regime_strip(labelled, HOUR, LIGHT)
    # half an hour before and after the open instants around which candles are drawn
    hours = [((s["x0"] - START) / HOUR + 0.5, (s["x1"] - START) / HOUR + 0.5) for s in strip]
    assert hours == [(0, 5), (5, 8), (10, 12)]
    assert len({s["fillcolor"] for s in strip}) == 2
    two = labelled.head(8)
    assert len(layers.regime_strip(two, HOUR, LIGHT)) == 2
    assert len(layers.regime_names(labelled).text) == 10


def test_badges_of_alignment_stand_only_where_it_changes():
    """The first known one, then each change of side or mode; a gap alone is no change."""
    sides = [1, 1, None, 1, -1, -1, -1, 0, 0, 0, 0, 0]
    modes = [None if side is None else "INTRADAY" if n == 6 else "SWING" for n, side in enumerate(sides)]
    rows = chart().overlays.with_columns(
        align_dir=pl.Series(sides, dtype=pl.Int8), align_mode=pl.Series(modes, dtype=pl.String)
    )
    badges = layers.alignment(rows, LIGHT)
    assert [(at - START) // HOUR for at in badges.x] == [0, 4, 6, 7]
    assert badges.marker.symbol == ("triangle-up", "triangle-down", "triangle-down", "circle")
    assert badges.text[0] == "up, 100% of 4 timeframes (swing)"


def test_the_supertrend_is_coloured_by_its_direction():
    """Where it points up the green line has its value and the red one none."""
    signs = [1] * 4 + [-1] * 8
    rows = chart().overlays.with_columns(st_dir=pl.Series(signs, dtype=pl.Int8))
    up, down = layers.supertrend(rows, DARK)
    assert (up.line.color, down.line.color) == (DARK.up, DARK.down)
    assert [value is not None for value in up.y] == [sign > 0 for sign in signs]
    assert [value is not None for value in down.y] == [sign < 0 for sign in signs]


def test_at_most_six_zones_the_strongest_of_both_sides_in_turn():
    """Lists come strongest first. Those far from the candles are not drawn: they would press them flat."""
    rows = (
        chart()
        .overlays.tail(1)
        .with_columns(zone_supports=pl.lit([9.0, 8.0, 7.0, 6.0, 5.0]), zone_resistances=pl.lit([11.0, 12.0]))
    )
    assert layers.zones(rows) == [9, 11, 8, 12, 7, 6]
    assert layers.zones(rows.with_columns(zone_supports=pl.lit(None, pl.List(pl.Float64)))) == []
    candles = pl.DataFrame({"low": [10.0, 11.0], "high": [12.0, 14.0]})
    assert layers.near([7.9, 8.0, 16.0, 16.1], candles) == [8.0, 16.0]
    dashes = {shape.line.dash for shape in shapes(drawn(chart(), "liquidity"), "zone")}
    assert dashes == {"dash"}


def test_a_signal_stands_on_the_candle_that_closed_with_it():
    """Decided at 04:00: on the hour of 03:00, under it for a long; hollow where the account may not act on it."""
    rows = [home.signal(bar) for bar in home.timeframe("BTCUSDT", "1h")]
    rows.append(rows[-1] | {"action": "ENTER_SHORT", "is_tradeable": True, "feature_confidence": 0.7})
    found = chart(signals=frame("crypto_signals", rows))
    trace = marks.signals(found.signals, found.candles, HOUR, LIGHT)
    long, short = zip(trace.x, trace.y, trace.marker.symbol, trace.text, strict=True)
    assert long[0] == START + 3 * HOUR
    low = found.candles.filter(pl.col("ts") == long[0])["low"][0]
    assert low * 0.99 < long[1] < low
    assert (long[2], short[2]) == ("triangle-up-open", "triangle-down")
    assert long[3] == "enter long at 63,119, confidence 0.50, not tradeable"
    assert short[1] > found.candles["high"][-1]
    # what was decided after the last closed candle is on none of them
    assert list(marks.signals(found.signals, found.candles.head(6), HOUR, LIGHT).x) == [long[0]]


def test_trades_from_entry_to_exit():
    """Entry and exit at their prices, on the candles that hold them; an open one has none; older ones are not drawn."""
    at = START + 90 * home.MINUTE
    one = {"row_kind": "position", "symbol": "BTCUSDT", "side": "long", "entry_ts": at, "entry_price": 63_000.0}
    closed = one | {"trade_id": "a", "exit_ts": at + HOUR, "exit_price": 63_100.0, "pnl": 1.5, "exit_reason": "target"}
    old = closed | {"trade_id": "o", "entry_ts": START - HOUR, "exit_ts": START - home.MINUTE}
    found = chart(trades=frame("crypto_paper_trades", [closed, one | {"trade_id": "b"}, old]))
    line, entry, exited = marks.trades(found.trades, found.candles, HOUR, LIGHT)
    assert list(entry.x) == [START + HOUR] * 2
    assert (list(exited.x), list(exited.y)) == ([START + 2 * HOUR], [63_100.0])
    assert exited.text == ("long ended at 63,100 by target, +1.50 USD",)
    assert list(line.y) == [63_000.0, 63_100.0, None]


def test_order_flow_of_each_candle():
    """Takers bought 6 of 10: 12 less 10 of 10; without volume there is no share, not a zero."""
    found = chart()
    still = found.candles.with_columns(volume=pl.when(pl.col("ts") == START).then(0.0).otherwise("volume"))
    flow = {trace.name: trace for trace in drawn(chart(candles=still), "order_flow").data}["flow"]
    assert flow.y[0] is None
    assert list(flow.y[1:]) == pytest.approx([0.2] * 11)
    low, high = drawn(found, "order_flow").layout.yaxis3.range
    assert -low == high > 0.2


def test_the_browser_is_told_what_it_needs_to_carry_on():
    """Instants in milliseconds; the running candle as far as its minutes have closed."""
    running = pl.DataFrame([{"ts": home.NOW.replace(minute=0), "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0}])
    meta = drawn(chart(running=running)).layout.meta
    noon = 1_791_201_600_000
    assert meta == {
        **{"symbol": "BTCUSDT", "timeframe": "1h", "length": 3_600_000, "last": noon - 3_600_000},
        "minute": noon + 60_000,
        "running": {"ts": noon, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0},
    }
    assert drawn(chart()).layout.meta["running"] is None


def test_nothing_known_is_an_empty_figure():
    """No candle, no overlay: every layer is there and holds nothing."""
    found = chart(0)
    figure = drawn(found, *LAYERS)
    assert all(not trace.x for trace in figure.data)
    assert not shapes(figure, "regime")
