"""One exchange over the common HTTP stack: its listing, its current state, one contract's settled history.

Settled history and everything else have budgets of their own (two lanes), so that a backfill does not
hold up snapshots; breaker, statistics and raw store are those of the exchange. What comes back has been
checked: frames are of the agreed columns, contracts differ from each other, history went through `pager`.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, Self

import polars as pl

from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.funding.settings import EXCHANGES
from market_assets.settings import Settings
from resources.http.client import VendorClient, connect
from resources.http.errors import EmptyUnexpected, Malformed, NotFound, VendorError
from resources.http.transport import Timing
from resources.http.workers import Workers
from resources.venues.pager import History, walk
from resources.venues.rows import of_instruments
from resources.venues.venue import CURRENT, LISTED, Ask, Instrument, Venue

Lane = Literal["history", "market"]
#: longest wait for the next window of a budget counted by 5 minutes (s)
_FIVE_MINUTES_S = 301.0
_SHOWN = 5
_NULLABLE = ("interval_hours", "listed_at")


@dataclass(frozen=True)
class Listing:
    """What an exchange says it lists: LISTED, unique by native symbol, in the venue's order."""

    frame: pl.DataFrame
    received_at: datetime
    requests: int


@dataclass(frozen=True)
class Look:
    """Current state of contracts: CURRENT, unique by native symbol; what the venue is silent on has no row."""

    frame: pl.DataFrame
    #: when the look began
    at: datetime
    received_at: datetime
    latency_ms: float
    requests: int


@dataclass(frozen=True)
class Answered:
    """The value of an answer, and what it took."""

    value: Any
    requests: int
    received_at: datetime


class Sender(Protocol):
    """Sends requests, each in the budget of its lane. Safe for threads. Raises VendorError."""

    def send(self, ask: Ask, lane: Lane) -> Answered:
        """The answer to one request."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


@dataclass(frozen=True)
class HttpSender:
    """Requests as a venue's record makes them."""

    venue: Venue
    history: VendorClient
    market: VendorClient

    @classmethod
    def connect(
        cls, settings: Settings, venue: Venue, *, rates: RateBudget | None = None, timing: Timing | None = None
    ) -> Self:
        """By the settings; `rates` replaces both budgets. The sandbox has none unless `rates` gives one."""
        history = lane_client(settings, venue.exchange, "history", rates=rates, timing=timing)
        return cls(venue, history, lane_client(settings, venue.exchange, "market", rates=rates, timing=timing))

    def send(self, ask: Ask, lane: Lane) -> Answered:
        """The answer to one request; NotFound is the value None where the request says so."""
        client = self.history if ask.history_budget or lane == "history" else self.market
        read, context, cost = self.venue.read, ask.context, ask.cost
        if ask.json is None:
            value, reply = client.get(ask.path, ask.params, read=read, context=context, cost=cost)
        else:
            value, reply = client.post(ask.path, ask.json, read=read, context=context, cost=cost)
        return Answered(value, reply.requests, reply.received_at)

    def close(self) -> None:
        """Close both lanes."""
        self.history.close()
        self.market.close()


def lane_client(
    settings: Settings,
    exchange: str,
    lane: Lane,
    *,
    base_url: str | None = None,
    rates: RateBudget | None = None,
    timing: Timing | None = None,
) -> VendorClient:
    """The client of one lane of an exchange; `base_url` and `rates` replace the address and budget of the settings."""
    setting, budget = next((setting, budget) for name, setting, budget in lanes_of(settings, exchange) if name == lane)
    return connect(
        settings,
        exchange,
        base_url=base_url,
        fetch=patient(settings, budget),
        rates=rates or (None if settings.vendors == "sandbox" else budget),
        # the budget of an exchange by way of ccxt is fixed: all that can be raised is how long it is waited for
        budget_setting=f"funding.venues.{exchange}.{setting}" if exchange in EXCHANGES else "fetch.budget_wait_s",
        lane=lane,
        timing=timing,
    )


def lanes_of(settings: Settings, exchange: str) -> list[tuple[Lane, str, RateBudget]]:
    """The two lanes of an exchange: name, setting of its budget, the budget."""
    section = settings.funding.venue(exchange)
    return [("history", "budget", section.budget), ("market", "market_budget", section.market_budget)]


def patient(settings: Settings, budget: RateBudget) -> FetchSettings:
    """How an exchange is asked: its breaker rests longer, and waits reach the budget's longest short window."""
    wait_s = settings.fetch.budget_wait_s
    return settings.fetch.model_copy(
        update={
            "breaker_open_s": settings.funding.breaker_open_s,
            "budget_wait_s": max(wait_s, _FIVE_MINUTES_S) if budget.per_5_minutes else wait_s,
        }
    )


