"""The funding page: its callbacks as Dash's renderer asks them, and the page in a real browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.funding import heat
from dashboards.funding.query import HistoryQuery
from dashboards.lanes import asked
from dashboards.orchestrator import Backfill
from dashboards.pages import funding_completeness, shell
from dashboards.pages.funding import PAGE, TABS, tab_of
from dashboards.pages.funding_grid import history_of
from dashboards.pages.funding_history import zoomed
from dashboards.pages.funding_words import countdown, hours, usd
from dashboards.services import Services
from dashboards.theme import DARK
from market_assets.core import clock
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint
from resources.stores import open_store

from . import funding_home, test_browser
from .funding_home import HOUR, NOON
from .test_btc_page import cards

browser, page = test_browser.browser, test_browser.page
PATHS = ["/funding", *(f"/funding/{name}" for name in TABS if name)]
TICK, VERSION = ("funding-tick", "n_intervals", 0), ("funding-version", "data", "v")
LIGHT, WIDE = ("theme", "data", "light"), ("viewport", "data", 1280)
GRID = [
    ("funding-grid-note", "children"), ("funding-grid-place", "style"), ("funding-grid", "columnDefs"),
    ("funding-grid", "rowData"), ("funding-scale", "children"),
]  # fmt: skip
HISTORY = [
    ("funding-history-note", "children"), ("funding-history-place", "style"), ("funding-history-plot", "figure"),
    ("funding-history-said", "children"),
]  # fmt: skip
PAIRS = [
    ("funding-pairs-note", "children"), ("funding-pairs-place", "style"), ("funding-pairs", "rowData"),
    ("funding-pairs-said", "children"), ("funding-pairs", "selectedRows"),
]  # fmt: skip
PAIR = [
    ("pair-place", "style"), ("pair-title", "children"), ("pair-cards", "children"), ("pair-legs", "children"),
    ("pair-projections", "children"), ("pair-countdown", "data"),
]  # fmt: skip
PLOT = [("pair-plot", "figure"), ("pair-plot", "style"), ("pair-plot-note", "children")]
COMPLETENESS = [
    ("completeness-note", "children"), ("completeness-place", "style"), ("completeness-cards", "children"),
    ("completeness-grid", "rowData"), ("completeness-map", "figure"), ("completeness-map", "style"),
    ("completeness-said", "children"),
]  # fmt: skip
CONTROLS = (*("assets", "exchanges", "intervals", "min_net_apr", "min_apr", "min_oi", "holding_days", "slippage_pct"),)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home written by hand."""
    configured = funding_home.configure(monkeypatch)
    funding_home.fill(configured)
    return configured


@pytest.fixture
def app(found: Settings) -> FastAPI:
    """The app over it."""
    return create_app(found)


