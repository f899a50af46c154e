"""Which backups are kept: the newest of each day, then the newest of each month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Copy:
    """A backup, as far as keeping it depends on it."""

    name: str
    taken_at: datetime
    #: whether nothing that should be in it is missing
    is_whole: bool = True


def kept_as(copies: Sequence[Copy], daily: int, monthly: int) -> dict[str, str]:
    """Name -> newest, daily or monthly, of those that are kept; the others may go.

    Of the newest `daily` days that have any, and of the newest `monthly` months before them, one is kept: the newest
    whole one, or the newest where none is whole. The newest of all and the newest whole one are always kept. Of two
    of one instant the later in `copies` is newer.
    """
    ordered = sorted(copies, key=lambda one: one.taken_at)
    days = _newest_of_each((f"{one.taken_at:%Y-%m-%d}", one) for one in ordered)
    first = min(sorted(days)[-daily:], default=None)
    older = [one for one in ordered if first is not None and f"{one.taken_at:%Y-%m-%d}" < first]
    months = _newest_of_each((f"{one.taken_at:%Y-%m}", one) for one in older)
    kept = {months[month].name: "monthly" for month in sorted(months)[-monthly:] if monthly}
    kept |= {days[day].name: "daily" for day in sorted(days)[-daily:]}
    kept |= {one.name: "newest" for one in [*(one for one in ordered if one.is_whole)][-1:]}
    return kept | {one.name: "newest" for one in ordered[-1:]}


def _newest_of_each(grouped: Iterable[tuple[str, Copy]]) -> dict[str, Copy]:
    """Group -> its newest whole one, or its newest where none is; `grouped` comes oldest first."""
    found: dict[str, Copy] = {}
    for group, one in grouped:
        if group not in found or one.is_whole or not found[group].is_whole:
            found[group] = one
    return found
