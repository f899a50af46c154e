"""Pairs of legs at the newest look, net of costs (spec section 10)."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.settings import FundingSettings, OpportunitySettings, TakerFees
from tests.market_assets.funding.transforms.pair_frames import APR, HOUR, NOON, contract, look, pair, ranked, symbol

MINUTE = timedelta(minutes=1)
NO_SLIPPAGE = FundingSettings(opp=OpportunitySettings(slippage_pct=0.0))
few = settings(max_examples=40, deadline=None)


def test_golden_of_the_specification():
    """Long 8 h 0.0001 (5 bps), short 1 h 0.00005 (4.5 bps), slippage 0."""
    found = pair(look("okx", NOON, 0.0001, 8.0), look("hyperliquid", NOON, 0.00005, 1.0), funding=NO_SLIPPAGE)
    assert (found["long_exchange"], found["short_exchange"]) == ("okx", "hyperliquid")
    assert (found["taker_long_bps"], found["taker_short_bps"], found["slippage_pct"]) == (5.0, 4.5, 0.0)
    expected = {
        "spread_1h": 3.75e-05,
        "gross_apr_pct": 32.85,
        "round_trip_cost_pct": 0.19,
        "cost_apr_pct": 9.90714,
        "net_apr_pct": 22.9429,
        "breakeven_hours": 50.6667,
        "sync_period_hours": 8.0,
        "sync_period_spread": 0.0003,
        "daily_spread": 0.0009,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=5e-6)


def test_what_a_row_says_of_both_legs():
    """Native rates and intervals, projections, prices per unit, open interest, next settlements."""
    long = look("bybit", NOON, 0.0004, 4.0, mark_price_base=100.0, open_interest_usd=3e6, next_funding_time=NOON + HOUR)
    short = look("okx", NOON - MINUTE, 0.0016, 8.0, mark_price_base=104.0, open_interest_usd=5e6)
    found = pair(long, short)
    expected = {
        "as_of": NOON,
        "base_asset": "BTC",
        "long_symbol": "BTC-USDT-PERP",
        "short_symbol": "BTC-USDT-PERP",
        "long_rate": 0.0004,
        "short_rate": 0.0016,
        "long_rate_1h": pytest.approx(1e-4),
        "short_rate_1h": pytest.approx(2e-4),
        "long_apr": pytest.approx(87.6),
        "short_apr": pytest.approx(175.2),
        "long_interval_hours": 4.0,
        "short_interval_hours": 8.0,
        "slippage_pct": 0.04,
        # 2 (5.5 + 5) bps and 0.04 % of slippage
        "round_trip_cost_pct": pytest.approx(0.25),
        "cost_apr_pct": pytest.approx(0.25 * 365 / 7),
        "effective_hourly_spread": pytest.approx(1e-4),
        "daily_spread": pytest.approx(0.0024),
        "weekly_spread": pytest.approx(0.0168),
        "monthly_spread": pytest.approx(0.072),
        "yearly_spread": pytest.approx(0.876),
        "basis_pct": pytest.approx(200 * 4 / 204),
        "long_open_interest_usd": 3e6,
        "short_open_interest_usd": 5e6,
        "capacity_usd": pytest.approx(3e4),
        "combined_oi_usd": 8e6,
        "next_funding_long": NOON + HOUR,
        "next_funding_short": None,
        "flag_inverse": False,
        "rank": 1,
    }
    assert {name: found[name] for name in expected} == expected


def test_what_is_unknown_of_one_leg_is_unknown_of_the_pair():
    """No open interest, no price, no statistics: null, never the other leg's value."""
    found = pair(look("bybit", NOON, 0.0001, open_interest_usd=3e6, mark_price_base=1.0), look("okx", NOON, 0.0002))
    unknown = ("capacity_usd", "combined_oi_usd", "basis_pct", "min_completeness_pct", "spread_z", "spread_percentile")
    assert {found[name] for name in (*unknown, "z_flag", "long_confidence", "half_life_hours")} == {None}


# --- traps ---------------------------------------------------------------------------------------------------------


def test_legs_of_the_same_sign_are_listed():
    """+40 % and +5 % a year: gross 35."""
    found = pair(look("okx", NOON, 40 / APR * 8), look("bybit", NOON, 5 / APR * 8))
    assert found["gross_apr_pct"] == pytest.approx(35.0)
    assert found["short_exchange"] == "okx"


@pytest.mark.parametrize(("rate", "short"), [(0.0001, "okx"), (-0.0001, "bybit")])
def test_a_rate_of_zero_is_a_leg(rate, short):
    """Against zero the higher rate is short, whichever leg comes first."""
    found = pair(look("bybit", NOON, 0.0), look("okx", NOON, rate))
    assert found["short_exchange"] == short
    assert found["gross_apr_pct"] == pytest.approx(10.95)


