"""Backups: how old the newest is, and whether the last drill could restore one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from dashboards.components.telling import told
from dashboards.pages import wording
from dashboards.services import Services
from market_assets.core import clock
from market_assets.settings import Settings

_BACKUP, _DRILL = "ops_backup", "ops_restore_drill"
_STAMP, _STAMP_LENGTH = "%Y%m%dT%H%M%SZ", len("20261103T140510Z")


def backup(services: Services) -> dict[str, Any]:
    """Judged as alerts judge it; one taken by hand counts as well where none was listed yet."""
    from resources.alerting.findings_backup import Backups

    now, settings = clock.now(), services.settings
    kept, drilled = services.data.load_or_none(_BACKUP), services.data.load_or_none(_DRILL)
    newest = kept.sort("taken_at").tail(1).to_dicts() if kept is not None else []
    taken_at: datetime | None = newest[0]["taken_at"] if newest else _by_hand(settings)
    findings = Backups(services.data.store).findings(settings.alerts, now)
    if not newest and taken_at is not None and now - taken_at <= timedelta(hours=settings.alerts.backup_age_h[0]):
        findings = [one for one in findings if one.check != "backup_age"]
    wrong = [one.said for one in findings] + [f"The newest misses {what}" for one in newest for what in one["missing"]]
    facts = {
        "taken_at": taken_at,
        "age_s": _age_s(taken_at, now),
        "n_kept": kept.height if kept is not None else None,
        **_restored(drilled, now),
    }
    status = "degraded" if wrong else "idle" if taken_at is None else "healthy"
    return {"status": status, "note": _note(facts), "detail": told(wrong), **facts}


def _by_hand(settings: Settings) -> datetime | None:
    """When the newest backup was taken, by the name of its folder: what it states takes long to read."""
    from resources.backup import keeping

    names = [folder.name[:_STAMP_LENGTH] for folder in keeping.folders(settings.home)]
    return datetime.strptime(names[-1], _STAMP).replace(tzinfo=UTC) if names else None


def _restored(drilled: pl.DataFrame | None, now: datetime) -> dict[str, Any]:
    """The last drill. `restore_verified_age_s` is null unless all of it came back as it was."""
    if drilled is None or drilled.is_empty():
        return dict.fromkeys(("restored_at", "restored_backup", "restored_equal", "restore_verified_age_s"))
    at, is_equal = max(drilled["drilled_at"].to_list()), bool(drilled["is_equal"].all())
    return {
        "restored_at": at,
        "restored_backup": drilled["backup"][0],
        "restored_equal": is_equal,
        "restore_verified_age_s": _age_s(at, now) if is_equal else None,
    }


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _note(facts: dict[str, Any]) -> str:
    taken = "none taken yet" if facts["age_s"] is None else f"taken {wording.age(facts['age_s'])} ago"
    verified, is_equal = facts["restore_verified_age_s"], facts["restored_equal"]
    if is_equal is None:
        return f"{taken}, never restored on trial"
    return f"{taken}, restored whole {wording.age(verified)} ago" if is_equal else f"{taken}, its last restore differed"
