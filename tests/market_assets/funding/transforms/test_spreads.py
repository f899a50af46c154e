"""Hourly spreads of pairs of venues (spec section 9)."""

import math
from datetime import datetime
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core import clock
from market_assets.funding.schemas import FundingSpreads
from market_assets.funding.transforms.hourly import hourly_rates
from market_assets.funding.transforms.spreads import spreads
from tests.market_assets.funding.transforms.pair_frames import (
    APR,
    D0,
    DAY,
    FUNDING,
    HOUR,
    NO_LOOK,
    contract,
    contracts,
    event,
    hour,
    hourly,
    one,
    paired,
    rates,
    symbol,
)

few = settings(max_examples=40, deadline=None)


def two(a, b, interval_a=8.0, interval_b=8.0):
    """The row of bybit and okx with these rates per hour."""
    return one([hour("okx", D0, b, interval_b), hour("bybit", D0, a, interval_a)], [contract("okx"), contract("bybit")])


def test_legs_of_the_same_sign_are_a_pair():
    """+40 % against +5 % a year earns 35: short the 40, long the 5."""
    found = two(40 / APR, 5 / APR)
    assert found["spread_apr_pct"] == pytest.approx(35.0)
    assert (found["short_leg"], found["long_leg"]) == ("bybit", "okx")
    assert found["daily_spread"] == pytest.approx(35 / 36_500)


def test_every_column_of_a_row():
    """1h 0.00002 at bybit, 8 h -0.00001 per hour at okx: 17.52 against -8.76, 26.28 between them."""
    found = one(
        [
            hour("bybit", D0 + 6 * HOUR, 2e-5, 1.0, mark_price=61_000.0),
            hour("okx", D0 + 6 * HOUR, -1e-5, 8.0, mark_price=60_000.0),
        ],
        [contract("bybit"), contract("okx")],
    )
    expected = {
        "hour": D0 + 6 * HOUR,
        "base_asset": "BTC",
        "exchange_a": "bybit",
        "exchange_b": "okx",
        "symbol_a": "BTC-USDT-PERP",
        "symbol_b": "BTC-USDT-PERP",
        "rate_1h_a": 2e-5,
        "rate_1h_b": -1e-5,
        "apr_a": pytest.approx(17.52),
        "apr_b": pytest.approx(-8.76),
        "spread_apr_pct": pytest.approx(26.28),
        "abs_spread_apr_pct": pytest.approx(26.28),
        "short_leg": "bybit",
        "long_leg": "okx",
        "interval_a": 1.0,
        "interval_b": 8.0,
        "sync_period_hours": 8.0,
        "daily_spread": pytest.approx(7.2e-4),
        # bybit was settled at 07:00, okx at 08:00: the marks are of different instants
        "basis_pct": None,
        "flag_inverse": False,
        "available_at": D0 + 8 * HOUR,
    }
    assert found == expected


def test_rates_are_compared_per_hour():
    """0.0001 at 1 h is eight times 0.0001 at 8 h; a rate of zero is one like others."""
    found = two(0.0001, 0.0001 / 8, 1.0, 8.0)
    assert found["apr_a"] / found["apr_b"] == pytest.approx(8.0)
    assert two(0.0, 0.0001)["short_leg"] == "okx"
    assert two(0.0, 0.0001)["spread_apr_pct"] == pytest.approx(-0.0001 * APR)
    assert two(-0.0001, 0.0)["short_leg"] == "okx"


def test_equal_rates_are_a_pair_of_no_spread():
    """The first exchange of the alphabet is then the short leg."""
    found = two(0.0001, 0.0001)
    assert (found["short_leg"], found["long_leg"], found["spread_apr_pct"]) == ("bybit", "okx", 0.0)


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        (1.0, 8.0, 8.0),
        (4.0, 8.0, 8.0),
        (8.0, 8.0, 8.0),
        (8.0, 3.0, 24.0),
        (2.5, 1.0, 5.0),
        (0.5, 1.0, 1.0),
        (1 / 3, 0.5, 1.0),
    ],
)
def test_both_legs_are_settled_together_after_the_least_common_multiple(a, b, common):
    """8 and 3 hours meet every 24, half hours are whole seconds like others."""
    assert two(1e-5, 2e-5, a, b)["sync_period_hours"] == pytest.approx(common)


def test_each_pair_of_venues_is_one_row():
    """Four exchanges at three venues: five pairs, a before b, and never two exchanges of one venue."""
    listed = [contract(name) for name in ("okx", "binance_usdm", "bybit")]
    listed.append(contract("binance_coinm", quote="USD", kind="inverse"))
    rows = [hour(row["exchange"], D0, 1e-5, symbol=row["symbol"]) for row in listed]
    found = paired(rows, listed)
    assert found.select("exchange_a", "exchange_b").rows() == [
        ("binance_coinm", "bybit"),
        ("binance_coinm", "okx"),
        ("binance_usdm", "bybit"),
        ("binance_usdm", "okx"),
        ("bybit", "okx"),
    ]
    assert found["flag_inverse"].to_list() == [True, True, False, False, False]


