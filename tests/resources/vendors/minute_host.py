"""Sources of minutes against a scripted vendor: their clients, recorded refusals, and where a key must not be."""

import json
import pickle
import traceback
from pathlib import Path
from typing import Any

import zstandard

from market_assets.bars.instruments import Bound
from market_assets.settings import Settings
from resources.http.errors import VendorError
from tests.resources.vendor_host import Host, Says, live_settings

KEY = "MARKED-MINUTE-KEY-9c1e"
EURUSD = {
    "alphavantage": Bound("alphavantage", "EUR,USD", "EURUSD", "spot"),
    "twelvedata": Bound("twelvedata", "EUR/USD", "EURUSD", "spot"),
}
BTCUSD = {
    "alphavantage": Bound("alphavantage", "BTC,USD", "BTCUSD", "crypto"),
    "twelvedata": Bound("twelvedata", "BTC/USD", "BTCUSD", "crypto"),
}


def minute_settings(host: Host, key: str | None = KEY, **bars: Any) -> Settings:
    """Live settings whose two sources with limits in the body are at `host`, with their default budgets."""
    own: dict[str, Any] = {"alphavantage": {"base_url": host.url}, "twelvedata": {"base_url": host.url}, **bars}
    return live_settings(host, bars=own, ALPHAVANTAGE_API_KEY=key, TWELVEDATA_API_KEY=key)


def refusals(shared_data: Path, vendor: str) -> dict[str, Says]:
    """Every recorded error of a vendor, by case; a key it echoes is ours."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    return {
        line["case"]: Says(line["body"].replace("DEMOKEY123", KEY).encode(), line["status"], line["headers"])
        for line in lines
        if line["vendor"] == vendor
    }


def told(failed: VendorError) -> str:
    """Everything that an error can show."""
    return "".join(traceback.format_exception(failed)) + repr(vars(failed)) + repr(pickle.dumps(failed))


def places_of(key: str, home: Path) -> list[Path]:
    """Files below `home` that hold a key, packed ones unpacked."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".zst" for path in files)
    return [path for path in files if key.encode() in _content(path)]


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return zstandard.decompress(content) if path.suffix == ".zst" else content
