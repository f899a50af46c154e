"""Ranges of partition keys."""

import itertools
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.core import clock
from market_assets.core.partitions import Pairs, Span, day_and_name, days, keys_of, ranges, split_key

YEARS = [str(year) for year in range(2015, 2027)]
SYMBOLS = ["AAPL", "BAC", "BTC-USD", "XOM"]


def test_contiguous_years_are_one_range() -> None:
    """Neighbouring keys need one run."""
    assert ranges({"2016", "2017", "2018"}, [YEARS]) == [("2016", "2018")]


def test_a_hole_splits_a_range() -> None:
    """A range never carries a partition nobody asked for."""
    assert ranges({"2016", "2018"}, [YEARS]) == [("2016", "2016"), ("2018", "2018")]


def test_symbols_with_the_same_years_share_a_range() -> None:
    """A two-dimensional range covers the cross product, so equal blocks of neighbours merge."""
    keys = {f"{s}|{y}" for s in ("AAPL", "BAC") for y in ("2019", "2020")} | {"XOM|2020"}
    assert ranges(keys, [SYMBOLS, YEARS]) == [("AAPL|2019", "BAC|2020"), ("XOM|2020", "XOM|2020")]


@given(st.sets(st.sampled_from([f"{s}|{y}" for s in SYMBOLS for y in YEARS])))
def test_ranges_cover_exactly_what_was_asked(keys: set[str]) -> None:
    """Whatever the set, the ranges' cross products are that set, each key once."""
    covered: list[str] = []
    for first, last in ranges(keys, [SYMBOLS, YEARS]):
        (s0, y0), (s1, y1) = first.split("|"), last.split("|")
        symbols = SYMBOLS[SYMBOLS.index(s0) : SYMBOLS.index(s1) + 1]
        years = YEARS[YEARS.index(y0) : YEARS.index(y1) + 1]
        covered += [f"{s}|{y}" for s, y in itertools.product(symbols, years)]
    assert sorted(covered) == sorted(keys)


@pytest.mark.parametrize(
    ("key", "dimensions", "expected"),
    [
        ("AAPL|2020", ("symbol", "year"), {"symbol": "AAPL", "year": "2020"}),
        ("2020", ("year",), {"year": "2020"}),
    ],
)
def test_a_key_is_read_by_dimension(key: str, dimensions: tuple[str, ...], expected: dict[str, str]) -> None:
    """Parts of a key stand in the order of the sorted dimension names."""
    assert split_key(key, dimensions) == expected


@pytest.mark.parametrize(
    ("keys", "days"),
    [
        (["2026-10-05"], [date(2026, 10, 5)]),
        # each day once and in order, whatever the keys' order and second dimension
        (["2026-10-06|okx", "2026-10-05|okx", "2026-10-05|bybit"], [date(2026, 10, 5), date(2026, 10, 6)]),
        (["2026-12-31|BTCUSDT", "2027-01-01|BTCUSDT"], [date(2026, 12, 31), date(2027, 1, 1)]),
    ],
)
def test_the_days_of_a_run(keys: list[str], days: list[date]) -> None:
    """From the first midnight to the one after the last day."""
    span = Span.of(keys)
    assert list(span.days) == days
    assert span.first == clock.instant(f"{days[0]}")
    assert (span.until - clock.instant(f"{days[-1]}")).total_seconds() == 86_400


def test_pairs_are_those_of_dagster_and_grow_with_their_dimensions() -> None:
    """Made once while nothing changes; a new day and a new symbol are there when asked for next, in Dagster's order."""
    dimensions = {"day": days(date(2026, 10, 1)), "symbol": dg.DynamicPartitionsDefinition(name="of_this_test")}
    plain, pairs = dg.MultiPartitionsDefinition(dimensions), Pairs(dimensions)
    assert pairs == plain
    with dg.DagsterInstance.ephemeral() as instance:
        for day, hour, symbol, n in ((3, 12, "B", 3), (3, 13, "A", 6), (4, 0, "A", 8)):
            instance.add_dynamic_partitions("of_this_test", [symbol])
            at = datetime(2026, 10, day, hour, tzinfo=UTC)
            found = pairs.get_partition_keys(at, instance)
            assert found == plain.get_partition_keys(at, instance)
            assert len(found) == n
            assert pairs.get_partition_keys(at, instance) is found


def test_keys_of_days_and_names() -> None:
    """Day by day, each name in the order given; and back again."""
    found = keys_of([date(2026, 10, 5), "2026-10-06"], iter(["EURUSD", "BTCUSD"]))
    assert found == ["2026-10-05|EURUSD", "2026-10-05|BTCUSD", "2026-10-06|EURUSD", "2026-10-06|BTCUSD"]
    assert day_and_name(found[1]) == (date(2026, 10, 5), "BTCUSD")
    assert day_and_name("2026-10-05") == (date(2026, 10, 5), "")
