"""What the equities tables are computed with: frames in, frames out.

No Dagster, no I/O, no clock, no environment: sessions, settings and the instant (`now`, `as_of`)
are arguments. One module per table, named as the table without its prefix; `sessions` numbers and
cuts what the calendars give. Calendars come in as `{calendar: frame(session_date, close_at)}`.
"""

from market_assets.equities.transforms import (
    actions,
    adjust,
    bars,
    features,
    gaps,
    reconcile,
    scores,
    sessions,
    status,
    symbols,
)
from market_assets.equities.transforms.reconcile import basis_mismatch, date_shift

__all__ = [
    "actions",
    "adjust",
    "bars",
    "basis_mismatch",
    "date_shift",
    "features",
    "gaps",
    "reconcile",
    "scores",
    "sessions",
    "status",
    "symbols",
]