@pytest.fixture
def services(app: FastAPI) -> Services:
    """What its pages share."""
    shared: Services = app.state.services
    return shared


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of it."""
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return TestClient(create_app(funding_home.configure(monkeypatch)), raise_server_exceptions=False)


def ask(
    client: TestClient,
    outputs: list[tuple[str, str]],
    *inputs: tuple[str, str, Any],
    state: tuple[tuple[str, str, Any], ...] = (),
) -> dict[str, dict[str, Any]]:
    """Call a callback as the renderer does; its response by component."""
    described = [{"id": component, "property": prop} for component, prop in outputs]
    names = [f"{component}.{prop}" for component, prop in outputs]
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": names[0] if len(names) == 1 else f"..{'...'.join(names)}..",
            "outputs": described[0] if len(described) == 1 else described,
            "inputs": [{"id": i, "property": p, "value": value} for i, p, value in inputs],
            "changedPropIds": [f"{inputs[0][0]}.{inputs[0][1]}"],
            "state": [{"id": i, "property": p, "value": value} for i, p, value in state],
        },
    )
    assert answer.status_code == 200, answer.text
    response: dict[str, dict[str, Any]] = answer.json()["response"]
    return response


def tab(client: TestClient, path: str, search: str = "") -> dict[str, dict[str, Any]]:
    outputs = [("funding-body", "children"), ("funding-tabs", "children")]
    return ask(client, outputs, ("url", "pathname", path), state=(("url", "search", search),))


def grid(client: TestClient, *, measure: str = "apr", search: str = "", least_z: str = "0", known: Any = None) -> dict:
    inputs = [
        VERSION, ("funding-measure", "value", measure), ("funding-search", "value", search),
        ("funding-least-z", "value", least_z),
    ]  # fmt: skip
    return ask(client, GRID, *inputs, state=(("funding-grid", "columnDefs", known or []),))


def history(client: TestClient, query: str, window: Any = None) -> dict:
    return ask(
        client,
        HISTORY,
        ("funding-history-query", "data", query),
        ("funding-zoom", "data", window),
        VERSION,
        LIGHT,
        WIDE,
    )


def pairs(client: TestClient, query: str) -> dict:
    asked_for = [("funding-pairs-query", "data", query), VERSION]
    return ask(client, PAIRS, *asked_for, state=(("funding-pairs", "rowData", []),))


def pair(client: TestClient, query: str) -> dict:
    return ask(client, PAIR, ("funding-pairs-query", "data", query), TICK, VERSION)


def completeness(client: TestClient, exchange: str = "all", search: str = "") -> dict:
    asked_for = [("completeness-exchange", "value", exchange), ("completeness-search", "value", search)]
    return ask(client, COMPLETENESS, *asked_for, VERSION, LIGHT)


def test_every_tab_has_an_address(client: TestClient):
    """Each is served as the first request, and is the current one; another is told."""
    for path in PATHS:
        assert shell.page_of(path) is PAGE
        assert client.get(path).status_code == 200
        shown = tab(client, path)["funding-tabs"]["children"]
        assert [one["props"]["href"] for one in shown if "current" in one["props"]["className"]] == [path]
    assert tab_of("/funding/none") is None
    assert "/funding/history" in str(tab(client, "/funding/none")["funding-body"])


def test_the_cards(client: TestClient):
    """By hand from the home: the mean of ten rates is 173.01 / 10; okx was looked at 43 minutes ago."""
    shown = cards(ask(client, [("funding-cards", "children")], TICK)["funding-cards"]["children"])
    assert shown["Contracts"] == ("11", "1 without a rate")
    assert shown["Exchanges"] == ("5", "of 5 in use")
    assert shown["Assets"][0] == "4"
    assert shown["Average APR"][0] == "17.30 %"
    assert shown["Highest APR"] == ("87.60 %", "SOL-USD-PERP at dydx")
    assert shown["Lowest APR"] == ("-32.85 %", "ETH-USDT-PERP at bybit")
    assert shown["Open interest"] == ("12.2 B USD", "1 of unknown size")
    assert shown["Newest look"] == ("3 min ago", "slowest exchange: 43 min ago")
    # 20 x 1 / 11 for the unknown rate
    assert shown["Health"] == ("98", "healthy; checks unknown")


def test_the_grid_shows_zero_and_leaves_unknown_empty(client: TestClient):
    """Assets by open interest; of two contracts of an exchange the larger; badges by z; other measures too."""
    shown = grid(client)["funding-grid"]
    rows = {row["asset"]: row for row in shown["rowData"]}
    assert list(rows) == ["BTC", "ETH", "SOL", "PEPE"]
    assert [column["headerName"] for column in shown["columnDefs"]] == ["Asset", "OI, USD", *funding_home.EXCHANGES]
    assert rows["ETH"]["binance_usdm"]["v"] == 0.0
    assert rows["BTC"]["okx"]["v"] is None
    assert rows["BTC"]["binance_usdm"]["s"] == "BTC-USDT-PERP"
    assert (rows["BTC"]["binance_usdm"]["b"], rows["BTC"]["bybit"]["b"], rows["BTC"]["dydx"]["b"]) == (2, 3, 0)
    assert "okx" not in rows["SOL"]
    native = {row["asset"]: row for row in grid(client, measure="native")["funding-grid"]["rowData"]}
    assert native["BTC"]["bybit"]["v"] == pytest.approx(0.01)


def test_the_grid_is_searched_and_keeps_its_columns(client: TestClient):
    """A search narrows rows; the same columns are not sent again, or the reader's sorting would be lost."""
    first = grid(client)["funding-grid"]["columnDefs"]
    narrowed = grid(client, search="et", known=first)["funding-grid"]
    assert [row["asset"] for row in narrowed["rowData"]] == ["ETH"]
    assert "columnDefs" not in narrowed
    assert [row["asset"] for row in grid(client, least_z="3")["funding-grid"]["rowData"]] == ["BTC"]


