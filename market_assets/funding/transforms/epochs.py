"""When settlements were due in a window: spells of listing, and epochs of equal interval within them.

A spell is the time a contract was listed without a break, an epoch a stretch of it with one interval. Events tell
first: settlements before the known listing, or after its end, extend a spell; what interval an epoch has is what
its events say, and only where a spell has none what the listing said. Instants are microseconds since 1970.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.transforms import slots
from market_assets.funding.transforms.terms import CONTRACT, with_terms

_LAST_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """The days that end with `day`, as far as they are over."""

    day: date
    first: datetime
    #: last instant of the day, or now
    last: datetime
    #: a settlement due by then is missing if it is not there; what is younger may still come
    due: datetime

    @classmethod
    def of(cls, day: date, window_days: int, now: datetime, start: date | None = None) -> Self:
        """[day + 1 - window_days, day + 1), cut at `now`; it does not reach before `start`."""
        end = clock.instant(day) + timedelta(days=1)
        last, first = end - _LAST_INSTANT, end - timedelta(days=window_days)
        begins = first if start is None else max(first, clock.instant(start))
        return cls(day, begins, min(last, now), min(last, now - slots.TOLERANCE))

    @property
    def first_us(self) -> pl.Expr:
        """`first` in microseconds since 1970."""
        return pl.lit(self.first, dtype=UTC_MICROS).dt.epoch("us")

    @property
    def due_us(self) -> pl.Expr:
        """`due` in microseconds since 1970."""
        return pl.lit(self.due, dtype=UTC_MICROS).dt.epoch("us")


def spells(contracts: pl.DataFrame, window: Window) -> pl.DataFrame:
    """One row per contract and time of listing begun by the end of the window, by contract and time.

    `spell` (its number), exchange, native_symbol, valid_from, valid_to (null while listed); symbol, base_asset and
    listed_hours of its last row. The first spell of a contract is there even if it begins later.
    """
    is_first = pl.col("valid_from") == pl.col("valid_from").min().over(CONTRACT)
    begins = pl.col("valid_from").ne_missing(pl.col("valid_to").shift(1).over(CONTRACT))
    return (
        contracts.filter(is_first | (pl.col("valid_from") <= window.last))
        .sort(*CONTRACT, "valid_from")
        .with_columns(part=begins.cum_sum().over(CONTRACT))
        .group_by(*CONTRACT, "part", maintain_order=True)
        .agg(
            pl.col("valid_from").first(),
            pl.col("valid_to", "symbol", "base_asset").last(),
            listed_hours=pl.col("interval_hours").last(),
        )
        .drop("part")
        .with_row_index("spell")
    )


def settled(rates: pl.DataFrame, listed: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Events of the window: spell, funding_time, time (microseconds), interval_hours; by spell and time.

    `listed` is what `spells` gives. An event of unknown interval has that of its neighbours, else the listing's.
    One just before the window is there as well: it may be the settlement of the first slot.
    """
    near = rates.filter(pl.col("funding_time").is_between(window.first - slots.TOLERANCE, window.last))
    told = pl.col("interval_hours").forward_fill().backward_fill().over("spell")
    return with_terms(
        near.select(*CONTRACT, "funding_time", "interval_hours"),
        listed,
        at="funding_time",
        terms=("spell", "listed_hours"),
    ).select(
        "spell",
        "funding_time",
        time=pl.col("funding_time").dt.epoch("us"),
        interval_hours=pl.coalesce(told, "listed_hours"),
    )


def due(listed: pl.DataFrame, events: pl.DataFrame, window: Window) -> pl.DataFrame:
    """The spells that touch the window, with first_event, last_event, is_active (listed at its end), lo and hi.

    Settlements were due from lo to hi: from the listing or the first event to the end of the listing or the last event.
    """
    in_window = events.filter(pl.col("funding_time") >= window.first)
    told = in_window.group_by("spell").agg(
        first_event=pl.col("funding_time").min(), last_event=pl.col("funding_time").max()
    )
    opens, closes, first, last = (_micros(name) for name in ("valid_from", "valid_to", "first_event", "last_event"))
    floor, ceiling = window.first_us, window.due_us
    since = pl.min_horizontal(opens + 1, first - slots.TOLERANCE_US)
    until = pl.when(closes.is_null()).then(ceiling).otherwise(pl.max_horizontal(closes - 1, last + slots.TOLERANCE_US))
    has_begun = pl.min_horizontal("valid_from", "first_event") <= window.last
    is_open_until = pl.col("valid_to").fill_null(window.last + _LAST_INSTANT)
    return (
        listed.join(told, on="spell", how="left", maintain_order="left")
        .filter(pl.col("first_event").is_not_null() | (has_begun & (is_open_until > window.first)))
        .with_columns(
            is_active=is_open_until > window.last,
            lo=pl.max_horizontal(floor, since),
            hi=pl.min_horizontal(ceiling, until),
        )
    )


def numbered(events: pl.DataFrame) -> pl.DataFrame:
    """Events of known interval with `epoch` (its number: a run of equal intervals of a spell), step and phase."""
    changes = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("spell", "interval_hours"))
    known = events.drop_nulls("interval_hours").with_columns(epoch=changes.cum_sum().cast(pl.Int64))
    return slots.with_grid(known, ["epoch"])


def epochs(events: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """One row per epoch: epoch, spell, step, phase, begins, and first_slot to last_slot, the numbers of those due.

    `events` as `numbered`, `spans` as `due` gives them. Between two epochs, what was due before the first interval
    of the later one was due at the interval of the earlier one.
    """
    columns = ("epoch", "spell", "step", "phase", "begins")
    of_events = events.group_by("epoch", maintain_order=True).agg(
        pl.col("spell", "step", "phase").first(), first=pl.col("time").first(), last=pl.col("time").last()
    )
    before = pl.max_horizontal(pl.col("first") - pl.col("step"), pl.col("last").shift(1).over("spell"))
    silent = spans.drop_nulls("listed_hours").join(events, on="spell", how="anti", maintain_order="left")
    of_listing = silent.select(
        "spell",
        epoch=-1 - pl.int_range(pl.len()),
        step=slots.step_of(pl.col("listed_hours")),
        phase=pl.lit(0, pl.Int64),
        begins=pl.lit(None, pl.Int64),
    )
    is_first = pl.col("spell").ne_missing(pl.col("spell").shift(1))
    # the last settlement before may be stamped a little early
    after = pl.when(is_first).then(pl.col("lo") - 1).otherwise(pl.col("begins") + slots.TOLERANCE_US)
    return (
        pl.concat([of_events.with_columns(begins=before).select(columns), of_listing.select(columns)])
        .join(spans.select("spell", "lo", "hi"), on="spell")
        .sort("spell", "epoch")
        .with_columns(after=after, begins=pl.when(is_first).then("lo").otherwise("begins"))
        .with_columns(until=pl.min_horizontal("hi", pl.col("after").shift(-1).over("spell")))
        .with_columns(first_slot=slots.last_by(pl.col("after")) + 1, last_slot=slots.last_by(pl.col("until")))
        .with_columns(last_slot=pl.max_horizontal("last_slot", pl.col("first_slot") - 1))
        .select(*columns, "first_slot", "last_slot")
    )


def _micros(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("us")
