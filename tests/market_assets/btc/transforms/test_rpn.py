"""Smoothed liquidations and the share of longs in them (btc.md 4.3 to 4.5)."""

from datetime import UTC, datetime
from time import perf_counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.schemas import BtcProcessed, BtcRpn
from market_assets.btc.transforms import processed as processing
from market_assets.btc.transforms import rpn as priorities
from tests.market_assets.btc.transforms.hourly import (
    HOUR,
    NO_RPN,
    SCALES,
    START,
    between,
    configured,
    liquidated,
    prices,
    simulated,
    whole,
)

DEFAULTS = configured()


def tamed(longs, shorts, settings=DEFAULTS):
    raw = liquidated(longs, shorts)
    return processing.processed(prices([1.0] * raw.height), raw, settings, first=START, until=START + raw.height * HOUR)


def smoothed(longs, shorts, settings=DEFAULTS):
    return priorities.rpn(tamed(longs, shorts, settings), settings, first=START, own=NO_RPN)


def series(name, values):
    return pl.Series(name, values, dtype=pl.Float64)


def test_warm_up_of_an_uninterrupted_history():
    """G-RPN-1: null until 2021-02-23 02:00, the first row with 531 rows; warm at 200 observations."""
    got = smoothed([1.0] * 900, [2.0] * 900)
    first = datetime(2021, 2, 23, 2, tzinfo=UTC)
    assert got.filter(pl.col("trend_long").is_not_null())["ts"][0] == first
    assert got.filter("is_warm")["ts"][0] == datetime(2021, 3, 3, 9, tzinfo=UTC)
    before = got.filter(pl.col("ts") < first)
    keys = ("ts", "available_at", "feature_version", "n_obs", "is_warm")
    assert {name for name in got.columns if before[name].null_count() < before.height} == set(keys)
    assert before["n_obs"].max() == 0
    assert got["n_obs"][530:].to_list() == list(range(1, 371))


@pytest.mark.parametrize(
    ("delta_long", "delta_short", "longs", "shorts", "case"),
    [
        (1, 1, 3, 2, "LUSUL"),
        (1, 1, 2, 3, "LUSUS"),
        (-1, -1, 3, 2, "LDSDL"),
        (-1, -1, 2, 3, "LDSDS"),
        (1, -1, 3, 2, "LUSDL"),
        (1, -1, 2, 2, "LUSDS"),
        (-1, 1, 3, 2, "LDSUL"),
        (-1, 1, 2, 3, "LDSUS"),
        (0, 1, 3, 2, "NONE"),
        (1, 0, 3, 2, "NONE"),
        (None, 1, 3, 2, None),
        (0, None, 3, 2, None),
    ],
)
def test_corr_case(delta_long, delta_short, longs, shorts, case):
    """G-RPN-2: which side rose, which fell, which is larger; NONE where one stands, null where one is unknown."""
    values = {"dl": delta_long, "ds": delta_short, "l": longs, "s": shorts}
    row = pl.DataFrame({name: series(name, [value]) for name, value in values.items()})
    assert row.select(priorities.corr_case(*map(pl.col, values))).item() == case


def test_z_scores_are_of_logarithms_and_of_the_share():
    """z_total, z_long and z_short of log(1 + x), z_diff_share of the share as it is."""
    got = whole(simulated(800, 2), DEFAULTS, 800)[1][-70:]
    of = {
        "z_total": np.log1p(got["kalman_total"].to_numpy()),
        "z_diff_share": got["kalman_diff_share"].to_numpy(),
        "z_long": np.log1p(got["kalman_long"].to_numpy()),
        "z_short": np.log1p(got["kalman_short"].to_numpy()),
    }
    windows = np.lib.stride_tricks.sliding_window_view
    for name, y in of.items():
        distance = y[23:] - np.median(windows(y, 24), axis=1)
        mad = np.median(np.abs(windows(distance, 24)), axis=1)
        np.testing.assert_allclose(got[name][46:], distance[23:] / (1.4826 * mad), rtol=1e-9, err_msg=name)


def test_a_steady_market_by_hand():
    """Longs 3, shorts 1 for ever: the share goes from 0.5 to 3/4 as the prior is forgotten, the RPN is 3/4 at once."""
    last = smoothed([3.0] * 1500, [1.0] * 1500).row(-1, named=True)
    wanted = {
        "trend_long": 3.0, "kalman_long": 3.0, "kalman_short": 1.0, "kalman_total": 4.0, "kalman_diff": 2.0,
        "risk_priority_number": 0.75, "kalman_diff_share": 0.5, "kalman_share": 0.75, "diff_smooth": 2.0,
        "rpn_smooth": 0.75,
    }  # fmt: skip
    assert {name: last[name] for name in wanted} == pytest.approx(wanted, rel=1e-9)
    assert last["is_warm"]


def test_a_market_without_liquidations_has_an_even_share():
    """Zero is data: 0 of 0 is an RPN of 0.5, a difference share of 0, a z of 0."""
    last = smoothed([0.0] * 800, [0.0] * 800).row(-1, named=True)
    assert (last["risk_priority_number"], last["kalman_diff_share"], last["kalman_total"]) == (0.5, 0.0, 0.0)
    assert (last["z_total"], last["corr_case"], last["is_warm"]) == (0.0, "NONE", True)


