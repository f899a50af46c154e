"""The btc plots from frames: what is drawn where, without a browser."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.btc.correlation import correlation_figure, correlations
from dashboards.btc.hours import on_grid, runs, thinned
from dashboards.btc.plots import PLOTS
from dashboards.btc.pressure import dominance_status, fll_fsl, rpn_dominance
from dashboards.btc.price import price_color, ramp, signal_strength, signals
from dashboards.btc.rates import rates_figure, wilson, with_intervals
from dashboards.btc.style import Style
from dashboards.btc.window import Window
from dashboards.theme import DARK, LIGHT
from market_assets.btc.schemas import CORR_CASES
from market_assets.btc.settings import BtcSettings
from market_assets.settings import InvalidSettings
from market_assets.tables import contract

from .btc_hours import HOUR, HOURS, START, at, features, price

STYLE = Style.of(BtcSettings(), LIGHT)


def named(figure: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in figure.data}


def few(most: int) -> Style:
    dashboard = BtcSettings().dashboard.model_copy(update={"max_data_points": most})
    return Style.of(BtcSettings(dashboard=dashboard), LIGHT)


def rows_of(**columns: list[object]) -> pl.DataFrame:
    """Hours from START on with these values."""
    length = len(next(iter(columns.values())))
    times = pl.Series("ts", [at(hour) for hour in range(length)], dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame(columns).select(times, pl.all())


def test_an_hour_keeps_its_own_bin_when_the_tables_differ():
    """Joined on time: btc_bins lacks hour 30, and every other marker still has the bin of its own hour."""
    bins = named(price_color(features(), STYLE))["bin"]
    drawn = dict(zip(bins.x, bins.marker.color, strict=True))
    assert drawn == {at(hour): hour % 9 for hour in HOURS if hour not in (5, 10, 11, 30)}
    prices = dict(zip(bins.x, bins.y, strict=True))
    assert prices[at(31)] == 1031.0


def test_the_price_is_a_line_with_gaps():
    """Null stays null, is not bridged and never 0; the colour is the specification's."""
    line = named(price_color(features(), STYLE))["price"]
    assert list(line.y) == [price(hour) for hour in HOURS]
    assert line.y[10] is None
    assert line.connectgaps is False
    assert line.line.color == "#f1c232"


def test_an_absent_hour_breaks_the_line_as_a_null_does():
    """Rows of hours 0, 1 and 4: hours 2 and 3 are drawn as unknown."""
    rows = features()[[0, 1, 4]]
    line = named(price_color(rows, STYLE))["price"]
    assert list(line.x) == [at(hour) for hour in range(5)]
    assert list(line.y) == [1000.0, 1001.0, None, None, 1004.0]


def test_a_known_hour_between_unknown_ones_is_seen():
    """A line of one point is nothing to see: that hour, and it alone, gets a dot."""
    values = [1.0, None, 3.0, None, 5.0, 6.0]
    empty = [None] * 6
    rows = rows_of(price=values, hit_ceiling_bottom=empty, reverse_ceiling_bottom=empty)
    line = named(signals(rows, STYLE))["price"]
    assert line.mode == "lines+markers"
    assert list(line.marker.size) == [5, 0, 5, 0, 0, 0]
    assert named(price_color(features(), STYLE))["price"].mode == "lines"


def test_bins_are_coloured_on_a_linear_ramp():
    """Ends as specified; the middle bin of nine is half way in red, green and blue."""
    marker = named(price_color(features(), STYLE))["bin"].marker
    assert [tuple(stop) for stop in marker.colorscale] == [(0, "#ffc0b0"), (1, "#ff5430")]
    assert (marker.cmin, marker.cmax) == (0, 8)
    # (0xc0 + 0x54) / 2 = 138 = 0x8a, (0xb0 + 0x30) / 2 = 112 = 0x70
    assert [ramp(0), ramp(0.5), ramp(1)] == ["#ffc0b0", "#ff8a70", "#ff5430"]


