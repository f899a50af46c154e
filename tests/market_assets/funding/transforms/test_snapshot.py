"""Looks at the current state in comparable units (spec section 5)."""

from typing import Any

import polars as pl
import pytest

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import UnknownName
from market_assets.funding.schemas import FundingSnapshot
from market_assets.funding.transforms.snapshot import snapshot
from tests.market_assets.funding.transforms.histories import at, contracts, looked, seen

#: CURRENT of the venues, with what a look adds
LOOKS = {
    "exchange": pl.String(),
    "native_symbol": pl.String(),
    "predicted_rate_native": pl.Float64(),
    "interval_hours": pl.Float64(),
    "next_funding_time": UTC_MICROS,
    "mark_price": pl.Float64(),
    "index_price": pl.Float64(),
    "open_interest_native": pl.Float64(),
    "is_trailing": pl.Boolean(),
    "snapshot_at": UTC_MICROS,
    "latency_ms": pl.Float64(),
    "ingested_at": UTC_MICROS,
    "source": pl.String(),
}


def look(hours: float = 1, **stated: Any) -> dict[str, Any]:
    """BTC on gate, so many hours after T0."""
    return {
        "exchange": "gate",
        "native_symbol": "BTC_USDT",
        "predicted_rate_native": 1e-4,
        "interval_hours": None,
        "next_funding_time": at(8),
        "mark_price": 50_000.0,
        "index_price": 40_000.0,
        "open_interest_native": 10.0,
        "is_trailing": False,
        "snapshot_at": at(hours),
        "latency_ms": 12.5,
        "ingested_at": at(hours),
        "source": "gate",
    } | stated


def snapped(*rows: dict[str, Any], **terms: Any) -> pl.DataFrame:
    """The table of these looks, under a contract with these terms."""
    known = contracts(seen(**({"native_symbol": "BTC_USDT"} | terms)))
    return FundingSnapshot.contract().validate(snapshot(pl.DataFrame(rows, schema=LOOKS), known))


def test_a_look_is_complete():
    """Rates per hour, 8 hours and year; prices and basis."""
    row = snapped(look()).row(0, named=True)
    assert row == {
        "exchange": "gate",
        "symbol": "BTC-USDT-PERP",
        "snapshot_at": at(1),
        "native_symbol": "BTC_USDT",
        "base_asset": "BTC",
        "predicted_rate_native": 1e-4,
        "interval_hours": 8.0,
        "predicted_rate_1h": 1.25e-5,
        "predicted_rate_8h": 1e-4,
        "predicted_apr_pct": pytest.approx(10.95),
        "next_funding_time": at(8),
        "mark_price": 50_000.0,
        "index_price": 40_000.0,
        "mark_price_base": 50_000.0,
        "open_interest_native": 10.0,
        "open_interest_base": 10.0,
        "open_interest_usd": 500_000.0,
        "basis_pct": 25.0,
        "latency_ms": 12.5,
        "is_trailing": False,
        "ingested_at": at(1),
        "source": "gate",
    }


@pytest.mark.parametrize(
    ("terms", "native", "mark", "base", "usd"),
    [
        ({"oi_unit": "base"}, 10.0, 50_000.0, 10.0, 500_000.0),
        # 1,000,000 contracts of 0.00001 BTC
        ({"oi_unit": "contracts", "contract_size": 1e-5}, 1e6, 50_000.0, 10.0, 500_000.0),
        # 5,000 contracts of 100 USD
        ({"oi_unit": "contracts", "contract_size": 100.0, "kind": "inverse", "quote": "USD"}, 5e3, 5e4, 10.0, 5e5),
        ({"oi_unit": "usd", "kind": "inverse", "quote": "USD"}, 500_000.0, 50_000.0, 10.0, 500_000.0),
        ({"oi_unit": "usd"}, 500_000.0, 50_000.0, 10.0, 500_000.0),
        # 10 units of a thousand PEPE at 0.01 each
        ({"oi_unit": "base", "native_base": "1000PEPE"}, 10.0, 0.01, 10_000.0, 0.1),
        ({"oi_unit": "contracts", "contract_size": 5.0, "native_base": "1000PEPE"}, 2.0, 0.01, 10_000.0, 0.1),
        ({"oi_unit": "usd", "native_base": "1000PEPE"}, 0.1, 0.01, 10_000.0, 0.1),
    ],
)
def test_open_interest_is_comparable_whatever_its_unit(terms, native, mark, base, usd):
    """In contracts, base units or dollars, linear or inverse: the same position is the same amount."""
    row = snapped(look(open_interest_native=native, mark_price=mark), **terms).row(0, named=True)
    assert row["open_interest_base"] == pytest.approx(base)
    assert row["open_interest_usd"] == pytest.approx(usd)


