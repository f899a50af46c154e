"""`/runbook`: how to operate this, with an entry for every alert that a message can link to."""

from fastapi import APIRouter, Request, Response

from dashboards import runbook
from dashboards.data import domain_of
from dashboards.rest.plain_page import plain_page
from market_assets.core.errors import UnknownName
from market_assets.tables import TABLES

router = APIRouter(include_in_schema=False)


@router.get("/runbook")
def page(request: Request) -> Response:
    """The RUNBOOK of this checkout."""
    groups: dict[str, list[str]] = {}
    for name in TABLES:
        groups.setdefault(domain_of(name), []).append(name)
    found = runbook.stored(groups)
    if found is None:
        raise UnknownName("file here", "RUNBOOK.md", [])
    return plain_page(request.app.title, "Runbook", found.html, ("Alerts", "/alerts"), "runbook")
