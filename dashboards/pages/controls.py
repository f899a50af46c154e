"""What tabs of several domains share: what they listen to, controls, places for plots, what stands where nothing is."""

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.figures import empty_figure
from dashboards.pages import widgets
from dashboards.theme import theme as look
from market_assets.core.errors import NotMaterialised

THEME = Input("theme", "data")
VIEWPORT = Input("viewport", "data")
HIDDEN = {"display": "none"}
_RUN = "run: "
_DEFAULT_WIDTH, _LEAST_POINTS = 1280, 200


def points(viewport: int | None) -> int:
    """How many points a plot over the whole width can show."""
    return max(_LEAST_POINTS, viewport or _DEFAULT_WIDTH)


def nothing(missing: NotMaterialised) -> Component:
    """A panel that says what is not stored, and the command that makes it."""
    reason, _, command = str(missing).partition(_RUN)
    said = reason.removesuffix(", or ").rstrip()
    return html.Section(widgets.empty(said, command or None), className="panel")


def graph(name: str, height: int | None = None) -> Component:
    """A place for a plot."""
    return dcc.Graph(
        id=name,
        figure=empty_figure(look(None)),
        config={"displaylogo": False, "modeBarButtons": [["autoScale2d", "toImage"]], "doubleClick": "autosize"},
        style={"height": f"{height}px"} if height else {},
        responsive=True,
    )


def dropdown(name: str, options: Sequence[Any], value: Any, placeholder: str, *, multi: bool = True) -> Component:
    """A choice among many, with a search."""
    return dcc.Dropdown(
        id=name,
        options=list(options),
        value=value,
        multi=multi,
        clearable=multi,
        placeholder=placeholder,
        className="pick",
        closeOnSelect=not multi,
        debounce=multi,
    )


def number(name: str, label: str, value: float | None, least: float | None = None, hint: str = "") -> Component:
    """A named place for a number; asked once it is left or confirmed."""
    return labelled(
        label,
        dcc.Input(
            id=name, type="number", value=value, min=least, step="any", debounce=True, placeholder=hint,
            className="number-input",
        ),
    )  # fmt: skip


def labelled(label: str, control: Component) -> Component:
    """A control under its name."""
    return html.Label([html.Span(label), control], className="labelled")


def query_stores(name: str) -> list[Component]:
    """Where the query of a tab's address is kept."""
    return [dcc.Store(id=name), dcc.Store(id=f"{name}-shared")]


def share(app: Dash, name: str) -> None:
    """Let the address follow the query in the store of that name, without loading the page anew."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("shell", "share"), Output(f"{name}-shared", "data"), Input(name, "data")
    )
