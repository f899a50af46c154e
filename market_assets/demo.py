"""`market-assets demo`: everything at once on this machine, from the vendor's wire to a page.

Sandbox, Dagster (webserver and daemon), stream and app run as processes of their own; the backfill runs in
this one, range by range, because that needs no queue. Whatever was started is stopped at the end.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from market_assets.core import clock

_START_S = 60.0
_STOP_S = 15.0
#: a universe small enough to watch, with something of everything: splits, a delisting, a halt, an
#: earnings gap, a late listing, an index without volume, coins that trade every day
_UNIVERSE = {
    "stock": "AAPL MSFT GOOGL AMZN NVDA JPM XOM HALT EGAP DLST IPOX SPLT",
    "etf": "SPY QQQ TLT GLD",
    "index": "VIX",
    "crypto": "BTC-USD ETH-USD",
}
#: weeks of bitcoin history: 18 until the first bin model, the rest with signals
_BTC_WEEKS = 21
#: the exchanges that the sandbox speaks for, and days of their settlements: a window of statistics, and a day more
_FUNDING_EXCHANGES = ("binance_usdm", "binance_coinm", "bybit", "okx", "deribit", "hyperliquid", "dydx")
_FUNDING_DAYS = 32
#: few symbols of minute candles, of days enough to warm up the signals of the last ten
_CRYPTO_SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
_CRYPTO_DAYS, _CRYPTO_SIGNAL_DAYS = 36, 10
#: minutes of an index, a currency, gold and a coin: of days enough to warm up the indicators of the last ones
_BARS_SYMBOLS = ("NAS100", "XAUUSD", "EURUSD", "BTCUSD")
_BARS_DAYS, _BARS_VALUE_DAYS, _BARS_SIGNAL_DAYS = 16, 6, 3
#: days whose condition is judged
_CONDITION_DAYS = 7
_PREFERRED_PORTS = {"dagster": 3000, "app": 8050, "sandbox": 8051}


@dataclass
class Row:
    """One line of the final table."""

    asset: str
    partitions: int = 0
    rows: int = 0
    passed: int = 0
    warned: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass
class Demo:
    """One demo in a home of its own."""

    home: Path
    console: Console = field(default_factory=Console)
    ports: dict[str, int] = field(default_factory=dict)

    def run(self, *, once: bool) -> int:
        """Start, backfill, print the table and the addresses; serve until interrupted unless `once`.

        Returns the exit code: 0 only if every run succeeded, no ERROR check failed and every
        service answers.
        """
        for ending in (signal.SIGINT, signal.SIGTERM):  # a background shell ignores SIGINT; supervisors send SIGTERM
            signal.signal(ending, signal.default_int_handler)
        self._prepare()
        with contextlib.ExitStack() as services:
            services.enter_context(self._service("sandbox", ["sandbox", "--port", str(self.ports["sandbox"])]))
            self._await("sandbox", "/_sandbox/health")
            rows, well = self._backfill()
            services.enter_context(self._service("app", ["serve", "--port", str(self.ports["app"])]))
            workspace = str(Path(__file__).resolve().parents[1] / "workspace.yaml")
            services.enter_context(
                self._process(
                    "dagster",
                    _tool("dagster-webserver"),
                    "-w",
                    workspace,
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.ports["dagster"]),
                )
            )
            for domain in ("crypto", "bars"):
                services.enter_context(self._service(f"stream-{domain}", ["stream", "--domain", domain]))
            services.enter_context(self._process("daemon", _tool("dagster-daemon"), "run", "-w", workspace))
            self._await("app", "/api/health")
            self._await("dagster", "/server_info")
            self._print(rows)
            well = self._verdict(rows, runs_ok=well) and self._healthy()
            if not once:
                self.console.print("Serving. Ctrl-C stops everything this demo started.")
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
        return 0 if well else 1

    def _prepare(self) -> None:
        """An empty home, free ports, and an environment that points at them."""
        if self.home.exists():
            if not (self.home / ".demo").exists() and any(self.home.iterdir()):
                raise SystemExit(f"{self.home} holds something that no demo made; name another --home")
            shutil.rmtree(self.home)
        self.home.mkdir(parents=True)
        (self.home / ".demo").touch()
        (self.home / "logs").mkdir()
        lines = [{"symbol": s, "asset_class": kind} for kind, names in _UNIVERSE.items() for s in names.split()]
        today = clock.today()
        monday = today - timedelta(days=today.weekday(), weeks=_BTC_WEEKS)
        chosen = {
            "equities": {"universe": lines},
            "btc": {"history_start": monday.isoformat()},
            "funding": {
                "start_date": (today - timedelta(days=_FUNDING_DAYS - 1)).isoformat(),
                "exchanges": list(_FUNDING_EXCHANGES),
            },
            "crypto": {
                "symbols": list(_CRYPTO_SYMBOLS),
                "start_date": (today - timedelta(days=_CRYPTO_DAYS - 1)).isoformat(),
                "paper": {"start_day": (today - timedelta(days=_CRYPTO_SIGNAL_DAYS - 1)).isoformat()},
            },
            "bars": {
                "symbols": list(_BARS_SYMBOLS),
                "start_date": (today - timedelta(days=_BARS_DAYS - 1)).isoformat(),
            },
        }
        (self.home / "config.yaml").write_text(yaml.safe_dump(chosen))
        self.ports = {name: _free_port(wanted) for name, wanted in _PREFERRED_PORTS.items()}
        home = self.home.resolve()
        os.environ.update(
            MARKET_ASSETS_HOME=str(home),
            MARKET_ASSETS_VENDORS="sandbox",
            MARKET_ASSETS_SANDBOX_URL=f"http://127.0.0.1:{self.ports['sandbox']}",
            POLYGON_API_KEY=os.environ.get("POLYGON_API_KEY", "sandbox"),
            GLASSNODE_API_KEY=os.environ.get("GLASSNODE_API_KEY", "sandbox"),
            ALPHAVANTAGE_API_KEY=os.environ.get("ALPHAVANTAGE_API_KEY", "sandbox"),
            TWELVEDATA_API_KEY=os.environ.get("TWELVEDATA_API_KEY", "sandbox"),
            DAGSTER_HOME=str(home / "dagster"),
        )

    def _backfill(self) -> tuple[list[Row], bool]:
        from market_assets.settings import settings

        settings.cache_clear()
        import dagster as dg

        from market_assets.bars.partitions import DAY as BARS_DAY
        from market_assets.btc.partitions import DAY, WEEK
        from market_assets.crypto.partitions import DAY as CRYPTO_DAY
        from market_assets.definitions import build_defs
        from market_assets.equities.partitions import SYMBOLS_NAME
        from market_assets.equities.universe import active_symbols, add_symbol, with_listing
        from market_assets.funding.partitions import DAY as FUNDING_DAY
        from market_assets.instance import materialize_range, prepare
        from market_assets.ops.partitions import DAY as OPS_DAY
        from resources.stores import open_store

        found = settings()
        prepare(found)
        rows: list[Row] = []
        well = True
        with dg.DagsterInstance.get() as instance, self._progress() as progress:
            defs = build_defs(found)
            store = open_store(found)
            for line in found.equities.universe:
                add_symbol(store, with_listing(found, line)[0])
            symbols = active_symbols(store, found.equities)
            this_year = clock.today().year
            years = [str(y) for y in range(this_year - found.equities.backfill_years + 1, this_year + 1)]
            instance.add_dynamic_partitions(SYMBOLS_NAME, symbols)
            symbol_years = [f"{symbol}|{year}" for symbol in symbols for year in years]
            days, weeks = DAY.get_partition_keys(), WEEK.get_partition_keys()
            exchanges, funding_days = list(found.funding.exchanges), FUNDING_DAY.get_partition_keys()
            of_days = [f"{day}|{name}" for day in funding_days for name in exchanges]
            of_today = of_days[-len(exchanges) :]
            crypto_days = CRYPTO_DAY.get_partition_keys()
            of_symbols = [f"{day}|{name}" for day in crypto_days for name in found.crypto.symbols]
            of_signals = of_symbols[-_CRYPTO_SIGNAL_DAYS * len(found.crypto.symbols) :]
            bars_days = BARS_DAY.get_partition_keys()
            of_bars = [f"{day}|{name}" for day in bars_days for name in found.bars.symbols]
            n_bars = len(found.bars.symbols)
            of_values, of_alphas = of_bars[-_BARS_VALUE_DAYS * n_bars :], of_bars[-_BARS_SIGNAL_DAYS * n_bars :]
            for assets, keys in (
                (["equities_symbols"], None),
                (["equities_daily_bars"], symbol_years),
                (["equities_corporate_actions"], symbols),
                (["equities_scored_bars"], symbol_years),
                (["equities_adjusted_bars", "equities_gaps", "equities_features", "equities_reconciliation"], years),
                (["equities_symbol_status"], None),
                (["btc_price", "btc_liquidations", "btc_processed", "btc_rpn"], days),
                (["btc_bin_models"], weeks),
                (["btc_bins", "btc_dominance", "btc_signals"], days),
                (["btc_labels", "btc_training_data", "btc_signal_performance"], days),
                (["funding_contracts"], exchanges),
                (["funding_snapshot"], of_today),
                (["funding_rates"], of_days),
                (["funding_hourly_rates"], of_days),
                (["funding_completeness", "funding_statistics"], of_today),
                (["funding_spreads"], funding_days),
                (["funding_spread_statistics", "funding_opportunities"], funding_days[-1:]),
                (["crypto_sentiment"], None),
                (["crypto_klines", "crypto_timeframes"], of_symbols),
                (["crypto_overlays", "crypto_feature_telemetry", "crypto_signals", "crypto_advice"], of_signals),
                (["crypto_paper_trades"], crypto_days[-_CRYPTO_SIGNAL_DAYS:]),
                (["crypto_success_metrics"], None),
                (["bars_macro_daily"], None),
                (["bars_minute"], of_bars),
                (["bars_indicators", "bars_scanner_features"], of_values),
                (["bars_signals", "bars_outcomes"], of_alphas),
                (["bars_reconciliation"], of_bars[-2 * n_bars :]),
                (["bars_source_health"], bars_days[-2:]),
                (["ops_gaps"], None),
                (["ops_condition"], OPS_DAY.get_partition_keys()[-_CONDITION_DAYS:]),
                (["ops_backup"], None),
                (["ops_restore_drill"], None),
                (["ops_retention"], None),
            ):
                task = progress.add_task(", ".join(assets), total=1)
                results = materialize_range(defs, instance, assets, keys, raise_on_error=False)
                progress.update(task, completed=1)
                well = well and all(result.success for result in results)
                rows += [_row(asset, results) for asset in assets]
        return rows, well

    def _print(self, rows: list[Row]) -> None:
        table = Table("asset", "parts", "rows", "pass", "warn", "fail", "s", title="Backfilled")
        table.columns[0].no_wrap = True
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(
                row.asset,
                f"{row.partitions:,}",
                f"{row.rows:,}",
                str(row.passed),
                str(row.warned),
                str(row.failed),
                f"{row.seconds:.1f}",
            )
        self.console.print(table)
        self.console.print(f"App      http://127.0.0.1:{self.ports['app']}")
        self.console.print(f"REST     http://127.0.0.1:{self.ports['app']}/docs")
        self.console.print(f"Dagster  http://127.0.0.1:{self.ports['dagster']}")

    def _verdict(self, rows: list[Row], *, runs_ok: bool) -> bool:
        failed = sum(row.failed for row in rows)
        if not runs_ok or failed:
            logs = self.home / "logs"
            self.console.print(f"[red]not well:[/red] runs succeeded: {runs_ok}, failed ERROR checks: {failed}; {logs}")
        return runs_ok and not failed

    def _healthy(self) -> bool:
        """Whether the app says that all is well; the daemon's first heartbeats take some seconds."""
        deadline = time.monotonic() + _START_S
        status = "unknown"
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['app']}/health", timeout=5) as answer:
                    status = str(json.load(answer)["status"])
            except urllib.error.HTTPError as unhealthy:
                status = str(json.load(unhealthy)["status"])
            if status == "healthy":
                return True
            time.sleep(1)
        self.console.print(f"[red]not well:[/red] /health says {status}")
        return False

    def _progress(self) -> Progress:
        return Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.console)

    def _service(self, name: str, arguments: list[str]) -> contextlib.AbstractContextManager[None]:
        return self._process(name, _tool("market-assets"), *arguments)

    @contextlib.contextmanager
    def _process(self, name: str, *command: str) -> Iterator[None]:
        log = self.home / "logs" / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)  # noqa: S603
            try:
                yield
            finally:
                _stop(process)

    def _await(self, name: str, path: str) -> None:
        url = f"http://127.0.0.1:{self.ports[name]}{path}"
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except urllib.error.HTTPError:
                return  # it answers, and says itself how it is
            except OSError:
                time.sleep(0.2)
        raise SystemExit(
            f"{name} did not answer at {url} within {_START_S:.0f} s; see {self.home / 'logs' / f'{name}.log'}"
        )


def _row(asset: str, results: list) -> Row:  # type: ignore[type-arg]
    row = Row(asset)
    for result in results:
        for event in result.get_asset_materialization_events():
            if event.asset_key.to_user_string() == asset:
                row.partitions += 1
                row.rows += int(event.materialization.metadata["dagster/row_count"].value)
        for check in result.get_asset_check_evaluations():
            if check.asset_key.to_user_string() == asset:
                row.passed += check.passed
                row.warned += not check.passed and check.severity.value == "WARN"
                row.failed += not check.passed and check.severity.value == "ERROR"
        steps = [e for e in result.all_events if e.step_key and e.step_key.startswith(asset) and e.is_step_success]
        row.seconds += sum(e.step_success_data.duration_ms for e in steps) / 1000
    return row


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _free_port(wanted: int) -> int:
    """The wanted port, or any free one where something listens there already."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group we started, politely first."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