class Exchange:
    """Asks one exchange. Threads may share it. Every method raises VendorError; half an answer is none."""

    def __init__(self, venue: Venue, sender: Sender, *, workers: int, timing: Timing | None = None) -> None:
        self.venue, self.name = venue, venue.exchange
        self._sender, self._timing = sender, timing or Timing()
        self._pool = Workers(workers, thread_name_prefix=venue.exchange)

    @classmethod
    def connect(
        cls, settings: Settings, venue: Venue, *, rates: RateBudget | None = None, timing: Timing | None = None
    ) -> Self:
        """The exchange of a record by the settings; `rates` replaces its budgets."""
        sender = HttpSender.connect(settings, venue, rates=rates, timing=timing)
        return cls(venue, sender, workers=settings.funding.venue(venue.exchange).workers, timing=timing)

    def listing(self) -> Listing:
        """Every perpetual open for trading. Raises EmptyUnexpected where there is none."""
        calls = self._calls("market")
        frame = self._parsed("its listing", lambda: self.venue.listing(calls))
        self._check(frame, LISTED, "its listing")
        for name in frame.columns:
            if name not in _NULLABLE and frame[name].null_count():
                where = frame.filter(pl.col(name).is_null())["native_symbol"].to_list()
                raise self._malformed("its listing", f"{name} is not stated for {_some(where)}")
        if frame.is_empty():
            raise self._empty("its listing", "no perpetual is open for trading")
        return Listing(frame, calls.received_at, calls.requests)

    def current(self, instruments: Sequence[Instrument]) -> Look:
        """Current state of these contracts. Raises EmptyUnexpected where none of them is known."""
        calls, at, began = self._calls("market"), self._timing.now(), self._timing.monotonic()
        context = f"current state of {len(instruments)} contracts"
        stated = self._parsed(context, lambda: self.venue.current(calls, instruments))
        self._check(stated, CURRENT, context)
        frame = of_instruments(stated, instruments)
        if frame.is_empty():
            raise self._empty(context, f"{stated.height} rows, none of a contract asked for")
        latency_ms = (self._timing.monotonic() - began) * 1000
        return Look(frame, at, calls.received_at, latency_ms, calls.requests)

    def history(self, instrument: Instrument, first: datetime, until: datetime, shortest_hours: float) -> History:
        """Every settlement of a contract from `first` before `until`; see `pager.walk`."""
        calls = self._calls("history")
        walked = walk(self.venue, calls, instrument, first, until, shortest_hours)
        return History(
            frame=walked.frame,
            floor=walked.floor,
            requests=calls.requests,
            outside=walked.outside,
            duplicates=walked.duplicates,
            received_at=calls.received_at,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.shutdown(cancel_futures=True)
        self._sender.close()

    def _calls(self, lane: Lane) -> "_Calls":
        return _Calls(self._sender, lane, self._pool, self._timing.now())

    def _parsed(self, context: str, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        try:
            return read()
        except VendorError as refused:
            raise refused.located("", context) from None

    def _check(self, frame: pl.DataFrame, schema: pl.Schema, context: str) -> None:
        if frame.schema != schema:
            raise TypeError(f"{self.name}, {context}: columns must be {schema}, were {frame.schema}")
        twice = frame.filter(pl.col("native_symbol").is_duplicated())["native_symbol"].unique(maintain_order=True)
        if len(twice):
            raise self._malformed(context, f"each contract must come once; more often came {_some(twice.to_list())}")

    def _malformed(self, context: str, said: str) -> Malformed:
        return Malformed(self.name, said, context=context)

    def _empty(self, context: str, said: str) -> EmptyUnexpected:
        return EmptyUnexpected(self.name, said, context=context, advice="Nothing was stored; look at the raw response")


class _Calls:
    """A caller of one lane that counts what it sent."""

    def __init__(self, sender: Sender, lane: Lane, pool: Workers, began: datetime) -> None:
        self._sender, self._lane, self._pool = sender, lane, pool
        self._lock = threading.Lock()
        self.requests = 0
        #: when the newest answer arrived; before the first, when asking began
        self.received_at = began

    def one(self, ask: Ask) -> Any:
        """The value of one answer."""
        try:
            answered = self._sender.send(ask, self._lane)
        except NotFound:
            if ask.may_be_unknown:
                return None
            raise
        with self._lock:
            self.requests += answered.requests
            self.received_at = max(self.received_at, answered.received_at)
        return answered.value

    def many(self, asks: Sequence[Ask]) -> list[Any]:
        """The values in the order of `asks`. After the first error nothing more is sent, and it is raised."""
        failed = threading.Event()

        def one(ask: Ask) -> Any:
            if failed.is_set():
                return None
            try:
                return self.one(ask)
            except BaseException:
                failed.set()
                raise

        futures = [self._pool.submit(one, ask) for ask in asks]
        # all of them, so that none is under way when the exchange is closed
        wait(futures)
        return [future.result() for future in futures]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
