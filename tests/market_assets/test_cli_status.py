"""`market-assets status`: what it reads, and that watching ends as it should."""

import http.server
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from dashboards.orchestrator import Daemon
from market_assets.cli import status_state
from market_assets.cli.status_bars import BarLine, PolledLine
from market_assets.cli.status_crypto import AccountLine, SymbolLine
from market_assets.cli.status_state import ExchangeLine, Looks, Service
from market_assets.core import clock
from market_assets.settings import load, settings
from resources import stop_marker as marker
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint
from tests.dashboards import bars_collector, crypto_home, dagster_home, funding_home

COMMAND = [sys.executable, "-c", "from market_assets.cli import main; main()", "status"]
MINUTE = 60.0


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> int:
    """The port that a webserver is looked for at: one nobody listens on, whatever else this machine runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(status_state, "_WEBSERVER_PORT", port)
    monkeypatch.delenv("DAGSTER_WEBSERVER_PORT", raising=False)
    monkeypatch.setenv("MARKET_ASSETS_API__PORT", str(port))
    return port


@contextmanager
def answering(body: bytes) -> Iterator[int]:
    """A server on 127.0.0.1 that answers everything with `body`; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def service(name: str) -> Service:
    """What is said of one service now."""
    (found,) = [one for one in Looks(settings()).state().services if one.name == name]
    return found


def test_an_empty_home_has_tables_and_says_what_is_unknown(home: Path):
    """No Dagster, no vendor ever asked, nothing stored: no error, and nothing invented."""
    found = Looks(settings()).state()
    assert [(one.name, one.state) for one in found.services] == [
        ("dagster daemons", "unknown"),
        ("dagster webserver", "unknown"),
        ("app", "down"),
        ("crypto stream", "down"),
        ("bars stream", "down"),
    ]
    assert (found.runs, found.exchanges, found.sources) == (None, (), ())
    assert (found.stopped, found.symbols, found.account, found.bars, found.polled) == (None, (), None, (), ())
    assert not any(one.partitions for one in found.tables)


def test_daemons_and_runs_are_those_of_the_instance(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Every daemon it needs by its heartbeat, which ages with the real clock; runs with what they materialised."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2024-06-15T12:00:00Z")

    @dg.asset
    def funding_rates() -> None: ...

    with dagster_home.instance() as instance:
        assert "heartbeat was ever seen" in service("dagster scheduler").said
        dagster_home.heartbeat(instance, age_s=20)
        job = dg.Definitions([funding_rates]).resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("funding_rates")])
        found = Looks(settings()).state()
        needed = {f"dagster {kind.lower().replace('_', ' ')}" for kind in instance.get_required_daemon_types()}
    daemons = {one.name: one for one in found.services if one.said.startswith("last heartbeat")}
    assert set(daemons) == needed
    assert {one.state for one in daemons.values()} == {"up"}
    assert 20 <= float(daemons["dagster scheduler"].said.split()[2]) < 80
    assert found.runs is not None
    assert [(one.subject, one.status) for one in found.runs] == [("funding_rates", "SUCCESS")]
    assert found.runs[0].duration_s is not None


def test_a_daemon_that_has_been_silent_for_two_minutes_is_down(home: Path):
    """Beyond the tolerance of the alerts it is not running, whatever it once was."""
    with dagster_home.instance() as instance:
        dagster_home.heartbeat(instance, age_s=150)
        assert service("dagster sensor").state == "down"


