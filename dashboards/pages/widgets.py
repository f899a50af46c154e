"""The building blocks of every page: cards, panels, tables, grids, and what stands where nothing is."""

from collections.abc import Sequence
from typing import Any, Literal

import dash_ag_grid as dag
from dash import dcc, html
from dash.development.base_component import Component

Tone = Literal["good", "warn", "bad", "idle", "plain"]

#: word of a status -> its tone
TONES: dict[str, Tone] = {
    "healthy": "good",
    "running": "good",
    "closed": "good",
    "ok": "good",
    "SUCCESS": "good",
    "RUNNING": "good",
    "COMPLETED_SUCCESS": "good",
    "warning": "warn",
    "degraded": "warn",
    "half_open": "warn",
    "investigate": "warn",
    "WARN": "warn",
    "stopped": "bad",
    "stale": "bad",
    "unhealthy": "bad",
    "open": "bad",
    "fail": "bad",
    "error": "bad",
    "FAILURE": "bad",
    "ERROR": "bad",
}

#: pixels of a grid's head, of a row, of its scroll bar; rows from which on it scrolls
_HEAD, _ROW, _BAR, _MOST = 36, 32, 16, 12
_GRID_THEME = {
    "function": "themeQuartz.withParams({"
    "backgroundColor: 'var(--surface)', foregroundColor: 'var(--text)', borderColor: 'var(--line)', "
    "headerBackgroundColor: 'var(--raised)', headerTextColor: 'var(--muted)', rowHoverColor: 'var(--raised)', "
    "selectedRowBackgroundColor: 'var(--selected)', oddRowBackgroundColor: 'var(--surface)', "
    "accentColor: 'var(--accent)', fontFamily: 'inherit', fontSize: 13, headerFontSize: 12, "
    "rowHeight: 32, headerHeight: 34, wrapperBorder: false, wrapperBorderRadius: 0, cellHorizontalPadding: 10})"
}


def card(label: str, value: str, note: str | None = None, tone: Tone = "plain") -> Component:
    """One number with its name. The tone colours its edge."""
    return html.Div(
        [
            html.Div(label, className="card-label"),
            html.Div(value, className="card-value"),
            html.Div(note or "\u00a0", className="card-note", title=note or ""),
        ],
        className=f"card tone-{tone}",
    )


def cards(*items: Component, domain: str = "") -> Component:
    """A row of cards, as wide as those of a domain need it."""
    return html.Div(list(items), className=f"cards {domain}-cards" if domain else "cards")


def panel(title: str, *children: Component, controls: Sequence[Component] = (), name: str = "") -> Component:
    """A titled box; `controls` stand right of the title."""
    head = html.Div([html.H2(title), html.Div(list(controls), className="controls")], className="panel-head")
    return html.Section([head, *children], className=f"panel {name}".strip())


def pill(text: str, tone: Tone | None = None) -> Component:
    """A word on a coloured ground."""
    return html.Span(text, className=f"pill tone-{tone or TONES.get(text, 'idle')}")


def empty(reason: str, command: str | None = None) -> Component:
    """What stands where there is no data: why, and what to do."""
    parts: list[Component] = [html.Div("No data", className="empty-title"), html.Div(reason, className="empty-reason")]
    if command:
        parts.append(html.Code(command, className="empty-command"))
    return html.Div(parts, className="empty")


def materialise(asset: str) -> str:
    """The command that makes an asset."""
    return f"dagster asset materialize -m market_assets.definitions --select {asset}"


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> Component:
    """A plain table. `columns` are (title, alignment: left or right); cells are text or components."""
    head = html.Thead(html.Tr([html.Th(title, className=side) for title, side in columns]))
    body = html.Tbody(
        [html.Tr([html.Td(cell, className=side) for cell, (_, side) in zip(row, columns, strict=True)]) for row in rows]
    )
    return html.Div(html.Table([head, body], className="table"), className="table-wrap")


def choice(name: str, options: Sequence[tuple[str, str]], value: str) -> Component:
    """A segmented control. `options` are (value, label)."""
    return dcc.RadioItems(
        id=name,
        options=[{"value": key, "label": label} for key, label in options],
        value=value,
        className="choice",
        labelClassName="choice-item",
        inputClassName="choice-input",
        inline=True,
    )


def grid(name: str, columns: Sequence[dict[str, Any]], row_id: str | None = None, **options: Any) -> Component:
    """A sortable grid in the look of the page. `row_id` is an expression over `params`."""
    built: Component = dag.AgGrid(
        id=name,
        columnDefs=list(columns),
        rowData=[],
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        columnSize="responsiveSizeToFit",
        dashGridOptions={
            "theme": _GRID_THEME,
            "animateRows": False,
            "suppressCellFocus": True,
            **options,
        },
        style={"height": "100%", "width": "100%"},
        className="",
        **({"getRowId": row_id} if row_id else {}),
    )
    return built


def grid_height(n_rows: int) -> dict[str, str]:
    """The style of a grid's place: as tall as its rows need, up to a screenful that then scrolls."""
    return {"height": f"{_HEAD + _ROW * min(n_rows, _MOST) + _BAR}px"}


def column(field: str, title: str, fmt: str | None = None, **options: Any) -> dict[str, Any]:
    """A grid column; with a d3 format its values are numbers, and stand right."""
    numeric = {"type": "rightAligned", "valueFormatter": number(fmt)} if fmt else {}
    return {"field": field, "headerName": title, "minWidth": 84, **numeric, **options}


def number(fmt: str) -> dict[str, str]:
    """A grid formatter by d3 format that leaves unknown values blank."""
    return {"function": f"params.value == null ? '' : d3.format('{fmt}')(params.value)"}
