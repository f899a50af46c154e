"""The backtest lab of the crypto page: its query, its figure, its file, its callbacks over the home written by hand."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.crypto.lab import age, lab_figure, missing, trade_rows, trades_csv
from dashboards.crypto.lab_query import RANGES, LabQuery
from dashboards.theme import LIGHT
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.backtest import EQUITY, TRADES
from market_assets.crypto.transforms.strategies import STRATEGIES

from . import crypto_home
from .callbacks import ask, cards

HOUR = timedelta(hours=1)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
VERSION, TICK = ("crypto-version", "data", "v"), ("crypto-tick", "n_intervals", 0)
SHOWN = [
    ("lab-note", "children"), ("lab-place", "style"), ("lab-said", "children"), ("lab-cards", "children"),
    ("lab-metrics", "children"), ("lab-trades", "rowData"), ("lab-trades-said", "children"),
    ("lab-trades-place", "style"), ("lab-download", "disabled"),
]  # fmt: skip
CONTROLS = ("symbol", "strategy", "timeframe", "range", "slippage", "commission")


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return crypto_home.empty(monkeypatch)


def show(client: TestClient, query: str) -> dict[str, dict[str, Any]]:
    return ask(client, SHOWN, ("lab-query", "data", query), VERSION)


def plot(client: TestClient, query: str, width: int = 1280) -> dict[str, Any]:
    look = (("theme", "data", "light"), ("viewport", "data", width))
    figure: dict[str, Any] = ask(client, [("lab-plot", "figure")], ("lab-query", "data", query), VERSION, *look)[
        "lab-plot"
    ]["figure"]
    return figure


def badge(client: TestClient, query: str) -> str:
    return str(ask(client, [("lab-age", "children")], ("lab-query", "data", query), VERSION, TICK))


class TestQuery:
    @given(
        symbol=st.none() | st.sampled_from(["BTCUSDT", "A&B=C"]),
        strategy=st.sampled_from(list(STRATEGIES)),
        timeframe=st.sampled_from(list(MINUTES)),
        span=st.sampled_from(list(RANGES)),
        slippage=st.none() | st.floats(0, 50),
        commission=st.none() | st.floats(0, 50),
    )
    @settings(deadline=None)
    def test_an_address_is_read_as_it_was_written(self, span: str, **values: Any):
        """What a run is stated by, its address says; zero costs are costs, not the usual ones."""
        query = LabQuery(range=span, **values)
        assert LabQuery.of(query.text) == query

    def test_what_is_stated_wrongly_is_not_stated(self):
        """Unknown names and impossible costs leave the usual run."""
        wrong = "?strategy=moon&timeframe=7m&range=2y&slippage=-1&commission=nan"
        assert LabQuery.of(wrong) == LabQuery()
        assert LabQuery.of("?slippage=51&commission=x").text == ""


class TestAge:
    @pytest.mark.parametrize(
        ("hours", "word"), [(0.0, "fresh"), (1.5, "fresh"), (1.51, "stale"), (3.0, "stale"), (3.01, "outdated")]
    )
    def test_it_counts_from_the_close_in_lengths_of_the_timeframe(self, hours: float, word: str):
        """Fresh up to 1.5 timeframes, stale up to 3, outdated beyond."""
        found = age(NOON - HOUR, HOUR, NOON + hours * HOUR)
        assert (found.word, found.since) == (word, hours * HOUR)


def bars(*closes: float, gap: int | None = None) -> pl.DataFrame:
    """Hourly candles from noon on; without the one numbered `gap`."""
    rows = [
        {"ts": NOON + n * HOUR, "open": close - 1, "high": close + 1, "low": close - 2, "close": close}
        for n, close in enumerate(closes)
        if n != gap
    ]
    return pl.DataFrame(rows, schema_overrides={"ts": pl.Datetime("us", "UTC")})


def trade(**values: Any) -> dict[str, Any]:
    plain = {"side": "long", "status": "closed", "exit_reason": "time", "entry_ts": NOON, "exit_ts": NOON + HOUR}
    return {**dict.fromkeys(TRADES), **plain, "entry_price": 10.0, "exit_price": 11.0, "pnl": 1.0, **values}


def trades(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TRADES)


def drawn(*rows: dict[str, Any], most: int = 100) -> dict[str, Any]:
    """The traces by name, over four candles."""
    shown = bars(10, 11, 12, 13)
    equity = pl.DataFrame({"at": shown["ts"] + HOUR, "equity": [100.0, 100.0, 102.0, 101.0]}, schema=EQUITY)
    figure = lab_figure(shown, trades(*rows), equity, 100.0, LIGHT, most=most, view="v")
    return {trace.name: trace for trace in figure.data}


class TestFigure:
    def test_trades_stand_where_they_were_filled(self):
        """A long that won, a short that lost, and one still open: entries by side, ways by what they brought."""
        found = drawn(
            trade(),
            trade(side="short", pnl=-1.0, entry_price=12.0, exit_price=13.0),
            trade(status="open", exit_ts=None, exit_price=None, exit_reason=None),
        )
        assert list(found["long entry"].y) == [10.0, 10.0]
        assert list(found["short entry"].y) == [12.0]
        assert list(found["profit"].y) == [10.0, 11.0, None]
        assert list(found["loss"].y) == [12.0, 13.0, None]
        assert [list(row) for row in found["exit"].customdata] == [["time is up", 1.0], ["time is up", -1.0]]

    def test_holding_is_shown_beside_the_equity(self):
        """From 9 to 13 is 144.44 of 100, at the closes that the equity stands at."""
        found = drawn()
        assert list(found["holding the symbol, no costs"].y)[-1] == pytest.approx(100 * 13 / 9)
        assert list(found["holding the symbol, no costs"].x) == list(found["equity"].x)
        assert "exit" not in found

    def test_candles_that_do_not_fit_are_merged(self):
        """Four in two: the highs and lows of both survive, and the reader is told."""
        price = drawn(most=2)["price"]
        assert (list(price.high), list(price.low)) == ([12.0, 14.0], [8.0, 10.0])
        assert list(price.text) == ["2 candles", "2 candles"]

    def test_missing_candles_are_counted(self):
        """Between the first and the last; none of nothing."""
        assert missing(bars(1, 2, 3, 4, gap=2), HOUR) == 1
        assert missing(bars(1, 2), HOUR) == 0
        assert missing(bars(1).clear(), HOUR) == 0


def test_the_file_says_what_it_is_of():
    """Each row names symbol, timeframe and strategy; times in UTC; what is unknown is empty."""
    text = trades_csv(trades(trade(r_multiple=None)), symbol="BTCUSDT", strategy="SMA")
    (row,) = csv.DictReader(io.StringIO(text))
    assert list(row)[:2] == ["symbol", "strategy"]
    assert (row["entry_ts"], row["r_multiple"], row["pnl"]) == ("2026-10-05T12:00:00Z", "", "1.0")
    assert trades_csv(trades(), symbol="A").splitlines() == [f"symbol,{','.join(TRADES)}"]


def test_the_newest_trade_comes_first():
    """Numbered by entry; an open one says so instead of a reason."""
    both = trades(trade(), trade(status="open", exit_ts=None, exit_reason=None))
    rows = trade_rows(both, 2)
    assert [(row["n"], row["said"], row["exit_ts"]) for row in rows] == [
        (2, "still open", None),
        (1, "time is up", "2026-10-05 13:00"),
    ]
    assert [row["n"] for row in trade_rows(both, 1)] == [2]


def test_a_run_by_hand(client: TestClient):
    """RSI of a market that only rises is 100 at the 15th close: short at the open of the 16th hour, never left.

    That hour opens at 60,899, sold 0.05 % lower for all of 10,000 at 0.1 % commission; the last close is 63,599.
    """
    shown = show(client, "?strategy=rsi")
    entry = 60_899 * 0.9995
    equity = 10_000 - 10 + (entry - 63_599) * 10_000 / entry
    found = cards(shown["lab-cards"]["children"])
    assert found["Equity at the end"][0] == f"{equity:,.2f} USD" == "9,541.42 USD"
    assert found["Equity at the end"][1] == "-4.59 %; holding +6.00 %"
    assert found["Closed trades"] == ("0", "0 long, 1 short, 1 still open")
    assert found["Sharpe, yearly"] == ("-", "no closed trade")
    (row,) = shown["lab-trades"]["rowData"]
    assert (row["side"], row["entry_ts"], row["said"]) == ("short", "2026-10-03 15:00", "still open")
    assert row["entry_price"] == pytest.approx(entry)
    said = shown["lab-said"]["children"]
    assert "60 closed 1h candles of BTCUSDT (none missing), 2026-10-03 00:00 to 2026-10-05 12:00 UTC" in said
    assert "0.05 % slippage" in said
    assert "Unknown (-): no closed trade." in str(shown["lab-metrics"]["children"])


def test_costs_are_those_asked_for(client: TestClient):
    """Without costs the same short enters at the open itself and pays nothing."""
    (row,) = show(client, "?strategy=rsi&slippage=0&commission=0")["lab-trades"]["rowData"]
    assert (row["entry_price"], row["fees"]) == (60_899, 0)


def test_convergence_trades_the_stored_decisions(client: TestClient):
    """The tradeable signal of 09:00 enters at 10:00; the next decision is 0.39 less sure, so it is left at 11:00."""
    shown = show(client, "?strategy=convergence&timeframe=5m")
    (row,) = shown["lab-trades"]["rowData"]
    assert (row["side"], row["entry_ts"], row["exit_ts"]) == ("long", "2026-10-04 10:00", "2026-10-04 11:00")
    assert row["said"] == "confidence fell"
    assert "1h candles" in shown["lab-said"]["children"]
    assert shown["lab-download"]["disabled"] is False
    traces = [trace["name"] for trace in plot(client, "?strategy=convergence")["data"]]
    assert {"price", "long entry", "exit", "equity"} <= set(traces)


def test_every_strategy_runs(client: TestClient):
    """On both symbols, whatever the timeframe, also on too few candles; a missing minute is told."""
    for name in STRATEGIES:
        for timeframe in MINUTES:
            shown = show(client, f"?symbol=ETHUSDT&strategy={name}&timeframe={timeframe}&range=all")
            assert shown["lab-note"]["children"] == []
    assert "1 built from some of their minutes" in show(client, "?symbol=ETHUSDT")["lab-said"]["children"]


def test_a_range_counts_back_from_the_newest_candle(client: TestClient):
    """Of 60 hours 7 days are all; a strategy that enters nothing says so and offers no file."""
    shown = show(client, "?range=7d")
    assert "60 closed" in shown["lab-said"]["children"]
    assert shown["lab-trades-said"]["children"] == "The strategy entered nothing in this range."
    assert shown["lab-trades-place"]["style"] == {"display": "none"}
    assert shown["lab-download"]["disabled"] is True


def test_the_badge_tells_the_age_of_what_is_traded(client: TestClient):
    """12:03: the hour closed 3 minutes ago; the scalp looks at 15 minutes; the day ended 12 hours ago."""
    assert "fresh: newest 1h candle closed 3 min ago" in badge(client, "")
    assert "newest 15m candle" in badge(client, "?strategy=scalp&timeframe=1d")
    assert "fresh: newest 1d candle closed 12 h ago" in badge(client, "?timeframe=1d")
    assert "no data" in badge(client, "?symbol=NONE")


def test_the_controls_make_the_address(client: TestClient):
    """What is usual is left out; a strategy with a timeframe of its own takes no other."""
    outputs = [("lab-query", "data"), ("lab-timeframe", "disabled")]

    def asked(*values: Any) -> tuple[str, bool]:
        inputs = [(f"lab-{name}", "value", value) for name, value in zip(CONTROLS, values, strict=True)]
        shown = ask(client, outputs, *inputs)
        return shown["lab-query"]["data"], shown["lab-timeframe"]["disabled"]

    assert asked("BTCUSDT", "sma_cross", "1h", "90d", None, None) == ("?symbol=BTCUSDT", False)
    assert asked("ETHUSDT", "scalp", "4h", "1y", 0, None) == (
        "?symbol=ETHUSDT&strategy=scalp&timeframe=4h&range=1y&slippage=0.0",
        True,
    )


def test_the_download(client: TestClient):
    """A CSV file named after the run; nothing before the button was pressed."""
    state = (("lab-query", "data", "?strategy=rsi"),)
    made = ask(client, [("lab-file", "data")], ("lab-download", "n_clicks", 1), state=state)["lab-file"]["data"]
    assert (made["filename"], made["type"]) == ("backtest-BTCUSDT-1h-rsi.csv", "text/csv")
    (row,) = csv.DictReader(io.StringIO(made["content"]))
    assert (row["strategy"], row["side"], row["exit_ts"]) == ("RSI 14 30/70", "short", "")
    assert "lab-file" not in ask(client, [("lab-file", "data")], ("lab-download", "n_clicks", None), state=state)


def test_a_file_of_the_sandbox_says_so(home: object, monkeypatch: pytest.MonkeyPatch):
    """Its name begins with demo: it leaves the page that carries the badge."""
    found = crypto_home.configure(monkeypatch, VENDORS="sandbox")
    crypto_home.fill(found, source="-sandbox")
    client = TestClient(create_app(found), raise_server_exceptions=False)
    state = (("lab-query", "data", "?strategy=rsi"),)
    made = ask(client, [("lab-file", "data")], ("lab-download", "n_clicks", 1), state=state)["lab-file"]["data"]
    assert made["filename"] == "demo-backtest-BTCUSDT-1h-rsi.csv"


def test_a_phone_has_no_room_for_the_legend(client: TestClient):
    """Its seven lines would take more than the candles."""
    assert plot(client, "?strategy=rsi")["layout"]["showlegend"] is True
    assert plot(client, "?strategy=rsi", 400)["layout"]["showlegend"] is False


def test_without_candles_it_says_why(empty_client: TestClient):
    """The table that is missing and the command that makes it; nothing is drawn."""
    note = str(show(empty_client, "")["lab-note"]["children"])
    assert "crypto_timeframes holds no data yet" in note
    assert "dagster asset materialize" in note
    assert plot(empty_client, "")["data"] == []
    assert "no data" in badge(empty_client, "")


def test_a_symbol_without_candles_says_why(client: TestClient):
    """It is named, with the setting that lists symbols and the command of its partition."""
    shown = show(client, "?symbol=NONEUSDT")
    note = str(shown["lab-note"]["children"])
    assert "no 1h candle of NONEUSDT" in note
    assert "crypto.symbols" in note
    assert "--partition '2026-10-05|NONEUSDT'" in note
    assert shown["lab-place"]["style"] == {"display": "none"}
