"""The market tab of the crypto page; its callbacks as Dash's renderer asks them."""

from typing import Any

import plotly.graph_objects as go
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.pages import shell
from dashboards.pages.crypto import PAGE, TABS
from dashboards.pages.crypto_shared import plain, signed_percent
from dashboards.pages.wording import price
from market_assets.settings import Settings
from resources.stores import open_store

from . import crypto_home
from .callbacks import ask, cards
from .crypto_home import LAST, MINUTE, candle

VERSION, CLOSED = ("crypto-version", "data", "v"), ("crypto-closed", "data", None)
LIGHT, WIDE = ("theme", "data", "light"), ("viewport", "data", 1280)
DRAWN = [
    ("crypto-market-note", "children"), ("crypto-market-place", "style"), ("crypto-plot", "figure"),
    ("crypto-plot", "style"), ("crypto-market-said", "children"), ("crypto-legend", "children"),
]  # fmt: skip
TOLD = [("crypto-convergence", "children"), ("crypto-telemetry", "children")]
#: 12:01 in milliseconds
NEWEST = 1_791_201_660_000


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home written by hand."""
    return crypto_home.filled(monkeypatch)


@pytest.fixture
def app(found: Settings) -> FastAPI:
    """The app over it."""
    return create_app(found)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return crypto_home.empty(monkeypatch)


def draw(client: TestClient, query: str = "", viewport: int = 1280) -> dict[str, dict[str, Any]]:
    inputs = [("crypto-market-query", "data", query), VERSION, CLOSED, LIGHT, ("viewport", "data", viewport)]
    return ask(client, DRAWN, *inputs)


def trace(shown: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    figure = go.Figure(shown["crypto-plot"]["figure"])
    return {each.name: each for each in figure.data}[name]


def show_cards(client: TestClient, symbol: str = "BTCUSDT", timeframe: str = "1h") -> dict[str, tuple[str, str]]:
    inputs = [("crypto-symbol", "value", symbol), ("crypto-timeframe", "value", timeframe), VERSION, CLOSED]
    return cards(ask(client, [("crypto-cards", "children")], *inputs)["crypto-cards"]["children"])


def tell(client: TestClient, symbol: str = "BTCUSDT") -> dict[str, dict[str, Any]]:
    return ask(client, TOLD, ("crypto-symbol", "value", symbol), VERSION)


def see(client: TestClient, symbol: str = "BTCUSDT") -> dict[str, Any]:
    inputs = [
        ("crypto-symbol", "value", symbol),
        ("crypto-tick", "n_intervals", 0),
        ("crypto-fallback", "n_intervals", 0),
    ]
    found: dict[str, Any] = ask(client, [("crypto-look", "data")], *inputs)["crypto-look"]["data"]
    return found


def tab(client: TestClient, path: str, search: str = "") -> dict[str, dict[str, Any]]:
    outputs = [("crypto-body", "children"), ("crypto-tabs", "children")]
    return ask(client, outputs, ("url", "pathname", path), state=(("url", "search", search),))


def test_every_tab_has_an_address(client: TestClient):
    """Each is served as the first request and is the current one; another is told."""
    for name in TABS:
        path = f"/crypto/{name}".rstrip("/")
        assert shell.page_of(path) is PAGE
        assert client.get(path).status_code == 200
        links = tab(client, path)["crypto-tabs"]["children"]
        assert [link["props"]["href"] for link in links if "current" in link["props"]["className"]] == [path]
    assert "There is no tab at /crypto/none" in str(tab(client, "/crypto/none")["crypto-body"])


def test_the_tab_opens_as_its_address_says(client: TestClient):
    """Symbol, timeframe, range and layers of the address; the primary timeframe and all six overlays without one."""
    stated = str(tab(client, "/crypto", "?symbol=ETHUSDT&timeframe=15m&range=50&layers=regime"))
    assert all(
        part in stated for part in ("'value': 'ETHUSDT'", "'value': '15m'", "'value': '50'", "'value': ['regime']")
    )
    usual = str(tab(client, "/crypto", "?symbol=NONE"))
    six = ["supertrend", "chandelier", "liquidity", "order_flow", "regime", "alignment"]
    assert all(part in usual for part in ("'value': 'BTCUSDT'", "'value': '1h'", "'value': '200'", f"'value': {six}"))


def test_the_address_follows_the_controls(client: TestClient):
    """What is usual is not in it."""
    inputs = [
        ("crypto-symbol", "value", "ETHUSDT"), ("crypto-timeframe", "value", "5m"), ("crypto-range", "value", "200"),
        ("crypto-overlays", "value", ["regime"]), ("crypto-extras", "value", []),
    ]  # fmt: skip
    query = ask(client, [("crypto-market-query", "data")], *inputs)["crypto-market-query"]["data"]
    assert query == "?symbol=ETHUSDT&timeframe=5m&layers=regime"


@pytest.mark.parametrize(("timeframe", "n", "close"), [("1m", 50, 63_601), ("5m", 50, 63_599), ("1d", 2, 62_879)])
def test_candles_of_every_length(client: TestClient, timeframe: str, n: int, close: float):
    """The newest fifty, or as many as are stored; minute 3,601 since the 3rd closes at 63,601."""
    shown = draw(client, f"?timeframe={timeframe}&range=50")
    candles = trace(shown, "candles")
    assert (len(candles.x), candles.close[-1]) == (n, close)
    assert f"{n} closed candles of {timeframe}, the newest closed 2026-10-05" in shown["crypto-market-said"]["children"]


def test_all_candles_fit_the_page(client: TestClient):
    """3,602 minutes in 512 places: eight are merged into one, and it is said; fifty are never merged."""
    shown = draw(client, "?timeframe=1m&range=all")
    assert len(trace(shown, "candles").x) == -(-3602 // 8)
    assert "3,602 closed candles of 1m, 8 merged into one" in shown["crypto-market-said"]["children"]
    phone = draw(client, "?timeframe=1m&range=200", viewport=400)
    assert len(trace(phone, "candles").x) == 200
    assert (phone["crypto-plot"]["style"], shown["crypto-plot"]["style"]) == ({"height": "520px"}, {"height": "660px"})


def test_the_regime_strip_of_two_labels(client: TestClient):
    """The 3rd is a compression, the days after a trend: two shapes, and both are in the legend."""
    shown = draw(client, "?timeframe=1h&range=100&layers=regime")
    strip = [shape for shape in go.Figure(shown["crypto-plot"]["figure"]).layout.shapes if shape.name == "regime"]
    assert [shape.x0[:16] for shape in strip] == ["2026-10-02T23:30", "2026-10-03T23:30"]
    legend = str(shown["crypto-legend"]["children"])
    assert "regime: range, narrow" in legend
    assert "regime: trend, calm" in legend
    assert "regime: transition" not in legend


def test_signals_and_trades_are_on_the_chart(client: TestClient):
    """Two long entries of BTC; trade a from the 3rd and c, which is open."""
    shown = draw(client, "?timeframe=1h&range=100")
    assert list(trace(shown, "signals").marker.symbol) == ["triangle-up", "triangle-up-open"]
    assert list(trace(shown, "entry").y) == [60_360.0, 62_040.0]
    assert list(trace(shown, "exit").y) == [63_693.0]


def test_the_cards(client: TestClient):
    """By hand: 63,601 over 62,161, and 3,639.9 over 3,783.9; the regime with what reads it; sides of each symbol."""
    shown = show_cards(client)
    assert shown["24 h change"][0] == "+2.32 %"
    assert shown["Regime of 1h"] == ("trend, calm", "55% sure; read it by supertrend")
    assert shown["Alignment"] == ("up", "100% of 4 timeframes, swing")
    assert shown["Order flow"] == ("+0.120", "of 20 candles of 1h")
    of_minutes = show_cards(client, "ETHUSDT", "1m")
    assert of_minutes["Order flow"] == ("-0.120", "of 20 candles of 5m")
    assert of_minutes["24 h change"][0] == "-3.81 %"


def test_the_six_votes_of_the_newest_signal(client: TestClient, found: Settings):
    """A HOLD has no levels; a decision to enter has all; both are labelled as the rules'."""
    held = str(tell(client)["crypto-convergence"])
    assert held.count("vote tone-idle") == 6
    assert "source: rule" in held
    assert "stop" not in held
    bar = {**crypto_home.timeframe("ETHUSDT", "1h")[-1]}
    entered = crypto_home.signal(bar) | {
        **{"action": "ENTER_SHORT", "n_minus": 5, "vote_confidence": 5 / 6, "stop_price": 3_700.0, "rr_at_t3": 3.0},
        **{"stop_distance_pct": 2.0, "targets": [3_500.0, 3_400.0, 3_300.0], "is_tradeable": True},
        **{f"vote_{name}": -1 for name in ("supertrend", "chandelier", "alignment", "flow", "regime")},
    }
    crypto_home.write(open_store(found), "crypto_signals", [entered])
    shown = str(tell(client, "ETHUSDT")["crypto-convergence"])
    assert (shown.count("vote tone-bad"), shown.count("vote tone-idle")) == (5, 1)
    assert all(
        part in shown
        for part in ("ENTER SHORT", "'tradeable'", "3,700.00 (2.00 % away)", "3,500.00 / 3,400.00 / 3,300.00")
    )


