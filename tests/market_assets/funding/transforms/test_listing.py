"""Contracts from looks at the listing (spec section 3)."""

from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.schemas import FundingContracts
from market_assets.funding.transforms import listing
from tests.market_assets.funding.transforms.histories import FUNDING, HOUR, LONG_AGO, at, contracts, frame, looked, seen


def rows(table: pl.DataFrame, *columns: str) -> list[tuple]:
    """Some columns by native symbol and time."""
    return table.sort("native_symbol", "valid_from").select(columns).rows()


def test_a_contract_without_changes_is_one_row():
    """Facts of the listing, names, fee and venue; open while listed."""
    table = FundingContracts.contract().validate(
        contracts(
            *looked(
                hours=range(3),
                listed_at=LONG_AGO,
                exchange="binance_coinm",
                kind="inverse",
                quote="USD",
                oi_unit="contracts",
                contract_size=100.0,
            )
        )
    )
    assert table.height == 1
    assert table.row(0, named=True) == {
        "exchange": "binance_coinm",
        "venue": "binance",
        "native_symbol": "BTC_USDT",
        "request_id": "BTC_USDT",
        "symbol": "BTC-USD-PERP.INV",
        "base_asset": "BTC",
        "multiplier": 1.0,
        "multiplier_verified": True,
        "price_ratio": None,
        "quote": "USD",
        "settle": "USDT",
        "kind": "inverse",
        "contract_size": 100.0,
        "oi_unit": "contracts",
        "interval_hours": 8.0,
        "taker_fee_bps": 5.0,
        "valid_from": LONG_AGO,
        "valid_to": None,
        "first_seen": at(0),
        "last_seen": at(2),
    }


def test_a_first_row_begins_when_first_seen_where_no_listing_date_is_stated():
    """A date in the future of the first look is none either: the contract was traded then."""
    assert rows(contracts(*looked(hours=[5])), "valid_from") == [(at(5),)]
    assert rows(contracts(*looked(hours=[5], listed_at=at(7))), "valid_from") == [(at(5),)]


@pytest.mark.parametrize(
    "change", [{"interval_hours": 4.0}, {"interval_hours": None}, {"contract_size": 10.0}, {"oi_unit": "contracts"}]
)
def test_a_change_of_terms_begins_a_row(change):
    """The old row ends where the new one begins: at the look that first had the change."""
    table = contracts(
        *looked(hours=range(3), listed_at=LONG_AGO), *looked(hours=range(3, 6), listed_at=LONG_AGO, **change)
    )
    assert rows(table, "valid_from", "valid_to", "first_seen", "last_seen") == [
        (LONG_AGO, at(3), at(0), at(2)),
        (at(3), None, at(3), at(5)),
    ]
    name, value = next(iter(change.items()))
    assert table[name].to_list()[1] == value


def test_what_changes_besides_the_terms_is_as_seen_last():
    """A new request id makes no row."""
    table = contracts(*looked(hours=[0]), *looked(hours=[1], request_id="77"))
    assert rows(table, "request_id", "first_seen", "last_seen") == [("77", at(0), at(1))]


@pytest.mark.parametrize(("unseen", "valid_to"), [(23.9, None), (24.0, at(2))])
def test_a_contract_unseen_for_a_day_is_closed_at_its_last_look(unseen, valid_to):
    """Against the newest look of the exchange, whatever the time is."""
    table = contracts(*looked(hours=range(3)), *looked("ETH", hours=[0, 1, 2, 2 + unseen]))
    assert rows(table, "native_symbol", "valid_to") == [("BTC_USDT", valid_to), ("ETH_USDT", None)]


def test_a_look_of_another_exchange_closes_nothing():
    """Each exchange has its own looks."""
    table = contracts(*looked(hours=range(3)), *looked("ETH", exchange="okx", hours=range(100)))
    assert table["valid_to"].null_count() == 2


def test_time_without_any_look_closes_nothing():
    """Two days in which nobody looked: the contract was not missed."""
    table = contracts(*looked(hours=[0, 1, 50, 51]), *looked("ETH", hours=[0, 1, 50, 51]))
    assert rows(table, "native_symbol", "valid_from", "valid_to") == [
        ("BTC_USDT", at(0), None),
        ("ETH_USDT", at(0), None),
    ]


