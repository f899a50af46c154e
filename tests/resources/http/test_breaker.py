"""The breaker's states, as two processes would see them."""

from datetime import timedelta
from pathlib import Path

import pytest

from resources.http.breaker import Breaker
from resources.http.errors import CircuitOpen, RateLimited
from resources.http.state import VendorState
from tests.resources.vendor_host import START, StillTime


@pytest.fixture
def pair(tmp_path: Path, still: StillTime) -> tuple[Breaker, Breaker]:
    """Two breakers of one source over one file, each with a connection of its own."""
    one, other = (Breaker("polygon", VendorState.of(tmp_path), now=still.now) for _ in range(2))
    return one, other


def opened(breaker: Breaker) -> None:
    for _ in range(5):
        breaker.failed(breaker.admit())


def test_five_failures_in_a_row_open_it_for_all(pair, still: StillTime):
    """Failures of two processes add up; the fifth opens the breaker for both, for 60 s."""
    one, other = pair
    for breaker in (one, other, one, other):
        breaker.failed(breaker.admit())
    assert other.status().state == "closed"
    one.failed(one.admit())
    for breaker in pair:
        with pytest.raises(CircuitOpen, match="until 2026-11-20 12:01:00Z") as refused:
            breaker.admit()
        assert refused.value.retry_at == START + timedelta(seconds=60)


def test_a_success_in_between_starts_the_count_anew(pair):
    """Failures must be consecutive."""
    one, other = pair
    for _ in range(4):
        one.failed(one.admit())
    other.succeeded(other.admit())
    for _ in range(4):
        one.failed(one.admit())
    assert one.status().state == "closed"


def test_half_open_lets_one_probe_through_at_a_time(pair, still: StillTime):
    """After 60 s one process gets the probe; the other is refused until it ends."""
    one, other = pair
    opened(one)
    still.pass_(60)
    assert one.admit() is True
    with pytest.raises(CircuitOpen):
        other.admit()
    one.succeeded(True)
    assert other.status().state == "half_open"
    assert other.admit() is True


def test_two_good_probes_close_it(pair, still: StillTime):
    """One success is not enough; the second in a row closes the breaker."""
    one, other = pair
    opened(one)
    still.pass_(60)
    one.succeeded(one.admit())
    assert one.status().state == "half_open"
    other.succeeded(other.admit())
    assert one.status().state == "closed"
    assert one.admit() is False


def test_a_bad_probe_opens_it_for_another_minute(pair, still: StillTime):
    """One failed probe, also after a good one, and the 60 s begin again."""
    one, other = pair
    opened(one)
    still.pass_(60)
    one.succeeded(one.admit())
    other.failed(other.admit())
    still.pass_(59)
    with pytest.raises(CircuitOpen):
        one.admit()
    still.pass_(1)
    assert one.admit() is True


def test_a_lost_probe_frees_its_place_after_thirty_seconds(pair, still: StillTime):
    """A process that died with the probe blocks the others for 30 s only."""
    one, other = pair
    opened(one)
    still.pass_(60)
    assert one.admit() is True
    still.pass_(29.9)
    with pytest.raises(CircuitOpen):
        other.admit()
    still.pass_(0.1)
    assert other.admit() is True


def test_calls_under_way_have_no_vote_after_it_opened(pair, still: StillTime):
    """Late results of calls that were let through before neither extend the pause nor end it."""
    one, other = pair
    under_way = other.admit()
    opened(one)
    still.pass_(30)
    other.failed(under_way)
    other.succeeded(under_way)
    assert one.status().state == "open"
    still.pass_(30)
    assert one.admit() is True
    other.failed(under_way)
    assert one.status().state == "half_open"


def test_a_neutral_answer_frees_the_probe_and_counts_nothing(pair, still: StillTime):
    """A 404 during half-open says nothing of the source's health."""
    one, other = pair
    opened(one)
    still.pass_(60)
    one.released(one.admit())
    assert one.status().state == "half_open"
    assert other.admit() is True


def test_the_vendors_own_pause_holds_for_all(pair, still: StillTime):
    """blocked_until refuses every process until it is over, whatever the state."""
    one, other = pair
    one.block(START + timedelta(minutes=5))
    with pytest.raises(RateLimited, match="blocked by the vendor until 2026-11-20 12:05:00Z"):
        other.admit()
    assert other.status().blocked_until == START + timedelta(minutes=5)
    still.pass_(300)
    assert other.admit() is False
    assert other.status().blocked_until is None


def test_sources_do_not_share_a_breaker(tmp_path: Path, still: StillTime):
    """Polygon's failures leave Yahoo alone."""
    state = VendorState.of(tmp_path)
    opened(Breaker("polygon", state, now=still.now))
    assert Breaker("yahoo", state, now=still.now).admit() is False


def test_every_turn_of_it_is_kept_with_its_instant(pair, still: StillTime):
    """Opened at 0 s, a bad probe opens it again at 60 s, two good ones close it at 120 s: 2 openings, each in force."""
    one, other = pair
    opened(one)
    still.pass_(60)
    one.failed(one.admit())
    still.pass_(60)
    other.succeeded(other.admit())
    one.succeeded(one.admit())
    state, second = one.state, timedelta(seconds=1)
    assert state.openings("polygon", START, START + 60 * second) == 1
    assert state.openings("polygon", START, START + 61 * second) == 2
    assert state.openings("yahoo", START, START + 61 * second) == 0
    assert [state.state_at("polygon", START + n * second) for n in (-1, 0, 119, 120)] == [
        "closed",
        "open",
        "open",
        "closed",
    ]


def test_turns_are_kept_for_400_days(pair, still: StillTime):
    """The next turn of the same source removes what is older."""
    one, _ = pair
    opened(one)
    still.pass_(401 * 86_400.0)
    one.failed(one.admit())
    assert one.state.openings("polygon", START, still.now() + timedelta(seconds=1)) == 1
