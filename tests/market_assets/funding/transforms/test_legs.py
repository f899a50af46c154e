"""Which contract stands for an asset at an exchange (spec section 9), by the pairs it makes."""

import pytest

from tests.market_assets.funding.transforms.pair_frames import (
    D0,
    DAY,
    HOUR,
    NO_LOOK,
    contract,
    hour,
    look,
    paired,
    snapshot,
    symbol,
)


def leg_of(listed, looks=NO_LOOK, rows=None):
    """Symbol that stands for BTC at okx, beside bybit's; None without a row."""
    candidates = [row for row in listed if row["exchange"] == "okx"]
    given = rows or [hour("okx", D0, 1e-5, symbol=row["symbol"]) for row in candidates]
    found = paired([hour("bybit", D0, 1e-5), *given], [contract("bybit"), *listed], looks)
    return found["symbol_b"].item() if found.height else None


USDT, USDC, USD = (contract("okx", quote=quote) for quote in ("USDT", "USDC", "USD"))
INVERSE = contract("okx", quote="USD", kind="inverse")


def open_interest(at=D0 + 20 * HOUR, **usd):
    """A look at okx: open interest by quote."""
    return [look("okx", at, 1e-4, symbol=symbol("BTC", quote), open_interest_usd=value) for quote, value in usd.items()]


def test_the_contract_of_the_largest_open_interest_is_the_leg():
    """Of the linear ones, at the day's last look; an unknown open interest comes last."""
    assert leg_of([USDT, USDC, USD], snapshot(*open_interest(USDT=1e6, USDC=3e6, USD=2e6))) == "BTC-USDC-PERP"
    assert leg_of([USDT, USDC, USD], snapshot(*open_interest(USDT=None, USDC=None, USD=0.0))) == "BTC-USD-PERP"


def test_the_last_look_of_the_day_decides():
    """Not an earlier one of the day, not one of another day; what the last look does not name is unknown there."""
    looks = [
        *open_interest(D0 + 2 * HOUR, USDT=9e6, USDC=1e6),
        *open_interest(D0 + 20 * HOUR, USDT=1e6, USDC=3e6),
        *open_interest(D0 + 26 * HOUR, USDT=9e6, USDC=1e6),
        *open_interest(D0 - 2 * HOUR, USDT=9e6, USDC=1e6),
    ]
    assert leg_of([USDT, USDC], snapshot(*looks)) == "BTC-USDC-PERP"
    looks += open_interest(D0 + 21 * HOUR, USDC=1.0)
    assert leg_of([USDT, USDC], snapshot(*looks)) == "BTC-USDC-PERP"


def test_another_exchanges_look_says_nothing():
    """A later look at bybit does not make okx's last one older."""
    looks = snapshot(*open_interest(USDT=1e6, USDC=3e6), look("bybit", D0 + 23 * HOUR, 1e-4, open_interest_usd=1.0))
    assert leg_of([USDT, USDC], looks) == "BTC-USDC-PERP"


def test_without_a_look_the_quote_decides_then_the_native_symbol():
    """USDT, USDC, USD, as in backfills."""
    assert leg_of([USD, USDC, USDT]) == "BTC-USDT-PERP"
    assert leg_of([USD, USDC]) == "BTC-USDC-PERP"
    twins = [contract("okx", native_symbol=name, symbol=name) for name in ("B2", "B1")]
    assert leg_of(twins) == "B1"


def test_an_inverse_contract_stands_in_where_there_is_no_linear_one():
    """Whatever its open interest; a pair with one is flagged."""
    looks = snapshot(
        *open_interest(USD=1.0),
        look("okx", D0 + 20 * HOUR, 1e-4, symbol=INVERSE["symbol"], open_interest_usd=9e9),
    )
    assert leg_of([USD, INVERSE], looks) == "BTC-USD-PERP"
    assert leg_of([INVERSE], looks) == "BTC-USD-PERP.INV"


@pytest.mark.parametrize("stated", [{"multiplier_verified": False}, {"quote": "BTC"}, {"quote": "EUR"}])
def test_what_cannot_be_compared_is_no_leg(stated):
    """An unverified multiplier (or a failed price check), and a price in other money: not even as the last choice."""
    assert leg_of([contract("okx", **stated)]) is None
    assert leg_of([contract("okx", **{**stated, "symbol": "X", "native_symbol": "X"}), USD]) == "BTC-USD-PERP"


def test_the_leg_is_chosen_day_by_day():
    """USDT on the first day, USDC on the second: each day has the leg of its own last look."""
    looks = snapshot(
        *open_interest(D0 + 23 * HOUR, USDT=2.0, USDC=1.0), *open_interest(D0 + 47 * HOUR, USDT=1.0, USDC=2.0)
    )
    rows = [
        hour(name, D0 + n * HOUR, 1e-5, symbol=symbol("BTC", quote))
        for n in (0, 23, 24, 47)
        for name, quote in (("okx", "USDT"), ("okx", "USDC"), ("bybit", "USDT"))
    ]
    found = paired(rows, [USDT, USDC, contract("bybit")], looks)
    assert found["symbol_b"].to_list() == ["BTC-USDT-PERP"] * 2 + ["BTC-USDC-PERP"] * 2


def test_a_leg_without_a_rate_makes_no_row_and_no_other_takes_its_place():
    """The larger contract's interval is unknown, so it has no hours: the pair is absent, not another one."""
    looks = snapshot(*open_interest(USDT=1e6, USDC=3e6))
    assert leg_of([USDT, USDC], looks, [hour("okx", D0, 1e-5, symbol=USDT["symbol"])]) is None


def test_a_contract_is_a_leg_only_while_it_was_listed():
    """Closed before the day, or listed after it: the next one is the leg. One closed during the day still is."""
    assert leg_of([{**USDT, "valid_to": D0}, USDC]) == "BTC-USDC-PERP"
    assert leg_of([{**USDT, "valid_to": D0 + HOUR}, USDC]) == "BTC-USDT-PERP"
    only_usdc = [hour("okx", D0, 1e-5, symbol=USDC["symbol"])]
    assert leg_of([{**USDT, "valid_from": D0 + DAY}, USDC], NO_LOOK, only_usdc) == "BTC-USDC-PERP"


def test_days_before_the_first_terms_use_them_where_there_is_a_rate():
    """A backfill knows a contract only from a later look: where it has rates, it counts; without any, it does not."""
    seen_later = {**USDT, "valid_from": D0 + 5 * DAY, "first_seen": D0 + 5 * DAY}
    assert leg_of([seen_later, USDC]) == "BTC-USDT-PERP"
    assert leg_of([seen_later, USDC], NO_LOOK, [hour("okx", D0, 1e-5, symbol=USDC["symbol"])]) == "BTC-USDC-PERP"


def test_terms_that_changed_during_the_day_count_as_at_its_end():
    """The multiplier was verified at noon: the whole day has the leg, once."""
    before = {**USDT, "valid_to": D0 + 12 * HOUR, "multiplier_verified": False}
    after = {**USDT, "valid_from": D0 + 12 * HOUR}
    assert leg_of([after, before], rows=[hour("okx", D0, 1e-5)]) == "BTC-USDT-PERP"
    assert leg_of([{**after, "multiplier_verified": False}, {**before, "multiplier_verified": True}],
                  rows=[hour("okx", D0, 1e-5)]) is None  # fmt: skip
