"""A timeline of rounds: what is found at each, to what is said, as a reader of the channels sees it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.deciding import decide
from market_assets.ops.transforms.incidents import Finding, Incident, Severity, Silence

#: a Tuesday noon
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
CHANNELS = {"desk": "DESK_URL", "boss": "BOSS_URL"}
SETTINGS = AlertSettings(channels=CHANNELS, critical=("desk",), warning=("desk",), escalation=("boss",))


def finding(
    subject: str, check: str = "run_failed", cause: str = "", severity: Severity = "ERROR", *upstream: str
) -> Finding:
    """One that is wrong since noon."""
    return Finding(subject, check, cause, severity, f"{subject} is wrong", NOON, upstream=frozenset(upstream))


@dataclass
class Timeline:
    """Rounds after each other. Messages are shown as `<kind> <route> <subject>`."""

    settings: AlertSettings = SETTINGS
    start: datetime = NOON
    silences: list[Silence] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    recovered: list[Incident] = field(default_factory=list)

    def at(self, seconds: float, *found: Finding, unknown: tuple[str, ...] = ()) -> list[str]:
        """A round so many seconds after the start: what is said."""
        now = self.start + timedelta(seconds=seconds)
        decision = decide(self.incidents.values(), found, unknown, now, self.settings, self.silences)
        subjects = {one.fingerprint: one.finding.subject for one in decision.incidents}
        self.incidents = {one.fingerprint: one for one in decision.incidents if one.recovered_at is None}
        self.recovered += [one for one in decision.incidents if one.recovered_at is not None]
        return [f"{due.kind} {due.route} {subjects[due.fingerprint]}" for due in decision.due]

    def every(self, seconds: int, first: int, last: int, *found: Finding) -> list[str]:
        """Rounds from `first` to `last`, in seconds, both included: everything that is said."""
        return [said for second in range(first, last + 1, seconds) for said in self.at(second, *found)]

    def acknowledge(self, one: Finding) -> None:
        """As somebody does between two rounds."""
        known = self.incidents[one.fingerprint]
        self.incidents[one.fingerprint] = replace(known, acknowledged_at=self.start)
