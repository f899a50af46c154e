"""The account tab of the crypto page: plots and words of the simulated account, its callbacks, its empty states."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.crypto import orders
from dashboards.crypto.account import curve, drawdown_gauge, equity_figure
from dashboards.crypto.metrics import COUNTS, METRICS, meets, target
from dashboards.pages.widgets import grid_height
from dashboards.theme import DARK, LIGHT
from market_assets.crypto.schemas import EXITS
from market_assets.crypto.settings import PaperSettings
from market_assets.tables import contract
from resources.stores import open_store

from . import crypto_home
from .callbacks import ask, cards

VERSION, TICK = ("crypto-version", "data", "v"), ("crypto-tick", "n_intervals", 0)
LOOK = (("theme", "data", "light"), ("viewport", "data", 1280))
SHOWN = [
    ("account-note", "children"), ("account-place", "style"), ("account-held", "children"),
    ("account-waiting", "children"), ("account-gauge-said", "children"),
]  # fmt: skip
CARDS = [("account-cards", "children")]
PLOTS = [("account-plot", "figure"), ("account-gauge", "figure")]
LISTS = [
    (f"account-{name}{part}", prop)
    for name in ("closed", "rejected")
    for part, prop in (("", "rowData"), ("-said", "children"), ("-place", "style"))
]
METRIC_TABLE = [("metrics-table", "children"), ("metrics-scope", "options")]
WHOLE = [{"value": "ALL", "label": "whole account"}]


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return crypto_home.empty(monkeypatch)


def written(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], **variables: str) -> TestClient:
    """A client of an app whose account has these rows and nothing else."""
    found = crypto_home.configure(monkeypatch, **variables)
    crypto_home.write(open_store(found), "crypto_paper_trades", rows)
    return TestClient(create_app(found), raise_server_exceptions=False)


def cards_of(client: TestClient) -> dict[str, tuple[str, str]]:
    return cards(ask(client, CARDS, VERSION, TICK)["account-cards"]["children"])


def day(of_month: int, start: float, end: float, **values: Any) -> dict[str, Any]:
    """The account of a day of October 2026."""
    return {
        **{"day": date(2026, 10, of_month), "row_kind": "account", "trade_id": "account", "strategy_version": 1},
        **{"equity_start": start, "equity_end": end, "peak_equity": max(start, end), "realised_pnl": end - start},
        **{"unrealised_pnl": 0.0, "fees": 0.0, "exposure_ratio": 0.1, "drawdown_ratio": 0.0, **values},
    }


def days(*rows: dict[str, Any]) -> pl.DataFrame:
    schema = contract("crypto_paper_trades").schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


class TestFigures:
    def test_the_curve_begins_with_the_start_and_breaks_where_a_day_is_missing(self):
        """E[0] stands on the eve of the first day; the 3rd is not stored and stays unknown."""
        found = curve(days(day(2, 1000, 1010), day(4, 1010, 1000, drawdown_ratio=0.01)))
        assert found["day"].to_list() == [date(2026, 10, n) for n in (1, 2, 3, 4)]
        assert found["equity"].to_list() == [1000, 1010, None, 1000]
        assert found["drawdown"].to_list() == [None, 0, None, 0.01]

    def test_three_panes_with_their_limits(self):
        """Equity in USD, drawdown below zero and exposure in percent; dotted: start equity, both limits."""
        shown = days(day(2, 10_000, 9_900, peak_equity=10_000.0, drawdown_ratio=0.01))
        figure = equity_figure(shown, PaperSettings(), LIGHT, most=500)
        assert [list(trace.y)[-1] for trace in figure.data] == pytest.approx([9_900, -1.0, 10.0])
        assert {shape.y0 for shape in figure.layout.shapes} == {10_000, -10, 20}

    def test_many_days_are_thinned_and_missing_ones_stay(self):
        """As many points as fit, the unknown day among them."""
        kept = [n for n in range(1, 31) if n != 15]
        figure = equity_figure(days(*(day(n, 100, 100 + n % 7) for n in kept)), PaperSettings(), DARK, most=10)
        equity = list(figure.data[0].y)
        assert len(equity) <= 11
        assert equity.count(None) == 1

    def test_the_gauge_stands_against_the_limit(self):
        """4 % of a limit of 10; unknown shows no number, and not zero."""
        (known,) = drawdown_gauge(0.04, PaperSettings(), LIGHT).data
        assert (known.value, known.gauge.threshold.value) == (pytest.approx(4.0), pytest.approx(10.0))
        (unknown,) = drawdown_gauge(None, PaperSettings(), LIGHT).data
        assert (unknown.value, unknown.mode) == (None, "gauge")


class TestWords:
    def test_what_is_held_says_its_share_and_next_target(self):
        """0.5 at 100 of 1,000 is 5 %; one of three targets is reached; a stop that trails is named."""
        row = {"row_kind": "position", "qty_open": 0.5, "mark_price": 100.0, "targets": [1.0, 2.0, 3.0]}
        (found,) = orders.held(days({**row, "n_targets_hit": 1, "trail_armed": True, "exit_reason": "time"}), 1000.0)
        assert found["share"] == pytest.approx(0.05)
        assert (found["next_target"], found["stop_said"], found["ends_said"]) == (2.0, "trailing", "time is up")
        (bare,) = orders.held(days({"row_kind": "position", "qty_open": 0.5}), None)
        assert (bare["share"], bare["next_target"], bare["stop_said"], bare["ends_said"]) == (None, None, "", "")

    def test_why_an_order_was_refused(self):
        """Codes of the engine in words, what has none as it is, and none is said; the newest signal first."""
        refused = [("group_limit", 3), ("by hand", 2), (None, 1)]
        rows = [
            {"row_kind": "rejected", "reason": reason, "signal_time": datetime(2026, 10, n, tzinfo=UTC)}
            for reason, n in refused
        ]
        found = [row["why"] for row in orders.rejected_rows(days(*rows))]
        assert found == ["too much in correlated symbols", "by hand", "not said"]

    def test_every_exit_has_words(self):
        """An exit of the contract without words would stand as a code in a table of words."""
        assert set(orders.EXITS) == set(EXITS)

    def test_a_metric_is_measured_against_its_target(self):
        """Exactly the wanted win rate meets it, exactly the drawdown to stay below does not; unknown is neither."""
        row = {
            **{"win_rate_ratio": 0.55, "target_win_rate_ratio": 0.55, "sharpe": None, "target_sharpe": 1.5},
            **{"max_drawdown_ratio": 0.1, "target_max_drawdown_ratio": 0.1, "avg_holding_min": 180.0},
        }
        by_name = {metric.name: metric for metric in METRICS}
        win, sharpe, drawdown = (by_name[name] for name in ("win_rate_ratio", "sharpe", "max_drawdown_ratio"))
        assert [meets(metric, row) for metric in (win, sharpe, drawdown)] == [True, None, False]
        assert [target(metric, row) for metric in (win, drawdown)] == ["from 55.0 %", "below 10.0 %"]
        assert (sharpe.text(row), by_name["avg_holding_min"].text(row)) == ("-", "3.0 h")
        assert target(by_name["avg_holding_min"], row) == ""

    def test_every_metric_of_the_table_is_known_to_it(self):
        """A metric that the table has not is a misspelling."""
        names = {metric.name for metric in (*COUNTS, *METRICS)}
        assert names <= set(contract("crypto_success_metrics").columns)

    def test_a_grid_grows_with_its_rows_up_to_a_screenful(self):
        """Two rows need less than twelve; a thousand no more than twelve."""
        heights = [int(grid_height(n)["height"].removesuffix("px")) for n in (2, 12, 1000)]
        assert heights[0] < heights[1] == heights[2]


def test_the_cards_and_positions(client: TestClient):
    """By hand from the home: 10,022 after 10,000; `c` holds 0.003 at 62,879 of 10,022: 1.88 %."""
    shown = ask(client, SHOWN, VERSION)
    found = cards_of(client)
    assert found["Equity"] == ("10,022.00 USD", "+0.22 % since 2026-10-03")
    assert found["Newest day"] == ("+10.00 USD", "realised +5.00, fees 1.20")
    assert found["Unrealised"] == ("7.00 USD", "1 of at most 10 positions")
    assert found["Exposure"] == ("2.00 %", "of at most 20 % of equity")
    assert found["As of the end of"] == ("2026-10-04", "simulated: no order is ever sent")
    held = str(shown["account-held"]["children"])
    assert all(part in held for part in ("BTCUSDT", "long", "1.88 %", "+7.00 USD", "63,280.00"))
    assert "next open" in str(shown["account-waiting"]["children"])
    assert "From 10 % on nothing new is entered" in shown["account-gauge-said"]["children"]


def test_the_plots(client: TestClient):
    """The start and two days; the gauge at zero, measured."""
    shown = ask(client, PLOTS, VERSION, *LOOK)
    assert shown["account-plot"]["figure"]["data"][0]["y"] == [10_000, 10_012, 10_022]
    assert shown["account-gauge"]["figure"]["data"][0]["value"] == 0


def test_closed_and_refused_orders(client: TestClient):
    """The last exit first; why an order was refused, in words."""
    shown = ask(client, LISTS, VERSION)
    closed = shown["account-closed"]["rowData"]
    assert [(row["symbol"], row["left"], row["pnl"]) for row in closed] == [
        ("ETHUSDT", "time is up", 5.0),
        ("BTCUSDT", "targets", 10.0),
    ]
    assert closed[0]["exit"] == "2026-10-04 08:00"
    assert closed[0]["held_min"] == 20 * 60
    assert [row["why"] for row in shown["account-rejected"]["rowData"]] == ["one position per symbol"]


def test_success_metrics_against_their_targets(client: TestClient):
    """Windows side by side; unknown ones are a dash and say why; a symbol has its own."""
    shown = ask(
        client, METRIC_TABLE, VERSION, ("metrics-scope", "value", "ALL"), state=(("metrics-scope", "options", []),)
    )
    assert [one["value"] for one in shown["metrics-scope"]["options"]] == ["ALL", "BTCUSDT", "ETHUSDT"]
    table = str(shown["metrics-table"]["children"])
    assert all(part in table for part in ("100.0 %", "from 55.0 %", "below 10.0 %", "22.00 USD", "since the start"))
    assert "Unknown (-) for 7 days, 30 days, 90 days, since the start: n_obs 1 of 30." in table
    of_symbol = ask(
        client, METRIC_TABLE, VERSION, ("metrics-scope", "value", "ETHUSDT"), state=(("metrics-scope", "options", []),)
    )
    assert "5.00 USD" in str(of_symbol["metrics-table"]["children"])


def test_without_data_it_says_why(empty_client: TestClient):
    """The table that is missing and the command that makes it; no plot, no zero."""
    shown = ask(empty_client, SHOWN, VERSION)
    note = str(shown["account-note"]["children"])
    assert "crypto_paper_trades" in note
    assert "dagster asset materialize" in note
    assert shown["account-place"]["style"] == {"display": "none"}
    assert ask(empty_client, CARDS, VERSION, TICK)["account-cards"]["children"] == []
    assert ask(empty_client, PLOTS, VERSION, *LOOK)["account-plot"]["figure"]["data"] == []
    assert ask(empty_client, LISTS, VERSION)["account-closed"]["rowData"] == []
    table = ask(
        empty_client,
        METRIC_TABLE,
        VERSION,
        ("metrics-scope", "value", "ALL"),
        state=(("metrics-scope", "options", WHOLE),),
    )
    assert "crypto_success_metrics is not materialised yet" in str(table["metrics-table"]["children"])


def test_an_account_that_never_traded(home: object, monkeypatch: pytest.MonkeyPatch):
    """Equity as it began; nothing held, waiting, closed or refused, each in words; late days are told."""
    client = written(monkeypatch, [day(2, 10_000, 10_000, exposure_ratio=0.0)])
    shown = ask(client, SHOWN, VERSION)
    found = cards_of(client)
    assert found["Equity"] == ("10,000.00 USD", "+0.00 % since 2026-10-02")
    assert found["As of the end of"] == ("2026-10-02", "2 days behind yesterday")
    assert "holds nothing" in str(shown["account-held"]["children"])
    assert "No order waits" in str(shown["account-waiting"]["children"])
    lists = ask(client, LISTS, VERSION)
    assert lists["account-closed-said"]["children"] == "No position was closed yet."
    assert lists["account-rejected-place"]["style"] == {"display": "none"}


def test_an_account_that_was_reset(home: object, monkeypatch: pytest.MonkeyPatch):
    """Only the strategy version in force counts; one without a day yet says so."""
    rows = [day(2, 10_000, 5_000), day(3, 10_000, 10_100, strategy_version=2)]
    client = written(monkeypatch, rows, CRYPTO__SIGNALS__STRATEGY_VERSION="2")
    found = cards_of(client)
    assert found["Equity"] == ("10,100.00 USD", "+1.00 % since 2026-10-03")
    client = written(monkeypatch, rows, CRYPTO__SIGNALS__STRATEGY_VERSION="3")
    assert "strategy version 3" in str(ask(client, SHOWN, VERSION)["account-note"]["children"])


def test_a_position_that_will_be_left(home: object, monkeypatch: pytest.MonkeyPatch):
    """What ends it at its next candle stands where its time stop would."""
    held = {
        **{"day": date(2026, 10, 4), "row_kind": "position", "status": "open", "trade_id": "x", "symbol": "BTCUSDT"},
        **{"side": "short", "qty": 1.0, "qty_open": 1.0, "entry_ts": datetime(2026, 10, 4, tzinfo=UTC), "pnl": 0.0},
        **{"entry_price": 10.0, "mark_price": 10.0, "exit_reason": "opposite_signal", "strategy_version": 1},
        **{"time_stop_at": datetime(2026, 10, 5, tzinfo=UTC)},
    }
    client = written(monkeypatch, [day(4, 10_000, 10_000), held])
    said = str(ask(client, SHOWN, VERSION)["account-held"]["children"])
    assert "next candle: opposite signal" in said
    assert "2026-10-05" not in said
