"""Pairs of legs at the newest look, net of costs (spec section 10)."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding import schemas
from market_assets.funding.settings import FundingSettings, OpportunitySettings, TakerFees
from market_assets.funding.transforms.opportunities import opportunities
from tests.market_assets.funding.transforms.pair_frames import (
    APR,
    D0,
    DAY,
    HOUR,
    contract,
    contracts,
    look,
    snapshot,
    symbol,
    table,
)

NOON = D0 + 12 * HOUR
MINUTE = timedelta(minutes=1)
FUNDING = FundingSettings()
NO_SLIPPAGE = FundingSettings(opp=OpportunitySettings(slippage_pct=0.0))
few = settings(max_examples=40, deadline=None)


def ranked(looks, listed, *, statistics=(), pairs=(), funding=FUNDING):
    """Opportunities, after the table's own gate."""
    found = opportunities(
        snapshot(*looks),
        table(schemas.FundingStatistics, statistics),
        table(schemas.FundingSpreadStatistics, pairs),
        contracts(*listed),
        funding,
    )
    return schemas.FundingOpportunities.contract().validate(found)


def pair(first, second, **stated):
    """The only row of two looks at two exchanges."""
    found = ranked([first, second], [contract(first["exchange"]), contract(second["exchange"])], **stated)
    assert found.height == 1
    return found.row(0, named=True)


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
    looks = [look("okx", NOON, 0.0002, symbol=symbol("BTC", quote), open_interest_usd=usd) for quote, usd in quotes.items()]  # fmt: skip
    looks.append(look("okx", NOON, 0.0009, symbol=symbol("BTC", "USD", "inverse"), open_interest_usd=9e9))
    assert ranked([bybit, *looks], listed)["short_symbol"].to_list() == ["BTC-USDC-PERP"]
    silent = [{**row, "predicted_rate_1h": None} if "USDC" in row["symbol"] else row for row in looks]
    assert ranked([bybit, *silent], listed)["short_symbol"].to_list() == ["BTC-USDT-PERP"]
    assert ranked([bybit, looks[-1]], listed)["short_symbol"].to_list() == ["BTC-USD-PERP.INV"]


# --- against history -----------------------------------------------------------------------------------------------


def history(a="bybit", b="okx", day=D0, **stated):
    """Statistics of a pair: spreads of exchange_a - exchange_b from 0 to 100 % a year, evenly."""
    return {
        "day": day.date(),
        "available_at": day,
        "base_asset": "BTC",
        "exchange_a": a,
        "exchange_b": b,
        "n_hours": 720,
        "mean": 50.0,
        "std": 20.0,
        "quantiles": [float(q) for q in range(101)],
        "same_side_share_7d_ratio": 0.9,
        "half_life_hours": 12.0,
        **stated,
    }


def at_spread(apr, short="bybit", **stated):
    """The pair with this gross spread, short at `short`."""
    rates = {"bybit": 0.0, "okx": 0.0} | {short: apr / APR * 8}
    return pair(*(look(name, NOON, rate) for name, rate in rates.items()), **stated)


def test_a_spread_is_compared_with_the_pairs_own_in_its_direction():
    """Short at a: z of +75 is (75 - 50) / 20. Short at b, the pair stands at -10 of 0..100: z of +10 is (10 + 50) / 20."""
    found = at_spread(75.0, pairs=[history()])
    assert (found["spread_z"], found["spread_percentile"]) == pytest.approx((1.25, 75.0))
    assert (found["same_side_share_7d_ratio"], found["half_life_hours"], found["z_flag"]) == (0.9, 12.0, None)
    turned = at_spread(10.0, short="okx", pairs=[history()])
    assert (turned["spread_z"], turned["spread_percentile"]) == pytest.approx((3.0, 100.0))
    within = at_spread(10.0, short="okx", pairs=[history(mean=-20.0, quantiles=[q - 40.0 for q in range(101)])])
    # -10 is the 30th percentile of -40..60, so +10 is the 70th of the spreads turned round
    assert (within["spread_z"], within["spread_percentile"]) == pytest.approx((-0.5, 70.0))


@pytest.mark.parametrize(
    ("apr", "flag"), [(90.0, None), (90.001, "significant"), (110.0, "significant"), (110.002, "extreme")]
)
def test_flags_begin_above_two_and_three(apr, flag):
    """z of 2 and 3 exactly are not above them."""
    assert at_spread(apr, pairs=[history()])["z_flag"] == flag


