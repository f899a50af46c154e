"""Settled rates on the hourly grid (spec section 8)."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.schemas import FundingHourlyRates
from market_assets.funding.transforms.hourly import hourly_rates, uncovered
from tests.market_assets.funding.transforms.pair_frames import APR, D0, DAY, HOUR, contract, contracts, event, rates

few = settings(max_examples=40, deadline=None)


def of_day(*rows, first=D0, until=D0 + DAY):
    """Hours of a day as hour of the day -> rate_1h, after the table's own gate."""
    found = FundingHourlyRates.contract().validate(hourly_rates(rates(*rows), first=first, until=until))
    return {(row["hour"] - D0) // HOUR: row["rate_1h"] for row in found.iter_rows(named=True)}


def test_golden_of_the_specification():
    """Events 08:00 rate 0.0008 (8 h) and 16:00 rate -0.0004: hours 00..07 0.0001, 08..15 -0.00005, 16..23 absent."""
    found = of_day(event("bybit", D0 + 8 * HOUR, 0.0008), event("bybit", D0 + 16 * HOUR, -0.0004))
    assert list(found) == list(range(16))
    assert list(found.values()) == pytest.approx([0.0001] * 8 + [-0.00005] * 8, rel=1e-12)


def test_an_hour_tells_its_settlement():
    """settled_at = available_at = T for each of the hours; apr_pct, mark and interval are the event's."""
    found = hourly_rates(
        rates(event("bybit", D0 + 8 * HOUR, 0.0008, mark_price=61_000.0)), first=D0, until=D0 + DAY
    ).to_dicts()
    assert [(row["settled_at"], row["available_at"]) for row in found] == [(D0 + 8 * HOUR,) * 2] * 8
    assert {row["mark_price"] for row in found} == {61_000.0}
    assert {row["interval_hours"] for row in found} == {8.0}
    assert [row["apr_pct"] for row in found] == pytest.approx([0.0001 * APR] * 8)


def test_the_interval_switches_in_mid_history():
    """4 h until 12:00, 1 h from then on: each hour has the rate per hour of its own settlement."""
    found = of_day(
        event("aster", D0 + 4 * HOUR, 0.0004, 4.0),
        event("aster", D0 + 8 * HOUR, 0.0008, 4.0),
        event("aster", D0 + 12 * HOUR, 0.0012, 4.0),
        event("aster", D0 + 13 * HOUR, 0.0005, 1.0),
        event("aster", D0 + 14 * HOUR, 0.0006, 1.0),
    )
    assert list(found.values()) == pytest.approx([1e-4] * 4 + [2e-4] * 4 + [3e-4] * 4 + [5e-4, 6e-4])


def test_a_missing_settlement_leaves_its_hours_absent():
    """Without the 16:00 event nothing stands in for hours 08..15: no forward fill."""
    found = of_day(event("okx", D0 + 8 * HOUR, 0.0008), event("okx", D0 + 24 * HOUR, 0.0008))
    assert list(found) == [*range(8), *range(16, 24)]


def test_overlapping_settlements_each_keep_the_hours_before_them():
    """An 8 h event at 08:00 after a 1 h event at 05:00: hour 4 was paid at 05:00, hours 0..3 and 5..7 at 08:00."""
    found = of_day(event("gate", D0 + 5 * HOUR, 0.0003, 1.0), event("gate", D0 + 8 * HOUR, 0.0008, 8.0))
    assert found == pytest.approx({**dict.fromkeys((0, 1, 2, 3, 5, 6, 7), 0.0001), 4: 0.0003})


def test_a_zero_rate_covers_hours_and_an_unknown_interval_none():
    """Zero is a rate; without an interval nobody knows which hours were paid."""
    assert of_day(event("okx", D0 + 8 * HOUR, 0.0)) == dict.fromkeys(range(8), 0.0)
    assert of_day(event("okx", D0 + 8 * HOUR, 0.0008, None)) == {}


def test_settlements_after_the_span_reach_back_into_it_and_only_into_it():
    """KuCoin settles at 04:00 of the next day: hours 20..23 of this one are that settlement's."""
    found = of_day(event("kucoin", D0 - 4 * HOUR, 0.0008), event("kucoin", D0 + 4 * HOUR, 0.0016),
                   event("kucoin", D0 + 28 * HOUR, 0.0024))  # fmt: skip
    assert found == pytest.approx({**dict.fromkeys(range(4), 0.0002), **dict.fromkeys(range(20, 24), 0.0003)})


@pytest.mark.parametrize(
    ("off", "hours"),
    [
        (timedelta(milliseconds=47), range(8)),
        (timedelta(seconds=7), range(8)),
        (timedelta(minutes=10), range(8)),
        (timedelta(seconds=-12), range(8)),
        (timedelta(minutes=-49), range(8)),
        # too late for 08:00: the hours that start in [T - 8 h, T)
        (timedelta(minutes=11), range(1, 9)),
    ],
)
def test_a_stamp_beside_the_hour_covers_the_hours_of_its_interval(off, hours):
    """Up to 10 minutes late it is that hour's; settled_at stays what was stated."""
    at = D0 + 8 * HOUR + off
    assert list(of_day(event("dydx", at, 0.0008))) == list(hours)
    found = hourly_rates(rates(event("dydx", at, 0.0008)), first=D0, until=D0 + DAY)
    assert found["settled_at"].unique().to_list() == [at]


@pytest.mark.parametrize(
    ("interval", "hours"), [(0.5, []), (1.0, [7]), (2.5, [6, 7]), (3.0, [5, 6, 7]), (12.0, range(8))]
)
def test_other_intervals_cover_their_whole_hours(interval, hours):
    """Whole hours before the settlement, and no part of one."""
    assert list(of_day(event("htx", D0 + 8 * HOUR, 0.0008, interval))) == list(hours)


def test_a_day_of_hourly_rows_is_24_hours():
    """Deribit: 24 rows of interest_1h; their sum is the day's rate."""
    found = of_day(*(event("deribit", D0 + n * HOUR, n * 1e-6, 1.0) for n in range(1, 25)))
    assert len(found) == 24
    assert sum(found.values()) == pytest.approx(300e-6)


EVENTS = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([1.0, 2.0, 4.0, 8.0]), st.integers(-9, 9)),
    unique_by=lambda one: one[0],
    max_size=12,
)


