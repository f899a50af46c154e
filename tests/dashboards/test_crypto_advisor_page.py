"""The advisor tab of the crypto page: who speaks is told everywhere; off, without a key, on, and empty."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards.app import create_app
from dashboards.crypto.advice import counted, said, sentiment_figure
from dashboards.pages.crypto import PAGE, TABS
from dashboards.pages.tabs import tab_of
from dashboards.theme import DARK, LIGHT
from market_assets.tables import contract

from . import crypto_home
from .callbacks import ask, cards

VERSION = ("crypto-version", "data", "v")
SHOWN = [("advisor-cards", "children"), ("advisor-said", "children"), ("advisor-rows", "children")]
MOOD = [("sentiment-note", "children"), ("sentiment-place", "style"), ("sentiment-plot", "figure")]


@pytest.fixture
def client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client that only reads."""
    return crypto_home.reader(monkeypatch)


@pytest.fixture
def empty_client(home: object, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A client of an app without any data."""
    return crypto_home.empty(monkeypatch)


def show(client: TestClient, call: str = "all", symbol: str = "all") -> dict[str, dict[str, Any]]:
    return ask(client, SHOWN, VERSION, ("advisor-call", "value", call), ("advisor-symbol", "value", symbol))


def opened(home_settings: Any) -> str:
    """The tab as it is opened."""
    client = TestClient(create_app(home_settings), raise_server_exceptions=False)
    outputs = [("crypto-body", "children"), ("crypto-tabs", "children")]
    return str(ask(client, outputs, ("url", "pathname", "/crypto/advisor"), state=(("url", "search", ""),)))


def rows(*values: dict[str, Any]) -> pl.DataFrame:
    schema = contract("crypto_advice").schema
    plain = crypto_home.row("crypto_advice")
    return pl.DataFrame([{**plain, **one} for one in values], schema=schema)


class TestWords:
    def test_what_is_advised(self):
        """An action, a verdict of the risk call with its score, or a dash."""
        found = [
            said(row)["advice"]
            for row in rows(
                {"action": "CLOSE_POSITION"}, {"approved": False, "risk_score": 0.21}, {"approved": True}, {}
            ).iter_rows(named=True)
        ]
        assert found == ["close position", "not approved, risk 0.21", "approved", "-"]

    def test_model_and_rule_together(self):
        """The side and its strength; neither side is no side; without a model's answer there is none."""
        blends = [(1, 0.74), (-1, 0.38), (0, 0.0), (None, None)]
        found = rows(*({"blended_direction": way, "blended_confidence": much} for way, much in blends))
        told = [said(row)["blended"] for row in found.iter_rows(named=True)]
        assert told == ["long 0.74", "short 0.38", "neither side 0.00", "-"]

    def test_unknown_is_a_dash_and_zero_is_zero(self):
        """A confidence of 0 is an answer."""
        (row,) = rows({"confidence": 0.0, "position_size": None}).iter_rows(named=True)
        assert (said(row)["confidence"], said(row)["size"]) == ("0.00", "-")

    def test_who_spoke_is_counted(self):
        """Model and rules apart, and what of the model could not be read."""
        found = rows({"advisor_source": "llm", "status": "parse_error"}, {"advisor_source": "rule"})
        assert counted(found) == (
            "2 rows: 1 by a language model (llm), 1 by the rules (rule). Not readable: 1 of the model's replies."
        )
        assert "Not readable" not in counted(rows({"advisor_source": "rule", "status": "parse_error"}))

    def test_a_missing_day_breaks_the_line(self):
        """The 2nd is not stored: no value is made up for it."""
        days = pl.DataFrame(
            {"obs_date": [date(2026, 10, 3), date(2026, 10, 1)], "value": [75, 20], "label": ["a", "b"]}
        )
        assert list(sentiment_figure(days, DARK).data[0].y) == [20, None, 75]

    def test_a_single_day_can_be_drawn(self):
        """It has some room on both sides."""
        days = pl.DataFrame({"obs_date": [date(2026, 10, 3)], "value": [50], "label": ["Neutral"]})
        first, last = sentiment_figure(days, LIGHT).layout.xaxis.range
        assert last - first == timedelta(days=2)


def test_every_tab_has_an_address(client: TestClient):
    """Each is served as the first request; another is told what there is."""
    for name in TABS:
        path = f"{PAGE.path}/{name}".rstrip("/")
        assert client.get(path).status_code == 200
        assert tab_of(PAGE.path, TABS, path) == name
    outputs = [("crypto-body", "children"), ("crypto-tabs", "children")]
    found = ask(client, outputs, ("url", "pathname", "/crypto/none"), state=(("url", "search", ""),))
    assert "/crypto/backtest" in str(found["crypto-body"])


def test_who_speaks_is_told_in_every_row(client: TestClient):
    """Three rows, newest first: two of the model, one of the rules, each with its label and status."""
    shown = show(client)
    assert shown["advisor-said"]["children"].startswith("3 rows: 2 by a language model (llm), 1 by the rules (rule).")
    body = shown["advisor-rows"]["children"]["props"]["children"]["props"]["children"][1]["props"]["children"]
    cells = [[cell["props"]["children"] for cell in row["props"]["children"]] for row in body]
    labels = [(row[2]["props"]["children"], row[2]["props"]["className"], row[4]["props"]["children"]) for row in cells]
    assert labels == [
        ("llm", "pill source-llm", "parse error"),
        ("llm", "pill source-llm", "ok"),
        ("rule", "pill source-rule", "disabled"),
    ]
    assert cells[1][5:9] == ["enter short", "0.80", "1.00 %", "short 0.77"]
    assert cells[2][8] == "-"


def test_rows_are_narrowed(client: TestClient):
    """By what was asked for and by symbol; where none is left it is said."""
    assert show(client, call="risk")["advisor-said"]["children"].startswith("1 rows")
    assert "BTCUSDT" not in str(show(client, symbol="ETHUSDT")["advisor-rows"])
    assert "no tradeable signal" in str(show(client, call="optimise")["advisor-rows"])


def test_the_mood_of_the_market(client: TestClient):
    """The newest day of the index with its label, and the line of all three."""
    found = cards(show(client)["advisor-cards"]["children"])
    assert found["Fear & Greed"] == ("75 of 100", "Greed, 2026-10-05")
    assert found["Language model"] == ("off", "the rules stand in, labelled rule")
    assert ask(client, MOOD, VERSION, ("theme", "data", "dark"))["sentiment-plot"]["figure"]["data"][0]["y"] == [
        20,
        50,
        75,
    ]


def test_off_it_says_how_to_switch_it_on(home: object, monkeypatch: pytest.MonkeyPatch):
    """Off, on without a key, on: the settings to make, the key that lacks, the model; chat is named only when on."""
    off = opened(crypto_home.configure(monkeypatch))
    assert "It is switched off." in off
    assert "MARKET_ASSETS_CRYPTO__ADVICE__ENABLED=true" in off
    assert "/api/v1/crypto/chat" not in off
    keyless = opened(crypto_home.configure(monkeypatch, CRYPTO__ADVICE__ENABLED="true"))
    assert "ADVISOR_API_KEY is not set" in keyless
    monkeypatch.setenv("ADVISOR_API_KEY", "a-secret-of-the-test")
    on = opened(crypto_home.configure(monkeypatch, CRYPTO__ADVICE__ENABLED="true"))
    assert "deepseek-v4-flash is asked about tradeable signals" in on
    assert "/api/v1/crypto/chat" in on
    assert "a-secret-of-the-test" not in on


def test_without_data_it_says_why(empty_client: TestClient):
    """Both tables with the commands that make them; the index is a dash, not a neutral 50."""
    shown = show(empty_client)
    assert "--select crypto_advice" in str(shown["advisor-rows"])
    assert cards(shown["advisor-cards"]["children"])["Fear & Greed"][0] == "-"
    mood = ask(empty_client, MOOD, VERSION, ("theme", "data", "light"))
    assert "--select crypto_sentiment" in str(mood["sentiment-note"])
    assert mood["sentiment-place"]["style"] == {"display": "none"}