def test_a_missing_rate_is_no_leg():
    """Null is not zero: nothing to pair with."""
    listed = [contract("bybit"), contract("okx")]
    assert ranked([look("bybit", NOON, None), look("okx", NOON, 0.0001)], listed).is_empty()
    assert ranked([look("bybit", NOON, 0.0001, None), look("okx", NOON, 0.0001)], listed).is_empty()


def test_equal_rates_are_one_row_without_a_breakeven():
    """The first exchange of the alphabet is short, as in spreads; costs are never earned back."""
    found = pair(look("okx", NOON, 0.0001), look("bybit", NOON, 0.0001))
    assert (found["short_exchange"], found["long_exchange"]) == ("bybit", "okx")
    assert (found["spread_1h"], found["breakeven_hours"]) == (0.0, None)
    assert found["net_apr_pct"] == -found["cost_apr_pct"]


def test_rates_are_compared_per_hour():
    """0.0001 at 1 h against 0.0001 at 8 h: the hourly one is short, 76.65 % apart."""
    found = pair(look("bybit", NOON, 0.0001, 8.0), look("dydx", NOON, 0.0001, 1.0))
    assert found["short_exchange"] == "dydx"
    assert found["gross_apr_pct"] == pytest.approx(87.6 - 10.95)


def test_costs_are_nothing_only_without_fees_and_slippage():
    """Both fees 0: cost 0; any fee above: a cost."""
    free = FundingSettings(taker_fee_bps=TakerFees(okx=0.0, bybit=0.0), opp=OpportunitySettings(slippage_pct=0.0))
    one_paid = FundingSettings(taker_fee_bps=TakerFees(okx=0.0), opp=OpportunitySettings(slippage_pct=0.0))
    looks = [look("okx", NOON, 0.0001), look("bybit", NOON, 0.0002)]
    assert pair(*looks, funding=free)["cost_apr_pct"] == 0.0
    assert pair(*looks, funding=one_paid)["cost_apr_pct"] == pytest.approx(0.11 * 365 / 7)
    held_longer = FundingSettings(opp=OpportunitySettings(slippage_pct=0.0, holding_days=70.0, oi_share=0.5))
    assert pair(*looks, funding=held_longer)["cost_apr_pct"] == pytest.approx(0.21 * 365 / 70)


def test_two_exchanges_of_one_venue_are_no_pair():
    """binance_usdm and binance_coinm are one venue; each pairs with the others, the inverse leg flagged."""
    inverse = symbol("BTC", "USD", "inverse")
    listed = [contract("binance_usdm"), contract("bybit"), contract("binance_coinm", quote="USD", kind="inverse")]
    looks = [look("binance_usdm", NOON, 0.0001), look("bybit", NOON, 0.0002)]
    looks.append(look("binance_coinm", NOON, 0.0009, symbol=inverse, native_symbol=inverse))
    found = ranked(looks, listed).select("long_exchange", "short_exchange", "flag_inverse")
    assert sorted(found.rows()) == [("binance_usdm", "bybit", False), ("bybit", "binance_coinm", True)]


# --- the round and its legs ----------------------------------------------------------------------------------------


def test_a_round_is_what_lies_within_ten_minutes_of_the_newest_look():
    """Of all exchanges; of each contract the newest look of the round, also where it says nothing."""
    listed = [contract(name) for name in ("bybit", "gate", "okx")]
    looks = [
        look("bybit", NOON, 0.0001),
        look("okx", NOON - 10 * MINUTE, 0.0002),
        look("gate", NOON - 10 * MINUTE - timedelta(seconds=1), 0.0003),
    ]
    found = ranked(looks, listed)
    assert found.select("as_of", "long_exchange", "short_exchange").rows() == [(NOON, "bybit", "okx")]
    newer = ranked([*looks, look("okx", NOON - MINUTE, 0.0005)], listed)
    assert newer["short_rate"].to_list() == [0.0005]
    assert ranked([*looks, look("okx", NOON - MINUTE, None)], listed).is_empty()
    two_minutes = FundingSettings(opp=OpportunitySettings(max_age_min=2.0))
    assert ranked(looks, listed, funding=two_minutes).is_empty()


