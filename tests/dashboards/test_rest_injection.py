"""Whatever text a parameter of the REST API carries, it is a value: refused, or equal to nothing, and never run."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.settings import Settings
from market_assets.tables import TABLES, contract
from resources.stores import open_store

from . import whole_home

MARK = "what-no-answer-may-hold"
TEXTS = (
    *("'", '"', "x' OR '1'='1", "'; DROP TABLE equities_scored_bars; --", '"; DELETE FROM keys; --', "1; SELECT 1"),
    *("' UNION SELECT hash FROM keys --", "%", "%%", "_", "*", "$1", "{}", "{0.__class__}", "${HOME}", "%(x)s", "\\"),
    *("../../../../etc/passwd", "../secret", "..\\secret", "/etc/passwd", "file:///etc/passwd", "~/.netrc", ".", ".."),
    *(
        "AAPL\x00",
        "\x00",
        "\r\nX-Made-Up: 1",
        "\u202eLPAA",
        "ΩΔ😀",
        "İ",
        "x" * 300,
        "9" * 400,
        "<script>alert(1)</script>",
    ),
    *("-1", "0", "NaN", "Infinity", "null", "true", "[]", '{"a":1}', "AAPL|2024"),
)
#: and the ends of the calendar
TIMES = ("0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "9999-12-31T23:59:59.999999-14:00", "2024-02-30")
#: what is no text at all: broken UTF-8
RAW = ("%FF%FE", "%ED%A0%80", "%C0%AE%C0%AE%C0%AF")
#: parameters that are instants, and that name something stored
WHEN = {"as_of", "start", "end", "start_date", "end_date"}
NAMES = {"symbol", "asset", "exchange", "long_exchange", "short_exchange"}


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def found(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with every domain in a lake, or with equities in PostgreSQL, and a file beside it."""
    (home.parent / "secret").write_text(MARK)
    (home / "secret").write_text(MARK)
    if request.param == "duckdb":
        configured = whole_home.configure(monkeypatch)
        whole_home.fill(configured)
        return configured
    configured = whole_home.configure(
        monkeypatch, STORE="postgres", POSTGRES_URL=str(request.getfixturevalue("postgres_url"))
    )
    whole_home.fill_equities(configured)
    return configured


@pytest.fixture
def app(found: Settings) -> Iterator[FastAPI]:
    """The app over it; what is published, and the keys, are the same after the test."""
    app = create_app(found)
    before = published(found)
    keys = app.state.services.keys.all()
    assert len(before) > 5
    yield app
    assert published(found) == before
    assert [key.name for key in app.state.services.keys.all()] == [key.name for key in keys]


def published(found: Settings) -> list[Any]:
    """Every published version of every table."""
    store = open_store(found)
    return [manifest for name in TABLES for manifest in store.manifests(contract(name))]


def parameters(app: FastAPI) -> Iterator[tuple[str, dict[str, str], str, str]]:
    """Path with its parameters filled in, and one parameter that takes text: its name and where it stands."""
    for path, methods in app.openapi()["paths"].items():
        operation = methods.get("get", {})
        symbol = whole_home.SYMBOLS.get((operation.get("tags") or [""])[0], "")
        given = {"symbol": symbol, "asset": "BTC", "exchange": "bybit", "long_exchange": "dydx", "type": "signals"}
        given |= {"short_exchange": "bybit", "limit": "3"}
        for one in operation.get("parameters", []):
            kinds = [one["schema"], *one["schema"].get("anyOf", [])]
            if any(kind.get("type") in ("string", "array") for kind in kinds):
                yield path, given, one["name"], one["in"]


def test_no_text_is_more_than_a_value(app: FastAPI):
    """Every text parameter of every read: no 5xx but not-stored-yet, no row for a made-up name, no file, no header."""
    client = TestClient(app, raise_server_exceptions=False)
    encoded = itertools.cycle([*(quote(text, safe="") for text in TEXTS), *RAW])
    asked = 0
    for path, given, name, place in parameters(app):
        for text in (*itertools.islice(encoded, 4), *(TIMES if name in WHEN else ())):
            filled = path.format(**given | ({name: text} if place == "path" else {}))
            url = f"{filled}?{name}={text.replace('+', '%2B')}" if place == "query" else filled
            answer = client.get(url, headers={"X-API-Key": whole_home.KEY})
            asked += 1
            assert answer.status_code < 500 or "not_materialised" in answer.text, (url, answer.text)
            assert MARK not in answer.text, url
            assert "x-made-up" not in answer.headers, url
            if name in NAMES and place == "path":
                assert answer.status_code in (404, 422, 503), (url, answer.text)
    assert asked > 500
