"""One declaration: gate, catalogue, empty frame, DDL."""

import math
from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.core.contracts import UTC_MICROS, ContractViolation, Table, column
from market_assets.core.errors import UnknownName
from market_assets.tables import TABLES, contract


class SamplePrices(Table):
    """One price of one symbol. For these tests."""

    key = ("symbol", "day")
    partitioned_by = {"symbol": "symbol", "year": "day"}
    time_column = "day"

    symbol = column(pl.String, "House symbol", isin=("AAPL", "BAC"))
    day = column(pl.Date, "Day")
    price = column(pl.Float64, "Price", nullable=True, gt=0)
    seen_at = column(pl.Int64, "When", volatile=True)


def frame(**changes: list[object]) -> pl.DataFrame:
    rows: dict[str, list[object]] = {
        "symbol": ["BAC", "AAPL"],
        "day": [date(2021, 1, 4), date(2020, 12, 31)],
        "price": [30.0, None],
        "seen_at": [1, 2],
    }
    return pl.DataFrame(rows | changes, schema=SamplePrices.contract().schema)


def test_a_good_frame_passes_sorted_by_its_key() -> None:
    """The gate returns rows in key order and columns in contract order."""
    assert SamplePrices.contract().validate(frame())["symbol"].to_list() == ["AAPL", "BAC"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"price": [float("nan"), 1.0]}, "finite"),
        ({"price": [float("inf"), 1.0]}, "finite"),
        ({"price": [0.0, 1.0]}, "greater_than"),
        ({"symbol": ["XOM", "AAPL"]}, "isin"),
        ({"symbol": ["AAPL", "AAPL"], "day": [date(2020, 1, 2)] * 2}, "unique"),
        ({"symbol": [None, "AAPL"]}, "nullable"),
    ],
)
def test_a_bad_value_is_refused_with_the_rule_it_breaks(changes: dict[str, list[object]], named: str) -> None:
    """Infinite, non-positive, unlisted, doubled or null values never pass."""
    with pytest.raises(ContractViolation, match=named):
        SamplePrices.contract().validate(frame(**changes))


def test_a_wrong_type_names_both_types() -> None:
    """An integer price is not a price."""
    with pytest.raises(ContractViolation, match="Int64 instead of Float64"):
        SamplePrices.contract().validate(frame().with_columns(price=pl.lit(1, pl.Int64)))


def test_a_lazy_frame_is_refused() -> None:
    """pandera lets bad values of lazy frames through, so the gate takes none."""
    with pytest.raises(ContractViolation, match="eager"):
        SamplePrices.contract().validate(frame().lazy())  # type: ignore[arg-type]


def test_missing_and_surplus_columns_are_named() -> None:
    """Nothing is dropped or invented silently."""
    with pytest.raises(ContractViolation, match=r"missing \['price'\].*\['extra'\]"):
        SamplePrices.contract().validate(frame().drop("price").with_columns(extra=1))


def test_rows_are_split_by_sorted_dimensions() -> None:
    """A partition key lists its dimensions in the order of their names."""
    assert set(SamplePrices.contract().split(frame())) == {"BAC|2021", "AAPL|2020"}


def test_ddl_has_types_nulls_and_key() -> None:
    """The Postgres table follows from the declaration."""
    ddl = SamplePrices.contract().ddl()
    assert '"price" double precision,' in ddl
    assert '"day" date NOT NULL' in ddl
    assert 'PRIMARY KEY ("symbol", "day")' in ddl


def test_an_empty_frame_is_typed() -> None:
    """Known empty has every column with its type."""
    empty = SamplePrices.contract().empty()
    assert empty.height == 0
    assert empty.schema == SamplePrices.contract().schema


def test_an_unknown_table_names_the_near_ones() -> None:
    """A typing error costs one look."""
    with pytest.raises(UnknownName, match="equities_daily_bars"):
        contract("equity_daily_bar")


class SampleModels(Table):
    """One fit of one week. For these tests."""

    key = ("ts", "status")
    partitioned_by = {"week": "ts", "status": "status"}
    time_column = "ts"

    ts = column(UTC_MICROS, "Instant of the fit")
    status = column(pl.Enum(["ok", "failed"]), "Outcome")
    horizon_h = column(pl.Int16, "Hours", ge=1)
    edges = column(pl.List(pl.Float64), "Edges", nullable=True)
    gaps = column(pl.List(UTC_MICROS), "Starts of its gaps")


def models(**changes: list[object]) -> pl.DataFrame:
    rows: dict[str, list[object]] = {
        "ts": [datetime(2024, 6, 9, 23, tzinfo=UTC), datetime(2024, 6, 3, tzinfo=UTC)],
        "status": ["ok", "failed"],
        "horizon_h": [1, 2],
        "edges": [[0.5, None], []],
        "gaps": [[], [datetime(2024, 6, 3, tzinfo=UTC), None]],
    }
    return pl.DataFrame(rows | changes, schema=SampleModels.contract().schema)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"edges": [[0.5, math.nan], None]}, "edges: finite"),
        ({"edges": [None, [-math.inf]]}, "edges: finite"),
        ({"horizon_h": [1, 0]}, "greater_than_or_equal"),
        ({"status": ["ok", None]}, "nullable"),
        ({"gaps": [[], None]}, "gaps: not_nullable"),
    ],
)
def test_lists_narrow_integers_and_categories_have_rules_too(changes: dict[str, list[object]], named: str) -> None:
    """No item of a list is infinite or no number; an unknown item, an empty list and no list pass."""
    assert SampleModels.contract().validate(models()).height == 2
    assert SampleModels.contract().validate(models(edges=[None, None])).height == 2
    with pytest.raises(ContractViolation, match=named):
        SampleModels.contract().validate(models(**changes))


def test_other_categories_are_another_type() -> None:
    """Nothing is converted: neither text nor an Enum with a category more passes."""
    for dtype in (pl.String(), pl.Enum(["ok", "failed", "new"]), pl.Enum(["failed", "ok"])):
        with pytest.raises(ContractViolation, match=r"status.*instead of Enum"):
            SampleModels.contract().validate(models().cast({"status": dtype}))


def test_a_week_is_named_by_its_monday_and_a_category_by_its_text() -> None:
    """2024-06-03 is a Monday, and 2024-06-09 the Sunday after it."""
    assert set(SampleModels.contract().split(models())) == {"ok|2024-06-03", "failed|2024-06-03"}


def test_ddl_of_categories_lists_and_narrow_integers() -> None:
    """Categories are text, so that one more needs no migration."""
    assert SampleModels.contract().postgres_columns() == {
        "ts": "timestamptz",
        "status": "text",
        "horizon_h": "smallint",
        "edges": "double precision[]",
        "gaps": "timestamptz[]",
    }


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_is_described_and_every_table_opens_with_its_row(name: str) -> None:
    """The catalogue has no blank: the first sentence says what one row is."""
    declared = TABLES[name]
    assert (
        declared.title.startswith("One ") or declared.title.startswith("All ") or declared.title.startswith("Technical")
    )
    assert all(col.description for col in declared.columns.values())
