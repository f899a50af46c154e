"""What the bars page makes of frames: gaps, closed hours, lines, merged candles, queries, rows of its tables."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from dashboards import downsample
from dashboards.bars import board, fired, frames
from dashboards.bars.alphas import r_curves
from dashboards.bars.query import SeriesQuery, SignalsQuery
from dashboards.bars.series import Chart, series_figure
from dashboards.bars.style import title
from dashboards.theme import LIGHT
from market_assets.bars.readers import BOARD
from market_assets.bars.schemas import BarsIndicators
from market_assets.bars.settings import BarsSettings
from market_assets.tables import contract

from . import bars_home

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
NO_LINES = BarsIndicators.contract().empty()


def candles(stamps: list[datetime], **columns: Any) -> pl.DataFrame:
    """Candles at these instants: all prices 1, one minute each, of yahoo."""
    plain: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), 1.0)
    plain |= {"volume": 1.0, "n_minutes": 1, "sources": "yahoo", "fallback_level": 0}
    plain |= {"instrument_kind": "spot", "basis_break": False}
    n = len(stamps)
    told = {name: value if isinstance(value, list) else [value] * n for name, value in (plain | columns).items()}
    return pl.DataFrame({"ts": stamps, **told}, schema_overrides={"ts": pl.Datetime("us", "UTC")})


def chart(rows: pl.DataFrame, length: timedelta = MINUTE, calendar: str = "always") -> Chart:
    shown, lined = frames.shown(rows, 500), frames.with_lines(rows, NO_LINES, length)
    lines, gaps = frames.placed(shown, lined), frames.gaps(rows, calendar, length)
    return Chart("BTCUSD", "1m", length, calendar, shown, lines, gaps)


def test_missing_minutes_of_an_open_market_are_gaps():
    """Of 00:00 to 00:09 the minutes 3, 4 and 7 are missing: two holes, of two minutes and of one."""
    rows = candles([MONDAY + n * MINUTE for n in (0, 1, 2, 5, 6, 8, 9)])
    found = frames.gaps(rows, "always", MINUTE)
    assert found.rows() == [
        (MONDAY + 3 * MINUTE, MONDAY + 5 * MINUTE, 2),
        (MONDAY + 7 * MINUTE, MONDAY + 8 * MINUTE, 1),
    ]


def test_a_candle_that_lacks_minutes_is_a_gap():
    """Three of the fifteen minutes of the second candle are missing; the last one may still be filling."""
    stamps = [MONDAY + n * 15 * MINUTE for n in range(3)]
    found = frames.gaps(candles(stamps, n_minutes=[15, 12, 4]), "always", 15 * MINUTE)
    assert found.rows() == [(stamps[1], stamps[2], 3)]


def test_a_closed_market_has_no_gaps():
    """The exchange closes at 20:00 UTC on Friday and opens at 13:30 on Monday: nothing is missing between them."""
    friday, monday = datetime(2026, 10, 2, 19, 59, tzinfo=UTC), datetime(2026, 10, 5, 13, 30, tzinfo=UTC)
    rows = candles([friday, monday])
    assert frames.gaps(rows, "XNYS", MINUTE).is_empty()
    assert frames.gaps(rows, "always", MINUTE)["n_missing"].to_list() == [65 * 60 + 30]
    (left_out,) = frames.closed_hours(frames.shown(rows, 9), MINUTE, "XNYS")
    assert left_out == {"bounds": ["2026-10-02 20:00:00", "2026-10-05 13:29:30"]}
    assert frames.closed_hours(frames.shown(rows, 9), MINUTE, "always") == []


def test_lines_of_longer_candles_begin_anew_with_another_kind():
    """Nine candles at 1 and then nine at 2: each half has its own mean, from its ninth candle on."""
    n, length = 18, timedelta(minutes=5)
    rows = candles(
        [MONDAY + k * length for k in range(n)],
        close=[1.0] * 9 + [2.0] * 9,
        instrument_kind=["index"] * 9 + ["future"] * 9,
    )
    vwap = {"ts": [MONDAY + 3 * MINUTE, MONDAY + 4 * MINUTE], "vwap": [7.0, 8.0]}
    stored = pl.concat([NO_LINES, pl.DataFrame(vwap, schema_overrides={"ts": NO_LINES.schema["ts"]})], how="diagonal")
    found = frames.with_lines(rows, stored, length)
    assert found["ema_9"].to_list() == [None] * 8 + [1.0] + [None] * 8 + [2.0]
    assert found["vwap"].to_list() == [8.0] + [None] * 17


def test_lines_of_minutes_are_the_stored_ones():
    """What is stored is drawn as it is; a minute without values has none."""
    rows = candles([MONDAY, MONDAY + MINUTE])
    stored = NO_LINES.clear(1).with_columns(ts=pl.lit(MONDAY + MINUTE, NO_LINES.schema["ts"]), ema_9=pl.lit(5.0))
    assert frames.with_lines(rows, stored, MINUTE)["ema_9"].to_list() == [None, 5.0]


def test_merged_candles_say_all_their_sources():
    """The names of both candles, each once; the worst level; the break of either."""
    rows = candles(
        [MONDAY, MONDAY + MINUTE],
        sources=["polygon+yahoo", "twelvedata+yahoo"],
        fallback_level=[3, 2],
        basis_break=[False, True],
    )
    merged = downsample.bars(rows, "ts", 1).row(0, named=True)
    assert (merged["sources"], merged["fallback_level"]) == ("polygon+twelvedata+yahoo", 3)
    assert (merged["basis_break"], merged["n_minutes"], merged["n"]) == (True, 2, 2)
    assert title("twelvedata-sandbox+yahoo-sandbox") == "Twelve Data + Yahoo"


def test_the_figure_marks_sources_breaks_and_gaps():
    """A ribbon in two colours, a line where the kind changes, a ground where minutes are missing, no line across it."""
    rows = candles(
        [MONDAY + n * MINUTE for n in (0, 1, 2, 6, 7)],
        sources=["yahoo"] * 3 + ["polygon"] * 2,
        instrument_kind=["index"] * 3 + ["future"] * 2,
        basis_break=[False, False, False, True, False],
        volume=None,
    )
    found = chart(rows)
    figure = series_figure(found, ("ema", "volume", "rsi"), LIGHT, height=600, view="v")
    named = {each.name: each for each in figure.data}
    assert {"source yahoo", "source polygon"} <= set(named)
    assert named["source yahoo"].marker.color != named["source polygon"].marker.color
    assert [shape.x0 for shape in figure.layout.shapes if shape.name == "basis break"] == [MONDAY + 6 * MINUTE]
    assert [note.text for note in figure.layout.annotations if note.text.startswith("now")] == ["now future"]
    assert len([shape for shape in figure.layout.shapes if shape.name == "gap"]) == 1
    # an instrument without a volume has no pane for it
    assert "volume" not in named
    stamps = [MONDAY + n * MINUTE for n in (0, 1, 2, 3, 6, 7)]
    assert found.broken_lines["ts"].to_list() == stamps


def test_days_of_a_long_view_of_currencies_are_ticked_on_weekdays():
    """Ten days from Monday: its Sunday is a few hours long, and its tick would cover Monday's."""
    hours = [MONDAY + n * timedelta(hours=1) for n in range(24 * 10)]
    found = chart(candles(hours), timedelta(hours=1), "fx_24x5")
    axis = series_figure(found, (), LIGHT, height=500, view="v").layout.xaxis
    assert list(axis.ticktext) == ["05 Oct", "06 Oct", "07 Oct", "08 Oct", "09 Oct", "12 Oct", "13 Oct", "14 Oct"]
    assert series_figure(chart(candles(hours)), (), LIGHT, height=500, view="v").layout.xaxis.ticktext is None


