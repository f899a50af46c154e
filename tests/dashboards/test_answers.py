"""Answers and cursors of tables with categories and lists."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.rest.answers import after, cursor_of, encode, rows
from market_assets.core.errors import InvalidRequest

CLASSES = ("Strong_Buy", "Buy", "ALL")
KEY = {"signal_class": pl.Enum(CLASSES), "horizon_h": pl.Int16}


def test_categories_leave_as_text_and_lists_as_arrays():
    """Null stays null, and an empty list stays one."""
    frame = pl.DataFrame(
        {"a": ["Buy", None], "b": [[0.5, None], []], "c": [1, None]},
        schema={"a": pl.Enum(CLASSES), "b": pl.List(pl.Float64), "c": pl.Int16},
    )
    assert encode(rows(frame)) == b'[{"a":"Buy","b":[0.5,null],"c":1},{"a":null,"b":[],"c":null}]'


@given(
    st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(1, 99)), min_size=1, max_size=30, unique=True), st.data()
)
def test_a_cursor_resumes_after_a_category(found: list[tuple[str, int]], data: st.DataObject):
    """In the order of the categories, which is the order of the rows."""
    frame = pl.DataFrame(found, schema=KEY, orient="row").sort(list(KEY))
    cut = data.draw(st.integers(1, frame.height))
    cursor = cursor_of(frame.head(cut), list(KEY))
    assert frame.filter(after(cursor, KEY)).rows() == frame[cut:].rows()


@pytest.mark.parametrize("value", ["Hold", None, 1])
def test_a_cursor_with_another_category_is_not_ours(value: object):
    """Refused like any other cursor that was not given out."""
    cursor = cursor_of(pl.DataFrame({"signal_class": [value], "horizon_h": [1]}), list(KEY))
    with pytest.raises(InvalidRequest, match="next_cursor"):
        after(cursor, KEY)
