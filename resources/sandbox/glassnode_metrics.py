"""The metrics Glassnode serves here: where their values come from, and what its metadata say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from resources.sandbox.backend import Backend
from resources.sandbox.fault_hours import LAG
from resources.sandbox.hours import HOUR, Hours

ASSET = "BTC"
#: the metric's own answer has one value `v` a point, or an object `o`
VALUE, OBJECT = "v", "o"
#: options of every metric that its metadata do not list
_ALWAYS = ("s", "u", "timestamp_format", "api_key")
_DOCS = "https://docs.glassnode.com/basic-api/endpoints"
_STUDIO = "https://studio.glassnode.com/charts"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric: its path, name, and the column of the backend behind each of its fields."""

    path: str
    name: str
    description: str
    tags: tuple[str, ...]
    #: field on the wire -> column; prices in USD, or liquidated volumes in BTC
    fields: Mapping[str, str]
    is_volume: bool = False

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Values each listed option takes."""
        listed = {"a": [ASSET], "f": ["csv", "json"], "i": ["1h"]}
        return {**listed, "c": ["native", "usd"], "e": ["aggregated"]} if self.is_volume else listed

    def takes(self, option: str) -> bool:
        """Whether the vendor knows this query option here."""
        return option in self.parameters or option in _ALWAYS

    def hours(self, backend: Backend, at: datetime, in_usd: bool) -> Hours:
        """The metric's hours begun by `at`; volumes in BTC unless `in_usd`, null where an hour has no price."""
        if not self.is_volume:
            prices = backend.btc_price(at).only(**self.fields)
            # an hour whose open was not recorded has no object
            return prices.take(~np.isnan(prices.values[OBJECT])) if OBJECT in self.fields else prices
        volumes = backend.btc_liquidations(at).only(**self.fields)
        return _in_usd(volumes, backend.btc_price(at)) if in_usd else volumes

    def describe(self, backend: Backend, at: datetime, asked: str) -> dict[str, Any]:
        """The body of `/v1/metadata/metric`. None of these metrics has a point-in-time variant."""
        known = self.hours(backend, at, in_usd=False)
        known = known.take(known.start + HOUR + LAG <= at.timestamp())
        first, last = (int(known.start[0]), int(known.start[-1])) if len(known) else (None, None)
        category, _, slug = self.path.strip("/").partition("/")
        return {
            "path": self.path,
            "tier": 1,
            "parameters": self.parameters,
            "queried": {"path": asked},
            "refs": {
                "docs": f"{_DOCS}/{category}#get-v1-metrics-{category}-{slug}",
                "studio": f"{_STUDIO}/{category}.{slug.title().replace('_', '')}",
                "metric_variant": {},
            },
            "bulk_supported": False,
            "timerange": {"min": first, "max": last},
            "modified": None if last is None else last + HOUR + LAG,
            "descriptors": {
                "name": self.name,
                "short_name": self.name,
                "group": self.name,
                "tags": list(self.tags),
                "description": {"default": self.description},
                "data_sharing_group": category,
            },
        }


METRICS: dict[str, Metric] = {
    metric.path: metric
    for metric in (
        Metric(
            path="/market/price_usd_close",
            name="Price",
            description="The asset's closing price in USD.",
            tags=("spot",),
            fields={VALUE: "close"},
        ),
        Metric(
            path="/market/price_usd_ohlc",
            name="Price OHLC",
            description="The asset's opening, highest, lowest and closing price in USD.",
            tags=("spot",),
            fields={"c": "close", "h": "high", "l": "low", OBJECT: "open"},
        ),
        Metric(
            path="/derivatives/futures_liquidated_volume_long_sum",
            name="Futures Long Liquidations",
            description="The sum liquidated from long positions in futures contracts.",
            tags=("futures",),
            fields={VALUE: "long"},
            is_volume=True,
        ),
        Metric(
            path="/derivatives/futures_liquidated_volume_short_sum",
            name="Futures Short Liquidations",
            description="The sum liquidated from short positions in futures contracts.",
            tags=("futures",),
            fields={VALUE: "short"},
            is_volume=True,
        ),
    )
}


def assets() -> dict[str, Any]:
    """The body of `/v1/metadata/assets`."""
    bitcoin = {
        "id": ASSET,
        "external_ids": {"ccdata": "1", "coingecko": "bitcoin", "coinmarketcap": "1"},
        "symbol": ASSET,
        "name": "Bitcoin",
        "asset_type": "BLOCKCHAIN",
        "blockchains": [],
        "categories": ["futures", "spot"],
        "logo_url": "",
        "semantic_tags": ["layer1Token"],
    }
    return {"data": [bitcoin]}


def _in_usd(volumes: Hours, prices: Hours) -> Hours:
    """Volumes times the close of their hour."""
    if not len(prices):
        return volumes.with_values(**{name: np.full(len(volumes), np.nan) for name in volumes.values})
    at = np.minimum(np.searchsorted(prices.start, volumes.start), len(prices) - 1)
    close = np.where(prices.start[at] == volumes.start, prices.values["close"][at], np.nan)
    return volumes.with_values(**{name: np.round(column * close, 6) for name, column in volumes.values.items()})
