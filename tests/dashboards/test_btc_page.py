"""The btc page: its callbacks as Dash's renderer asks them, and the page in a real browser."""

import time
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.btc.window import Window
from dashboards.pages import shell
from dashboards.pages.btc import PAGE, tab_of
from dashboards.pages.btc_overview import length
from dashboards.theme import DARK
from market_assets.settings import InvalidSettings, Settings
from resources.stores import open_store

from . import test_browser
from .btc_hours import at, configure, fill, processed
from .callbacks import ask, cards
from .conftest import write

browser, page = test_browser.browser, test_browser.page
DAY = [("btc-span", "value", "24h"), ("btc-dates", "start_date", None), ("btc-dates", "end_date", None)]
BOTH = [
    ("btc-span", "value", "custom"), ("btc-dates", "start_date", "2024-06-10"), ("btc-dates", "end_date", "2024-06-11"),
]  # fmt: skip
REST = [("btc-tick", "n_intervals", None), ("theme", "data", "dark")]
OVERVIEW = [
    ("btc-cards", "children"), ("btc-overview-note", "children"), ("btc-overview-plots", "style"),
    ("btc-price-color", "figure"), ("btc-rpn-dominance", "figure"),
]  # fmt: skip
SIGNALS = [
    ("btc-signals-note", "children"), ("btc-signals-plots", "style"), ("btc-signals-plot", "figure"),
    ("btc-strength", "figure"), ("btc-signals-grid", "rowData"), ("btc-signals-said", "children"),
]  # fmt: skip
ANALYSIS = [
    ("btc-analysis-note", "children"), ("btc-analysis-plots", "style"), ("btc-shares", "children"),
    ("btc-fll-fsl", "figure"), ("btc-dominance-status", "figure"), ("btc-correlation", "figure"),
]  # fmt: skip
PERFORMANCE = [
    ("btc-performance-note", "children"), ("btc-performance-plots", "style"), ("btc-rates", "figure"),
    ("btc-rates", "style"), ("btc-performance-tables", "children"),
]  # fmt: skip
TABS = [("btc-body", "children"), ("btc-tabs", "children"), ("btc-range", "hidden")]
STATES = [("btc-freshness", "children"), ("btc-tables", "children")]
WIDE = [("viewport", "data", 1440)]


