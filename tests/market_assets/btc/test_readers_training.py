"""Train, validation and test of the stored training rows (btc.md 12)."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.btc import readers
from market_assets.btc.readers_training import DEFAULT_FEATURES
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc.stored import HOUR, at, training_rows, write


@pytest.fixture
def store(home):
    """The store that the readers find by the settings."""
    return open_store(settings())


@pytest.fixture
def trained(store):
    """Forty days of training rows."""
    write(store, training_data=training_rows(24 * 40))
    return store


def test_golden_outcomes_of_a_part_are_known_before_the_next_begins(trained):
    """G-READ-2: and 48 hours are left free before it."""
    found = readers.get_training_data()
    assert min(found.train.height, found.validation.height, found.test.height) > 5
    for earlier, later in ((found.train, found.validation), (found.validation, found.test)):
        first = later["feature_available_at"].min()
        assert earlier["label_available_at"].max() < first
        assert earlier["feature_available_at"].max() < first - 48 * HOUR


def test_golden_rows_of_test_change_no_filled_value_of_train(store):
    """G-READ-3: whatever the last fifth of the rows is, train and validation stay as they are."""
    rows = training_rows(24 * 40)
    write(store, training_data=rows)
    asked = {"feature_columns": ["kalman_diff", "bin_index", "corr_case"]}
    before = readers.get_training_data(**asked)
    begins = before.test["ts"].min()
    other = training_rows(24 * 40, seed=8).with_columns(kalman_diff=pl.lit(1e6), bin_index=pl.lit(8, pl.Int8))
    write(store, training_data=pl.concat([rows.filter(pl.col("ts") < begins), other.filter(pl.col("ts") >= begins)]))
    after = readers.get_training_data(**asked)
    assert_frame_equal(after.train, before.train)
    assert_frame_equal(after.validation, before.validation)
    assert after.metadata["imputation"] == before.metadata["imputation"]
    assert not after.test.equals(before.test)


def test_nothing_unknown_is_left_after_imputation(trained):
    """Medians of train alone; with `none` nulls stay, and types are those of the table."""
    asked = {"feature_columns": ["kalman_diff", "bin_index", "corr_case"], "min_hours_between_signals": 1}
    filled = readers.get_training_data(**asked)
    unfilled = readers.get_training_data(**asked, impute="none")
    for name in asked["feature_columns"]:
        assert unfilled.train[name].null_count() > 0
        assert filled.train[name].null_count() == filled.test[name].null_count() == 0
    values = filled.metadata["imputation"]
    assert values["kalman_diff"] == pytest.approx(np.median(unfilled.train["kalman_diff"].drop_nulls()))
    assert values["bin_index"] == np.median(unfilled.train["bin_index"].drop_nulls())
    assert values["corr_case"] == "LUSUL"
    assert unfilled.metadata["imputation"] == {}
    assert unfilled.train.schema["bin_index"] == pl.Int8


def test_the_steps_are_counted(store):
    """Of 960 hours: 10 are cold, 5 more without an outcome, a third neutral; 6 hours apart; 65/15/20."""
    n = 24 * 40
    returns = training_rows(n)["return_exec_24"].to_list()
    rows = training_rows(
        n,
        is_warm=[k >= 5 for k in range(n)],
        bin_warm=[k >= 10 for k in range(n)],
        return_exec_24=[None if n - 6 <= k < n - 1 else returns[k] for k in range(n)],
    )
    write(store, training_data=rows)
    counts = readers.get_training_data(target="return_exec_24").metadata["rows"]
    signals_left = [k for k in range(10, n) if k % 3 and not n - 6 <= k < n - 1]
    assert (counts["stored"], counts["warm"], counts["with_outcome"]) == (960, 950, 945)
    assert counts["signals"] == len(signals_left)
    thinned = [signals_left[0]]
    for k in signals_left:
        if k - thinned[-1] >= 6:
            thinned.append(k)
    total = len(thinned)
    assert counts["thinned"] == total
    validation, test = round(total * 0.15), round(total * 0.2)
    assert counts["split"] == {"train": total - validation - test, "validation": validation, "test": test}
    assert counts["purged"]["train"] == counts["split"]["train"] - 8, "48 hours hold eight rows six hours apart"
    assert counts["purged"]["test"] == test


def test_without_only_signals_neutral_hours_stay(trained):
    """All warm hours."""
    counts = readers.get_training_data(only_signals=False).metadata["rows"]
    assert counts["signals"] == counts["with_outcome"] == 960


def test_balance_cuts_train_alone(trained):
    """To its rarest class; validation and test stay as the world is."""
    plain = readers.get_training_data(min_hours_between_signals=1)
    found = readers.get_training_data(min_hours_between_signals=1, balance=True)
    classes = found.metadata["classes"]["train"]
    rarest = min(plain.metadata["classes"]["train"].values())
    assert set(classes.values()) == {rarest}
    assert found.train["ts"].is_sorted()
    assert_frame_equal(found.validation, plain.validation)
    assert_frame_equal(found.test, plain.test)
    assert found.metadata["rows"]["balanced"]["train"] == 2 * rarest


def test_frames_hold_times_features_and_the_target(trained):
    """The default features; earlier names are answered with the stored ones, each once."""
    found = readers.get_training_data()
    times = ["ts", "feature_available_at", "label_available_at"]
    assert found.train.columns == found.test.columns == [*times, *DEFAULT_FEATURES, "label_class_24"]
    asked = readers.get_training_data(["diff_ls_cwt_kf", "kalman_diff", "bin_index"], target="return_exec_24")
    assert asked.train.columns == [*times, "kalman_diff", "bin_index", "return_exec_24"]
    assert asked.metadata["classes"] == {}


@pytest.mark.parametrize(
    "target", ["signal_class", "signal_l1", "signal_l3", "kalman_diff", "label_class_12", "return_close_24", "price"]
)
def test_only_outcomes_are_targets(trained, target):
    """What is computed from the features would be learnt from itself."""
    with pytest.raises(ValueError, match="a target is an outcome, one of label_class_1"):
        readers.get_training_data(target=target)


@pytest.mark.parametrize("column", ["return_exec_1", "label_class_24", "label_available_at", "ts", "st_long_x", "nope"])
def test_no_outcome_is_a_feature(trained, column):
    """Nor a time, a state or an unknown name."""
    with pytest.raises(UnknownName):
        readers.get_training_data([column])


@pytest.mark.parametrize(
    "asked",
    [
        {"feature_columns": []},
        {"impute": "zero"},
        {"splits": (0.5, 0.5, 0.5)},
        {"splits": (0.0, 0.5, 0.5)},
        {"splits": (1.2, -0.1, -0.1)},
        {"balance": True, "target": "return_exec_24"},
        {"min_hours_between_signals": -1},
        {"start": datetime(2024, 6, 1)},
    ],
)
def test_impossible_training_sets_are_refused(trained, asked):
    """Each a ValueError."""
    with pytest.raises(InvalidRequest):
        readers.get_training_data(**asked)


def test_the_settings_reach_the_training_data(trained, monkeypatch):
    """Each key of btc.training_data changes what a call without arguments gives."""
    for name, value in {"MIN_HOURS_BETWEEN_SIGNALS": 12, "BALANCE": True, "TEST_SPLIT": 0.3, "VALIDATION_SPLIT": 0.1,
                        "EMBARGO_HOURS": 96, "IMPUTE": "none"}.items():  # fmt: skip
        monkeypatch.setenv(f"MARKET_ASSETS_BTC__TRAINING_DATA__{name}", str(value))
    settings.cache_clear()
    found = readers.get_training_data()
    rows = found.metadata["rows"]
    assert rows["thinned"] == 80
    assert rows["split"] == {"train": 48, "validation": 8, "test": 24}
    assert rows["purged"]["train"] == 48 - 8
    assert rows["balanced"]["train"] < rows["purged"]["train"]
    assert found.metadata["imputation"] == {}


def test_training_data_known_at_an_instant(trained):
    """Rows whose outcomes were known then; a range narrows as well."""
    as_of = at(24 * 20)
    assert readers.get_training_data(as_of=as_of, splits=(0.6, 0.2, 0.2)).test["label_available_at"].max() <= as_of
    assert readers.get_training_data(start=at(0), end=at(99)).metadata["rows"]["stored"] == 100


def test_rows_too_few_for_three_parts_are_told_by_their_counts(store):
    """Empty frames of the right columns, not an error: a test of few rows has none left after the purge."""
    write(store, training_data=training_rows(24))
    found = readers.get_training_data()
    assert found.train.height == 0
    assert found.train.columns == found.test.columns
    assert found.metadata["rows"]["purged"]["train"] == 0
