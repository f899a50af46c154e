"""Binance's minute candles by REST, and when each symbol was listed: futures or spot, whichever is in use.

Quirks (vendors.md 6): a request's weight goes by its limit; the last row is the running minute's, which is not
over; a minute without trades is a row of volume 0, so a missing one is a gap; spot does not say when a symbol was
listed; refusals are those of the funding routes, with which the futures market shares host and breaker.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.settings import RateBudget
from market_assets.crypto.settings import Venue
from market_assets.crypto.transforms.klines import MINUTE, PARSED
from market_assets.settings import Settings
from resources.http.client import VendorClient, connect
from resources.http.errors import Clipped, Malformed, NotEntitled
from resources.http.transport import Reply, Timing
from resources.venues import binance
from resources.venues.rows import Rows, frame, show
from resources.venues.wire import millis

#: name of these candles in `source`
NAME = "binance_rest"
LISTED = pl.Schema({"symbol": pl.String(), "listed_at": UTC_MICROS, "is_trading": pl.Boolean()})
#: a row of the answer, and a line of the archive, by position; what follows is ignored
COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trade_count",
    "taker_buy_base",
    "taker_buy_quote",
)
#: weight of a request by the rows asked for: the first limit that is not below them
_WEIGHTS = ((99, 1), (499, 2), (1000, 5))
_HIGHEST_WEIGHT = 10
_USED_WEIGHT = "x-mbx-used-weight-1m"
#: weight of the spot market's whole listing; the futures market's is 1
_SPOT_LISTING = 20
#: so many minutes at an edge may come late; more that come only when asked for again had been cut off
_LATE = timedelta(minutes=5)
_PLACE = "Set crypto.base_url to a mirror that serves this place, or crypto.live to false for the archive alone"


@dataclass(frozen=True)
class FetchedKlines:
    """Candles that were over when they were asked for."""

    #: PARSED, in the order of the answers
    frame: pl.DataFrame
    #: when the last answer arrived
    received_at: datetime
    requests: int


@dataclass(frozen=True)
class FetchedListing:
    """What the market lists."""

    #: LISTED, sorted by symbol; listed_at is null where the market does not say it
    frame: pl.DataFrame
    received_at: datetime
    requests: int


@dataclass(frozen=True)
class BinanceKlines:
    """Asks one market. Threads may share it. Every method raises VendorError; half an answer is none."""

    http: VendorClient
    venue: Venue
    #: time after its end from which a candle is final
    grace: timedelta

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The market in use by the settings; the sandbox has no budget unless `rates` gives one."""
        crypto, sandbox = settings.crypto, settings.vendors == "sandbox"
        http = connect(
            settings,
            crypto.venue.vendor,
            base_url=None if sandbox else crypto.venue.base_url,
            rates=rates or (None if sandbox else crypto.request_budget),
            budget_setting="crypto.budget",
            lane="klines",
            timing=timing,
        )
        return cls(http, crypto.venue, timedelta(seconds=crypto.close_grace_s))

    def klines(self, symbol: str, first: datetime, until: datetime) -> FetchedKlines:
        """The closed candles that open from `first` before `until`, by windows of one page.

        A window whose edge is bare is asked for again there: raises Clipped where that brings what the first
        answer had cut off. Minutes that are missing after that are gaps, which are not this client's to judge.
        """
        pages = [page for window in _windows(first, until, self.venue.page) for page in self._whole(symbol, *window)]
        return FetchedKlines(
            frame=pl.concat([PARSED.to_frame(), *(page.frame for page in pages)]),
            received_at=max((page.received_at for page in pages), default=self.http.timing.now()),
            requests=sum(page.requests for page in pages),
        )

    def listing(self) -> FetchedListing:
        """Every symbol of the market, whether it trades, and since when it is listed."""
        cost = _SPOT_LISTING if self.venue.vendor == "binance_spot" else 1
        found, reply = self.http.get(
            f"{self.venue.root}/exchangeInfo", read=self._read(self._listed), context="listing", cost=cost
        )
        return FetchedListing(found, reply.received_at, reply.requests)

    def _whole(self, symbol: str, first: datetime, until: datetime) -> Iterator[FetchedKlines]:
        """One window's answer, and those of its bare edges."""
        # not when it arrived: a slow answer may hold a candle that was still running when it was made
        asked_at = self.http.timing.now()
        page = self._page(symbol, first, until, asked_at)
        yield page
        if page.frame.is_empty():
            return
        oldest, newest = _edge(page.frame["ts"].min()), _edge(page.frame["ts"].max())
        came = _span(oldest, newest + MINUTE)
        due = min(until, closed_until(asked_at, self.grace))
        for edge in ((first, oldest), (newest + MINUTE, due)):
            if edge[0] >= edge[1]:
                continue
            again = self._page(symbol, *edge, asked_at)
            if again.frame["ts"].n_unique() * MINUTE > _LATE:
                raise Clipped(
                    self.http.vendor,
                    f"only {came} came; asked again, {_span(*edge)} has {again.frame.height} candles",
                    endpoint=self._path,
                    context=f"{symbol} {_span(first, until)}",
                    advice="Nothing was stored; the venue gives fewer rows a page than it says",
                )
            yield again

    def _page(self, symbol: str, first: datetime, until: datetime, asked_at: datetime) -> FetchedKlines:
        minutes = math.ceil((until - first) / MINUTE)
        found, reply = self.http.get(
            self._path,
            {
                "symbol": symbol,
                "interval": "1m",
                "startTime": millis(first),
                # the venue includes both ends
                "endTime": millis(until) - 1,
                "limit": minutes,
            },
            read=self._read(lambda body, _: self._candles(body, first, until, asked_at)),
            context=f"{symbol} {_span(first, until)}",
            cost=weight(minutes),
        )
        return FetchedKlines(found, reply.received_at, reply.requests)

    def _candles(self, body: Any, first: datetime, until: datetime, asked_at: datetime) -> pl.DataFrame:
        """The closed rows of an answer. Raises Malformed, also where it is about another window."""
        rows = parse(self.http.vendor, body)
        inside = rows.filter(pl.col("ts").is_between(first, until, closed="left"))
        if inside.height < rows.height:
            other = rows.filter(~pl.col("ts").is_between(first, until, closed="left"))["ts"]
            raise Malformed(
                self.http.vendor,
                f"the wrong window: {len(other)} of {rows.height} rows lie outside, the first opens {other[0]:%F %T}Z",
            )
        return inside.filter(pl.col("ts") < closed_until(asked_at, self.grace))

    def _listed(self, body: Any, _: Reply) -> pl.DataFrame:
        rows = Rows.at(self.http.vendor, body, "symbols")
        return frame(
            LISTED,
            symbol=rows.text("symbol"),
            listed_at=rows.instants("onboardDate", "ms"),
            is_trading=rows.text("status") == "TRADING",
        ).sort("symbol")

    def _read(self, value: Callable[[Any, Reply], pl.DataFrame]) -> Callable[[Reply], pl.DataFrame]:
        common = binance.reader(self.http.vendor)

        def read(reply: Reply) -> pl.DataFrame:
            if reply.status == 451:
                raise NotEntitled(self.http.vendor, "HTTP 451: it does not serve this place", advice=_PLACE)
            self._weigh(reply)
            return value(common(reply), reply)

        return read

    def _weigh(self, reply: Reply) -> None:
        """Count what the venue counted of this address in this minute, other programs' requests included."""
        stated = reply.headers.get(_USED_WEIGHT, "")
        if stated.isdecimal():
            self.http.budget.told("minute", int(stated))

    @property
    def _path(self) -> str:
        return f"{self.venue.root}/klines"


