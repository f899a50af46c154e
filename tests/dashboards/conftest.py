"""A small store written by hand: five sessions of AAPL around a split and a dividend, and IBM with a 12 % gap."""

import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core import clock
from market_assets.core.settings import RetentionSettings
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import symbols
from market_assets.settings import Settings, settings
from market_assets.tables import contract
from resources.stores import open_store
from resources.stores.lake import LakeStore
from resources.stores.protocol import PartitionStore

KEY = "the-first-key"
NOW = "2024-01-12T00:00:00Z"
AT = datetime(2024, 1, 10, tzinfo=UTC)
#: Tuesday to Monday; the split is ex on the fourth, the dividend on the fifth
DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 8)]
CLOSES = [100.0, 102.0, 104.0, 53.0, 54.0]
UNIVERSE = """
[{"symbol": "AAPL"}, {"symbol": "IBM"}, {"symbol": "MSFT"}, {"symbol": "BTC-USD", "asset_class": "crypto"}]
"""
_FLAGS = [name for name in contract("equities_scored_bars").columns if name.startswith("flag_")]


def scored(symbol: str, days: list[date], closes: list[float], *, gap_on: date | None = None) -> pl.DataFrame:
    """Rows of equities_scored_bars: open = close, high one above, low one below, volume 1,000."""
    rows = [
        {
            "symbol": symbol,
            "timeframe": "1d",
            "ts": datetime(day.year, day.month, day.day, tzinfo=UTC),
            "session_date": day,
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 1000.0,
            "source": "polygon",
            "ingested_at": AT,
            "price_basis": "unadjusted",
            "fallback_level": 0,
            **dict.fromkeys(_FLAGS, False),
            "flag_gap": day == gap_on,
            "quality_score": 0.8 if day == gap_on else 1.0,
            "validated": day != gap_on,
            "issues": ["flag_gap"] if day == gap_on else [],
            "available_at": AT,
        }
        for day, close in zip(days, closes, strict=True)
    ]
    return pl.DataFrame(rows, schema=contract("equities_scored_bars").schema)


def action(symbol: str, kind: str, ex_date: date, **values: float) -> dict[str, object]:
    """A row of equities_corporate_actions."""
    return {
        "symbol": symbol,
        "kind": kind,
        "ex_date": ex_date,
        "amount_key": values.get("amount", 0.0),
        "volume_factor": values.get("split_ratio", 1.0),
        "withdrawn": False,
        "source": "polygon",
        "ingested_at": AT,
        "first_seen_at": AT,
        **values,
    }


def status_row(symbol: str, status: str, **values: object) -> dict[str, object]:
    """A row of equities_symbol_status."""
    zero = dict.fromkeys(["n_rows", "n_validated", "n_open_gaps", "n_reconcile_fail_30"], 0)
    return {"symbol": symbol, "asset_class": "stock", "status": status, **zero, **values}


def write(store: PartitionStore, name: str, rows: list[dict[str, object]] | pl.DataFrame) -> None:
    """Store rows, each in the partition it belongs to."""
    table = contract(name)
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, schema=table.schema)
    for partition, part in table.split(table.validate(frame)).items():
        store.write(table, partition, part)


@pytest.fixture
def configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home on 2024-01-12."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", NOW)
    monkeypatch.setenv("MARKET_ASSETS_API_KEY", KEY)
    monkeypatch.setenv("MARKET_ASSETS_EQUITIES__UNIVERSE", UNIVERSE)
    settings.cache_clear()
    return settings()


@functools.cache
def equities_home() -> tempfile.TemporaryDirectory[str]:
    """The tables of AAPL and IBM, stored once per process, at the instant of the homes whoever asks first."""
    folder = tempfile.TemporaryDirectory(prefix="equities-home-")
    with clock.frozen(clock.instant(NOW)):
        _fill(LakeStore(Path(folder.name), RetentionSettings()))
    return folder


def _fill(store: PartitionStore) -> None:
    table, universe = contract("equities_symbol_overrides"), EquitiesSettings(universe=json.loads(UNIVERSE)).universe
    write(store, "equities_symbols", symbols.universe(universe, table.empty()))
    write(store, "equities_scored_bars", scored("AAPL", DAYS, CLOSES))
    write(store, "equities_scored_bars", scored("IBM", DAYS[:3], [100.0, 112.0, 112.5], gap_on=DAYS[1]))
    bars = contract("equities_daily_bars")
    write(store, "equities_daily_bars", scored("AAPL", DAYS, CLOSES).select(list(bars.columns)))
    write(
        store,
        "equities_corporate_actions",
        [
            action("AAPL", "split", DAYS[3], split_from=1.0, split_to=2.0, split_ratio=2.0, price_factor=0.5),
            action("AAPL", "cash_dividend", DAYS[4], amount=0.53, prev_close=53.0, price_factor=0.99),
        ],
    )
    write(
        store,
        "equities_gaps",
        [
            {
                "symbol": "IBM",
                "year": 2024,
                "gap_start": DAYS[3],
                "gap_end": DAYS[4],
                "n_sessions": 2,
                "cause": "vendor_missing",
                "status": "open",
                "detected_at": AT,
            }
        ],
    )
    write(
        store,
        "equities_reconciliation",
        [
            {
                "symbol": "AAPL",
                "session_date": day,
                "source_a": "polygon",
                "source_b": "yahoo",
                "close_a": 100.0,
                "close_b": other,
                "open_a": 100.0,
                "open_b": 100.0,
                "volume_ratio": 1.0,
                "rel_diff": difference,
                "status": verdict,
            }
            for day, other, difference, verdict in [
                (DAYS[0], 100.19, 0.0018982, "ok"),
                (DAYS[1], 100.6, 0.0059821, "investigate"),
                (DAYS[2], 101.2, 0.0119284, "fail"),
            ]
        ],
    )
    write(
        store,
        "equities_symbol_status",
        [
            status_row("AAPL", "warning", latest_session=DAYS[4], sessions_behind=3, n_rows=5, n_validated=5)
            | {"validation_rate": 1.0},
            status_row("IBM", "stale", latest_session=DAYS[2], sessions_behind=5, n_rows=3, n_validated=2)
            | {"validation_rate": 2 / 3},
            status_row("MSFT", "empty"),
        ],
    )


@pytest.fixture
def store(configured: Settings) -> PartitionStore:
    """The store with AAPL and IBM in it."""
    shutil.copytree(Path(equities_home().name, "lake"), configured.home / "lake", dirs_exist_ok=True)
    return open_store(configured)


@pytest.fixture
def app(configured: Settings, store: PartitionStore) -> FastAPI:
    """The app over that store."""
    return create_app(configured)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of it, on loopback."""
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def empty_client(configured: Settings) -> Iterator[TestClient]:
    """A client of an app over a store without any data."""
    with TestClient(create_app(configured), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def writer() -> dict[str, str]:
    """The headers of a call that may write."""
    return {"X-API-Key": KEY}