def test_a_contract_that_comes_back_begins_a_row():
    """Closed at its last look, open again from the look that had it; shorter absences are none."""
    table = contracts(
        *looked(hours=[0, 1, 2, 5, 40, 41], listed_at=LONG_AGO), *looked("ETH", hours=range(42), interval_hours=None)
    )
    assert rows(table.filter(native_symbol="BTC_USDT"), "valid_from", "valid_to", "last_seen") == [
        (LONG_AGO, at(5), at(5)),
        (at(40), None, at(41)),
    ]


def test_a_candidate_is_called_by_its_asset_once_the_price_agrees():
    """Until then it has its native name, unverified; the last check known counts."""
    ratios = {0: None, 1: 0.99, 2: None, 3: 1.02, 4: 1.3}
    table = contracts(
        *(row for hour, ratio in ratios.items() for row in looked("1MDOG", hours=[hour], price_ratio=ratio))
    )
    assert rows(table, "symbol", "base_asset", "multiplier", "multiplier_verified", "price_ratio", "valid_from") == [
        ("1MDOG-USDT-PERP", "1MDOG", 1.0, False, None, at(0)),
        ("1000000DOG-USDT-PERP", "DOG", 1e6, True, 1.02, at(1)),
        ("1MDOG-USDT-PERP", "1MDOG", 1.0, False, 1.3, at(4)),
    ]


def test_a_multiple_and_its_asset_coexist():
    """1000SHIB and SHIB of one exchange are two contracts of one asset."""
    table = contracts(seen("1000SHIB"), seen("SHIB"))
    assert rows(table, "symbol", "base_asset") == [("1000SHIB-USDT-PERP", "SHIB"), ("SHIB-USDT-PERP", "SHIB")]


def test_of_two_contracts_under_one_name_the_first_keeps_it():
    """The other is called by its native symbol, unverified, however old its stated listing is."""
    table = contracts(
        *looked(hours=range(9)), *looked(hours=range(4, 9), native_symbol="BTC_USDT_x", listed_at=LONG_AGO)
    )
    assert rows(table, "native_symbol", "symbol", "base_asset", "multiplier_verified", "valid_from") == [
        ("BTC_USDT", "BTC-USDT-PERP", "BTC", True, at(0)),
        ("BTC_USDT_x", "BTC_USDT_X-USDT-PERP", "BTC_USDT_X", False, LONG_AGO),
    ]


def test_names_that_collide_again_are_numbered():
    """Native symbols that differ in case only."""
    table = contracts(*(seen(native_symbol=name) for name in ("0", "b", "B")))
    assert sorted(table["symbol"]) == ["B-USDT-PERP", "B.2-USDT-PERP", "BTC-USDT-PERP"]


def test_a_symbol_passes_to_the_next_contract():
    """The first is closed at its last look even before 24 h; the next one does not reach back beyond that."""
    table = contracts(
        *looked(hours=range(4), listed_at=LONG_AGO),
        *looked(hours=range(6, 9), native_symbol="BTC2_USDT", listed_at=at(-50)),
        *looked("ETH", hours=range(9)),
    )
    assert rows(table.filter(symbol="BTC-USDT-PERP"), "native_symbol", "valid_from", "valid_to") == [
        ("BTC2_USDT", at(3), None),
        ("BTC_USDT", LONG_AGO, at(3)),
    ]


NAMES = ("BTC", "ETH", "1MDOG", "BTC2")


@st.composite
def listings(draw):
    """Looks at irregular times; at each, some contracts with some facts."""
    times = sorted(draw(st.sets(st.integers(0, 120), min_size=2, max_size=8)))
    looks = []
    for time in times:
        present = draw(st.sets(st.sampled_from(NAMES), min_size=1))
        for name in sorted(present):
            facts = {
                "interval_hours": draw(st.sampled_from([8.0, 4.0, None])),
                "price_ratio": draw(st.sampled_from([None, 1.0, 1.01, 2.0])),
                "native_base": "BTC" if name == "BTC2" else name,
            }
            looks += looked(name, hours=[time], **facts)
    return times, looks


def until(looks: list[dict], time: datetime) -> list[dict]:
    """Looks made by then."""
    return [row for row in looks if row["last_at"] <= time]


