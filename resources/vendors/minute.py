"""What every source of minute bars gives, whatever its wire format: closed minutes of a window, and quotes of now."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple, Protocol, Self

import polars as pl

from market_assets.bars.instruments import Bound, Source
from market_assets.core.contracts import UTC_MICROS
from market_assets.core.settings import FetchSettings
from market_assets.settings import Settings
from resources.http.budget import WindowUse
from resources.http.client import VendorClient
from resources.http.transport import Reply
from resources.venues.rows import Rows, frame

PRICES = ("open", "high", "low", "close")
#: rows as a source states them, in its order: nothing dropped yet but what has no price at all
MINUTES = pl.Schema(
    [
        ("ts", UTC_MICROS),
        *((name, pl.Float64()) for name in PRICES),
        ("volume", pl.Float64()),
        ("trade_count", pl.Int64()),
        ("ingested_at", UTC_MICROS),
    ]
)


@dataclass(frozen=True)
class FetchedMinutes:
    """One answer, or several pages of it."""

    #: MINUTES
    frame: pl.DataFrame
    requests: int = 0
    #: what they counted as in the source's budget
    credits: int = 0
    bytes: int = 0
    #: time that the requests took, waits for budgets left out
    latency_ms: float = 0.0
    trace: tuple[str, ...] = ()

    def with_(self, other: "FetchedMinutes") -> Self:
        """Both together, the rows of this one first."""
        return replace(
            self,
            frame=pl.concat([self.frame, other.frame]),
            requests=self.requests + other.requests,
            credits=self.credits + other.credits,
            bytes=self.bytes + other.bytes,
            latency_ms=self.latency_ms + other.latency_ms,
            trace=(*self.trace, *other.trace),
        )


def answered(vendor: str, pages: Sequence[tuple[pl.DataFrame, Reply]], credits: int | None = None) -> FetchedMinutes:
    """What these pages (MINUTES each) are together. A request counts as one, unless `credits` says otherwise."""
    replies = [reply for _, reply in pages]
    requests = sum(reply.requests for reply in replies)
    frame = pl.concat([MINUTES.to_frame(), *(page for page, _ in pages)])
    return FetchedMinutes(
        frame=frame,
        requests=requests,
        credits=requests if credits is None else credits,
        bytes=sum(len(reply.body) for reply in replies),
        latency_ms=sum(reply.latency_ms for reply in replies),
        trace=(f"{vendor}: {frame.height} rows, {len(replies)} page(s), {requests} request(s)",),
    )


def span(bound: Bound, first: datetime, until: datetime) -> str:
    """What a request for minutes is for, as messages show it."""
    return f"{bound.symbol} {first:%F %H:%M}..{until:%F %H:%M}Z"


def by_vendor_id(bounds: Sequence[Bound]) -> dict[str, list[Bound]]:
    """What a source calls an instrument -> the bounds that ask for it, each once."""
    found: dict[str, list[Bound]] = {}
    for bound in dict.fromkeys(bounds):
        found.setdefault(bound.vendor_id, []).append(bound)
    return found


class Quote(NamedTuple):
    """The last price of one instrument at one source."""

    #: house symbol of the instrument asked for
    symbol: str
    #: name of the source, unmarked: `yahoo`
    source: str
    price: float
    #: the source's own instant of it
    at: datetime
    received_at: datetime
    bid: float | None = None
    ask: float | None = None
    #: base units traded since the session or the UTC day began, where the source counts them
    day_volume: float | None = None


class MinuteSource(Protocol):
    """A source of minute bars. Every method raises VendorError; nothing is returned from half an answer."""

    @property
    def name(self) -> str:
        """Its name in `bars.sources`."""
        ...

    @property
    def source(self) -> str:
        """How rows name it: `yahoo`, or `yahoo-sandbox`."""
        ...

    @property
    def enabled(self) -> bool:
        """Whether it can be asked: it needs no key, or has one. Without it requests raise MissingKey, unsent."""
        ...

    @property
    def delay_s(self) -> float:
        """Seconds after a minute's end when its bar is served."""
        ...

    @property
    def quote_batch(self) -> int:
        """Instruments that one request for quotes may name."""
        ...

    @property
    def most_minutes(self) -> int:
        """Minutes that one request for bars may cover."""
        ...

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        """The minutes that open in [first, until), as stated; rows outside it and the running one may be among them.

        An empty window is an answer without rows.
        """
        ...

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        """The last prices of at most `quote_batch` instruments; those that the source has no price of are left out."""
        ...

    def quote_cost(self, n: int) -> int:
        """What a request for quotes of `n` instruments counts as."""
        ...

    def budget(self) -> list[WindowUse]:
        """How much of each window of its budget is used now, in requests or credits; none without a budget."""
        ...

    def close(self) -> None:
        """Close the connection pool."""
        ...


@dataclass(frozen=True)
class MinuteClient:
    """What the client of every source of minutes has, whatever it asks. Threads may share it."""

    http: VendorClient
    #: how rows name their source
    source: str
    delay_s: float
    name: ClassVar[Source]
    #: instruments that one request for quotes may name, and minutes that one for bars may cover
    most_quotes: ClassVar[int]
    most_minutes: ClassVar[int]

    @classmethod
    def of(cls, settings: Settings, http: VendorClient) -> Self:
        """The source that this client asks, as the settings name and delay it."""
        return cls(http, settings.source_name(cls.name), settings.bars.delays_s[cls.name])

    @property
    def enabled(self) -> bool:
        """Whether it needs no key, or has one."""
        return self.http.is_enabled

    @property
    def quote_batch(self) -> int:
        """Instruments that one request for quotes may name."""
        return self.most_quotes

    def quote_cost(self, n: int) -> int:
        """Requests for quotes of `n` instruments."""
        return math.ceil(n / self.most_quotes)

    def budget(self) -> list[WindowUse]:
        """How much of each window is used now, in requests or credits; none without a budget."""
        return self.http.budget.use()

    def close(self) -> None:
        """Close the connection pool."""
        self.http.close()


def fetch_of_bars(settings: Settings) -> FetchSettings:
    """How requests are made: each within `bars.timeout_s`."""
    return settings.fetch.model_copy(update={"timeout_s": settings.bars.timeout_s})


def windows(first: datetime, until: datetime, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    """[first, until) in parts of at most so many minutes."""
    while first < until:
        end = min(first + timedelta(minutes=minutes), until)
        yield first, end
        first = end


def as_stated(rows: Rows, ts: pl.Series, keys: Mapping[str, str], received_at: datetime) -> pl.DataFrame:
    """MINUTES out of objects whose member for a column is named by `keys`, without those that have no price at all."""
    columns = {column: rows.numbers(key) for column, key in keys.items()}
    found = frame(MINUTES, ts=ts, **columns, ingested_at=received_at)
    return found.filter(pl.any_horizontal(pl.col(PRICES).is_not_null()))
