"""Quotes become minute bars."""

import math
from datetime import datetime, timedelta

import pytest

from resources.stream.bars.builder import Builder
from resources.stream.bars.watched import Watched
from resources.stream.candle import MINUTE
from tests.resources.stream.bars.scripted_source import START, quote, settings_of

SECOND = timedelta(seconds=1)
#: the collector began half a minute before
BEGAN = START - 30 * SECOND


def builder(*symbols: str, **stated: object) -> Builder:
    return Builder(Watched(settings_of(*symbols, **stated)), BEGAN, close_delay_s=2.0, mark="-sandbox")


def said(made: Builder, *quotes: tuple[datetime, float], source: str = "yahoo", symbol: str = "BTCUSD") -> None:
    for at, price in quotes:
        made.take([quote(symbol, at, price, source=source)], at)


def test_a_bar_is_first_highest_lowest_and_last_quote() -> None:
    """By the source's instants, whenever they came in; the bar closes two seconds after its minute."""
    made = builder("BTCUSD")
    said(made, (START, 5.0), (START + 10 * SECOND, 9.0), (START + 20 * SECOND, 2.0), (START + 59 * SECOND, 7.0))
    assert made.close(START + MINUTE + SECOND) == []
    (bar,) = made.close(START + MINUTE + 2 * SECOND)
    assert (bar.ts, bar.open, bar.high, bar.low, bar.close) == (START, 5.0, 9.0, 2.0, 7.0)
    assert (bar.source, bar.fallback_level, bar.instrument_kind, bar.origin) == ("yahoo-sandbox", 0, "crypto", "stream")
    assert bar.volume is None
    assert made.close(START + 5 * MINUTE) == []


def test_the_best_source_with_a_quote_gives_the_whole_bar() -> None:
    """No bar mixes sources: where the first choice has one quote, and the third has three, the bar is of the one."""
    made = builder("BTCUSD")
    said(made, (START + SECOND, 50.0), (START + 2 * SECOND, 60.0), (START + 3 * SECOND, 40.0), source="polygon")
    said(made, (START + 30 * SECOND, 45.0))
    (bar,) = made.close(START + 2 * MINUTE)
    assert (bar.open, bar.high, bar.low, bar.close, bar.source) == (45.0, 45.0, 45.0, 45.0, "yahoo-sandbox")
    said(made, (START + 2 * MINUTE, 41.0), source="polygon")
    (bar,) = made.close(START + 4 * MINUTE)
    assert (bar.ts, bar.close, bar.source, bar.fallback_level) == (START + 2 * MINUTE, 41.0, "polygon-sandbox", 3)


def test_what_comes_late_is_counted_and_not_applied() -> None:
    """A quote for a closed minute changes no bar; while the delay lasts, one for the minute before still counts."""
    made = builder("BTCUSD")
    said(made, (START + 10 * SECOND, 5.0))
    made.take([quote("BTCUSD", START + 58 * SECOND, 8.0)], START + MINUTE + SECOND)
    (bar,) = made.close(START + MINUTE + 2 * SECOND)
    assert bar.close == 8.0
    made.take([quote("BTCUSD", START + 59 * SECOND, 99.0)], START + MINUTE + 3 * SECOND)
    assert made.late == 1
    assert made.close(START + 3 * MINUTE) == []


def test_the_minute_it_began_in_makes_no_bar() -> None:
    """It was not seen whole, so REST has to bring it; its quotes are nobody's fault."""
    made = builder("BTCUSD")
    said(made, (BEGAN, 5.0), (BEGAN + 5 * SECOND, 6.0))
    assert made.close(START + MINUTE) == []
    assert made.late == 0


def test_quotes_that_cannot_be_are_dropped() -> None:
    """No number, nothing or less, from the future, or older than the one before: each is counted, none is applied."""
    made = builder("BTCUSD")
    said(made, (START + 10 * SECOND, 5.0), (START + 11 * SECOND, math.nan), (START + 12 * SECOND, 0.0))
    said(made, (START + 9 * SECOND, 7.0))
    made.take([quote("BTCUSD", START + 20 * SECOND, 8.0)], START + 14 * SECOND)
    made.take([quote("BTCUSD", START + 20 * SECOND, 8.0)], START + 15 * SECOND)
    made.take([quote("NOSUCH", START, 8.0)], START)
    assert (made.invalid, made.out_of_order, made.future) == (3, 1, 1)
    (bar,) = made.close(START + 2 * MINUTE)
    assert (bar.open, bar.high, bar.low, bar.close) == (5.0, 8.0, 5.0, 8.0)


def test_the_same_quote_again_is_no_news() -> None:
    """Asked every second, a quiet source repeats itself: after its minute has closed that is not late."""
    made = builder("BTCUSD")
    for n in range(90):
        made.take([quote("BTCUSD", START + 58 * SECOND, 5.0)], START + 58 * SECOND + n * SECOND)
        made.close(START + 58 * SECOND + n * SECOND)
    assert made.late == 0


