"""What follows from what is found: which incidents open, belong together, are told, and have gone.

First cause only: an incident that another one upstream of it explains is attached to it, its root, and says nothing.
A root is told once it has lasted `settle_s`, so that a cause which shows a little later still comes first. What is not
found for `settle_s` has gone. A root that was told waits for what is attached to it to go as well, for
`first_cause_min` at most: what outlives it stands for itself, and of what fails in the same way one speaks for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Decision, Due, Finding, Incident, Kind, Severity, Silence, worst
from market_assets.ops.transforms.quiet import is_quiet

_Open = dict[str, Incident]


def decide(
    known: Iterable[Incident],
    findings: Iterable[Finding],
    unknown: Iterable[str],
    now: datetime,
    settings: AlertSettings,
    silences: Sequence[Silence] = (),
) -> Decision:
    """One round: the incidents that were open and what is found now, to how they stand and what is to be said.

    `unknown` are prefixes of subjects that could not be looked at: what is known of them neither goes nor changes.
    """
    unseen = tuple(unknown)
    incidents = _seen({one.fingerprint: one for one in known if one.recovered_at is None}, findings, unseen, now)
    _attach(incidents, settings)
    gone, left = _without_what_has_gone(incidents, unseen, settings, now)
    _attach(incidents, settings)
    _one_for_all(incidents, left)
    due: list[Due] = []
    attached = _by_root(incidents)
    for fingerprint in sorted(incidents):
        if not incidents[fingerprint].root:
            told, messages = _told(incidents[fingerprint], attached.get(fingerprint, []), now, settings, silences)
            incidents[fingerprint] = told
            due += messages
    due += _recoveries(gone, gone | incidents, now, silences)
    return Decision((*incidents.values(), *gone.values()), tuple(due))


def _seen(incidents: _Open, findings: Iterable[Finding], unseen: tuple[str, ...], now: datetime) -> _Open:
    """The open incidents after a look, new ones among them."""
    found = _once(findings)
    for fingerprint, incident in incidents.items():
        if fingerprint in found:
            finding = found.pop(fingerprint)
            incidents[fingerprint] = replace(incident, finding=finding, seen_at=now, gone_since=None)
        elif not incident.finding.subject.startswith(unseen):
            incidents[fingerprint] = replace(incident, gone_since=incident.gone_since or now)
    new = {key: Incident(finding, opened_at=now, alone_since=now, seen_at=now) for key, finding in found.items()}
    return incidents | new


def _once(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Each fingerprint once: as its worst finding says, since the earliest."""
    found: dict[str, Finding] = {}
    for finding in findings:
        other = found.get(finding.fingerprint, finding)
        shown = finding if finding.severity == "ERROR" else other
        found[finding.fingerprint] = replace(shown, since=min(finding.since, other.since))
    return found


def _attach(incidents: _Open, settings: AlertSettings) -> None:
    """Attach what stands for itself to a first cause, where there is one."""
    of_subject: dict[str, list[str]] = {}
    for fingerprint, incident in incidents.items():
        of_subject.setdefault(incident.finding.subject, []).append(fingerprint)
    within = timedelta(minutes=settings.first_cause_min)
    for fingerprint in sorted(incidents, key=lambda key: (incidents[key].alone_since, key)):
        incident = incidents[fingerprint]
        if incident.root or incident.gone_since:
            continue
        causes = {
            incidents[cause].root or cause
            for subject in incident.finding.upstream
            for cause in of_subject.get(subject, ())
            if incidents[cause].opened_at - incident.alone_since <= within
        } - {fingerprint}
        if causes:
            _join(incidents, fingerprint, min(causes, key=lambda cause: (incidents[cause].opened_at, cause)))


def _join(incidents: _Open, fingerprint: str, root: str) -> None:
    """Have a root explain an incident and everything that this one explained."""
    for key, incident in incidents.items():
        if fingerprint in (key, incident.root):
            incidents[key] = replace(incident, root=root)


def _without_what_has_gone(
    incidents: _Open, unseen: tuple[str, ...], settings: AlertSettings, now: datetime
) -> tuple[_Open, list[str]]:
    """Take out what has gone: that, and the fingerprints of what outlives its root and stands for itself now."""
    settled, patience = timedelta(seconds=settings.settle_s), timedelta(minutes=settings.first_cause_min)

    def away(incident: Incident, least: timedelta) -> bool:
        is_looked_at = not incident.finding.subject.startswith(unseen)
        return incident.gone_since is not None and is_looked_at and now - incident.gone_since >= least

    gone: _Open = {}
    left: list[str] = []
    for key in [key for key, incident in incidents.items() if incident.root and away(incident, settled)]:
        gone[key] = replace(incidents.pop(key), recovered_at=now)
    attached = _by_root(incidents)
    for key in [key for key, incident in incidents.items() if not incident.root and away(incident, settled)]:
        of_root = attached.get(key, [])
        # nobody knows of a root that was not told: nothing waits for it
        if of_root and incidents[key].told_at and not away(incidents[key], max(settled, patience)):
            continue
        gone[key] = replace(incidents.pop(key), recovered_at=now)
        for one in of_root:
            incidents[one.fingerprint] = replace(one, root="", alone_since=now)
            left.append(one.fingerprint)
    return gone, left


