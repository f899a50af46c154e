"""`/api`: how the funding domain is collected, and the settings it runs by."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from dashboards.funding.health import look_state
from dashboards.rest.answers import json_answer
from dashboards.rest.errors import RESPONSES
from dashboards.rest.funding_history_bodies import CollectionBody, FundingSettingsBody
from dashboards.rest.requests import AsOf, ServicesOf, cached, marked
from market_assets.core import clock
from market_assets.funding import readers
from market_assets.settings import config_file

router = APIRouter(prefix="/api", tags=["funding"], responses=RESPONSES)

_TABLES = ("funding_snapshot", "funding_rates", "funding_completeness")


@router.get("/health/collection-metrics", response_model=CollectionBody)
def collection_metrics(request: Request, app: ServicesOf, as_of: AsOf) -> Response:
    """The newest look at each exchange in use: how long it took, what it brought, how old it is."""

    def build() -> dict[str, Any]:
        states = readers.exchange_states(as_of=as_of, store=app.data.store)
        return {
            "exchanges": [_collected(state) for state in states.iter_rows(named=True)],
            "total_records": int(states["n_contracts"].sum()),
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, _TABLES, app.settings.api.cache_ttl_s, build)


def _collected(state: dict[str, Any]) -> dict[str, Any]:
    contracts, duration_ms = state["n_contracts"], state["latency_ms"]
    return {
        "name": state["exchange"],
        "duration_ms": duration_ms,
        "record_count": contracts,
        "status": look_state(state),
        "speed_contracts_per_sec": contracts / (duration_ms / 1000) if duration_ms else None,
        "collected_at": state["snapshot_at"],
        "age_min": state["age_min"],
    }


@router.get("/settings", response_model=FundingSettingsBody)
def effective_settings(app: ServicesOf) -> Response:
    """The settings of the funding domain in force. They are read here and changed in the file."""
    file = config_file()
    funding = app.settings.funding.model_dump(mode="json")
    for venue in funding["venues"].values():
        venue["base_url"] = _without_login(venue["base_url"])
    return json_answer(marked(app, {"read_only": True, "config_file": file.name if file else None, "funding": funding}))


def _without_login(url: str) -> str:
    """The address without user and password, which a proxy's may have."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