def test_bands_are_one_rectangle_per_run():
    """Bull 12 to 17, bear 20 to 23 and 26 to 28: three rectangles for thirteen hours; unknown 24 and 25 has none."""
    shapes = rpn_dominance(features(), STYLE).layout.shapes
    green, red = "rgba(31,157,107,0.20)", "rgba(209,67,67,0.20)"
    assert [(shape.x0, shape.x1, shape.fillcolor) for shape in shapes] == [
        (at(12), at(18), green), (at(20), at(24), red), (at(26), at(29), red),
    ]  # fmt: skip
    assert {shape.yref for shape in shapes} == {"y domain"}


def test_bands_do_not_depend_on_thinning():
    """Runs are found before points are left out."""
    assert [shape.x0 for shape in rpn_dominance(features(), few(10)).layout.shapes] == [at(12), at(20), at(26)]


def test_rpn_is_drawn_in_its_whole_range():
    """RPN and its mean in the lower panel over [0, 1]; 0 is a value."""
    figure = rpn_dominance(features(), STYLE)
    drawn = named(figure)
    assert list(drawn["RPN"].y)[:11] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.0]
    assert drawn["RPN"].line.color == "#3d85c6"
    assert set(drawn["RPN smoothed"].y) == {0.5}
    assert tuple(figure.layout.yaxis2.range) == (0, 1)


def test_cases_are_marked_on_the_long_line():
    """Eight cases have a colour of their own; NONE (8, 17, ...) and unknown (3) have no mark."""
    drawn = named(fll_fsl(features(), STYLE))
    assert (drawn["long"].line.color, drawn["short"].line.color) == (LIGHT.good, LIGHT.bad)
    marked = {x: case for case in CORR_CASES[:-1] for x in drawn[case].x}
    assert marked == {at(hour): CORR_CASES[hour % 9] for hour in HOURS if hour % 9 != 8 and hour != 3}
    assert len({drawn[case].marker.color for case in CORR_CASES[:-1]}) == 8
    assert "NONE" not in drawn
    assert list(drawn["LUSUL"].y) == [4.0 + hour % 5 for hour in HOURS if hour % 9 == 0]


def test_durations_are_an_area_per_stretch_of_known_hours():
    """Unknown hours 24 and 25 split the area: plotly would fill one trace across them. Zero is drawn as 0."""
    areas = [trace for trace in dominance_status(features(), STYLE).data if trace.name == "duration"]
    assert [(area.x[0], area.x[-1]) for area in areas] == [(at(0), at(23)), (at(26), at(47))]
    assert {area.fill for area in areas} == {"tozeroy"}
    assert list(areas[0].y)[10:24] == [0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 3, 4]
    assert [area.showlegend for area in areas] == [True, False]


def test_the_class_stands_beside_the_price():
    """On hover: Bull, Bear, Congestion; unknown is said in words."""
    line = named(dominance_status(features(), STYLE))["price"]
    assert [line.customdata[hour] for hour in (0, 12, 20, 24)] == ["Congestion", "Bull", "Bear", "unknown"]
    assert "%{customdata}" in line.hovertemplate


def test_episodes_are_marked_by_side():
    """Green for bull hours, red for bear hours, nothing where neither or unknown."""
    drawn = named(dominance_status(features(), STYLE))
    assert list(drawn["bull episode"].x) == [at(hour) for hour in range(12, 18)]
    assert list(drawn["bear episode"].x) == [at(hour) for hour in (20, 21, 22, 23, 26, 27, 28)]
    assert (drawn["bull episode"].marker.color, drawn["bear episode"].marker.color) == (LIGHT.good, LIGHT.bad)


def test_signals_have_the_shapes_of_the_specification():
    """Ceiling red triangle down, bottom green triangle up, failed ceiling green square; at the price of their hour."""
    drawn = named(signals(features(), STYLE))
    ceiling, bottom = drawn["ceiling (C = -1)"], drawn["bottom (C = +1)"]
    failed, broken = drawn["ceiling failed (R = +1)"], drawn["bottom failed (R = -1)"]
    assert (list(ceiling.x), list(ceiling.y)) == ([at(14), at(16), at(32)], [1014.0, 1016.0, 1032.0])
    assert (list(bottom.x), list(failed.x), list(broken.x)) == ([at(22)], [at(34)], [])
    looks = [(trace.marker.symbol, trace.marker.color) for trace in (ceiling, bottom, failed, broken)]
    assert looks == [
        ("triangle-down", LIGHT.bad), ("triangle-up", LIGHT.good), ("square", LIGHT.good), ("square", LIGHT.bad),
    ]  # fmt: skip