def _one_for_all(incidents: _Open, left: Sequence[str]) -> None:
    """Of those left behind that fail in the same way the earliest speaks for the others: none of them is a storm."""
    speakers: dict[tuple[str, str], str] = {}
    alone = [incidents[key] for key in left if not incidents[key].root]
    for one in sorted(alone, key=lambda one: (one.gone_since is not None, one.opened_at, one.fingerprint)):
        speaker = speakers.setdefault((one.finding.check, one.finding.cause), one.fingerprint)
        if speaker != one.fingerprint:
            _join(incidents, one.fingerprint, speaker)


def _by_root(incidents: Mapping[str, Incident]) -> dict[str, list[Incident]]:
    found: dict[str, list[Incident]] = {}
    for incident in incidents.values():
        if incident.root:
            found.setdefault(incident.root, []).append(incident)
    return found


def _told(
    root: Incident, attached: Sequence[Incident], now: datetime, settings: AlertSettings, silences: Sequence[Silence]
) -> tuple[Incident, list[Due]]:
    """A root as it is after what is said of it now, and what that is."""
    root = replace(root, n_attached=max(root.n_attached, len(attached)))
    if _is_silenced(root, silences, now):
        return replace(root, is_muted=True), []
    if root.gone_since is not None:
        return root, []
    present = [one for one in attached if one.gone_since is None and not _is_silenced(one, silences, now)]
    severity = worst(one.finding.severity for one in (root, *present))
    kind = _kind(root, severity, now, settings)
    due: list[Due] = []
    if kind is not None and not (severity == "WARN" and is_quiet(now, settings.quiet_hours)):
        root = _after_telling(root, severity, now)
        due.append(Due(kind, root.fingerprint, "critical" if severity == "ERROR" else "warning", severity))
    if severity == "ERROR" and _is_to_escalate(root, now, settings):
        root = replace(root, escalated_at=now)
        due.append(Due("escalate", root.fingerprint, "escalation", severity))
    return root, due


def _kind(root: Incident, severity: Severity, now: datetime, settings: AlertSettings) -> Kind | None:
    """What there is to say of a root that is there, if anything."""
    if root.told_at is None or root.last_told_at is None:
        return "open" if now - root.alone_since >= timedelta(seconds=settings.settle_s) else None
    if severity == "ERROR" and root.told_as == "WARN":
        return "worse"
    is_time = now - root.last_told_at >= timedelta(hours=settings.remind_h)
    return "remind" if root.is_muted or is_time else None


def _after_telling(root: Incident, severity: Severity, now: datetime) -> Incident:
    return replace(
        root,
        told_at=root.told_at or now,
        told_as=worst((severity, root.told_as or "WARN")),
        last_told_at=now,
        error_told_at=root.error_told_at or (now if severity == "ERROR" else None),
        is_muted=False,
    )


def _is_to_escalate(root: Incident, now: datetime, settings: AlertSettings) -> bool:
    is_over = root.acknowledged_at is not None or root.escalated_at is not None or not settings.escalation
    if is_over or root.error_told_at is None:
        return False
    return now - root.error_told_at >= timedelta(minutes=settings.escalate_min)


def _recoveries(
    gone: Mapping[str, Incident], everything: Mapping[str, Incident], now: datetime, silences: Sequence[Silence]
) -> list[Due]:
    """Whoever was told that it opened is told that it has gone; of a group by its root, where that was told."""
    due: list[Due] = []
    for fingerprint in sorted(gone):
        one = gone[fingerprint]
        if one.told_as is None or _is_silenced(one, silences, now):
            continue
        root = everything.get(one.root)
        if root is None or root.told_at is None:
            due.append(Due("recover", fingerprint, "critical" if one.told_as == "ERROR" else "warning", one.told_as))
        if one.escalated_at is not None and (root is None or root.escalated_at is None):
            due.append(Due("recover", fingerprint, "escalation", one.told_as))
    return due


def _is_silenced(incident: Incident, silences: Sequence[Silence], now: datetime) -> bool:
    return any(silence.covers(incident.finding, now) for silence in silences)
