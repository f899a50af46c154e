"""What a read gives: one suite over both stores."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core.errors import InvalidRequest, UnknownName
from tests.resources.stores.ticks import NIGHT, RATES, TICKS, rates, ticks

DAYS = [NIGHT + timedelta(days=i) for i in range(3)]
VENUES = ["XA", "XB"]


@pytest.fixture
def filled(store):
    """Three days of two venues, three trades each, prices 0, 1, 2, then 10, 11, 12 and so on."""
    for i, day in enumerate(DAYS):
        for j, venue in enumerate(VENUES):
            rows = ticks(3, venue=venue, day=day, price=float(100 * j + 10 * i))
            store.write(TICKS, f"{day:%Y-%m-%d}|{venue}", rows)
    return store


def prices(frame):
    return frame["price"].to_list()


def test_all_partitions_come_sorted_by_the_key_not_by_the_partition(filled):
    """The key is (venue, ts) and the partition is day|venue."""
    everything = filled.read(TICKS)
    assert prices(everything) == [0, 1, 2, 10, 11, 12, 20, 21, 22, 100, 101, 102, 110, 111, 112, 120, 121, 122]
    assert_frame_equal(everything, everything.sort("venue", "ts"))


def test_partitions_are_listed_sorted(filled):
    """Every stored one, once."""
    assert filled.partitions(TICKS) == [f"2026-03-0{d}|{v}" for d in (2, 3, 4) for v in VENUES]
    assert [manifest.partition for manifest in filled.manifests(TICKS)] == filled.partitions(TICKS)
    assert {manifest.rows for manifest in filled.manifests(TICKS)} == {3}


def test_chosen_partitions_and_columns(filled):
    """Columns come in the order asked for; a partition that is not stored adds nothing."""
    found = filled.read(TICKS, ["2026-03-03|XB", "2026-03-02|XA", "2030-01-01|XA"], columns=["price", "venue"])
    assert found.columns == ["price", "venue"]
    assert found.rows() == [(0, "XA"), (1, "XA"), (2, "XA"), (110, "XB"), (111, "XB"), (112, "XB")]


def test_no_partition_is_an_empty_typed_frame(filled):
    """An empty list asks for nothing, not for everything."""
    assert_frame_equal(filled.read(TICKS, []), TICKS.empty())
    assert filled.read(TICKS, ["2030-01-01|XA"], columns=["size"]).schema == {"size": pl.Int64}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-03", "2026-03-03", [10, 11, 12]),
        (date(2026, 3, 4), None, [20, 21, 22]),
        (None, date(2026, 3, 2), [0, 1, 2]),
        (NIGHT + timedelta(minutes=1), NIGHT + timedelta(minutes=2), [1, 2]),
        ("2026-03-02T00:02:00Z", "2026-03-03T00:00:00Z", [2, 10]),
        ("2026-03-02T01:02:00+01:00", "2026-03-02T23:59:59Z", [2]),
        ("2027-01-01", "2027-12-31", []),
        (None, "2026-03-02T00:00:00Z", [0]),
    ],
)
def test_start_and_end_are_inclusive(filled, start, end, expected):
    """A date means the whole day, an instant itself, in any zone."""
    assert prices(filled.read(TICKS, where={"venue": "XA"}, start=start, end=end)) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"venue": "XB", "size": 1}, [101, 111, 121]),
        ({"venue": ["XA", "XB"], "price": [2.0, 100.0, 7.0]}, [2, 100]),
        ({"venue": "XA", "size": None}, [2, 12, 22]),
        ({"venue": "XA", "size": [None, 0]}, [0, 2, 10, 12, 20, 22]),
        ({"venue": "XC"}, []),
        ({"venue": []}, []),
        ({"ts": "2026-03-03T00:01:00Z"}, [11, 111]),
        ({"settles": "2026-03-02", "price": 0}, [0]),
        (pl.col("price").is_between(12, 100), [12, 20, 21, 22, 100]),
        ((pl.col("venue") == "XB") & (pl.col("level") == 2), [102, 112, 122]),
    ],
)
def test_where_takes_values_lists_and_predicates(filled, where, expected):
    """Null is a value; a time partition can be chosen by its column."""
    assert prices(filled.read(TICKS, where=where)) == expected


def test_columns_need_not_hold_what_is_filtered_by(filled):
    """Filtering and sorting use columns that the answer leaves out."""
    found = filled.read(TICKS, columns=["note"], where=pl.col("price") > 120, start="2026-03-04")
    assert found.to_dict(as_series=False) == {"note": [None, 'né 2\n"q"']}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start": "2026-03-04", "end": "2026-03-02"}, "start must not be after end"),
        ({"start": "yesterday"}, "start: an instant is written like"),
        ({"end": "2026-02-30"}, "end: an instant is written like"),
        ({"start": datetime(2026, 3, 2)}, "needs an offset"),
        ({"as_of": "2026-03-02T10:00"}, "as_of: an instant needs an offset"),
        ({"where": {"price": "cheap"}}, "price is a Float64; 'cheap'"),
        ({"where": {"ts": 5}}, "ts is a Datetime"),
    ],
)
def test_an_impossible_request_says_what_is_wrong(filled, asked, said):
    """Dates, ranges and values are checked before anything is read."""
    with pytest.raises(InvalidRequest, match=said):
        filled.read(TICKS, **asked)


@pytest.mark.parametrize("asked", [{"columns": ["prise"]}, {"where": {"prise": 1}}, {"where": pl.col("prise") > 1}])
def test_an_unknown_column_names_the_near_ones(filled, asked):
    """Wherever the column is named."""
    with pytest.raises(UnknownName, match="did you mean price") as raised:
        filled.read(TICKS, **asked)
    assert raised.value.near == ["price"]


def test_a_table_without_time_has_no_range(store):
    """Asking for one is an error, not an ignored argument."""
    store.write(RATES, "all", rates(a=1.0))
    with pytest.raises(InvalidRequest, match="no time column"):
        store.read(RATES, start="2026-01-01")


def test_a_scan_gives_what_a_read_gives(filled):
    """Also with predicates, projections and limits pushed into it."""
    key = list(TICKS.key)
    assert_frame_equal(filled.scan(TICKS).collect().sort(key), filled.read(TICKS))
    lazy = filled.scan(TICKS, where={"venue": "XB"}, start="2026-03-03").filter(pl.col("level") > 0).select("price")
    assert sorted(prices(lazy.collect())) == [111, 112, 121, 122]
    assert filled.scan(TICKS).head(4).collect().height == 4
    assert filled.scan(TICKS).select(pl.len()).collect().item() == 18
    assert_frame_equal(filled.scan(TICKS, ["2030-01-01|XA"]).collect(), TICKS.empty())


def test_a_scan_reads_when_it_is_collected(filled):
    """A lazy frame shows what is stored at that moment, not what was when it was made."""
    lazy = filled.scan(TICKS, ["2026-03-02|XA"]).select("price")
    filled.write(TICKS, "2026-03-02|XA", ticks(1, price=55.0))
    assert prices(lazy.collect()) == [55.0]


def test_what_is_read_cannot_be_changed_through_the_answer(filled):
    """Frames kept in memory are not altered by what a caller does with one."""
    found = filled.read(TICKS, ["2026-03-02|XA"])
    found.drop_in_place("price")
    found[0, "venue"] = "hacked"
    assert filled.read(TICKS, ["2026-03-02|XA"])["venue"].to_list() == ["XA"] * 3


def test_an_empty_store_has_nothing_and_says_so(store):
    """Reading before the first write is no error of the store."""
    assert store.partitions(TICKS) == []
    assert store.manifests(TICKS) == []
    assert store.versions(TICKS, "2026-03-02|XA") == []
    assert_frame_equal(store.read(TICKS), TICKS.empty())
    assert store.describe().reachable


def test_thousands_of_rows_come_back_in_order(store):
    """A partition larger than one chunk of the copy stream."""
    count = 120_000
    rows = pl.DataFrame({"name": [f"n{i:07d}" for i in range(count)], "rate": [i / 7 for i in range(count)]})
    store.write(RATES, "all", rows)
    assert_frame_equal(store.read(RATES), rows)
    assert store.read(RATES, where={"name": "n0099999"})["rate"].to_list() == [99_999 / 7]


def test_end_of_day_in_utc(filled):
    """The last microsecond of the end date belongs to it, the next one does not."""
    last = datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    rows = pl.concat([ticks(1, day=last, price=1.0)])
    filled.write(TICKS, "2026-03-02|XA", rows)
    assert prices(filled.read(TICKS, where={"venue": "XA"}, end="2026-03-02")) == [1.0]
    assert prices(filled.read(TICKS, where={"venue": "XA"}, start="2026-03-03", end="2026-03-03")) == [10, 11, 12]
