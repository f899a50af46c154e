"""The interval that ended with each settlement (spec section 4)."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.transforms.intervals import with_intervals
from tests.market_assets.funding.transforms.histories import at, contracts, event, events, looked, seen

NOBODY = contracts().clear()


def told(rows: list[dict], known: pl.DataFrame = NOBODY) -> list[tuple[float | None, str]]:
    """Interval and source of each event, by time."""
    got = with_intervals(events(*rows), known)
    return got.select("interval_hours", "interval_source").rows()


def hours(*stamps: float) -> list[dict]:
    """An event at each hour."""
    return [event(stamp) for stamp in stamps]


def listed(interval: float | None) -> pl.DataFrame:
    """The listing has said this interval since T0."""
    return contracts(seen(interval_hours=interval))


def test_a_rows_own_interval_counts_before_all():
    """Whatever spacing and listing say; it is no source for its neighbours."""
    rows = [event(8), event(16, interval_hours=4.0), event(24)]
    assert told(rows, listed(8.0)) == [(8.0, "contract"), (4.0, "row"), (8.0, "contract")]


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_spacings_snap_within_five_minutes(minutes):
    """8 h and 5 minutes are 8 h."""
    assert told(hours(0, 8 + minutes / 60))[1] == (8.0, "spacing")


@pytest.mark.parametrize("stamp", [8 + 5.1 / 60, 8 - 5.1 / 60, 3, 0.5, 16, 752])
def test_other_spacings_tell_nothing(stamp):
    """Neither spacing nor listing: unknown; with a listing of the time, what that said."""
    assert told(hours(0, stamp))[1] == (None, "unknown")
    assert told(hours(0, stamp), listed(4.0))[1] == (4.0, "contract")


def test_a_shorter_spacing_than_listed_counts():
    """s < e: the exchange settled early."""
    assert told(hours(8, 12), listed(8.0))[1] == (4.0, "spacing")


def test_an_equal_spacing_is_the_listed_interval():
    """s = e."""
    assert told(hours(8, 16), listed(8.0))[1] == (8.0, "contract")


@pytest.mark.parametrize(("n", "expected"), [(1, (1.0, "contract")), (2, (1.0, "contract")), (3, (4.0, "spacing"))])
def test_a_longer_spacing_than_listed_counts_in_a_run_of_three(n, expected):
    """s > e in fewer than three equal spacings is missing events."""
    stamps = [1, 2, 3, *(3 + 4 * step for step in range(1, n + 1))]
    assert told(hours(*stamps), listed(1.0))[3:] == [expected] * n


def test_todays_listing_says_nothing_of_the_past():
    """Events before the first look have no listed interval, the first one after it has."""
    known = contracts(seen(interval_hours=1.0, listed_at=at(-5000)))
    assert told(hours(-16, -8, 0.5, 1.5), known) == [
        (None, "unknown"),
        (8.0, "spacing"),
        (1.0, "contract"),
        (1.0, "contract"),
    ]


def test_each_event_has_the_listing_of_its_time():
    """A listing that changes from 8 h to unknown to 4 h, with an odd spacing under each."""
    known = contracts(
        *looked(hours=[0, 9], interval_hours=8.0),
        *looked(hours=[10, 19], interval_hours=None),
        *looked(hours=[20], interval_hours=4.0),
    )
    assert [interval for interval, _ in told(hours(2, 5, 11, 14, 21, 24), known)] == [8.0, 8.0, None, None, 4.0, 4.0]


def test_a_switch_keeps_both_intervals():
    """LAYERUSDT went from 4 h to 1 h on one day of 2025: either side keeps its own, with or without a listing."""
    stamps = [*range(-24, 1, 4), *range(1, 12)]
    expected = [4.0] * 7 + [1.0] * 11
    assert [interval for interval, _ in told(hours(*stamps))] == expected
    # that listing already had 1 h when the last settlement after 4 h was made
    assert [interval for interval, _ in told(hours(*stamps), listed(1.0))] == expected


def test_a_missing_event_does_not_double_an_interval():
    """Hourly settlements, one of them missing, no listing: the one after it is hourly like those around."""
    assert told(hours(0, 1, 2, 3, 5, 6, 7)) == [(1.0, "spacing")] * 7
    assert told(hours(0, 4, 8, 12, 20, 24)) == [(4.0, "spacing")] * 6


def test_a_spacing_between_unlike_ones_is_taken_as_it_is():
    """Nothing says that 2 h between 1 h and 4 h is a hole, nor 2 h between single 1 h."""
    assert [interval for interval, _ in told(hours(0, 1, 2, 3, 5, 9, 13, 17))][4] == 2.0
    assert [interval for interval, _ in told(hours(0, 1, 3, 4))][2] == 2.0


@pytest.mark.parametrize(("n", "expected"), [(2, (None, "unknown")), (3, (8.0, "spacing"))])
def test_the_first_event_has_the_spacing_that_follows_three_times(n, expected):
    """There is none before it; fewer equal spacings say too little."""
    assert told(hours(*(8 * step for step in range(n + 1))))[0] == expected


def test_the_first_event_has_the_listed_interval():
    """Where the listing of the time says one."""
    assert told(hours(8), listed(8.0)) == [(8.0, "contract")]


def test_contracts_do_not_touch_each_other():
    """The spacing to another contract's or another exchange's event is none."""
    rows = [event(0), event(8, native_symbol="ETH_USDT"), event(16, exchange="okx")]
    assert told(rows) == [(None, "unknown")] * 3


def test_nothing_settled_has_no_interval():
    """Columns stay, rows are none."""
    got = with_intervals(events(), NOBODY)
    assert got.is_empty()
    assert got.columns == [*events().columns, "interval_source"]


@given(
    st.lists(st.sampled_from([0.5, 1, 1, 1, 2, 3, 4, 4, 4, 8, 8, 16]), max_size=25),
    st.sampled_from([None, 1.0, 4.0, 8.0]),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=40)
def test_the_rule_of_the_specification(steps, interval, random):
    """The rule with a listing, read event by event; the order of rows is irrelevant."""
    stamps = [8.0]
    for step in steps:
        stamps.append(stamps[-1] + step)
    rows = hours(*stamps)
    random.shuffle(rows)
    got = [found for found, _ in told(rows, listed(interval))]
    spacing = [None, *(step if step in {1, 2, 4, 8} else None for step in steps)]

    def run(index: int) -> int:
        """How many equal spacings the one at `index` is among."""
        n = 1
        for step in (-1, 1):
            other = index + step
            while 0 <= other < len(spacing) and spacing[other] == spacing[index]:
                n, other = n + 1, other + step
        return n

    for index, s in enumerate(spacing):
        if interval is None:
            shorter = {other for other in spacing if other is not None and s is not None and other < s}
            assert index == 0 or got[index] in {s, *shorter}
        elif s is None:
            assert got[index] == interval
        else:
            assert got[index] == (s if s <= interval or run(index) >= 3 else interval)


@given(st.lists(st.sampled_from([1, 1, 1, 2, 4, 8]), min_size=8, max_size=30))
@settings(deadline=None, max_examples=25)
def test_events_after_the_context_change_nothing(steps):
    """What is known of an event 32 h on stays, whatever comes later: no rule looks farther than four events."""
    stamps = [0.0]
    for step in steps:
        stamps.append(stamps[-1] + step)
    short = [stamp for stamp in stamps if stamp <= stamps[0] + 40]
    whole = told(hours(*stamps), listed(8.0))
    for index, found in enumerate(told(hours(*short), listed(8.0))):
        if stamps[index] <= short[-1] - 32:
            assert found == whole[index]


def recorded(path: Path) -> pl.DataFrame:
    """A recorded history as events of one contract."""
    time = pl.from_epoch("funding_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    row = events(event(0)).drop("funding_time_native", "rate_native")
    history = pl.read_csv(path).select(funding_time_native=time, rate_native="funding_rate")
    return history.join(row, how="cross").select(events().columns)


@pytest.mark.parametrize(
    ("name", "interval"),
    [
        ("binance_BTC.csv.gz", 8.0),
        ("binance_usdm_BTCUSDT_2025.csv", 8.0),
        ("binance_usdm_ENAUSDT_2025.csv", 4.0),
        ("bybit_BTC.csv.gz", 8.0),
        ("dydx_BTC.csv.gz", 1.0),
        ("gate_BTC_USDT_2025.csv", 8.0),
    ],
)
def test_real_histories_tell_their_interval(shared_data: Path, name, interval):
    """Without any listing, jitter of up to 47 ms included: every event of years has its interval from its spacing."""
    got = with_intervals(recorded(shared_data / "funding" / name), NOBODY)
    assert got.select("interval_hours", "interval_source").unique().rows() == [(interval, "spacing")]


def test_the_event_after_a_real_hole_is_unknown(shared_data: Path):
    """Gate's history of BTC has one hole of 752 h: nothing tells the interval after it, a listing would."""
    history = recorded(shared_data / "funding" / "gate_BTC.csv.gz")
    got = with_intervals(history, NOBODY)
    assert got["interval_hours"].null_count() == 1
    assert got.drop_nulls("interval_hours")["interval_hours"].unique().to_list() == [8.0]
    known = contracts(seen(first_at=history["funding_time_native"].min(), last_at=at(0)))
    assert with_intervals(history, known)["interval_hours"].unique().to_list() == [8.0]
