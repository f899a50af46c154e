"""The collectors, and Redis where they and the app meet there."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.bars import health as bars_health
from dashboards.pipeline import Status
from dashboards.services import Services
from dashboards.streams import State, StreamFacts
from resources.stream.bars.status import BarsStatus

#: how a collector stands -> what that is worth
_WORTH: Mapping[State, Status] = {
    "never": "not_configured",
    "ended": "idle",
    "running": "healthy",
    "silent": "degraded",
    "dead": "degraded",
}
_SAID = (
    *("pid", "vendors", "started_at", "connected_since", "last_message_at", "connects", "disconnects", "reconnects"),
    *("refusals", "last_error", "malformed", "late_bars", "filled_bars", "given_up_bars", "fill_error"),
    *("unflushed_bars", "flushed_rows", "last_flush_at", "flush_s", "flush_error", "dropped_bars"),
    *("collect_p50_ms", "collect_p95_ms"),
)


def stream(found: Sequence[StreamFacts]) -> dict[str, Any]:
    """Every collector; the component is the worst of them, and of several that are well the one that does most."""
    order: tuple[State, ...] = ("dead", "silent", "running", "ended", "never")
    details = [f"{one.domain}: {one.detail}" for one in found if one.detail]
    return {
        "status": _WORTH[min((one.state for one in found), key=order.index)],
        "note": ", ".join(f"{one.domain} {one.state}" for one in found),
        "detail": "; ".join(details) or None,
        "streams": {one.domain: _said(one) for one in found},
    }


def redis(services: Services, collectors: Sequence[StreamFacts]) -> dict[str, Any]:
    """Error where the collector or this process cannot reach it: everything is then read from this home's own file."""
    if services.settings.redis_url is None:
        return {"status": "not_configured", "note": "not used", "detail": None}
    # asked only to learn whether it answers
    services.bars_hot.status()
    running = (one.status for one in collectors if one.is_meant_to_run)
    said = next((status.redis_error for status in running if isinstance(status, BarsStatus)), None)
    failed = said or services.bars_hot.redis_error
    note = "answers" if failed is None else "read from this home's own file instead"
    return {"status": "healthy" if failed is None else "error", "note": note, "detail": failed}


def _said(one: StreamFacts) -> dict[str, Any]:
    measured = {name: getattr(one.status, name, None) for name in _SAID}
    own = bars_health.told(one.status) if isinstance(one.status, BarsStatus) else {}
    return {"state": one.state, "detail": one.detail, "last_message_age_s": one.message_age_s, **measured, **own}
