"""Settled events as the table keeps them (spec section 4)."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core.errors import UnknownName
from market_assets.funding.schemas import FundingRates
from market_assets.funding.transforms import rates
from tests.market_assets.funding.transforms.histories import (
    T0,
    at,
    contracts,
    event,
    events,
    every,
    looked,
    seen,
    settled,
)


@pytest.mark.parametrize(
    ("native", "interval", "expected"),
    [
        (0.0001, 8, (1.25e-05, 0.0001, 0.0003, 10.95)),
        (0.0001, 4, (2.5e-05, 0.0002, 0.0006, 21.9)),
        (0.0001, 1, (0.0001, 0.0008, 0.0024, 87.6)),
        (-0.0003, 8, (-3.75e-05, -0.0003, -0.0009, -32.85)),
        (0.0, 8, (0.0, 0.0, 0.0, 0.0)),
        # dYdX is hourly: taken as 8 h it would be 1.095
        (0.00001, 1, (0.00001, 0.00008, 0.00024, 8.76)),
    ],
)
def test_golden_rates(native, interval, expected):
    """Per hour, 8 hours, day and simple year; a rate of zero stays."""
    got = settled([event(8, native, interval_hours=float(interval))])
    assert got.select("rate_1h", "rate_8h", "rate_1d", "apr_pct").row(0) == pytest.approx(expected, rel=1e-9)
    assert got["rate_native"].to_list() == [native]


def test_equal_native_rates_of_different_intervals_differ():
    """0.0001 an hour is eight times 0.0001 in 8 h."""
    got = settled([event(8, interval_hours=1.0), event(16, interval_hours=8.0)])
    assert got["apr_pct"][0] / got["apr_pct"][1] == pytest.approx(8.0)


def test_hourly_rates_sum_to_the_day():
    """Deribit: 24 rows of interest_1h; the daily rate is their sum."""
    rows = [event(hour, rate=hour * 1e-6, interval_hours=1.0) for hour in range(1, 25)]
    assert settled(rows)["rate_1h"].sum() == pytest.approx(300e-6)


def test_a_stored_row_is_complete():
    """Named by the contract, stamped as stated and as settled."""
    got = settled([event(8.000_001, 0.0002, mark_price=5.0)])
    assert FundingRates.contract().validate(got).row(0, named=True) == {
        "exchange": "gate",
        "symbol": "BTC-USDT-PERP",
        "native_symbol": "BTC_USDT",
        "base_asset": "BTC",
        "funding_time": at(8),
        "funding_time_native": at(8.000_001),
        "rate_native": 0.0002,
        "interval_hours": 8.0,
        "interval_source": "contract",
        "rate_1h": 0.0002 / 8,
        "rate_8h": 0.0002 / 8 * 8,
        "rate_1d": 0.0002 / 8 * 24,
        "apr_pct": 0.0002 / 8 * 8760 * 100,
        "mark_price": 5.0,
        "flag_off_grid": False,
        "ingested_at": at(10_000),
        "source": "gate",
    }


@pytest.mark.parametrize(("seconds", "rounded"), [(0.047, 0), (5, 0), (-5, 0), (5.001, 5.001), (-5.5, -5.5), (57, 60)])
def test_instants_within_five_seconds_of_a_minute_are_rounded(seconds, rounded):
    """Farther ones stand as stated."""
    got = settled([event(8 + seconds / 3600)])
    assert abs(got["funding_time"][0] - at(8) - timedelta(seconds=rounded)) < timedelta(microseconds=2)


def test_an_unknown_interval_leaves_the_rate_alone():
    """No listing, no spacing: null per hour, day and year, the native rate kept."""
    got = settled([event(8)], contracts(seen(interval_hours=None)))
    row = FundingRates.contract().validate(got).row(0, named=True)
    assert (row["rate_native"], row["interval_source"]) == (1e-4, "unknown")
    assert {row[name] for name in ("interval_hours", "rate_1h", "rate_8h", "rate_1d", "apr_pct")} == {None}


def test_a_row_without_a_rate_is_no_event():
    """It is left out, and is no neighbour either: the spacing is that of the events."""
    got = settled([event(8), event(12, None), event(16)])
    assert got.select("funding_time", "interval_hours").rows() == [(at(8), 8.0), (at(16), 8.0)]


def test_only_the_asked_hours_are_written():
    """Events around [first, until) tell intervals: the first one has that of its spacing."""
    rows = events(*every(4, first=-8, until=33))
    known = contracts(seen(interval_hours=None, listed_at=at(-999)))
    got = rates.rates(rows, known, first=T0, until=at(24))
    assert got["funding_time"].to_list() == [at(hour) for hour in range(0, 24, 4)]
    assert got["interval_source"].unique().to_list() == ["spacing"]


def test_a_settlement_stamped_just_before_midnight_is_the_next_days():
    """What counts is the rounded instant."""
    early = events(event(24 - 0.001))
    assert rates.rates(early, contracts(), first=T0, until=at(24)).is_empty()
    assert rates.rates(early, contracts(), first=at(24), until=at(48)).height == 1


def test_an_event_stated_several_times_is_one():
    """The exchange's own row counts before the archive's, then the one that arrived last; stamps may jitter."""
    stated = [
        event(8, 3e-4, source="binance_archive", ingested_at=at(9000)),
        event(8 + 1e-6, 1e-4, ingested_at=at(100)),
        event(8 + 2e-6, 2e-4, ingested_at=at(200)),
    ]
    got = settled(stated)
    assert got.select("rate_native", "source").rows() == [(2e-4, "gate")]
    archived = settled(stated[:1])
    assert archived.select("rate_native", "source").rows() == [(3e-4, "binance_archive")]


def test_simulated_sources_keep_their_mark():
    """The archive of the sandbox is one too."""
    stated = [event(8, 3e-4, source="binance_archive-sandbox"), event(8, 1e-4, source="gate-sandbox")]
    assert settled(stated).select("rate_native", "source").rows() == [(1e-4, "gate-sandbox")]


def test_events_far_from_every_slot_are_flagged():
    """Eleven minutes off; of an unknown interval no slot is known."""
    got = settled([*every(8, first=0, until=25), event(32 + 11 / 60), event(40)])
    assert got["flag_off_grid"].to_list() == [False] * 4 + [True, False]
    alone = settled([event(0), event(3)], contracts(seen(interval_hours=None)))
    assert alone["flag_off_grid"].to_list() == [False, False]


def test_events_are_called_as_their_contract_was():
    """A candidate before and after its price was known; events before the first look as at that look."""
    known = contracts(*looked("1MDOG", hours=[0]), *looked("1MDOG", hours=[8], price_ratio=1.0))
    rows = [event(hour, native_symbol="1MDOG_USDT") for hour in (-8, 0, 8)]
    assert settled(rows, known).select("funding_time", "symbol", "base_asset").sort("funding_time").rows() == [
        (at(-8), "1MDOG-USDT-PERP", "1MDOG"),
        (at(0), "1MDOG-USDT-PERP", "1MDOG"),
        (at(8), "1000000DOG-USDT-PERP", "DOG"),
    ]


def test_a_symbols_history_is_that_of_whoever_had_it():
    """The next contract of a symbol has an older history; where both have an event, the one in its turn counts."""
    known = contracts(*looked(hours=[0, 1]), *looked(hours=[9, 40], native_symbol="BTC2_USDT"))
    rows = [event(0, 1e-4), *(event(hour, 2e-4, native_symbol="BTC2_USDT") for hour in (-8, 0, 16))]
    got = FundingRates.contract().validate(settled(rows, known))
    assert got.select("funding_time", "native_symbol").rows() == [
        (at(-8), "BTC2_USDT"),
        (at(0), "BTC_USDT"),
        (at(16), "BTC2_USDT"),
    ]


def test_a_mark_price_of_zero_is_none():
    """Some rows state 0 where there is none."""
    assert settled([event(8, mark_price=0.0)])["mark_price"].to_list() == [None]


def test_an_event_of_an_unlisted_contract_is_an_error():
    """It has no name; the message says which."""
    with pytest.raises(UnknownName, match="XYZ"):
        settled([event(8, native_symbol="XYZ")])


def test_nothing_settled_is_an_empty_table():
    """Before the first settlement of a contract."""
    assert settled([]).equals(FundingRates.contract().empty())


def test_stored_rows_are_events_again():
    """Only a row's own interval is told: the rest is derived anew, to the same rows."""
    rows = [*every(8, first=0, until=40), event(44, interval_hours=4.0), event(48, mark_price=None)]
    stored = settled(rows)
    back = rates.natives(stored)
    assert back.select(sorted(back.columns)).schema == events().select(sorted(back.columns)).schema
    assert back["interval_hours"].drop_nulls().to_list() == [4.0]
    assert rates.rates(back, contracts(), first=T0, until=at(100)).equals(stored)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 4, 8, 8.0000005, 16, 16.5, 24]),
            st.sampled_from(["BTC_USDT", "ETH_USDT"]),
            st.sampled_from([None, 0.0, 1e-4]),
            st.sampled_from(["gate", "binance_archive"]),
            st.integers(0, 2),
        ),
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=30)
def test_the_order_of_rows_is_irrelevant(stated, random):
    """And what comes out is a valid table: keys unique, rates per period in proportion."""
    known = contracts(*looked(hours=[0]), *looked("ETH", hours=[0], interval_hours=None))
    rows = [
        event(hour, rate, native_symbol=name, source=source, ingested_at=at(100 + late))
        for hour, name, rate, source, late in stated
    ]
    got = FundingRates.contract().validate(settled(rows, known))
    assert settled(random.sample(rows, len(rows)), known).equals(got)
    known_interval = got.drop_nulls("interval_hours")
    assert known_interval["rate_8h"].to_list() == (known_interval["rate_1h"] * 8).to_list()
    assert known_interval["apr_pct"].to_list() == pytest.approx((known_interval["rate_1h"] * 876_000).to_list())
    assert got.filter(pl.col("interval_hours").is_null())["rate_1h"].null_count() == got["interval_hours"].null_count()
