"""When settlements were due: listing, intervals, jitter (spec section 6)."""

from datetime import date, timedelta

from tests.market_assets.funding.transforms.histories import (
    LONG_AGO,
    at,
    contracts,
    event,
    every,
    looked,
)
from tests.market_assets.funding.transforms.windows import END, found, judged, listed


def test_a_change_of_interval_makes_an_epoch():
    """Ten days of 8 h, then 1 h: 31 settlements to midnight of the 11th, 479 after it."""
    rows = [*every(8, first=0, until=241), *every(1, first=241, until=END)]
    terms = {"listed_at": LONG_AGO, "native_symbol": "BTC_USDT"}
    row = found(rows, contracts(*looked(hours=[0], **terms), *looked(hours=[240.5], interval_hours=1.0, **terms)))
    assert (row["expected_slots"], row["hit_slots"], row["completeness_pct"]) == (31 + 479, 510, 100.0)
    assert (row["epoch_starts"], row["epoch_intervals"]) == ([at(0), at(240)], [8.0, 1.0])


def test_what_is_missing_before_a_change_was_due_at_the_old_interval():
    """8 h to 232, nothing until hourly settlements from 241 on: the one of 240 is missing."""
    rows = [*every(8, first=0, until=240), *every(1, first=241, until=END, interval_hours=1.0)]
    row = found(rows, listed(8.0))
    assert (row["gap_starts"], row["gap_ends"], row["gap_slots"]) == ([at(240)], [at(240)], [1.0])
    assert row["epoch_starts"] == [at(0), at(240)]


def test_a_phase_other_than_midnight():
    """KuCoin settles at 04, 12 and 20 o'clock."""
    row = found([item for item in every(8, first=4, until=END) if item["funding_time_native"] != at(20)])
    assert (row["expected_slots"], row["hit_slots"], row["gap_starts"]) == (90, 89, [at(20)])


def test_jitter_is_no_gap():
    """Nine minutes late or early is the settlement; eleven is not."""
    minutes = [9, -9, 0, 11, 0, 0]
    rows = [event(8 * n + late / 60, interval_hours=8.0) for n, late in enumerate(minutes)]
    row = found(
        rows,
        contracts(*looked(hours=[0, 47], listed_at=LONG_AGO), *looked("ETH", hours=[0, 99])).filter(
            native_symbol="BTC_USDT"
        ),
    )
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (6, 5, 1)
    assert row["gap_starts"] == [at(24)]


def test_jitter_at_the_ends_is_no_gap():
    """Before the window, at an unstated start and after the known end: a settlement belongs where its slot is."""
    row = found([event(-3 / 60), *every(8, first=8, until=END)])
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (90, 90, 0)
    late = [event(160.1), *every(8, first=168, until=END)]
    row = found(late, contracts(*looked(hours=[END + 50])))
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (70, 70, 0)
    closed = contracts(*looked(hours=[-9, 239], listed_at=LONG_AGO), *looked("ETH", hours=[-9, 239, END + 50]))
    early = [*every(8, first=0, until=240), event(239.9)]
    row = judged(early, closed).filter(native_symbol="BTC_USDT").row(0, named=True)
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (31, 31, 0)


def test_jitter_at_a_change_of_interval_is_no_gap():
    """The last settlement after 8 h and the first hourly one, both three minutes early."""
    slow = [event(hour - (hour == 240) / 20, interval_hours=8.0) for hour in range(0, 241, 8)]
    fast = [event(hour - (hour == 241) / 20, interval_hours=1.0) for hour in range(241, END)]
    row = found(slow + fast, listed(1.0))
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (31 + 479, 510, 0)


def test_an_event_of_unknown_interval_is_on_its_neighbours_grid():
    """Hourly settlements without a listing, two of them missing: the one after them is no guess, and is hit."""
    rows = [row for n, row in enumerate(every(1, first=0, until=END)) if n not in {30, 31}]
    row = found(rows, listed(None))
    assert (row["expected_slots"], row["hit_slots"], row["gap_slots"]) == (720, 718, [2.0])


