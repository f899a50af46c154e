"""How many due settlements are stored (spec section 6)."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.core.errors import UnknownName
from market_assets.funding.transforms.completeness import completeness
from tests.market_assets.funding.transforms.histories import (
    LONG_AGO,
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
from tests.market_assets.funding.transforms.windows import END, FLOORS, LAST, LATER, found, judged, listed


@pytest.mark.parametrize(("interval", "slots"), [(1, 720), (2, 360), (4, 180), (8, 90)])
def test_thirty_full_days(interval, slots):
    """720, 360, 180 and 90 settlements at 1, 2, 4 and 8 h; those outside the window do not count."""
    row = found(every(interval, first=-24, until=END + 48), listed(float(interval)))
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (slots, slots, 0)
    assert (row["completeness_pct"], row["completeness_class"]) == (100.0, "complete")
    assert (row["epoch_starts"], row["epoch_intervals"]) == ([T0], [float(interval)])
    assert (row["gap_starts"], row["gap_ends"], row["gap_slots"], row["n_unrecoverable"]) == ([], [], [], 0)
    assert (row["first_event"], row["last_event"]) == (at(0), at(END - interval))
    assert row["is_active"]


def test_nothing_is_due_before_the_first_day_that_is_kept():
    """A home that begins ten days before the window's end expects ten days, however long the contract is listed."""
    stored = every(8, first=20 * 24, until=END)
    (row,) = judged(stored, start=LAST - timedelta(days=9)).to_dicts()
    assert (row["expected_slots"], row["hit_slots"], row["gap_starts"]) == (30, 30, [])
    (row,) = judged(stored, start=LAST - timedelta(days=10)).to_dicts()
    assert (row["expected_slots"], row["hit_slots"], row["gap_slots"]) == (33, 30, [3.0])


def test_gaps_are_runs_of_missing_settlements():
    """At the start, in the middle, at the end."""
    rows = [row for n, row in enumerate(every(8, first=0, until=END)) if n not in {0, 10, 11, 12, 88, 89}]
    row = found(rows)
    assert (row["expected_slots"], row["hit_slots"]) == (90, 84)
    assert row["completeness_pct"] == pytest.approx(100 * 84 / 90)
    assert row["completeness_class"] == "partial_high"
    assert row["gap_starts"] == [at(0), at(80), at(88 * 8)]
    assert row["gap_ends"] == [at(0), at(96), at(89 * 8)]
    assert row["gap_slots"] == [1.0, 3.0, 2.0]


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (86, "complete"),
        (85, "partial_high"),
        (72, "partial_high"),
        (71, "partial_medium"),
        (45, "partial_medium"),
        (44, "incomplete"),
        (1, "incomplete"),
        (0, "no_data"),
    ],
)
def test_classes(stored, name):
    """At least 95 % is complete, 80 partial_high, 50 partial_medium, more than nothing incomplete (of 90)."""
    row = found(every(8, first=0, until=8 * stored))
    assert (row["hit_slots"], row["expected_slots"], row["completeness_class"]) == (stored, 90, name)


def test_a_contract_without_any_event_is_expected_by_its_listing():
    """Two hours would be 360 settlements; without an interval nothing is known."""
    row = found([], listed(2.0))
    assert (row["expected_slots"], row["hit_slots"], row["completeness_class"]) == (360, 0, "no_data")
    assert (row["gap_starts"], row["gap_ends"], row["gap_slots"]) == ([at(0)], [at(END - 2)], [360.0])
    assert (row["first_event"], row["last_event"], row["completeness_pct"]) == (None, None, 0.0)
    unknown = found([], listed(None))
    assert (unknown["expected_slots"], unknown["completeness_pct"]) == (0, None)
    assert (unknown["completeness_class"], unknown["epoch_starts"]) == ("interval_unknown", [])


def test_events_whose_interval_nobody_knows_are_no_measure():
    """Two events 3 h apart under a silent listing."""
    row = found([event(8), event(11)], listed(None))
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"], row["completeness_pct"]) == (0, 0, 0, None)
    assert (row["completeness_class"], row["first_event"], row["last_event"]) == ("interval_unknown", at(8), at(11))


def test_a_duplicated_feed_is_not_more_than_complete():
    """Every settlement again three or thirty minutes later: 100 %, and as many rows too much."""
    for minutes in (3, 30):
        rows = every(1, first=0, until=END) + every(1, first=minutes / 60, until=END)
        row = found(rows, listed(1.0))
        assert (row["expected_slots"], row["hit_slots"], row["completeness_pct"]) == (720, 720, 100.0)
        assert row["surplus_rows"] == 720


def test_an_hourly_feed_has_no_surplus():
    """Deribit: 24 rows a day."""
    row = found(every(1, first=0, until=END), listed(1.0))
    assert (row["completeness_pct"], row["surplus_rows"]) == (100.0, 0)


def test_what_the_exchange_no_longer_keeps_is_unrecoverable():
    """Of five missing settlements the three before its floor, whose own instant still is kept."""
    rows = [row for n, row in enumerate(every(8, first=0, until=END)) if n not in {2, 3, 4, 5, 80}]
    row = found(rows, floor=at(39))
    assert (row["n_unrecoverable"], row["history_floor"]) == (3, at(39))
    assert found(rows, floor=at(40))["n_unrecoverable"] == 3
    assert found(rows, floor=at(41))["n_unrecoverable"] == 4
    assert found(rows, floor=LONG_AGO)["n_unrecoverable"] == 0
    assert found(rows, floor=LATER)["n_unrecoverable"] == 5


