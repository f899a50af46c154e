"""Which minutes were handed over: the law, and what is asked for."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from resources.stream.candle import MINUTE
from resources.stream.minutes import Minutes
from tests.resources.stream.scripted_venue import START

OFFSETS = st.lists(st.integers(0, 40), max_size=80)


@settings(deadline=None)
@given(OFFSETS)
def test_every_minute_is_taken_once_in_any_order(offsets: list[int]) -> None:
    """Whatever comes, as often and in whatever order: each minute from the start on is taken the first time alone."""
    minutes = Minutes(START)
    taken = [offset for offset in offsets if minutes.add(START + offset * MINUTE)]
    assert sorted(taken) == sorted(set(offsets))


@settings(deadline=None)
@given(OFFSETS, st.integers(0, 45))
def test_the_span_asked_for_covers_what_is_missing(offsets: list[int], n: int) -> None:
    """It begins with the first missing minute and ends with the last; there is none where none is missing."""
    until = START + n * MINUTE
    minutes = Minutes(START, (START + offset * MINUTE for offset in offsets))
    lacking = [START + offset * MINUTE for offset in range(n) if offset not in offsets]
    assert minutes.missing(until) == ((lacking[0], lacking[-1] + MINUTE) if lacking else None)


@settings(deadline=None)
@given(OFFSETS, st.integers(0, 45))
def test_what_was_given_up_is_taken_where_it_comes_after_all(offsets: list[int], n: int) -> None:
    """Giving up counts what is missing, ends the asking, and refuses nothing that comes later."""
    until = START + n * MINUTE
    minutes = Minutes(START, (START + offset * MINUTE for offset in offsets))
    lacking = [START + offset * MINUTE for offset in range(n) if offset not in offsets]
    assert minutes.give_up(until) == len(lacking)
    assert minutes.missing(until) is None
    assert [ts for ts in lacking if minutes.add(ts)] == lacking
    assert [ts for ts in lacking if minutes.add(ts)] == []


def test_before_the_start_everything_counts_as_had() -> None:
    """A minute of an earlier day is not taken: it is the graph's business."""
    assert not Minutes(START).add(START - MINUTE)


def test_what_was_given_up_long_ago_is_forgotten() -> None:
    """A minute that was given up before the instant is refused from then on."""
    minutes = Minutes(START)
    minutes.give_up(START + 2 * MINUTE)
    minutes.forget(START + timedelta(minutes=1))
    assert not minutes.add(START)
    assert minutes.add(START + MINUTE)
