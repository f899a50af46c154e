"""One exchange over the common HTTP stack: two budgets, one breaker, and checks of what it says."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.core import clock
from resources.http.errors import (
    BudgetExhausted,
    CircuitOpen,
    EmptyUnexpected,
    Malformed,
    NotFound,
    Unavailable,
)
from resources.venues.binance_usdm import VENUE
from resources.venues.exchange import Answered, Exchange, Lane
from resources.venues.rows import frame
from resources.venues.venue import CURRENT, LISTED, Ask, Caller, Instrument, Venue, Whole
from tests.resources.vendor_host import START, Asked, Host, Says, StillTime, live_settings
from tests.resources.venues.answers import instrument
from tests.resources.venues.scripted import HTML, ms

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
FIRST = START - timedelta(hours=48)
Answer = Callable[[Asked], Says]
Connect = Callable[..., Exchange]


def binance(asked: Asked) -> Says:
    """Three contracts, settled every 8 hours."""
    match asked.path.rpartition("/")[2]:
        case "exchangeInfo":
            told = {"contractType": "PERPETUAL", "status": "TRADING", "quoteAsset": "USDT", "marginAsset": "USDT"}
            return Says({"symbols": [{**told, "symbol": name, "baseAsset": name[:-4]} for name in SYMBOLS]})
        case "premiumIndex":
            return Says([{"symbol": name, "lastFundingRate": "0.0001", "markPrice": "2"} for name in SYMBOLS])
        case "openInterest":
            return Says({"openInterest": str(SYMBOLS.index(asked.query["symbol"]) + 1)})
        case "fundingRate":
            stamps = [ms(FIRST) + 28_800_000 * n for n in range(6)]
            inside = [t for t in stamps if int(asked.query["startTime"]) <= t <= int(asked.query["endTime"])]
            return Says([{"symbol": "BTCUSDT", "fundingTime": t, "fundingRate": "0.0001"} for t in inside])
        case _:
            return Says([])


@pytest.fixture
def connect(host: Host, still: StillTime, tmp_path: Path) -> Iterator[Connect]:
    """Binance USD-M at the scripted host; `section` is its part of the settings."""
    made: list[Exchange] = []

    def connected(*, venue: Venue = VENUE, fetch: Any = None, **section: Any) -> Exchange:
        own = {"base_url": host.url, "budget": {}, "market_budget": {}, **section}
        settings = live_settings(
            host, home=tmp_path, fetch=fetch or {}, funding={"venues": {"binance_usdm": own}, "breaker_open_s": 300}
        )
        made.append(Exchange.connect(settings, venue, timing=still.timing))
        return made[-1]

    host.script = binance
    yield connected
    for exchange in made:
        exchange.close()


def test_a_listing_is_checked_and_timed(connect: Connect) -> None:
    """LISTED, with the instant of the newest answer and the requests it took."""
    found = connect().listing()
    assert found.frame.schema == LISTED
    assert found.frame["native_symbol"].to_list() == SYMBOLS
    assert (found.requests, found.received_at) == (2, START)


def test_a_look_keeps_the_order_of_answers(connect: Connect, host: Host) -> None:
    """Open interest is asked side by side and laid to the contract it belongs to."""
    look = connect(workers=3).current([instrument(name) for name in SYMBOLS])
    assert look.frame.schema == CURRENT
    assert dict(look.frame.select("native_symbol", "open_interest_native").iter_rows()) == {
        "BTCUSDT": 1.0,
        "ETHUSDT": 2.0,
        "SOLUSDT": 3.0,
    }
    assert (look.requests, look.at, look.received_at) == (4, START, START)
    assert len(host.asked) == 4


def test_a_look_tells_how_long_it_took(connect: Connect, host: Host, still: StillTime) -> None:
    """From when it began to when it was whole, in milliseconds."""

    def slow(asked: Asked) -> Says:
        still.pass_(2.5)
        return binance(asked)

    host.script = slow
    look = connect().current([instrument("BTCUSDT")])
    assert (look.at, look.received_at, look.latency_ms) == (START, START + timedelta(seconds=5), 5000)


def test_a_contract_taken_off_meanwhile_costs_only_its_open_interest(connect: Connect, host: Host) -> None:
    """The listing is an hour old at most: a contract it still has may be unknown by now."""

    def gone(asked: Asked) -> Says:
        return (
            Says({"code": -1121, "msg": "Invalid symbol."}, 400)
            if "ETHUSDT" in asked.query.values()
            else binance(asked)
        )

    host.script = gone
    frame = connect().current([instrument(name) for name in SYMBOLS]).frame
    assert frame["open_interest_native"].to_list() == [1.0, None, 3.0]


def test_history_comes_through_the_pager(connect: Connect) -> None:
    """Every settlement of the range, what it took and when it arrived."""
    found = connect().history(instrument("BTCUSDT"), FIRST, START, 8)
    assert [ms(time) for time in found.frame["funding_time_native"]] == [ms(FIRST) + 28_800_000 * n for n in range(6)]
    assert (found.requests, found.received_at, found.floor) == (1, START, None)


def test_an_html_page_is_malformed_and_not_an_empty_history(connect: Connect, host: Host) -> None:
    """ccxt makes an empty list of it; here it fails, and says which contract and window."""
    host.script = [Says(HTML.encode())]
    with pytest.raises(Malformed, match="not JSON") as refused:
        connect().history(instrument("BTCUSDT"), FIRST, START, 8)
    told = str(refused.value)
    assert told.startswith("binance_usdm /fapi/v1/fundingRate [BTCUSDT 2026-11-18 12:00:00Z..2026-11-20 12:00:00Z]:")


def test_rows_of_another_shape_say_where(connect: Connect, host: Host) -> None:
    """A parser's error carries endpoint, contract and window as well."""
    host.script = [Says([{"symbol": "BTCUSDT", "fundingTime": "soon", "fundingRate": "1"}])]
    with pytest.raises(Malformed, match=r"\[0\].fundingTime") as refused:
        connect().history(instrument("BTCUSDT"), FIRST, START, 8)
    assert refused.value.endpoint == "/fapi/v1/fundingRate"
    assert refused.value.context.startswith("BTCUSDT 2026-11-18")


