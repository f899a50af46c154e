"""Narrow integers, categories and lists of numbers, and tables by week: one suite over both stores."""

import math
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.core.contracts import UTC_MICROS, ContractViolation
from market_assets.core.errors import InvalidRequest
from market_assets.tables import TABLES
from resources.stores import postgres_copy
from resources.stores.digest import content_digest
from resources.stores.errors import RowsOutsidePartition
from tests.market_assets.core.test_contract_rules import valid
from tests.resources.stores.fits import BY_TREND, FITS, MONDAY, TRENDS, fits

WEEKS = [MONDAY + timedelta(weeks=i) for i in range(3)]
FIRST, SECOND, THIRD = (f"{week:%Y-%m-%d}" for week in WEEKS)


def trends(frame):
    return frame["trend"].to_list()


def test_every_value_comes_back_as_it_went_in(store):
    """Nulls, empty lists, nulls in lists, the sign of zero, subnormals and the ends of every integer."""
    rows = fits(31)
    outcome = store.write(FITS, FIRST, rows.sample(fraction=1, shuffle=True, seed=5))
    found = store.read(FITS, [FIRST])
    assert_frame_equal(found, rows, check_exact=True)
    assert found.schema == FITS.schema
    assert content_digest(found, FITS.stable_columns) == outcome.manifest.digest  # bit for bit
    assert_frame_equal(store.scan(FITS).collect().sort(list(FITS.key)), rows, check_exact=True)


def test_zero_and_minus_zero_stay_apart_in_lists(store):
    """They are equal and not the same: each comes back with its own sign."""
    store.write(FITS, FIRST, fits(2, centers=[[0.0, 1.0], [-0.0, 1.0]]))
    signs = [math.copysign(1, items[0]) for items in store.read(FITS)["centers"].to_list()]
    assert signs == [1.0, -1.0]


def test_an_empty_partition_is_typed(store):
    """Categories and inner types too, stored or not; beside a full one it adds nothing."""
    assert_frame_equal(store.read(FITS), FITS.empty())
    store.write(FITS, FIRST, FITS.empty())
    assert store.manifest(FITS, FIRST).rows == 0
    assert_frame_equal(store.read(FITS), FITS.empty())
    assert_frame_equal(store.scan(FITS).collect(), FITS.empty())
    store.write(FITS, SECOND, fits(2, week=WEEKS[1]))
    assert_frame_equal(store.read(FITS), fits(2, week=WEEKS[1]))


def test_columns_of_nothing_but_null(store):
    """A column without any value keeps its type."""
    nothing = {name: [None] * 3 for name, spec in FITS.columns.items() if spec.nullable}
    rows = fits(3, edges=[[], [], []], gaps=[[], [], []], **nothing)
    store.write(FITS, FIRST, rows)
    assert_frame_equal(store.read(FITS), rows)


def test_rows_sort_by_the_place_of_their_category(store):
    """Across partitions as within one: rising comes before falling, though not in the alphabet."""
    store.write(FITS, FIRST, fits(1, trends=("falling",)))
    store.write(FITS, SECOND, fits(1, week=WEEKS[1], trends=("rising",)))
    store.write(FITS, THIRD, fits(1, week=WEEKS[2], trends=("flat",)))
    assert trends(store.read(FITS)) == ["rising", "flat", "falling"]
    assert trends(store.read(FITS, columns=["trend"])) == ["rising", "flat", "falling"]


