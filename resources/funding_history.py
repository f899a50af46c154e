"""Settled funding of one exchange's contracts, asked side by side.

What one contract's failure costs is that contract: the others are kept, and the exchange's partitions
are stored as incomplete. An exchange that fails altogether (its breaker opens, its budget is spent)
ends the asking; what was brought until then is kept as well.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.http.errors import (
    BudgetExhausted,
    CircuitOpen,
    EmptyUnexpected,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    VendorError,
)
from resources.http.workers import Workers
from resources.vendors.registry import Vendors
from resources.venues.binance_archive import NAME as ARCHIVE
from resources.venues.pager import History
from resources.venues.registry import VENUES
from resources.venues.venue import EVENTS, Instrument, Windowed

#: name in the fetch log under which single contracts are remembered for a retry
CONTRACT_LOG = "funding_rates/contracts"
#: after these no other contract of the exchange would fare better
_HOPELESS = (BudgetExhausted, CircuitOpen, NotEntitled, RateLimited, Unauthorized)
_SHOWN = 3
_LATE = timedelta(minutes=1)
#: longer than any interval: an exchange that forgets has forgotten what it says so long nothing of
_SILENCE = timedelta(days=2)
_DEFAULT_HOURS = 1.0
_LAST = ("native_symbol", "funding_time", "interval_hours")
_ROWS = pl.Schema({**EVENTS, "exchange": pl.String(), "ingested_at": UTC_MICROS, "source": pl.String()})


@dataclass(frozen=True)
class Answer:
    """What was answered for one contract: months of the archive, and the exchange's own history around them."""

    instrument: Instrument
    archived: list[pl.DataFrame]
    histories: list[History]


@dataclass
class Brought:
    """What asking brought: events with a rate, events without, and what failed."""

    #: EVENTS with exchange, ingested_at, source
    events: pl.DataFrame
    without_rate: pl.DataFrame
    asked: int = 0
    not_due: int = 0
    requests: int = 0
    duplicates: int = 0
    outside: int = 0
    floors: int = 0
    from_archive: int = 0
    failures: dict[str, VendorError] = field(default_factory=dict)
    unasked: int = 0
    #: contracts not to be asked for by a retry, once their events are stored
    answered: list[str] = field(default_factory=list)

    @property
    def failed(self) -> str | None:
        """Which contracts failed and why; None where none did."""
        if not self.failures:
            return None
        shown = "; ".join(str(failed) for failed in list(self.failures.values())[:_SHOWN])
        more = f"; and {len(self.failures) - _SHOWN} more" if len(self.failures) > _SHOWN else ""
        unasked = f", {self.unasked} not asked" if self.unasked else ""
        return f"{len(self.failures)} of {self.asked} contracts failed{unasked}: {shown}{more}"

    def metadata(self) -> dict[str, Any]:
        """The counts, for the partitions' events."""
        names = ("asked", "not_due", "requests", "duplicates", "outside", "floors", "from_archive")
        counts = {name: getattr(self, name) for name in names}
        return counts | {"null_rates": self.without_rate.height, "failed_contracts": len(self.failures)}


