"""What a hole in an observed table is called, in every domain.

A hole is asked for again only where asking can help (`ours`). One that stays although it was asked for again becomes
`vendor_has_no_data`.
"""

from datetime import datetime
from typing import Any, Literal

import polars as pl

from market_assets.core.contracts import UTC_MICROS

Kind = Literal["not_listed", "holiday", "halt", "venue_outage", "no_trades", "vendor_has_no_data", "ours"]

#: kind -> what it means
MEANINGS: dict[Kind, str] = {
    "not_listed": "outside the time in which it is listed",
    "holiday": "no symbol of that calendar traded that day",
    "halt": "listed, the market open, and no source has a bar: trading stood still",
    "venue_outage": "no symbol of the venue has these slots: it was down",
    "no_trades": "a slot in which nobody traded",
    "vendor_has_no_data": "asked for again as often as is useful, or older than what the vendor keeps",
    "ours": "never asked for, failed, cut short or lost on our side: asking again should close it",
}
KINDS: tuple[Kind, ...] = tuple(MEANINGS)
#: what asking again can close
REPAIRABLE: tuple[Kind, ...] = ("ours",)

#: what a domain's `gaps.typed_gaps` returns. `partition` is the one that would be materialised anew, `name` what in it
#: lacks the slots (symbol, contract, metric); `gap_end` is where the hole ends, exclusive
_COLUMNS: dict[str, Any] = {
    "table": pl.String,
    "partition": pl.String,
    "name": pl.String,
    "gap_start": UTC_MICROS,
    "gap_end": UTC_MICROS,
    "n_missing": pl.Int64,
    "kind": pl.String,
    "reason": pl.String,
}
FOUND = pl.Schema(_COLUMNS)


def found(rows: list[tuple[str, str, str, datetime, datetime, int, Kind, str]]) -> pl.DataFrame:
    """A frame of FOUND."""
    return pl.DataFrame(rows, schema=FOUND, orient="row")
