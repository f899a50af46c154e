"""Pages without a browser: documents, and callbacks asked as Dash's renderer asks them."""

import polars as pl
import pytest
from dash import no_update
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.pages import shell, wording
from dashboards.pages.equities import first_symbol, symbol_of, symbol_rows
from dashboards.pages.equities_details import details
from dashboards.pages.equities_symbol import bounds, candles, known_of, zoomed
from market_assets.settings import Settings
from resources.stores import open_store
from resources.stores.protocol import PartitionStore

from . import health_page
from .callbacks import ask
from .conftest import CLOSES, DAYS, scored, write


@pytest.mark.parametrize("path", ["/", "/equities", "/equities/AAPL", "/system"])
def test_a_page_is_served_complete_as_the_first_request(client: TestClient, path: str):
    """Whichever page is asked first, its document names the style sheet and the scripts."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "assets/app.css" in answer.text
    assert "assets/shell.js" in answer.text
    assert client.get("/assets/app.css").status_code == 200


def test_a_path_without_a_page_is_404(client: TestClient):
    """An unknown path is not answered as if it were there."""
    assert client.get("/nothing/here").status_code == 404


def test_paths_belong_to_pages():
    """A page owns its path and what is below it; the overview owns the root alone."""
    assert [page.title for path in ("/", "/equities/BRK.B", "/system/") if (page := shell.page_of(path))] == [
        "Overview", "Equities", "Health",
    ]  # fmt: skip
    assert shell.page_of("/equitiesX") is None
    assert symbol_of("/equities/BRK.B") == "BRK.B"
    assert symbol_of("/equities") is None


def test_a_refresh_gives_a_new_version_only_when_something_changed(client: TestClient):
    """The version is stated at first; while nothing is published the page is told to leave it."""
    outputs = [("refresh", "data"), ("version", "data"), ("demo-badge", "hidden")]
    first = ask(client, outputs, ("tick", "n_intervals", 0), state=(("version", "data", None),))
    version = first["version"]["data"]
    assert first["refresh"]["data"] == {"tick": 0, "error": None}
    assert first["demo-badge"]["hidden"] is True
    again = ask(client, outputs, ("tick", "n_intervals", 1), state=(("version", "data", version),))
    assert "version" not in again


def test_the_page_is_marked_where_its_data_are_simulated(configured: Settings, store: PartitionStore):
    """The demo badge appears for a store with sandbox rows, whatever the settings say now."""
    outputs = [("refresh", "data"), ("version", "data"), ("demo-badge", "hidden")]
    rows = scored("SIM", DAYS, CLOSES).with_columns(source=pl.lit("polygon-sandbox"))
    simulated = configured.model_copy(update={"home": configured.home / "simulated"})
    write(open_store(simulated), "equities_scored_bars", rows)
    answer = ask(
        TestClient(create_app(simulated)), outputs, ("tick", "n_intervals", 0), state=(("version", "data", None),)
    )
    assert answer["demo-badge"]["hidden"] is False


def test_a_failed_refresh_says_why_and_keeps_the_data(configured: Settings):
    """A store that does not answer: the reason is given, the version (and so the page) is left as it is."""
    from pydantic import SecretStr

    address = SecretStr("postgresql://u:hunter2@127.0.0.1:9/none")
    client = TestClient(create_app(configured.model_copy(update={"store": "postgres", "postgres_url": address})))
    outputs = [("refresh", "data"), ("version", "data"), ("demo-badge", "hidden")]
    answer = ask(client, outputs, ("tick", "n_intervals", 3), state=(("version", "data", "kept"),))
    assert "must answer" in answer["refresh"]["data"]["error"]
    assert "hunter2" not in str(answer)
    assert "version" not in answer


def test_the_grid_is_searched_and_filtered(client: TestClient, configured: Settings):
    """By part of the name whatever its case, and by status; text with signs is no pattern."""
    services = client.app.state.services
    names = [row["symbol"] for row in symbol_rows(services, None, "all")]
    assert names == ["AAPL", "IBM", "MSFT"]
    assert [row["symbol"] for row in symbol_rows(services, "ib", "all")] == ["IBM"]
    assert [row["symbol"] for row in symbol_rows(services, None, "stale")] == ["IBM"]
    assert symbol_rows(services, ".*", "all") == []
    assert first_symbol(services) == "AAPL"


def test_an_empty_store_says_what_to_do(empty_client: TestClient):
    """No status stored: the page says so and names the command; there is no invented row."""
    cards = ask(empty_client, [("equities-cards", "children")], ("refresh", "data", {"tick": 0}))
    assert "dagster asset materialize -m market_assets.definitions --select equities_symbol_status" in str(cards)
    rows = ask(
        empty_client,
        [("symbol-grid", "rowData")],
        ("version", "data", "v"),
        ("symbol-search", "value", None),
        ("symbol-status", "value", "all"),
    )
    assert rows["symbol-grid"]["rowData"] == []


def test_the_chart_shows_the_basis_asked_for(client: TestClient):
    """Split-adjusted closes of the golden series; the window is cut on the server."""
    outputs = [
        ("chart", "figure"), ("chart", "style"), ("symbol-title", "children"), ("symbol-note", "children"),
        ("symbol-empty", "children"),
    ]  # fmt: skip
    inputs = [
        ("symbol", "data", "AAPL"), ("zoom", "data", {"start": "2024-01-03", "end": "2024-01-05"}),
        ("span", "value", "1Y"), ("basis", "value", "split"), ("scale", "value", "linear"), ("theme", "data", "dark"),
        ("viewport", "data", 1440), ("version", "data", "v"),
    ]  # fmt: skip
    shown = ask(client, outputs, *inputs)
    price = next(trace for trace in shown["chart"]["figure"]["data"] if trace["name"] == "price")
    assert price["close"] == [51.0, 52.0, 53.0]
    assert shown["symbol-title"]["children"] == "AAPL"
    assert "1 splits, 1 dividends" in shown["symbol-note"]["children"]


def test_prices_stay_raw_where_the_actions_are_unknown(client: TestClient):
    """IBM has no corporate actions stored: its bars are shown raw, and the page says so."""
    known = known_of(client.app.state.services, "IBM", "total")
    assert known.basis == "none"
    assert known.bars is not None
    assert known.bars["close"].to_list() == [100.0, 112.0, 112.5]


@pytest.mark.parametrize(
    ("kind", "n_rows", "said"),
    [("reconciliation", 3, "1 fail"), ("actions", 2, "2 actions"), ("gaps", 0, "No session"), ("flags", 0, "No bar")],
)
def test_the_tables_under_the_chart(client: TestClient, kind: str, n_rows: int, said: str):
    """Each kind has its rows and a sentence; the worst verdict stands first."""
    found = details(known_of(client.app.state.services, "AAPL", "none"), kind)
    assert len(found.rows) == n_rows
    assert said in str(found.note)
    if kind == "reconciliation":
        assert [row["status"] for row in found.rows] == ["fail", "investigate", "ok"]


def test_a_span_ends_with_the_newest_session_and_a_zoom_wins(store: PartitionStore, client: TestClient):
    """1M looks back from the newest bar, Max from the first; a dragged window replaces both."""
    bars = known_of(client.app.state.services, "AAPL", "none").bars
    assert bars is not None
    assert bounds(bars, None, "Max") == (DAYS[0], DAYS[4])
    assert (bounds(bars, None, "1M")[1] - bounds(bars, None, "1M")[0]).days == 31
    assert bounds(bars, {"start": "2024-01-03", "end": "2024-01-05"}, "Max") == (DAYS[1], DAYS[3])


def test_only_a_drag_or_a_reset_moves_the_window():
    """A resize of the browser is no zoom."""
    drag = {"xaxis.range[0]": "2024-01-03 12:00:00.1", "xaxis.range[1]": "2024-01-05"}
    assert zoomed(drag) == {"start": "2024-01-03", "end": "2024-01-05"}
    assert zoomed({"xaxis3.range[0]": "2024-01-03", "xaxis3.range[1]": "2024-01-05", "xaxis.showspikes": False}) == {
        "start": "2024-01-03",
        "end": "2024-01-05",
    }
    assert zoomed({"xaxis.autorange": True}) is None
    assert zoomed({"xaxis.range[0]": "2024-01-03"}) is no_update
    assert zoomed({"autosize": True}) is no_update


def test_a_wider_window_shows_more_candles():
    """The number of candles follows the pixels, and never falls to nothing."""
    assert candles(2560) > candles(1440) > 80
    assert candles(100) == 80


def test_other_pages_fill(client: TestClient):
    """Overview and health answer over a filled store without Dagster: facts, and "unknown" in words."""
    outputs = [("overview-domains", "children"), ("overview-tables", "children")]
    overview = str(ask(client, outputs, ("refresh", "data", {"tick": 0})))
    assert "equities_scored_bars" in overview
    assert "checks unknown" in overview
    health = health_page.text(client.app)
    assert "degraded" in health
    assert "no vendor was called yet" in health


def test_words_for_numbers():
    """Unknown is said in words, never as zero; zero is a number."""
    assert (wording.count(None), wording.count(0), wording.count(12345)) == ("no data", "0", "12,345")
    assert (wording.percent(0.987), wording.percent(0.0), wording.percent(None)) == ("98.7 %", "0.0 %", "no data")
    assert (wording.size(1536), wording.size(0)) == ("1.5 KiB", "0 B")
    assert [wording.age(s) for s in (5, 90, 7200, 200_000, None)] == ["5 s", "2 min", "2 h", "2 d", "no data"]
