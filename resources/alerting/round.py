"""A round of alerts: look, decide, tell.

One at a time per home, whoever starts it: the sensor, or the app's watchdog.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.deciding import decide
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.book import Changes, IncidentBook
from resources.alerting.channels import Channels
from resources.alerting.delivery import deliver
from resources.alerting.messages import message
from resources.alerting.records import Entry
from resources.http import redact

log = logging.getLogger("market_assets.alerts")


@dataclass(frozen=True)
class Collected:
    """What is wrong now, and the prefixes of subjects that could not be looked at."""

    findings: tuple[Finding, ...]
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RoundReport:
    """What a round did. One that another process was running already did nothing."""

    is_run: bool
    n_findings: int = 0
    n_opened: int = 0
    n_recovered: int = 0
    n_open: int = 0
    n_sent: int = 0
    #: messages that no channel took in this round
    n_failed: int = 0
    #: messages still in the outbox
    n_pending: int = 0
    unknown: tuple[str, ...] = ()


class AlertRound:
    """Turns what `collect` finds into incidents and messages."""

    def __init__(
        self,
        settings: AlertSettings,
        book: IncidentBook,
        collect: Callable[[datetime], Collected],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._book = book
        self._collect = collect
        self._channels = Channels(settings, environment)

    def run(self, now: datetime) -> RoundReport:
        """One round at this instant. What `collect` raises is raised, and nothing has changed."""
        with self._book.alone() as is_alone:
            if not is_alone:
                return RoundReport(is_run=False)
            found = self._collect(now)
            changes = self._change(found, now)
            _log(changes)
            delivered = deliver(self._book.outbox, self._channels, self._settings, now)
            self._book.round_ended(now)
            return RoundReport(
                is_run=True,
                n_findings=len(found.findings),
                n_opened=len(changes.opened),
                n_recovered=len(changes.recovered),
                n_open=len(self._book.open()),
                n_sent=delivered.n_sent,
                n_failed=delivered.n_failed,
                n_pending=self._book.outbox.n_pending(),
                unknown=tuple(sorted(found.unknown)),
            )

    def _change(self, found: Collected, now: datetime) -> Changes:
        findings = list(_without_keys(found.findings))
        return self._book.change(
            lambda known, silences: decide(known, findings, found.unknown, now, self._settings, silences),
            lambda due, entry, attached: message(due, entry, attached, self._settings),
            now,
        )


def _without_keys(findings: Iterable[Finding]) -> Iterable[Finding]:
    """What a finding says may quote an error: no key may get into the book."""
    for one in findings:
        yield replace(one, cause=redact.text(one.cause), said=redact.text(one.said), scope=redact.text(one.scope))


def _log(changes: Changes) -> None:
    for entry in changes.opened:
        finding = entry.incident.finding
        level = logging.ERROR if finding.severity == "ERROR" else logging.WARNING
        log.log(level, "incident %d opened: %s", entry.id, _named(entry))
    for entry in changes.recovered:
        log.info("incident %d recovered: %s", entry.id, _named(entry))


def _named(entry: Entry) -> str:
    finding = entry.incident.finding
    cause = f" ({finding.cause})" if finding.cause else ""
    part_of = f", part of incident {entry.root_id}" if entry.root_id else ""
    return f"{finding.severity} {finding.subject} {finding.check}{cause}{part_of}: {finding.said}"
