"""The live tab of the bars page: every symbol this second, from the collector's cache, with its 16 values."""

from typing import Any

import polars as pl
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards import streams
from dashboards.bars import board as boards
from dashboards.pages import widgets
from dashboards.pages.bars_shared import COMMAND, cards
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.bars import readers
from market_assets.bars.schemas import VALUES
from market_assets.core import clock

_SECOND = Input("second", "n_intervals")
_DOMAIN = "bars"
MATERIALISE = widgets.materialise("bars_minute")
#: the 16 values in the words of a chart
_NAMES = {
    "close": "Close",
    **{f"ema_{n}": f"EMA {n}" for n in (9, 20, 50, 200)},
    "rsi_14": "RSI 14",
    "bb_upper": "BB upper",
    "bb_mid": "BB mid",
    "bb_lower": "BB lower",
    "atr_14": "ATR 14",
    "vwap": "VWAP",
    "volume_ma_20": "Volume 20",
    "macd_line": "MACD",
    "macd_signal": "MACD signal",
    "macd_hist": "MACD hist",
    "momentum_10": "Momentum 10",
}
_FORMATS = {"rsi_14": ".1f", "volume_ma_20": ".4~s"}
_TONES: dict[str, widgets.Tone] = {
    "LIVE": "good",
    "DELAYED": "warn",
    "STALE": "bad",
    "CLOSED": "idle",
    "NO DATA": "bad",
}
_COLUMNS = [
    widgets.column("symbol", "Symbol", minWidth=130, pinned="left", cellClass="strong"),
    widgets.column("state", "Data", minWidth=104, cellRenderer="BarsState"),
    widgets.column("price", "Price", ",.6~g", minWidth=96, cellClass="strong ag-right-aligned-cell"),
    widgets.column("age_s", "Age", minWidth=72, type="rightAligned", valueFormatter={"function": "barsAge(params)"}),
    widgets.column("source", "Source, level", minWidth=128),
    widgets.column("market", "Market", minWidth=156),
    widgets.column("warm", "Warm-up", minWidth=138, cellClassRules={"cell-slow": "params.value !== 'warm'"}),
    widgets.column("values", "Values are", minWidth=124),
    *(widgets.column(name, _NAMES[name], _FORMATS.get(name, ",.6~g"), minWidth=92) for name in VALUES),
]


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(
        [
            dcc.Store(id="bars-board"),
            html.Div(id="bars-live-note"),
            html.Div(id="bars-live-cards"),
            widgets.panel(
                "Every symbol",
                html.P(
                    "Ages count while the market is open. Values of a symbol that is still warming up are shown, and "
                    "may change with more history.",
                    className="quiet",
                ),
                html.Div(widgets.grid("bars-grid", _COLUMNS, "params.data.symbol"), id="bars-grid-place"),
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("bars-board", "data"),
        Output("bars-live-note", "children"),
        Output("bars-live-cards", "children"),
        Output("bars-grid-place", "style"),
        _SECOND,
    )
    @in_thread
    def look(second: int | None) -> Any:
        found, bars = board(services), services.settings.bars
        rows = boards.rows(found, bars.stream, bars.indicators.warm_bars)
        told = {"rows": rows, "stamp": f"{second} {clock.now().isoformat()}"}
        return told, note(found, collecting(services)), summary(found), widgets.grid_height(found.height)

    # between two answers, and while none comes, the browser goes on counting ages
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("bars", "board"), Output("bars-grid", "rowData"), _SECOND, Input("bars-board", "data")
    )


def board(services: Services) -> pl.DataFrame:
    """`readers.board`, from what one thread reads for all who look."""
    now = services.bars_now
    if not now.is_ready():
        now.read()
    return pl.DataFrame([one.row() for one in now.all()], schema=readers.BOARD)


def collecting(services: Services) -> streams.StreamFacts | None:
    """How the collector of bars stands; None where none can be."""
    return next((one for one in streams.streams(services.settings) if one.domain == _DOMAIN), None)


def note(shown: pl.DataFrame, found: streams.StreamFacts | None) -> list[Component]:
    """Why prices are not live, and what to do; nothing while the collector runs well."""
    if found is None or found.state in ("never", "ended"):
        if shown["price"].null_count() == shown.height:
            reason = f"no collector of bars runs, and no bar is stored. Start one, or run: {MATERIALISE}"
            return [html.Section(widgets.empty(reason, COMMAND), className="panel")]
        said = html.P("No collector of bars runs, so prices are the closes of stored bars. Start it:")
        return [html.Section([said, html.Code(COMMAND, className="empty-command")], className="panel")]
    if found.detail is None:
        return []
    title = widgets.pill("collector died" if found.state == "dead" else "collector unwell", "bad")
    return [html.Section([title, html.P(found.detail)], className="panel")]


def summary(found: pl.DataFrame) -> Component:
    """How many symbols are in which state, and how many have all the history that their values need."""
    n = boards.counts(found)
    warm, known = int(found["is_warm"].sum()), found["is_warm"].count()
    return cards(
        *(
            widgets.card(state.capitalize(), f"{n[state]}", _notes(state), _TONES[state] if n[state] else "plain")
            for state in boards.STATES
        ),
        widgets.card("Warm", f"{warm} of {known}", "symbols with values", _warm_tone(warm, known)),
    )


def _warm_tone(warm: int, known: int) -> widgets.Tone:
    if not known:
        return "plain"
    return "good" if warm == known else "warn"


def _notes(state: str) -> str:
    return {
        "LIVE": "quotes arrive in time",
        "DELAYED": "quotes are late",
        "STALE": "too old to act on",
        "CLOSED": "the market is",
        "NO DATA": "nothing stored or collected",
    }[state]
