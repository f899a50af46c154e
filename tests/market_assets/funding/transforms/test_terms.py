"""The contract row in force at an instant."""

import polars as pl
import pytest

from market_assets.core.errors import UnknownName
from market_assets.funding.transforms.terms import with_terms
from tests.market_assets.funding.transforms.histories import at, contracts, event, events, looked


def test_terms_are_those_of_the_instant():
    """Before the first row the first one holds, at valid_from the new one, after the end the last one."""
    known = contracts(
        *looked(hours=[0, 1]), *looked(hours=[2, 3], contract_size=10.0), *looked("ETH", hours=[0, 1, 2, 3, 99])
    )
    asked = events(*(event(hours) for hours in (-500, 0, 1.9, 2, 400)))
    got = with_terms(asked, known, at="funding_time_native", terms=["contract_size"])
    assert got["contract_size"].to_list() == [1.0, 1.0, 1.0, 10.0, 10.0]
    assert got.columns == [*asked.columns, "contract_size"]


def test_rows_are_sorted_by_contract_and_time():
    """Whatever order they came in."""
    known = contracts(*looked(hours=[0]), *looked("ETH", hours=[0]))
    asked = events(event(5, native_symbol="ETH_USDT"), event(3), event(1), event(2, native_symbol="ETH_USDT"))
    got = with_terms(asked, known, at="funding_time_native", terms=["symbol"])
    assert got.select("symbol", "funding_time_native").rows() == [
        ("BTC-USDT-PERP", at(1)),
        ("BTC-USDT-PERP", at(3)),
        ("ETH-USDT-PERP", at(2)),
        ("ETH-USDT-PERP", at(5)),
    ]


def test_an_unknown_contract_is_named_with_the_nearest():
    """An event of a contract that no listing had cannot be called anything."""
    with pytest.raises(
        UnknownName, match=r"contract of gate in funding_contracts named 'BTCUSDT'; did you mean BTC_USDT"
    ):
        with_terms(events(event(0, native_symbol="BTCUSDT")), contracts(), at="funding_time_native", terms=["symbol"])


def test_no_rows_need_no_contract():
    """Nothing in, nothing out."""
    got = with_terms(events(), contracts().clear(), at="funding_time_native", terms=["symbol"])
    assert got.is_empty()
    assert got.schema["symbol"] == pl.String
