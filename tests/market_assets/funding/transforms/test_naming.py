"""House names of native bases (spec section 3)."""

import polars as pl
import pytest

from market_assets.funding.settings import FundingSettings, InstrumentOverride
from market_assets.funding.transforms import naming
from tests.market_assets.funding.transforms.histories import FUNDING


def named(exchange: str, native_base: str, funding: FundingSettings = FUNDING) -> dict:
    """What `identify` says of one name."""
    listed = pl.DataFrame({"exchange": [exchange], "native_base": [native_base]})
    return naming.identify(listed, funding).row(0, named=True)


@pytest.mark.parametrize(
    ("exchange", "native", "base", "multiplier"),
    [
        ("binance_usdm", "1000PEPE", "PEPE", 1e3),
        ("hyperliquid", "kPEPE", "PEPE", 1e3),
        ("bybit", "1000000MOG", "MOG", 1e6),
        ("kucoin", "1MBABYDOGE", "BABYDOGE", 1e6),
        ("kucoin", "XBT", "BTC", 1.0),
        ("krakenfutures", "XBT", "BTC", 1.0),
    ],
)
def test_curated_names_need_no_price(exchange, native, base, multiplier):
    """kPEPE and 1000PEPE are both a thousand PEPE, XBT is BTC."""
    got = named(exchange, native)
    assert (got["base_asset"], got["multiplier"]) == (base, multiplier)
    assert got["is_curated"] and not got["is_candidate"]


@pytest.mark.parametrize("native", ["KAITO", "KAS", "1INCH", "BTC", "k", "kPepe", "1000", "M", "1M"])
def test_a_plain_name_is_itself(native):
    """KAITO is not AITO and KAS is not AS; a prefix without an asset behind is none."""
    got = named("hyperliquid", native)
    assert (got["base_asset"], got["multiplier"]) == (native.upper(), 1.0)
    assert not got["is_curated"] and not got["is_candidate"]


@pytest.mark.parametrize(
    ("exchange", "native", "base", "multiplier"),
    [
        ("gate", "1000000DOG", "DOG", 1e6),
        ("gate", "100000DOG", "DOG", 1e5),
        ("gate", "10000DOG", "DOG", 1e4),
        ("gate", "1000DOG", "DOG", 1e3),
        ("gate", "1MDOG", "DOG", 1e6),
        ("gate", "1KDOG", "DOG", 1e3),
        ("backpack", "kDOG", "DOG", 1e3),
        ("lighter", "kDOG", "DOG", 1e3),
        ("hyperliquid", "kDOG", "DOG", 1e3),
    ],
)
def test_a_prefix_makes_a_candidate(exchange, native, base, multiplier):
    """The longest prefix counts; a lower-case k is one where that spelling is in use."""
    got = named(exchange, native)
    assert (got["base_asset"], got["multiplier"], got["is_candidate"]) == (base, multiplier, True)


def test_a_lower_case_k_is_part_of_the_name_elsewhere():
    """On other exchanges kDOG is an asset called KDOG."""
    got = named("bybit", "kDOG")
    assert (got["base_asset"], got["multiplier"], got["is_candidate"]) == ("KDOG", 1.0, False)


def test_the_users_override_comes_before_the_curated_one():
    """An alias set by hand holds at its exchange only."""
    own = InstrumentOverride(exchange="gate", native_base="1000PEPE", base_asset="pepe2", multiplier=10)
    funding = FundingSettings(instrument_overrides=(own,))
    assert (named("gate", "1000PEPE", funding)["base_asset"], named("gate", "1000PEPE", funding)["multiplier"]) == (
        "PEPE2",
        10.0,
    )
    assert named("bybit", "1000PEPE", funding)["base_asset"] == "PEPE"


@pytest.mark.parametrize(
    ("kind", "ratio", "expected"),
    [
        ("candidate", None, ("1000DOG", 1.0, False)),
        ("candidate", 1.05, ("DOG", 1e3, True)),
        ("candidate", 0.95, ("DOG", 1e3, True)),
        ("candidate", 1.051, ("1000DOG", 1.0, False)),
        ("candidate", 1000.0, ("1000DOG", 1.0, False)),
        ("plain", None, ("DOG", 1.0, True)),
        ("plain", 0.949, ("DOG", 1.0, False)),
        ("plain", 1.0, ("DOG", 1.0, True)),
        ("curated", 7.0, ("PEPE", 1e3, True)),
    ],
)
def test_a_candidate_needs_the_price_and_a_plain_name_only_loses_by_it(kind, ratio, expected):
    """Within 5 % of the others, both ends included; a curated name is never doubted."""
    native = {"candidate": "1000DOG", "plain": "DOG", "curated": "1000PEPE"}[kind]
    listed = pl.DataFrame({"exchange": ["gate"], "native_base": [native], "price_ratio": [ratio]})
    typed = naming.identify(listed.with_columns(pl.col("price_ratio").cast(pl.Float64)), FUNDING)
    got = naming.effective(typed).row(0, named=True)
    assert (got["base_asset"], got["multiplier"], got["multiplier_verified"]) == expected


