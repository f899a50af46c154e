"""The tabs of the bars page; their callbacks as Dash's renderer asks them."""

from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.pages import shell
from dashboards.pages.bars import PAGE, TABS
from dashboards.pages.bars_shared import seconds
from market_assets.settings import Settings

from . import bars_collector, bars_home
from .bars_home import NOW
from .callbacks import ask, cards

VERSION, TICK = ("bars-version", "data", "v"), ("bars-tick", "n_intervals", 0)
LIGHT, WIDE = ("theme", "data", "light"), ("viewport", "data", 1280)
BOARD = [("bars-board", "data"), ("bars-live-note", "children"), ("bars-live-cards", "children")]
BOARD += [("bars-grid-place", "style")]
DRAWN = [
    ("bars-series-note", "children"), ("bars-series-place", "style"), ("bars-series-plot", "figure"),
    ("bars-series-plot", "style"), ("bars-series-said", "children"), ("bars-series-legend", "children"),
]  # fmt: skip
COMPARED = [
    ("bars-disagreement-plot", "figure"), ("bars-disagreement-place", "style"),
    ("bars-disagreement-said", "children"), ("bars-disagreement-rows", "children"),
]  # fmt: skip
LISTED = [
    ("bars-signals-note", "children"), ("bars-signals-place", "style"), ("bars-signals-grid", "rowData"),
    ("bars-signals-said", "children"), ("bars-signals-grid-place", "style"),
]  # fmt: skip
JUDGED = [
    ("bars-alphas-note", "children"), ("bars-alphas-place", "style"), ("bars-alphas-cards", "children"),
    ("bars-alphas-rows", "children"), ("bars-alphas-rules", "children"), ("bars-alphas-reliability-said", "children"),
]  # fmt: skip
PLOTTED = [("bars-alphas-equity", "figure"), ("bars-alphas-reliability", "figure")]
SERVED = [("bars-served-plot", "figure"), ("bars-served-place", "style"), ("bars-served-said", "children")]
HIDDEN = {"display": "none"}


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of the app over the home that all tests read."""
    return bars_home.reader(monkeypatch)


@pytest.fixture
def bare(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return bars_home.empty(monkeypatch)


@pytest.fixture
def collected(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home in which a collector is well."""
    found = bars_collector.configure(monkeypatch)
    bars_collector.write(found, bars_collector.status())
    return found


def look(client: TestClient) -> dict[str, dict[str, Any]]:
    return ask(client, BOARD, ("second", "n_intervals", 1))


def draw(client: TestClient, query: str = "", viewport: int = 1280) -> dict[str, dict[str, Any]]:
    inputs = [("bars-series-query", "data", query), VERSION, LIGHT, ("viewport", "data", viewport)]
    return ask(client, DRAWN, *inputs)


def compare(client: TestClient, query: str = "") -> dict[str, dict[str, Any]]:
    return ask(client, COMPARED, ("bars-series-query", "data", query), VERSION, LIGHT, WIDE)


def listed(client: TestClient, query: str = "") -> dict[str, dict[str, Any]]:
    return ask(client, LISTED, ("bars-signals-query", "data", query), VERSION)


def judged(client: TestClient, only: list[str] | None = None) -> dict[str, dict[str, Any]]:
    asked = [("bars-alphas-span", "value", "30d"), ("bars-alphas-accepted", "value", only or []), VERSION]
    return ask(client, JUDGED, *asked)


def traces(shown: dict[str, Any]) -> dict[str, Any]:
    return {each.name: each for each in go.Figure(shown["figure"]).data}


def test_every_tab_has_an_address(client: TestClient):
    """Each is served as the first request and is the current one; another is told; the page is in the navigation."""
    outputs = [("bars-body", "children"), ("bars-tabs", "children")]
    assert PAGE in shell.PAGES
    for name in TABS:
        path = f"/bars/{name}".rstrip("/")
        assert shell.page_of(path) is PAGE
        assert client.get(path).status_code == 200
        opened = ask(client, outputs, ("url", "pathname", path), state=(("url", "search", ""),))
        links = opened["bars-tabs"]["children"]
        assert [link["props"]["href"] for link in links if "current" in link["props"]["className"]] == [path]
    lost = ask(client, outputs, ("url", "pathname", "/bars/none"), state=(("url", "search", ""),))
    assert "There is no tab at /bars/none" in str(lost["bars-body"])