@given(listings(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_contracts_do_not_depend_on_order_or_merging(made, random):
    """Looks in any order, or merged at any time and continued, fold to the same contracts."""
    times, looks = made
    expected = listing.contracts(frame(looks), FUNDING)
    FundingContracts.contract().validate(expected)
    shuffled = random.sample(looks, len(looks))
    assert listing.contracts(frame(shuffled), FUNDING).equals(expected)
    assert listing.contracts(listing.merged(frame(shuffled)), FUNDING).equals(expected)
    # looks are added one by one to what was merged before
    stored = frame([])
    for time in times:
        new = frame([row for row in looks if row["first_at"] == at(time)])
        stored = listing.merged(pl.concat([stored, new]))
    assert stored.equals(listing.merged(frame(looks)))
    assert listing.contracts(stored, FUNDING).equals(expected)


@given(listings())
@settings(deadline=None, max_examples=30)
def test_a_symbol_has_one_contract_at_a_time(made):
    """No two rows of a symbol overlap, and at each look every contract has its own symbol."""
    _, looks = made
    table = listing.contracts(frame(looks), FUNDING)
    for _, of_symbol in table.group_by("exchange", "symbol"):
        spans = of_symbol.sort("valid_from", "valid_to").select("valid_from", "valid_to").rows()
        for (_, ends), (begins, _) in pairwise(spans):
            assert ends is not None
            assert ends <= begins
    for look in looks:
        valid = table.filter(
            pl.col("native_symbol") == look["native_symbol"],
            pl.col("first_seen") <= look["first_at"],
            pl.col("last_seen") >= look["first_at"],
        )
        assert valid.height == 1
        assert valid["interval_hours"].to_list() == [look["interval_hours"]]


@given(listings())
@settings(deadline=None, max_examples=25)
def test_later_looks_close_rows_and_change_no_terms(made):
    """What was known by a look stays, where no two contracts share a name: the same rows from the same instants."""
    times, looks = made
    alone = [row for row in looks if row["native_symbol"] != "BTC2_USDT"]
    whole = listing.contracts(frame(alone), FUNDING)
    by_then = listing.contracts(frame(until(alone, at(times[len(times) // 2]))), FUNDING)
    key = ["native_symbol", "valid_from", "symbol", "interval_hours", "multiplier"]
    assert by_then.select(key).join(whole.select(key), on=key, how="anti", nulls_equal=True).is_empty()


def test_merged_rows_tell_each_contract_once_while_nothing_changes():
    """Prices that pass the check alike are no change, nor is a price that is not known; the last one stays."""
    ratios = [1.0, 1.01, None, 0.99, 1.2, 1.3]
    looks = [row for hour, ratio in enumerate(ratios) for row in looked(hours=[hour], price_ratio=ratio)]
    got = listing.merged(frame(looks))
    assert got.schema == listing.SEEN
    assert got.select("first_at", "last_at", "price_ratio").rows() == [(at(0), at(3), 0.99), (at(4), at(5), 1.3)]


def test_merged_rows_end_where_a_look_was_without_the_contract():
    """And stay apart when newer looks are merged in: a contract that the look had begins a row with it."""
    looks = [*looked(hours=range(5)), *looked("ETH", hours=[0, 1, 3, 4])]
    once = listing.merged(frame(looks))
    assert once.filter(native_symbol="ETH_USDT").select("first_at", "last_at").rows() == [
        (at(0), at(1)),
        (at(3), at(4)),
    ]
    newer = frame([*looked(hours=[5]), *looked("ETH", hours=[5])])
    again = listing.merged(pl.concat([once, newer]))
    assert again.select("native_symbol", "first_at", "last_at").rows() == [
        ("BTC_USDT", at(0), at(1)),
        ("BTC_USDT", at(2), at(5)),
        ("ETH_USDT", at(0), at(1)),
        ("ETH_USDT", at(3), at(5)),
    ]


def test_nothing_seen_is_no_contract():
    """An empty listing folds to the empty table."""
    assert listing.contracts(frame([]), FUNDING).equals(FundingContracts.contract().empty())
    assert listing.merged(frame([])).is_empty()


def test_a_year_of_hourly_looks_stays_small():
    """2,000 contracts whose prices move at every look are 2,000 rows after merging."""
    names = pl.DataFrame({"n": range(2000)})
    row = frame([seen()]).drop("native_symbol", "price_ratio", "first_at", "last_at")
    stored = frame([])
    for hour in range(3):
        new = names.join(row, how="cross").select(
            pl.format("A{}", "n").alias("native_symbol"),
            *row.columns,
            price_ratio=1.0 + hour / 100,
            first_at=pl.lit(at(hour)).cast(pl.Datetime("us", "UTC")),
            last_at=pl.lit(at(hour)).cast(pl.Datetime("us", "UTC")),
        )
        stored = listing.merged(pl.concat([stored, new.select(list(listing.SEEN))]))
    assert stored.height == 2000
    assert stored["last_at"].max() - stored["first_at"].min() == 2 * HOUR == timedelta(hours=2)
