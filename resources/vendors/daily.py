"""What every vendor of daily bars is asked, and what it gives: one shape for all.

Frames have the columns of `equities_daily_bars` (without `fallback_level`, which only the chain
knows) and of `equities_corporate_actions` as far as a vendor states them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Self

import polars as pl

from market_assets.core import calendars
from market_assets.core.contracts import UTC_MICROS
from market_assets.equities.schemas import EquitiesCorporateActions, EquitiesDailyBars
from resources.http.errors import Clipped, EmptyUnexpected, NotFound
from resources.http.transport import Reply

#: columns of FetchedBars.frame
BARS = pl.Schema([(k, v) for k, v in EquitiesDailyBars.contract().schema.items() if k != "fallback_level"])
#: columns of FetchedBars.rejected
REJECTED = pl.Schema([*BARS.items(), ("reason", pl.String()), ("row_number", pl.Int64())])
_STATED = (
    "symbol ex_date kind split_from split_to amount amount_basis currency dividend_type "
    "declared_date record_date pay_date source ingested_at"
)
#: columns of FetchedActions.frame
ACTIONS = pl.Schema({name: EquitiesCorporateActions.contract().schema[name] for name in _STATED.split()})
#: what a vendor's parser gives for each row, in the vendor's order
PARSED = pl.Schema(
    [
        ("symbol", pl.String),
        ("session_date", pl.Date),
        *((name, pl.Float64) for name in ("open", "high", "low", "close", "volume", "vwap_vendor")),
        ("trade_count", pl.Int64),
        ("ingested_at", UTC_MICROS),
        ("row_number", pl.Int64),
    ]
)
PRICES = ("open", "high", "low", "close")
#: sessions that a first bar may be late before history counts as cut off
CLIP_TOLERANCE = 5


@dataclass(frozen=True)
class Instrument:
    """One listing window of a symbol, and the id each vendor knows it by."""

    symbol: str
    asset_class: str
    calendar: str
    vendor_ids: Mapping[str, str]
    valid_from: date
    valid_to: date | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """From a row of `equities_symbols`: `<vendor>_id` columns that are not null become vendor ids."""
        ids = {name.removesuffix("_id"): value for name, value in row.items() if name.endswith("_id") and value}
        return cls(row["symbol"], row["asset_class"], row["calendar"], ids, row["valid_from"], row["valid_to"])

    @property
    def has_volume(self) -> bool:
        """A cash index trades nothing, whatever a vendor states."""
        return self.asset_class != "index"

    def id_at(self, vendor: str) -> str:
        """Its id at `vendor`. Raises NotFound where it has none."""
        if vendor not in self.vendor_ids:
            raise NotFound(vendor, f"{self.symbol} has no id there", context=self.symbol, advice=f"Set its {vendor}_id")
        return self.vendor_ids[vendor]

    def window(self, start: date, end: date, as_of: datetime, delay_min: int) -> tuple[date, date] | None:
        """The part of `start`..`end` that is listed and whose bars are due at `as_of`; None where none is.

        A bar is due `delay_min` minutes after its session's close: asking for more brings unfinished
        bars, and on some plans a refusal.
        """
        due = calendars.last_closed_session(self.calendar, as_of - timedelta(minutes=delay_min))
        first, last = max(start, self.valid_from), min(end, due, self.valid_to or date.max)
        return (first, last) if first <= last else None


@dataclass(frozen=True)
class FetchedBars:
    """One answer. `duplicates` rows were stated again by a later row, which was kept."""

    #: BARS, sorted by symbol and session
    frame: pl.DataFrame
    #: REJECTED: rows with a price that is null, not finite or not positive
    rejected: pl.DataFrame
    requests: int = 0
    bytes: int = 0
    duplicates: int = 0
    trace: tuple[str, ...] = ()

    def traced(self, *steps: str) -> Self:
        """The same with `steps` before its own trace."""
        return replace(self, trace=(*steps, *self.trace))


@dataclass(frozen=True)
class FetchedActions:
    """Splits, dividends or both of one instrument: ACTIONS, sorted by ex date."""

    frame: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ACTIONS))
    requests: int = 0
    bytes: int = 0
    duplicates: int = 0
    trace: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What a vendor's reference data say of an instrument; None where they do not."""

    name: str | None
    listed_from: date | None
    listed_to: date | None


def nothing(why: str) -> FetchedBars:
    """An answer without rows for which nothing was asked."""
    return FetchedBars(pl.DataFrame(schema=BARS), pl.DataFrame(schema=REJECTED), trace=(why,))


