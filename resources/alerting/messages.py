"""What a message says: what is wrong and where, since when, what else it explains, and where to read on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import RULES, Due, Finding, Severity
from resources.alerting.records import Entry, Text

_NAMED = 10


def runbook_anchor(finding: Finding) -> str:
    """The place in the runbook: `alert-<rule>`, or `check-<asset>-<check>` of an asset check."""
    is_rule = finding.check in RULES or ":" in finding.subject
    return f"alert-{finding.check}" if is_rule else f"check-{finding.subject}-{finding.check}"


def message(due: Due, entry: Entry, attached: Sequence[Entry], settings: AlertSettings) -> Text:
    """Title and body of a message that is due."""
    incident = entry.incident
    finding, root = incident.finding, settings.app_url.rstrip("/")
    ends = [incident.recovered_at] if incident.recovered_at else []
    lines = [
        finding.said,
        "",
        *([f"Partitions: {finding.scope}"] if finding.scope else []),
        *([f"Cause: {finding.cause}"] if finding.cause else []),
        f"Since: {_shown(finding.since)}",
        *(f"Recovered: {_shown(at)}, after {_lasted(at - finding.since)}" for at in ends),
        *_explained(attached, incident.n_attached, is_over=bool(ends)),
        f"Incident {entry.id}: {root}/alerts/{entry.id}",
        f"What to do: {root}/runbook#{runbook_anchor(finding)}",
    ]
    title = f"{_heading(due, incident.finding.severity)}: {finding.subject} {finding.check}"
    return Text(title, "\n".join(lines))


def _heading(due: Due, own: Severity) -> str:
    headings = {
        "open": due.severity,
        "worse": "ERROR (was a warning)",
        "remind": f"STILL {due.severity}",
        "escalate": f"NOT ACKNOWLEDGED {due.severity}",
        "recover": "RECOVERED",
    }
    downstream = " downstream" if due.kind != "recover" and due.severity != own else ""
    return headings[due.kind] + downstream


def _explained(attached: Sequence[Entry], at_most: int, *, is_over: bool) -> list[str]:
    """How many incidents it explains, and the first of them by name."""
    if is_over:
        return [f"It explained {at_most} more"] if at_most else []
    if not attached:
        return []
    names = sorted(f"{one.incident.finding.subject} {one.incident.finding.check}" for one in attached)
    more = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return [f"It explains {len(names)} more: {', '.join(names[:_NAMED])}{more}"]


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _lasted(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
