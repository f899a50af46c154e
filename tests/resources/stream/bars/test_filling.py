"""What quotes did not bring, by REST."""

import threading
import time
from datetime import datetime, timedelta

import pytest

from resources.http.errors import Unavailable
from resources.stream.bars.filling import Filling
from resources.stream.bars.records import LiveBar
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from tests.resources.stream.bars.scripted_source import START, ScriptedSource, price, settings_of


def wired(*symbols: str) -> tuple[Filling, dict[str, ScriptedSource], threading.Event]:
    sources = {name: ScriptedSource(name, lambda: START) for name in ("yahoo", "alphavantage", "twelvedata", "polygon")}
    stopping = threading.Event()
    filling = Filling(
        Watched(settings_of(*symbols)),
        sources.__getitem__,
        lambda _, bars: bars,
        marked=lambda name: f"{name}-sandbox",
        now=lambda: START,
        grace_s=60.0,
        stopping=stopping,
        wait_s=0.0,
    )
    return filling, sources, stopping


def filled(filling: Filling) -> list[tuple[int, list[LiveBar]]]:
    """What it found, once it has nothing more to ask."""
    gives_up, found = time.monotonic() + 10, []
    while not filling.is_idle:
        found += filling.take()
        assert time.monotonic() < gives_up
        time.sleep(0.005)
    return found


@pytest.fixture
def first() -> datetime:
    return START - timedelta(minutes=10)


def test_the_first_source_that_has_them_gives_the_minutes(first: datetime) -> None:
    """Only those that are final, as bars by REST, of the source's level and name."""
    filling, sources, _ = wired("EURUSD")
    filling.ask(0, first, START - MINUTE)
    ((row, bars),) = filled(filling)
    assert (row, [bar.ts for bar in bars]) == (0, [first + n * MINUTE for n in range(9)])
    assert {(bar.source, bar.fallback_level, bar.origin) for bar in bars} == {("yahoo-sandbox", 0, "rest")}
    assert bars[0].close == price("EURUSD", first)
    assert (filling.filled, filling.given_up, filling.error) == (9, 0, None)
    assert sources["polygon"].windows == []


def test_the_next_source_is_asked_where_one_fails(first: datetime) -> None:
    """Its level tells; what an earlier one said is no error any more."""
    filling, sources, _ = wired("EURUSD")
    sources["yahoo"].rest_error = Unavailable("yahoo", "no answer")
    filling.ask(0, first, START - MINUTE)
    ((_, bars),) = filled(filling)
    assert {(bar.source, bar.fallback_level) for bar in bars} == {("alphavantage-sandbox", 1)}
    assert filling.error is None


def test_what_no_source_has_is_given_up(first: datetime) -> None:
    """After three attempts; a hole is not filled with anything else."""
    filling, sources, _ = wired("EURUSD")
    hole = first + 3 * MINUTE
    for source in sources.values():
        source.holes = {hole}
    filling.ask(0, first, START - MINUTE)
    found = [bar for _, bars in filled(filling) for bar in bars]
    assert {bar.ts for bar in found} == {first + n * MINUTE for n in range(9)} - {hole}
    assert filling.given_up == 1
    assert len(sources["yahoo"].windows) == 3


def test_a_long_tail_is_asked_for_in_parts_newest_first(first: datetime) -> None:
    """As many minutes a request as the source allows; the parts make one series."""
    filling, sources, _ = wired("EURUSD")
    sources["yahoo"].most_minutes = 4
    filling.ask(0, first, START - MINUTE)
    ((_, bars),) = filled(filling)
    assert [window[1:] for window in sources["yahoo"].windows] == [
        (first + 5 * MINUTE, first + 9 * MINUTE), (first + MINUTE, first + 5 * MINUTE), (first, first + MINUTE),
    ]  # fmt: skip
    assert [bar.ts for bar in bars] == [first + n * MINUTE for n in range(9)]


def test_closed_markets_have_no_minutes_to_ask_for(first: datetime) -> None:
    """New York is not open yet at noon in London."""
    filling, sources, _ = wired("NAS100")
    filling.ask(0, first, START)
    assert filling.is_idle
    assert sources["yahoo"].windows == []
