"""A whole desk for tests: a sandbox on a real socket, a home, settings, Dagster, and the graph over them."""

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import polars as pl
import pytest
import uvicorn
import yaml
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from market_assets.definitions import build_defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.instance import materialize_range
from market_assets.settings import Settings, settings
from market_assets.tables import contract
from resources.sandbox.app import create_app
from resources.sandbox.backend import Backend
from resources.stores import open_store
from resources.stores.protocol import PartitionStore

#: a Friday evening: the session is closed and its bar is due
FRIDAY = "2024-06-14T23:00:00Z"
SATURDAY = "2024-06-15T12:00:00Z"
#: what follows `equities_daily_bars`, by how it is cut
OF_SYMBOL_YEARS = ("equities_daily_bars", "equities_scored_bars")
OF_YEARS = ("equities_adjusted_bars", "equities_gaps", "equities_features", "equities_reconciliation")

Results = list[dg.ExecuteInProcessResult]


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    url: str

    def fault(self, *specs: str) -> None:
        """Put faults in force."""
        httpx.post(f"{self.url}/_sandbox/faults", json={"specs": list(specs)}, timeout=30).raise_for_status()

    def heal(self) -> None:
        """End every fault and forget what was asked."""
        httpx.delete(f"{self.url}/_sandbox/faults", timeout=30).raise_for_status()
        httpx.delete(f"{self.url}/_sandbox/ledger", timeout=30).raise_for_status()

    def asked(self, vendor: str = "polygon") -> dict[str, int]:
        """Path -> how often it was asked since the last `heal`."""
        found: dict[str, int] = {}
        for line in httpx.get(f"{self.url}/_sandbox/ledger", timeout=30).json():
            if line["vendor"] == vendor:
                found[line["path"]] = found.get(line["path"], 0) + line["count"]
        return found

    def aggregates(self, ticker: str, start: str, end: str) -> list[dict[str, Any]]:
        """The vendor's own raw rows, asked without any of our code."""
        answer = httpx.get(
            f"{self.url}/polygon/v2/aggs/ticker/{ticker}/range/1/day/{start}/{end}",
            params={"adjusted": "false", "limit": 50_000},
            headers={"Authorization": "Bearer a-test"},
            timeout=30,
        )
        rows: list[dict[str, Any]] = answer.json()["results"]
        return rows


