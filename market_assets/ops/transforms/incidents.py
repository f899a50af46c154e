"""Incidents: what is found wrong becomes one message when it opens and one when it has gone, and few between.

Pure: values in, values out. The caller reads the clock, keeps the incidents and carries the messages; `decide` is in
`deciding`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

Severity = Literal["WARN", "ERROR"]
Route = Literal["critical", "warning", "escalation"]
#: open: it is there; worse: from warning to error; remind: it lasts; escalate: nobody acknowledged it; recover: gone
Kind = Literal["open", "worse", "remind", "escalate", "recover"]

#: the rules that are no asset checks
RULES = frozenset(
    {
        "run_failed",
        "breaker_open",
        "budget_low",
        "heartbeat",
        "tick_failed",
        "tick_late",
        "disk_used",
        "memory_used",
        "cpu_used",
        "backup_age",
        "backup_drill",
        "last_success",
        "api_errors",
        "cache_hits",
        "cannot_look",
    }
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong now. Two findings with one fingerprint are the same incident."""

    #: asset key, or `source:polygon`, `daemon:SENSOR`, `sensor:follow`, `schedule:bars_current`, `disk`, `backup`, ...
    subject: str
    #: name of the check, or of the rule: run_failed, breaker_open, heartbeat, disk_used, ...
    check: str
    #: stable and short, such as an error's class or a source; empty where there is none
    cause: str
    severity: Severity
    #: for a person, one or two sentences without secrets
    said: str
    since: datetime
    #: partitions as they are shown
    scope: str = ""
    #: subjects whose incident explains this one
    upstream: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """The identity of the incident: 16 hex digits of subject, check and cause."""
        return hashlib.sha256("\0".join((self.subject, self.check, self.cause)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Silence:
    """Until when nothing is said of what a pattern covers."""

    #: glob over `subject/check`; one without a slash is over the subject alone
    pattern: str
    until: datetime

    def covers(self, finding: Finding, now: datetime) -> bool:
        """Whether nothing is to be said of this finding now."""
        shown = f"{finding.subject}/{finding.check}" if "/" in self.pattern else finding.subject
        return now < self.until and fnmatchcase(shown, self.pattern)


@dataclass(frozen=True)
class Incident:
    """One finding from the round that saw it first to the one in which it had gone, and what was said of it."""

    #: as it was seen last
    finding: Finding
    opened_at: datetime
    #: since when it stands for itself: opened, or left behind by what explained it
    alone_since: datetime
    seen_at: datetime
    #: since when it is not found any more, while it may still come back
    gone_since: datetime | None = None
    #: fingerprint of the first cause that explains it; empty where it stands for itself
    root: str = ""
    #: the most that it ever explained at once
    n_attached: int = 0
    told_at: datetime | None = None
    #: the worst that was told
    told_as: Severity | None = None
    last_told_at: datetime | None = None
    #: when it was first told as an error
    error_told_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    #: a silence has held something back since the last message
    is_muted: bool = False
    recovered_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """The identity of what is wrong."""
        return self.finding.fingerprint


@dataclass(frozen=True)
class Due:
    """A message that is to be sent."""

    kind: Kind
    fingerprint: str
    route: Route
    #: a warning waits in quiet hours
    severity: Severity


@dataclass(frozen=True)
class Decision:
    """What follows from a round: every incident that was open, as it is now, and the messages."""

    incidents: tuple[Incident, ...]
    due: tuple[Due, ...]


def worst(severities: Iterable[Severity]) -> Severity:
    """ERROR where there is one."""
    return "ERROR" if "ERROR" in set(severities) else "WARN"
