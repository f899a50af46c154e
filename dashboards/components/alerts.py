"""What alerts know to be wrong: the incidents that are open."""

from typing import Any

from dashboards import incidents
from dashboards.components.telling import told
from dashboards.services import Services
from market_assets.core import clock

#: a busy machine is slow, and what it serves is right
_HARMLESS = frozenset({"cpu"})
#: neither part of another nor silenced
_COUNTED = ("open", "acknowledged")


def alerts(services: Services) -> dict[str, Any]:
    """Incidents that no other explains and nobody silenced, by the worst of each; an open error degrades."""
    now, last = clock.wall(), services.incidents.last_round_at()
    if last is None:
        counts = dict.fromkeys(("errors", "warnings", "silenced", "last_round_age_s"))
        return {"status": "idle", "note": "no round of alerts was run yet", "detail": None, **counts}
    found = incidents.current(services.incidents, now)
    counted, age_s = incidents.tally(found), max(0.0, (now - last).total_seconds())
    alone = [one.entry.incident.finding for one in found if one.worst == "ERROR" and one.state in _COUNTED]
    grave = [finding for finding in alone if finding.subject not in _HARMLESS]
    return {
        "status": "degraded" if grave else "healthy",
        "note": f"open errors: {counted.errors}, warnings: {counted.warnings}",
        "detail": told([f"{one.subject} {one.check}: {one.said}" for one in grave]),
        "errors": counted.errors,
        "warnings": counted.warnings,
        "silenced": counted.silenced,
        "last_round_age_s": age_s,
    }