@given(EVENTS)
@few
def test_an_hour_belongs_to_the_first_settlement_after_it_that_covers_it(events):
    """Against a search hour by hour."""
    found = of_day(*(event("okx", D0 + n * HOUR, k * 1e-5, h) for n, h, k in events))
    expected = {}
    for hour in range(24):
        covering = [(n, k * 1e-5 / h) for n, h, k in sorted(events) if n - h <= hour < n]
        expected.update({hour: covering[0][1]} if covering else {})
    assert found == pytest.approx(expected)


@given(EVENTS, st.integers(0, 40))
@few
def test_later_settlements_never_change_what_was_known(events, known_until):
    """As of an instant: rows with available_at up to it are the same with and without the events after it."""
    at = D0 + known_until * HOUR
    rows = [event("okx", D0 + n * HOUR, k * 1e-5, h) for n, h, k in events]
    full = hourly_rates(rates(*rows), first=D0, until=D0 + DAY)
    known = hourly_rates(rates(*(row for row in rows if row["funding_time"] <= at)), first=D0, until=D0 + DAY)
    assert full.filter(pl.col("available_at") <= at).equals(known)
    assert (full["available_at"] > full["hour"]).all()


def test_nothing_is_seen_of_a_settlement_before_it():
    """As of 07:59 nothing of the 08:00 event."""
    found = hourly_rates(rates(event("bybit", D0 + 8 * HOUR, 0.0008)), first=D0, until=D0 + DAY)
    assert found.filter(pl.col("available_at") <= D0 + 8 * HOUR - timedelta(minutes=1)).is_empty()