def test_a_click_in_the_grid_leads_to_the_history(client: TestClient):
    """A cell to its contract, an asset's name to its largest ones; nothing leads nowhere."""
    rows = grid(client)["funding-grid"]["rowData"]
    found = history_of({"rowId": "BTC", "colId": "bybit"}, rows)
    assert found == HistoryQuery(asset="BTC", contracts=("bybit:BTC-USDT-PERP",))
    assert history_of({"rowId": "SOL", "colId": "okx"}, rows) == HistoryQuery(asset="SOL")
    assert history_of({}, rows) is None


def test_the_history_of_chosen_contracts(client: TestClient):
    """Steps of one contract, zero included; what is not stored is named."""
    shown = history(client, "?asset=BTC&contracts=binance_usdm:BTC-USDT-PERP,okx:BTC-USDT-PERP&span=7d")
    lines = shown["funding-history-plot"]["figure"]["data"]
    assert [(line["name"], line["line"]["shape"]) for line in lines] == [("binance_usdm BTC-USDT-PERP", "vh")]
    assert [round(value, 6) for value in lines[0]["y"]] == [-32.85, -32.85, 0.0, 10.95]
    said = shown["funding-history-said"]["children"]
    assert "3 settlements, 2026-10-04 16:00 to 2026-10-05 08:00 UTC" in said
    assert "nothing stored of okx BTC-USDT-PERP" in said
    assert history(client, "?asset=BTC")["funding-history-said"]["children"] == "No contract is chosen."


def test_a_zoom_asks_for_its_window(client: TestClient):
    """Only what settled there, and the settlement that covers the right edge."""
    window = {"start": "2026-10-05T00:30:00Z", "end": "2026-10-05T03:00:00Z"}
    shown = history(client, "?asset=BTC&contracts=dydx:BTC-USD-PERP", window)
    assert len(shown["funding-history-plot"]["figure"]["data"][0]["x"]) == 13  # 01:00 to 12:00, and the start
    dragged = {"xaxis.range[0]": "2026-10-05 00:30:00.123", "xaxis.range[1]": "2026-10-05"}
    assert zoomed(dragged, None) == {"start": "2026-10-05T00:30:00Z", "end": "2026-10-05T00:00:00Z"}
    assert zoomed({"xaxis.range": ["2026-10-05 01:00", "2026-10-06"]}, None) == {
        "start": "2026-10-05T01:00:00Z", "end": "2026-10-06T00:00:00Z",
    }  # fmt: skip
    assert zoomed({"autosize": True}, window) == window
    assert zoomed({"xaxis.autorange": True}, window) is None