@pytest.fixture
def btc(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home that holds two days."""
    found = configure(monkeypatch)
    fill(found)
    return found


@pytest.fixture
def app(btc: Settings) -> FastAPI:
    """The app over them."""
    return create_app(btc)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return TestClient(create_app(configure(monkeypatch)), raise_server_exceptions=False)


def test_every_tab_has_an_address():
    """`/btc/signals` is the signals tab; the overview is `/btc`; another is told, not shown as the overview."""
    assert shell.page_of("/btc/signals") is PAGE
    assert [tab_of(path) for path in ("/btc", "/btc/", "/btc/performance", "/btc/none")] == [
        "",
        "",
        "performance",
        None,
    ]


@pytest.mark.parametrize("path", ["/btc", "/btc/signals", "/btc/analysis", "/btc/performance"])
def test_a_tab_is_served_by_its_address(client: TestClient, path: str):
    """Its document is there as the first request, and its tab is the current one."""
    assert client.get(path).status_code == 200
    shown = ask(client, TABS, ("url", "pathname", path))
    current = [tab["props"]["href"] for tab in shown["btc-tabs"]["children"] if "current" in tab["props"]["className"]]
    assert current == [path]
    # the performance tab has a window of its own
    assert shown["btc-range"]["hidden"] is (path == "/btc/performance")


def test_an_unknown_tab_says_so(client: TestClient):
    """The known ones are named."""
    assert "/btc/analysis" in str(ask(client, TABS, ("url", "pathname", "/btc/none"))["btc-body"])


def test_the_cards_of_the_newest_day(client: TestClient):
    """Hours 24 to 47: 1,024 to 1,047 USD; (3.9 + 4.5 + 2.8) / 24 is the mean RPN; no hour is extreme."""
    shown = cards(ask(client, OVERVIEW, *DAY, *REST)["btc-cards"]["children"])
    assert shown["Points"] == ("24", "of 24 hours")
    assert shown["Span"] == ("24 h", "to 06-11 23:00 UTC")
    assert shown["Price"] == ("1,047 USD", "+2.25 % over the range")
    assert shown["Mean RPN"] == ("0.467", "newest 0.700")
    assert (shown["Extreme -1 (longs)"][0], shown["Extreme +1 (shorts)"][0]) == ("0 h", "0 h")


def test_a_custom_range_is_whole_days(client: TestClient):
    """Both days whole: 48 hours; the sides of the extremes are counted apart, 8 and 12 hours."""
    answer = ask(client, OVERVIEW, *BOTH, *REST)
    shown = cards(answer["btc-cards"]["children"])
    assert shown["Points"] == ("48", "of 48 hours")
    assert shown["Span"][0] == "2 d"
    assert (shown["Extreme -1 (longs)"][0], shown["Extreme +1 (shorts)"][0]) == ("8 h", "12 h")
    assert len(answer["btc-price-color"]["figure"]["data"][0]["x"]) == 48


def test_a_custom_range_without_its_end_shows_the_default(client: TestClient):
    """While the second day is not chosen yet the page shows the default range, not an error."""
    half = [BOTH[0], BOTH[1], ("btc-dates", "end_date", None)]
    assert cards(ask(client, OVERVIEW, *half, *REST)["btc-cards"]["children"])["Points"][0] == "24"


@pytest.mark.parametrize(("hours", "said"), [(1, "1 h"), (24, "24 h"), (75, "75 h"), (168, "7 d")])
def test_a_length_in_words(hours: int, said: str):
    """Whole days from two on, else hours."""
    assert length(Window(at(0), at(hours - 1))) == said


def test_figures_follow_the_page(client: TestClient):
    """In the dark the default template is the page's dark look."""
    figure = ask(client, OVERVIEW, *DAY, *REST)["btc-price-color"]["figure"]
    assert figure["layout"]["font"]["color"] == DARK.text


def test_the_latest_signals_are_those_of_the_range(client: TestClient):
    """24 hours speak five times, newest first, in words; events have their name."""
    answer = ask(client, SIGNALS, *DAY, *REST)
    rows = answer["btc-signals-grid"]["rowData"]
    assert [row["time"][-5:] for row in rows] == ["10:00", "08:00", "04:00", "03:00", "02:00"]
    assert [row["signal_class"] for row in rows] == ["strong buy", "sell", "weak sell", "weak sell", "weak sell"]
    assert [row["event"] for row in rows] == ["ceiling failed", "ceiling", "", "", ""]
    assert "5 of 24 hours" in answer["btc-signals-said"]["children"]


def test_the_shares_are_of_known_hours(client: TestClient):
    """Of 46 known hours 6 are bull, 7 bear, 33 neither; the two unknown ones are in no share."""
    shown = cards(ask(client, ANALYSIS, *BOTH, *REST, *WIDE)["btc-shares"]["children"])
    assert [shown[name][0] for name in ("Bull", "Bear", "Neutral", "Unknown")] == ["13.0 %", "15.2 %", "71.7 %", "2 h"]


def test_performance_says_how_sure_it_is(client: TestClient):
    """Two of three Sell hours won: 66.7 % with a Wilson interval of 20.8 to 93.9 %, grey; ALL is the base rate."""
    inputs = [("btc-performance-hours", "value", "168"), *REST, *WIDE]
    answer = ask(client, PERFORMANCE, *inputs)
    tables = str(answer["btc-performance-tables"]["children"])
    assert "win rate [Wilson 95 % interval]" in tables
    assert "{'children': '66.7 % [20.8, 93.9]', 'className': 'few'}" in tables
    assert "ALL (base rate)" in tables
    assert [f"{hours} h ahead" in tables for hours in (1, 6, 24)] == [True] * 3


@pytest.mark.parametrize(
    ("outputs", "extra", "note"),
    [(OVERVIEW, [], "btc-overview-note"), (SIGNALS, [], "btc-signals-note"), (ANALYSIS, WIDE, "btc-analysis-note")],
)
def test_an_empty_store_says_what_to_do(empty_client: TestClient, outputs: list, extra: list, note: str):
    """No hour: why, the command that makes some, and no plot of nothing."""
    answer = ask(empty_client, outputs, *DAY, *REST, *extra)
    assert "--select btc_price,btc_liquidations,btc_processed" in str(answer[note])
    assert "2021-02-01...2024-06-12" in str(answer[note])
    assert {"display": "none"} in [part.get("style") for part in answer.values()]


def test_performance_of_an_empty_store_says_what_to_do(empty_client: TestClient):
    """The same on the fourth tab."""
    inputs = [("btc-performance-hours", "value", "168"), *REST, *WIDE]
    assert "btc_processed" in str(ask(empty_client, PERFORMANCE, *inputs)["btc-performance-note"])


def test_a_range_without_hours_names_the_newest(client: TestClient):
    """A custom range before the history: no data, and up to when there is some."""
    early = [BOTH[0], ("btc-dates", "start_date", "2023-01-01"), ("btc-dates", "end_date", "2023-01-02")]
    note = str(ask(client, OVERVIEW, *early, *REST)["btc-overview-note"])
    assert "from 2023-01-01 00:00 to 2023-01-02 23:00 UTC" in note
    assert "2024-06-11 23:00Z" in note


def test_what_is_stored_is_shown_without_what_is_not(home: object, monkeypatch: pytest.MonkeyPatch):
    """With prices alone the price is drawn, RPN is said to be unknown, and the page names the tables that lack."""
    found = configure(monkeypatch)
    write(open_store(found), "btc_processed", processed())
    client = TestClient(create_app(found))
    answer = ask(client, OVERVIEW, *DAY, *REST)
    assert "btc_rpn, btc_bins, btc_dominance, btc_signals" in str(answer["btc-overview-note"])
    assert answer["btc-price-color"]["figure"]["data"][0]["y"][0] == 1024.0
    shown = cards(answer["btc-cards"]["children"])
    assert (shown["Mean RPN"][0], shown["Extreme -1 (longs)"][0]) == ("no data", "no data")
    inputs = [("btc-performance-hours", "value", "168"), *REST, *WIDE]
    assert "btc_signals" in str(ask(client, PERFORMANCE, *inputs)["btc-performance-note"])


def test_the_state_of_every_table(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    """Each table has its word; the card shows the worst of them, which is stale six hours later."""
    asked = ("btc-status-tick", "n_intervals", 0)
    assert cards(ask(client, STATES, asked)["btc-freshness"]["children"])["Freshness"] == (
        "empty",
        "newest row 2 min old",
    )
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-06-12T06:12:00Z")
    later = ask(client, STATES, asked)
    assert cards(later["btc-freshness"]["children"])["Freshness"] == ("stale", "newest row 6 h old")
    assert "btc_liquidations" in str(later["btc-tables"])
    pill = str(ask(client, [("btc-health", "children")], asked))
    assert "tables: 1 ok, 3 empty, 7 stale" in pill


def test_the_dates_offered_are_those_that_are_stored(client: TestClient):
    """The calendar appears for a custom range, opens at the newest day, and ends there."""
    outputs = [
        ("btc-dates-place", "hidden"), ("btc-dates", "initial_visible_month"), ("btc-dates", "min_date_allowed"),
        ("btc-dates", "max_date_allowed"),
    ]  # fmt: skip
    shown = ask(client, outputs, ("btc-span", "value", "custom"))
    assert shown["btc-dates-place"]["hidden"] is False
    assert shown["btc-dates"] == {
        "initial_visible_month": "2024-06-11", "min_date_allowed": "2021-02-01", "max_date_allowed": "2024-06-11",
    }  # fmt: skip
    assert ask(client, outputs, ("btc-span", "value", "7d"))["btc-dates-place"]["hidden"] is True


def test_the_settings_of_the_dashboard_are_used(home: object, monkeypatch: pytest.MonkeyPatch):
    """Refresh times, default range and height of the page are those of btc.dashboard."""
    plain = PAGE.layout().to_plotly_json()
    assert [str(plain["props"]["children"][place].interval) for place in (0, 1)] == ["300000", "30000"]
    configure(
        monkeypatch, BTC__DASHBOARD__AUTO_REFRESH_SECONDS="60", BTC__DASHBOARD__STATUS_REFRESH_SECONDS="7",
        BTC__DASHBOARD__DEFAULT_RANGE="7d", BTC__DASHBOARD__HEIGHT="640",
    )  # fmt: skip
    changed = PAGE.layout()
    assert [changed.children[place].interval for place in (0, 1)] == [60_000, 7_000]
    assert changed["btc-span"].value == "7d"
    from dashboards.pages import btc_overview

    assert btc_overview.layout()["btc-price-color"].style == {"height": "640px"}


def test_a_template_that_plotly_does_not_know_stops_the_start(home: object, monkeypatch: pytest.MonkeyPatch):
    """A misspelt template is told before anything is served."""
    with pytest.raises(InvalidSettings, match=r"btc\.dashboard\.template"):
        create_app(configure(monkeypatch, BTC__DASHBOARD__TEMPLATE="plotly_drak"))


def test_the_page_opens_within_its_budget(client: TestClient):
    """Document, tab, cards, plots and states of a first visit take less than 1.5 s of the processor."""
    ask(client, OVERVIEW, *BOTH, *REST)  # plotly is loaded once per process, before anyone visits
    begun = time.process_time()
    client.get("/btc")
    ask(client, TABS, ("url", "pathname", "/btc"))
    ask(client, OVERVIEW, *DAY, *REST)
    ask(client, STATES, ("btc-status-tick", "n_intervals", 0))
    assert time.process_time() - begun < 1.5


def drawn(page: Page, name: str, points: int) -> None:
    """Wait until the first trace of a plot has that many points."""
    plot = f"document.querySelector('#{name} .js-plotly-plot')"
    page.wait_for_function(f"{plot}?.data?.[0]?.x?.length === {points}", timeout=20_000)


@pytest.mark.browser
def test_tabs_open_by_click_and_by_address(page: Page, tmp_path: Path):
    """Each tab has its address, keeps the range, and draws; going back shows the tab before."""
    page.goto("/btc")
    drawn(page, "btc-price-color", 24)
    drawn(page, "btc-rpn-dominance", 24)
    expect(page.locator("#btc-cards")).to_contain_text("1,047 USD")
    expect(page.locator("#btc-tables")).to_contain_text("btc_signal_performance")
    page.screenshot(path=tmp_path / "overview.png", full_page=True)
    page.click("#btc-span >> text=3d")
    drawn(page, "btc-price-color", 48)
    page.click("#btc-tabs >> text=Signals")
    drawn(page, "btc-signals-plot", 48)
    assert page.url.endswith("/btc/signals")
    expect(page.locator("#btc-signals-grid .ag-center-cols-container")).to_contain_text("strong buy")
    page.click("#btc-tabs >> text=Analysis")
    drawn(page, "btc-fll-fsl", 48)
    page.go_back()
    drawn(page, "btc-signals-plot", 48)
    page.goto("/btc/performance")
    expect(page.locator("#btc-performance-tables")).to_contain_text("ALL (base rate)")
    page.wait_for_function("document.querySelectorAll('#btc-rates .point').length > 0")


@pytest.mark.browser
def test_unknown_hours_are_gaps_on_the_page(page: Page):
    """Prices of hours 10 and 11 are unknown: the drawn line has two pieces."""
    page.goto("/btc/signals")
    page.click("#btc-span >> text=3d")
    drawn(page, "btc-signals-plot", 48)
    pieces = "document.querySelectorAll('#btc-signals-plot .scatterlayer .trace:first-child .js-line').length"
    page.wait_for_function(f"{pieces} === 2")


@pytest.mark.browser
def test_the_plots_turn_dark_with_the_page(page: Page):
    """The button changes the plots as it changes the page."""
    page.goto("/btc/analysis")
    drawn(page, "btc-fll-fsl", 24)
    page.click("#theme-toggle")
    plot = "document.querySelector('#btc-correlation .js-plotly-plot')"
    page.wait_for_function(f"{plot}.layout.font.color === '{DARK.text}'")


@pytest.mark.browser
def test_no_tab_scrolls_sideways(page: Page, tmp_path: Path):
    """On a desk and on a phone every tab fits its window, opened there or brought there."""
    tabs = {"": "btc-price-color", "/signals": "btc-signals-plot", "/analysis": "btc-fll-fsl", "/performance": ""}
    for n, (tab, plot) in enumerate(tabs.items()):
        for opened, width in enumerate((1440, 390) if n % 2 else (390, 1440)):
            page.set_viewport_size({"width": width, "height": 900})
            if not opened:
                page.goto(f"/btc{tab}")
            if plot:
                drawn(page, plot, 24)
            else:
                expect(page.locator("#btc-performance-tables")).to_contain_text("24 h ahead")
            # a plot takes its width a moment after the window has its own
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
            page.screenshot(path=tmp_path / f"btc{tab.replace('/', '-')}-{width}.png", full_page=True)