def test_days_apart_are_the_days_together():
    """Two days computed at once are the rows of each computed alone."""
    rows = rates(*(event(name, D0 + n * HOUR, n * 1e-6, 4.0) for name in ("gate", "okx") for n in range(0, 60, 4)))
    both = hourly_rates(rows, first=D0, until=D0 + 2 * DAY)
    alone = [hourly_rates(rows, first=D0 + n * DAY, until=D0 + (n + 1) * DAY) for n in (0, 1)]
    contract = FundingHourlyRates.contract()
    assert both.height == 2 * 48
    assert contract.conform(pl.concat(alone)).equals(contract.conform(both))


def test_no_settlement_no_hour():
    """An empty day keeps the columns of the table."""
    assert of_day() == {}


DAY_OF = D0.date()
LISTED = contracts(contract("okx"), contract("kucoin"))


def waiting(*rows, now, listed=LISTED):
    """Contracts that the day waits for at `now` (hours after its start)."""
    return uncovered(rates(*rows), listed, day=DAY_OF, now=D0 + now * HOUR)


def test_a_day_waits_until_its_last_hour_is_settled():
    """okx settles at 00:00, kucoin four hours later: the day waits for both, then for kucoin, then for none."""
    okx, kucoin = (event("okx", D0 + 24 * HOUR, 0.0), event("kucoin", D0 + 28 * HOUR, 0.0))
    assert waiting(now=24) == 2
    assert waiting(okx, now=25) == 1
    assert waiting(okx, kucoin, now=28) == 0


def test_a_settlement_is_waited_for_six_hours():
    """KuCoin's is due at 04:00 by the one of 20:00: it is waited for before 10:00, not from then on."""
    settled = [event("okx", D0 + 24 * HOUR, 0.0), event("kucoin", D0 + 20 * HOUR, 0.0)]
    assert waiting(*settled, now=33.9) == 1
    assert waiting(*settled, now=34) == 0


def test_after_missed_settlements_the_one_of_the_last_hour_is_due():
    """The last one known was at 04:00 of the day: 12:00 and 20:00 are missing, the next is due at 04:00."""
    settled = [event("okx", D0 + 24 * HOUR, 0.0), event("kucoin", D0 + 4 * HOUR, 0.0)]
    assert (waiting(*settled, now=33.9), waiting(*settled, now=34)) == (1, 0)


@pytest.mark.parametrize(("interval", "until"), [(1.0, 31), (8.0, 38), (None, 38)])
def test_without_any_settlement_the_listing_tells_how_long(interval, until):
    """At the latest an interval after midnight, 8 h where the listing says none, and six hours more."""
    listed = contracts(contract("okx", interval_hours=interval))
    assert waiting(now=until - 0.1, listed=listed) == 1
    assert waiting(now=until, listed=listed) == 0


def test_contracts_that_were_not_listed_at_the_end_of_the_day_are_not_waited_for():
    """One closed during the day, one listed the day after; those closed at its end or later are, changed terms once."""
    listed = contracts(
        contract("okx", "A", valid_to=D0 + 23 * HOUR),
        contract("okx", "B", valid_from=D0 + 24 * HOUR),
        contract("okx", "C", valid_to=D0 + 30 * HOUR),
        contract("okx", "D", valid_to=D0 + 12 * HOUR),
        contract("okx", "D", valid_from=D0 + 12 * HOUR),
        contract("okx", "E", valid_to=D0 + 24 * HOUR),
    )
    assert waiting(now=25, listed=listed) == 3


def test_real_settlements_with_their_jitter(shared_data: Path):
    """Binance's own stamps, some milliseconds late: every hour between the first and the last event, each once."""
    for name, interval in (("BTCUSDT", 8.0), ("ENAUSDT", 4.0)):
        found = pl.read_csv(shared_data / "funding" / f"binance_usdm_{name}_2025.csv").with_columns(
            at=pl.from_epoch("funding_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        )
        rows = [
            event("binance_usdm", at, rate, interval) for at, rate in found.select("at", "funding_rate").iter_rows()
        ]
        first = found["at"].min() - interval * HOUR
        got = hourly_rates(rates(*rows), first=first, until=found["at"].max())
        assert got.height == found.height * interval
        assert got["hour"].diff().drop_nulls().unique().to_list() == [HOUR]
        # what is paid over time is what was settled
        assert got["rate_1h"].sum() == pytest.approx(found["funding_rate"].sum(), abs=1e-12)
