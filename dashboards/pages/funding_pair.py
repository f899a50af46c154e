"""One pair of the opportunities tab in detail: legs, projections, breakeven, basis, history of its spread."""

from datetime import timedelta
from typing import Any

import polars as pl
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboards.figures import empty_figure
from dashboards.funding.pair import legs, pair_of, projections
from dashboards.funding.pairs import SIDES, costed
from dashboards.funding.query import PairsQuery, parted
from dashboards.funding.spread import Usual, oriented, spread_figure
from dashboards.pages import widgets, wording
from dashboards.pages.funding_shared import HIDDEN, THEME, TICK, VERSION, VIEWPORT, cards, graph, points
from dashboards.pages.funding_words import countdown, hours, percent, usd
from dashboards.pages.page import in_thread
from dashboards.rest.funding_rows import contracts_now, next_funding, pairs_now, seconds_until
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised
from market_assets.funding import readers

_DAYS = 30
_STATISTICS = "funding_spread_statistics"


def layout() -> Component:
    """The panel, empty and hidden."""
    return html.Div(
        widgets.panel(
            "Pair",
            html.Div(id="pair-cards"),
            html.Div([html.Div(id="pair-legs"), html.Div(id="pair-projections")], className="two-columns wide-left"),
            html.Div("Signed spread of settled rates, short minus long, 30 days", className="plot-title"),
            html.Div(id="pair-plot-note"),
            graph("pair-plot", 300),
            dcc.Store(id="pair-countdown"),
            controls=[html.Span(id="pair-title", className="strong")],
        ),
        id="pair-place",
        style=HIDDEN,
    )


def register(app: Dash, services: Services, query_store: str) -> None:
    """Connect the panel to the query in `query_store`."""

    @app.callback(
        Output("pair-place", "style"),
        Output("pair-title", "children"),
        Output("pair-cards", "children"),
        Output("pair-legs", "children"),
        Output("pair-projections", "children"),
        Output("pair-countdown", "data"),
        Input(query_store, "data"),
        TICK,
        VERSION,
    )
    @in_thread
    def show(text: str | None, tick: Any, _version: Any) -> Any:
        query = PairsQuery.of(text)
        if query.pair is None:
            return HIDDEN, "", [], [], [], None
        pair = _pair(services, query)
        if pair is None:
            gone = widgets.empty("this pair is not among those of the newest round: a leg is not fresh or was delisted")
            return {}, " ".join(parted(query.pair)), gone, [], [], None
        title = f"{pair['base_asset']}: long {pair['long_exchange']}, short {pair['short_exchange']}"
        sides = _legs(services, pair)
        left = {"stamp": f"{tick} {text}", "seconds": [sides[side]["seconds"] for side in SIDES]}
        return {}, title, _cards(pair), _legs_table(sides), _projections(pair), left

    @app.callback(
        Output("pair-plot", "figure"),
        Output("pair-plot", "style"),
        Output("pair-plot-note", "children"),
        Input(query_store, "data"),
        VERSION,
        THEME,
        VIEWPORT,
    )
    @in_thread
    def draw(text: str | None, _version: Any, theme: str | None, viewport: int | None) -> Any:
        query = PairsQuery.of(text)
        pair = _pair(services, query) if query.pair else None
        if pair is None:
            return empty_figure(look(theme)), HIDDEN, []
        try:
            spreads = _spreads(services, pair)
        except NotMaterialised as missing:
            return empty_figure(look(theme)), HIDDEN, widgets.empty(str(missing))
        if spreads.is_empty():
            reason = f"no hour of the last {_DAYS} days was settled at both exchanges"
            return empty_figure(look(theme)), HIDDEN, widgets.empty(reason)
        figure = spread_figure(
            spreads,
            _usual(services, pair),
            pair["gross_apr_pct"],
            look(theme),
            most=points(viewport),
            view=str(query.pair),
        )
        return figure, {"height": "300px"}, []

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("funding", "countdown"),
        Output("pair-left-long", "children"),
        Output("pair-left-short", "children"),
        Input("second", "n_intervals"),
        Input("pair-countdown", "data"),
    )


def _pair(services: Services, query: PairsQuery) -> dict[str, Any] | None:
    """The pair under the query's costs."""
    asset, long_exchange, short_exchange = parted(query.pair or "")
    try:
        pairs = pairs_now(services, None)
    except NotMaterialised:
        return None
    return pair_of(costed(pairs, query, services.settings.funding.opp), asset, long_exchange, short_exchange)