def ratios(*rows: tuple[str, str, float | None], quote: str = "USDT") -> dict[tuple[str, str], float | None]:
    """price_ratio of (exchange, native_base, mark)."""
    listed = pl.DataFrame(
        [
            {"exchange": exchange, "native_symbol": base, "native_base": base, "quote": quote}
            for exchange, base, _ in rows
        ]
    )
    marks = pl.DataFrame(
        [{"exchange": exchange, "native_symbol": base, "mark_price": mark} for exchange, base, mark in rows],
        schema_overrides={"mark_price": pl.Float64},
    )
    got = naming.price_ratios(listed, marks, FUNDING)
    return {(exchange, base): ratio for exchange, base, ratio in got.iter_rows()}


def test_a_price_is_compared_with_the_median_of_the_others():
    """Per unit of the house asset, without one's own exchange: 1000DOG at 5.1 against 0.005, 0.0051 and 0.006."""
    got = ratios(("gate", "1000DOG", 5.1), ("okx", "DOG", 0.005), ("bybit", "DOG", 0.0051), ("htx", "DOG", 0.006))
    assert got["gate", "1000DOG"] == pytest.approx(1.0)
    # the others of okx are bybit and htx: the candidate is no reference
    assert got["okx", "DOG"] == pytest.approx(0.005 / 0.00555)


def test_a_price_needs_two_others():
    """One other exchange tells nothing, nor do two contracts of the same one; an unknown or zero mark is no price."""
    assert ratios(("gate", "DOG", 5.0), ("okx", "DOG", 5.0)) == {("gate", "DOG"): None, ("okx", "DOG"): None}
    same = ratios(("gate", "PEPE", 5.0), ("okx", "PEPE", 5.0), ("okx", "1000PEPE", 5000.0))
    assert same["gate", "PEPE"] is None
    unknown = ratios(("gate", "DOG", 5.0), ("okx", "DOG", 5.0), ("htx", "DOG", None), ("bybit", "DOG", 0.0))
    assert set(unknown.values()) == {None}


def test_a_candidate_without_its_asset_elsewhere_has_no_price():
    """1000X on three exchanges says nothing of X, however well they agree."""
    got = ratios(("gate", "1000X", 5.0), ("okx", "1000X", 5.0), ("htx", "1000X", 5.0))
    assert set(got.values()) == {None}


def test_curated_names_are_references():
    """kPEPE and 1000PEPE tell what PEPE is worth."""
    got = ratios(("hyperliquid", "kPEPE", 9.9), ("bybit", "1000PEPE", 10.1), ("gate", "PEPE", 0.01))
    assert got["gate", "PEPE"] == pytest.approx(1.0)


def test_prices_in_other_coins_are_not_compared():
    """ETH in BTC is neither checked nor a reference."""
    got = ratios(("gate", "ETH", 0.03), ("okx", "ETH", 0.03), ("htx", "ETH", 0.03), quote="BTC")
    assert set(got.values()) == {None}


@pytest.mark.parametrize(
    ("base", "multiplier", "quote", "kind", "symbol"),
    [
        ("BTC", 1.0, "USDT", "linear", "BTC-USDT-PERP"),
        ("BTC", 1.0, "USD", "inverse", "BTC-USD-PERP.INV"),
        ("SHIB", 1000.0, "USDT", "linear", "1000SHIB-USDT-PERP"),
        ("MOG", 1e6, "USDC", "linear", "1000000MOG-USDC-PERP"),
        ("GOLD", 0.01, "USDT", "linear", "0.01GOLD-USDT-PERP"),
    ],
)
def test_a_symbol_says_multiple_base_quote_and_inversion(base, multiplier, quote, kind, symbol):
    """`{multiplier}{BASE}-{QUOTE}-PERP`, `.INV` for inverse; 1000SHIB keeps its multiple in the key."""
    row = pl.DataFrame({"base_asset": [base], "multiplier": [multiplier], "quote": [quote], "kind": [kind]})
    assert row.select(naming.symbol_of()).item() == symbol
