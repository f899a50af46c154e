"""Settled history comes whole, once and verified, whatever a venue's pages do (funding.md 2, common 11.7)."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.http.errors import Clipped, Malformed
from resources.venues.pager import Walked, walk
from tests.resources.venues.scripted import BTC, Row, Scripted, at, hourly

FIRST = at("2025-03-01")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def walked(scripted: Scripted, first: datetime, until: datetime, shortest_hours: float = 1) -> Walked:
    return walk(scripted.venue(), scripted, BTC, first, until, shortest_hours)


def rows(found: Walked) -> list[Row]:
    return list(found.frame.select("funding_time_native", "rate_native").iter_rows())


def test_sixty_days_of_an_hourly_contract_are_1440_rows_at_a_page_of_500() -> None:
    """Row counts are compared with slots, not with pages: ccxt's own pagination lost 440 of these."""
    scripted = Scripted(hourly(FIRST, 60 * 24))
    found = walked(scripted, FIRST, FIRST + 60 * DAY)
    assert rows(found) == hourly(FIRST, 1440)
    # 80 % of 500 rows are 400 hours; 1440 / 400 windows
    assert found.requests == len(scripted.asked) == 4
    assert (found.floor, found.outside, found.duplicates) == (None, 0, 0)


def test_nothing_outside_the_range_is_brought() -> None:
    """Events before `first` and from `until` on are not asked for, and not kept."""
    scripted = Scripted(hourly(FIRST - 10 * DAY, 40 * 24))
    found = walked(scripted, FIRST, FIRST + DAY)
    assert [row[0] for row in rows(found)] == [FIRST + n * HOUR for n in range(24)]


def test_an_empty_range_asks_nothing() -> None:
    """A range that ends before it begins has no events."""
    scripted = Scripted(hourly(FIRST, 24))
    assert walked(scripted, FIRST + DAY, FIRST).frame.is_empty()
    assert not scripted.asked


def test_a_contract_that_settles_more_often_than_known_loses_nothing() -> None:
    """Hourly, while known to settle every 8 hours: its windows overfill their pages, and are asked on."""
    scripted = Scripted(hourly(FIRST, 1440), cap=100, page_rows=100)
    found = walked(scripted, FIRST, FIRST + 60 * DAY, shortest_hours=8)
    assert rows(found) == hourly(FIRST, 1440)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("n", [99, 100, 101, 200])
def test_a_page_that_is_just_full_loses_nothing(n: int, newest_first: bool) -> None:
    """Whether the older or the newer end was cut off, and also where the last event is seconds from the end."""
    scripted = Scripted(hourly(FIRST, n), cap=100, page_rows=100, keeps_newest=newest_first)
    until = FIRST + (n - 1) * HOUR + timedelta(seconds=1)
    assert rows(walked(scripted, FIRST, until, shortest_hours=8)) == hourly(FIRST, n)


def test_an_interval_that_changes_keeps_every_event() -> None:
    """LAYERUSDT went from 4 to 1 hours on 2025-05-06: both rhythms are kept (funding.md 15)."""
    switch = at("2025-05-06")
    expected = hourly(switch - 10 * DAY, 60, 4) + hourly(switch, 240, 1)
    found = walked(Scripted(expected, cap=100, page_rows=100), switch - 10 * DAY, switch + 10 * DAY, shortest_hours=4)
    assert rows(found) == expected


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("cap", [9, 100, 399])
def test_pages_shorter_than_documented_lose_nothing(cap: int, newest_first: bool) -> None:
    """Binance documented 1,000 rows and gave 500: an edge of a window left bare is asked again."""
    scripted = Scripted(hourly(FIRST, 400), cap=cap, keeps_newest=newest_first)
    assert rows(walked(scripted, FIRST, FIRST + 400 * HOUR)) == hourly(FIRST, 400)


