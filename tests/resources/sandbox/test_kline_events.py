"""What a subscriber of candles is due as the clock moves on."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sandbox.kline_events import Feed, streamed_symbol
from tests.resources.sandbox.hand_candles import MINUTE_MS, START, START_MS, HandCandles, coin
from tests.resources.sandbox.wire import shape

MARKETS = {"binance_usdm": "usdm_kline_1m.jsonl", "binance_spot": "spot_kline_1m.jsonl"}


def feed(*symbols: str, backend: HandCandles | None = None, market: str = "binance_usdm") -> Feed:
    """A subscriber of these symbols since START."""
    following = Feed(backend or HandCandles(), market)
    for symbol in symbols:
        following.follow(coin(market, symbol), START)
    return following


def due(following: Feed, seconds: float) -> list[tuple[str, int, bool]]:
    """Symbol, minute after START and whether it is closed, of what is due so many seconds after START."""
    found = following.due(START + timedelta(seconds=seconds))
    return [(event.symbol, (event.open_ms - START_MS) // MINUTE_MS, event.closed) for event in found]


def test_running_candle_comes_at_once_and_every_two_seconds():
    """The first look tells it; the next ones after two seconds each."""
    following = feed("BTCUSDT")
    running = [("BTCUSDT", 0, False)]
    assert [due(following, at) for at in (0, 1, 1.9, 2, 3.9, 4)] == [running, [], [], running, [], running]


def test_closed_candle_comes_once():
    """It is told when its minute is over, 45 s after START, and never again."""
    following = feed("BTCUSDT")
    due(following, 44)
    assert due(following, 44.999) == []
    assert due(following, 45) == [("BTCUSDT", 0, True)]
    assert due(following, 46) == [("BTCUSDT", 1, False)]


def test_a_jump_of_the_clock_skips_nothing_and_keeps_the_order():
    """Three minutes at once: all symbols of the first, of the second, of the third, then the running ones."""
    following = feed("BTCUSDT", "ETHUSDT")
    due(following, 0)
    both = ("BTCUSDT", "ETHUSDT")
    assert due(following, 180) == [
        *((symbol, minute, True) for minute in range(3) for symbol in both),
        *((symbol, 3, False) for symbol in both),
    ]


@given(st.lists(st.floats(0.01, 400), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_every_minute_closes_once_whatever_the_clock_does(steps: list[float]):
    """Closed minutes are 0, 1, 2, ... up to the one running at the end, and no candle runs after it has closed."""
    following, at, found = feed("BTCUSDT"), 0.0, []
    for step in steps:
        at += step
        found += due(following, at)
    assert [minute for _, minute, is_closed in found if is_closed] == list(range(int((at + 15) // 60)))
    assert [minute for _, minute, _ in found] == sorted(minute for _, minute, _ in found)


def test_a_minute_that_the_venue_lacks_is_not_told():
    """An outage of one minute: the ones around it are told."""
    following = feed("BTCUSDT", backend=HandCandles(missing=[START_MS + MINUTE_MS]))
    assert due(following, 200) == [("BTCUSDT", 0, True), ("BTCUSDT", 2, True), ("BTCUSDT", 3, False)]


def test_leaving_and_following_again():
    """Nothing more is told of a symbol that was left; following again begins with the minute running then."""
    following = feed("BTCUSDT", "ETHUSDT")
    following.leave("BTCUSDT")
    following.leave("XRPUSDT")
    assert {symbol for symbol, *_ in due(following, 100)} == {"ETHUSDT"}
    following.follow(coin("binance_usdm", "BTCUSDT"), START + timedelta(seconds=200))
    assert [minute for symbol, minute, _ in due(following, 230) if symbol == "BTCUSDT"] == [3, 4]


def test_following_twice_changes_nothing():
    """A second subscription forgets nothing that is due."""
    following = feed("BTCUSDT")
    following.follow(coin("binance_usdm", "BTCUSDT"), START + timedelta(seconds=100))
    assert due(following, 100)[0] == ("BTCUSDT", 0, True)


def test_a_closed_candle_in_full():
    """Every member, by hand: price 100, half above at the close, one further to both sides, 4 trades."""
    (event, _) = feed("BTCUSDT").due(START + timedelta(seconds=47))
    assert event.stream == "btcusdt@kline_1m"
    first = START_MS // MINUTE_MS * 1_000_000
    assert event.body == {
        "e": "kline",
        "E": START_MS + 62_000,
        "s": "BTCUSDT",
        "k": {
            "t": START_MS,
            "T": START_MS + 59_999,
            "s": "BTCUSDT",
            "i": "1m",
            "f": first,
            "L": first + 3,
            "o": "100.00",
            "c": "100.50",
            "h": "101.50",
            "l": "99.00",
            "v": "2.000",
            "n": 4,
            "x": True,
            "q": "200.00000",
            "V": "0.500",
            "Q": "50.00000",
            "B": "0",
        },
    }


def test_spot_states_eight_digits():
    """Prices and volumes alike."""
    told = feed("BTCUSDT", market="binance_spot").due(START)[0].body["k"]
    assert (told["o"], told["v"]) == ("100.00000000", "0.50000000")


def test_a_minute_without_trades_names_none():
    """First and last trade are -1, as at Binance."""
    (event, *_) = feed("BTCUSDT", backend=HandCandles(quiet=[START_MS])).due(START + timedelta(seconds=60))
    assert [event.body["k"][name] for name in ("f", "L", "n", "v")] == [-1, -1, 0, "0.000"]


@pytest.mark.parametrize("market", MARKETS)
def test_events_have_the_recorded_shape(shared_data: Path, market: str):
    """Members, their order and their types are those of recorded events, combined and wrapped."""
    (event,) = feed("BTCUSDT", market=market).due(START)
    lines = (shared_data / "recorded" / "binance_ws" / MARKETS[market]).read_text().splitlines()
    for line in lines:
        message = json.loads(line)["msg"]
        ours = {"stream": event.stream, "data": event.body}
        assert shape(ours) == shape(message)
        assert list(event.body["k"]) == list(message["data"]["k"])


@pytest.mark.parametrize(
    ("stream", "symbol"),
    [
        ("btcusdt@kline_1m", "BTCUSDT"),
        ("1000pepeusdt@kline_1m", "1000PEPEUSDT"),
        ("BTCUSDT@kline_1m", None),
        ("btcusdt@kline_1M", None),
        ("btcusdt@kline_5m", None),
        ("btcusdt@aggTrade", None),
        ("0", None),
    ],
)
def test_names_of_streams(stream: str, symbol: str | None):
    """Only lower-case names of minute candles."""
    assert streamed_symbol(stream) == symbol