def test_trends_are_clipped():
    """The kernel undershoots after a burst: volumes stop at 0 and the share within [0, 1]."""
    longs = [0.0] * 600 + [50.0] * 100 + [0.0] * 300
    got = smoothed(longs, [50.0 - x for x in longs], configured(preprocess={"compression": "none"}))
    for name, top in (("trend_long", None), ("trend_short", None), ("trend_share", 1.0)):
        known = got[name].drop_nulls()
        assert known.min() == 0.0, name
        assert known.max() > 50.0 if top is None else known.max() == top, name


def test_an_unknown_hour_has_no_trend_and_alters_no_state():
    """From the gap on the level stands with more variance, the means stand; differences skip no hour."""
    longs = [1.0 + i % 7 for i in range(700)]
    settings = configured(features={"rpn": {"kalman_warm_obs": 50}})
    got = smoothed([*longs[:600], *[None] * 4, *longs[604:]], longs, settings)
    # the taps of the five hours before weigh more than 0.05 each: six rows have no trend
    before, gap, still, after, later = (got.row(i, named=True) for i in (602, 603, 608, 609, 610))
    assert before["trend_long"] is not None  # carried forward for three hours
    nulls = ("trend_long", "kalman_long", "kalman_total", "risk_priority_number", "rpn_smooth", "corr_case", "z_long")
    assert [gap[name] for name in nulls] == [None] * 7
    assert gap["trend_share"] is gap["kalman_share"] is None
    assert gap["kalman_short"] is not None
    assert (gap["st_long_x"], gap["st_long_n"]) == (before["st_long_x"], before["st_long_n"])
    assert gap["st_long_p"] == pytest.approx(before["st_long_p"] + 0.05)
    assert gap["st_rpn_smooth"] == before["st_rpn_smooth"] == before["rpn_smooth"]
    assert gap["n_obs"] == before["n_obs"]
    assert (before["is_warm"], gap["is_warm"], after["is_warm"]) == (True, False, True)
    assert still["trend_long"] is None
    assert after["kalman_long"] is not None
    assert after["delta_long"] is None
    assert after["delta_short"] == after["kalman_short"] - still["kalman_short"]
    assert later["delta_long"] == later["kalman_long"] - after["kalman_long"]


@pytest.mark.parametrize("scale", SCALES)
@given(seed=st.integers(0, 10_000))
@run(max_examples=6, deadline=None)
def test_what_is_stored_keeps_the_contract(scale, seed):
    """Ranges and finite values as declared; total, difference and share agree; state is never forgotten."""
    got = whole(simulated(1200, seed), configured(preprocess={"scale": scale}), 1200)[1]
    BtcRpn.contract().validate(got)
    known = got.filter(pl.col("risk_priority_number").is_not_null())
    longs, shorts = known["kalman_long"].to_numpy(), known["kalman_short"].to_numpy()
    np.testing.assert_allclose(known["kalman_total"], longs + shorts, rtol=1e-9)
    np.testing.assert_allclose(known["kalman_diff"], longs - shorts, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(known["kalman_diff_share"], 2 * known["risk_priority_number"] - 1, atol=1e-9)
    for name in (name for name in got.columns if name.startswith("st_")):
        assert got[name].drop_nulls().len() == got.height - got[name].is_not_null().arg_max(), name
    assert got.filter("is_warm")["trend_share"].null_count() == 0


def test_settings_reach_the_values():
    """Each constant of the section changes what it names."""
    raw = simulated(1000, 5)
    base = whole(raw, DEFAULTS, 1000)[1]
    for change, touched in (
        ({"kalman_q": 0.1}, "kalman_long"),
        ({"kalman_r": 40}, "kalman_long"),
        ({"kalman_p0": 10}, "kalman_long"),
        ({"kalman_prior_share": 0.2}, "kalman_share"),
        ({"kalman_warm_obs": 100}, "is_warm"),
        ({"ema_span_diff": 4}, "diff_smooth"),
        ({"ema_span_lld": 4}, "rpn_smooth"),
        ({"z_window": 30}, "z_total"),
        ({"z_min": 24}, "z_total"),
        ({"z_clip": 0.5}, "z_total"),
        ({"wavelet": "db2"}, "trend_long"),
        ({"level": 5}, "trend_long"),
        ({"fir_cutoff": 1e-3}, "trend_long"),
        ({"fir_min_weight": 0.5}, "trend_long"),
    ):
        got = whole(raw, configured(features={"rpn": change}), 1000)[1]
        assert not got[touched].equals(base[touched], null_equal=True), change


def test_nothing_to_compute():
    """No row from `first` on: an empty frame of the right types."""
    for source in (BtcProcessed.contract().empty(), tamed([1.0] * 5, [1.0] * 5)):
        got = priorities.rpn(source, DEFAULTS, first=START + 5 * HOUR, own=NO_RPN)
        assert got.schema == BtcRpn.contract().schema
        assert got.is_empty()


def test_look_backs_follow_from_the_settings():
    """530 rows under the taps before the row, 23 + 23 under the two medians, at least the hour before."""
    assert (priorities.look_back(DEFAULTS), priorities.own_look_back(DEFAULTS)) == (530, 46)
    narrow = configured(features={"rpn": {"wavelet": "haar", "level": 3, "z_window": 1, "z_min": 1}})
    assert (priorities.look_back(narrow), priorities.own_look_back(narrow)) == (7, 1)


def test_a_full_recompute_is_quick():
    """Five years of hours, without fits, well inside the budget of two seconds."""
    n = 46_227
    raw = simulated(n, 1)
    started = perf_counter()
    _, got = whole(raw, DEFAULTS, n)
    assert perf_counter() - started < 2.0
    assert between(got, got["ts"][-1], got["ts"][-1] + HOUR)["is_warm"].all()
