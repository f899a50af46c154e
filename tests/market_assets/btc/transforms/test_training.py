"""Features joined with their outcomes (btc.md 8.2)."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.btc import schemas
from market_assets.btc.schemas import BtcTrainingData
from market_assets.btc.transforms.state import MissingStateError
from market_assets.btc.transforms.training import joined, training_data
from market_assets.core.contracts import ContractViolation
from tests.market_assets.btc.stored import BTC, FIRST, at, hours, labels, signals, table

HORIZONS = (1, 6, 24)


def tables(n, **replaced):
    """Every input over n hours; values tell hour and table apart."""
    ts = hours(n)
    found = {
        "processed": table(schemas.BtcProcessed, ts, price=[1.0 + k for k in range(n)]),
        "rpn": table(schemas.BtcRpn, ts, kalman_diff=[100.0 + k for k in range(n)], n_obs=300, st_long_x=7.0),
        "bins": table(schemas.BtcBins, ts, bin_index=[k % 9 for k in range(n)]),
        "dominance": table(schemas.BtcDominance, ts, dominance=[k % 3 - 1 for k in range(n)]),
        "signals": signals(ts, ["Buy"] * n),
        "labels": pl.concat(labels(ts, h, [k + h / 100 for k in range(n)]) for h in HORIZONS),
    }
    return {**found, **replaced}


def trained(**frames):
    return BtcTrainingData.contract().validate(training_data(**frames, settings=BTC))


def test_one_row_holds_an_hour_with_all_its_outcomes():
    """Features are known an hour and the lag after its start, outcomes when the longest horizon is."""
    found = trained(**tables(3))
    row = found.row(1, named=True)
    assert found["ts"].to_list() == hours(3)
    assert row["feature_available_at"] == at(1) + timedelta(hours=1, minutes=10)
    assert row["label_available_at"] == row["available_at"] == at(1) + timedelta(hours=26, minutes=10)
    assert (row["price"], row["kalman_diff"], row["bin_index"], row["dominance"]) == (2.0, 101.0, 1, 0)
    assert [row[f"return_exec_{h}"] for h in HORIZONS] == [1.01, 1.06, 1.24]
    assert [row[f"label_class_{h}"] for h in HORIZONS] == [1, 1, 1]


def test_every_feature_of_every_table_is_carried_once_and_no_state():
    """Five tables of features, three outcomes a horizon, no `st_` column."""
    columns = trained(**tables(1)).columns
    features = (schemas.BtcProcessed, schemas.BtcRpn, schemas.BtcBins, schemas.BtcDominance, schemas.BtcSignals)
    carried = {name for declared in features for name in declared.contract().columns if not name.startswith("st_")}
    assert carried <= set(columns)
    assert len(columns) == len(set(columns))
    assert [name for name in columns if name.startswith("st_")] == []
    assert sum(name.startswith(("return_", "label_class_")) for name in columns) == 3 * len(HORIZONS)


@pytest.mark.parametrize("name", ["processed", "rpn", "bins", "dominance", "signals"])
def test_an_hour_that_a_table_lacks_is_no_training_row(name):
    """Joined by time: the hours around it keep their own values."""
    frames = tables(3)
    frames[name] = frames[name].filter(pl.col("ts") != at(1))
    found = trained(**frames)
    assert found.select("ts", "price", "kalman_diff").rows() == [(at(0), 1.0, 100.0), (at(2), 3.0, 102.0)]


def test_an_hour_without_a_dominance_is_no_training_row():
    """It was not warm, or had a gap."""
    unknown = table(schemas.BtcDominance, hours(2), dominance=[None, 0])
    assert trained(**tables(2, dominance=unknown))["ts"].to_list() == [at(1)]


@pytest.mark.parametrize("horizon", HORIZONS)
def test_an_hour_waits_for_all_its_horizons(horizon):
    """One that has not matured keeps the row back."""
    frames = tables(2)
    frames["labels"] = frames["labels"].filter(~((pl.col("horizon_h") == horizon) & (pl.col("ts") == at(1))))
    assert trained(**frames)["ts"].to_list() == [at(0)]


def test_an_unknown_outcome_is_carried_as_unknown():
    """It matured, and nobody knows the price: null, not 0 and no reason to forget the hour."""
    ts = hours(1)
    found = trained(**tables(1, labels=pl.concat(labels(ts, h, [None if h == 6 else 0.5]) for h in HORIZONS)))
    assert found.select("return_exec_1", "return_exec_6", "label_class_6", "return_exec_24").row(0) == (
        0.5, None, None, 0.5,
    )  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_the_order_of_rows_is_of_no_account(seed):
    """No join by position: shuffled inputs give the same rows."""
    frames = tables(12)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in frames.items()}
    assert_frame_equal(trained(**shuffled), trained(**frames))


@pytest.mark.parametrize("name", ["processed", "rpn", "bins", "dominance", "signals", "labels"])
def test_rows_of_other_settings_are_refused(name):
    """A training row must not carry a feature_version that its parts do not have."""
    frames = tables(2)
    frames[name] = frames[name].with_columns(feature_version=pl.lit("0" * 12))
    with pytest.raises(
        MissingStateError, match=rf"btc_{name} made with .*[26] of [26] rows .*2024-06-01 00:00Z of 0000"
    ):
        training_data(**frames, settings=BTC)


def test_no_hours_are_no_rows():
    """A typed empty frame."""
    empty = {name: frame.clear() for name, frame in tables(1).items()}
    assert_frame_equal(trained(**empty), BtcTrainingData.contract().empty())


def test_horizons_that_the_table_does_not_have_are_told():
    """The table's columns are those of the settings at load; others would be lost silently."""
    other = BTC.model_copy(update={"labels": BTC.labels.model_copy(update={"horizons": (1, 6)})})
    frames = {
        name: frame.with_columns(feature_version=pl.lit(other.feature_version)) for name, frame in tables(2).items()
    }
    with pytest.raises(ContractViolation, match="return_exec_24"):
        training_data(**frames, settings=other)


def test_a_left_join_keeps_the_hours_of_the_first_table():
    """What the others lack there is null, and what they have besides is left out; a shared column is the first's."""
    first = pl.DataFrame({"ts": [FIRST, at(1)], "a": [1, 2], "shared": ["x", "y"], "st_x": [0, 0]})
    second = pl.DataFrame({"ts": [at(2), at(1)], "b": [3, 4], "shared": ["p", "q"]})
    assert joined([first, second], how="left").rows() == [(FIRST, 1, "x", None), (at(1), 2, "y", 4)]


def test_a_table_with_two_rows_for_an_hour_is_refused():
    """It would double the hour."""
    twice = pl.DataFrame({"ts": [FIRST, FIRST], "a": [1, 2]})
    with pytest.raises(pl.exceptions.ComputeError, match="1:1"):
        joined([twice, twice.select("ts", b="a")], how="left")
