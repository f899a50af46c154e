"""What the homes written by hand share: tables that are stored once per process, and apps over them."""

import functools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core.settings import RetentionSettings
from market_assets.settings import Settings, settings
from market_assets.tables import contract
from resources.stores import open_store
from resources.stores.lake import LakeStore
from resources.stores.protocol import PartitionStore

KEY = "the-first-key"
NOW = datetime(2026, 10, 5, 12, 3, tzinfo=UTC)
Rows = list[dict[str, Any]] | pl.DataFrame
_PLAIN: dict[Any, Any] = {
    pl.Float64: 1.0,
    pl.String: "x",
    pl.Boolean: False,
    **dict.fromkeys((pl.Int8, pl.Int16, pl.Int32, pl.Int64), 1),
    pl.List: [],
    pl.Date: NOW.date(),
}


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings at the instant of the homes, with these variables."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", NOW.isoformat())
    monkeypatch.setenv("MARKET_ASSETS_API_KEY", KEY)
    for name, value in variables.items():
        monkeypatch.setenv(f"MARKET_ASSETS_{name}", value)
    settings.cache_clear()
    return settings()


@dataclass(frozen=True, eq=False)
class StoredHome:
    """A home written by hand: its settings, its rows by table, and the instant of what no row says."""

    configure: Callable[[pytest.MonkeyPatch], Settings]
    tables: Callable[[], Mapping[str, Rows]]
    at: datetime = NOW

    def fill(self, found: Settings, *, source: str = "") -> PartitionStore:
        """Store all of it; `source` ends every source that is stored. Written once per process, then copied."""
        lake = Path(_written(self, found.retention.model_dump_json(), source).name, "lake")
        shutil.copytree(lake, found.home / "lake", dirs_exist_ok=True)
        return open_store(found)

    def filled(self, monkeypatch: pytest.MonkeyPatch) -> Settings:
        """Settings of this test's home, in which all of it is stored."""
        found = self.configure(monkeypatch)
        self.fill(found)
        return found

    def reader(self, monkeypatch: pytest.MonkeyPatch) -> TestClient:
        """A client of an app over the home that all tests of this process share: for those that only read."""
        monkeypatch.setenv("MARKET_ASSETS_HOME", _shared_home(self).name)
        return TestClient(_shared_app(self, self.configure(monkeypatch)), raise_server_exceptions=False)

    def empty(self, monkeypatch: pytest.MonkeyPatch) -> TestClient:
        """A client of an app without any data."""
        return TestClient(create_app(self.configure(monkeypatch)), raise_server_exceptions=False)

    def write(self, store: PartitionStore, name: str, rows: Rows, *, source: str = "") -> None:
        """Replace the partitions of these rows; what a row does not say is null, or plain where it may not be."""
        table, plain = contract(name), self.row(name)
        frame = (
            rows
            if isinstance(rows, pl.DataFrame)
            else pl.DataFrame([{**plain, **values} for values in rows], schema=table.schema)
        )
        if "source" in frame.columns:
            frame = frame.with_columns(pl.col("source") + source)
        for partition, part in table.split(table.validate(frame)).items():
            store.write(table, partition, part)

    def row(self, name: str) -> dict[str, Any]:
        """A plain row of a table: null, or a value that is allowed."""
        found: dict[str, Any] = {}
        for column, spec in contract(name).columns.items():
            allowed = spec.isin[0] if spec.isin else _PLAIN.get(spec.dtype.base_type(), self.at)
            found[column] = None if spec.nullable else allowed
        return found


@functools.cache
def _written(home: StoredHome, retention: str, source: str) -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory(prefix="stored-home-")
    store = LakeStore(Path(folder.name), RetentionSettings.model_validate_json(retention))
    for name, rows in home.tables().items():
        home.write(store, name, rows, source=source)
    return folder


@functools.cache
def _shared_home(home: StoredHome) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="stored-home-")


#: by home and what its settings say: settings with mappings in them have no hash
_APPS: dict[tuple[StoredHome, str], FastAPI] = {}


def _shared_app(home: StoredHome, found: Settings) -> FastAPI:
    key = (home, found.model_dump_json())
    if key not in _APPS:
        home.fill(found)
        _APPS[key] = create_app(found)
    return _APPS[key]