def test_a_window_that_never_ends_is_clipped() -> None:
    """Fifty requests for one window is no paging any more: the walk fails, and says how far it came."""
    with pytest.raises(Clipped, match="50 requests and 2025-03-03 01:00:00Z is not passed") as refused:
        walked(Scripted(hourly(FIRST, 400), cap=1), FIRST, FIRST + 400 * HOUR)
    assert "scripted /history [BTCUSDT 2025-03-03" in str(refused.value)


def test_the_wrong_window_is_refused() -> None:
    """An answer of another range is no answer to the one asked, and says both."""
    scripted = Scripted(hourly(FIRST, 1440), instead={2: hourly(FIRST, 300)})
    with pytest.raises(Malformed, match="the wrong window: asked for 2025-03-17 16:00:00Z") as refused:
        walked(scripted, FIRST, FIRST + 60 * DAY)
    assert "300 rows of 2025-03-01 00:00:00Z..2025-03-13 11:00:00Z" in str(refused.value)
    assert refused.value.endpoint == "/history"


def test_a_venue_that_ignores_the_range_is_refused() -> None:
    """One that always answers with its newest rows is not taken for one with a short history."""
    newest = hourly(FIRST + 30 * DAY, 300)
    scripted = Scripted([], instead=dict.fromkeys(range(1, 50), newest))
    with pytest.raises(Malformed, match="the wrong window"):
        walked(scripted, FIRST, FIRST + 43 * DAY)
    with pytest.raises(Malformed, match="the wrong window"):
        walked(Scripted([], instead=dict.fromkeys(range(1, 50), newest)), FIRST + 29 * DAY, FIRST + 43 * DAY)


def test_a_venue_that_answers_with_more_is_no_loss() -> None:
    """Always its newest 500 rows: where they cover the window it is whole, and what else came is counted."""
    scripted = Scripted([], instead=dict.fromkeys(range(1, 9), hourly(FIRST - 20 * DAY, 500)))
    found = walked(scripted, FIRST - DAY, FIRST)
    assert rows(found) == hourly(FIRST - 20 * DAY, 500)[456:480]
    assert found.outside >= 475


def test_rows_beside_the_window_are_counted_and_left_out() -> None:
    """A venue that rounds its range up gives a few rows too many."""
    scripted = Scripted(hourly(FIRST, 24), instead={1: hourly(FIRST - 3 * HOUR, 30)})
    found = walked(scripted, FIRST, FIRST + DAY)
    assert [row[0] for row in rows(found)] == [FIRST + n * HOUR for n in range(24)]
    # 3 before; the row stamped at the very end of the window belongs to the tolerance, 2 after it
    assert found.outside == 5


@settings(deadline=None, max_examples=25)
@given(jitter=st.lists(st.integers(0, 47), min_size=200, max_size=200), page_rows=st.integers(2, 60))
def test_jitter_at_a_boundary_neither_loses_nor_doubles(jitter: list[int], page_rows: int) -> None:
    """Binance stamps settlements 0 to 47 ms late; windows begin and end on whole hours."""
    expected = hourly(FIRST, 200, jitter_ms=jitter.__getitem__)
    scripted = Scripted(expected, cap=page_rows, page_rows=page_rows)
    assert rows(walked(scripted, FIRST, FIRST + 200 * HOUR)) == expected


def test_a_stamp_shortly_before_the_window_belongs_to_it() -> None:
    """A venue that selects by the hour and stamps a little early is believed, up to a minute."""
    early = [(FIRST - timedelta(seconds=2), 0.1), (FIRST + HOUR, 0.2)]
    scripted = Scripted([], instead={1: [(FIRST - timedelta(minutes=2), 9.0), *early]})
    found = walked(scripted, FIRST, FIRST + 2 * HOUR)
    assert rows(found) == early
    assert found.outside == 1


