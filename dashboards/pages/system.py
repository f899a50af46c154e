"""Health: store, Dagster, sources, collectors, freshness, machine. Every number is measured; the unknown says so."""

from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.health import assess
from dashboards.pages import system_dagster, system_live, system_parts, widgets, wording
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

#: the parts of the page, each filled by every refresh
PARTS = ("notice", "cards", "components", "left", "right", "runs")


def _layout() -> Component:
    notice, cards, components, left, right, runs = (html.Div(id=f"health-{name}") for name in PARTS)
    columns = [html.Div(part, className="column") for part in (left, right)]
    return html.Div([notice, cards, components, html.Div(columns, className="two-columns"), runs])


def _register(app: Dash, services: Services) -> None:
    @app.callback([Output(f"health-{name}", "children") for name in PARTS], Input("refresh", "data"))
    @in_thread
    def show(_refresh: Any) -> Any:
        report = assess(services)
        return (
            system_live.notice(report),
            _cards(report, services),
            system_parts.components(report),
            [
                system_parts.open_incidents(services),
                system_parts.validation(report),
                system_parts.sources(services),
                system_parts.freshness(report, services),
            ],
            [
                system_dagster.ticking(report),
                system_parts.backups(report),
                *system_live.streams(report),
                system_dagster.dagster(report, services),
                system_parts.machine(services),
            ],
            system_dagster.runs(services),
        )


def _cards(report: dict[str, Any], services: Services) -> Component:
    parts = report["components"]
    storage, scheduler, pipeline = parts["storage"], parts["scheduler"], parts["data_pipeline"]
    automation, backup, alerts, condition = (parts[name] for name in ("automation", "backup", "alerts", "condition"))
    cache = services.cache.facts()
    running = {True: "running", False: "stopped", None: "unknown"}[scheduler["running"]]
    active, stale = pipeline["active_symbols"], pipeline["stale_symbols"]
    fast = report["performance"]
    return widgets.cards(
        widgets.card("Overall", report["status"], "worst component", _tone(report)),
        widgets.card("Store", storage["status"], storage["note"], _tone(storage)),
        widgets.card("Scheduler", running, scheduler["note"], widgets.TONES.get(running, "idle")),
        widgets.card(
            "Late or failed ticks",
            _sum(automation["n_late"], automation["n_failed"]),
            automation["note"],
            _tone(automation),
        ),
        widgets.card(
            "Symbols stale",
            wording.NO_DATA if active is None else f"{stale} of {active}",
            pipeline["detail"],
            _tone(pipeline),
        ),
        widgets.card("Tables late", wording.count(condition["n_late"]), condition["note"], _tone(condition)),
        widgets.card("Open errors", wording.count(alerts["errors"]), alerts["note"], _of_alerts(alerts)),
        widgets.card(
            "Last backup",
            wording.NO_DATA if backup["age_s"] is None else f"{wording.age(backup['age_s'])} ago",
            backup["note"],
            _tone(backup),
        ),
        widgets.card("API p95", wording.milliseconds(fast["p95_ms"]), f"p50 {wording.milliseconds(fast['p50_ms'])}"),
        widgets.card("Cache hits", wording.percent(cache.hit_rate), f"{cache.entries:,} answers kept"),
    )


def _tone(component: dict[str, Any]) -> widgets.Tone:
    return widgets.TONES.get(component["status"], "idle")


def _of_alerts(found: dict[str, Any]) -> widgets.Tone:
    return "bad" if found["errors"] else "warn" if found["warnings"] else _tone(found)


def _sum(late: int | None, failed: int | None) -> str:
    return wording.NO_DATA if late is None or failed is None else f"{late + failed:,}"


PAGE = Page("/system", "Health", _layout, _register)