def test_prices_are_rescaled_and_rates_are_not():
    """A thousand PEPE at 0.01 is PEPE at 0.00001; funding is a fraction of notional."""
    row = snapped(look(mark_price=0.01), native_base="1000PEPE").row(0, named=True)
    assert row["mark_price_base"] == pytest.approx(1e-5)
    assert row["predicted_rate_1h"] == 1.25e-5
    assert (row["symbol"], row["base_asset"]) == ("1000PEPE-USDT-PERP", "PEPE")


def test_what_is_missing_stays_null():
    """No rate, no prices, no open interest: nothing is made up."""
    row = snapped(
        look(
            predicted_rate_native=None,
            mark_price=None,
            index_price=None,
            open_interest_native=None,
            next_funding_time=None,
        )
    ).row(0, named=True)
    unknown = [name for name, value in row.items() if value is None]
    assert unknown == [
        "predicted_rate_native",
        "predicted_rate_1h",
        "predicted_rate_8h",
        "predicted_apr_pct",
        "next_funding_time",
        "mark_price",
        "index_price",
        "mark_price_base",
        "open_interest_native",
        "open_interest_base",
        "open_interest_usd",
        "basis_pct",
    ]


def test_zero_is_a_rate_and_an_amount_but_no_price():
    """A rate and an open interest of 0 are measured; a price of 0 is an unknown one."""
    row = snapped(look(predicted_rate_native=0.0, open_interest_native=0.0, index_price=0.0)).row(0, named=True)
    assert (row["predicted_rate_1h"], row["predicted_apr_pct"]) == (0.0, 0.0)
    assert (row["open_interest_base"], row["open_interest_usd"]) == (0.0, 0.0)
    assert (row["index_price"], row["basis_pct"]) == (None, None)


def test_open_interest_without_a_mark_is_known_in_base_units_only():
    """And not at all where dollars have to be converted."""
    row = snapped(look(mark_price=None)).row(0, named=True)
    assert (row["open_interest_base"], row["open_interest_usd"]) == (10.0, None)
    inverse = snapped(look(mark_price=None), oi_unit="usd").row(0, named=True)
    assert inverse["open_interest_base"] is None


def test_open_interest_in_dollars_needs_a_price_in_dollars():
    """ETH priced in BTC has open interest in ETH."""
    row = snapped(look(), quote="BTC").row(0, named=True)
    assert (row["open_interest_base"], row["open_interest_usd"]) == (10.0, None)


def test_the_looks_own_interval_counts_before_the_listings():
    """The listing's is that of the row valid then; without either the rate per hour is unknown."""
    known = contracts(*looked(hours=[0, 1]), *looked(hours=[2, 3], interval_hours=4.0))
    rows = [look(1), look(2), look(3, interval_hours=2.0)]
    got = snapshot(pl.DataFrame(rows, schema=LOOKS), known)
    assert got["interval_hours"].to_list() == [8.0, 4.0, 2.0]
    assert got["predicted_rate_1h"].to_list() == [1e-4 / 8, 1e-4 / 4, 1e-4 / 2]
    unknown = snapped(look(), interval_hours=None)
    assert unknown.select("interval_hours", "predicted_rate_1h").row(0) == (None, None)
    assert unknown["predicted_rate_native"].to_list() == [1e-4]


def test_a_row_stated_twice_counts_once():
    """The one that arrived last; the order of rows is irrelevant."""
    rows = [look(mark_price=2.0, ingested_at=at(3)), look(mark_price=1.0, ingested_at=at(2)), look(0)]
    for order in (rows, rows[::-1]):
        got = snapped(*order)
        assert got.select("snapshot_at", "mark_price").rows() == [(at(0), 50_000.0), (at(1), 2.0)]


def test_a_look_at_an_unlisted_contract_is_an_error():
    """It has no name."""
    with pytest.raises(UnknownName, match="XYZ"):
        snapped(look(native_symbol="XYZ"))


def test_no_look_is_an_empty_table():
    """Columns stay."""
    assert snapped().equals(FundingSnapshot.contract().empty())