def test_a_listing_that_names_a_contract_twice_is_refused(connect: Connect, host: Host) -> None:
    """One contract, one row: which of two is right nobody knows."""

    def twice(asked: Asked) -> Says:
        body = binance(asked).body
        return Says({"symbols": body["symbols"] + body["symbols"][:1]} if isinstance(body, dict) else body)

    host.script = twice
    with pytest.raises(Malformed, match="more often came BTCUSDT"):
        connect().listing()


def test_an_empty_listing_is_not_believed(connect: Connect, host: Host) -> None:
    """An exchange without contracts would close every one of them."""
    host.script = lambda asked: Says({"symbols": []} if "exchangeInfo" in asked.path else [])
    with pytest.raises(EmptyUnexpected, match="no perpetual is open for trading"):
        connect().listing()


def test_a_look_without_any_contract_asked_for_is_not_believed(connect: Connect) -> None:
    """Other contracts' rows are no answer."""
    with pytest.raises(EmptyUnexpected, match="none of a contract asked for"):
        connect().current([instrument("DOGEUSDT")])


def scripted(listing: Callable[[Caller], pl.DataFrame]) -> Venue:
    """A venue with nothing but a listing."""
    return Venue(
        exchange="binance_usdm",
        read=lambda reply: reply.body,
        listing=listing,
        current=lambda caller, instruments: CURRENT.to_frame(),
        history=Whole(ask=lambda instrument: Ask("/")),
        events=lambda value, instrument: value,
    )


def test_a_listing_without_a_contract_size_is_refused(connect: Connect) -> None:
    """What every contract must have is never made up."""
    row = {"native_symbol": "X", "request_id": "X", "native_base": "X", "quote": "USDT", "settle": "USDT"}
    told = {
        **row,
        "kind": "linear",
        "contract_size": None,
        "oi_unit": "base",
        "interval_hours": None,
        "listed_at": None,
    }
    exchange = connect(venue=scripted(lambda caller: pl.DataFrame([told], schema=LISTED)))
    with pytest.raises(Malformed, match="contract_size is not stated for X"):
        exchange.listing()


def test_a_parser_that_gives_other_columns_is_a_bug(connect: Connect) -> None:
    """It is told as one, not as a mistake of the venue."""
    with pytest.raises(TypeError, match="columns must be"):
        connect(venue=scripted(lambda caller: CURRENT.to_frame())).listing()