def test_what_overlays_cost(client: TestClient):
    """Seven rows of five timeframes; liquidity takes 300 ms; all of the newest day."""
    shown = str(tell(client)["crypto-telemetry"])
    assert shown.count("'300.0'") == 5
    assert all(
        name in shown for name in ("Base", "Supertrend", "Liquidity zones", "Alignment", "24 rows, 4.7 KiB", "'45'")
    )
    assert "cell-slow" not in shown


def test_how_a_symbol_stands_without_a_stream(client: TestClient):
    """The stored minute of 12:01, closed a minute ago; why it is not live."""
    told = see(client)
    assert (told["state"], told["price"], told["closed_age_s"], told["minute"]) == ("NO DATA", 63_601.0, 60.0, NEWEST)
    assert "no stream runs" in told["reason"]
    assert told["forming"] is None


def test_a_candle_that_was_pushed_is_shown(client: TestClient, found: Settings):
    """Closed at 12:03 and not stored yet: chart and state have it, and 5m candles are made of such."""
    cache = crypto_home.stream(found)
    told = see(client)
    assert told["state"] == "LIVE"
    assert told["forming"]["close"] == 63_602.0
    cache.write(closed=[candle("BTCUSDT", LAST + n * MINUTE) for n in (1, 2, 3)], status=crypto_home.status())
    assert see(client)["minute"] == NEWEST + 180_000
    assert trace(draw(client, "?timeframe=1m"), "candles").close[-1] == 63_604.0
    five = draw(client, "?timeframe=5m")
    assert trace(five, "candles").close[-1] == 63_604.0
    running = trace(draw(client, "?timeframe=1h"), "running")
    assert (running.open, running.close) == ((63_599.0,), (63_604.0,))