def test_hours_that_one_leg_does_not_cover_make_no_row():
    """A missing event is no spread: nothing is carried forward."""
    listed = [contract("bybit"), contract("okx")]
    rows = [hour("bybit", D0 + n * HOUR, 1e-5) for n in range(24)]
    rows += [hour("okx", D0 + n * HOUR, 2e-5) for n in [*range(8), *range(16, 24)]]
    assert paired(rows, listed)["hour"].dt.hour().to_list() == [*range(8), *range(16, 24)]


def test_as_of_0759_the_event_of_0800_is_not_there():
    """What is known by an instant has available_at up to it: the later of both settlements."""
    found = two(1e-5, 2e-5, 1.0, 8.0)
    assert found["available_at"] == D0 + 8 * HOUR


def test_prices_are_compared_per_unit_of_the_asset():
    """1000PEPE at 0.0104 against PEPE at 0.00001 is 4 % above; an unknown mark leaves the basis unknown."""
    listed = [contract("bybit", "PEPE", multiplier=1000.0), contract("okx", "PEPE")]
    marks = {"bybit": 0.0104, "okx": 0.00001}
    rows = [hour(name, D0, 1e-5, symbol=symbol("PEPE"), mark_price=mark) for name, mark in marks.items()]
    assert one(rows, listed)["basis_pct"] == pytest.approx(200 * 0.4 / 20.4)
    assert one([rows[0], {**rows[1], "mark_price": None}], listed)["basis_pct"] is None


def test_marks_of_different_settlements_are_not_compared():
    """Half an hour apart they tell how the price moved; some seconds apart they are of one settlement."""
    listed = [contract("bybit"), contract("okx")]
    rows = [hour("bybit", D0, 1e-5, mark_price=102.0), hour("okx", D0, 1e-5, mark_price=98.0)]
    settled = rows[1]["settled_at"]
    assert one([rows[0], {**rows[1], "settled_at": settled + HOUR / 720}], listed)["basis_pct"] == pytest.approx(4.0)
    assert one([rows[0], {**rows[1], "settled_at": settled + HOUR / 2}], listed)["basis_pct"] is None


def test_nothing_to_pair():
    """No hour, or one exchange only: no row, all columns."""
    assert paired([], []).is_empty()
    assert paired([], [contract("okx")]).is_empty()
    assert paired([hour("okx", D0, 1e-5)], [contract("okx")]).is_empty()
    assert paired([hour("okx", D0, 1e-5), hour("bybit", D0, 1e-5)], []).is_empty()


# --- laws ----------------------------------------------------------------------------------------------------------

NAMES = ("binance_coinm", "binance_usdm", "bybit", "gate", "okx")
#: (exchange, asset, hour) -> rate in 1e-6 and interval
HOURS = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["BTC", "ETH", "PEPE"]), st.integers(20, 28)),
    st.tuples(st.integers(-3, 3), st.sampled_from([1.0, 4.0, 8.0])),
    max_size=40,
)


def rows_of(hours, renamed=None):
    """Those hours, with other names of exchanges where given."""
    return [
        hour((renamed or {}).get(name, name), D0 + at * HOUR, rate * 1e-6, interval, symbol=symbol(base))
        for (name, base, at), (rate, interval) in hours.items()
    ]


def listings(bases=("BTC", "ETH", "PEPE")):
    """Every exchange lists every asset."""
    return [contract(name, base) for name in NAMES for base in bases]


@given(HOURS)
@few
def test_every_pair_of_an_hour_once_against_a_search(hours):
    """The rows are all combinations of two venues that have the hour, in order, with the difference of their APRs."""
    found = paired(rows_of(hours), listings())
    expected = {}
    for base in ("BTC", "ETH", "PEPE"):
        for at in range(20, 29):
            for a, b in combinations(NAMES, 2):
                if (a, base, at) in hours and (b, base, at) in hours and not (a + b).startswith("binance_coinmbinance"):
                    (x, interval_x), (y, interval_y) = hours[a, base, at], hours[b, base, at]
                    common = math.lcm(int(interval_x), int(interval_y))
                    expected[D0 + at * HOUR, base, a, b] = ((x - y) * 0.876, a if x >= y else b, common)
    columns = [*FundingSpreads.key, "spread_apr_pct", "short_leg", "sync_period_hours"]
    got = {row[:4]: row[4:] for row in found.select(columns).rows()}
    assert got.keys() == expected.keys()
    for key, (spread, short, common) in expected.items():
        assert got[key][0] == pytest.approx(spread, abs=1e-9)
        assert got[key][1:] == (short, common)