def _cards(pair: dict[str, Any]) -> Component:
    z = "z unknown" if pair["spread_z"] is None else f"z {pair['spread_z']:+.2f}"
    flag = f", {pair['z_flag']}" if pair["z_flag"] else ""
    return cards(
        widgets.card("Net APR", percent(pair["net_apr_pct"]), f"rank {pair['rank']:,}", _tone(pair["net_apr_pct"])),
        widgets.card("Gross APR", percent(pair["gross_apr_pct"]), f"{z}{flag} among its own"),
        widgets.card(
            "Round trip",
            percent(pair["round_trip_cost_pct"], 3),
            f"{percent(pair['cost_apr_pct'])} a year so held",
        ),
        widgets.card(
            "Breakeven",
            wording.NO_DATA if pair["breakeven_hours"] is None else hours(pair["breakeven_hours"]),
            "no spread" if pair["breakeven_hours"] is None else "until the round trip is paid",
        ),
        widgets.card("Basis", percent(pair["basis_pct"], 3), "short over long mark"),
        widgets.card("Capacity", usd(pair["capacity_usd"]), f"of {usd(pair['combined_oi_usd'])} in both legs"),
        widgets.card(
            "Both settle every",
            hours(pair["sync_period_hours"]),
            f"{percent(100 * pair['sync_period_spread'], 4)} then",
        ),
        widgets.card(
            "Same side",
            wording.percent(pair["same_side_share_7d_ratio"], 0),
            f"of 7 days; half-life {hours(pair['half_life_hours'])}",
        ),
    )


def _tone(net: float) -> widgets.Tone:
    return "good" if net > 0 else "bad"


def _legs(services: Services, pair: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Both legs, each with the seconds until its next settlement."""
    now = clock.now()
    contracts = contracts_now(services, None).with_columns(seconds=seconds_until(next_funding(now), now))
    return legs(pair, contracts)


def _legs_table(sides: dict[str, dict[str, Any]]) -> Component:
    lines: list[tuple[str, Any]] = [
        ("exchange", lambda leg: html.Span(leg["exchange"], className="strong")),
        ("contract", lambda leg: leg["symbol"]),
        ("predicted APR", lambda leg: percent(leg["apr"])),
        ("rate of its interval", lambda leg: f"{percent(100 * leg['rate'], 4)} / {hours(leg['interval_hours'])}"),
        ("last settled, per hour", lambda leg: _rate(leg["settled_rate_1h"])),
        ("z predicted", lambda leg: _number(leg["z_predicted"])),
        ("mark price per unit", lambda leg: _price(leg["mark_price_base"])),
        ("open interest", lambda leg: usd(leg["open_interest_usd"])),
        ("taker fee", lambda leg: f"{leg['taker_bps']:g} bps"),
        ("completeness", lambda leg: percent(leg["completeness_pct"], 1)),
        ("confidence", lambda leg: (leg["confidence"] or wording.UNKNOWN).replace("_", " ")),
    ]
    rows = [[title, *(read(sides[side]) for side in SIDES)] for title, read in lines]
    left = [html.Span(countdown(sides[side]["seconds"]), id=f"pair-left-{side}") for side in SIDES]
    return widgets.table([("leg", "left"), *((side, "right") for side in SIDES)], [*rows, ["next funding in", *left]])


def _rate(value: float | None) -> str:
    return wording.NO_DATA if value is None else percent(100 * value, 5)


def _number(value: float | None) -> str:
    return wording.UNKNOWN if value is None else f"{value:+.2f}"


def _price(value: float | None) -> str:
    return wording.NO_DATA if value is None else f"{value:,.6g}"


def _projections(pair: dict[str, Any]) -> Component:
    rows = [
        [each.title, percent(each.gross_pct, 4), html.Span(percent(each.net_pct, 4), className=_sign(each.net_pct))]
        for each in projections(pair)
    ]
    return widgets.table([("if the spread stays", "left"), ("gross", "right"), ("after costs", "right")], rows)


def _sign(value: float) -> str:
    return "cell-buy" if value > 0 else "cell-sell"


def _spreads(services: Services, pair: dict[str, Any]) -> pl.DataFrame:
    found = readers.spread_history(
        pair["base_asset"],
        pair["long_exchange"],
        pair["short_exchange"],
        start=clock.now() - timedelta(days=_DAYS),
        store=services.data.store,
    )
    return oriented(found, pair["short_exchange"])


def _usual(services: Services, pair: dict[str, Any]) -> Usual:
    """Mean and band of the newest day there is; unknown where none is stored."""
    days = [manifest.partition for manifest in services.data.manifests(_STATISTICS)]
    if not days:
        return Usual(None, None, None)
    first, second = sorted((pair["long_exchange"], pair["short_exchange"]))
    where = {"base_asset": pair["base_asset"], "exchange_a": first, "exchange_b": second}
    day = clock.instant(max(days)).date()
    return Usual.of(services.data.load(_STATISTICS, start=day, end=day, where=where), pair["short_exchange"])
