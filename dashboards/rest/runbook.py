"""`/runbook`: how to operate this, with an entry for every alert that a message can link to."""

from html import escape

from fastapi import APIRouter, Request, Response

from dashboards import runbook
from dashboards.data import domain_of
from market_assets.core.errors import UnknownName
from market_assets.tables import TABLES

router = APIRouter(include_in_schema=False)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} RUNBOOK</title>
<link rel="icon" href="data:,">
<script>
document.documentElement.dataset.theme = localStorage.getItem("market-assets-theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
</script>
<link rel="stylesheet" href="/assets/app.css">
</head>
<body>
<header class="header"><a class="brand" href="/">{title}</a><span class="nav-link current">Runbook</span>
<div class="spacer"></div><a class="header-link" href="/alerts">Alerts</a></header>
<main class="runbook">{body}</main>
</body>
</html>"""


@router.get("/runbook")
def page(request: Request) -> Response:
    """The RUNBOOK of this checkout."""
    groups: dict[str, list[str]] = {}
    for name in TABLES:
        groups.setdefault(domain_of(name), []).append(name)
    found = runbook.stored(groups)
    if found is None:
        raise UnknownName("file here", "RUNBOOK.md", [])
    return Response(_PAGE.format(title=escape(request.app.title), body=found.html), media_type="text/html")