def test_an_exchange_is_told_by_its_snapshot_and_its_completeness(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Age of the newest look; of open contracts the mean, and the share of complete ones; in the settings' order."""
    funding_home.fill(funding_home.configure(monkeypatch, API__PORT="9"))
    assert Looks(settings()).state().exchanges == (
        # five open contracts: four complete, one of unknown interval
        ExchangeLine("binance_usdm", 3 * MINUTE, 5, 100.0, 80.0),
        # 100 and 90 %
        ExchangeLine("bybit", 3 * MINUTE, 2, 95.0, 50.0),
        ExchangeLine("dydx", 3 * MINUTE, 2, 100.0, 100.0),
        ExchangeLine("hyperliquid", 3 * MINUTE, 1, 100.0, 100.0),
        ExchangeLine("okx", 43 * MINUTE, 1, 80.0, 0.0),
    )


def test_contracts_that_are_closed_do_not_count(home: Path, monkeypatch: pytest.MonkeyPatch):
    """One of which nothing came before it was taken off the listing makes nobody incomplete."""
    store = funding_home.fill(funding_home.configure(monkeypatch, API__PORT="9"))
    rows = [row for row in funding_home.completeness() if row["exchange"] == "dydx"]
    closed = {**rows[0], "symbol": "OLD-USD-PERP", "native_symbol": "OLD-USD", "is_active": False}
    closed |= {"hit_slots": 0, "completeness_pct": 0.0, "completeness_class": "no_data"}
    funding_home.write(store, "funding_completeness", [*rows, closed])
    (dydx,) = [one for one in Looks(settings()).state().exchanges if one.name == "dydx"]
    assert dydx == ExchangeLine("dydx", 3 * MINUTE, 2, 100.0, 100.0)


def test_a_daemon_that_is_not_needed_is_neither_up_nor_down():
    """Dagster says of it that it need not run."""
    assert status_state._of_daemon(Daemon("SENSOR", None, None)).state == "unknown"


def test_an_exchange_no_longer_in_use_is_left_out(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Its rows stay stored; nobody waits for new ones."""
    found = funding_home.configure(monkeypatch, API__PORT="9")
    funding_home.fill(found)
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__EXCHANGES", '["okx"]')
    assert [one.name for one in Looks(load()).state().exchanges] == ["okx"]


def test_each_lane_of_an_exchange_has_its_own_budget(home: Path, monkeypatch: pytest.MonkeyPatch):
    """What history took is missing there alone; calls and breaker are the exchange's."""
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__VENUES__BYBIT__BUDGET__PER_MINUTE", "100")
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__VENUES__BYBIT__MARKET_BUDGET__PER_MINUTE", "50")
    found, at = load(), clock.instant("2026-10-05T12:00:10Z")
    with clock.frozen(at):
        state = VendorState.of(found.home)
        state.record_call("bybit", "ok", at, 12.0)
        rates = found.funding.venues.bybit.budget
        Budget.of("bybit", fingerprint("bybit", None, "history"), rates, state, wait_s=0).reserve(lambda _: None, 3)
        (bybit,) = [one for one in Looks(found).state().sources if one.total_calls]
    left = {(window.lane, window.window.split()[0]): window.left for window in bybit.budget}
    assert (bybit.name, bybit.state, left["history", "minute"], left["market", "minute"]) == ("bybit", "closed", 97, 50)


def test_a_symbol_is_told_by_its_newest_candle(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The minute 12:01 closed at 12:02, a minute ago; a listed symbol without candles has no age."""
    crypto_home.fill(crypto_home.configure(monkeypatch, API__PORT="9"))
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SYMBOLS", '["BTCUSDT", "SOLUSDT", "MATICUSDT"]')
    closed = crypto_home.NOW - timedelta(minutes=1)
    # MATICUSDT ended in September 2024
    assert Looks(load()).state().symbols == (SymbolLine("BTCUSDT", closed, 60.0), SymbolLine("SOLUSDT", None, None))


def test_the_account_is_told_by_its_newest_day(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The 4th: equity 10,022, no drawdown, BTC held; ETH is pending, which is not held."""
    crypto_home.fill(crypto_home.configure(monkeypatch, API__PORT="9"))
    assert Looks(settings()).state().account == AccountLine(date(2026, 10, 4), 10_022.0, 0.0, ("BTCUSDT long",))


@pytest.mark.parametrize(
    ("values", "state", "said"),
    [
        ({"last_message_at": crypto_home.NOW}, "up", "process 1 since 2026-10-05 11:03Z, last message 0 s ago"),
        ({}, "silent", "process 1 since 2026-10-05 11:03Z, it has heard nothing since its start (it is connected)"),
        ({"running": False}, "down", "stopped at 2026-10-05 12:03Z"),
        ({"running": False, "unflushed_bars": 2}, "down", "; 2 candles were not stored before it ended"),
        (
            {"at": crypto_home.NOW - timedelta(minutes=5)},
            "down",
            "so it has died; start it: market-assets stream --domain crypto",
        ),
    ],
)
def test_a_collector_is_told_by_what_it_last_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, values: dict, state: str, said: str
):
    """Since when it runs and when its venue last spoke; one that was stopped, and one that was killed."""
    crypto_home.stream(crypto_home.configure(monkeypatch, API__PORT="9"), **values).close()
    assert (service("crypto stream").state, said in service("crypto stream").said) == (state, True)


def test_the_collector_of_bars_is_told_with_its_symbols_and_sources(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing is stored yet, so a symbol has a quote and no minute; each source says how often it is asked, and why."""
    found = bars_collector.configure(monkeypatch, API__PORT="9")
    bars_collector.write(found, bars_collector.status())
    told = service("bars stream")
    assert (told.state, told.said) == ("up", "process 4711 since 2026-10-05 11:03Z, last message 1 s ago")
    state = Looks(settings()).state()
    assert state.bars == (BarLine("BTCUSD", True, None, None, 1.0), BarLine("EURUSD", True, None, None, 1.0))
    assert state.polled == (
        PolledLine("yahoo", "polling", 2, 1.0, None),
        PolledLine("twelvedata", "slower", 2, 324.0, bars_collector.WAITS),
    )
    bars_collector.write(found, bars_collector.status(running=False))
    ended = Looks(settings()).state()
    assert (service("bars stream").state, ended.bars, ended.polled) == ("down", (), ())


def test_a_home_that_was_stopped_says_so(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Who, when and why, and what lets it go on; a file that anybody touched says nothing of that."""
    found = crypto_home.configure(monkeypatch, API__PORT="9")
    with clock.frozen(crypto_home.NOW):
        marker.write(found, "bad prices", "ops@desk", [])
    stopped = Looks(found).state().stopped
    assert stopped is not None
    assert stopped.said == (
        "Stopped at 2026-10-05 12:03Z by ops@desk, because: bad prices. Nothing is scheduled and no stream runs; "
        "`market-assets start` lets it go on"
    )
    marker.path(found).write_text("")
    touched = Looks(found).state().stopped
    assert touched is not None
    assert (touched.by, touched.reason, "and nobody said why" in touched.said) == (None, None, True)


@pytest.mark.parametrize(
    ("body", "named", "state"),
    [
        (b'{"dagster_webserver_version": "1.13.27"}', True, "up"),
        (b'{"dagster_webserver_version": "1.13.27"}', False, "up"),
        (b'{"status": "ok"}', True, "down"),
        (b"<html>", True, "down"),
        (b"[]", False, "unknown"),
    ],
)
def test_a_webserver_is_known_by_its_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, named: bool, state: str
):
    """Another program on the port is none; without a port of its own nothing but an answer says anything."""
    with answering(body) as port:
        if named:
            monkeypatch.setenv("DAGSTER_WEBSERVER_PORT", str(port))
        else:
            monkeypatch.setattr(status_state, "_WEBSERVER_PORT", port)
        assert service("dagster webserver").state == state


def test_the_app_is_up_while_something_listens_where_it_should(home: Path, monkeypatch: pytest.MonkeyPatch):
    """At api.port; an address that stands for all is asked on this machine."""
    monkeypatch.setenv("MARKET_ASSETS_API__HOST", "0.0.0.0")
    with answering(b"") as port:
        monkeypatch.setenv("MARKET_ASSETS_API__PORT", str(port))
        settings.cache_clear()
        assert service("app") == Service("app", "up", f"listens at 127.0.0.1:{port}")
    assert service("app") == Service("app", "down", f"nothing listens at 127.0.0.1:{port}")


def test_the_sandbox_is_a_service_where_it_stands_for_the_vendors(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Live vendors need none."""
    assert "sandbox" not in {one.name for one in Looks(settings()).state().services}
    monkeypatch.setenv("MARKET_ASSETS_VENDORS", "sandbox")
    with answering(b"") as port:
        monkeypatch.setenv("MARKET_ASSETS_SANDBOX_URL", f"http://127.0.0.1:{port}")
        settings.cache_clear()
        assert service("sandbox").state == "up"


def test_dagster_is_not_loaded_where_it_has_no_home(home: Path):
    """Its import takes longer than everything else here."""
    code = "import sys; sys.argv[1:] = ['status']\nfrom market_assets.cli import main\ntry: main()\nfinally: "
    said = subprocess.run(
        [sys.executable, "-c", f"{code}print('dagster' in sys.modules)"], capture_output=True, text=True, check=False
    )
    assert said.stdout.splitlines()[-1] == "False", said.stderr
    assert "tables" in said.stdout


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_watching_through_a_pipe_prints_plainly_until_it_is_ended(home: Path, ending: signal.Signals):
    """One look after the other without control codes; the end is no error."""
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--every", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "80"},
    )
    assert watching.stdout is not None
    lines: list[str] = []
    while sum(line.startswith("store: ") for line in lines) < 2:
        lines.append(watching.stdout.readline())
        assert lines[-1], "it ended by itself"
    watching.send_signal(ending)
    out, err = watching.communicate(timeout=20)
    assert (watching.returncode, err) == (0, "")
    assert "\x1b" not in "".join(lines) + out
    assert max(map(len, lines)) <= 81


def test_watching_on_a_terminal_gives_it_back_as_it_was(home: Path):
    """A screen of its own is entered first and left last, and the cursor is shown again."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "LINES": "30", "COLUMNS": "80"}
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--every", "0.1"], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    said = b""
    while said.count(b"store: ") < 3:
        said += os.read(ours, 65536)
    watching.send_signal(signal.SIGINT)
    while chunk := _read(ours):
        said += chunk
    assert watching.wait(timeout=20) == 0
    os.close(ours)
    assert said.startswith(b"\x1b[?1049h")
    assert said.index(b"\x1b[?25l") < said.rindex(b"\x1b[?25h")
    assert said.rindex(b"\x1b[?1049l") > said.rindex(b"store: ")
    # 30 lines hold no list of every table
    assert said.count(b"more lines: `market-assets status` prints them all") >= 3
    assert b"Traceback" not in said


def _read(terminal: int) -> bytes:
    """What the other side wrote; nothing once it is gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_watching_goes_on_where_one_look_fails(home: Path):
    """A store that cannot be read now may be readable at the next look; until then the reason is shown."""
    env = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "MARKET_ASSETS_STORE": "postgres",
        "MARKET_ASSETS_POSTGRES_URL": "postgresql://nobody@127.0.0.1:9/none",
    }
    watching = subprocess.Popen(
        [*COMMAND, "--watch", "--every", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert watching.stdout is not None
    said = ""
    while said.count("cannot be read now: ") < 2:
        line = watching.stdout.readline()
        assert line, "it ended by itself"
        said += line
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=20)
    assert (watching.returncode, err) == (0, "")
