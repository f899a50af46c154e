"""Backups: how old the newest is, and whether the last drill could restore one."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from dashboards.components.telling import told
from dashboards.services import Services
from market_assets.core import clock

_BACKUP, _DRILL = "ops_backup", "ops_restore_drill"
_STAMP = "%Y%m%dT%H%M%SZ"


def backup(services: Services) -> dict[str, Any]:
    """Judged as alerts do; where no backup was listed yet, by the folders of those taken by hand."""
    from resources.alerting.findings_backup import Backups
    from resources.backup import keeping

    now, settings = clock.now(), services.settings
    kept, drilled = services.data.load_or_none(_BACKUP), services.data.load_or_none(_DRILL)
    findings = Backups(services.data.store).findings(settings.alerts, now)
    newest = kept.sort("taken_at").tail(1).to_dicts() if kept is not None else []
    taken_at = newest[0]["taken_at"] if newest else None
    missing = newest[0]["missing"] if newest else []
    if taken_at is None and (folders := keeping.folders(settings.home)):
        taken_at = datetime.strptime(folders[-1].name[: len("YYYYmmddTHHMMSSZ")], _STAMP).replace(tzinfo=UTC)
        findings = [one for one in findings if one.check != "backup_age"]
    wrong = [one.said for one in findings] + [f"the newest backup misses {what}" for what in missing]
    age_s = (now - taken_at).total_seconds() if taken_at else None
    return {
        "status": "degraded" if wrong else "idle" if taken_at is None else "healthy",
        "note": _note(age_s, drilled),
        "detail": told(wrong),
        "taken_at": taken_at,
        "age_s": age_s,
        "n_kept": kept.height if kept is not None else None,
        **_restored(drilled, now),
    }
