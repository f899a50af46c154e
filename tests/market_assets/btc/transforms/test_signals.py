"""Slopes, exhaustion, its failure, and the class of signal (btc.md 7)."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.btc.schemas import BtcDominance, BtcSignals
from market_assets.btc.settings import BtcSettings, SignalSettings
from market_assets.btc.transforms import signals
from market_assets.btc.transforms.state import MissingStateError
from tests.market_assets.btc.transforms.rpn_frames import DAY, HOUR, SETTINGS, nulls, one_pass, rpn_rows, smoothed

START = SETTINGS.start
DEFAULT = SETTINGS.features.signals
#: thresholds of an hour, as the golden ids state them
LEVELS = {"thr_q20": -1.0, "thr_q80": 1.0, "long_high": 5.0, "short_high": 5.0}


def column(values, kind=pl.Float64):
    return pl.Series(values, dtype=kind)


def sloped(values, n):
    return pl.DataFrame({"y": column(values)}).select(signals.slope(pl.col("y"), n)).to_series().to_list()


def exhausted(dominance, diff, short, long, before, now, chosen=DEFAULT):
    """Raw C of one hour with the slopes before and at it."""
    two = pl.DataFrame({"dominance": column([dominance] * 2, pl.Int8), "turn_slope": column([before, now])})
    inputs = {"kalman_diff": diff, "kalman_short": short, "kalman_long": long, **LEVELS}
    return two.with_columns(pl.lit(value, pl.Float64).alias(name) for name, value in inputs.items()).select(
        signals.exhaustion(chosen)
    )[1, 0]


def reversed_(events, diffs, chosen=DEFAULT, dominance=None):
    """Raw R of each hour of a series of raw C."""
    frame = pl.DataFrame({"hit_ceiling_bottom_raw": column(events, pl.Int8), "kalman_diff": column(diffs)})
    sides = column([0] * len(events) if dominance is None else dominance, pl.Int8)
    levels = [pl.lit(value).alias(name) for name, value in LEVELS.items()]
    return frame.with_columns(*levels, dominance=sides).select(signals.reversal(chosen)).to_series().to_list()


def deduplicated(raw, rows=3):
    frame = pl.DataFrame({"raw": column(raw, pl.Int8)})
    return frame.select(signals.without_repeats(pl.col("raw"), rows)).to_series().to_list()


def classified(first, second, third):
    levels = {"signal_l1": first, "signal_l2": second, "signal_l3": third}
    return (
        pl.DataFrame([levels], schema=dict.fromkeys(levels, pl.Int8)).select(**signals.classified()).row(0, named=True)
    )


def dominant(sides, **levels):
    """btc_dominance with these sides from the start on, and one value for each threshold."""
    contract = BtcDominance.contract()
    rows = rpn_rows([1.0] * len(sides), [1.0] * len(sides), known=np.ones(len(sides), bool),
                    warm=np.ones(len(sides), bool), settings=SETTINGS)  # fmt: skip
    frame = rows.select("ts", "available_at", "feature_version").with_columns(
        dominance=column(sides, pl.Int8), threshold_n=pl.lit(720, pl.Int32)
    )
    known = frame.with_columns(pl.lit(value).alias(name) for name, value in (LEVELS | levels).items())
    return contract.validate(known.with_columns(nulls(contract.schema, known.columns)))


def squeezed(diffs, shorts=None):
    """btc_rpn with these kalman_diff; the shorts are high unless given."""
    n = len(diffs)
    frame = rpn_rows([1.0] * n, [1.0] * n, known=np.ones(n, bool), warm=np.ones(n, bool), settings=SETTINGS)
    return frame.with_columns(
        kalman_diff=column(diffs), kalman_short=column([6.0] * n if shorts is None else shorts), kalman_long=pl.lit(6.0)
    )


def signalled(rpn, dominance, settings=SETTINGS, *, first=START):
    return BtcSignals.contract().validate(signals.signals(rpn, dominance, settings, first=first))


def test_the_slope_of_a_line_is_its_slope():
    """G-SIG-1: 5 + 0.25 j over 8 rows gives 0.25; there is none before 8 rows."""
    assert sloped([5 + 0.25 * j for j in range(9)], 8) == [None] * 7 + [0.25, 0.25]


@pytest.mark.parametrize("n", [2, 3, 8, 10, 24])
def test_slopes_are_least_squares(n):
    """numpy.polyfit as oracle, for every window length in use."""
    y = np.random.default_rng(n).normal(size=60)
    expected = [np.polyfit(np.arange(n), y[t - n + 1 : t + 1], 1)[0] for t in range(n - 1, 60)]
    assert sloped(y, n)[n - 1 :] == pytest.approx(expected, abs=1e-12)


def test_a_slope_over_an_unknown_row_is_unknown():
    """Also where the row has no weight: the middle of three."""
    assert sloped([1.0, None, 3.0, 4.0, 5.0], 3) == [None, None, None, None, 1.0]


def test_a_slope_over_three_rows_is_half_the_difference():
    """(y_t - y_{t-2}) / 2, exactly: the sign at 0 decides on a signal."""
    assert sloped([0.1, 0.7, 0.1], 3)[2] == 0.0


def test_a_slope_needs_two_rows():
    """One row has no slope; the message says what was asked."""
    with pytest.raises(ValueError, match="at least 2 rows; was 1"):
        signals.slope(pl.col("y"), 1)


@pytest.mark.parametrize(
    ("dominance", "diff", "short", "long", "before", "now", "expected"),
    [
        (1, -1.2, 6, 0, -0.1, 0.0, -1),
        (1, -1.2, 6, 0, -0.1, -0.01, 0),
        (1, -1.2, 6, 0, 0.0, 0.0, 0),
        (1, -1.2, 4.9, 0, -0.1, 0.0, 0),
        (-1, 1.2, 0, 6, 0.1, 0.0, 1),
        (0, 1.2, 0, 6, 0.1, 0.0, 0),
        (1, -0.9, 6, 0, -0.1, 0.0, 0),
        (None, -1.2, 6, 0, -0.1, 0.0, None),
        (1, -1.2, 6, 0, None, 0.0, 0),
    ],
)
def test_exhaustion_of_the_golden_hours(dominance, diff, short, long, before, now, expected):
    """G-SIG-2: a ceiling is sold, a bottom bought, where extreme pressure has just turned; null only with the side."""
    assert exhausted(dominance, diff, short, long, before, now) == expected


@pytest.mark.parametrize(
    ("age", "event", "at_event", "diff", "expected"),
    [
        (3, -1, -1.2, -1.25, 1),
        (3, -1, -1.2, -1.23, 0),
        (8, -1, -1.2, -1.25, 1),
        (9, -1, -1.2, -1.25, 0),
        (3, 1, 1.2, 1.25, -1),
        (3, 1, 1.2, 1.23, 0),
        (0, -1, -1.2, -1.25, 0),
    ],
)
def test_reversal_of_the_golden_events(age, event, at_event, diff, expected):
    """G-SIG-3: a squeeze that goes on past its ceiling is bought; a flush that goes on past its bottom is sold."""
    between = [0.0] * (age - 1)
    diffs = [at_event, *between, diff] if age else [diff]
    assert reversed_([event] + [0] * age, diffs)[-1] == expected


def test_theta_is_that_of_the_event():
    """The distance of the quantiles at the event counts, not that of the hour."""
    frame = pl.DataFrame(
        {
            "hit_ceiling_bottom_raw": column([-1, 0], pl.Int8),
            "kalman_diff": [-1.2, -1.25],
            "thr_q20": [-1.0, -9.0],
            "thr_q80": [1.0, 9.0],
            "dominance": column([1, 1], pl.Int8),
        }
    )
    assert frame.select(signals.reversal(DEFAULT)).to_series().to_list() == [0, 1]


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 0, 0, None, -1, 1]), st.integers(-30, 30).map(lambda i: i / 16)), max_size=40
    ),
    st.integers(1, 5),
)
def test_reversal_is_the_definition_row_by_row(rows, window):
    """The latest event decides, also where an older one would have; unknown hours are rows of the window."""
    events, diffs = [event for event, _ in rows], [diff for _, diff in rows]
    chosen = SignalSettings(reverse_window=window, reverse_threshold_rel=1 / 16)
    expected = []
    for t, event in enumerate(events):
        latest = next((e for e in range(t - 1, -1, -1) if events[e] in (-1, 1)), None)
        value = 0
        if latest is not None and t - latest <= window:
            if events[latest] == -1 and diffs[t] <= diffs[latest] - 2 / 16:
                value = 1
            if events[latest] == 1 and diffs[t] >= diffs[latest] + 2 / 16:
                value = -1
        expected.append(None if event is None else value)
    sides = [None if event is None else 1 for event in events]
    assert reversed_(events, diffs, chosen, sides) == expected


def test_repeats_are_taken_out():
    """G-SIG-4: a value within three rows of the same raw value becomes 0, also after one that became 0 itself."""
    assert deduplicated([0, -1, -1, 0, -1, 0, 0, 0, -1]) == [0, -1, 0, 0, 0, 0, 0, 0, -1]


def test_the_other_sign_and_the_unknown_are_no_repeat():
    """Only the same value repeats; a null stays null."""
    assert deduplicated([1, -1, None, 1, None]) == [1, -1, None, 0, None]
    assert deduplicated([1, None, None, None, 1]) == [1, None, None, None, 1]
    assert deduplicated([1, 1], rows=1) == [1, 0]


@pytest.mark.parametrize(
    ("levels", "name", "sign", "strength"),
    [
        ((-1, -1, 1), "Strong_Buy", 1, 1.0),
        ((1, 1, -1), "Strong_Sell", -1, 1.0),
        ((1, -1, 0), "Sell", -1, 0.7),
        ((-1, 1, 0), "Buy", 1, 0.7),
        ((1, 0, 0), "Weak_Buy", 1, 0.3),
        ((-1, 0, 0), "Weak_Sell", -1, 0.3),
        ((0, 0, 0), "Neutral", 0, 0.0),
        ((None, None, None), None, None, None),
    ],
)
def test_the_class_of_the_golden_levels(levels, name, sign, strength):
    """G-SIG-5: the highest level that speaks decides; strength counts all of them."""
    found = classified(*levels)
    assert (found["signal_class"], found["signal_sign"]) == (name, sign)
    assert found["signal_strength"] == (None if strength is None else pytest.approx(strength))


def test_a_squeeze_that_tires_and_then_goes_on():
    """By hand: the slope turns at hour 5 (ceiling, Sell); at hour 7 the pressure is past it (Strong_Buy)."""
    diffs = [-1.0, -1.5, -2.0, -2.5, -2.2, -2.4, -2.3, -2.5, -2.6]
    found = signalled(squeezed(diffs), dominant([1] * 9))
    half = [None, None, -0.5, -0.5, -0.1, 0.05, -0.05, -0.05, -0.15]
    assert found["diff_beta_short"].to_list()[:2] == [None, None]
    assert found["diff_beta_short"].to_list()[2:] == pytest.approx(half[2:])
    assert found["hit_ceiling_bottom_raw"].to_list() == [0, 0, 0, 0, 0, -1, 0, 0, 0]
    assert found["reverse_ceiling_bottom_raw"].to_list() == [0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert found["reverse_ceiling_bottom"].to_list() == [0, 0, 0, 0, 0, 0, 0, 1, 0]
    assert found["signal_class"].to_list() == [*["Weak_Buy"] * 5, "Sell", "Weak_Buy", "Strong_Buy", "Weak_Buy"]
    assert found["signal_strength"].to_list() == pytest.approx([0.3] * 5 + [0.7, 0.3, 0.6, 0.3])


def test_a_failed_ceiling_is_bought_because_shorts_are_squeezed_on():
    """Sign rule: kalman_diff further DOWN is more short liquidation, and +1; growing long liquidations are -1."""
    assert reversed_([-1, 0], [-1.2, -1.3]) == [0, 1]
    assert reversed_([1, 0], [1.2, 1.3]) == [0, -1]


def test_both_sides_are_mirror_images():
    """-D, -diff and long for short give the opposite signals of the same strength."""
    tables = one_pass(smoothed(4000, seed=5))
    rpn, sides = smoothed(4000, seed=5), tables["dominance"]
    mirrored_rpn = rpn.with_columns(
        kalman_diff=-pl.col("kalman_diff"), kalman_long=pl.col("kalman_short"), kalman_short=pl.col("kalman_long")
    )
    mirrored_sides = sides.with_columns(
        dominance=-pl.col("dominance"),
        thr_q20=-pl.col("thr_q80"),
        thr_q80=-pl.col("thr_q20"),
        long_high=pl.col("short_high"),
        short_high=pl.col("long_high"),
    )
    one, other = signalled(rpn, sides), signalled(mirrored_rpn, mirrored_sides)
    signs = [*(f"signal_l{level}" for level in (1, 2, 3)), "signal_sign", "diff_beta", "diff_beta_day"]
    assert other.select(signs).equals(one.select(-pl.col(signs)))
    assert other["signal_strength"].equals(one["signal_strength"])
    swapped = one["signal_class"].cast(pl.String).str.replace_many(["Buy", "Sell"], ["Sell", "Buy"])
    assert other["signal_class"].cast(pl.String).equals(swapped)
    assert set(one["signal_l2"]) == set(one["signal_l3"]) == {None, -1, 0, 1}


@pytest.mark.parametrize(
    ("fields", "zero"),
    [
        ({"ceiling_bottom_enabled": False}, ["signal_l2", "signal_l3"]),
        ({"reversal_enabled": False}, ["signal_l3"]),
    ],
)
def test_a_rule_that_is_switched_off_gives_0(fields, zero):
    """0 and not null where there is a side, null where there is none; without exhaustion nothing can fail."""
    settings = BtcSettings.model_validate({"features": {"signals": fields}})
    rpn = smoothed(4000, settings=settings)
    found = one_pass(rpn, settings)["signals"]
    raw = {"signal_l2": "hit_ceiling_bottom_raw", "signal_l3": "reverse_ceiling_bottom_raw"}
    for name in ("signal_l2", "signal_l3"):
        expected = {None, 0} if name in zero else {None, -1, 0, 1}
        assert set(found[name]) == set(found[raw[name]]) == expected
    assert found["signal_l2"].is_null().equals(found["signal_l1"].is_null())
    assert found["signal_l3"].is_null().equals(found["signal_l1"].is_null())


def test_a_warming_up_row_has_no_signal():
    """No Neutral and no 0 before there is a side."""
    row = signalled(squeezed([1.0]), dominant([None])).row(0, named=True)
    assert {name for name, value in row.items() if value is not None} == {"ts", "available_at", "feature_version"}


def test_a_signal_is_never_more_than_its_raw_value():
    """Blocking check of btc_signals: a value other than 0 is the raw value; the class has the sign of its level."""
    found = one_pass(smoothed(6000, seed=2))["signals"].drop_nulls("signal_l1")
    for name in ("hit_ceiling_bottom", "reverse_ceiling_bottom"):
        assert found.filter((pl.col(name) != 0) & (pl.col(name) != pl.col(f"{name}_raw"))).is_empty()
        assert found.filter((pl.col(name) == 0) & (pl.col(f"{name}_raw") != 0)).height > 0
    named = found.with_columns(
        level=pl.when(pl.col("signal_l3") != 0)
        .then("signal_l3")
        .when(pl.col("signal_l2") != 0)
        .then("signal_l2")
        .otherwise("signal_l1")
    )
    assert named.filter(pl.col("level") != pl.col("signal_sign")).is_empty()


@pytest.mark.parametrize(
    ("fields", "rows"), [({}, 23), ({"reverse_window": 30}, 36), ({"beta_windows_extra": (3, 10, 48)}, 47)]
)
def test_an_hour_depends_on_the_rows_before_it_and_no_more(fields, rows):
    """A day over its look-back has the bits of the whole history, events before midnight included; one row less is
    refused (G-STATE-3): 23 rows for the longest slope, 3 + 30 + 3 for repeats of a reversal of an old event."""
    settings = BtcSettings.model_validate({"features": {"signals": fields}})
    rpn = smoothed(200 * 24, settings=settings)
    sides = one_pass(rpn, settings)["dominance"]
    whole = signalled(rpn, sides, settings)
    for day in range(140, 200):
        first = START + day * DAY
        near = pl.col("ts").is_between(first - rows * HOUR, first + DAY, closed="left")
        found = signalled(rpn.filter(near), sides.filter(near), settings, first=first)
        assert found.equals(whole.filter(pl.col("ts").dt.date() == first.date()))
    for short in ((rpn.filter(near)[1:], sides), (rpn, sides.filter(near)[1:])):
        with pytest.raises(MissingStateError, match=f"{first - rows * HOUR:%Y-%m-%d %H:%M}"):
            signals.signals(*short, settings, first=first)


def test_a_day_without_rows_is_empty():
    """Before the frontier reaches a day there is nothing to say."""
    assert signalled(squeezed([1.0] * 24), dominant([0] * 24), first=START + DAY).is_empty()
