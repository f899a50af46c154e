"""A poller: as often as its budget allows, and never in anyone's way."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from resources.http.errors import CircuitOpen, MissingKey, NotEntitled, RateLimited, Unavailable
from resources.stream.bars.pollers import Poller, PollerRules
from resources.stream.bars.watched import Watched
from resources.vendors.minute import Quote
from tests.resources.stream.bars.scripted_source import START, Limit, ScriptedSource, SteppedClock, price, settings_of

SPOT = ("XAUUSD", "EURUSD", "GBPUSD")
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


class Polled:
    """A poller whose clock only its own waiting moves."""

    def __init__(
        self, name: str = "twelvedata", symbols: tuple[str, ...] = SPOT, at: datetime = START, **stated: object
    ) -> None:
        self.clock = SteppedClock(at)
        share = float(stated.pop("share", 1.0))  # type: ignore[arg-type]
        self.source = ScriptedSource(name, self.clock.now, **stated)  # type: ignore[arg-type]
        self.inbox: list[Quote] = []
        self.poller = Poller(
            self.source,
            Watched(settings_of(*symbols)),
            PollerRules(1.0, share),
            self.inbox.extend,
            now=self.clock.now,
            sleep=self.clock.sleep,
            threads=1,
        )

    def until(self, end: datetime) -> None:
        """Round after round, until the next one is due later."""
        while (due := self.poller.round()) is not None and due < end:
            self.clock.at = max(due, self.clock.at)


def test_three_symbols_on_800_a_day_are_36_calls_in_the_first_hour() -> None:
    """324 s apart, every symbol of each; the day ends with its budget spent and not one call more."""
    polled = Polled(at=MIDNIGHT, limits=[Limit("minute", 60, 8), Limit("day", 86_400, 800)], per_symbol=True)
    polled.until(MIDNIGHT + timedelta(hours=1))
    calls = sum(len(symbols) for _, symbols in polled.source.asked)
    assert calls <= 36
    starts = [at for at, _ in polled.source.asked]
    apart = [(later - before).total_seconds() for before, later in itertools.pairwise(starts)]
    assert apart == pytest.approx([324.0] * len(apart), abs=1e-3)
    told = polled.poller.status()
    assert (told.state, told.symbols) == ("slower", SPOT)
    assert told.effective_interval_s == pytest.approx(324.0)
    assert told.why is not None
    assert "of 800 are left of this day" in told.why
    polled.until(MIDNIGHT + timedelta(hours=21))
    assert polled.source.overspent == 0
    assert sum(len(symbols) for _, symbols in polled.source.asked) >= 690


def test_without_a_budget_it_asks_every_second() -> None:
    """Sixty rounds in a minute, all that trade, in requests of as many as the source takes."""
    polled = Polled("yahoo", ("NAS100", "EURUSD", "GBPUSD", "BTCUSD"), quote_batch=2)
    polled.until(START + timedelta(minutes=1))
    assert len(polled.source.asked) == 120
    assert {symbols for _, symbols in polled.source.asked} == {("EURUSD", "GBPUSD"), ("BTCUSD",)}
    assert polled.inbox[0].price == price("EURUSD", START)
    assert (polled.poller.status().state, polled.poller.effective_s) == ("polling", 1.0)
    assert polled.poller.status().calls == {"ok": 120}


def test_requests_of_a_slow_round_are_spread_over_it() -> None:
    """Five symbols, a request each and one a second: a second apart, not five at once."""
    symbols = ("EURUSD", "GBPUSD", "BTCUSD")
    polled = Polled("alphavantage", symbols, quote_batch=1, limits=[Limit("second", 1, 1)])
    polled.until(START + timedelta(seconds=30))
    assert polled.source.overspent == 0
    assert len(polled.source.asked) >= 25
    assert {symbols for _, symbols in polled.source.asked} == {("EURUSD",), ("GBPUSD",), ("BTCUSD",)}


def test_a_request_never_counts_as_more_than_a_window_has() -> None:
    """Eight symbols of 5 credits a minute are two requests of four."""
    rows = [
        {"symbol": f"LOAD{n}", "kind": "crypto", "calendar": "always", "twelvedata": f"LOAD{n}/USD"} for n in range(8)
    ]
    clock = SteppedClock()
    source = ScriptedSource("twelvedata", clock.now, limits=[Limit("minute", 60, 5)], per_symbol=True)
    watched = Watched(settings_of(*(str(row["symbol"]) for row in rows), instruments=rows))
    poller = Poller(source, watched, PollerRules(1.0), lambda _: None, now=clock.now, sleep=clock.sleep, threads=1)
    for _ in range(3):
        due = poller.round()
        assert due is not None
        clock.at = max(clock.at, due)
    assert {len(symbols) for _, symbols in source.asked} == {4}
    assert source.overspent == 0


def test_what_another_process_spends_slows_it_down() -> None:
    """Half of what is left at noon is half of the pace; nothing left is a wait until the reset, which it says."""
    polled = Polled(limits=[Limit("day", 86_400, 800)], per_symbol=True)
    polled.poller.round()
    assert polled.poller.effective_s == pytest.approx(12 * 3600 * 3 / 800)
    polled.source.limits[0].used = 800
    due = polled.poller.round()
    assert due == MIDNIGHT + timedelta(days=1)
    told = polled.poller.status()
    assert told.state == "budget"
    assert told.why is not None
    assert "0 of 800 are left of this day" in told.why
    assert told.budget_remaining == {"day": 0}
    assert len(polled.source.asked) == 1


def test_closed_markets_are_not_asked_for() -> None:
    """On a Saturday only coins trade; a source that has none of them stands still, and says why."""
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    polled = Polled("yahoo", ("EURUSD", "BTCUSD"), saturday)
    polled.poller.round()
    assert [symbols for _, symbols in polled.source.asked] == [("BTCUSD",)]
    closed = Polled("yahoo", ("EURUSD",), saturday)
    assert closed.poller.round() == saturday + timedelta(seconds=5)
    assert closed.source.asked == []
    assert (closed.poller.status().state, closed.poller.effective_s) == ("closed", None)


def test_a_source_without_its_key_is_left_alone() -> None:
    """Not asked at all where that is known before; asked once, and never again, where it is refused."""
    unknown = Polled(enabled=False)
    unknown.poller.run()
    assert (unknown.source.asked, unknown.poller.status().state) == ([], "disabled")
    assert "no key" in unknown.poller.announce()
    refused = Polled(error=MissingKey("twelvedata", "needs a key"))
    assert refused.poller.round() is None
    assert refused.poller.status().state == "disabled"


@pytest.mark.parametrize(
    ("failure", "state", "outcome", "waits_s"),
    [
        (lambda at: CircuitOpen("x", "circuit open", retry_at=at + timedelta(seconds=60)), "open", "open", [60] * 3),
        (lambda at: RateLimited("x", "blocked", retry_at=at + timedelta(seconds=90)), "blocked", "quota", [90] * 3),
        (lambda _: Unavailable("x", "no answer"), "error", "error", [1, 2, 4, 8, 16, 30, 30]),
    ],
)
def test_a_failing_source_is_given_time(
    failure: Callable[[datetime], Exception], state: str, outcome: str, waits_s: list[int]
) -> None:
    """As long as the breaker or the vendor says, or longer and longer; its state and its calls tell."""
    polled = Polled()
    found = []
    for _ in waits_s:
        polled.source.error = failure(polled.clock.at)  # type: ignore[assignment]
        due = polled.poller.round()
        assert due is not None
        found.append((due - polled.clock.at).total_seconds())
        polled.clock.at = due
    assert found == waits_s
    told = polled.poller.status()
    assert (told.state, told.calls) == (state, {outcome: len(waits_s)})
    assert told.last_error is not None
    polled.source.error = None
    polled.poller.round()
    assert polled.poller.status().state == "polling"


def test_what_a_plan_lacks_is_asked_for_a_day_later() -> None:
    """And not before; the breaker has no part in it."""
    polled = Polled(error=NotEntitled("twelvedata", "available with the Grow plan"))
    polled.poller.round()
    polled.source.error = None
    polled.poller.round()
    assert len(polled.source.asked) == 1
    assert polled.poller.status().state == "not_entitled"
    polled.clock.at += timedelta(days=3)
    polled.poller.round()
    assert len(polled.source.asked) == 2


def test_a_round_that_takes_long_is_its_interval() -> None:
    """A source that needs 5 s for an answer is asked every 5 s, and the status says so."""
    polled = Polled()
    quotes = polled.source.quotes

    def slow(bounds: object) -> list[Quote]:
        polled.clock.at += timedelta(seconds=5)
        return quotes(bounds)  # type: ignore[arg-type]

    polled.source.quotes = slow  # type: ignore[assignment, method-assign]
    due = polled.poller.round()
    assert polled.poller.effective_s == 5.0
    assert due == polled.clock.at
    assert polled.poller.status().why == "a round of 1 requests takes 5.0 s"


def test_its_calls_are_noted_together() -> None:
    """Calls that ended alike are one note, with their sum of rows and credits; afterwards there is nothing left."""
    polled = Polled(per_symbol=True)
    polled.until(START + timedelta(seconds=10))
    notes = polled.poller.notes()
    assert {(note.source, note.outcome) for note in notes} == {("twelvedata", "ok")}
    assert (sum(n.n for n in notes), sum(n.rows for n in notes), sum(n.credits for n in notes)) == (10, 30, 30)
    assert all(note.latency_ms is not None for note in notes)
    assert polled.poller.notes() == []


def test_before_it_begins_it_says_how_often_it_will_ask() -> None:
    """And why not as often as it was told to."""
    slow = Polled(at=MIDNIGHT, limits=[Limit("day", 86_400, 800)], per_symbol=True)
    assert slow.poller.announce() == (
        "twelvedata: 3 instruments every 324 s instead of 1 s: a round counts as 3, and 800 of 800 are left of this day"
    )
    assert Polled().poller.announce() == "twelvedata: 3 instruments every 1 s"