def test_the_board_without_a_collector(client: TestClient):
    """Closes of stored bars: BTC's of 12:01, a minute old; the exchange opens at 13:30; how to start a collector."""
    shown = look(client)
    rows = {row["symbol"]: row for row in shown["bars-board"]["data"]["rows"]}
    assert list(rows) == list(bars_home.SYMBOLS)
    btc, nas = rows["BTCUSD"], rows["NAS100"]
    assert (btc["price"], btc["age_s"], btc["state"], btc["values"]) == (62_161.0, 60.0, "DELAYED", "stored")
    assert (btc["source"], btc["warm"], btc["ema_9"], btc["rsi_14"]) == ("Yahoo, 0", "warm", 62_161.0, None)
    assert (nas["state"], nas["market"], nas["warm"]) == ("CLOSED", "opens Mon 13:30Z", None)
    assert "market-assets stream --domain bars" in str(shown["bars-live-note"])
    assert cards(shown["bars-live-cards"]["children"])["Warm"][0] == "2 of 2"


def test_the_board_with_a_collector(home: object, monkeypatch: pytest.MonkeyPatch):
    """A quote of two seconds ago is LIVE, and the board says nothing of a collector that is well."""
    found = bars_home.filled(monkeypatch)
    bars_home.stream(found, last_message_at=NOW).close()
    shown = look(TestClient(create_app(found)))
    btc = shown["bars-board"]["data"]["rows"][0]
    assert (btc["price"], btc["age_s"], btc["state"], btc["values"]) == (65_000.0, 2.0, "LIVE", "live")
    assert cards(shown["bars-live-cards"]["children"])["Live"][0] == "1"
    assert "stored bars" not in str(shown["bars-live-note"])


def test_the_candles_of_a_range(client: TestClient):
    """The newest hour in minutes; six hours in candles of 15 minutes with the lines made of them."""
    hour = draw(client, "?symbol=BTCUSD&range=1h")
    candles = traces(hour["bars-series-plot"])["candles"]
    assert (len(candles.x), candles.close[-1]) == (60, 62_161.0)
    assert "60 candles of 1m, the last one closed 2026-10-05 12:02 UTC." in hour["bars-series-said"]["children"]
    longer = draw(client, "?symbol=BTCUSD&range=6h&timeframe=15m")
    drawn = traces(longer["bars-series-plot"])
    # 06:02 lies in the candle of 06:00, and that of 12:00 is not over
    assert (len(drawn["candles"].x), drawn["candles"].close[-1]) == (24, 62_159.0)
    # closes rise by 15, so their mean of nine lies 4 x 15 below, once it has run in
    assert drawn["EMA 9"].y[-1] == pytest.approx(62_159.0 - 60)
    assert "Lines are made of these 15m candles" in longer["bars-series-said"]["children"]


def test_sources_and_gaps_are_on_the_chart(client: TestClient):
    """The hour from twelvedata has its own colour and level; the minute of 09:30 is missing."""
    shown = draw(client, "?symbol=BTCUSD&range=6h")
    drawn = traces(shown["bars-series-plot"])
    assert len(drawn["source twelvedata"].x) == 60
    assert list(drawn["gap"].customdata) == [1]
    legend = str(shown["bars-series-legend"]["children"])
    assert all(part in legend for part in ("Yahoo, level 0", "Twelve Data, level 2", "missing minutes"))
    assert "1 minutes of market time are missing, in 1 place." in shown["bars-series-said"]["children"]


