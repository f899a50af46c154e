"""What exchanges' routes share: names of contracts, numbers as text, the listing's clock."""

from datetime import UTC, datetime

import numpy as np
import pytest

from resources.sandbox import exchange_desk
from resources.sandbox.desk import Desk
from resources.sandbox.exchange_desk import Listings
from resources.sandbox.faults import Faults
from resources.sandbox.synthetic import SyntheticBackend
from tests.resources.sandbox.hand_market import NOW, NOW_MS, perpetual


@pytest.mark.parametrize(
    ("native", "house"),
    [
        ("BTC", "BTC"),
        ("XBT", "BTC"),
        ("1000PEPE", "PEPE"),
        ("1000000MOG", "MOG"),
        ("1MBABYDOGE", "BABYDOGE"),
        ("kSHIB", "SHIB"),
        ("1INCH", "1INCH"),
        ("KAS", "KAS"),
    ],
)
def test_faults_call_a_base_by_its_house_name(native: str, house: str) -> None:
    assert exchange_desk.house_base(native) == house


def test_a_contract_is_called_by_its_symbol_and_its_base() -> None:
    pepe = perpetual("bybit", "1000PEPEUSDT", "1000PEPE")
    assert exchange_desk.names("1000PEPEUSDT", pepe) == ["1000PEPEUSDT", "PEPE"]
    assert exchange_desk.names("NONE", None) == ["NONE"]
    assert exchange_desk.names("", None) == []


def test_numbers_become_text_with_a_fixed_number_of_decimals() -> None:
    assert exchange_desk.texts(np.array([0.0001, -3.75e-05, 0.0, np.nan]), 8) == [
        "0.00010000",
        "-0.00003750",
        "0.00000000",
        None,
    ]


def test_trimmed_numbers_have_no_zeros_at_the_end_and_no_exponent() -> None:
    values = np.array([1e-9, 0.0001, 100.0, 0.0, -1e-12, np.nan])
    assert exchange_desk.trimmed(values, 10, "") == ["0.000000001", "0.0001", "100", "0", "0", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(58147.74, "58147.74"), (0.0000123456789, "0.000012345679"), (0.0, "0"), (123456789.4, "123456789"), (None, "")],
)
def test_a_price_has_eight_figures(value: float | None, text: str) -> None:
    assert exchange_desk.price(value) == text


def test_milliseconds_and_instants_are_inverse() -> None:
    assert exchange_desk.milliseconds(NOW) == NOW_MS
    assert exchange_desk.instant(NOW_MS) == NOW


def test_a_listing_is_that_of_the_minute(market: SyntheticBackend) -> None:
    """NEW2602 is listed on 11 February 2026 at 10:00."""
    listings = Listings(Desk(market, Faults(), lambda: NOW))
    before, after = datetime(2026, 2, 11, 9, 59, 59, tzinfo=UTC), datetime(2026, 2, 11, 10, 0, 1, tzinfo=UTC)
    assert "NEW2602USDT" not in listings.at("bybit", before)
    assert listings.at("bybit", after)["NEW2602USDT"].is_open
    assert listings.at("bybit", after) is listings.at("bybit", after.replace(second=59))
