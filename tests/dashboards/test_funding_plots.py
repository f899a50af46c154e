"""Plots of the funding page, from frames written by hand."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.funding import heat, spread
from dashboards.funding.history import history_figure
from dashboards.funding.measures import MEASURES
from dashboards.funding.steps import changes, steps
from dashboards.theme import DARK, LIGHT
from market_assets.tables import contract

from . import funding_home

MIDNIGHT = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return MIDNIGHT + hour * HOUR


def events(*settled: tuple[float, float | None, float | None]) -> pl.DataFrame:
    """Settlements as (hour, value, interval)."""
    schema = {"funding_time": pl.Datetime("us", "UTC"), "value": pl.Float64, "interval_hours": pl.Float64}
    return pl.DataFrame([(at(hour), value, hours) for hour, value, hours in settled], schema=schema, orient="row")


def drawn(points: pl.DataFrame) -> list[tuple[float, float | None]]:
    """Points as (hour, value)."""
    return [((time - MIDNIGHT) / HOUR, value) for time, value in points.select("funding_time", "value").iter_rows()]


def table(name: str, *rows_of: dict[str, Any]) -> pl.DataFrame:
    """Rows of a table; what is not said is null or plain."""
    plain = [{**funding_home.row(name), **values} for values in rows_of]
    return pl.DataFrame(plain, schema=contract(name).schema)


class TestSteps:
    def test_a_step_begins_one_interval_before_its_settlement(self):
        """8 h settled at 08:00 cover midnight to 08:00; with shape vh each point's value holds to its left."""
        assert drawn(steps(events((8, 1.0, 8.0), (16, 2.0, 8.0)), 100)) == [(0, 1.0), (8, 1.0), (16, 2.0)]

    def test_over_a_missing_settlement_there_is_no_line(self):
        """16:00 is missing: the line ends at 08:00 and begins again at 16:00."""
        found = drawn(steps(events((8, 1.0, 8.0), (24, 3.0, 8.0)), 100))
        assert found == [(0, 1.0), (8, 1.0), (16, None), (16, 3.0), (24, 3.0)]

    def test_a_settlement_some_minutes_late_is_no_gap(self):
        """Settlement times jitter; ten minutes are tolerated, as everywhere."""
        assert None not in [value for _, value in drawn(steps(events((8, 1.0, 8.0), (16.1, 2.0, 8.0)), 100))]

    def test_a_zero_is_a_step_and_an_unknown_rate_is_none(self):
        """Zero is data; a settlement without a value is not drawn as anything."""
        assert drawn(steps(events((1, 0.0, 1.0), (2, None, None), (3, 5.0, 1.0)), 100)) == [
            (0, 0.0), (1, 0.0), (2, None), (2, 5.0), (3, 5.0),
        ]  # fmt: skip

    def test_a_changed_interval_is_marked_where_it_first_settles(self):
        """From 4 h to 1 h: the settlement at 05:00 is the first of the new interval."""
        points = steps(events((4, 1.0, 4.0), (8, 1.0, 4.0), (9, 2.0, 1.0), (10, 2.0, 1.0)), 100)
        assert drawn(changes(points)) == [(9, 2.0)]
        assert changes(points)["before"].to_list() == [4.0]

    def test_thinning_keeps_extremes_gaps_and_changes(self):
        """Of 4,000 hourly settlements 100 are drawn: the spike, the gap and the change among them."""
        values = [(n + 1.0, 50.0 if n == 1234 else float(n % 3), 1.0) for n in range(4000) if n != 2000]
        values[3000] = (values[3000][0], 1.0, 4.0)
        points = steps(events(*values), 100)
        assert points.height <= 110
        assert points["value"].max() == 50.0
        assert points["value"].null_count() == 1
        assert changes(points).height == 2

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.booleans(), min_size=2, max_size=60))
    def test_the_line_covers_exactly_what_was_settled(self, stored: list[bool]):
        """Whichever hours are stored, the length of the drawn line is that of their intervals."""
        hours = [n + 1.0 for n, is_stored in enumerate(stored) if is_stored]
        found = drawn(steps(events(*((hour, 1.0, 1.0) for hour in hours)), 1000))
        length = sum(
            after[0] - before[0] for before, after in pairwise(found) if before[1] is not None and after[1] is not None
        )
        assert length == pytest.approx(len(hours))


