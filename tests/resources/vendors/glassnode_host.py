"""A scripted Glassnode on a real socket, and what was recorded of the real one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from market_assets.core.settings import RateBudget
from resources.vendors.glassnode import Glassnode
from tests.resources.vendor_host import Host, Says, StillTime, live_settings

KEY = "MARKED-GLASSNODE-KEY-7f3a"
CLOSE = "market/price_usd_close"
LONG = "derivatives/futures_liquidated_volume_long_sum"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = int(NOON.timestamp())


def client_of(
    host: Host, still: StillTime, *, rates: RateBudget | None = None, key: str = KEY, **own: Any
) -> Glassnode:
    settings = live_settings(host, btc={"glassnode": {"base_url": host.url, **own}}, GLASSNODE_API_KEY=key)
    return Glassnode.connect(settings, rates=rates, timing=still.timing)


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "glassnode" / name).read_text())


def refusals(shared_data: Path) -> dict[str, Says]:
    """Every recorded error of the vendor, by case."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    return {
        line["case"]: Says(line["body"].encode(), line["status"], line["headers"])
        for line in lines
        if line["vendor"] == "glassnode"
    }