@pytest.mark.parametrize(
    "stated", [{"multiplier_verified": False}, {"quote": "EUR"}, {"valid_to": NOON - HOUR}, {"symbol": "OTHER"}]
)
def test_what_is_not_comparable_or_not_listed_is_no_leg(stated):
    """Unverified multiplier, another money, closed, or no contract at all."""
    looks = [look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002)]
    assert ranked(looks, [contract("bybit"), contract("okx")]).height == 1
    assert ranked(looks, [contract("bybit"), contract("okx", **stated)]).is_empty()


def test_the_terms_in_force_count():
    """An earlier row of the contract was unverified; the open one is."""
    before = contract("okx", valid_to=NOON - HOUR, multiplier_verified=False)
    found = ranked(
        [look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002)],
        [contract("bybit"), contract("okx", valid_from=NOON - HOUR), before],
    )
    assert found.height == 1


def test_each_exchange_has_one_leg_per_asset():
    """The linear contract of the largest open interest that has a rate; an inverse one only where there is none."""
    quotes = {"USDT": 1e6, "USDC": 3e6, "USD": None}
    listed = [contract("bybit"), *(contract("okx", quote=quote) for quote in quotes)]
    listed.append(contract("okx", quote="USD", kind="inverse"))
    bybit = look("bybit", NOON, 0.0)
    looks = [
        look("okx", NOON, 0.0002, symbol=symbol("BTC", quote), open_interest_usd=usd) for quote, usd in quotes.items()
    ]
    looks.append(look("okx", NOON, 0.0009, symbol=symbol("BTC", "USD", "inverse"), open_interest_usd=9e9))
    assert ranked([bybit, *looks], listed)["short_symbol"].to_list() == ["BTC-USDC-PERP"]
    silent = [{**row, "predicted_rate_1h": None} if "USDC" in row["symbol"] else row for row in looks]
    assert ranked([bybit, *silent], listed)["short_symbol"].to_list() == ["BTC-USDT-PERP"]
    assert ranked([bybit, looks[-1]], listed)["short_symbol"].to_list() == ["BTC-USD-PERP.INV"]


# --- order and laws ------------------------------------------------------------------------------------------------


def test_ranks_follow_net_then_capacity_then_key():
    """The best net first; of equal ones the larger capacity, unknown last; then the key."""
    names = ("bybit", "okx")
    bases = {"B": (8.0, None), "A": (8.0, None), "C": (8.0, 1e6), "D": (8.0, 5e6), "E": (9.0, 1.0)}
    listed = [contract(name, base) for name in names for base in bases]
    looks = [
        look(name, NOON, rate * 1e-4 if name == "okx" else 0.0, symbol=symbol(base), open_interest_usd=usd)
        for name in names
        for base, (rate, usd) in bases.items()
    ]
    found = ranked(looks, listed).sort("rank")
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    assert found["base_asset"].to_list() == ["E", "D", "C", "A", "B"]


def test_an_empty_round_has_no_pairs():
    """No look, or no contract: no row, all columns."""
    assert ranked([], [contract("okx")]).is_empty()
    assert ranked([look("okx", NOON, 0.0001)], []).is_empty()


NAMES = ("binance_coinm", "binance_usdm", "bybit", "hyperliquid", "lighter", "okx")
LOOKS = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["BTC", "ETH"])),
    st.tuples(
        st.none() | st.floats(-0.01, 0.01) | st.just(0.0),
        st.sampled_from([1.0, 4.0, 8.0]),
        st.none() | st.floats(0, 1e9),
    ),
)


@given(LOOKS)
@few
def test_laws_of_every_row(looks):
    """Each two venues of an asset once, short the higher; net <= gross; a cost unless both are free; ranks 1..n."""
    listed = [contract(name, base) for name, base in looks]
    rows = [
        look(name, NOON, rate, interval, symbol=symbol(base), open_interest_usd=usd)
        for (name, base), (rate, interval, usd) in looks.items()
    ]
    found = ranked(rows, listed, funding=NO_SLIPPAGE)
    known = {key for key, (rate, _, _) in looks.items() if rate is not None}
    expected = {
        (base, frozenset((a, b)))
        for a, base in known
        for b, other in known
        if base == other and a < b and not (a + b).startswith("binance_coinmbinance")
    }
    pairs = [(row["base_asset"], frozenset((row["long_exchange"], row["short_exchange"]))) for row in found.to_dicts()]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
    assert (found["short_rate_1h"] >= found["long_rate_1h"]).all()
    assert (found["net_apr_pct"] <= found["gross_apr_pct"]).all()
    free = (found["taker_long_bps"] == 0) & (found["taker_short_bps"] == 0)
    assert (found["cost_apr_pct"] > 0).equals(~free)
    assert sorted(found["rank"]) == list(range(1, found.height + 1))
    assert found.sort("rank")["net_apr_pct"].is_sorted(descending=True)
