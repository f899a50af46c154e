"""How far each funding asset looks, as Dagster maps it."""

import dagster as dg
import pytest

from market_assets.core import partitions
from market_assets.funding.partitions import DAY, EXCHANGE, EXCHANGE_DAY
from market_assets.funding.settings import EXCHANGES
from tests.market_assets.mapped import asset_graph, cut, upstream

ALL = tuple(EXCHANGE.get_partition_keys())


@pytest.mark.parametrize(
    ("child", "parent", "first", "last", "n"),
    [
        ("funding_completeness", "funding_rates", "2025-05-08", "2025-06-07", 31),
        ("funding_statistics", "funding_rates", "2025-05-08", "2025-06-07", 31),
        ("funding_statistics", "funding_snapshot", "2025-06-07", "2025-06-07", 1),
        ("funding_statistics", "funding_completeness", "2025-06-07", "2025-06-07", 1),
        ("funding_hourly_rates", "funding_rates", "2025-06-07", "2025-06-08", 2),
    ],
)
def test_days_of_the_same_exchange(child: str, parent: str, first: str, last: str, n: int) -> None:
    """Section 1 of the specification: thirty days back, the day itself, or the morning after."""
    assert cut(upstream(child, parent, "2025-06-07|okx")) == (first, last, n, {"okx"})


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("funding_spreads", "funding_hourly_rates"),
        ("funding_spreads", "funding_snapshot"),
        ("funding_opportunities", "funding_snapshot"),
        ("funding_opportunities", "funding_statistics"),
    ],
)
def test_the_same_day_of_every_exchange(child: str, parent: str) -> None:
    assert cut(upstream(child, parent, "2025-06-07")) == ("2025-06-07", "2025-06-07", 1, set(ALL))


@pytest.mark.parametrize("child", ["funding_rates", "funding_snapshot", "funding_completeness"])
def test_contracts_of_the_same_exchange(child: str) -> None:
    assert upstream(child, "funding_contracts", "2025-06-07|okx") == ["okx"]


@pytest.mark.parametrize("child", ["funding_spreads", "funding_opportunities"])
def test_contracts_of_every_exchange(child: str) -> None:
    assert upstream(child, "funding_contracts", "2025-06-07") == sorted(ALL)


@pytest.mark.parametrize(
    ("child", "parent", "first", "last", "n"),
    [
        ("funding_spread_statistics", "funding_spreads", "2025-05-08", "2025-06-06", 30),
        ("funding_opportunities", "funding_spread_statistics", "2025-06-06", "2025-06-07", 2),
    ],
)
def test_days(child: str, parent: str, first: str, last: str, n: int) -> None:
    """A day's spreads are not known to its own statistics."""
    found = upstream(child, parent, "2025-06-07")
    assert (found[0], found[-1], len(found)) == (first, last, n)


@pytest.mark.parametrize("parent", ["funding_rates", "funding_completeness"])
def test_the_first_day_reads_what_there_is(parent: str) -> None:
    """Days before the first are no partitions, and no error."""
    assert upstream("funding_statistics", parent, "2025-01-01|okx") == ["2025-01-01|okx"]


def test_a_day_ends_at_midnight_utc_and_the_running_one_is_there() -> None:
    assert EXCHANGE_DAY.partitions_defs[0].partitions_def is DAY
    assert str(DAY.timezone) == "UTC"
    assert DAY.get_first_partition_key() == "2025-01-01"
    assert DAY.end_offset == 1


def test_exchanges_in_use_are_one_range() -> None:
    """Those in use come first, in the order of the settings; the rest keeps its partitions."""
    assert set(ALL) >= set(EXCHANGES)
    assert partitions.ranges(EXCHANGES, [ALL]) == [(EXCHANGES[0], EXCHANGES[-1])]
    some = [name for name in EXCHANGES if name != "bitget"]
    days = ["2025-06-06", "2025-06-07"]
    keys = [f"{day}|{name}" for day in days for name in some]
    spans = partitions.ranges(keys, [days, ALL])
    covered = [key for span in spans for key in partitions.covered(span, [days, ALL])]
    assert sorted(covered) == sorted(keys)
    assert len(spans) == 2


def test_what_is_derived_is_not_its_own_ancestor() -> None:
    """Predictions, settled rates and contracts depend on nothing but the exchanges."""
    above = {
        name: {key.to_user_string() for key in asset_graph().get(dg.AssetKey(name)).parent_keys}
        for name in ("funding_contracts", "funding_rates", "funding_snapshot")
    }
    assert above == {
        "funding_contracts": set(),
        "funding_rates": {"funding_contracts"},
        "funding_snapshot": {"funding_contracts"},
    }
