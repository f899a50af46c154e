"""From the RPN to the signals: laws over models, bins, dominance and signals together (btc.md 9, 10, 15, 16)."""

import time
from datetime import UTC, datetime

import polars as pl
import pytest

from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from tests.market_assets.btc.transforms.rpn_frames import (
    FIRST_TREND,
    FIRST_WARM,
    HOUR,
    SETTINGS,
    day_by_day,
    days,
    one_day,
    one_pass,
    smoothed,
)

START = SETTINGS.start
SCALES = ("native", "log1p")
CONTRACTS = {name: getattr(schemas, f"Btc{name.title()}").contract() for name in ("bins", "dominance", "signals")}
CONTRACTS["models"] = schemas.BtcBinModels.contract()
#: unknown hours as one gap of the trend makes them (G-FIR-9), before, during and after the first model
GAPS = [range(1200, 1229), range(4000, 4029), range(6500, 6501)]
N = 330 * 24

FIRST_MODEL = datetime(2021, 6, 7, tzinfo=UTC)
CUTS = [
    *(START + n * HOUR for n in (1, FIRST_TREND, FIRST_TREND + 1, FIRST_WARM, FIRST_WARM + 1)),
    *(START + (FIRST_TREND + 720 + n) * HOUR for n in (28, 29, 30)),
    *(FIRST_MODEL + n * HOUR for n in (-1, 0, 1)),
    *(datetime(2021, 8, day, hour, tzinfo=UTC) for day in (2, 9) for hour in (0, 1)),
    *(START + n * HOUR for n in (1229, 4000, 4014, 4029, 6500, 6501, 6502)),
    *(START + n * HOUR for n in (3333, 5001, 7777, N - 1)),
]


@pytest.fixture(scope="module", params=SCALES)
def history(request):
    """btc_rpn of 330 days with gaps, and the tables made of it in one pass."""
    rpn = smoothed(N, seed=11, gaps=GAPS, scale=request.param)
    return rpn, one_pass(rpn)


def before(tables, cut):
    """The rows that are known once the rows before `cut` are: models up to it, hours before it."""
    return {
        name: rows.filter(pl.col("ts") <= cut if name == "models" else pl.col("ts") < cut)
        for name, rows in tables.items()
    }


def assert_same(found, expected):
    """Every table, bit for bit."""
    assert [name for name in expected if not found[name].equals(expected[name])] == []


def test_history_has_what_the_laws_are_about(history):
    """Both extremes, all sides, every class of signal, in frames that keep their contracts."""
    _, tables = history
    for name, rows in tables.items():
        CONTRACTS[name].validate(rows)
    assert tables["models"].filter(pl.col("status") == "ok")["ts"][0] == FIRST_MODEL
    assert set(tables["bins"]["bin_index"]) == {None, *range(9)}
    assert set(tables["bins"]["is_rpn_extreme"]) == {None, -1, 0, 1}
    assert set(tables["dominance"]["dominance"]) == {None, -1, 0, 1}
    assert set(tables["signals"]["signal_class"]) == {None, *schemas.SIGNAL_CLASSES}


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut:%m-%dT%H}")
def test_features_of_a_cut_are_the_cut_of_the_features(history, cut):
    """G-CAUSAL-1: what is known at a time is what was known then; Monday 00:00 and warm-up edges included."""
    rpn, tables = history
    assert len(CUTS) >= 20
    cut_tables = one_pass(rpn.filter(pl.col("ts") < cut))
    expected = before(tables, cut - HOUR if cut_tables["models"]["ts"][-1] < cut else cut)
    assert_same(cut_tables, before(tables, cut) | {"models": expected["models"]})


