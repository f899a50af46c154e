"""A home that holds something of every domain, for what is asked of the whole API."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from market_assets.settings import Settings
from market_assets.tables import TABLES, contract
from resources.stores import open_store
from resources.stores.lake import LakeStore

from . import bars_home, btc_hours, conftest, crypto_home, funding_home, stored_home

KEY = stored_home.KEY
#: vendors that are asked by a write: nothing listens there, and nobody waits for them
NOWHERE = "http://127.0.0.1:9"
#: tag of a route -> a symbol that it has
SYMBOLS: Mapping[str, str] = {
    "equities": "AAPL",
    "admin": "IBM",
    "funding": "BTC-USDT-PERP",
    "crypto": "BTCUSDT",
    "bars": "BTCUSD",
}


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of the home, without a limit of requests, whose vendors do not answer."""
    ours = {
        "EQUITIES__UNIVERSE": conftest.UNIVERSE,
        "FUNDING__EXCHANGES": json.dumps(funding_home.EXCHANGES),
        "CRYPTO__SYMBOLS": json.dumps(crypto_home.SYMBOLS),
        "BARS__SYMBOLS": json.dumps(bars_home.SYMBOLS),
        "API__RATE_LIMIT_PER_MINUTE": str(10**9),
        "API__PAGE_ROWS": "50",
        "BTC__API__RATE_LIMIT_PER_MINUTE": str(10**9),
        "POLYGON__BASE_URL": NOWHERE,
        "YAHOO__BASE_URL": NOWHERE,
        "CRYPTO__ADVICE__BASE_URL": NOWHERE,
        "FETCH__ATTEMPTS": "1",
    }
    return stored_home.configure(monkeypatch, **ours | variables)


def fill(found: Settings) -> None:
    """Store rows of every domain in a lake."""
    shutil.copytree(Path(conftest.equities_home().name, "lake"), found.home / "lake", dirs_exist_ok=True)
    btc_hours.HOME.fill(found)
    for domain in (funding_home, crypto_home, bars_home):
        domain.fill(found)


def fill_equities(found: Settings) -> None:
    """Store the rows of equities in whatever store the settings name."""
    written, store = LakeStore(Path(conftest.equities_home().name), found.retention), open_store(found)
    for name in TABLES:
        rows = written.read(contract(name))
        if rows.height:
            conftest.write(store, name, rows)
