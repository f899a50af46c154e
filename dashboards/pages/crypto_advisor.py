"""The advisor tab of the crypto page: second opinions on tradeable signals, each labelled by who gave it."""

from typing import Any

import polars as pl
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.crypto.advice import SOURCES, counted, said, sentiment_figure
from dashboards.crypto.metrics import UNKNOWN
from dashboards.figures import empty_figure
from dashboards.pages import widgets
from dashboards.pages.controls import HIDDEN, THEME, dropdown, graph
from dashboards.pages.crypto_shared import VERSION, cards
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers
from market_assets.crypto.schemas import CALLS
from resources.vendors.advisor import KEY_VARIABLE, is_enabled

_ADVICE, _SENTIMENT = "crypto_advice", "crypto_sentiment"
_EVERY = "all"
#: newest rows that are shown
_MOST = 100
#: days of the index that are drawn
_DAYS = 180
_COLUMNS = (
    ("known at, UTC", "left"), ("symbol", "left"), ("said by", "left"), ("asked for", "left"), ("status", "left"),
    ("advice", "left"), ("confidence", "right"), ("size", "right"), ("with the rules", "left"), ("reasoning", "left"),
)  # fmt: skip
_STATUS: dict[str, widgets.Tone] = {
    "ok": "good", "parse_error": "bad", "refused": "bad", "unavailable": "warn", "disabled": "idle",
}  # fmt: skip


def layout(services: Services, _search: str) -> Component:
    """The tab, empty but for whether a model is asked."""
    names = {_EVERY: "all symbols", **{name: name for name in services.settings.crypto.symbols}}
    symbols = [{"value": name, "label": label} for name, label in names.items()]
    calls = [(_EVERY, "All"), *((call, call) for call in CALLS)]
    return html.Div(
        [
            _hint(services),
            html.Div(id="advisor-cards"),
            widgets.panel(
                "Second opinions",
                html.P(id="advisor-said", className="quiet"),
                html.Div(id="advisor-rows"),
                controls=[
                    widgets.choice("advisor-call", calls, _EVERY),
                    html.Div(
                        dropdown("advisor-symbol", symbols, _EVERY, "all symbols", multi=False),
                        className="scope-pick",
                    ),
                ],
            ),
            widgets.panel(
                "Fear & Greed index, by day",
                html.Div(id="sentiment-note"),
                html.Div(graph("sentiment-plot", 200), id="sentiment-place"),
            ),
        ]
    )


def _hint(services: Services) -> Component:
    """Whether a language model is asked, and what to do where it is not."""
    advice = services.settings.crypto.advice
    if is_enabled(services.settings):
        return html.P(
            f"{advice.model} is asked about tradeable signals, at most {advice.max_calls_per_day:,} times a day. What "
            "it says decides nothing: the account trades by the rules alone. Questions in free words: "
            "POST /api/v1/crypto/chat, with an API key.",
            className="quiet",
        )
    lacking = f"It is switched on, but {KEY_VARIABLE} is not set." if advice.enabled else "It is switched off."
    wanted = ("pip install 'market-assets[llm]'", "MARKET_ASSETS_CRYPTO__ADVICE__ENABLED=true", f"{KEY_VARIABLE}=...")
    return widgets.panel(
        "No language model is asked",
        html.P(
            [
                f"{lacking} Rows labelled ",
                _source("rule"),
                " repeat what the rules decided; they are nobody's opinion. To ask a model, install the extra, set "
                "these in the environment, and start the app and Dagster anew:",
            ]
        ),
        html.Div([html.Code(each, className="empty-command") for each in wanted], className="pills"),
        html.P(
            f"Settings under crypto.advice: model {advice.model} at {advice.base_url}, "
            f"at most {advice.max_calls_per_day:,} calls a day.",
            className="quiet",
        ),
    )


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(
        Output("advisor-cards", "children"),
        Output("advisor-said", "children"),
        Output("advisor-rows", "children"),
        VERSION,
        Input("advisor-call", "value"),
        Input("advisor-symbol", "value"),
    )
    @in_thread
    def show(_version: Any, call: str | None, symbol: str | None) -> Any:
        shown = _cards(services)
        try:
            rows = _asked(services, _chosen(symbol), _chosen(call))
        except NotMaterialised as missing:
            reason, _, command = str(missing).partition("run: ")
            return shown, "", widgets.empty(reason.removesuffix(", or "), command or None)
        if rows.is_empty():
            return shown, "", widgets.empty("no tradeable signal was spoken of; only those are.")
        more = f" The newest {_MOST}." if rows.height == _MOST else ""
        return shown, counted(rows) + more, table(rows)

    @app.callback(
        Output("sentiment-note", "children"),
        Output("sentiment-place", "style"),
        Output("sentiment-plot", "figure"),
        VERSION,
        THEME,
    )
    @in_thread
    def draw(_version: Any, theme: str | None) -> Any:
        try:
            found = _sentiment(services)
        except NotMaterialised as missing:
            reason, _, command = str(missing).partition("run: ")
            return widgets.empty(reason.removesuffix(", or "), command or None), HIDDEN, empty_figure(look(theme))
        if found.is_empty():
            return widgets.empty("no day of the index is stored"), HIDDEN, empty_figure(look(theme))
        return [], {}, sentiment_figure(found.tail(_DAYS), look(theme))


def table(rows: pl.DataFrame) -> Component:
    """Rows of CryptoAdvice, in words."""
    return widgets.table(_COLUMNS, [_row(said(row)) for row in rows.iter_rows(named=True)])


def _row(row: dict[str, Any]) -> list[Any]:
    return [
        row["at"],
        html.Span(row["symbol"], className="strong"),
        _source(row["source"], row["model"]),
        row["call"],
        widgets.pill(row["status"].replace("_", " "), _STATUS[row["status"]]),
        row["advice"],
        row["confidence"],
        row["size"],
        row["blended"],
        html.Div(row["reasoning"], className="reasoning", title=row["reasoning"]),
    ]


def _source(source: str, model: str | None = None) -> Component:
    return html.Span(source, className=f"pill source-{source}", title=model or SOURCES[source])


def _chosen(value: str | None) -> str | None:
    return None if value in (None, _EVERY) else value


def _asked(services: Services, symbol: str | None, call: str | None) -> pl.DataFrame:
    return services.data.kept(
        f"crypto advice {symbol} {call}",
        [_ADVICE],
        lambda: readers.advice(symbol, call=call, limit=_MOST, store=services.data.store),
    )


def _sentiment(services: Services) -> pl.DataFrame:
    return services.data.load(_SENTIMENT).sort("obs_date")


def _cards(services: Services) -> Component:
    is_on = is_enabled(services.settings)
    note = services.settings.crypto.advice.model if is_on else "the rules stand in, labelled rule"
    return cards(
        widgets.card("Language model", "on" if is_on else "off", note, "good" if is_on else "idle"), _mood(services)
    )


def _mood(services: Services) -> Component:
    """The newest value of the index; where there is none, nothing is made up for it."""
    try:
        newest = _sentiment(services).tail(1).to_dicts()
    except NotMaterialised:
        newest = []
    if not newest:
        return widgets.card("Fear & Greed", UNKNOWN, f"{_SENTIMENT} holds nothing; optional", "idle")
    (row,) = newest
    return widgets.card("Fear & Greed", f"{row['value']} of 100", f"{row['label']}, {row['obs_date']}")