@contextlib.contextmanager
def running(backend: Backend) -> Iterator[Sandbox]:
    """A sandbox over `backend` on a free port of 127.0.0.1; its clock is MARKET_ASSETS_NOW."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(backend), log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until, "the sandbox did not start within 10 s"
        time.sleep(0.005)
    yield Sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join(timeout=5)


@dataclass
class Desk:
    """One home with its graph. Everything is read anew after `set`."""

    home: Path
    sandbox: Sandbox
    instance: dg.DagsterInstance
    monkeypatch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)
    _defs: dg.Definitions | None = None

    def set(self, **variables: str | None) -> None:
        """Change environment variables; None removes one."""
        self._defs = None
        for name, value in variables.items():
            if value is None:
                self.monkeypatch.delenv(name, raising=False)
                self.environment.pop(name, None)
            else:
                self.monkeypatch.setenv(name, value)
                self.environment[name] = value
        settings.cache_clear()

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take a test, which has a home of its own otherwise, to this desk."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    def configure(self, **sections: Any) -> None:
        """Write `<home>/config.yaml`."""
        (self.home / "config.yaml").write_text(yaml.safe_dump(sections))
        self._defs = None
        settings.cache_clear()

    def list_symbols(self, *lines: str | dict[str, Any], **equities: Any) -> None:
        """The universe, stored and with partitions; a bare name is a stock."""
        universe: list[dict[str, Any]] = [{"symbol": line} if isinstance(line, str) else line for line in lines]
        self.configure(equities={"universe": universe, **equities})
        self.instance.add_dynamic_partitions(SYMBOLS_NAME, [line["symbol"] for line in universe])
        self.materialize("equities_symbols")

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return settings()

    @property
    def store(self) -> PartitionStore:
        """The store they name."""
        return open_store(settings())

    @property
    def defs(self) -> dg.Definitions:
        """The graph over them."""
        self._defs = self._defs or build_defs(settings())
        return self._defs

    def materialize(
        self,
        *assets: str,
        keys: Sequence[str] | None = None,
        succeed: bool = True,
        tags: Mapping[str, str] | None = None,
    ) -> Results:
        """Materialise partitions, one run per contiguous range."""
        return materialize_range(self.defs, self.instance, assets, keys, raise_on_error=succeed, tags=tags)

    def chain(self, symbols: Sequence[str], years: Sequence[int]) -> dict[str, Results]:
        """Everything of the domain for these symbols and years; asset -> its runs."""
        keys = [f"{symbol}|{year}" for symbol in symbols for year in years]
        cut = [
            (("equities_daily_bars",), keys),
            (("equities_corporate_actions",), list(symbols)),
            (("equities_scored_bars",), keys),
            (OF_YEARS, [str(year) for year in years]),
            (("equities_symbol_status",), None),
        ]
        found: dict[str, Results] = {}
        for assets, of in cut:
            found |= dict.fromkeys(assets, self.materialize(*assets, keys=of))
        return found

    def retry(
        self, failed: dg.ExecuteInProcessResult, keys: Sequence[str], asset: str = "equities_daily_bars"
    ) -> dg.ExecuteInProcessResult:
        """Re-execute a failed run of an asset as Dagster does: same range, tagged with root and parent."""
        from market_assets.core import partitions

        first, last = partitions.ranges(keys, partitions.dimension_keys(self._definition(asset), self.instance))[0]
        origin = {ROOT_RUN_ID_TAG: failed.run_id, PARENT_RUN_ID_TAG: failed.run_id}
        return self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset)],
            tags=partitions.range_tags(first, last) | origin,
            raise_on_error=False,
        )

    def stored(self, table: str) -> list[str]:
        """Keys of the stored partitions."""
        return self.store.partitions(contract(table))

    def bytes_of(self, table: str) -> dict[str, bytes]:
        """The stored files of a table as they are on disk."""
        files = sorted((self.home / "lake" / table).glob("*.parquet"))
        return {file.name: file.read_bytes() for file in files if not file.name.startswith("_")}

    def read(self, table: str, partition: str | None = None, **options: Any) -> pl.DataFrame:
        """Rows as a user reads them."""
        from market_assets import load_asset_value

        frame: pl.DataFrame = load_asset_value(table, partition, **options)
        return frame

    def _definition(self, asset: str) -> dg.PartitionsDefinition:
        found = self.defs.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
        assert found is not None
        return found


@dataclass(frozen=True)
class Built:
    """A home that was built, and what Dagster said meanwhile."""

    home: Path
    results: dict[str, Results]

    def copy_to(self, desk: Desk) -> None:
        """Fill a desk's home with it, to be grown and changed."""
        shutil.copytree(self.home, desk.home, dirs_exist_ok=True)


@contextlib.contextmanager
def opened(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, now: str = SATURDAY) -> Iterator[Desk]:
    """A desk in `home` whose vendors are the sandbox and whose clock stands at `now`."""
    home.mkdir(parents=True, exist_ok=True)
    sandbox.heal()
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(home, sandbox, instance, monkeypatch)
        desk.set(
            MARKET_ASSETS_HOME=str(home),
            MARKET_ASSETS_VENDORS="sandbox",
            MARKET_ASSETS_SANDBOX_URL=sandbox.url,
            MARKET_ASSETS_NOW=now,
            MARKET_ASSETS_FETCH__FIRST_WAIT_S="0.01",
            POLYGON_API_KEY=None,
        )
        yield desk
    sandbox.heal()
    settings.cache_clear()


def told(results: Results, asset: str) -> dict[str, dict[str, Any]]:
    """Partition -> metadata of its materialisation event, as Dagster keeps it."""
    return {
        str(event.partition): {name: value.value for name, value in event.materialization.metadata.items()}
        for result in results
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.to_user_string() == asset
    }


def verdicts(results: Results, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Name -> evaluation of the asset's checks in these runs; of several a failed one."""
    of_asset = [
        check
        for result in results
        for check in result.get_asset_check_evaluations()
        if check.asset_key and check.asset_key.to_user_string() == asset
    ]
    return {check.check_name: check for check in sorted(of_asset, key=lambda check: not check.passed)}


def failed_checks(results: Results, asset: str) -> dict[str, str]:
    """Name -> severity of the checks that did not pass."""
    return {name: check.severity.value for name, check in verdicts(results, asset).items() if not check.passed}


def reason(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step of a run says."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        return str(data.error)
    raise AssertionError("no step of this run failed")