@given(HOURS)
@few
def test_swapping_the_names_of_two_exchanges_changes_only_the_sign(hours):
    """bybit's rates under okx's name and the other way round: sides and sign are exchanged, sizes stay, bit for bit."""
    kept = {key: value for key, value in hours.items() if key[0] in {"bybit", "okx"}}
    swapped = {"bybit": "okx", "okx": "bybit"}
    one_way, other_way = (paired(rows_of(kept, names), listings()) for names in (None, swapped))
    same = ["hour", "base_asset", "abs_spread_apr_pct", "daily_spread", "sync_period_hours", "available_at"]
    assert one_way.select(same).equals(other_way.select(same))
    assert (one_way["spread_apr_pct"] == -other_way["spread_apr_pct"]).all()
    sides = ["rate_1h", "apr", "interval", "symbol"]
    first, second = ([f"{name}_{side}" for name in sides] for side in "ab")
    assert one_way.select(first).rows() == other_way.select(second).rows()
    assert one_way.select(second).rows() == other_way.select(first).rows()
    untied = one_way["spread_apr_pct"] != 0
    for leg in ("short_leg", "long_leg"):
        assert one_way[leg].replace(swapped).filter(untied).equals(other_way[leg].filter(untied))


@given(HOURS)
@few
def test_the_daily_spread_is_the_yearly_one_by_the_day(hours):
    """daily_spread x 365 x 100 = abs_spread_apr_pct to 1e-9; the short leg's rate is never the lower one."""
    found = paired(rows_of(hours), listings())
    assert ((found["daily_spread"] * 36_500 - found["abs_spread_apr_pct"]).abs() < 1e-9).all()
    short_rate = pl.when(pl.col("short_leg") == pl.col("exchange_a")).then("rate_1h_a").otherwise("rate_1h_b")
    lower = pl.min_horizontal("rate_1h_a", "rate_1h_b")
    assert found.select((short_rate > lower) | (pl.col("rate_1h_a") == pl.col("rate_1h_b"))).to_series().all()


EVENTS = st.dictionaries(
    st.tuples(st.sampled_from(["bybit", "gate", "okx"]), st.integers(1, 30)),
    st.tuples(st.integers(-9, 9), st.sampled_from([1.0, 4.0, 8.0])),
    max_size=20,
)


@given(EVENTS, st.integers(0, 30))
@few
def test_settlements_after_an_instant_change_nothing_known_by_then(events, until):
    """Rows with available_at up to an instant are the same with and without the events after it."""
    at = D0 + until * HOUR
    rows = [event(name, D0 + n * HOUR, rate * 1e-5, h) for (name, n), (rate, h) in events.items()]
    listed = contracts(*(contract(name) for name in ("bybit", "gate", "okx")))

    def computed(known):
        grid = hourly_rates(rates(*known), first=D0, until=D0 + 2 * DAY)
        return spreads(grid, NO_LOOK, listed, FUNDING)

    full, early = computed(rows), computed([row for row in rows if row["funding_time"] <= at])
    assert full.filter(pl.col("available_at") <= at).equals(early)


def test_days_apart_are_the_days_together():
    """Two days at once give the rows of each alone, whatever order the hours come in."""
    rows = hourly(*(hour(name, D0 + n * HOUR, n * 1e-6) for n in range(48) for name in ("okx", "gate", "bybit")))
    listed = contracts(*(contract(name) for name in ("bybit", "gate", "okx")))
    both = spreads(rows.sample(fraction=1.0, shuffle=True, seed=1), NO_LOOK, listed, FUNDING)
    days = [rows.filter(pl.col("hour").dt.date() == (D0 + n * DAY).date()) for n in (0, 1)]
    assert both.height == 3 * 48
    assert both.equals(pl.concat(spreads(day, NO_LOOK, listed, FUNDING) for day in days))


def recorded(file: Path, first: datetime, until: datetime) -> pl.DataFrame:
    """`at` (to the minute) and `rate` of the settlements in (first, until], read without our code."""
    at = pl.from_epoch("funding_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC").dt.round("1m")
    return (
        pl.read_csv(file)
        .select(at=at, rate="funding_rate")
        .filter(pl.col("at").is_between(first, until, closed="right"))
    )


def test_real_settlements_of_two_venues(shared_data: Path):
    """Binance and Bybit, BTC in 2021: every hour of the year, the spread of an hour that of its two settlements."""
    first, until = clock.instant("2021-01-01"), clock.instant("2022-01-01")
    files = [shared_data / "funding" / f"{name}_BTC.csv.gz" for name in ("binance", "bybit")]
    binance, bybit = (recorded(file, first, until) for file in files)
    rows = [event("binance_usdm", at, rate) for at, rate in binance.iter_rows()]
    rows += [event("bybit", at, rate) for at, rate in bybit.iter_rows()]
    listed = contracts(*(contract(name, valid_from=first) for name in ("binance_usdm", "bybit")))
    found = spreads(hourly_rates(rates(*rows), first=first, until=until), NO_LOOK, listed, FUNDING)
    assert found.height == 365 * 24
    expected = binance.join(bybit, on="at", maintain_order="left").select(pl.col("rate") - pl.col("rate_right"))
    got = found.filter(pl.col("hour").dt.offset_by("1h") == pl.col("available_at"))["spread_apr_pct"]
    assert got.to_list() == pytest.approx((expected.to_series() * 3 * 365 * 100).to_list(), abs=1e-9)
