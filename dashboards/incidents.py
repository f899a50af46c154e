"""The book of incidents as the app shows it: how each stands, what it explains, and how much is wrong in all.

Instants are those of the wall clock: incidents last in real time, also where the data's clock is stopped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from glob import escape
from typing import Literal
from urllib.parse import quote

from market_assets.ops.transforms.incidents import Finding, Severity, worst
from resources.alerting.book import IncidentBook
from resources.alerting.inbox import State, state_of
from resources.alerting.messages import runbook_anchor
from resources.alerting.records import Entry, KeptSilence

#: current: all that have not recovered
Which = Literal["current", "open", "acknowledged", "silenced", "attached", "recovered", "all"]
#: recovered incidents that are looked through, newest first
_LOOKED_THROUGH = 5_000


@dataclass(frozen=True)
class Shown:
    """An incident and how it stands now."""

    entry: Entry
    state: State
    #: its own severity, or that of what it explains now where that is worse
    worst: Severity
    #: those that cover it now
    silences: tuple[KeptSilence, ...]

    @property
    def stands_alone(self) -> bool:
        """Whether it is no part of another one."""
        return self.entry.root_id is None

    @property
    def silenced_until(self) -> datetime | None:
        """When the last silence over it ends; None where nothing keeps it silent."""
        return max((kept.silence.until for kept in self.silences), default=None)

    @property
    def updated_at(self) -> datetime:
        """When something changed last, or it was seen last."""
        one = self.entry.incident
        later = (one.recovered_at, one.acknowledged_at, one.last_told_at, one.escalated_at)
        return max([one.seen_at, *(at for at in later if at is not None)])

    @property
    def runbook(self) -> str:
        """The path of what to do about it."""
        return f"/runbook#{quote(runbook_anchor(self.entry.incident.finding))}"


@dataclass(frozen=True)
class Tally:
    """How many incidents stand for themselves: by the worst of each, and those that are silenced."""

    errors: int
    warnings: int
    silenced: int


def current(book: IncidentBook, now: datetime) -> list[Shown]:
    """What has not recovered: errors first, then the newest first."""
    return _shown(book, book.open(), now)


def recovered(book: IncidentBook, now: datetime, limit: int = _LOOKED_THROUGH) -> list[Shown]:
    """The newest that have recovered: errors first, then the newest first."""
    return _shown(book, book.recovered(limit), now)


def one(book: IncidentBook, id: int, now: datetime) -> tuple[Shown, list[Shown]]:
    """An incident, and what it explains or explained. Raises UnknownName."""
    entry, attached = book.one(id), book.attached(id)
    found = _shown(book, [entry, *attached], now)
    return next(each for each in found if each.entry.id == id), [each for each in found if each.entry.id != id]


def tally(found: Iterable[Shown]) -> Tally:
    """How many of them stand for themselves."""
    alone = [each for each in found if each.state in ("open", "acknowledged")]
    errors = sum(each.worst == "ERROR" for each in alone)
    silenced = sum(each.state == "silenced" for each in found)
    return Tally(errors, len(alone) - errors, silenced)


def chosen(
    book: IncidentBook, now: datetime, which: Which, severity: Severity | None = None, subject: str | None = None
) -> list[Shown]:
    """Incidents that stand so, of a severity, and whose subject a glob covers; with a slash: `subject/check`."""
    found = [
        *([] if which == "recovered" else current(book, now)),
        *(recovered(book, now) if which in ("recovered", "all") else []),
    ]
    return [
        each
        for each in found
        if which in ("current", "all", each.state)
        and severity in (None, each.entry.incident.finding.severity)
        and (subject is None or _is_covered(each.entry.incident.finding, subject))
    ]


def pattern_of(finding: Finding) -> str:
    """The pattern of a silence over nothing but this subject and check."""
    return escape(f"{finding.subject}/{finding.check}")


def _is_covered(finding: Finding, pattern: str) -> bool:
    return fnmatchcase(f"{finding.subject}/{finding.check}" if "/" in pattern else finding.subject, pattern)


def _shown(book: IncidentBook, entries: Sequence[Entry], now: datetime) -> list[Shown]:
    silences = book.silences(now)
    explained: dict[int, list[Severity]] = {}
    for entry in entries:
        if entry.root_id is not None and entry.incident.recovered_at is None:
            explained.setdefault(entry.root_id, []).append(entry.incident.finding.severity)
    found = [
        Shown(
            entry,
            state_of(entry, silences, now),
            worst([entry.incident.finding.severity, *explained.get(entry.id, [])]),
            _over(entry, silences, now),
        )
        for entry in entries
    ]
    return sorted(found, key=lambda each: each.worst != "ERROR")


def _over(entry: Entry, silences: Iterable[KeptSilence], now: datetime) -> tuple[KeptSilence, ...]:
    if entry.incident.recovered_at is not None:
        return ()
    return tuple(kept for kept in silences if kept.silence.covers(entry.incident.finding, now))