def test_a_spread_far_below_its_usual_size_is_flagged_as_well():
    """z = (0.0 - 50) / 10 = -5: the sign is in spread_z."""
    found = at_spread(0.0, pairs=[history(std=10.0)])
    assert (found["spread_z"], found["z_flag"]) == (pytest.approx(-5.0), "extreme")


def test_percentiles_are_interpolated_and_ties_count_half():
    """Between two of the 101 by the distance; equal to several, in their middle; outside 0 and 100."""
    quantiles = [0.0] * 11 + [float(q) for q in range(11, 101)]
    found = {
        apr: at_spread(apr, pairs=[history(quantiles=quantiles)])["spread_percentile"]
        for apr in (0.0, 11.0, 42.25, 500.0)
    }
    assert found == pytest.approx({0.0: 5.0, 11.0: 11.0, 42.25: 42.25, 500.0: 100.0})
    assert at_spread(5.5, pairs=[history(quantiles=quantiles)])["spread_percentile"] == pytest.approx(10.5)


def test_without_enough_history_nothing_is_said():
    """Under 30 hours, or a spread that stood still: no z, no flag; never 50, never infinite."""
    short = at_spread(75.0, pairs=[history(mean=None, std=None, quantiles=[])])
    assert (short["spread_z"], short["spread_percentile"], short["z_flag"]) == (None, None, None)
    flat = at_spread(75.0, pairs=[history(std=1e-13, quantiles=[50.0] * 101)])
    assert (flat["spread_z"], flat["spread_percentile"]) == (None, 100.0)


def test_the_newest_day_of_the_statistics_counts():
    """Of two days the later; not one that begins after the round; another pair's say nothing."""
    days = [history(day=D0 - DAY, std=5.0), history(day=D0), history(day=D0 + DAY, std=2.5), history("bybit", "gate")]
    assert at_spread(75.0, pairs=days[:3])["spread_z"] == pytest.approx(1.25)
    assert at_spread(75.0, pairs=days[3:])["spread_z"] is None


def test_confidence_and_completeness_are_each_legs_own():
    """By exchange and contract, of the newest day; the smaller completeness is the pair's."""
    common = {"n_points": 90, "zone": "stable", "symbol": "BTC-USDT-PERP", "base_asset": "BTC", "day": D0.date()}
    statistics = [
        {**common, "exchange": "okx", "confidence": "very_high", "completeness_pct": 99.0},
        {**common, "exchange": "bybit", "confidence": "medium", "completeness_pct": 70.0},
        {**common, "exchange": "bybit", "confidence": "low", "completeness_pct": 1.0, "day": (D0 - DAY).date()},
        {**common, "exchange": "bybit", "confidence": "low", "completeness_pct": 1.0, "symbol": "BTC-USDC-PERP"},
    ]
    found = pair(look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002), statistics=statistics)
    assert (found["long_confidence"], found["short_confidence"]) == ("medium", "very_high")
    assert found["min_completeness_pct"] == 70.0
    unknown = pair(look("bybit", NOON, 0.0001), look("okx", NOON, 0.0002), statistics=statistics[:1])
    assert (unknown["long_confidence"], unknown["min_completeness_pct"]) == (None, None)


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
    assert ranked([], [contract("okx")], pairs=[history()]).is_empty()
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
    """Each two venues of an asset once, short the higher; net <= gross; a cost unless both legs are free; ranks 1..n."""
    listed = [contract(name, base) for name, base in looks]
    rows = [look(n, NOON, rate, h, symbol=symbol(base), open_interest_usd=usd) for (n, base), (rate, h, usd) in looks.items()]  # fmt: skip
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


@given(st.lists(st.floats(-500, 500), min_size=30, max_size=60), st.floats(0, 500), st.booleans())
@few
def test_the_percentile_is_that_of_the_quantiles_whichever_way_the_pair_is_turned(values, apr, at_a):
    """Numpy's inverse of its own quantile function, for spreads without ties, of the oriented series."""
    spaced = np.sort(values) + np.arange(len(values)) * 1e-3
    stated = history(quantiles=np.quantile(spaced, np.arange(101) / 100).tolist(), mean=float(spaced.mean()))
    found = at_spread(apr, short="bybit" if at_a else "okx", pairs=[stated])
    oriented = spaced if at_a else -spaced[::-1]
    quantiles = np.quantile(oriented, np.arange(101) / 100)
    gross = found["gross_apr_pct"]
    assert found["spread_percentile"] == pytest.approx(np.interp(gross, quantiles, np.arange(101)), abs=1e-6)
    assert found["spread_z"] == pytest.approx((gross - oriented.mean()) / 20.0, abs=1e-9)
