"""What `market-assets status` tells, read from where it is measured. What nobody measures is None or "unknown".

Nothing here needs Dagster where its home has no instance, nor the app, nor a vendor.
"""

import functools
import os
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import orjson
import polars as pl

from dashboards.data import PublishedData, TableFacts
from dashboards.orchestrator import Daemon, Orchestrator, OrchestratorUnavailable, Run
from dashboards.sources import SourceFacts, Sources
from dashboards.stopped import Standstill, standstill
from dashboards.streams import StreamFacts, streams
from market_assets.cli import status_bars, status_crypto
from market_assets.cli.status_bars import BarLine, PolledLine
from market_assets.cli.status_crypto import AccountLine, Reached, SymbolLine
from market_assets.core import clock
from market_assets.funding import readers
from market_assets.settings import Settings

#: how long a service of this machine may take to answer (s)
_ANSWERS_S = 0.5
_WEBSERVER_PORT = 3000
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what is bound, not what is asked


@dataclass(frozen=True)
class Service:
    """One process or daemon thread of this project."""

    name: str
    state: Reached
    #: where, since when, or why it is unknown
    said: str


@dataclass(frozen=True)
class ExchangeLine:
    """How far one exchange's funding is known."""

    name: str
    #: since its newest snapshot; None before the first
    age_s: float | None
    #: open contracts that completeness was judged of, their mean, and those of them that are complete (%)
    n_active: int | None
    completeness_pct: float | None
    complete_pct: float | None


@dataclass(frozen=True)
class State:
    """Everything, at one instant."""

    at: datetime
    store: str
    #: None where this home is not meant to stand still
    stopped: Standstill | None
    services: tuple[Service, ...]
    #: newest first; None where Dagster cannot be asked
    runs: tuple[Run, ...] | None
    exchanges: tuple[ExchangeLine, ...]
    symbols: tuple[SymbolLine, ...]
    account: AccountLine | None
    bars: tuple[BarLine, ...]
    polled: tuple[PolledLine, ...]
    sources: tuple[SourceFacts, ...]
    tables: tuple[TableFacts, ...]


class Looks:
    """Looks at everything, as often as asked. Raises what an unreadable store raises."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = PublishedData(settings)
        self._orchestrator = Orchestrator.of(settings)
        self._sources = Sources(settings)

    def state(self) -> State:
        """How things stand now."""
        described = self._data.store.describe()
        daemons, runs = self._dagster()
        collectors = streams(self._settings)
        return State(
            at=clock.now(),
            store=f"{described.kind} at {described.location}",
            stopped=standstill(self._settings),
            services=(*daemons, _webserver(), *self._own_services(collectors)),
            runs=runs,
            exchanges=self._exchanges(),
            symbols=status_crypto.symbols(self._settings, self._data),
            account=status_crypto.account(self._data),
            bars=status_bars.symbols(self._settings, self._data, collectors),
            polled=status_bars.polled(collectors),
            sources=tuple(self._sources.facts()),
            tables=tuple(self._data.tables()),
        )

    def _dagster(self) -> tuple[list[Service], tuple[Run, ...] | None]:
        try:
            daemons, runs = self._orchestrator.daemons(), self._orchestrator.runs()
        except OrchestratorUnavailable as unknown:
            return [Service("dagster daemons", "unknown", str(unknown))], None
        return [_of_daemon(daemon) for daemon in daemons], tuple(runs)

    def _own_services(self, collectors: list[StreamFacts]) -> list[Service]:
        """The app where the settings say it listens, the sandbox where it stands for the vendors, the collectors."""
        api = self._settings.api
        found = [_listening("app", _LOOPBACK.get(api.host, api.host), api.port)]
        if self._settings.vendors == "sandbox":
            where = urlsplit(self._settings.sandbox_url)
            found.append(_listening("sandbox", where.hostname or "127.0.0.1", where.port or 80))
        return [*found, *(Service(*status_crypto.service(one)) for one in collectors)]

    def _exchanges(self) -> tuple[ExchangeLine, ...]:
        """The exchanges in use that anything is stored of, in the order of the settings."""
        ages = self._snapshot_ages()
        judged = self._completeness()
        known = [name for name in self._settings.funding.enabled if name in ages or name in judged]
        nothing = (None, None, None)
        return tuple(ExchangeLine(name, ages.get(name), *judged.get(name, nothing)) for name in known)

    def _snapshot_ages(self) -> dict[str, float]:
        now = clock.now()
        return {
            part.partition.rpartition("|")[2]: (now - part.max_time).total_seconds()
            for part in self._data.manifests("funding_snapshot")
            if part.max_time is not None
        }

    def _completeness(self) -> dict[str, tuple[int, float | None, float]]:
        """Exchange -> open contracts, mean completeness, share complete, on its newest day."""
        if not self._data.manifests("funding_completeness"):
            return {}
        rows = self._data.kept(
            "status completeness", ["funding_completeness"], lambda: readers.completeness(store=self._data.store)
        )
        shares = (
            rows.filter("is_active")
            .group_by("exchange", maintain_order=True)
            .agg(
                n_active=pl.len(),
                mean=pl.col("completeness_pct").mean(),
                complete=100.0 * (pl.col("completeness_class") == "complete").mean(),
            )
        )
        return {name: (n_active, mean, complete) for name, n_active, mean, complete in shares.iter_rows()}


def _of_daemon(daemon: Daemon) -> Service:
    name = f"dagster {daemon.name.lower().replace('_', ' ')}"
    state: Reached = "unknown" if daemon.healthy is None else "up" if daemon.healthy else "down"
    if daemon.last_heartbeat is None:
        return Service(name, state, "no heartbeat was ever seen")
    # Dagster's processes know no stopped clock
    age_s = max(0.0, (clock.wall() - daemon.last_heartbeat).total_seconds())
    return Service(name, state, f"last heartbeat {age_s:,.0f} s ago")


def _webserver() -> Service:
    """Dagster's webserver, by its own answer. Its port is no setting of ours: silence elsewhere proves nothing."""
    named = os.environ.get("DAGSTER_WEBSERVER_PORT", "")
    url = f"http://127.0.0.1:{named if named.isdecimal() else _WEBSERVER_PORT}"
    if _is_webserver(url):
        return Service("dagster webserver", "up", f"answers at {url}")
    if named:
        return Service("dagster webserver", "down", f"does not answer at {url}")
    return Service("dagster webserver", "unknown", f"silent at {url}; name another in DAGSTER_WEBSERVER_PORT")


@functools.cache
def _direct() -> urllib.request.OpenerDirector:
    """Asks this machine, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _is_webserver(url: str) -> bool:
    try:
        with _direct().open(f"{url}/server_info", timeout=_ANSWERS_S) as answer:
            told = orjson.loads(answer.read(10_000))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "dagster_webserver_version" in told


def _listening(name: str, host: str, port: int) -> Service:
    where = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=_ANSWERS_S):
            return Service(name, "up", f"listens at {where}")
    except OSError:
        return Service(name, "down", f"nothing listens at {where}")