def test_a_symbol_that_passed_on_is_the_last_holders():
    """Two contracts had it in the window: one row."""
    known = contracts(
        *looked(hours=[-99, 120], listed_at=LONG_AGO), *looked(hours=range(130, 400, 20), native_symbol="BTC2_USDT")
    )
    row = judged(every(8, first=0, until=121), known).row(0, named=True)
    assert (row["symbol"], row["native_symbol"]) == ("BTC-USDT-PERP", "BTC2_USDT")


def test_several_days_are_judged_each_for_itself():
    """A settlement missing twenty days before the window of the last day is missing in those of twenty days before."""
    rows = [row for row in every(8, first=-24 * 40, until=END) if row["funding_time_native"] != at(-20 * 24)]
    days = [LAST - timedelta(days=n) for n in (0, 19, 20, 25)]
    got = judged(rows, listed(8.0), days=days)
    assert got["day"].to_list() == sorted(days)
    assert dict(zip(got["day"], got["hit_slots"], strict=True)) == {LAST: 90, days[1]: 90, days[2]: 89, days[3]: 89}


def test_an_event_of_an_unlisted_contract_is_an_error():
    """As for the rates themselves."""
    rates = settled([event(8)])
    with pytest.raises(UnknownName, match="BTC_USDT"):
        completeness(rates, contracts().clear(), pl.DataFrame(schema=FLOORS), days=[LAST], window_days=30, now=LATER)


#: ten days of 8 h, then 1 h
SLOW, FAST = range(0, 241, 8), range(241, END)


def runs(due: range, stored: set[int]) -> list[tuple[datetime, datetime, float]]:
    """First, last and number of each run of hours that are due and not stored."""
    told: list[tuple[datetime, datetime, float]] = []
    for hour in due:
        if hour in stored:
            continue
        if told and told[-1][1] == at(hour - due.step):
            told[-1] = (told[-1][0], at(hour), told[-1][2] + 1)
        else:
            told.append((at(hour), at(hour), 1.0))
    return told


@given(st.sets(st.sampled_from([*SLOW, *FAST]), max_size=300), st.integers(0, 20), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=15)
def test_slots_are_counted_as_by_hand(lost, n_odd, random):
    """Some settlements lost, some odd ones between: hits, gaps and surplus against plain sets, in any order."""
    stored = {*SLOW, *FAST} - lost | {240, 241}
    stated = [(hour, 8.0 if hour <= 240 else 1.0) for hour in stored]
    stated += [(hour + 0.5, 1.0) for hour in range(300, 300 + n_odd)]
    rows = [event(hour, interval_hours=interval) for hour, interval in stated]
    row = found(random.sample(rows, len(rows)), listed(1.0))
    expected = len(SLOW) + len(FAST)
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (expected, len(stored), n_odd)
    assert row["completeness_pct"] == pytest.approx(100 * len(stored) / expected)
    gaps = zip(row["gap_starts"], row["gap_ends"], row["gap_slots"], strict=True)
    assert list(gaps) == [*runs(SLOW, stored), *runs(FAST, stored)]


@given(st.sets(st.integers(0, 89), max_size=40), st.sets(st.integers(90, 120)), st.integers(0, 3))
@settings(deadline=None, max_examples=10)
def test_later_events_change_no_earlier_day(lost, later, n_looks):
    """What is settled or listed after a day says nothing of it."""
    rows = [row for n, row in enumerate(every(8, first=0, until=END)) if n not in lost]
    alone = judged(rows)
    known = contracts(
        *looked(hours=[0], listed_at=LONG_AGO), *looked(hours=range(END, END + n_looks), interval_hours=1.0)
    )
    assert judged([*rows, *(event(8 * n) for n in later)], known).equals(alone)


def test_a_real_hole_is_one_gap(shared_data: Path):
    """Gate's history of BTC lacks 752 h: 93 settlements, of which 30 days hold 90 at most."""
    time = pl.from_epoch("funding_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    history = pl.read_csv(shared_data / "funding" / "gate_BTC.csv.gz").select(
        funding_time_native=time, rate_native="funding_rate"
    )
    stated = history.join(events(event(0)).drop(history.columns), how="cross").select(events().columns)
    hole = history.select(
        pl.col("funding_time_native").filter(pl.col("funding_time_native").diff() > timedelta(hours=9))
    ).item()
    known = contracts(seen(first_at=LONG_AGO, last_at=LONG_AGO, listed_at=datetime(2019, 1, 1, tzinfo=T0.tzinfo)))
    rates = settled(stated.to_dicts(), known)
    day = hole.date() - timedelta(days=1)
    got = completeness(rates, known, pl.DataFrame(schema=FLOORS), days=[day], window_days=30, now=LATER).row(
        0, named=True
    )
    end = datetime(hole.year, hole.month, hole.day, tzinfo=T0.tzinfo)
    inside = history.filter(pl.col("funding_time_native").is_between(end - timedelta(days=30), end, closed="left"))
    assert (got["expected_slots"], got["hit_slots"]) == (90, inside.height)
    assert sum(got["gap_slots"]) == 90 - inside.height
