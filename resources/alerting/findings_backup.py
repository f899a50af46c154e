"""What is wrong with backups: the newest is old or there is none, or the last drill could not restore it."""

from datetime import datetime, timedelta

from market_assets.ops.schemas import OpsBackup, OpsRestoreDrill
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding, Severity
from market_assets.tables import TABLES
from resources.stores.protocol import PartitionStore

_HOUR = timedelta(hours=1)
_BACKUP, _DRILL = OpsBackup.contract(), OpsRestoreDrill.contract()


class Backups:
    """Looks at the backups that a store tells of."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._first_stored: datetime | None = None

    def findings(self, settings: AlertSettings, now: datetime) -> list[Finding]:
        """Age of the newest backup, counted from the first stored partition where there is none; a failed drill."""
        return [*self._age(settings, now), *self._drill(now)]

    def _age(self, settings: AlertSettings, now: datetime) -> list[Finding]:
        taken_at = self._store.read(_BACKUP, columns=["name", "taken_at"])["taken_at"].max()
        assert taken_at is None or isinstance(taken_at, datetime)
        since = taken_at or self._first()
        warn, error = settings.backup_age_h
        if since is None or now - since <= warn * _HOUR:
            return []
        age = (now - since) / _HOUR
        said = (
            f"The newest backup is {age:.0f} h old." if taken_at else f"There is no backup of what is {age:.0f} h old."
        )
        severity: Severity = "ERROR" if age > error else "WARN"
        return [Finding("backup", "backup_age", "", severity, said, since, upstream=frozenset({_BACKUP.name}))]

    def _drill(self, now: datetime) -> list[Finding]:
        drilled = self._store.read(_DRILL)
        bad = drilled.filter(~drilled["is_equal"])
        if bad.is_empty():
            return []
        since = bad["drilled_at"].min()
        shown = "; ".join(f"{table}: {detail}" for table, detail in bad.head(3).select("table", "detail").iter_rows())
        more = f"; and {bad.height - 3} more" if bad.height > 3 else ""
        return [
            Finding(
                subject="backup",
                check="backup_drill",
                cause="",
                severity="ERROR",
                said=f"Backup {bad['backup'][0]} could not be restored as it was: {shown}{more}.",
                since=since if isinstance(since, datetime) else now,
                upstream=frozenset({_BACKUP.name, _DRILL.name}),
            )
        ]

    def _first(self) -> datetime | None:
        """When the first partition of the store was published, which does not change."""
        if self._first_stored is None:
            published = (one.first_published_at for table in TABLES.values() for one in self._store.manifests(table))
            self._first_stored = min(published, default=None)
        return self._first_stored
