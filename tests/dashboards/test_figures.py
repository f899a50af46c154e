"""Figures from frames: what is drawn where, without a browser."""

from datetime import date

import polars as pl
import pytest

from dashboards.coverage import coverage_figure, without_guesses
from dashboards.figures import symbol_figure
from dashboards.theme import DARK, LIGHT, quality_colour
from market_assets.tables import contract

from .conftest import CLOSES, DAYS, action, scored

EMPTY = {name: contract(f"equities_{name}").empty() for name in ("corporate_actions", "gaps", "reconciliation")}


def figure(bars: pl.DataFrame, **frames: pl.DataFrame):
    given = EMPTY | frames
    return symbol_figure(bars, given["corporate_actions"], given["gaps"], given["reconciliation"], LIGHT)


def traces(drawn) -> dict:
    return {trace.name: trace for trace in drawn.data}


def test_candles_are_the_bars():
    """One candle per session with its four prices, and its volume below."""
    drawn = traces(figure(scored("AAPL", DAYS, CLOSES)))
    assert list(drawn["price"].x) == DAYS
    assert list(drawn["price"].close) == CLOSES
    assert list(drawn["volume"].y) == [1000.0] * 5


def test_actions_and_flags_are_marked_on_their_day():
    """A split is a line with its ratio, a dividend a dot under its candle, a flag a triangle over it."""
    actions = pl.DataFrame(
        [
            action("AAPL", "split", DAYS[3], split_from=1.0, split_to=2.0, split_ratio=2.0, price_factor=0.5),
            action("AAPL", "cash_dividend", DAYS[4], amount=0.53, prev_close=53.0, price_factor=0.99),
        ],
        schema=EMPTY["corporate_actions"].schema,
    )
    drawn = figure(scored("AAPL", DAYS, CLOSES, gap_on=DAYS[1]), corporate_actions=actions)
    named = traces(drawn)
    assert list(named["dividend"].x) == [DAYS[4]]
    assert max(named["dividend"].y) < 53.0  # under the low of its candle
    assert list(named["flag"].x) == [DAYS[1]]
    assert "split 2:1" in [note.text for note in drawn.layout.annotations]
    assert DAYS[3] in [shape.x0 for shape in drawn.layout.shapes]


@pytest.mark.parametrize(("ratio", "said"), [(4.0, "4:1"), (0.1, "1:10"), (1.5, "3:2"), (7.0, "7:1")])
def test_a_ratio_is_said_as_people_say_it(ratio: float, said: str):
    """4-for-1, a reverse split of ten, three for two."""
    row = action("AAPL", "split", DAYS[3], split_from=1.0, split_to=ratio, split_ratio=ratio, price_factor=1 / ratio)
    actions = pl.DataFrame([row], schema=EMPTY["corporate_actions"].schema)
    drawn = figure(scored("AAPL", DAYS, CLOSES), corporate_actions=actions)
    assert f"split {said}" in [note.text for note in drawn.layout.annotations]


def test_a_second_source_adds_its_panel():
    """Without a comparison there is no panel; with one the difference is in basis points."""
    assert "difference" not in traces(figure(scored("AAPL", DAYS, CLOSES)))
    row = {"symbol": "AAPL", "session_date": DAYS[0], "source_a": "polygon", "source_b": "yahoo", "status": "fail"}
    rows = [{**row, "rel_diff": 0.0119284}]
    compared = pl.DataFrame(rows, schema=EMPTY["reconciliation"].schema)
    drawn = traces(figure(scored("AAPL", DAYS, CLOSES), reconciliation=compared))
    assert list(drawn["difference"].y) == pytest.approx([119.284])


def test_a_gap_shades_its_days():
    """From the first missing session to the end of the last."""
    rows = [{"symbol": "AAPL", "year": 2024, "gap_start": DAYS[1], "gap_end": DAYS[2], "n_sessions": 2,
             "cause": "vendor_missing", "status": "open"}]  # fmt: skip
    drawn = figure(scored("AAPL", DAYS, CLOSES), gaps=pl.DataFrame(rows, schema=EMPTY["gaps"].schema))
    assert (date(2024, 1, 3), date(2024, 1, 5)) in [(shape.x0, shape.x1) for shape in drawn.layout.shapes]


def test_a_window_without_bars_draws_nothing_and_does_not_fail():
    """An empty window is a picture without candles."""
    drawn = figure(scored("AAPL", [], []))
    assert len(traces(drawn)["price"].x) == 0


def test_quality_is_coloured_by_the_bounds_of_the_spec():
    """Green from 0.95, amber from 0.85 (validated), red below, grey where unknown."""
    assert [quality_colour(score, DARK) for score in (1.0, 0.95, 0.94, 0.85, 0.84, None)] == [
        DARK.good, DARK.good, DARK.warn, DARK.warn, DARK.bad, DARK.idle,
    ]  # fmt: skip


def test_a_year_nobody_fetched_is_not_a_hole():
    """A red cell of a symbol-year without partition is graded unfetched; a fetched one stays red."""
    cells = pl.DataFrame(
        {"symbol": ["AAPL", "AAPL"], "month": [date(2023, 12, 1), date(2024, 1, 1)], "n_expected": [20, 21],
         "n_stored": [0, 0], "grade": ["red", "red"]}
    )  # fmt: skip
    graded = without_guesses(cells, [("AAPL", 2024)])
    assert graded["grade"].to_list() == ["unfetched", "red"]
    heat = coverage_figure(graded, LIGHT).data[0]
    assert [list(row) for row in heat.customdata] == [["never fetched", "0 of 21 sessions"]]
    assert [list(row) for row in heat.z] == [[0, 1]]
