"""Thinning, chronological splits, purge, imputation, balance (btc.md 12)."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.btc.transforms import splits
from market_assets.btc.transforms.splits import Parts
from tests.market_assets.btc.stored import BTC, HOUR, at

CLASSES = pl.Enum(["a", "b", "c"])
OFFSETS = st.lists(st.integers(0, 400), unique=True, max_size=120).map(sorted)


def trained(offsets, **columns):
    """Training rows at those hours: features known after 1 h 10 min, outcomes after 26 h 10 min."""
    ts = pl.Series("ts", [at(k) for k in offsets], pl.Datetime("us", "UTC"))
    return pl.DataFrame({"ts": ts, **columns}).with_columns(
        feature_available_at=pl.col("ts") + BTC.delay, label_available_at=pl.col("ts") + 25 * HOUR + BTC.delay
    )


def offsets(rows):
    return ((rows["ts"] - at(0)).dt.total_hours()).to_list()


def test_golden_thinning():
    """G-READ-1: hours 0, 1, 5, 6, 7, 12, 13 thin to 0, 6, 12."""
    assert offsets(splits.thin(trained([0, 1, 5, 6, 7, 12, 13]), 6)) == [0, 6, 12]


@settings(deadline=None)
@given(OFFSETS, st.integers(0, 60))
def test_thinning_is_greedy(found, gap):
    """The first row, then each at least `gap` after the last one kept; against the plain loop."""
    kept = []
    for offset in found:
        if not kept or offset - kept[-1] >= gap:
            kept.append(offset)
    assert offsets(splits.thin(trained(found), gap)) == kept


@settings(deadline=None)
@given(OFFSETS, st.floats(0, 0.6), st.floats(0, 0.39))
def test_splits_are_chronological_and_lose_no_row(found, validation, test):
    """Every row of a part is before every row of the next; counts are the shares, rounded."""
    parts = splits.split(trained(found), validation, test)
    assert offsets(parts.train) + offsets(parts.validation) + offsets(parts.test) == found
    assert parts.validation.height == round(len(found) * validation)
    assert parts.test.height == round(len(found) * test)


def test_golden_shares_are_65_15_20():
    """Of 100 rows."""
    parts = splits.split(trained(range(100)), BTC.training_data.validation_split, BTC.training_data.test_split)
    assert parts.heights() == {"train": 65, "validation": 15, "test": 20}


@settings(deadline=None, max_examples=200)
@given(OFFSETS, st.floats(0, 0.6), st.floats(0, 0.39), st.integers(0, 80))
def test_no_outcome_of_a_part_is_known_after_the_next_part_begins(found, validation, test, embargo):
    """G-READ-2: outcomes end before the next part's first features, and the embargo is free of rows."""
    cut = splits.split(trained(found), validation, test)
    parts = splits.purge(cut, embargo)
    stretches = [(parts.train, cut.validation), (parts.train, cut.test), (parts.validation, cut.test)]
    for earlier, later in stretches:
        if later.is_empty():
            continue
        first = later["feature_available_at"].min()
        assert earlier.filter(pl.col("label_available_at") >= first).is_empty()
        assert earlier.filter(pl.col("feature_available_at") >= first - embargo * HOUR).is_empty()
    assert_frame_equal(parts.test, cut.test)


def test_a_purge_removes_nothing_else():
    """Validation begins at hour 60, test at 108: hours up to 11 stay with an embargo of 48, and so on."""
    rows = trained([0, 11, 12, 60, 108])
    cut = Parts(rows[:3], rows[3:4], rows[4:])
    assert offsets(splits.purge(cut, 48).train) == [0, 11]
    assert offsets(splits.purge(cut, 49).train) == [0]
    assert offsets(splits.purge(cut, 47).train) == [0, 11, 12]
    assert splits.purge(cut, 48).validation.is_empty()
    assert offsets(splits.purge(cut, 47).validation) == [60]


@pytest.mark.parametrize(("next_begins", "kept"), [(24, 0), (25, 0), (26, 1)])
def test_an_outcome_known_with_the_next_features_is_too_late(next_begins, kept):
    """Strictly before: 25 hours later both are known in the same minute."""
    cut = Parts(trained([0]), trained([]), trained([next_begins]))
    assert splits.purge(cut, 0).train.height == kept


NUMBERS = st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1, max_size=40)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_a_number_is_filled_with_the_median_of_train(train, test):
    """Against numpy; where train knows nothing, what is unknown stays so; what is known stays as it is."""
    parts = Parts(*(pl.DataFrame({"x": pl.Series(values, dtype=pl.Int8)}) for values in (train, test, test)))
    values = splits.imputation(parts.train, ["x"])
    known = [value for value in train if value is not None]
    assert values["x"] == (float(np.median(known)) if known else None)
    for part, own in zip((parts.train, parts.test), (train, test), strict=True):
        filled = splits.impute(part, values)
        assert filled.schema["x"] == pl.Float64
        assert filled["x"].to_list() == [values["x"] if value is None else float(value) for value in own]


@pytest.mark.parametrize(
    ("kind", "values", "filled"),
    [
        (CLASSES, ["b", "b", "a", None], "b"),
        (CLASSES, ["c", "b", None, None], "b"),
        (pl.Boolean, [True, True, False, None], True),
        (CLASSES, [None, None], None),
    ],
)
def test_a_category_is_filled_with_the_commonest_of_train(kind, values, filled):
    """The first of several; nulls do not count; types stay."""
    rows = pl.DataFrame({"x": pl.Series(values, dtype=kind)})
    found = splits.impute(rows, splits.imputation(rows, ["x"]))
    assert found.schema["x"] == kind
    assert found["x"].to_list() == [filled if value is None else value for value in values]


@settings(deadline=None, max_examples=30)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_rows_of_test_do_not_reach_what_train_is_filled_with(train, test, other):
    """G-READ-3: whatever they are."""
    frames = [pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)}) for values in (train, test, other)]
    filled = []
    for later in frames[1:]:
        parts = Parts(frames[0], later, later)
        values = splits.imputation(parts.train, ["x"])
        filled.append(parts.each(lambda part, values=values: splits.impute(part, values)).train)
    assert_frame_equal(*filled)


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=60), st.integers(0, 100))
def test_balance_leaves_as_many_of_each_class_in_order_of_time(classes, seed):
    """Rows are drawn, not made; the rarest class stays whole; the seed decides."""
    rows = trained(range(len(classes)), target=pl.Series(classes, dtype=pl.Int8))
    found = splits.balance(rows, "target", seed)
    least = min((classes.count(each) for each in set(classes)), default=0)
    assert {each: found["target"].to_list().count(each) for each in set(classes)} == dict.fromkeys(set(classes), least)
    assert offsets(found) == sorted(offsets(found))
    assert found.join(rows, on=found.columns, how="anti").is_empty()
    assert_frame_equal(found, splits.balance(rows, "target", seed))


def test_another_seed_draws_other_rows():
    """Not always the first ones."""
    rows = trained(range(100), target=pl.Series([1] * 90 + [-1] * 10, dtype=pl.Int8))
    drawn = {tuple(offsets(splits.balance(rows, "target", seed))) for seed in range(5)}
    assert len(drawn) == 5


def test_class_counts_name_the_part_and_the_class():
    """Classes that a part lacks are not in it."""
    rows = trained(range(3), target=pl.Series([1, -1, 1], dtype=pl.Int8))
    counts = splits.class_counts(Parts(rows, rows[:1], rows[:0]), "target")
    assert counts == {"train": {"-1": 1, "1": 2}, "validation": {"1": 1}, "test": {}}