def test_volume_is_what_the_count_of_the_day_grew_by() -> None:
    """From the last quote before the minute to the last one in it; a count that begins anew is counted from nothing."""
    made = builder("BTCUSD")
    counts = [(-10, 100.0), (5, 107.0), (50, 130.0), (70, 4.0), (110, 9.0)]
    for second, count in counts:
        at = START + second * SECOND
        made.take([quote("BTCUSD", at, 500.0 + second, day_volume=count)], at)
    first, second_bar = made.close(START + 3 * MINUTE)
    assert first.volume == 30.0
    assert second_bar.volume == 9.0


@pytest.mark.parametrize(
    "counts",
    [
        # nothing before the minute; the last one before it is too old; a rolling sum that merely fell
        [(5, 100.0), (30, 110.0)],
        [(-90, 100.0), (5, 110.0), (6, 111.0)],
        [(-10, 100.0), (5, 99.0), (6, 111.0)],
    ],
)
def test_volume_that_was_not_measured_whole_is_unknown(counts: list[tuple[int, float]]) -> None:
    """Null, and not what is known of it."""
    made = builder("BTCUSD")
    for second, count in counts:
        at = START + second * SECOND
        made.take([quote("BTCUSD", at, 500.0 + second, day_volume=count)], at)
    (bar,) = made.close(START + 2 * MINUTE)
    assert bar.volume is None


def test_currencies_have_no_volume() -> None:
    """Whatever a source counts of a spot market."""
    made = builder("EURUSD")
    for second, count in [(-10, 100.0), (5, 107.0)]:
        at = START + second * SECOND
        made.take([quote("EURUSD", at, 1.1, day_volume=count)], at)
    assert made.close(START + 2 * MINUTE)[0].volume is None


def test_a_minute_without_quotes_or_without_a_market_makes_no_bar() -> None:
    """NAS100 is closed at noon in London; an hour of silence leaves nothing behind."""
    made = builder("NAS100", "BTCUSD")
    said(made, (START, 5.0), symbol="NAS100")
    said(made, (START, 6.0), (START + 60 * MINUTE, 7.0))
    bars = made.close(START + 62 * MINUTE)
    assert [(bar.symbol, bar.ts) for bar in bars] == [("BTCUSD", START), ("BTCUSD", START + 60 * MINUTE)]


def test_an_alternative_serves_where_kinds_may_switch() -> None:
    """The future's quotes make bars of the index, under its name and of the future's kind; it is polled once."""
    rows = [
        {"symbol": "NAS100", "kind": "index", "calendar": "always", "yahoo": "^NDX", "allow_kind_switch": True,
         "alt_symbols": ["NAS100_FUT"]},
    ]  # fmt: skip
    watched = Watched(settings_of("NAS100", "NAS100_FUT", instruments=rows))
    assert [bound.vendor_id for bound in watched.bounds("yahoo")] == ["^NDX", "NQ=F"]
    made = Builder(watched, BEGAN)
    said(made, (START + 14 * 60 * MINUTE, 5.0), symbol="NAS100_FUT")
    bars = made.close(START + 15 * 60 * MINUTE)
    assert [(bar.symbol, bar.instrument_kind, bar.fallback_level) for bar in bars] == [("NAS100", "future", 1)]


def test_the_price_is_that_of_the_best_source_that_is_fresh() -> None:
    """A slow source is fresh for three of its intervals; where none is fresh, the newest is served with its age."""
    made = builder("BTCUSD")
    said(made, (START, 5.0))
    said(made, (START + 15 * SECOND, 6.0), source="twelvedata")
    said(made, (START + 20 * SECOND, 7.0), source="polygon")
    at = START + 21 * SECOND
    best = made.choose(0, at, {"yahoo": 1.0, "twelvedata": 1.0, "polygon": 1.0})
    assert best is not None
    assert (best.quote.price, best.level, best.is_stale) == (6.0, 2, False)
    patient = made.choose(0, at, {"yahoo": 7.0, "twelvedata": 1.0, "polygon": 1.0})
    assert patient is not None
    assert (patient.quote.price, patient.level) == (5.0, 0)
    old = made.choose(0, START + MINUTE, {})
    assert old is not None
    assert (old.quote.price, old.quote.at, old.is_stale) == (7.0, START + 20 * SECOND, True)
    assert builder("BTCUSD").choose(0, at, {}) is None


def test_a_bid_above_the_ask_is_no_quote_of_a_spread() -> None:
    """The price stays, the two sides go."""
    made = builder("BTCUSD")
    made.take([quote("BTCUSD", START, 5.0, bid=6.0, ask=4.0)], START)
    chosen = made.choose(0, START, {})
    assert chosen is not None
    assert (chosen.quote.price, chosen.quote.bid, chosen.quote.ask) == (5.0, None, None)