@pytest.mark.parametrize("changed", ["x10", "null", "zero"])
@pytest.mark.parametrize("cut", CUTS[::4], ids=lambda cut: f"{cut:%m-%dT%H}")
def test_later_values_change_nothing(history, cut, changed):
    """G-CAUSAL-2: ten times, no or zero liquidations after a time alter no row up to it and no model of before."""
    rpn, tables = history
    later = pl.col("ts") >= cut
    values = {
        "x10": {name: pl.col(name) * 10 for name in ("kalman_long", "kalman_short", "kalman_diff")}
        | {"risk_priority_number": pl.col("risk_priority_number").pow(10)},
        "null": {name: pl.lit(None) for name in ("kalman_long", "kalman_short", "kalman_diff", "risk_priority_number")},
        "zero": {name: pl.lit(0.0) for name in ("kalman_long", "kalman_short", "kalman_diff")}
        | {"risk_priority_number": pl.lit(0.5)},
    }[changed]
    other = rpn.with_columns(
        pl.when(later).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )
    assert not other.equals(rpn)
    assert_same(before(one_pass(other), cut), before(tables, cut))


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
def test_day_by_day_is_one_pass(scale):
    """G-STATE-1: 280 days, each from what is stored and its look-back, have the bits of one pass over all of them."""
    rpn = smoothed(280 * 24, seed=3, gaps=GAPS, scale=scale)
    assert_same(day_by_day(rpn), one_pass(rpn))


def test_a_day_that_is_rewritten_every_hour_ends_as_one_pass(history):
    """Rerun after 5, 13 and 24 hours of a day: rows once written stay as they were."""
    rpn, tables = history
    day = datetime(2021, 9, 6, tzinfo=UTC)
    stored = {name: [rows.filter(pl.col("ts") < day)] for name, rows in tables.items()}
    for hours in (5, 13, 24):
        made = one_day(rpn.filter(pl.col("ts") < day + hours * HOUR), stored, day, SETTINGS)
        expected = {name: rows.filter(pl.col("ts") >= day) for name, rows in before(tables, day + hours * HOUR).items()}
        assert_same(made, expected | {"models": tables["models"].filter(pl.col("ts") == day)})


def test_what_a_row_is_made_of_was_available_when_the_row_was(history):
    """G-CAUSAL-3: a row's own hour is its newest input; models were fitted before the hour began."""
    rpn, tables = history
    for name in ("bins", "dominance", "signals"):
        rows = tables[name].join(rpn.select("ts", newest_input="available_at"), on="ts", how="left")
        assert rows.filter(pl.col("newest_input") > pl.col("available_at")).is_empty()
        assert rows["newest_input"].null_count() == 0
    models = tables["models"].drop_nulls("train_end")
    assert models.filter(pl.col("train_end") + SETTINGS.delay > pl.col("available_at")).is_empty()
    assert tables["bins"].filter(pl.col("model_time") > pl.col("ts")).is_empty()


def test_both_sides_are_mirror_images():
    """Long for short: opposite bins, sides and signals, hour by hour."""
    rpn = smoothed(200 * 24, seed=8)
    swapped = {"kalman_long": "kalman_short", "kalman_short": "kalman_long"}
    mirrored = rpn.with_columns(
        **{name: pl.col(other) for name, other in swapped.items()},
        kalman_diff=-pl.col("kalman_diff"),
        risk_priority_number=1 - pl.col("risk_priority_number"),
    )
    one, other = one_pass(rpn), one_pass(mirrored)
    assert other["bins"]["bin_index"].equals(8 - one["bins"]["bin_index"])
    negated = {
        "bins": ["bin_momentum", "bin_mm_direction", "is_rpn_extreme"],
        "dominance": ["dominance", "dominance_last"],
        "signals": ["signal_l1", "signal_l2", "signal_l3", "signal_sign"],
    }
    for name, columns in negated.items():
        assert other[name].select(columns).equals(one[name].select(-pl.col(columns)))
    assert other["bins"]["bin_turn"].equals(one["bins"]["bin_turn"])
    counts = ["dominance_duration", "dominance_time", "is_keep", "is_strengthen"]
    assert other["dominance"].select(counts).equals(one["dominance"].select(counts))