def test_a_view_can_be_shared():
    """What is usual is not in the address; what it states wrongly counts as not stated."""
    assert SeriesQuery().text == ""
    shown = "?symbol=EURUSD&timeframe=15m&range=custom&first=2026-10-01&last=2026-10-03&layers=vwap,rsi"
    assert SeriesQuery.of(shown).text == shown
    assert SeriesQuery.of("?timeframe=2m&range=x&first=y&layers=none") == SeriesQuery(layers=())
    assert SignalsQuery.of("?alphas=none&verdict=x&equity=-5&span=1y") == SignalsQuery()
    told = SignalsQuery.stated(symbols=["EURUSD"], alphas=["momentum_v3"], verdict="accepted", equity="2500")
    assert SignalsQuery.of(told.text) == told


def test_the_window_of_a_view():
    """A range ends with the newest minute; chosen days are whole; days the wrong way round are not taken."""
    newest = datetime(2026, 10, 5, 12, 1, tzinfo=UTC)
    assert SeriesQuery(span="1h").window(newest) == (newest - 59 * MINUTE, newest)
    days = SeriesQuery(span="custom", first=date(2026, 10, 1), last=date(2026, 10, 2))
    assert days.window(newest) == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, 23, 59, tzinfo=UTC))
    turned = SeriesQuery(span="custom", first=date(2026, 10, 2), last=date(2026, 10, 1))
    assert turned.window(newest) == (newest - 359 * MINUTE, newest)