def weight(rows: int) -> int:
    """What a request for so many rows counts as."""
    return next((weight for limit, weight in _WEIGHTS if rows <= limit), _HIGHEST_WEIGHT)


def closed_until(at: datetime, grace: timedelta) -> datetime:
    """The end of the last minute that is final at `at`: candles that open before it are."""
    return (at - grace).replace(second=0, microsecond=0)


def parse(vendor: str, value: Any, where: str = "") -> pl.DataFrame:
    """PARSED out of rows by position, in their order. Raises Malformed naming the first offence with its place."""
    if not isinstance(value, list):
        raise Malformed(vendor, f"{where or 'the body'} must be a list of candles, was {show(value)}")
    for index, row in enumerate(value):
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) < len(COLUMNS):
            raise Malformed(vendor, f"{where}[{index}] must be a list of {len(COLUMNS)} values, was {show(row)}")
    rows = Rows.of(vendor, [dict(zip(COLUMNS, row, strict=False)) for row in value], where)
    return frame(
        PARSED,
        ts=rows.instants("open_time", "ms", required=True),
        **{name: rows.numbers(name) for name in PARSED if name != "ts"},
    )


def _edge(at: Any) -> datetime:
    assert isinstance(at, datetime)
    return at


def _windows(first: datetime, until: datetime, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    while first < until:
        end = min(first + minutes * MINUTE, until)
        yield first, end
        first = end


def _span(first: datetime, until: datetime) -> str:
    return f"{first:%F %H:%M}..{until:%F %H:%M}Z"
