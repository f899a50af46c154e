"""Everything that alerts look at, put together: for the sensor, and for the app's watchdog while no daemon runs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from market_assets.core import clock
from market_assets.ops.transforms.incidents import Finding
from market_assets.settings import Settings
from resources import app_counts, stop_marker
from resources.alerting import declared
from resources.alerting.book import IncidentBook
from resources.alerting.findings_app import app
from resources.alerting.findings_assets import failed_checks, failed_runs
from resources.alerting.findings_backup import Backups
from resources.alerting.findings_dagster import Ticking, heartbeats, ticks
from resources.alerting.findings_jobs import daily_job
from resources.alerting.findings_machine import Machine, machine
from resources.alerting.findings_sources import breakers, budgets
from resources.alerting.lineage import Lineage
from resources.alerting.looking import NotNow, Part, look
from resources.alerting.round import Collected
from resources.check_ledger import CheckLedger
from resources.run_ledger import RunLedger
from resources.run_scope import Scopes
from resources.stores import open_store


class Stopped(NotNow):
    """The home stands still on purpose: that nothing ticks or beats is no news."""


class Watch:
    """Looks at one home, again and again. What lasts from look to look is kept."""

    def __init__(self, settings: Settings, book: IncidentBook) -> None:
        self._settings = settings
        #: tells since when what is found lasts
        self.book = book
        self._checks, self._runs = CheckLedger(settings.home), RunLedger(settings.home)
        self._backups: Backups | None = None

    def whole(
        self, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, location: str | None = None
    ) -> Callable[[datetime], Collected]:
        """Looks at everything, tables and ticks included; what ticks is written down for the app."""
        graph, ticking = repository.asset_graph, Ticking.of(repository, location)
        declared.write(self._settings.home, ticking)
        tables = [key.to_user_string() for key in graph.get_all_asset_keys()]
        parts = [
            *self._parts(instance),
            Part("tables", tables, lambda _: self._tables(instance, graph)),
            Part("ticks", ("schedule:", "sensor:"), lambda now: self._ticks(instance, ticking, now)),
        ]
        return lambda now: look(parts, self._lasting(), now)

    def without_graph(self, instance: dg.DagsterInstance | None) -> Callable[[datetime], Collected]:
        """Looks at what needs no definitions. What is known of everything else stays as it is."""
        parts = self._parts(instance)
        seen = tuple(prefix for part in parts for prefix in part.about)

        def collect(now: datetime) -> Collected:
            found = look(parts, self._lasting(), now)
            known = (entry.incident.finding.subject for entry in self.book.open())
            return replace(found, unknown=found.unknown | {one for one in known if not one.startswith(seen)})

        return collect

    def _parts(self, instance: dg.DagsterInstance | None) -> list[Part]:
        found = self._settings
        parts = [
            Part("sources", ("source:",), lambda now: [*breakers(found, now), *budgets(found, now)]),
            Part(
                "machine",
                ("disk", "memory", "cpu"),
                lambda now: machine(Machine.measured(found.home), found.alerts, now),
            ),
            # what is stored is as old as the clock of the data says, which a replay stops
            Part("backups", ("backup",), lambda _: self._of_backups().findings(found.alerts, clock.now())),
            Part("app", ("app",), lambda now: app(app_counts.read(found.home), found.alerts, now)),
        ]
        if instance is not None:
            parts.append(Part("daemons", ("daemon:",), lambda now: self._daemons(instance, now)))
        return parts

    def _of_backups(self) -> Backups:
        self._backups = self._backups or Backups(open_store(self._settings))
        return self._backups

    def _daemons(self, instance: dg.DagsterInstance, now: datetime) -> list[Finding]:
        self._require_going_on()
        return heartbeats(instance, self._settings.alerts, now)

    def _ticks(self, instance: dg.DagsterInstance, ticking: Ticking, now: datetime) -> list[Finding]:
        self._require_going_on()
        return [*ticks(instance, ticking, self._settings.alerts, now), *daily_job(instance, ticking, now)]

    def _tables(self, instance: dg.DagsterInstance, graph: AssetGraph) -> list[Finding]:
        self._runs.follow(instance, graph)
        self._checks.follow(instance, graph)
        lineage, scopes = Lineage(graph, self._settings), Scopes(graph, instance)
        failures = self._runs.failing()
        notices = self._settings.alerts.optional_notices
        return [
            *failed_runs(failures, lineage, scopes),
            *failed_checks(self._checks.failing(), set(failures["asset"]), lineage, scopes, notices=notices),
        ]

    def _require_going_on(self) -> None:
        if stop_marker.read(self._settings) is not None:
            raise Stopped("market-assets stop is in force")

    def _lasting(self) -> Mapping[str, datetime]:
        """Fingerprint of every open incident -> since when it lasts."""
        return {entry.incident.fingerprint: entry.incident.finding.since for entry in self.book.open()}