def test_as_of_reads_the_version_of_that_time(store):
    """Of every type, also where the partition is empty now."""
    first = store.write(FITS, FIRST, fits(6)).manifest
    second = store.write(FITS, FIRST, fits(6, centers=[[float(i)] for i in range(6)])).manifest
    store.write(FITS, FIRST, FITS.empty())
    assert_frame_equal(store.read(FITS, as_of=first.published_at), fits(6))
    assert store.read(FITS, as_of=second.published_at)["centers"].explode().sum() == 15.0
    assert store.read(FITS).height == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"state": ["ok", "ok"]},
        {"window_h": [1, 2**15 - 1]},
        {"rows": [1, None]},
        {"centers": [None, [0.0]]},
        {"edges": [[], [0.5]]},
        {"notes": [None, ["x"]]},
        {"epochs": [None, [MONDAY]]},
        {"epochs": [[], []]},
        {"gaps": [[], [MONDAY + timedelta(microseconds=1)]]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_one_changed_value_is_one_revised_row(store, changed):
    """Categories and lists are compared as numbers are; a shuffled repetition changes nothing."""
    store.write(FITS, FIRST, fits(2))
    outcome = store.write(FITS, FIRST, fits(2, **changed))
    assert (outcome.unchanged, outcome.new_rows, outcome.revised_rows, outcome.removed_rows) == (False, 0, 1, 0)
    assert store.write(FITS, FIRST, fits(2, **changed).reverse()).unchanged


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"trend": "flat"}, [1, 4]),
        ({"trend": ["falling", "rising"]}, [0, 3, 2, 5]),
        ({"state": None}, [3]),
        ({"state": ["too few", None]}, [3, 1, 4]),
        ({"trend": []}, []),
        ({"window_h": 32_767}, [1]),
        (pl.col("trend") == "flat", [1, 4]),
        (pl.col("trend").is_in(["falling", "rising"]) & (pl.col("ts") > MONDAY), [3, 2, 5]),
        (pl.col("trend") > "rising", [1, 4, 2, 5]),
        (pl.col("trend").cast(pl.String).str.starts_with("f"), [1, 4, 2, 5]),
        (pl.col("trend").cast(pl.String) == "nowhere", []),
        (pl.concat_str(pl.col("trend"), pl.lit("!")) == "flat!", [1, 4]),
        (pl.col("centers").list.len() == 0, [1]),
        (pl.col("gaps").list.contains(MONDAY + timedelta(hours=2)), [3]),
        (pl.col("epochs").list.first() < pl.datetime(2000, 1, 1, time_zone="UTC"), [2]),
    ],
)
def test_where_chooses_by_category(store, where, expected):
    """Values, lists of them, null, and predicates; what a predicate makes text of is text."""
    store.write(FITS, FIRST, fits(6))
    found = store.read(FITS, where=where)
    assert found["ts"].to_list() == [MONDAY + timedelta(hours=hour) for hour in expected]


@pytest.mark.parametrize(
    "where",
    [
        {"trend": "risen"},
        {"trend": ["flat", "risen"]},
        {"trend": {"risen"}},
        {"trend": pl.Series(["risen"])},
        {"trend": 1},
        pl.col("trend") == "risen",
        (pl.col("rows") > 1) | (pl.col("trend") != "risen"),
        pl.col("trend").is_in(["flat", "risen"]),
        ~pl.col("trend").is_in(pl.Series(["risen"]).implode()),
        pl.when(pl.col("rows") > 1).then(pl.col("trend").eq_missing(pl.lit("risen"))).otherwise(False),
    ],
)
def test_a_value_that_is_no_category_names_those_that_are(store, where):
    """A misspelt category would otherwise quietly match nothing; nothing need be stored to tell."""
    with pytest.raises(InvalidRequest, match=r"fits\.trend is one of rising, flat, falling; (1|'risen') is none"):
        store.read(FITS, where=where)
    with pytest.raises(InvalidRequest, match="rising, flat, falling"):
        store.scan(FITS, where=where)


def test_a_table_may_be_cut_by_category(store):
    """The partition is the category's text; one that is none is refused without rows too."""
    for trend in TRENDS:
        store.write(BY_TREND, trend, fits(2, trends=(trend,)))
    assert store.partitions(BY_TREND) == sorted(TRENDS)
    assert trends(store.read(BY_TREND)) == ["rising", "rising", "flat", "flat", "falling", "falling"]
    assert trends(store.read(BY_TREND, where={"trend": ["falling", "flat"]})) == ["flat", "flat", "falling", "falling"]
    with pytest.raises(InvalidRequest, match="rising, flat, falling; 'risen'"):
        store.write(BY_TREND, "risen", BY_TREND.empty())
    with pytest.raises(RowsOutsidePartition, match="flat"):
        store.write(BY_TREND, "falling", fits(1, trends=("flat",)))