def test_history_and_the_rest_have_budgets_of_their_own(connect: Connect, still: StillTime) -> None:
    """A backfill that spends its five minutes does not hold up a snapshot."""
    exchange = connect(budget={"per_5_minutes": 2})
    for _ in range(2):
        exchange.history(instrument("BTCUSDT"), FIRST, START, 8)
    exchange.current([instrument("BTCUSDT")])
    assert still.slept == []
    # the third waits for the next five minutes, however far off
    exchange.history(instrument("BTCUSDT"), FIRST, START, 8)
    assert sum(still.slept) == pytest.approx(300, abs=1)


def test_intervals_count_as_history(connect: Connect, still: StillTime) -> None:
    """`fundingInfo` shares Binance's 500 requests in 5 minutes with `fundingRate`."""
    exchange = connect(budget={"per_5_minutes": 1}, workers=1)
    exchange.history(instrument("BTCUSDT"), FIRST, START, 8)
    exchange.listing()
    assert sum(still.slept) == pytest.approx(300, abs=1)


def test_a_spent_day_is_told_with_its_setting(connect: Connect) -> None:
    """The message names what to raise."""
    exchange = connect(market_budget={"per_day": 1})
    with pytest.raises(BudgetExhausted, match=r"raise funding\.venues\.binance_usdm\.market_budget"):
        exchange.current([instrument("BTCUSDT")])


def test_a_venue_rests_for_five_minutes(connect: Connect, host: Host, still: StillTime) -> None:
    """Its breaker opens after five failed calls of either lane, and stays open for `funding.breaker_open_s`."""
    exchange = connect(fetch={"attempts": 1})
    host.script = [Says(b"", 503)]
    for _ in range(5):
        with pytest.raises(Unavailable):
            exchange.history(instrument("BTCUSDT"), FIRST, START, 8)
    with pytest.raises(CircuitOpen) as held:
        exchange.current([instrument("BTCUSDT")])
    assert held.value.retry_at == START + timedelta(seconds=300)
    still.pass_(301)
    host.script = binance
    assert exchange.history(instrument("BTCUSDT"), FIRST, START, 8).frame.height == 6


class Sends:
    """A sender that answers by function and remembers what was sent."""

    def __init__(self, answer: Callable[[Ask], Any]) -> None:
        self.answer, self.sent, self.lock = answer, list[str](), threading.Lock()

    def send(self, ask: Ask, lane: Lane) -> Answered:
        with self.lock:
            self.sent.append(ask.path)
        return Answered(self.answer(ask), 1, clock.now())

    def close(self) -> None:
        self.sent.append("closed")


def many(paths: Sequence[str]) -> Venue:
    """A venue whose current state is many answers at once."""

    def current(caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
        stated = caller.many([Ask(path) for path in paths])
        return frame(CURRENT, native_symbol=["X"], mark_price=float(len(stated)))

    return Venue(
        exchange="many",
        read=lambda reply: json.loads(reply.body),
        listing=lambda caller: LISTED.to_frame(),
        current=current,
        history=Whole(ask=lambda instrument: Ask("/")),
        events=lambda value, instrument: value,
    )


def test_the_first_error_ends_what_was_not_sent() -> None:
    """Of a hundred requests one fails at once: the rest is not asked for, and its error is raised."""

    def answer(ask: Ask) -> Any:
        if ask.path == "/0":
            raise NotFound("many", "unknown")
        return 0

    sends = Sends(answer)
    exchange = Exchange(many([f"/{n}" for n in range(100)]), sends, workers=1)
    with pytest.raises(NotFound, match="unknown"):
        exchange.current([instrument("X")])
    exchange.close()
    assert sends.sent == ["/0", "closed"]


def test_requests_run_side_by_side_up_to_the_workers() -> None:
    """Four workers, four requests under way: each waits until the others are there."""
    together = threading.Barrier(4, timeout=20)
    exchange = Exchange(many([f"/{n}" for n in range(4)]), Sends(lambda ask: together.wait()), workers=4)
    assert exchange.current([instrument("X")]).requests == 4
    exchange.close()


def test_a_stopped_clock_is_stopped_in_every_worker() -> None:
    """A replay asks as of its instant, from whatever thread."""
    then = datetime.fromisoformat("2025-03-01T00:00:00+00:00")
    exchange = Exchange(many(["/0", "/1"]), Sends(lambda ask: 0), workers=2)
    with clock.frozen(then):
        assert exchange.current([instrument("X")]).received_at == then
    exchange.close()