def test_an_event_at_both_ends_of_abutting_windows_is_one() -> None:
    """A venue that includes the end of a range states a boundary's event twice; that is not its mistake."""
    shared = FIRST + 80 * HOUR
    scripted = Scripted(
        [],
        page_rows=100,
        instead={1: hourly(FIRST, 81), 2: [(shared, 0.5), *hourly(shared + HOUR, 9)]},
    )
    found = walked(scripted, FIRST, FIRST + 90 * HOUR)
    assert found.frame.height == 90
    assert found.frame["rate_native"][80] == 0.5
    assert (found.outside, found.duplicates) == (0, 0)


def test_what_an_answer_states_twice_is_counted_and_the_later_kept() -> None:
    """A row that comes again in the same answer restates the first."""
    stated = [*hourly(FIRST, 24), (FIRST + 3 * HOUR, 0.7), (FIRST + 5 * HOUR, 0.0)]
    found = walked(Scripted([], instead={1: stated}), FIRST, FIRST + DAY)
    assert found.duplicates == 2
    assert found.frame.height == 24
    assert found.frame["rate_native"].to_list()[2:6] == [2e-6, 0.7, 4e-6, 0.0]


def test_rows_come_out_in_order_of_time() -> None:
    """The order of an answer means nothing."""
    scripted = Scripted([], instead={1: hourly(FIRST, 24)[::-1]})
    assert rows(walked(scripted, FIRST, FIRST + DAY)) == hourly(FIRST, 24)


def test_null_keeps_its_row_and_zero_stays_zero() -> None:
    """A settlement without a rate is not a rate of zero."""
    stated: list[Row] = [(FIRST, None), (FIRST + HOUR, 0.0)]
    assert rows(walked(Scripted(stated), FIRST, FIRST + 2 * HOUR)) == stated


@pytest.mark.parametrize("strange", [float("nan"), float("inf")])
def test_a_rate_that_is_no_number_is_refused(strange: float) -> None:
    """A rate is finite or missing."""
    with pytest.raises(Malformed, match="the rate of 2025-03-01 00:00:00Z is"):
        walked(Scripted([(FIRST, strange)]), FIRST, FIRST + HOUR)


@pytest.mark.parametrize("symbol", ["ETHUSDT", None])
def test_another_contracts_rows_are_refused(symbol: str | None) -> None:
    """An answer about ETH is no answer about BTC, and one that names nobody is not either."""
    with pytest.raises(Malformed, match=f"asked for BTCUSDT, got {symbol}"):
        walked(Scripted(hourly(FIRST, 24), symbol=symbol), FIRST, FIRST + DAY)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["windowed", "number", "before", "cursor", "whole"])
def test_what_is_stamped_ahead_of_our_clock_waits(kind: str) -> None:
    """Nothing at or after `until`, which is now, is taken for settled."""
    ahead = [*hourly(FIRST, 24), (FIRST + DAY + timedelta(seconds=5), 0.5)]
    scripted = Scripted(ahead, kind=kind, instead={1: ahead} if kind == "windowed" else {})  # type: ignore[arg-type]
    assert rows(walked(scripted, FIRST, FIRST + DAY)) == hourly(FIRST, 24)


def test_the_floor_of_windows_is_the_first_event_after_empty_ones() -> None:
    """Whole windows without an event before the first one: the venue has no older."""
    listed = FIRST + 30 * DAY
    scripted = Scripted(hourly(listed, 30 * 24))
    assert walked(scripted, FIRST, FIRST + 60 * DAY).floor == listed


def test_a_hole_at_the_beginning_of_the_first_window_is_no_floor() -> None:
    """No older window was asked: missing events are missing, not beyond the venue's memory."""
    found = walked(Scripted(hourly(FIRST + 20 * HOUR, 100)), FIRST, FIRST + 120 * HOUR)
    assert found.frame.height == 100
    assert found.floor is None


def test_no_event_at_all_is_no_floor() -> None:
    """An empty range says nothing about where history begins."""
    found = walked(Scripted([]), FIRST, FIRST + 60 * DAY)
    assert found.frame.is_empty()
    assert found.floor is None