def test_a_week_is_named_by_its_monday(store):
    """Any instant of the week belongs to it, and ranges within a week find it."""
    sunday = MONDAY + timedelta(days=6, hours=23)
    rows = fits(2, ts=[MONDAY, sunday])
    store.write(FITS, FIRST, rows)
    store.write(FITS, SECOND, fits(1, week=WEEKS[1]))
    assert store.read(FITS, start="2026-03-04", end="2026-03-08")["ts"].to_list() == [sunday]
    assert store.read(FITS, start="2026-03-08T00:00:00Z").height == 2
    assert store.read(FITS, where={"ts": sunday}).height == 1
    assert store.read(FITS, end="2026-03-02").height == 1
    with pytest.raises(InvalidRequest, match="'2026-03-04' is no week"):
        store.write(FITS, "2026-03-04", FITS.empty())
    with pytest.raises(RowsOutsidePartition, match=FIRST):
        store.write(FITS, SECOND, rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.cast({"trend": pl.String}), "trend.*String instead of Enum"),
        (
            lambda rows: rows.cast({"state": pl.Enum(["ok", "too few", "né, \"q\" | 'x'", "new"])}),
            "state.*new.*instead of",
        ),
        (lambda rows: rows.cast({"window_h": pl.Int32}), "window_h.*Int32 instead of Int16"),
        (lambda rows: rows.cast({"centers": pl.List(pl.Float32)}), "centers.*Float32"),
        (lambda rows: rows.with_columns(edges=pl.lit(None, pl.List(pl.Float64))), "nulls where none may be.*edges"),
        (lambda rows: rows.with_columns(gaps=pl.lit(None, pl.List(UTC_MICROS))), "nulls where none may be.*gaps"),
        (lambda rows: rows.cast({"gaps": pl.List(pl.Datetime("ms", "UTC"))}), "gaps.*ms.* instead of"),
        (lambda rows: rows.cast({"gaps": pl.List(pl.Datetime("us"))}), "gaps.* instead of"),
        (lambda rows: rows.with_columns(trend=pl.lit(None, pl.Enum(TRENDS))), "nulls where none may be.*trend"),
        (lambda rows: rows.with_columns(notes=pl.lit(["a", "b\0"])), "NUL"),
        (lambda rows: pl.concat([rows, rows.head(1)]), "more than once.*rising"),
    ],
)
def test_other_types_nulls_and_keys_are_refused(store, change, said):
    """Nothing is converted on the way in, and the old partition stays."""
    store.write(FITS, FIRST, fits(2))
    with pytest.raises(ContractViolation, match=said):
        store.write(FITS, FIRST, change(fits(2, inertia=[1.0, 2.0])))
    assert_frame_equal(store.read(FITS), fits(2))


def test_many_lists_come_back_in_order(store, monkeypatch):
    """More rows than one chunk of the copy stream holds."""
    monkeypatch.setattr(postgres_copy, "_ROWS_PER_CHUNK", 97)
    rows = fits(1000, ts=[MONDAY + timedelta(minutes=i) for i in range(1000)])
    store.write(FITS, FIRST, rows)
    assert_frame_equal(store.read(FITS), rows, check_exact=True)
    wanted = store.read(FITS, where={"trend": "flat"}, columns=["edges", "epochs"])
    assert_frame_equal(wanted, rows.filter(pl.col("trend") == "flat").select("edges", "epochs"))


def test_a_category_beside_the_key_does_not_sort(store):
    """Rows come in the order of the key alone."""
    by_time = replace(FITS, name="fits_by_time", key=("ts",))
    store.write(by_time, FIRST, fits(6))
    assert_frame_equal(store.read(by_time), fits(6).sort("ts"))


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_of_the_graph_can_be_stored(store, name):
    """Whatever column types it declares: a row of values, a row of nulls where they may be, and no row."""
    contract = TABLES[name]
    whole, sparse = ({**valid(contract, row), **_live(contract)} for row in (0, 1))
    sparse |= {name: None for name, spec in contract.columns.items() if spec.nullable and name not in contract.key}
    rows = contract.validate(pl.DataFrame([whole, sparse], schema=contract.schema))
    for partition, part in contract.split(rows).items():
        store.write(contract, partition, part)
    assert_frame_equal(store.read(contract), rows, check_exact=True)
    partition = next(iter(contract.split(rows)))
    store.write(contract, partition, contract.empty())
    assert store.read(contract, [partition]).schema == contract.schema


def _live(contract):
    """One source, because a store holds live or sandbox rows."""
    source = contract.columns.get("source")
    return {"source": source.isin[0]} if source is not None and source.isin else {}
