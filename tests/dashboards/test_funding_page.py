"""The funding page: tabs, rates, history, exchanges; its callbacks as Dash's renderer asks them."""

from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from dashboards.funding.query import HistoryQuery
from dashboards.pages import shell
from dashboards.pages.funding import PAGE, TABS
from dashboards.pages.funding_grid import history_of
from dashboards.pages.funding_history import zoomed
from dashboards.pages.funding_words import countdown, hours, usd
from dashboards.pages.tabs import tab_of
from dashboards.sources import Sources
from market_assets.core import clock
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint

from . import funding_callbacks, funding_home
from .callbacks import ask, cards
from .funding_callbacks import PATHS, TICK, completeness, grid, history, pair, pairs, tab

found, app = funding_callbacks.found, funding_callbacks.app
empty_client = funding_callbacks.empty_client


def test_every_tab_has_an_address(client: TestClient):
    """Each is served as the first request, and is the current one; another is told."""
    for path in PATHS:
        assert shell.page_of(path) is PAGE
        assert client.get(path).status_code == 200
        shown = tab(client, path)["funding-tabs"]["children"]
        assert [one["props"]["href"] for one in shown if "current" in one["props"]["className"]] == [path]
    assert tab_of(PAGE.path, TABS, "/funding/none") is None
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


def test_exchanges_and_how_they_are_asked(client: TestClient, found: Settings):
    """Late looks, memory, what a settled rate measures, failed requests by kind."""
    shown = [("funding-exchanges", "children")]
    before = str(ask(client, shown, TICK))
    assert "no exchange was asked yet" in before
    assert all(part in before for part in ("stale", "90 d of history", "the interval before"))
    state = VendorState.of(found.home)
    for outcome in ("ok", "timeout", "timeout", "malformed"):
        state.record_call("bybit", outcome, datetime.now(UTC), 120.0)
    after = str(ask(client, shown, TICK))
    assert "2 timeout, 1 malformed" in after
    assert "25.0 %" in after


def test_both_budgets_of_an_exchange(home: object, monkeypatch: pytest.MonkeyPatch):
    """A backfill that spends its budget leaves that of looks alone; the sandbox limits nothing."""
    venues = '{"bybit": {"budget": {"per_day": 100}, "market_budget": {"per_day": 50}}}'
    limited = funding_home.configure(monkeypatch, FUNDING__VENUES=venues)
    assert Sources(limited).facts() == []
    state, key = VendorState.of(limited.home), fingerprint("bybit", None, "history")
    spent = Budget.of("bybit", key, RateBudget(per_day=100), state, wait_s=1, now=clock.wall)
    spent.reserve(lambda _: None, 3)

    def left(settings: Settings, lane: str) -> list[tuple[int, int, str]]:
        (bybit,) = [source for source in Sources(settings).facts() if source.name == "bybit"]
        return [(each.left, each.limit, each.window) for each in bybit.lane(lane)]

    assert left(limited, "history")[-1] == (97, 100, "day (history)")
    assert left(limited, "market")[-1] == (50, 50, "day (market)")
    assert left(limited.model_copy(update={"vendors": "sandbox"}), "history") == []


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
    exchanges = str(ask(empty_client, [("funding-exchanges", "children")], TICK))
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
