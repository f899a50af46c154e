"""The crypto page in a real browser: the market tab, live."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, WebSocketRoute, expect

from dashboards.app import create_app
from dashboards.theme import DARK
from market_assets.settings import Settings
from resources.stream.candle import Update
from resources.stream.hot import HotCache

from . import crypto_home, test_browser
from .crypto_home import LAST, MINUTE, NOW, candle, status

browser, page = test_browser.browser, test_browser.page

PLOT = "document.querySelector('#crypto-plot .js-plotly-plot')"
#: seconds after its close in which a candle must stand on an open page
WITHIN_S = 2.0


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home written by hand."""
    return crypto_home.filled(monkeypatch)


@pytest.fixture
def cache(found: Settings) -> Iterator[HotCache]:
    """The hot cache of a collector that runs."""
    opened = crypto_home.stream(found)
    yield opened
    opened.close()


@pytest.fixture
def app(found: Settings, cache: HotCache) -> FastAPI:
    """The app over both."""
    return create_app(found)


def trace(name: str, what: str) -> str:
    """A value of a trace of the chart, as the browser has it; undefined before it is drawn."""
    return f"{PLOT}?.data?.find(each => each.name === '{name}')?.{what}"


def wait_for(page: Page, value: str, wanted: Any, seconds: float = 15) -> None:
    """Wait until an expression has a value."""
    page.wait_for_function(f"wanted => {value} === wanted", arg=wanted, timeout=1000 * seconds)


def opened(page: Page) -> None:
    """Wait until everything on the page is there: what opens beside it would hold up what is measured."""
    for part in ("#crypto-telemetry tbody tr", "#crypto-convergence .vote", "#crypto-cards .card", "#metrics-table tr"):
        page.wait_for_selector(part)


def push(cache: HotCache, minutes: int) -> None:
    """Close the minutes after the newest stored one, and let the next one form."""
    forming = Update(candle("BTCUSDT", LAST + (minutes + 1) * MINUTE), False, NOW)
    closed = [candle("BTCUSDT", LAST + n * MINUTE) for n in range(1, minutes + 1)]
    cache.write(closed=closed, forming=[forming], status=status())


@pytest.mark.browser
def test_a_closed_candle_stands_on_the_open_page_within_two_seconds(page: Page, cache: HotCache):
    """On the chart of 1m, from the hot cache over the socket; the minute that forms is on it as it is pushed."""
    page.goto("/crypto?timeframe=1m&range=50")
    wait_for(page, trace("candles", "close.at(-1)"), 63_601)
    expect(page.locator("#crypto-badge")).to_have_text("LIVE")
    expect(page.locator("#crypto-price")).to_have_text("63,602.00")
    wait_for(page, trace("running", "close[0]"), 63_602)
    opened(page)
    for minutes in (1, 2):
        push(cache, minutes)
        wait_for(page, trace("candles", "close.at(-1)"), 63_601 + minutes, WITHIN_S)
        wait_for(page, trace("running", "close[0]"), 63_602 + minutes, WITHIN_S)
    expect(page.locator("#crypto-price")).to_have_text("63,604.00")


@pytest.mark.browser
def test_a_longer_candle_closes_with_its_last_minute(page: Page, cache: HotCache):
    """On the chart of 5m the candle of 12:00 runs until 12:05; then it is closed, though no run has stored it."""
    page.goto("/crypto?timeframe=5m&range=50")
    wait_for(page, trace("candles", "close.at(-1)"), 63_599)
    wait_for(page, trace("running", "close[0]"), 63_602)
    # of the minutes of it that have closed
    assert page.evaluate(trace("running", "open[0]")) == 63_599
    push(cache, 3)
    wait_for(page, trace("candles", "close.at(-1)"), 63_604)


@pytest.mark.browser
def test_the_age_counts_on_and_the_badge_tells_why(page: Page, cache: HotCache):
    """Every second in the browser; a collector that loses its venue makes it DELAYED, and candles stay."""
    page.goto("/crypto?timeframe=1m&range=50")
    wait_for(page, trace("candles", "x.length"), 50)
    age = page.locator("#crypto-age")
    expect(age).to_have_text(re.compile(r"last closed minute 6\d s ago"))
    first = age.text_content()
    page.wait_for_function("first => document.getElementById('crypto-age').textContent !== first", arg=first)
    cache.write(status=status(connected_since=None, last_error="refused"))
    expect(page.locator("#crypto-badge")).to_have_text("DELAYED")
    expect(age).to_contain_text("not connected to its venue (refused)")
    assert page.evaluate(trace("candles", "x.length")) == 50


@pytest.mark.browser
def test_without_the_socket_the_server_is_asked_every_two_seconds(page: Page, cache: HotCache):
    """The page goes on: the state is there, and a candle that closes appears."""
    refused: list[float] = []

    def refuse(route: WebSocketRoute) -> None:
        refused.append(time.monotonic())
        route.close(code=1013, reason="too many")

    page.route_web_socket(re.compile("/ws/crypto/"), refuse)
    page.goto("/crypto?timeframe=1m&range=50")
    wait_for(page, trace("candles", "close.at(-1)"), 63_601)
    expect(page.locator("#crypto-badge")).to_have_text("LIVE")
    push(cache, 1)
    wait_for(page, trace("candles", "close.at(-1)"), 63_602, 8)
    assert refused


@pytest.mark.browser
def test_layers_symbols_and_ranges_are_switched(page: Page):
    """Each switch takes its layer off the chart and puts it back; the address says what is shown, and opens it."""
    page.goto("/crypto?range=50")
    wait_for(page, trace("candles", "x.length"), 50)
    drawn = f"{PLOT}.layout.shapes.filter(each => each.name === 'regime').length"
    wait_for(page, drawn, 2)
    page.click("#crypto-overlays >> text=Regime")
    wait_for(page, drawn, 0)
    page.wait_for_url("**layers=supertrend,chandelier,liquidity,order_flow,alignment,ema,signals,trades")
    page.click("#crypto-overlays >> text=Order flow")
    wait_for(page, f"{PLOT}.layout.yaxis3 === undefined", True)
    page.click("#crypto-overlays >> text=Regime")
    wait_for(page, drawn, 2)
    page.click("#crypto-timeframe >> text=4h")
    wait_for(page, trace("candles", "close.at(-1)"), 63_599)
    wait_for(page, trace("candles", "x.length"), 15)
    address = page.url
    page.click("#crypto-symbol")
    page.click("text=ETHUSDT")
    expect(page.locator("#crypto-price")).to_have_text("3,639.80")
    page.goto(address.replace("BTCUSDT", "ETHUSDT"))
    wait_for(page, trace("candles", "close.at(-1)"), 3_640.1)
    expect(page.locator("#crypto-timeframe .selected")).to_have_text("4h")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_the_tab_fits_and_follows_the_look(page: Page, width: int, theme: str, tmp_path: Path):
    """On a desk and on a phone, in the light and in the dark, it does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/crypto?range=50")
    if theme == "dark":
        page.click("#theme-toggle")
    wait_for(page, trace("candles", "x.length"), 50)
    expect(page.locator("#crypto-convergence .vote")).to_have_count(6)
    expect(page.locator("#crypto-telemetry tbody tr")).to_have_count(7)
    wait_for(page, f"{PLOT}.layout.font.color === '{DARK.text}'", theme == "dark")
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    page.screenshot(path=tmp_path / f"market-{width}.png", full_page=True)
