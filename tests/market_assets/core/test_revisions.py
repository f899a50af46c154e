"""Counting what changed between two versions; expected numbers by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from market_assets.core.revisions import Revision, compare


def frame(**columns):
    return pl.DataFrame(columns, schema_overrides={"x": pl.Float64, "y": pl.Float64})


AT = datetime(2026, 3, 2, tzinfo=UTC)
OLD = frame(k=["a", "b", "c"], x=[10.0, 0.0, None], n=[1, 2, 3])


def compared(new, old=OLD):
    return compare(old, new, ["k"], ["k", "x", "n"])


def test_equal_frames_have_no_revision():
    """Nulls are equal to nulls."""
    assert compared(OLD) == Revision(0, 0, 0, None)


def test_keys_decide_what_is_new_and_what_is_gone():
    """c and b are gone, d is new."""
    assert compared(frame(k=["a", "d"], x=[10.0, 1.0], n=[1, 1])) == Revision(1, 0, 2, None)


def test_the_largest_relative_change_counts():
    """10 to 9 is 10 %; 0 to 4 counts as 100 %; null to a number is a revision without a size."""
    assert compared(frame(k=["a", "b", "c"], x=[9.0, 0.0, None], n=[1, 2, 3])) == Revision(0, 1, 0, pytest.approx(0.1))
    assert compared(frame(k=["a", "b", "c"], x=[9.0, 4.0, 5.0], n=[1, 2, 3])) == Revision(0, 3, 0, 1.0)
    assert compared(frame(k=["a", "b", "c"], x=[10.0, 0.0, 5.0], n=[1, 2, 3])) == Revision(0, 1, 0, None)


def test_a_change_of_sign_is_measured_against_the_old_value():
    """From 10 to -10 is 200 %."""
    assert compared(frame(k=["a", "b", "c"], x=[-10.0, 0.0, None], n=[1, 2, 3])).max_rel_diff == 2.0


def test_counts_are_revised_without_a_size():
    """A relative change is stated for measured quantities only."""
    assert compared(frame(k=["a", "b", "c"], x=[10.0, 0.0, None], n=[7, 2, 3])) == Revision(0, 1, 0, None)


def test_only_columns_of_both_are_compared():
    """A column that one version lacks makes no row a revised one."""
    narrow = OLD.drop("x")
    assert compare(narrow, OLD, ["k"], ["k", "x", "n"]) == Revision(0, 0, 0, None)
    assert compare(narrow, OLD.with_columns(n=pl.col("n") + 1), ["k"], ["k", "x", "n"]).revised_rows == 3


def test_from_and_to_nothing():
    """Empty frames on either side."""
    assert compared(OLD, OLD.clear()) == Revision(3, 0, 0, None)
    assert compared(OLD.clear()) == Revision(0, 0, 3, None)


@pytest.mark.parametrize(("item", "other"), [(1.5, 2.5), ("a", "b"), (AT, AT + timedelta(microseconds=1))])
def test_lists_are_compared_item_by_item(item, other):
    """Same items in the same order are equal, nulls among them and instead of them; all else is a revision."""

    def rows(*values):
        return pl.DataFrame({"k": range(len(values)), "items": values}, strict=False)

    old = rows([item, None], [], None, [item, other], None, [], [item], [None])
    new = rows([item, None], [], None, [other, item], [], None, [item, item], [item])
    assert compare(old, new, ["k"], ["k", "items"]) == Revision(0, 5, 0, None)
    assert compare(old, old.clone(), ["k"], ["k", "items"]) == Revision(0, 0, 0, None)
