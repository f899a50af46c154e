"""`/docs`: the API as a page, from its own OpenAPI document. It loads nothing from other hosts."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from dashboards.rest.plain_page import plain_page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Every route with its parameters and answers."""
    document = request.app.openapi()
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(path, method, operation))
    parts = "".join(
        f'<section class="panel"><h2>{escape(tag.capitalize())}</h2>{"".join(routes)}</section>'
        for tag, routes in by_tag.items()
    )
    info = document["info"]
    about = f'<p class="quiet">{escape(info.get("description", ""))}</p>'
    return plain_page(info["title"], "API", about + parts, ("openapi.json", "/openapi.json"))


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    tone = {"get": "good", "post": "warn", "delete": "bad"}.get(method, "idle")
    rows = "".join(_parameter(parameter) for parameter in operation.get("parameters", []))
    table = f'<div class="table-wrap"><table class="table"><tbody>{rows}</tbody></table></div>' if rows else ""
    key = '<span class="pill tone-idle">X-API-Key</span>' if operation.get("security") else ""
    said = escape(operation.get("description", operation.get("summary", "")))
    return (
        f'<details class="route"><summary><span class="pill tone-{tone}">{method.upper()}</span> '
        f'<code>{escape(path)}</code> {key}</summary><p class="quiet">{said}</p>{table}</details>'
    )


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    kinds = [option.get("type", "") for option in schema.get("anyOf", [schema])]
    kind = " or ".join(name for name in kinds if name and name != "null")
    choices = schema.get("enum") or next((o["enum"] for o in schema.get("anyOf", []) if "enum" in o), None)
    default = f"default {schema['default']}" if schema.get("default") is not None else ""
    told = [", ".join(map(str, choices)) if choices else kind, "required" if parameter.get("required") else default]
    described = parameter.get("description", schema.get("description", ""))
    cells = [f"<code>{escape(parameter['name'])}</code>", escape(", ".join(t for t in told if t)), escape(described)]
    return "<tr>" + "".join(f'<td class="left">{cell}</td>' for cell in cells) + "</tr>"
