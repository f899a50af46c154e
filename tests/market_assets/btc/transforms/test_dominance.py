"""Which side is being liquidated (btc.md 6)."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.btc.schemas import BtcBins, BtcDominance
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import dominance
from market_assets.btc.transforms.state import MissingStateError
from tests.market_assets.btc.transforms.rpn_frames import (
    DAY,
    FIRST_TREND,
    HOUR,
    NO_DOMINANCE,
    SETTINGS,
    nulls,
    smoothed,
)

START = SETTINGS.start
LEVELS = {"thr_q20": -1.0, "thr_q40": -0.2, "thr_q60": 0.2, "thr_q80": 1.0}
SHARES = {"thr_q20": 0.2, "thr_q40": 0.4, "thr_q60": 0.6, "thr_q80": 0.8}


def chosen(**fields) -> BtcSettings:
    """The default settings with other dominance settings."""
    return BtcSettings.model_validate({"features": {"dominance": fields}})


def side(bin_index, rpn, diff, settings=SETTINGS, **levels):
    """D of one hour."""
    inputs = {"bin_index": bin_index, "risk_priority_number": rpn, "kalman_diff": diff, **(LEVELS | levels)}
    kinds = dict.fromkeys(inputs, pl.Float64) | {"bin_index": pl.Int8}
    return pl.DataFrame([inputs], schema=kinds).select(dominance.side(settings)).item()


def binned(rpn, values=None):
    """btc_bins of those hours: the RPN cut into nine equal parts, or the given bins."""
    ninths = (pl.col("risk_priority_number") * 9).floor().clip(0, 8)
    rows = rpn.select("ts", "available_at", "feature_version", bin_index=ninths.cast(pl.Int8))
    if values is not None:
        rows = rows.with_columns(bin_index=pl.Series(values, dtype=pl.Int8))
    contract = BtcBins.contract()
    rows = rows.with_columns(bin_warm=pl.col("bin_index").is_not_null())
    return contract.validate(rows.with_columns(nulls(contract.schema, rows.columns)))


def dominant(rpn, bins, settings=SETTINGS, *, first=START, own=NO_DOMINANCE):
    return BtcDominance.contract().validate(dominance.dominance(rpn, bins, settings, first=first, own=own))


@pytest.mark.parametrize(
    ("bin_index", "rpn", "diff", "expected"),
    [
        (8, 0.9, 1.0, -1),
        (5, 0.6, 1.0, -1),
        (5, 0.6, 0.99, 0),
        (4, 0.52, 0.2, -1),
        (4, 0.519, 0.2, 0),
        (4, 0.48, -0.2, 1),
        (4, 0.481, -0.2, 0),
        (3, 0.4, -1.0, 1),
        (3, 0.4, -0.99, 0),
        (0, 0.1, 1.0, 0),
        (8, 0.9, -1.0, 0),
        (None, 0.9, 1.0, None),
    ],
)
def test_the_side_of_the_golden_hours(bin_index, rpn, diff, expected):
    """G-DOM-1: a high bin with longs flushed is bear, a low bin with shorts squeezed is bull, all else neither."""
    assert side(bin_index, rpn, diff) == expected


def test_the_limits_of_the_middle_bin_are_settings():
    """rpn_mid_low and rpn_mid_high decide where the middle bin has a side, and nothing off the middle."""
    wide, narrow = chosen(rpn_mid_low=0.3, rpn_mid_high=0.7), chosen(rpn_mid_low=0.5, rpn_mid_high=0.5)
    assert [side(4, 0.49, -1.0, one) for one in (wide, SETTINGS, narrow)] == [0, 0, 1]
    assert [side(4, 0.51, 1.0, one) for one in (wide, SETTINGS, narrow)] == [0, 0, -1]
    assert [side(5, 0.51, 1.0, one) for one in (wide, SETTINGS, narrow)] == [-1, -1, -1]


@pytest.mark.parametrize("level", LEVELS)
def test_an_unknown_threshold_gives_no_side(level):
    """Warm-up is null and not 0, also where the threshold would not have mattered."""
    assert side(8, 0.9, 1.0, **{level: None}) is None
    assert side(8, 0.9, None) is None


@given(
    st.integers(0, 8),
    st.integers(0, 64).map(lambda i: i / 64),
    st.integers(-20, 20),
    st.lists(st.integers(-10, 10), min_size=4, max_size=4).map(sorted),
)
def test_the_sides_are_mirror_images(bin_index, rpn, diff, levels):
    """8 - bin, 1 - RPN, -diff and mirrored thresholds give -D. RPN limits in 64ths, so that 1 - RPN is exact."""
    settings = chosen(rpn_mid_low=30 / 64, rpn_mid_high=34 / 64)
    named = dict(zip(LEVELS, levels, strict=True))
    mirrored = dict(zip(LEVELS, [-one for one in reversed(levels)], strict=True))
    assert side(8 - bin_index, 1 - rpn, -diff, settings, **mirrored) == -side(bin_index, rpn, diff, settings, **named)


def test_thresholds_are_numpys_quantiles():
    """G-DOM-3: linear quantiles of the known values of the last 8,760 rows, from the 720th known value on."""
    rpn = smoothed(11_000, gaps=[range(900, 929), range(6000, 6100)])
    found = dominant(rpn, binned(rpn))
    values = {name: rpn[name].to_numpy() for name in ("kalman_diff", "kalman_long", "kalman_short")}
    wanted = {name: ("kalman_diff", share) for name, share in SHARES.items()}
    wanted |= {"long_high": ("kalman_long", 0.8), "short_high": ("kalman_short", 0.8)}
    first_known = FIRST_TREND + 719 + 29
    rows = [first_known - 1, first_known, 1500, 6050, 8759, 8760, FIRST_TREND + 8760, 10_000, 10_999]
    for t in rows:
        for name, (column, share) in wanted.items():
            window = values[column][max(0, t - 8759) : t + 1]
            window = window[~np.isnan(window)]
            assert found["threshold_n"][t] == window.size
            if window.size < 720:
                assert found[name][t] is None
            else:
                assert found[name][t] == pytest.approx(np.quantile(window, share), rel=1e-12, abs=1e-12)
    assert found["thr_q20"].is_not_null().arg_max() == first_known
    assert found["threshold_n"][FIRST_TREND - 1 : FIRST_TREND + 1].to_list() == [0, 1]


def test_thresholds_increase():
    """Blocking check of btc_dominance: thr_q20 <= thr_q40 <= thr_q60 <= thr_q80."""
    rpn = smoothed(3000)
    found = dominant(rpn, binned(rpn)).drop_nulls("thr_q20")
    assert found.height > 1000
    for lower, upper in (("thr_q20", "thr_q40"), ("thr_q40", "thr_q60"), ("thr_q60", "thr_q80")):
        assert found.filter(pl.col(lower) > pl.col(upper)).is_empty()


def test_thresholds_change_with_the_unit_and_sides_do_not():
    """No threshold is a number of BTC: in units of 1/1024 BTC every hour has the same side and status."""
    rpn = smoothed(4000, gaps=[range(2000, 2029)])
    smaller = rpn.with_columns(pl.col("kalman_long", "kalman_short", "kalman_diff") * 1024)
    one, other = (dominant(frame, binned(rpn)) for frame in (rpn, smaller))
    levels = [*SHARES, "long_high", "short_high"]
    assert one.drop(levels).equals(other.drop(levels))
    assert one.select(levels).select(pl.all() * 1024).equals(other.select(levels))
    assert set(one["dominance"]) == {None, -1, 0, 1}


def test_the_class_names_the_side():
    """-1 Bear, 0 Congestion, +1 Bull; null where the side is."""
    rpn = smoothed(4000)
    found = dominant(rpn, binned(rpn)).select("dominance", "dominance_class").unique().sort("dominance")
    assert found.rows() == [(None, None), (-1, "Bear"), (0, "Congestion"), (1, "Bull")]


def test_the_classification_can_be_switched_off():
    """Its column is null then; the side is what it was."""
    off = chosen(classification_enabled=False)
    on, without = (
        dominant(rpn, binned(rpn), s) for s in (SETTINGS, off) for rpn in [smoothed(4000, settings=s)]
    )  # fmt: skip
    assert without["dominance_class"].null_count() == 4000
    assert without["dominance"].equals(on["dominance"])


def test_an_hour_with_an_unknown_bin_is_passed_over():
    """A null bin in a run of bull hours has no status, and the run goes on after it."""
    n = 1400
    rpn = smoothed(n).with_columns(kalman_diff=-pl.int_range(n).cast(pl.Float64))
    found = dominant(rpn, binned(rpn, [0] * (n - 2) + [None, 0])).tail(4)
    assert found["dominance"].to_list() == [1, 1, None, 1]
    runs = found["dominance_duration"].to_list()
    assert runs == [runs[0], runs[0] + 1, None, runs[0] + 2]
    assert found["st_run"].to_list() == [runs[0], runs[0] + 1, runs[0] + 1, runs[0] + 2]
    assert found["is_keep"].to_list() == [1, 1, None, 1]


def test_a_warming_up_row_says_nothing_of_a_side():
    """No 0, no Congestion, no count; state and the number of values are there."""
    row = dominant(smoothed(1), binned(smoothed(1))).row(0, named=True)
    said = {name for name, value in row.items() if value is not None}
    state = {"st_dominance", "st_run", "st_last", "st_side", "st_episode"}
    assert said == {"ts", "available_at", "feature_version", "threshold_n"} | state
    assert row["threshold_n"] == 0


def test_a_day_continues_the_stored_hour_before_it():
    """G-STATE-3: without the hour before nothing is written; it is never started anew."""
    rpn = smoothed(1500)
    bins, first = binned(rpn), START + 60 * DAY
    whole = dominant(rpn, bins)
    before = whole.filter(pl.col("ts") == first - HOUR)
    assert dominant(rpn, bins, first=first, own=before).equals(whole.filter(pl.col("ts") >= first))
    with pytest.raises(MissingStateError, match=r"btc_dominance from 2021-04-02 00:00Z .* 2021-04-01 23:00Z"):
        dominance.dominance(rpn, bins, SETTINGS, first=first, own=whole.filter(pl.col("ts") < first - HOUR))
    with pytest.raises(MissingStateError, match="feature_version"):
        other = before.with_columns(feature_version=pl.lit("0" * 12))
        dominance.dominance(rpn, bins, SETTINGS, first=first, own=other)


def test_an_incomplete_look_back_is_refused():
    """Quantiles over fewer hours are other quantiles: an absent hour of btc_rpn or btc_bins fails the day."""
    rpn = smoothed(1500)
    bins, first = binned(rpn), START + 60 * DAY
    own = dominant(rpn, bins)
    with pytest.raises(MissingStateError, match="btc_rpn"):
        dominance.dominance(rpn.filter(pl.col("ts") != START), bins, SETTINGS, first=first, own=own)
    with pytest.raises(MissingStateError, match="btc_bins"):
        dominance.dominance(rpn, bins.filter(pl.col("ts") != first), SETTINGS, first=first, own=own)


def test_a_window_of_800_hours_looks_799_hours_back():
    """That many rows give the bits of the whole history; one less is refused."""
    settings = chosen(window_hours=800)
    rpn = smoothed(1500, settings=settings)
    bins, first = binned(rpn), START + 60 * DAY
    whole = dominant(rpn, bins, settings)
    near = rpn.filter(pl.col("ts") >= first - 799 * HOUR)
    assert dominant(near, bins, settings, first=first, own=whole).equals(whole.filter(pl.col("ts") >= first))
    with pytest.raises(MissingStateError, match="btc_rpn"):
        dominance.dominance(near[1:], bins, settings, first=first, own=whole)


def test_rows_end_with_the_shorter_input():
    """An hour that has no bin row yet is not written as unknown: it would have to be rewritten."""
    rpn = smoothed(1500)
    bins = binned(rpn)
    assert dominant(rpn, bins.head(1490)).equals(dominant(rpn, bins).head(1490))
    assert dominant(rpn.head(1490), bins).height == 1490
    assert dominant(rpn, bins, first=START + 90 * DAY).is_empty()