def test_strengths_are_bars_of_their_side():
    """A neutral or unknown hour has no bar; the ceiling of bull hour 14 is a sell of 0.3 + 0.4."""
    drawn = named(signal_strength(features(), STYLE, 360))
    sells = dict(zip(drawn["sell"].x, drawn["sell"].y, strict=True))
    assert sells[at(14)] == pytest.approx(0.7)
    assert at(24) not in sells
    assert at(0) not in sells
    assert at(34) in drawn["buy"].x


@pytest.mark.parametrize("kind", PLOTS)
def test_every_time_axis_says_what_its_instants_are(kind: str):
    """The lowest panel names the axis; the panels above show no ticks of their own."""
    layout = PLOTS[kind].draw(features(), STYLE).layout
    axes = [layout[name] for name in sorted(str(key) for key in layout) if name.startswith("xaxis")]
    assert axes[-1].title.text == "interval start, UTC"
    assert all(axis.showticklabels is False for axis in axes[:-1])


@pytest.mark.parametrize("kind", PLOTS)
def test_a_plot_of_no_hours_does_not_fail(kind: str):
    """An empty range is a picture without points."""
    figure = PLOTS[kind].draw(features().clear(), STYLE)
    assert sum(len(trace.x or ()) for trace in figure.data) == 0