def test_a_signal_is_sized_for_the_equity():
    """The golden signal of the specification: 12.51 lots of 1,000, ES 9.99404; of a price too high, none and why."""
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    dear = {"entry_ref_price": 1e6, "stop_loss": 999_000.0, "es95_unit": 8_000.0}
    told = [bars_home.signal("BTCUSD", at), bars_home.signal("EURUSD", at, **dear)]
    rows = fired.rows(pl.DataFrame(told, schema_overrides={"ts": pl.Datetime("us", "UTC")}), 1000.0, BarsSettings())
    assert rows[0]["lots"] == pytest.approx(12.51)
    assert rows[0]["es95"] == pytest.approx(9.99404, rel=1e-5)
    assert rows[0]["why"] == "no quote to judge its costs by"
    assert rows[0]["inputs"] == "ema_slope 0.002, roc_5 0.004"
    assert (rows[1]["lots"], rows[1]["why"]) == (0.0, "no quote to judge its costs by; less than the smallest lot")


def test_outcomes_add_up():
    """+2, -1 and +2: 2, 1, 3 of all and of the only alpha."""
    table = contract("bars_outcomes")
    plain = bars_home.row("bars_outcomes")
    rows = pl.DataFrame([{**plain, **each} for each in bars_home.outcomes()], schema=table.schema)
    found = r_curves(rows.reverse())
    assert found.filter(pl.col("alpha") == "all")["total_r"].to_list() == [2.0, 1.0, 3.0]
    assert found.filter(pl.col("alpha") == "momentum_v3")["total_r"].to_list() == [2.0, 1.0, 3.0]


def test_the_board_says_when_a_price_is_late():
    """10 s and 60 s, but 3 and 6 intervals of a source that is asked every 324 s; what is unknown stays empty."""
    known = {"symbol": "BTCUSD", "state": "LIVE", "price": 1.0, "age_s": 2.0, "source": "yahoo-sandbox", "level": 0}
    slow = {"symbol": "EURUSD", "state": "CLOSED", "effective_interval_s": 324.0, "market_open": False, "bars": 1204}
    slow |= {"is_warm": False, "next_open": datetime(2026, 10, 5, 13, 30, tzinfo=UTC)}
    bare = pl.DataFrame([known | {"market_open": True}, slow], schema=BOARD)
    bars = BarsSettings()
    fast, late = board.rows(bare, bars.stream, bars.indicators.warm_bars)
    assert (fast["warn_s"], fast["error_s"], fast["source"]) == (10.0, 60.0, "Yahoo, 0")
    assert (late["warn_s"], late["error_s"]) == (972.0, 1944.0)
    assert (late["warm"], late["market"]) == ("1,204 of 2,500", "opens Mon 13:30Z")
    assert (late["price"], late["source"], late["rsi_14"], fast["warm"]) == (None, None, None, None)
    assert board.counts(bare) == {"LIVE": 1, "DELAYED": 0, "STALE": 0, "CLOSED": 1, "NO DATA": 0}