@pytest.mark.parametrize("history", ["native"], indirect=True)
@pytest.mark.parametrize(
    ("stage", "name", "value", "table", "changes"),
    [
        ("bin", "n_clusters", 5, "bins", "bin_index"),
        ("bin", "method", "quantile_trailing", "models", "edges"),
        ("bin", "train_hours", 3000, "models", "train_start"),
        ("bin", "min_train_rows", 3000, "models", "status"),
        ("bin", "max_iter", 3, "models", "status"),
        ("bin", "max_model_age_hours", 24, "bins", "bin_warm"),
        ("bin", "momentum_window_hours", 24, "bins", "bin_momentum"),
        ("rpn", "extreme_window_hours", 24, "bins", "is_rpn_extreme"),
        ("dominance", "window_hours", 2000, "dominance", "thr_q40"),
        ("dominance", "min_hours", 3000, "dominance", "long_high"),
        ("dominance", "outer_quantiles", (0.1, 0.9), "dominance", "thr_q80"),
        ("dominance", "inner_quantiles", (0.3, 0.7), "dominance", "thr_q60"),
        ("dominance", "high_quantile", 0.5, "dominance", "short_high"),
        ("dominance", "classification_enabled", False, "dominance", "dominance_class"),
        ("signals", "beta_window", 12, "signals", "diff_beta"),
        ("signals", "beta_windows_extra", (5, 10, 24), "signals", "diff_beta_short"),
        ("signals", "beta_windows_extra", (3, 11, 24), "signals", "diff_beta_long"),
        ("signals", "beta_windows_extra", (3, 10, 48), "signals", "diff_beta_day"),
        ("signals", "ceiling_bottom_enabled", False, "signals", "hit_ceiling_bottom_raw"),
        ("signals", "reversal_enabled", False, "signals", "reverse_ceiling_bottom_raw"),
        ("signals", "reverse_window", 2, "signals", "reverse_ceiling_bottom_raw"),
        ("signals", "reverse_threshold_rel", 0.1, "signals", "reverse_ceiling_bottom_raw"),
        ("signals", "dedupe_rows", 12, "signals", "hit_ceiling_bottom"),
    ],
)
def test_every_setting_reaches_its_column(history, stage, name, value, table, changes):
    """No constant of a stage is written into it: another value gives another column, and another fingerprint."""
    settings = BtcSettings.model_validate({"features": {stage: {name: value}}})
    rpn = history[0].with_columns(feature_version=pl.lit(settings.feature_version))
    found = one_pass(rpn, settings)
    assert not found[table][changes].equals(history[1][table][changes])
    for made in found.values():
        assert set(made["feature_version"]) == {settings.feature_version} != {SETTINGS.feature_version}


@pytest.mark.parametrize("clusters", [2, 4, 12])
def test_other_numbers_of_bins_keep_the_contracts(clusters):
    """An even number has no middle bin, more bins have longer paths: ranges hold for all."""
    settings = BtcSettings.model_validate({"features": {"bin": {"n_clusters": clusters}}})
    tables = one_pass(smoothed(150 * 24, settings=settings), settings)
    for name, rows in tables.items():
        CONTRACTS[name].validate(rows)
    assert tables["bins"]["bin_index"].max() == clusters - 1
    assert {-1, 0, 1} <= set(tables["dominance"]["dominance"])


def test_budgets_of_computing_time():
    """Section 15, these stages' share: 46,227 hours in 2 s without fits, 258 fits in 3 s, one day in 1 s."""
    rpn = smoothed(46_227, seed=1)
    started = time.perf_counter()
    tables = one_pass(rpn)
    assert tables["models"].filter(pl.col("status") == "ok").height == 258
    assert time.perf_counter() - started < 5
    day = list(days(rpn))[-2]
    stored = {name: [rows.filter(pl.col("ts") < day)] for name, rows in tables.items()}
    started = time.perf_counter()
    made = one_day(rpn, stored, day, SETTINGS)
    assert time.perf_counter() - started < 1
    assert made["signals"].height == 24
