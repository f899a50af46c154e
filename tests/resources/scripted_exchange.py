"""Exchanges that answer from a script: what a fetch gets where no socket is needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.transforms import listing
from resources.http.errors import VendorError
from resources.venues.exchange import Listing, Look
from resources.venues.pager import History
from resources.venues.rows import frame
from resources.venues.venue import CURRENT, EVENTS, LISTED, Instrument
from tests.market_assets.funding.transforms.histories import FUNDING

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a Friday
NOON = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
Row = tuple[datetime, float | None]


class Asked(NamedTuple):
    """One contract's history as it was asked for."""

    name: str
    first: datetime
    until: datetime
    shortest_hours: float


def every(hours: float, first: datetime, until: datetime, rate: float = 1e-4) -> list[Row]:
    """Settlements every so many hours, first <= time < until."""
    step = timedelta(hours=hours)
    return [(first + n * step, rate) for n in range(-((first - until) // step))]


def events(native_symbol: str, rows: Iterable[Row], **stated: Any) -> pl.DataFrame:
    """EVENTS of a contract."""
    given = list(rows)
    return frame(
        EVENTS,
        native_symbol=native_symbol,
        funding_time_native=[at for at, _ in given],
        rate_native=[rate for _, rate in given],
        **stated,
    )


@dataclass
class ScriptedExchange:
    """Answers at once; what was asked stays in `asked`."""

    name: str
    #: native symbol -> its settlements, or why there is no answer
    settled: dict[str, Sequence[Row] | VendorError] = field(default_factory=dict)
    floors: dict[str, datetime] = field(default_factory=dict)
    #: rows that each answer of history stated twice
    duplicates: int = 0
    #: LISTED and CURRENT
    listed: pl.DataFrame = field(default_factory=LISTED.to_frame)
    state: pl.DataFrame = field(default_factory=CURRENT.to_frame)
    #: when answers arrive
    now: datetime = NOON
    asked: list[Asked] = field(default_factory=list)
    looked_at: list[list[str]] = field(default_factory=list)
    #: called before each answer of history
    meanwhile: Callable[[str], None] = lambda _: None

    def history(self, instrument: Instrument, first: datetime, until: datetime, shortest_hours: float) -> History:
        """The settlements of its script, first <= time < until."""
        name = instrument.native_symbol
        self.asked.append(Asked(name, first, until, shortest_hours))
        self.meanwhile(name)
        said = self.settled.get(name, ())
        if isinstance(said, VendorError):
            raise said
        return History(
            frame=events(name, [row for row in said if first <= row[0] < until]),
            floor=self.floors.get(name),
            requests=1,
            outside=0,
            duplicates=self.duplicates,
            received_at=self.now,
        )

    def listing(self) -> Listing:
        """Its listing."""
        return Listing(self.listed, self.now, 1)

    def current(self, instruments: Sequence[Instrument]) -> Look:
        """Its current state."""
        self.looked_at.append([one.native_symbol for one in instruments])
        return Look(self.state, self.now, self.now, 12.5, 1)

    def names(self) -> list[str]:
        """The contracts asked for, sorted."""
        return sorted(asked.name for asked in self.asked)


@dataclass
class ScriptedArchive:
    """Files of months."""

    #: (native symbol, first day of a month) -> its settlements
    months: Mapping[tuple[str, datetime], Sequence[Row]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def month(self, native_symbol: str, year: int, month: int) -> pl.DataFrame | None:
        """The file of a month; None where there is none."""
        self.asked.append(f"{native_symbol} {year}-{month:02d}")
        rows = self.months.get((native_symbol, datetime(year, month, 1, tzinfo=UTC)))
        return None if rows is None else events(native_symbol, rows, interval_hours=[8.0] * len(rows))


class ScriptedVendors:
    """What a fetch takes for the vendors."""

    def __init__(self, *exchanges: ScriptedExchange, archive: ScriptedArchive | None = None) -> None:
        self._exchanges = {one.name: one for one in exchanges}
        self._archive = archive

    def exchange(self, name: str) -> ScriptedExchange:
        """One of them."""
        return self._exchanges[name]

    def archive(self, _: str) -> ScriptedArchive | None:
        """The archive of each."""
        return self._archive


def listed(*names: str, **stated: Any) -> pl.DataFrame:
    """LISTED: linear USDT contracts of these native symbols, whose base is what is before USDT."""
    rows = [
        {
            "native_symbol": name,
            "request_id": name,
            "native_base": name.removesuffix("USDT"),
            "quote": "USDT",
            "settle": "USDT",
            "kind": "linear",
            "contract_size": 1.0,
            "oi_unit": "base",
            "interval_hours": 8.0,
            "listed_at": LONG_AGO,
        }
        | stated
        for name in names
    ]
    return pl.DataFrame(rows, schema=LISTED)


def contracts(exchange: str, *names: str, seen_at: datetime = NOON - 10 * DAY, **stated: Any) -> pl.DataFrame:
    """FundingContracts after one look at a listing of these names."""
    seen = listed(*names, **stated).with_columns(
        exchange=pl.lit(exchange),
        price_ratio=pl.lit(None, pl.Float64),
        first_at=pl.lit(seen_at, UTC_MICROS),
        last_at=pl.lit(seen_at, UTC_MICROS),
    )
    return listing.contracts(seen.select(list(listing.SEEN)), FUNDING)


def state(*names: str, rate: float | None = 1e-4, mark: float = 100.0) -> pl.DataFrame:
    """CURRENT of these names."""
    return frame(
        CURRENT,
        native_symbol=list(names),
        predicted_rate_native=[rate] * len(names),
        mark_price=[mark] * len(names),
        is_trailing=[False] * len(names),
    )