def test_a_wide_range_fits_the_page(client: TestClient):
    """2,161 minutes in 512 places: five are merged into one; a phone is lower."""
    wide, phone = draw(client, "?symbol=BTCUSD&range=7d"), draw(client, "?symbol=BTCUSD&range=7d", viewport=400)
    assert len(traces(wide["bars-series-plot"])["candles"].x) == -(-2161 // 5)
    assert "2,161 candles of 1m, 5 merged into one" in wide["bars-series-said"]["children"]
    assert len(traces(phone["bars-series-plot"])["candles"].x) <= 160
    assert int(phone["bars-series-plot"]["style"]["height"][:-2]) < int(
        wide["bars-series-plot"]["style"]["height"][:-2]
    )


def test_an_instrument_without_volume_has_no_pane_for_it(client: TestClient):
    """EURUSD has no volume; a variant of a name opens its instrument."""
    shown = traces(draw(client, "?symbol=EURUSD&range=1h")["bars-series-plot"])
    assert "volume" not in shown
    assert "volume" in traces(draw(client, "?symbol=BTCUSD&range=1h")["bars-series-plot"])
    assert "NAS100" in str(draw(client, "?symbol=US100&range=1d")["bars-series-plot"])


def test_a_range_without_bars_says_so(client: TestClient):
    """Days before the first bar: no candles, and when the newest one was."""
    shown = draw(client, "?symbol=BTCUSD&range=custom&first=2026-09-01&last=2026-09-02")
    assert "No bar of BTCUSD is stored in this range" in shown["bars-series-said"]["children"]
    assert "2026-10-05 12:01" in shown["bars-series-said"]["children"]


def test_how_far_sources_disagree(client: TestClient):
    """0.05 % of a thousand minutes against the lines of 0.2 % and 1 %; a day that was not compared says why."""
    shown = compare(client, "?symbol=BTCUSD")
    assert traces(shown["bars-disagreement-plot"])["Yahoo and Twelve Data, median"].y[0] == pytest.approx(0.05)
    lines = [shape.y0 for shape in go.Figure(shown["bars-disagreement-plot"]["figure"]).layout.shapes]
    assert lines == pytest.approx([0.2, 1.0])
    assert "1,000 common minutes" in shown["bars-disagreement-said"]["children"]
    euro = compare(client, "?symbol=EURUSD")
    assert euro["bars-disagreement-place"]["style"] == HIDDEN
    assert all(part in str(euro["bars-disagreement-rows"]) for part in ("not compared", "'budget'"))


def test_signals_are_listed_sized_and_filtered(client: TestClient):
    """The golden one has 12.51 lots of 1,000 and ten times that of 10,000; filters leave what they say."""
    every = listed(client)["bars-signals-grid"]["rowData"]
    assert (len(every), every[0]["symbol"], every[0]["lots"]) == (7, "BTCUSD", pytest.approx(12.51))
    rejected = listed(client, "?verdict=rejected")["bars-signals-grid"]["rowData"]
    assert [(row["symbol"], row["alpha"], row["grade"]) for row in rejected] == [("EURUSD", "Breakout", "unproven")]
    assert rejected[0]["why"].startswith("too few outcomes")
    rich = listed(client, "?symbols=BTCUSD&alphas=volume_v1&equity=10000")["bars-signals-grid"]["rowData"]
    assert [row["lots"] for row in rich] == [pytest.approx(125.17)]
    nothing = listed(client, "?symbols=NAS100")
    assert "the filters leave none" in nothing["bars-signals-said"]["children"]
    assert nothing["bars-signals-grid-place"]["style"] == HIDDEN
    scanned = cards(ask(client, [("bars-signals-cards", "children")], VERSION)["bars-signals-cards"]["children"])
    assert scanned["Symbols scanned"][0] == "2"
    assert "too few outcomes 1" in scanned["Accepted"][1]


def test_how_alphas_did(client: TestClient):
    """+2, -1, +2: two of three won, 1 R a signal, 3 R in all; rules that were kept; wins of each p_win."""
    shown = judged(client)
    told = cards(shown["bars-alphas-cards"]["children"])
    assert (told["Outcomes"][0], told["Won"][0], told["Expectancy"][0], told["Total"][0]) == (
        "3", "66.7 %", "+1.00 R", "+3.00 R",
    )  # fmt: skip
    assert "Momentum" in str(shown["bars-alphas-rows"])
    rules = str(shown["bars-alphas-rules"])
    # three days with an entry are fewer than five
    assert (rules.count("'kept'"), rules.count("'broken'"), rules.count("tone-idle")) == (2, 1, 1)
    asked = [("bars-alphas-span", "value", "30d"), ("bars-alphas-accepted", "value", ["accepted"]), VERSION]
    plots = ask(client, PLOTTED, *asked, LIGHT, WIDE)
    assert list(traces(plots["bars-alphas-equity"])["all alphas"].y) == [2.0, 1.0, 3.0]
    dots = traces(plots["bars-alphas-reliability"])["outcomes"]
    # p 0.55 won, of the two with 0.65 one
    assert (list(dots.x), list(dots.y), list(dots.customdata)) == ([0.55, 0.65], [1.0, 0.5], [1, 2])


def test_the_sources(client: TestClient):
    """Each source of the chain with its breaker; the rows of the stored day; what needs a key says so."""
    shown = str(ask(client, [("bars-sources-tables", "children")], TICK, VERSION))
    assert all(name in shown for name in ("'Yahoo'", "'Alpha Vantage'", "'Twelve Data'", "'Polygon'"))
    assert "It has no key, so it is not asked." in shown
    # of the minutes of this UTC day: 722 less one of BTC and 701 of EURUSD, of which 60 from twelvedata
    assert "0 of 60 a minute used" in shown
    assert "'1,362'" in shown
    served = ask(client, SERVED, VERSION, LIGHT)
    assert list(traces(served["bars-served-plot"])["Yahoo"].y) == [100]


def test_the_pipeline(collected: Settings):
    """Every symbol at every source: one keeps the wanted second, the other says why it cannot."""
    client = TestClient(create_app(collected))
    shown = ask(client, [("bars-pipeline", "children")], TICK)["bars-pipeline"]["children"]
    assert cards(shown)["Collector"] == ("running", "process 4711, live")
    told = str(shown)
    assert all(part in told for part in ("'324 s'", bars_collector.WAITS, "polling slower", "'1 s'"))
    assert told.count("Yahoo, serving") == 2


def test_a_collector_that_died_is_told(home: object, monkeypatch: pytest.MonkeyPatch):
    """What it said last is shown as that, with how to start it."""
    found = bars_collector.configure(monkeypatch)
    bars_collector.write(found, bars_collector.status(NOW - timedelta(minutes=5)))
    shown = str(ask(TestClient(create_app(found)), [("bars-pipeline", "children")], TICK))
    assert all(part in shown for part in ("'died'", "What follows is what it said last.", "market-assets stream"))


def test_without_data_every_tab_says_why(bare: TestClient):
    """No data, the table that is missing, and the command that makes it; nothing is made up."""
    rows = look(bare)["bars-board"]["data"]["rows"]
    assert {row["price"] for row in rows} == {None}
    assert {row["state"] for row in rows} == {"NO DATA"}
    assert "--select bars_minute" in str(look(bare)["bars-live-note"])
    series = draw(bare)
    assert "--select bars_minute" in str(series["bars-series-note"])
    assert series["bars-series-place"]["style"] == HIDDEN
    assert "--select bars_reconciliation" in str(compare(bare)["bars-disagreement-rows"])
    assert "--select bars_signals" in str(listed(bare)["bars-signals-note"])
    assert "--select bars_outcomes" in str(judged(bare)["bars-alphas-note"])
    assert "--select bars_source_health" in str(ask(bare, SERVED, VERSION, LIGHT)["bars-served-said"])
    pipeline = str(ask(bare, [("bars-pipeline", "children")], TICK))
    assert "no collector was started" in pipeline
    assert "market-assets stream --domain bars --interval 1" in pipeline


def test_the_address_follows_the_controls(client: TestClient):
    """What is usual is not in it; the days of a custom range are asked for only then."""
    outputs = [("bars-series-query", "data"), ("bars-dates-place", "hidden")]
    inputs = [
        ("bars-symbol", "value", "EURUSD"), ("bars-timeframe", "value", "5m"), ("bars-range", "value", "6h"),
        ("bars-dates", "start_date", None), ("bars-dates", "end_date", None),
        ("bars-lines", "value", ["vwap"]), ("bars-panes", "value", []),
    ]  # fmt: skip
    told = ask(client, outputs, *inputs)
    assert told["bars-series-query"]["data"] == "?symbol=EURUSD&timeframe=5m&layers=vwap"
    assert told["bars-dates-place"]["hidden"] is True
    asked = [
        ("bars-signals-symbols", "value", ["BTCUSD"]), ("bars-signals-alphas", "value", None),
        ("bars-signals-verdict", "value", "all"), ("bars-signals-span", "value", "7d"),
        ("bars-signals-equity", "value", None),
    ]  # fmt: skip
    assert ask(client, [("bars-signals-query", "data")], *asked)["bars-signals-query"]["data"] == "?symbols=BTCUSD"


def test_intervals_in_words():
    """Short ones with their fractions, long ones in hours; an unknown one is no zero."""
    assert [seconds(value) for value in (None, 0.5, 1.0, 324.0, 7200.0)] == [
        "no data",
        "0.5 s",
        "1 s",
        "324 s",
        "2.0 h",
    ]
