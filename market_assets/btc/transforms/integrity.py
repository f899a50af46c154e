"""What of a span of raw hours is present, in one report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from market_assets.btc.transforms.grid import hours
from market_assets.btc.transforms.state import HOUR
from market_assets.core.errors import InvalidRequest

COLUMNS = ("price", "long_liquidations", "short_liquidations")
#: missing hours that a report names
MOST_NAMED = 100
#: what the score loses: prices that lack beside liquidations, no liquidations at all, every hour missing
_PRICE_PENALTY, _LIQUIDATIONS_PENALTY, _MISSING_PENALTY = 0.2, 0.3, 0.3


@dataclass(frozen=True, kw_only=True)
class IntegrityReport:
    """How complete a span is. An hour is present where price, long and short are all known."""

    #: first and last hour, both included
    start: datetime
    end: datetime
    #: hours of the span, and those present
    expected: int
    present: int
    n_missing: int
    #: present / expected
    completeness: float
    #: in [0.2, 1]: 1 less the penalties
    overall_score: float
    #: the first MOST_NAMED of them
    missing_hours: tuple[datetime, ...]
    #: per column, hours that have a row without a value
    null_counts: Mapping[str, int]
    #: per column, hours that have a row
    row_counts: Mapping[str, int]
    #: longest run of missing hours
    longest_gap_hours: int


def verify_data_integrity(raw: pl.DataFrame, start: datetime, end: datetime) -> IntegrityReport:
    """The report over the hours of `start` to that of `end`, both included and floored to the hour.

    `raw`: ts, price, long_liquidations, short_liquidations, one row per ts. Raises InvalidRequest where a time
    is naive or `end` lies in an hour before that of `start`.
    """
    first, last = _hour(start), _hour(end)
    if last < first:
        raise InvalidRequest(f"end must not be before start; were {start.isoformat()} and {end.isoformat()}")
    span = hours(first, last + HOUR)
    found = raw.select("ts", *COLUMNS).filter(pl.col("ts").is_between(first, last))
    laid = span.to_frame().join(found, on="ts", how="left", validate="1:1", maintain_order="left")
    missing = laid.select(missing=pl.any_horizontal(pl.col(COLUMNS).is_null())).to_series()
    n_missing = int(missing.sum())
    return IntegrityReport(
        start=first,
        end=last,
        expected=span.len(),
        present=span.len() - n_missing,
        n_missing=n_missing,
        completeness=1 - n_missing / span.len(),
        overall_score=_score(laid, n_missing),
        missing_hours=tuple(span.filter(missing).head(MOST_NAMED)),
        null_counts={name: found[name].null_count() for name in COLUMNS},
        row_counts=dict.fromkeys(COLUMNS, found.height),
        longest_gap_hours=_longest_run(missing),
    )


def integrity_of_newest_day(processed: pl.DataFrame, history_start: datetime) -> IntegrityReport:
    """The report of the 24 hours that end with the newest row, of which no earlier one is asked than `history_start`.

    `processed`: ts, price, long_filled, short_filled, is_filled. A liquidation that was carried forward is missing.
    """
    newest: datetime = processed["ts"].max() or history_start  # type: ignore[assignment]
    sides = {"long_liquidations": "long_filled", "short_liquidations": "short_filled"}
    observed = (pl.when(~pl.col("is_filled")).then(filled).alias(name) for name, filled in sides.items())
    known = processed.select("ts", "price", *observed)
    return verify_data_integrity(known, max(history_start, newest - 23 * HOUR), newest)


def _hour(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise InvalidRequest(f"a time needs its zone, as in 2024-06-01T00:00+00:00; was {instant.isoformat()}")
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _score(laid: pl.DataFrame, n_missing: int) -> float:
    price, sides = pl.col("price"), pl.col(COLUMNS[1:])
    any_side = pl.any_horizontal(sides.is_not_null())
    lacks = laid.select(
        price=price.is_null().all() | (price.is_null() & any_side).any(), liquidations=~any_side.any()
    ).row(0, named=True)
    return float(
        1
        - _PRICE_PENALTY * lacks["price"]
        - _LIQUIDATIONS_PENALTY * lacks["liquidations"]
        - _MISSING_PENALTY * n_missing / laid.height
    )


def _longest_run(flags: pl.Series) -> int:
    runs = flags.rle().struct.unnest()
    return max(runs.filter("value")["len"].to_list(), default=0)
