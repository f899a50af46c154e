"""Columns out of a list of objects: what is null, what is refused, and that it says where."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.http.errors import Malformed
from resources.venues.rows import Rows, frame, hours_between, joined
from resources.venues.venue import EVENTS


def one(value: Any) -> Rows:
    return Rows.of("venue", [{"key": value}], "data.list")


@pytest.mark.parametrize(
    ("value", "number"),
    [("0.0001", 1e-4), ("-1.5E-5", -1.5e-5), ("0E-18", 0.0), (0, 0.0), (7, 7.0), (2.5, 2.5), ("", None), (None, None)],
)
def test_numbers(value: Any, number: float | None):
    """A number is a number as text too, zero stays zero, and nothing becomes null."""
    assert one(value).numbers("key").to_list() == [number]


def test_an_absent_number_is_null():
    """What a row does not have, the venue does not say."""
    assert Rows.of("venue", [{}, {"key": 1}]).numbers("key").to_list() == [None, 1.0]


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1_000", "0x1", "n/a", " ", "١", True, [], {}])
def test_what_is_no_number_is_refused(value: Any):
    """Whatever else is Malformed, and says who, where and what."""
    with pytest.raises(Malformed, match=r"venue: data\.list\[0\]\.key must be a number, was "):
        one(value).numbers("key")


@pytest.mark.parametrize("values", [["1e308", "1e308"], [1e308, 1e308]])
def test_numbers_may_add_up_to_more_than_there_is(values: list[Any]):
    """Each by itself is a number."""
    assert Rows.of("venue", [{"key": value} for value in values]).numbers("key").to_list() == [1e308, 1e308]


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_numbers_are_read_to_the_last_bit(value: float):
    """The text of a number is that number."""
    assert one(repr(value)).numbers("key").to_list() == one(value).numbers("key").to_list() == [value]


@pytest.mark.parametrize("hours", [1, 2, 4, 8, 24])
@pytest.mark.parametrize("per_hour", [1, 60, 3600, 3_600_000])
def test_intervals_are_whole_hours(hours: int, per_hour: int):
    """However an interval is counted, 8 hours are 8 and not 7.999999999999999."""
    assert one(hours * per_hour).hours("key", per_hour).to_list() == [float(hours)]
    assert one(str(hours * per_hour)).hours("key", per_hour).to_list() == [float(hours)]
    assert Rows.of("venue", [{"key": ""}, {}]).hours("key", per_hour).to_list() == [None, None]
    first = pl.Series([datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC), None])
    second = pl.Series([datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours), first[0], first[0]])
    assert hours_between(first, second).to_list() == [float(hours), None, None]


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1705320000123, "ms"),
        ("1705320000123", "ms"),
        (1705320000.123, "s"),
        ("2024-01-15T12:00:00.123", "iso"),
        ("2024-01-15T12:00:00.123Z", "iso"),
        ("2024-01-15 13:00:00.123+01:00", "iso"),
    ],
)
def test_instants(value: Any, unit: Any):
    """Counted or spelled, with a zone or in UTC without one: 2024-01-15 12:00:00.123."""
    assert one(value).instants("key", unit).to_list() == [datetime(2024, 1, 15, 12, 0, 0, 123_000, UTC)]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1)), st.integers(-14, 14))
@settings(deadline=None)
def test_spelled_instants_keep_their_microseconds(at: datetime, hours: int):
    """An ISO text of any zone is the instant it names."""
    known = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert one(known.isoformat()).instants("key", "iso").to_list() == [known]


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("0123456789.-+eE_ nanif", max_size=12),
    st.sampled_from(["1705320000123", 1705320000123, "1705320000", 1705320000, "0E-18", "1e400"]),
)


@given(st.lists(JSON, max_size=6), st.sampled_from(["numbers", "ms", "s"]))
@settings(deadline=None, max_examples=300)
def test_a_column_is_read_like_its_values_one_by_one(values: list[Any], how: Any):
    """Many values together are what each of them is alone; a column with an offence is refused for the first one."""

    def read(column: list[Any]) -> list[Any]:
        rows = Rows.of("venue", [{"key": value} for value in column])
        return (rows.numbers("key") if how == "numbers" else rows.instants("key", how)).to_list()

    alone = []
    for index, value in enumerate(values):
        try:
            alone += read([value])
        except Malformed:
            with pytest.raises(Malformed, match=rf"\[{index}\]\.key must be"):
                read(values)
            return
    assert read(values) == alone


@pytest.mark.parametrize("value", [0, "0", "", None])
def test_no_instant(value: Any):
    """Zero is how venues say never; where an instant is required it is refused like nothing at all."""
    assert one(value).instants("key", "ms").to_list() == [None]
    with pytest.raises(Malformed, match=r"data\.list\[0\]\.key must be an instant, was"):
        one(value).instants("key", "ms", required=True)
    with pytest.raises(Malformed, match=r"\[0\]\.key is missing"):
        Rows.of("venue", [{}]).instants("key", "ms", required=True)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        *((value, "ms") for value in (1705320000, "1705320000", -5, True, False, "soon", [], 1e300)),
        *((value, "s") for value in (1705320000123, "x", {})),
        *((value, "iso") for value in ("2024-01-15", "20240115", 1705320000, "2024-13-15T12:00:00Z")),
    ],
)
def test_what_is_no_instant_is_refused(value: Any, unit: Any):
    """Seconds taken for milliseconds are noticed, and so is anything that is no instant."""
    with pytest.raises(Malformed, match=r"venue: data\.list\[0\]\.key must be "):
        one(value).instants("key", unit)


@pytest.mark.parametrize("value", ["", None, 7])
def test_text_must_be_there(value: Any):
    """A contract without a name is no contract."""
    with pytest.raises(Malformed, match=r"data\.list\[0\]\.key must be text, was"):
        one(value).text("key")


def test_places_are_those_of_the_body():
    """Rows that were left out before are counted in the place of the offence."""
    rows = Rows.of("venue", [{"on": 0}, {"on": 1, "key": 1}, {"on": 1, "key": "x"}], "list").keep(lambda row: row["on"])
    with pytest.raises(Malformed, match=r"list\[2\]\.key must be a number, was 'x'"):
        rows.numbers("key")


@pytest.mark.parametrize("body", [None, {}, "text", 5])
def test_a_body_without_a_list_is_refused(body: Any):
    """Half a body is never an empty list."""
    with pytest.raises(Malformed, match=r"must be a list|must be an object|data\.list is missing"):
        Rows.at("venue", body, "data.list")
    with pytest.raises(Malformed, match="the body must be a list, was"):
        Rows.of("venue", body)


def test_a_list_of_something_else_is_refused():
    """The first entry that is no object is named."""
    with pytest.raises(Malformed, match=r"data\[1\] must be an object, was 'x'"):
        Rows.of("venue", [{}, "x"], "data")


def test_an_offence_is_shown_in_short():
    """A value that fills pages is cut."""
    with pytest.raises(Malformed) as refused:
        one({"more": "x" * 5000}).numbers("key")
    assert len(str(refused.value)) < 250


def test_a_frame_has_its_schema():
    """Series and lists are columns, a plain value fills one, the rest is null; also where there are no rows."""
    made = frame(EVENTS, native_symbol=["A", "B"], rate_native=pl.Series([1, None]), interval_hours=8)
    assert made.schema == EVENTS
    assert made.select("native_symbol", "rate_native", "interval_hours").rows() == [("A", 1.0, 8.0), ("B", None, 8.0)]
    assert made["funding_time_native"].null_count() == 2
    empty = frame(EVENTS, rate_native=pl.Series([], dtype=pl.Null), interval_hours=8)
    assert (empty.schema, empty.height) == (EVENTS, 0)
    with pytest.raises(TypeError, match=r"some of native_symbol, .*; was rate"):
        frame(EVENTS, rate=[1])


def test_frames_are_joined_by_contract():
    """Columns come in place of those that are known less well, null where nothing is said; the last word counts."""
    first = pl.DataFrame({"native_symbol": ["B", "A"], "mark": [0.0, 0.0], "rate": [1, 2]})
    marks = pl.DataFrame({"native_symbol": ["A", "A", "C"], "mark": [1.0, 2.0, 3.0], "index": [5, 6, 7]})
    assert joined(first, marks).to_dict(as_series=False) == {
        "native_symbol": ["B", "A"],
        "mark": [None, 2.0],
        "rate": [1, 2],
        "index": [None, 6],
    }