def costs(vendor: str, n_rows: int, replies: Sequence[Reply]) -> dict[str, Any]:
    """The fields `requests`, `bytes` and `trace` of an answer made of these replies."""
    requests = sum(reply.requests for reply in replies)
    return {
        "requests": requests,
        "bytes": sum(len(reply.body) for reply in replies),
        "trace": (f"{vendor}: {n_rows} rows, {len(replies)} page(s), {requests} request(s)",),
    }


def finished(rows: pl.DataFrame, *, source: str, price_basis: str, first: date, last: date) -> FetchedBars:
    """The rows of PARSED between `first` and `last` as an answer; costs are left for the caller to fill in.

    Rows may come in any order. Of several good rows of one session the last stated is kept.
    """
    inside = (
        rows.filter(pl.col("session_date").is_between(first, last))
        .with_columns(
            timeframe=pl.lit("1d"),
            ts=pl.col("session_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            source=pl.lit(source),
            price_basis=pl.lit(price_basis),
        )
        .with_columns(
            good=pl.all_horizontal((pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False) for name in PRICES)
        )
    )
    good = inside.filter("good")
    kept = good.unique(["symbol", "session_date"], keep="last", maintain_order=True).sort("symbol", "session_date")
    rejected = inside.filter(~pl.col("good")).with_columns(reason=pl.lit("bad_price"))
    return FetchedBars(
        frame=kept.select(list(BARS)), rejected=rejected.select(list(REJECTED)), duplicates=good.height - kept.height
    )


def finished_actions(rows: Sequence[Mapping[str, Any]], instrument: Instrument) -> FetchedActions:
    """Rows of ACTIONS inside the listing window, each once, sorted; costs are left to the caller.

    Two dividends of different amount on one day are both kept; one split a day is.
    """
    stated = pl.DataFrame(list(rows), schema=ACTIONS)
    listed = stated.filter(
        pl.col("ex_date").is_between(instrument.valid_from, instrument.valid_to or date.max)
    ).with_columns(amount_key=pl.col("amount").round(6))
    kept = listed.unique(["symbol", "kind", "ex_date", "amount_key"], keep="last", maintain_order=True)
    return FetchedActions(
        frame=kept.sort("ex_date", "kind", "amount_key", maintain_order=True).select(list(ACTIONS)),
        duplicates=listed.height - kept.height,
    )


def together(one: FetchedActions, other: FetchedActions) -> FetchedActions:
    """Two answers about one instrument as one."""
    return FetchedActions(
        frame=pl.concat([one.frame, other.frame]).sort("ex_date", maintain_order=True),
        requests=one.requests + other.requests,
        bytes=one.bytes + other.bytes,
        duplicates=one.duplicates + other.duplicates,
        trace=one.trace + other.trace,
    )


def check_not_clipped(frame: pl.DataFrame, instrument: Instrument, start: date, end: date, as_of: datetime) -> None:
    """Raise Clipped where the first bar comes more than five sessions after the first one expected.

    Expected are the sessions from `start` or the start of the listing window, whichever is later. A
    frame without rows is `check_not_empty`'s business.
    """
    if frame.height == 0:
        return
    window = instrument.window(start, end, as_of, delay_min=0)
    first = frame["session_date"].min()
    assert isinstance(first, date)
    if window is None or first <= window[0]:
        return
    late = calendars.session_index(instrument.calendar, first) - calendars.session_index(instrument.calendar, window[0])
    if late > CLIP_TOLERANCE:
        raise Clipped(
            str(frame["source"][0]),
            f"the first bar is of {first}, {late} sessions after the first expected from {window[0]}",
            context=f"{instrument.symbol} {start}..{end}",
        )


def check_not_empty(
    frame: pl.DataFrame, instrument: Instrument, start: date, end: date, as_of: datetime, *, vendor: str, delay_min: int
) -> None:
    """Raise EmptyUnexpected where there is no row although sessions of the listing window were due."""
    if frame.height:
        return
    due = due_sessions(instrument, start, end, as_of, delay_min)
    if due:
        raise EmptyUnexpected(
            vendor,
            f"no bars, although {len(due)} sessions were due from {due[0]} to {due[-1]}",
            context=f"{instrument.symbol} {start}..{end}",
        )


def due_sessions(instrument: Instrument, start: date, end: date, as_of: datetime, delay_min: int) -> list[date]:
    """The sessions of the listing window whose bars are due at `as_of`."""
    window = instrument.window(start, end, as_of, delay_min)
    return calendars.sessions(instrument.calendar, *window) if window else []