class TestHistoryFigure:
    def rates(self) -> pl.DataFrame:
        return table("funding_rates", *funding_home.rates())

    def test_a_line_of_steps_per_contract(self):
        """Three contracts are three lines of shape vh; zero is drawn, APR is as stored."""
        figure = history_figure(self.rates(), MEASURES["apr"], LIGHT, most=1000, view="v")
        lines = {trace.name: trace for trace in figure.data if trace.mode == "lines"}
        assert set(lines) == {"binance_usdm BTC-USDT-PERP", "bybit ETH-USDT-PERP", "dydx BTC-USD-PERP"}
        btc = lines["binance_usdm BTC-USDT-PERP"]
        assert (btc.line.shape, btc.connectgaps) == ("vh", False)
        # -0.0003, 0 and 0.0001 over 8 h each
        assert [round(value, 6) for value in btc.y] == [-32.85, -32.85, 0.0, 10.95]
        assert btc.x[0] == at(-16)

    def test_a_change_of_interval_is_a_diamond(self):
        """bybit's ETH goes from 4 h to 1 h at 05:00."""
        figure = history_figure(self.rates(), MEASURES["8h"], LIGHT, most=1000, view="v")
        marks = next(trace for trace in figure.data if trace.name == "interval changed")
        assert (list(marks.x), list(marks.text), marks.marker.symbol) == ([at(5)], ["4 h to 1 h"], "diamond")

    def test_an_unknown_interval_leaves_a_dot(self):
        """The native rate is known; what it covers is not."""
        found = (
            self.rates().filter(pl.col("exchange") == "binance_usdm").with_columns(interval_hours=None, apr_pct=None)
        )
        native = history_figure(found, MEASURES["native"], LIGHT, most=1000, view="v").data[0]
        assert [size > 0 for value, size in zip(native.y, native.marker.size, strict=True) if value is not None]
        assert set(native.customdata) == {"interval unknown"}
        assert history_figure(found, MEASURES["apr"], LIGHT, most=1000, view="v").data[0].y == ()

    def test_the_look_is_that_of_the_page(self):
        """Dark text in the light, light text in the dark; a refresh keeps the zoom while the view is the same."""
        figure = history_figure(self.rates(), MEASURES["apr"], DARK, most=1000, view="?asset=BTC")
        assert figure.layout.font.color == DARK.text
        assert figure.layout.uirevision == "?asset=BTC"


class TestSpread:
    def test_the_spread_is_short_minus_long(self):
        """Stored is binance_usdm minus bybit, -10.95; where bybit is short it is +10.95."""
        stored = table("funding_spreads", *funding_home.spreads())
        assert set(spread.oriented(stored, "bybit")["spread"]) == {10.95}
        assert set(spread.oriented(stored, "binance_usdm")["spread"]) == {-10.95}

    def test_the_band_turns_with_it(self):
        """Of a minus b mean -8, 5th -12, 95th -1; the other way round the percentiles change places."""
        stored = table("funding_spread_statistics", *funding_home.tables()["funding_spread_statistics"])
        assert spread.Usual.of(stored, "bybit") == spread.Usual(8.0, 1.0, 12.0)
        assert spread.Usual.of(stored, "binance_usdm") == spread.Usual(-8.0, -12.0, -1.0)
        few = stored.with_columns(mean=None, p05=None, p95=None)
        assert spread.Usual.of(few, "bybit") == spread.Usual(None, None, None)

    def spreads(self, hours: list[int]) -> pl.DataFrame:
        return pl.DataFrame({"hour": [at(hour) for hour in hours], "spread": [float(hour) for hour in hours]})

    def test_an_hour_lasts_to_its_end_and_a_missing_one_breaks_the_line(self):
        """Hours 0, 1 and 3: level from 0 to 2, nothing to 3, level to 4."""
        found = spread.hourly(self.spreads([0, 1, 3]), 100).rename({"hour": "funding_time", "spread": "value"})
        assert drawn(found) == [(0, 0.0), (1, 1.0), (2, 1.0), (2, None), (3, 3.0), (4, 3.0)]

    def test_few_points_keep_the_gap_and_the_ends(self):
        """A month of hours in a picture for 50."""
        found = spread.hourly(self.spreads([*range(300), *range(400, 720)]), 50)
        assert found.height <= 60
        assert (found["hour"][0], found["hour"][-1], found["spread"].null_count()) == (at(0), at(720), 1)

    def test_mean_band_and_prediction_are_drawn(self):
        """A band from the 5th to the 95th percentile, two lines besides zero, each with its name."""
        figure = spread.spread_figure(
            self.spreads([0, 1]), spread.Usual(8.0, 1.0, 12.0), 10.95, LIGHT, most=100, view=""
        )
        assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [
            (0, 0),
            (1.0, 12.0),
            (8.0, 8.0),
            (10.95, 10.95),
        ]
        assert [note.text for note in figure.layout.annotations] == [
            "5th to 95th: 1.0 to 12.0 %", "mean 8.0 %", "predicted now 10.9 %",
        ]  # fmt: skip
        bare = spread.spread_figure(self.spreads([0]), spread.Usual(None, None, None), 1.0, DARK, most=100, view="")
        assert len(bare.layout.shapes) == 2


