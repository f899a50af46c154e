"""Tables: how late each is by its own calendar, and what is stored of their condition yesterday and today."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from dashboards.components.telling import told
from dashboards.services import Services
from market_assets.core import clock
from market_assets.due_days import due
from market_assets.ops.transforms.condition import conditions
from market_assets.tables import TABLES
from resources.stored_days import held

_CONDITION = "ops_condition"
#: more days than the longest pause of any calendar
_LOOKED_BACK = 7
_DAY = timedelta(days=1)
_NOT_JUDGED = pl.DataFrame(
    schema={
        **dict.fromkeys(("asset", "check", "partition"), pl.String()),
        "passed": pl.Boolean(),
        **dict.fromkeys(("severity", "description"), pl.String()),
    }
)


@dataclass(frozen=True)
class Lateness:
    """How a table stands by its calendar."""

    #: when the first of what it lacks was due; None where it has all that is due
    since: datetime | None = None
    #: what it lacks of the newest day that is due
    lacks: str = ""

    def seconds(self, now: datetime) -> float:
        """For how long it has been late; 0 while it is not."""
        return 0.0 if self.since is None else (now - self.since).total_seconds()


def condition(services: Services) -> dict[str, Any]:
    """A table that lacks what is due, or was late yesterday, degrades; a failed check of its rows does not."""
    now = clock.now()
    today, yesterday = now.date(), now.date() - _DAY
    facts, lateness = services.data.tables(), by_calendar(services, now)
    stored = _stored(services, yesterday, today)
    late = {name: f"{name}: {one.lacks}" for name, one in lateness.items() if one.since is not None}
    late |= {
        name: f"{name} was late on {yesterday}: {row['reason']}"
        for (name, day), row in stored.items()
        if day == yesterday and row["condition"] == "late" and name not in late
    }
    counts = {
        day: Counter(row["condition"] for (_, of), row in stored.items() if of == day) for day in (yesterday, today)
    }
    return {
        "status": "degraded" if late else "healthy" if any(one.partitions for one in facts) else "idle",
        "note": _note(counts[yesterday], len(late)),
        "detail": told([late[name] for name in sorted(late)], "more tables are late"),
        "n_late": len(late),
        "yesterday": dict(counts[yesterday]),
        "today": dict(counts[today]),
        "tables": {
            one.name: {
                "newest": one.newest,
                "published_at": one.published_at,
                "late_s": lateness[one.name].seconds(now) if one.name in lateness else None,
                "yesterday": _word(stored, one.name, yesterday),
                "today": _word(stored, one.name, today),
            }
            for one in facts
        },
    }


def by_calendar(services: Services, now: datetime) -> dict[str, Lateness]:
    """Table -> how it stands, of those that anything is stored of and that a day was due of lately.

    The newest day that is due decides; of one that is not there all days before it that are not there either count.
    """
    store, found, today = services.data.store, services.settings, now.date()
    open_, judged = set(TABLES), dict[str, Lateness]()
    for n in range(1, _LOOKED_BACK + 1):
        day = today - n * _DAY
        wanted = {name: one for name, one in due(store, found, day).items() if name in open_ and one.at <= now}
        own = held(store, [TABLES[name] for name in wanted], day, today, wanted)
        for row in conditions(day, now, own, wanted, _NOT_JUDGED).iter_rows(named=True):
            name, is_missing = row["dataset"], row["condition"] == "missing"
            known = judged.get(name)
            if is_missing:
                judged[name] = Lateness(wanted[name].at, known.lacks if known else f"{day}: {row['reason']}")
            else:
                judged[name] = known or Lateness()
                open_.discard(name)
    return judged


def _stored(services: Services, first: date, last: date) -> dict[tuple[str, date], Mapping[str, Any]]:
    rows = services.data.load_or_none(_CONDITION, start=first, end=last)
    return {} if rows is None else {(row["dataset"], row["day"]): row for row in rows.iter_rows(named=True)}


def _word(stored: Mapping[tuple[str, date], Mapping[str, Any]], name: str, day: date) -> str | None:
    row = stored.get((name, day))
    return None if row is None else row["condition"]


def _note(counts: Counter[str], n_late: int) -> str:
    judged = f"{counts['ok']} of {counts.total()} ok yesterday" if counts else "yesterday is not judged"
    return f"{n_late or 'none'} late, {judged}"