@pytest.mark.parametrize("kind", ["number", "before", "cursor"])
@pytest.mark.parametrize("cap", [20, 100])
def test_a_walk_back_reaches_the_beginning(kind: str, cap: int) -> None:
    """Pages are asked until one is older than the window, also where they are shorter than documented."""
    scripted = Scripted(hourly(FIRST, 1440), cap=cap, page_rows=100, kind=kind)  # type: ignore[arg-type]
    found = walked(scripted, FIRST + 10 * DAY, FIRST + 50 * DAY)
    assert rows(found) == hourly(FIRST, 1440)[240:1200]
    assert (found.floor, found.outside, found.duplicates) == (None, 0, 0)


@pytest.mark.parametrize("kind", ["number", "before", "cursor"])
@pytest.mark.parametrize("n", [99, 100, 101, 200])
def test_a_walk_back_ends_where_the_venue_has_no_more(kind: str, n: int) -> None:
    """Its oldest event is the floor, whether the last page is full, short or empty."""
    scripted = Scripted(hourly(FIRST, n), cap=100, page_rows=100, kind=kind)  # type: ignore[arg-type]
    found = walked(scripted, FIRST - 30 * DAY, FIRST + 60 * DAY)
    assert rows(found) == hourly(FIRST, n)
    assert found.floor == FIRST


def test_a_walk_back_asks_no_page_it_does_not_need() -> None:
    """One page that reaches beyond the window is enough."""
    scripted = Scripted(hourly(FIRST, 1440), cap=100, page_rows=100, kind="number")
    assert walked(scripted, FIRST + 58 * DAY, FIRST + 60 * DAY).requests == 1


def test_the_same_page_again_is_refused() -> None:
    """A venue that ignores the page number is not asked for ever."""
    page = hourly(FIRST, 100)
    scripted = Scripted([], cap=100, page_rows=100, kind="number", instead=dict.fromkeys(range(1, 9), page))
    with pytest.raises(Malformed, match="the same page again: 100 rows, none before 2025-03-01 00:00:00Z"):
        walked(scripted, FIRST - 30 * DAY, FIRST + 5 * DAY)
    assert len(scripted.asked) == 2


def test_a_page_that_is_newer_is_refused() -> None:
    """Walking back never goes forward."""
    scripted = Scripted(
        [], kind="number", instead={1: hourly(FIRST, 50), 2: hourly(FIRST + 50 * HOUR, 50)}, page_rows=50
    )
    with pytest.raises(Malformed, match="the same page again"):
        walked(scripted, FIRST - 30 * DAY, FIRST + 5 * DAY)


def test_pages_of_one_row_end_the_walk() -> None:
    """A walk is bounded by ten times the pages that the window should take."""
    scripted = Scripted(hourly(FIRST, 1440), cap=1, page_rows=100, kind="number")
    with pytest.raises(Clipped, match="160 pages reach back to"):
        walked(scripted, FIRST, FIRST + 60 * DAY)


def test_a_history_in_one_answer_is_cut_to_the_window() -> None:
    """Kraken gives everything: what is not asked for is left out, and nothing counts as outside."""
    found = walked(Scripted(hourly(FIRST, 1440), kind="whole"), FIRST + DAY, FIRST + 2 * DAY)
    assert rows(found) == hourly(FIRST, 1440)[24:48]
    assert (found.requests, found.floor, found.outside) == (1, None, 0)


def test_the_newest_page_is_a_floor() -> None:
    """Where only the newest rows can be had, the oldest of them is where history begins."""
    scripted = Scripted(hourly(FIRST, 1440), cap=90, kind="newest")
    found = walked(scripted, FIRST + 50 * DAY, FIRST + 60 * DAY)
    assert rows(found) == hourly(FIRST, 1440)[-90:]
    assert found.floor == FIRST + 60 * DAY - 90 * HOUR
    # the same where the window lies before all of it
    assert walked(Scripted(hourly(FIRST, 1440), cap=90, kind="newest"), FIRST, FIRST + DAY).floor == found.floor