@pytest.mark.parametrize("kind", PLOTS)
def test_no_trace_has_more_points_than_allowed(kind: str):
    """Five years of hours: at most btc.dashboard.max_data_points of each trace."""
    hours = 40_000
    several = pl.concat([features()] * (hours // 48))
    rows = several.with_columns(
        ts=pl.lit(START).cast(pl.Datetime("us", "UTC")) + pl.int_range(pl.len()) * pl.duration(hours=1),
        price=pl.lit(5.0),
        hit_ceiling_bottom=pl.lit(0, pl.Int8),
        reverse_ceiling_bottom=pl.lit(0, pl.Int8),
        dominance=pl.lit(0, pl.Int8),
        dominance_duration_total=pl.lit(0, pl.Int32),
        dominance_time=pl.lit(0, pl.Int32),
        bin_index=pl.lit(4, pl.Int8),
    )
    figure = PLOTS[kind].draw(rows, STYLE)
    longest = max(len(trace.x) for trace in figure.data)
    assert 5_000 < longest <= 10_000


def test_thinning_keeps_ends_events_and_gaps():
    """Of 1,000 hours 50 remain, with the first, the last, every C or R other than 0, and the start of the gap."""
    rows = rows_of(
        price=[None if 501 <= n <= 503 else float(n) for n in range(1000)],
        hit_ceiling_bottom=[-1 if n in (77, 333) else 0 for n in range(1000)],
        reverse_ceiling_bottom=[1 if n == 338 else None if n == 10 else 0 for n in range(1000)],
    )
    kept = thinned(rows, 50, ["price"])
    assert kept.height <= 50
    hours = [(ts - START) // HOUR for ts in kept["ts"]]
    assert {0, 77, 333, 338, 501, 999} <= set(hours)
    # 1,000 hours over the 44 places that six kept ones leave: every 23rd
    assert [hour for hour in hours if hour % 23 == 0] == list(range(0, 1000, 23))
    assert thinned(rows, 1000, ["price"]).equals(rows)


@given(
    st.lists(st.sampled_from([None, 0.0, 1.0]), min_size=1, max_size=200),
    st.lists(st.sampled_from([0, 0, 0, 0, 1, -1, None]), min_size=200, max_size=200),
    st.integers(2, 60),
)
def test_thinning_never_hides_an_event_or_bridges_a_gap(prices: list, events: list, most: int):
    """Whatever the rows: events and ends stay, order stays, and between two neighbours kept no null was left out."""
    rows = rows_of(price=prices, hit_ceiling_bottom=events[: len(prices)]).cast({"hit_ceiling_bottom": pl.Int8})
    kept = thinned(rows, most, ["price"])
    hours = [(ts - START) // HOUR for ts in kept["ts"]]
    assert hours == sorted(set(hours))
    assert {0, len(prices) - 1} <= set(hours)
    assert {n for n, event in enumerate(events[: len(prices)]) if event} <= set(hours)
    for low, high in itertools.pairwise(hours):
        if prices[low] is not None and prices[high] is not None:
            assert None not in prices[low:high]


def test_runs_merge_neighbours_only():
    """0, 1, 1, null, 1, -1: four runs, their ends exclusive; the null makes none."""
    found = runs(rows_of(side=[0, 1, 1, None, 1, -1]), "side")
    assert found.rows() == [(0, at(0), at(1)), (1, at(1), at(3)), (1, at(4), at(5)), (-1, at(5), at(6))]


def test_the_grid_has_every_hour():
    """Two rows five hours apart become six, the four between them unknown."""
    rows = rows_of(price=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])[[0, 5]]
    assert on_grid(rows)["price"].to_list() == [1.0, None, None, None, None, 6.0]


def test_the_newest_hours_are_those_that_became_available_last():
    """At 14:20 with a lag of ten minutes the newest is 13:00; at 14:09 it is still 12:00."""
    delay = timedelta(hours=1, minutes=10)
    for minute, newest in ((20, 13), (9, 12)):
        window = Window.newest(6, datetime(2024, 6, 15, 14, minute, tzinfo=UTC), delay)
        assert (window.start.hour, window.end.hour, window.hours) == (newest - 5, newest, 6)


def test_the_default_template_follows_the_page():
    """Left at its default the plots take the page's colours; another template is used as it is; over REST always."""
    chosen = BtcSettings()
    assert price_color(features(), Style.of(chosen, DARK)).layout.font.color == DARK.text
    assert price_color(features(), Style.of(chosen, LIGHT)).layout.font.color == LIGHT.text
    assert Style.of(chosen).template == "plotly_dark"
    other = BtcSettings(dashboard=chosen.dashboard.model_copy(update={"template": "seaborn"}))
    style = Style.of(other, DARK)
    assert (style.template, style.theme) == ("seaborn", LIGHT)
    assert price_color(features(), style).layout.template.layout.plot_bgcolor == "rgb(234,234,242)"


def test_an_unknown_template_is_told():
    """A misspelt template is an error that names the known ones, not a failure of every plot."""
    wrong = BtcSettings(dashboard=BtcSettings().dashboard.model_copy(update={"template": "plotly_drak"}))
    with pytest.raises(InvalidSettings, match="plotly_dark"):
        Style.of(wrong)


def test_the_height_is_that_of_the_settings():
    """btc.dashboard.height is the height of a plot."""
    tall = BtcSettings(dashboard=BtcSettings().dashboard.model_copy(update={"height": 640}))
    assert rpn_dominance(features(), Style.of(tall, LIGHT)).layout.height == 640


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [(8, 10, 0.4901625, 0.9433178), (0, 5, 0.0, 0.4344825), (20, 20, 0.8388749, 1.0), (1, 2, 0.0945312, 0.9054688)],
)
def test_wilson_intervals(wins: int, n: int, low: float, high: float):
    """Solved by hand from |p - rate| = z sqrt(p (1 - p) / n): 8 of 10 lie within 0.4902 and 0.9433."""
    found = wilson(wins / n, n)
    assert found == pytest.approx((low, high), abs=1e-6)
    for bound in found:
        assert abs(bound - wins / n) == pytest.approx(1.959964 * np.sqrt(bound * (1 - bound) / n), abs=1e-7)


def test_no_trial_has_no_interval():
    """Without an outcome nothing is known: an error here, null in the table."""
    with pytest.raises(ValueError, match="at least one"):
        wilson(0.5, 0)


def performance(*rows: tuple[str, int, int, float | None, float | None]) -> pl.DataFrame:
    """Rows of performance: class, horizon, n_matured, win rate, up rate."""
    schema = contract("btc_signal_performance").schema
    full = [
        dict.fromkeys(schema) | {"signal_class": name, "horizon_h": hours, "n_matured": n, "n_episodes": n,
                                 "n_signals": n, "win_rate": win, "up_rate": up}
        for name, hours, n, win, up in rows
    ]  # fmt: skip
    return pl.DataFrame(full, schema=schema)


def test_rates_carry_their_interval_and_few_are_grey():
    """19 matured hours are few and grey, 20 are not; ALL is rated by its up rate and is the dotted line."""
    few, enough, none = ("Buy", 1, 19, 0.5, 0.5), ("Sell", 1, 20, 0.6, 0.4), ("Weak_Buy", 1, 0, None, None)
    rated = with_intervals(performance(few, enough, none, ("ALL", 1, 90, None, 0.52)))
    assert rated["few"].to_list() == [True, False, True, False]
    assert rated["rate"].to_list() == [0.5, 0.6, None, 0.52]
    assert rated["low"].to_list()[2] is None
    assert (rated["low"][1], rated["high"][1]) == pytest.approx(wilson(0.6, 20))
    figure = rates_figure(rated, STYLE)
    (marks,) = figure.data
    assert list(marks.marker.color) == [LIGHT.idle, LIGHT.bad, LIGHT.idle]
    assert list(marks.y) == ["Buy", "Sell", "Weak Buy"]
    assert [(line.x0, line.line.dash) for line in figure.layout.shapes] == [(0.52, "dot")]


def test_a_narrow_window_stacks_the_horizons():
    """Side by side where there is room, else one below the other and higher."""
    rated = with_intervals(performance(*[("Buy", hours, 30, 0.5, 0.5) for hours in (1, 6, 24)]))
    wide, narrow = rates_figure(rated, STYLE), rates_figure(rated, STYLE, narrow=True)
    assert wide.layout.xaxis.domain[1] < 0.4
    assert narrow.layout.xaxis.domain == (0.0, 1.0)
    assert narrow.layout.height > wide.layout.height
    assert [note.text for note in wide.layout.annotations] == ["1 h ahead", "6 h ahead", "24 h ahead"]


def test_correlations_use_the_hours_both_know():
    """Pairs with a null are left out of that pair alone; numpy is the oracle."""
    rows = rows_of(
        kalman_long=[1.0, 2.0, None, 4.0, 7.0], kalman_short=[2.0, 1.0, 9.0, 8.0, None], diff_beta=[5.0] * 5,
        z_total=[None, None, None, 1.0, 2.0],
    )  # fmt: skip
    found = correlations(rows)
    assert found.names == ["kalman_long", "kalman_short", "z_total", "diff_beta"]
    expected = np.corrcoef([1.0, 2.0, 4.0], [2.0, 1.0, 8.0])[0, 1]
    assert found.values[0][1] == pytest.approx(expected)
    assert found.values[1][0] == found.values[0][1]
    assert (found.values[0][0], found.hours[0][1]) == (pytest.approx(1.0), 3)
    # a constant has no correlation, and two hours are too few: undefined, not 0
    assert found.values[0][3] is None
    assert found.values[2][0] is None


def test_the_matrix_is_drawn_once():
    """The upper half repeats the lower and stays blank; a narrow window has no numbers in its cells."""
    rows = rows_of(kalman_long=[1.0, 2.0, 4.0], kalman_short=[2.0, 1.0, 8.0])
    (heat,) = correlation_figure(correlations(rows), STYLE).data
    assert heat.z[0][1] is None
    assert heat.z[1][0] is not None
    assert heat.texttemplate == "%{z:.2f}"
    (plain,) = correlation_figure(correlations(rows), STYLE, narrow=True).data
    assert plain.texttemplate is None