def test_nothing_is_due_before_the_listing():
    """Listed on the 11th at 01:00; an event before that moves it to the event."""
    known = contracts(*looked(hours=[300], listed_at=at(241)))
    assert found(every(8, first=248, until=END), known)["expected_slots"] == 90 - 31
    assert found(every(8, first=232, until=END), known)["expected_slots"] == 90 - 29
    # a contract is not charged for the instant it was listed
    known = contracts(*looked(hours=[300], listed_at=at(240)))
    assert found(every(8, first=248, until=END), known)["completeness_pct"] == 100.0


def test_an_unstated_listing_begins_with_the_first_event():
    """A backfill: the contract was first seen after the window."""
    known = contracts(*looked(hours=[END + 50]))
    row = found(every(8, first=160, until=END), known)
    assert (row["expected_slots"], row["hit_slots"], row["is_active"]) == (70, 70, True)


def test_a_contract_of_later_has_no_row():
    """Not listed yet, nothing settled."""
    assert judged([], contracts(*looked(hours=[END + 50]))).is_empty()
    assert judged([], contracts(*looked(hours=[END + 50], listed_at=at(END)))).is_empty()


def test_nothing_is_due_after_the_listing():
    """Seen until the 11th at 01:00, and its settlement of 08:00 came before it was closed."""
    known = contracts(*looked(hours=[-999, 241], listed_at=LONG_AGO), *looked("ETH", hours=[-999, 241, END + 50]))
    row = judged(every(8, first=0, until=241), known).filter(native_symbol="BTC_USDT").row(0, named=True)
    assert (row["expected_slots"], row["hit_slots"], row["is_active"]) == (31, 31, False)
    row = judged(every(8, first=0, until=249), known).filter(native_symbol="BTC_USDT").row(0, named=True)
    assert (row["expected_slots"], row["hit_slots"], row["surplus_rows"]) == (32, 32, 0)
    # a month later there is nothing left to tell
    assert judged([], known, days=[date(2025, 5, 1)])["native_symbol"].to_list() == ["ETH_USDT"]


def test_nothing_is_due_at_the_instant_of_closing():
    """Seen last at a settlement's instant: listed until then."""
    known = contracts(*looked(hours=[-9, 240], listed_at=LONG_AGO), *looked("ETH", hours=[-9, 240, END + 50]))
    row = judged(every(8, first=0, until=240), known).filter(native_symbol="BTC_USDT").row(0, named=True)
    assert (row["expected_slots"], row["hit_slots"]) == (30, 30)


def test_nothing_is_due_of_a_contract_listed_this_minute():
    """Five minutes after its listing: no settlement, no share, no data."""
    known = contracts(*looked(hours=[END - 8], listed_at=at(END - 8)))
    row = found([], known, now=at(END - 8 + 5 / 60))
    assert (row["expected_slots"], row["completeness_pct"], row["completeness_class"]) == (0, None, "no_data")


def test_nothing_is_due_between_two_listings():
    """Closed on the 6th at 01:00, back on the 21st at 01:00."""
    known = contracts(
        *looked(hours=[*range(-99, 122, 20), *range(481, 600, 20)], listed_at=LONG_AGO),
        *looked("ETH", hours=range(-99, 600, 20)),
    ).filter(native_symbol="BTC_USDT")
    assert known.height == 2
    rows = [*every(8, first=0, until=121), *every(8, first=488, until=END)]
    row = found(rows, known)
    assert (row["expected_slots"], row["hit_slots"], row["gap_starts"]) == (16 + 29, 45, [])
    assert row["epoch_starts"] == [at(0), at(481) + timedelta(microseconds=1)]


def test_a_day_that_is_not_over_expects_what_is_due():
    """At noon of the last day two of its three settlements are; the next one gets ten minutes."""
    rows = every(8, first=0, until=END - 12)
    row = found(rows, now=at(END - 12))
    assert (row["expected_slots"], row["hit_slots"], row["is_active"]) == (89, 89, True)
    for minutes, due in ((9, 89), (10, 90)):
        row = found(rows, now=at(END - 8 + minutes / 60))
        assert (row["expected_slots"], row["hit_slots"]) == (due, 89)
    # what comes before it is due counts neither as hit nor as surplus
    early = found(every(8, first=0, until=END), now=at(END - 8 + 5 / 60))
    assert (early["expected_slots"], early["hit_slots"], early["surplus_rows"]) == (89, 89, 0)
