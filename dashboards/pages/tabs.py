"""Tabs of a page, each with an address of its own: the page's path alone, or a name after it."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import widgets, wording
from dashboards.pages.page import Page, in_thread
from dashboards.services import Services

#: last part of the path -> name and module of the tab; a module has `layout` and `register`
Tabs = Mapping[str, tuple[str, ModuleType]]


def page_of(
    name: str,
    tabs: Tabs,
    tables: Sequence[str],
    refresh_ms: int,
    *,
    beside: Sequence[Component] = (),
    also: Callable[[Dash, Services], None] | None = None,
) -> Page:
    """The page of a domain that is nothing but its tabs.

    `<name>-tick` ticks every `refresh_ms`, and `<name>-version` changes when one of `tables` is published. `beside`
    stands beside the names of the tabs, and `also` registers what is not a tab's.
    """
    path = f"/{name}"

    def layout() -> Component:
        return html.Div(
            [
                dcc.Interval(id=f"{name}-tick", interval=refresh_ms),
                dcc.Store(id=f"{name}-version"),
                html.Div([html.Nav(id=f"{name}-tabs", className="tabs"), *beside], className=f"{name}-head"),
                html.Div(id=f"{name}-body"),
            ]
        )

    def register_all(app: Dash, services: Services) -> None:
        register(app, services, path, tabs)
        if also is not None:
            also(app, services)

        @app.callback(
            Output(f"{name}-version", "data"), Input(f"{name}-tick", "n_intervals"), State(f"{name}-version", "data")
        )
        @in_thread
        def look_again(_tick: Any, shown: str | None) -> Any:
            version = services.data.version(tables)
            return version if version != shown else no_update

    return Page(path, wording.DOMAINS[name], layout, register_all)


def tab_of(page: str, tabs: Tabs, path: str) -> str | None:
    """The tab that a path names (`/funding/history`), None where there is no such tab."""
    rest = path.removeprefix(page).strip("/")
    return rest if rest in tabs else None


def links(page: str, tabs: Tabs, current: str | None) -> list[Component]:
    """A link to each tab, the current one marked."""
    return [
        dcc.Link(
            title,
            href=_address(page, name),
            className="page-tab current" if name == current else "page-tab",
        )
        for name, (title, _) in tabs.items()
    ]


def unknown(page: str, tabs: Tabs, path: str | None) -> Component:
    """That there is no such tab, and which there are."""
    known = ", ".join(_address(page, name) for name in tabs)
    return widgets.panel("No such tab", html.P(f"There is no tab at {path}. Tabs: {known}."))


def register(app: Dash, services: Services, page: str, tabs: Tabs) -> None:
    """The callbacks of the tabs, and the one that opens the tab of an address in `<page>-body` and `<page>-tabs`."""
    for _, tab in tabs.values():
        tab.register(app, services)
    name = page.strip("/")

    @app.callback(
        Output(f"{name}-body", "children"),
        Output(f"{name}-tabs", "children"),
        Input("url", "pathname"),
        State("url", "search"),
    )
    @in_thread
    def open_tab(path: str | None, search: str | None) -> Any:
        chosen = tab_of(page, tabs, path or page)
        body = unknown(page, tabs, path) if chosen is None else tabs[chosen][1].layout(services, search or "")
        return body, links(page, tabs, chosen)


def _address(page: str, name: str) -> str:
    return f"{page}/{name}".rstrip("/")