def day_of(share: float | None, hits: int, due: int, gone: int = 0) -> dict[str, Any]:
    """A row of completeness over one day."""
    return {"completeness_pct": share, "hit_slots": hits, "expected_slots": due, "n_unrecoverable": gone}


class TestHeat:
    @pytest.mark.parametrize(
        ("row", "level"),
        [
            (day_of(100.0, 24, 24), heat.GOOD),
            (day_of(95.0, 19, 20), heat.GOOD),
            (day_of(66.6, 2, 3), heat.PARTIAL),
            (day_of(33.3, 1, 3), heat.BAD),
            (day_of(0.0, 0, 3), heat.BAD),
            (day_of(0.0, 0, 3, gone=3), heat.GONE),
            (day_of(None, 0, 0), None),
        ],
    )
    def test_levels(self, row: dict[str, Any], level: int | None):
        """By the share of the day's settlements; what nobody can fetch again is told apart; nothing due is nothing."""
        found = heat.levels(table("funding_completeness", row))
        assert found["level"].item() == level
        assert ("cannot be fetched again" in found["note"].item()) == (level == heat.GONE)

    def test_the_least_complete_come_first(self):
        """Unknown ones first, then by share; closed contracts are not among them; a search knows both names."""
        stored = table("funding_completeness", *funding_home.completeness())
        found = heat.least_complete(stored)
        assert found.select("exchange", "symbol").rows()[:3] == [
            ("binance_usdm", "ETH-USDT-PERP"), ("okx", "BTC-USDT-PERP"), ("bybit", "ETH-USDT-PERP"),
        ]  # fmt: skip
        assert heat.least_complete(stored, exchange="dydx").height == 2
        assert heat.least_complete(stored, search="kpepe")["exchange"].to_list() == ["hyperliquid"]
        assert heat.least_complete(stored.with_columns(is_active=False)).is_empty()

    def test_a_row_per_contract_and_a_column_per_day(self):
        """Days run from left to right, a day without a row is empty."""
        rows_of = [
            {"exchange": "okx", "symbol": "A", "day": date(2026, 10, 2), **day_of(100.0, 3, 3)},
            {"exchange": "okx", "symbol": "B", "day": date(2026, 10, 1), **day_of(0.0, 0, 3)},
        ]
        found = heat.levels(table("funding_completeness", *rows_of))
        trace = heat.heat_figure(found, [("okx", "B"), ("okx", "A")], LIGHT).data[0]
        assert list(trace.x) == [date(2026, 10, 1), date(2026, 10, 2)]
        assert list(trace.y) == ["okx  B", "okx  A"]
        assert [list(row) for row in trace.z] == [[heat.BAD, None], [None, heat.GOOD]]