def test_the_history_tab_opens_as_its_address_says(client: TestClient):
    """The controls hold what is stated; the largest contracts of the largest asset otherwise; closed ones are told."""
    stated = str(tab(client, "/funding/history", "?asset=ETH&contracts=bybit:ETH-USDT-PERP&measure=8h&span=7d"))
    assert "'value': ['bybit:ETH-USDT-PERP']" in stated
    assert "'value': '8h'" in stated
    plain = str(tab(client, "/funding/history", "?asset=NONE"))
    assert (
        "'value': ['binance_usdm:BTC-USDT-PERP', 'bybit:BTC-USDT-PERP', 'binance_usdm:BTC-USDC-PERP', "
        "'dydx:BTC-USD-PERP']"
    ) in plain
    outputs = [("funding-contracts", "options"), ("funding-contracts", "value")]
    old = ask(client, outputs, ("funding-asset", "value", "OLD"))["funding-contracts"]
    assert old["options"] == [{"value": "bybit:OLD-USDT-PERP", "label": "bybit  OLD-USDT-PERP  (closed)"}]


def test_controls_become_an_address(client: TestClient):
    """What the controls hold, and which pair is open."""
    values: dict[str, Any] = dict.fromkeys(CONTROLS) | {"assets": ["BTC"], "holding_days": 30, "slippage_pct": 0}
    inputs = [(f"pairs-{name}", "value", values[name]) for name in CONTROLS]
    shown = ask(client, [("funding-pairs-query", "data")], *inputs, ("funding-pair", "data", "BTC:dydx:bybit"))
    query = "?assets=BTC&holding_days=30&slippage_pct=0&pair=BTC:dydx:bybit"
    assert shown["funding-pairs-query"]["data"] == query
    opened = str(tab(client, "/funding/opportunities", query))
    assert all(part in opened for part in ("'value': ['BTC']", "'value': 30.0", "'value': 0.0"))


def test_opportunities_under_edited_costs(client: TestClient):
    """PEPE of the spec's golden, held 30 days without slippage; the chosen row stays chosen."""
    shown = pairs(client, "?assets=PEPE&holding_days=30&slippage_pct=0&pair=PEPE:binance_usdm:hyperliquid")
    (row,) = shown["funding-pairs"]["rowData"]
    assert row["gross_apr_pct"] == pytest.approx(32.85)
    assert row["net_apr_pct"] == pytest.approx(32.85 - 0.19 * 365 / 30)
    assert shown["funding-pairs"]["selectedRows"] == {"ids": [row["id"]]}
    assert "0 % slippage, held 30 days" in shown["funding-pairs-said"]["children"]
    assert len(pairs(client, "")["funding-pairs"]["rowData"]) == 5


def test_a_pair_in_detail(client: TestClient):
    """Legs, projections, breakeven; dydx says no time, so one interval after its last settlement at noon counts."""
    shown = pair(client, "?pair=BTC:dydx:bybit")
    assert shown["pair-title"]["children"] == "BTC: long dydx, short bybit"
    found = cards(shown["pair-cards"]["children"])
    assert found["Gross APR"][0] == "13.14 %"
    # 2 (5 + 5.5) bps and 0.04 %: 0.25 %; 0.25 / 100 / 1.5e-5 hours
    assert found["Round trip"][0] == "0.250 %"
    assert found["Breakeven"][0] == "6.94 d"
    assert shown["pair-countdown"]["data"]["seconds"] == [57 * 60, 3 * 3600 + 57 * 60]
    legs = str(shown["pair-legs"]["children"])
    assert all(part in legs for part in ("BTC-USD-PERP", "0:57:00", "3:57:00", "40 M USD", "5.5 bps"))
    assert "13.1400 %" in str(shown["pair-projections"]["children"])


def test_the_history_of_a_pair(client: TestClient):
    """24 hours of bybit minus binance_usdm at +10.95, with the band turned to 1 to 12."""
    inputs = [("funding-pairs-query", "data", "?pair=BTC:binance_usdm:bybit"), VERSION, LIGHT, WIDE]
    shown = ask(client, PLOT, *inputs)
    line = shown["pair-plot"]["figure"]["data"][0]
    assert (line["line"]["shape"], set(line["y"]), len(line["x"])) == ("hv", {10.95}, 25)
    assert "5th to 95th: 1.0 to 12.0 %" in str(shown["pair-plot"]["figure"]["layout"]["annotations"])
    other = ask(client, PLOT, ("funding-pairs-query", "data", "?pair=SOL:binance_usdm:dydx"), VERSION, LIGHT, WIDE)
    assert "no hour of the last 30 days was settled at both" in str(other["pair-plot-note"])


