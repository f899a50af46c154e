"""Status of a dominant side hour by hour (btc.md 6)."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from market_assets.btc.transforms import episodes

SIDES = st.lists(st.none() | st.integers(-1, 1), max_size=60)


def status(values):
    return episodes.status(values, None).select(list(episodes.STATUS)).to_dict(as_series=False)


def test_status_of_the_golden_series():
    """G-DOM-2: last, durations, episode number, keep, strengthen."""
    assert status([0, 1, 1, 0, 1, 0, 0, -1, 0, -1, 1]) == {
        "dominance_last": [0, 0, 1, 1, 1, 1, 1, 1, -1, -1, -1],
        "dominance_duration": [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1],
        "dominance_duration_total": [0, 1, 2, 0, 1, 0, 0, 1, 0, 1, 1],
        "dominance_time": [0, 1, 1, 0, 2, 0, 0, 1, 0, 2, 1],
        "is_keep": [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        "is_strengthen": [0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0],
    }


def test_an_unknown_hour_is_passed_over():
    """Status continues from the last known hour: 1, unknown, 1 is a run of two."""
    found = status([1, None, 1, None, 0, None, 1])
    assert found["dominance_duration"] == [1, None, 2, None, 1, None, 1]
    assert found["is_keep"] == [0, None, 1, None, 0, None, 0]
    assert found["dominance_time"] == [1, None, 1, None, 0, None, 2]
    assert found["dominance_last"] == [0, None, 1, None, 1, None, 1]


@given(SIDES)
def test_unknown_hours_leave_no_trace(values):
    """Known hours have the status they would have without the unknown ones between them."""
    whole = episodes.status(values, None)
    known = whole.filter(pl.Series(values, dtype=pl.Int8).is_not_null())
    assert known.equals(episodes.status([one for one in values if one is not None], None))


@given(SIDES, SIDES)
def test_a_day_continues_the_stored_state(before, after):
    """Cut anywhere: two runs give what one gives, bit for bit."""
    whole = episodes.status(before + after, None)
    first = episodes.status(before, None)
    second = episodes.status(after, first.row(-1, named=True) if before else None)
    assert pl.concat([first, second]).equals(whole)


@given(SIDES)
def test_state_is_never_null(values):
    """Also before the first known hour, where the run is 0."""
    state = episodes.status(values, None).select(list(episodes.STATE))
    assert state.null_count().sum_horizontal().sum() == 0


@given(SIDES)
def test_both_sides_count_alike(values):
    """-D has the same counts and the opposite last side."""
    found, mirrored = status(values), status([None if one is None else -one for one in values])
    assert mirrored.pop("dominance_last") == [None if one is None else -one for one in found.pop("dominance_last")]
    assert mirrored == found


@given(SIDES)
def test_status_is_consistent(values):
    """What is kept lasts two hours or more and is strengthened; total is duration while a side dominates, else 0."""
    rows = episodes.status(values, None).with_columns(d=pl.Series(values, dtype=pl.Int8)).drop_nulls("d")
    for row in rows.iter_rows(named=True):
        assert not row["is_keep"] or row["dominance_duration"] >= 2
        assert row["is_strengthen"] >= row["is_keep"]
        assert row["dominance_duration_total"] == (row["dominance_duration"] if row["d"] else 0)
        assert (row["dominance_time"] > 0) == (row["d"] != 0)