def test_pushed_candles_alone_are_a_chart(empty_client: TestClient, found: Settings):
    """Before anything is stored the stream is enough."""
    (found.home / "lake").rename(found.home / "gone")
    assert "crypto_klines" in str(draw(empty_client)["crypto-market-note"])
    crypto_home.stream(found)
    shown = draw(empty_client, "?timeframe=1m")
    assert len(trace(shown, "candles").x) == 3
    assert shown["crypto-market-note"]["children"] == []


def test_without_data_the_tab_says_why(empty_client: TestClient):
    """No data, the table that is missing, and the command that makes it; nothing is made up."""
    shown = draw(empty_client)
    assert "--select crypto_klines" in str(shown["crypto-market-note"])
    assert shown["crypto-market-place"]["style"] == {"display": "none"}
    assert {value for value, _ in show_cards(empty_client).values()} == {"no data"}
    told = str(tell(empty_client))
    assert "--select crypto_signals" in told
    assert "--select crypto_overlays" in told
    state = see(empty_client)
    assert (state["state"], state["price"], state["closed_age_s"]) == ("NO DATA", None, None)


def test_numbers_in_words():
    """Prices with the digits they have; an unknown one is no zero."""
    assert [price(value) for value in (None, 63_421.5, 0.48213)] == ["no data", "63,421.50", "0.48213"]
    assert [signed_percent(value) for value in (None, 1.234, -0.5)] == ["no data", "+1.23 %", "-0.50 %"]
    assert [plain(value) for value in (None, 1.234)] == ["no data", "1.23"]