def test_a_pair_that_is_gone_says_so(client: TestClient):
    """A shared address outlives its pair; without one the panel is hidden."""
    assert "not among those of the newest round" in str(pair(client, "?pair=BTC:okx:bybit")["pair-cards"])
    assert pair(client, "")["pair-place"]["style"] == {"display": "none"}


def test_completeness_by_contract_and_day(client: TestClient):
    """The least complete first; a cell per day of the window; what is gone is told apart."""
    shown = completeness(client)
    rows = shown["completeness-grid"]["rowData"]
    assert [(row["exchange"], row["symbol"]) for row in rows][:2] == [
        ("binance_usdm", "ETH-USDT-PERP"), ("okx", "BTC-USDT-PERP"),
    ]  # fmt: skip
    assert (rows[1]["missing"], rows[1]["n_unrecoverable"], rows[1]["history_floor"]) == (18, 4, "2026-09-22 00:00")
    found = cards(shown["completeness-cards"]["children"])
    assert found["Cannot be fetched again"][0] == "1"
    assert found["Below"] == ("3", "1 interval unknown, 2 partial high")
    trace = shown["completeness-map"]["figure"]["data"][0]
    assert (len(trace["x"]), len(trace["y"])) == (30, 11)
    # nothing of okx is stored: what lies before the 22nd cannot be fetched, the rest can
    okx = trace["z"][trace["y"].index("okx  BTC-USDT-PERP")]
    floor = trace["x"].index("2026-09-22")
    assert set(okx[:floor]) == {heat.GONE}
    assert set(okx[floor:]) == {heat.BAD}


def test_a_complete_day_is_complete(client: TestClient):
    """dydx settled from 13:00 on the 4th: 11 of 24; today all of 12, as that of noon is due only at 12:10."""
    trace = completeness(client, "dydx", "BTC")["completeness-map"]["figure"]["data"][0]
    assert trace["y"] == ["dydx  BTC-USD-PERP"]
    assert trace["customdata"][0][-2:] == ["11 of 24 settlements", "12 of 12 settlements"]
    assert trace["z"][0][-2:] == [heat.BAD, heat.GOOD]


def test_a_search_without_a_match_says_so(client: TestClient):
    """Nothing is drawn for nothing."""
    assert completeness(client, "dydx", "xyz")["completeness-said"]["children"] == "No listed contract matches."