@dataclass(frozen=True)
class FundingHistory:
    """One exchange in one run."""

    settings: Settings
    vendors: Vendors
    log: FetchLog
    run_group: str
    exchange: str
    #: FundingContracts and FundingRates as stored
    contracts: pl.DataFrame
    stored: pl.DataFrame
    as_of: datetime

    def ask(self, first: datetime, until: datetime, *, only_due: bool, among: Collection[str] | None = None) -> Brought:
        """Events from `first` before `until` of every contract listed then, or of those `among` these native symbols.

        Raises the VendorError of the first contract where none was answered, and EmptyUnexpected where
        more than two days of contracts listed for as long are empty and nothing of them is stored.
        """
        listed = [one for one in self._listed(first, until) if among is None or one.native_symbol in among]
        done = self.log.finished_by(CONTRACT_LOG, self.run_group)
        wanted = [one for one in listed if self._logged(one) not in done]
        due = [one for one in wanted if not only_due or self._is_due(one)]
        brought = Brought(_ROWS.to_frame(), _ROWS.to_frame(), asked=len(due), not_due=len(wanted) - len(due))
        answers = list(self._answers(due, first, until, brought))
        if brought.failures and not answers:
            raise next(iter(brought.failures.values()))
        # for a retry; where none failed, the partitions are remembered as a whole
        brought.answered = [self._logged(answer.instrument) for answer in answers] if brought.failures else []
        self._add(brought, answers)
        if (
            due
            and among is None
            and len(due) == len(listed)
            and brought.events.is_empty()
            and until - first > timedelta(days=2)
        ):
            self._refuse_emptiness(listed, first, until)
        return brought

    def _answers(
        self, due: Sequence[Instrument], first: datetime, until: datetime, brought: Brought
    ) -> Iterator[Answer]:
        workers = self.settings.funding.venue(self.exchange).workers
        # one after another as long as a breaker that rested may let a single probe through
        alone = self.settings.fetch.breaker_successes
        waves = [*([one] for one in due[:alone]), due[alone:]]
        with Workers(workers, thread_name_prefix=self.exchange) as pool:
            for wave in waves:
                if any(isinstance(failed, _HOPELESS) for failed in brought.failures.values()):
                    brought.unasked += len(wave)
                    continue
                asking = {pool.submit(self._history, one, first, until): one for one in wave}
                yield from self._finished(asking, brought)

    def _finished(self, asking: "Mapping[Future[Any], Instrument]", brought: Brought) -> Iterator[Answer]:
        for future in as_completed(asking):
            one = asking[future]
            if future.cancelled():
                brought.unasked += 1
                continue
            try:
                yield Answer(one, *future.result())
            except NotFound:
                # taken off the listing since: it has no more settlements to give
                continue
            except VendorError as failed:
                brought.failures[one.native_symbol] = failed
                if isinstance(failed, _HOPELESS):
                    _cancel(asking)

    def _history(self, one: Instrument, first: datetime, until: datetime) -> tuple[list[pl.DataFrame], list[History]]:
        archived, spans = self._archived(one, first, until)
        exchange = self.vendors.exchange(self.exchange)
        shortest = self._shortest.get(one.native_symbol, _DEFAULT_HOURS)
        return archived, [self._with_floor(exchange.history(one, *span, shortest), span[0]) for span in spans]

    def _with_floor(self, history: History, first: datetime) -> History:
        """With the floor of an exchange that forgets, also where it lies within the first window of a walk.

        To the walk a hole there is a hole: most exchanges keep all they ever had.
        """
        venue = VENUES.get(self.exchange)
        forgets = venue is not None and venue.memory is not None and isinstance(venue.history, Windowed)
        if history.floor is not None or history.frame.is_empty() or not forgets:
            return history
        # a walk gives events by time
        oldest: datetime = history.frame["funding_time_native"][0]
        return replace(history, floor=oldest) if oldest - first > _SILENCE else history

    def _archived(
        self, one: Instrument, first: datetime, until: datetime
    ) -> tuple[list[pl.DataFrame], list[tuple[datetime, datetime]]]:
        """Whole months from the archive, and the spans around them that the exchange itself is asked for."""
        archive = self.vendors.archive(self.exchange) if self.settings.funding.archive else None
        frames: list[pl.DataFrame] = []
        begin = end = first
        if archive is None:
            return frames, [(first, until)]
        for month in whole_months(first, until):
            rows = archive.month(one.native_symbol, month.year, month.month)
            if rows is None:
                break
            begin, end = begin if frames else month, _next_month(month)
            frames.append(rows)
        return frames, [span for span in ((first, begin), (end, until)) if span[0] < span[1]]

    def _add(self, brought: Brought, answers: Sequence[Answer]) -> None:
        rows, floors = [_ROWS.to_frame()], dict[str, datetime]()
        for answer in answers:
            brought.from_archive += len(answer.archived)
            rows += [self._stated(month, self.as_of, ARCHIVE) for month in answer.archived]
            for history in answer.histories:
                brought.requests += history.requests
                brought.duplicates += history.duplicates
                brought.outside += history.outside
                if history.floor is not None:
                    brought.floors += 1
                    floors[answer.instrument.native_symbol] = history.floor
                rows.append(self._stated(history.frame, history.received_at, self.exchange))
        self.log.note_floors(self.exchange, floors)
        every = pl.concat(rows)
        brought.events = every.filter(pl.col("rate_native").is_not_null())
        brought.without_rate = every.filter(pl.col("rate_native").is_null())

    def _stated(self, events: pl.DataFrame, received_at: datetime, vendor: str) -> pl.DataFrame:
        told = {"exchange": self.exchange, "ingested_at": received_at, "source": self.settings.source_name(vendor)}
        # one value a column, without a query: there are thousands of contracts
        return events.hstack(
            [pl.Series(name, [said], _ROWS[name]).new_from_index(0, events.height) for name, said in told.items()]
        )

    def _listed(self, first: datetime, until: datetime) -> list[Instrument]:
        open_then = (pl.col("valid_to").is_null() | (pl.col("valid_to") > first)) & (pl.col("valid_from") < until)
        return instruments(self.contracts.filter(open_then | pl.col("valid_to").is_null()))

    def _is_due(self, one: Instrument) -> bool:
        """Whether a settlement of the contract should have happened since the last stored one."""
        if one.native_symbol not in self._last:
            return True
        last, hours = self._last[one.native_symbol]
        return last + timedelta(hours=hours or _DEFAULT_HOURS) + _LATE <= self.as_of

    @functools.cached_property
    def _last(self) -> dict[str, tuple[datetime, float | None]]:
        """Last stored settlement of each contract, and its interval (h)."""
        newest = self.stored.sort("funding_time").unique("native_symbol", keep="last", maintain_order=True)
        return {name: (at, hours) for name, at, hours in newest.select(_LAST).iter_rows()}

    @functools.cached_property
    def _shortest(self) -> dict[str, float]:
        """Each contract's shortest known interval (h)."""
        both = pl.concat([frame.select("native_symbol", "interval_hours") for frame in (self.contracts, self.stored)])
        known = both.drop_nulls().group_by("native_symbol").agg(pl.col("interval_hours").min())
        return dict(known.iter_rows())

    def _refuse_emptiness(self, listed: Sequence[Instrument], first: datetime, until: datetime) -> None:
        older = [one for one in listed if one.listed_at is None or one.listed_at < until - timedelta(days=2)]
        if older and self.stored.is_empty():
            raise EmptyUnexpected(
                self.exchange,
                f"no settlement of any of {len(listed)} contracts",
                context=f"{first:%Y-%m-%d %H:%M}Z..{until:%Y-%m-%d %H:%M}Z",
            )

    def _logged(self, one: Instrument) -> str:
        return f"{self.exchange}/{one.native_symbol}"


def instruments(contracts: pl.DataFrame) -> list[Instrument]:
    """The contracts of a map as an exchange is asked for them, each once, by its newest terms."""
    newest = contracts.sort("native_symbol", "valid_from").unique("native_symbol", keep="last", maintain_order=True)
    return [
        Instrument(
            native_symbol=row["native_symbol"],
            request_id=row["request_id"],
            kind=row["kind"],
            quote=row["quote"],
            settle=row["settle"],
            listed_at=row["valid_from"],
        )
        for row in newest.iter_rows(named=True)
    ]


def _cancel(asking: "Iterable[Future[Any]]") -> None:
    for future in asking:
        future.cancel()


def whole_months(first: datetime, until: datetime) -> Iterator[datetime]:
    """The starts of the months that lie wholly between two instants."""
    month = first if first == _month(first) else _next_month(first)
    while _next_month(month) <= until:
        yield month
        month = _next_month(month)


def _month(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(at: datetime) -> datetime:
    return _month(_month(at) + timedelta(days=32))
