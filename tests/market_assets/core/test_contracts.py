"""One declaration: gate, catalogue, empty frame, DDL."""

from datetime import date

import polars as pl
import pytest

from market_assets.core.contracts import ContractViolation, Table, column
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


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_is_described_and_every_table_opens_with_its_row(name: str) -> None:
    """The catalogue has no blank: the first sentence says what one row is."""
    declared = TABLES[name]
    assert (
        declared.title.startswith("One ") or declared.title.startswith("All ") or declared.title.startswith("Technical")
    )
    assert all(col.description for col in declared.columns.values())