def test_running_backfills_are_shown(services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Those of this domain that run, with how far they are; without Dagster they are unknown, not none."""
    asked_for = [("completeness-backfills", "children")]
    assert "Backfills are unknown" in str(ask(client, asked_for, TICK))
    started = NOON - 2 * HOUR

    def backfill(name: str, status: str, asset: str) -> Backfill:
        return Backfill(name, status, (asset,), 400, 100, 3, started)

    running = [
        backfill("aaaaaaaa", "REQUESTED", "funding_rates"),
        backfill("bbbbbbbb", "REQUESTED", "btc_price"),
        backfill("cccccccc", "COMPLETED_SUCCESS", "funding_rates"),
    ]
    monkeypatch.setattr(services.orchestrator, "backfills", lambda: running)
    shown = str(ask(client, asked_for, TICK))
    assert all(part in shown for part in ("aaaaaaaa", "100 of 400", "2 h ago"))
    assert "bbbbbbbb" not in shown
    assert "cccccccc" not in shown
    monkeypatch.setattr(services.orchestrator, "backfills", list)
    assert funding_completeness.backfills(services) == []


def test_exchanges_and_how_they_are_asked(client: TestClient, found: Settings):
    """Late looks, memory, what a settled rate measures, failed requests by kind."""
    shown = [("funding-exchanges", "children")]
    before = str(ask(client, shown, TICK, ("refresh", "data", None)))
    assert "no exchange was asked yet" in before
    assert all(part in before for part in ("stale", "90 d of history", "the interval before"))
    state = VendorState.of(found.home)
    for outcome in ("ok", "timeout", "timeout", "malformed"):
        state.record_call("bybit", outcome, datetime.now(UTC), 120.0)
    after = str(ask(client, shown, TICK, ("refresh", "data", None)))
    assert "2 timeout, 1 malformed" in after
    assert "25.0 %" in after


def test_both_budgets_of_an_exchange(home: object, monkeypatch: pytest.MonkeyPatch):
    """A backfill that spends its budget leaves that of looks alone; the sandbox limits nothing."""
    venues = '{"bybit": {"budget": {"per_day": 100}, "market_budget": {"per_day": 50}}}'
    limited = funding_home.configure(monkeypatch, FUNDING__VENUES=venues)
    assert asked(limited) == {}
    state, key = VendorState.of(limited.home), fingerprint("bybit", None, "history")
    spent = Budget.of("bybit", key, RateBudget(per_day=100), state, wait_s=1, now=clock.wall)
    spent.reserve(lambda _: None, 3)
    left = asked(limited)["bybit"]
    assert [(each.left, each.limit, each.window) for each in left.history] == [(97, 100, "day")]
    assert [(each.left, each.limit, each.window) for each in left.market] == [(50, 50, "day")]
    assert asked(limited.model_copy(update={"vendors": "sandbox"}))["bybit"].history == ()


def test_without_data_every_tab_says_why(empty_client: TestClient):
    """No data, the table that is missing, and the command that makes it; the exchanges in use are listed."""
    for path in PATHS:
        assert "funding-body" in tab(empty_client, path)
    assert "funding_snapshot" in str(grid(empty_client)["funding-grid-note"])
    assert "funding_rates" in str(history(empty_client, "")["funding-history-note"])
    assert "--select funding_opportunities" in str(pairs(empty_client, "")["funding-pairs-note"])
    assert "funding_completeness" in str(completeness(empty_client)["completeness-note"])
    shown = cards(ask(empty_client, [("funding-cards", "children")], TICK)["funding-cards"]["children"])
    assert (shown["Contracts"][0], shown["Health"][0]) == ("no data", "no data")
    exchanges = str(ask(empty_client, [("funding-exchanges", "children")], TICK, ("refresh", "data", None)))
    assert "hyperliquid" in exchanges
    assert "missing" in exchanges
    assert pair(empty_client, "?pair=BTC:okx:bybit")["pair-title"]["children"] == "BTC okx bybit"


def test_amounts_and_times_in_words():
    """Short amounts; a countdown that has ended is 0:00:00, an unknown one is not."""
    assert [usd(value) for value in (None, 950.0, 313_200.0, 1.234e9)] == [
        "no data",
        "950 USD",
        "313 k USD",
        "1.23 B USD",
    ]
    assert [hours(value) for value in (None, 0.25, 8.0, 75.4)] == ["unknown", "15 min", "8 h", "3.14 d"]
    assert [countdown(value) for value in (None, -3.0, 7325.9)] == ["not stated", "0:00:00", "2:02:05"]


def test_a_version_is_told_once(client: TestClient):
    """While nothing is published the plots are left alone."""
    output = [("funding-version", "data")]
    first = ask(client, output, TICK, state=(("funding-version", "data", None),))["funding-version"]["data"]
    again = ask(client, output, TICK, state=(("funding-version", "data", first),))
    assert "funding-version" not in again


def cells(page: Page) -> Any:
    return page.locator("#funding-grid .rate")


def tick(page: Page) -> None:
    """Half minutes pass; what was published is asked again after a second at the earliest."""
    page.evaluate("setInterval(() => dash_clientside.set_props('funding-tick', {n_intervals: Date.now()}), 300)")


@pytest.mark.browser
def test_rates_are_chosen_and_stay_chosen_over_a_refresh(page: Page, found: Settings):
    """Measure and search survive a new look, whose rates appear; a click on a cell opens its history."""
    page.goto("/funding")
    expect(page.locator("#funding-grid .rate .z3")).to_have_text("−3σ")
    expect(page.locator("#funding-cards")).to_contain_text("87.60 %")
    page.click("#funding-measure >> text=native")
    page.fill("#funding-search", "eth")
    expect(page.locator("#funding-grid .rate-value")).to_have_text(["0.0000", "−0.0300"])
    store = open_store(found)
    newer = [row | {"predicted_rate_native": 0.0007} for row in funding_home.looks(NOON + timedelta(minutes=2))]
    funding_home.write(store, "funding_snapshot", newer)
    tick(page)
    expect(page.locator("#funding-grid .rate-value")).to_have_text(["0.0700", "0.0700"])
    assert page.input_value("#funding-search") == "eth"
    cells(page).nth(1).click()
    page.wait_for_url("**/funding/history?asset=ETH&contracts=bybit:ETH-USDT-PERP**")
    plot = "document.querySelector('#funding-history-plot .js-plotly-plot')"
    page.wait_for_function(f"{plot}?.data?.length === 2 && {plot}.data[0].line.shape === 'vh'")


@pytest.mark.browser
def test_a_view_of_opportunities_can_be_shared(page: Page):
    """Costs are edited, a pair is opened; its address shows the same to somebody else."""
    page.goto("/funding/opportunities")
    rows = page.locator("#funding-pairs .ag-center-cols-container .ag-row")
    expect(rows).to_have_count(5)
    page.fill("#pairs-holding_days", "30")
    page.press("#pairs-holding_days", "Enter")
    page.wait_for_url("**/funding/opportunities?holding_days=30")
    page.click("#funding-pairs .ag-row >> text=hyperliquid")
    page.wait_for_url("**pair=PEPE:binance_usdm:hyperliquid")
    expect(page.locator("#pair-title")).to_have_text("PEPE: long binance_usdm, short hyperliquid")
    address = page.url
    page.goto("/funding")
    page.goto(address)
    # 32.85 less 0.23 x 365 / 30
    expect(page.locator("#pair-cards")).to_contain_text("30.05 %")
    assert page.input_value("#pairs-holding_days") == "30"
    expect(page.locator("#funding-pairs .ag-row-selected").first).to_contain_text("PEPE")
    expect(page.locator("#pair-left-long")).to_contain_text("3:5")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_every_tab_fits_and_follows_the_look(page: Page, width: int, theme: str, tmp_path: Path):
    """On a desk and on a phone, in the light and in the dark, no tab scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/funding/opportunities?pair=BTC:binance_usdm:bybit")
    if theme == "dark":
        page.click("#theme-toggle")
    shown = {
        "Opportunities": "#pair-plot .scatterlayer .trace",
        "Rates": "#funding-grid .rate",
        "Completeness": "#completeness-map .heatmaplayer image",
        "Exchanges": "#funding-exchanges .pill",
        "History": "#funding-history-plot .scatterlayer .trace",
    }
    for title, drawn in shown.items():
        if title != "Opportunities":
            page.click(f"#funding-tabs >> text={title}")
        page.wait_for_selector(drawn, state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, title
        page.screenshot(path=tmp_path / f"{title}-{width}.png", full_page=True)
    dark = "document.querySelector('#funding-history-plot .js-plotly-plot').layout.font.color"
    assert (page.evaluate(dark) == DARK.text) == (theme == "dark")
