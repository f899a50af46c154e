"""A small house whose tables are fetched from the sandbox as their assets do, and the requests the sandbox counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl

from market_assets.bars.schemas import BarsMinute
from market_assets.core.contracts import Contract
from market_assets.crypto.schemas import CryptoSignals
from market_assets.equities.transforms import symbols
from market_assets.settings import Settings, load
from market_assets.tables import TABLES
from resources.bars_compare import compare
from resources.bars_fetch import BarsFetch
from resources.bars_macro import observations
from resources.btc_fetch import BtcFetch
from resources.crypto_advice import advise
from resources.crypto_fetch import CryptoFetch
from resources.equities_evidence import Evidence
from resources.equities_fetch import EquitiesFetch
from resources.fetch_log import FetchLog
from resources.funding_fetch import FundingFetch
from resources.partition_fetch import FetchedPartitions, Unit
from resources.plans import requests_of
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import StillTime

#: a Friday
NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)


@dataclass
class House:
    """An empty home over a sandbox."""

    home: Path
    sandbox_url: str
    sections: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Those of the house."""
        universe = [{"symbol": "AAPL"}, {"symbol": "IPOX"}, {"symbol": "BTC-USD", "asset_class": "crypto"}]
        equities = {"universe": universe}
        sections = {"equities": equities} | self.sections
        return load(home=self.home, vendors="sandbox", sandbox_url=self.sandbox_url, **sections)

    @property
    def store(self) -> PartitionStore:
        """Its store."""
        return open_store(self.settings)

    def planned(self, table: str, keys: Sequence[str], **coming: Sequence[str]) -> dict[str, int]:
        """What the plan says."""
        return requests_of(self.settings, table, keys, NOW, coming)

    def sent(self, table: str, keys: Sequence[str]) -> dict[str, int]:
        """Fetch and store partitions; vendor -> requests as the sandbox counted them."""
        httpx.delete(f"{self.sandbox_url}/_sandbox/ledger", timeout=30).raise_for_status()
        vendors = Vendors(self.settings, timing=StillTime(NOW).timing)
        try:
            FETCHES[table](self, vendors, keys)
        finally:
            vendors.close()
        found: dict[str, int] = {}
        for line in httpx.get(f"{self.sandbox_url}/_sandbox/ledger", timeout=30).json():
            found[line["vendor"]] = found.get(line["vendor"], 0) + line["count"]
        return dict(sorted(found.items()))

    def keep(self, table: str, frames: FetchedPartitions) -> None:
        """Store what a fetch brought, and note what it notes then."""
        for key, frame in frames.frames.items():
            self.store.write(TABLES[table], key, frame)
        frames.stored()


def _units(table: str, method: str, fetch_of: Callable[[House, Vendors], Any]) -> Callable[..., None]:
    """Fetches a table unit by unit."""

    def fetched(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
        fetch = fetch_of(house, vendors)
        for unit in fetch.units(keys):
            house.keep(table, getattr(fetch, method)(unit))

    return fetched


def _equities(house: House, vendors: Vendors) -> EquitiesFetch:
    overrides = house.store.read(TABLES["equities_symbol_overrides"])
    universe = symbols.universe(house.settings.equities.universe, overrides)
    return EquitiesFetch(house.settings, vendors, universe, NOW)


def _actions(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
    bars = house.store.read(TABLES["equities_daily_bars"])
    for symbol in keys:
        house.keep(
            "equities_corporate_actions",
            _equities(house, vendors).actions(Unit(symbol, (symbol,)), bars, house.store),
        )


def _evidence(house: House, vendors: Vendors, keys: Sequence[str]) -> tuple[Evidence, pl.DataFrame]:
    bars = house.store.read(TABLES["equities_daily_bars"]).filter(
        pl.col("session_date").dt.year().cast(pl.String).is_in(list(keys))
    )
    years = [int(key) for key in keys]
    return Evidence(_equities(house, vendors), house.store, FetchLog(house.home), years), bars


def _compared(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
    evidence, bars = _evidence(house, vendors, keys)
    assert evidence.compared(bars, print).unanswered == []


def _second(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
    evidence, bars = _evidence(house, vendors, keys)
    evidence.second_source(bars, print)


def _btc(house: House, vendors: Vendors) -> BtcFetch:
    return BtcFetch(house.settings, vendors, house.store, NOW)


def _funding(house: House, vendors: Vendors) -> FundingFetch:
    return FundingFetch(house.settings, vendors, house.store, FetchLog(house.home), "run", NOW)


def _minutes_compared(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
    stored = house.store.read(BarsMinute.contract(), list(keys))
    found = compare(house.settings, vendors, stored, keys, NOW)
    assert found.height and found["status"].is_in(["ok", "warn"]).all()


def _advised(house: House, vendors: Vendors, keys: Sequence[str]) -> None:
    contract: Contract = CryptoSignals.contract()
    assert set(advise(house.settings, vendors, house.store.read(contract, list(keys)))["status"]) == {"ok"}


#: table -> fetches and stores partitions of it
FETCHES: dict[str, Callable[[House, Vendors, Sequence[str]], object]] = {
    "equities_daily_bars": _units("equities_daily_bars", "bars", _equities),
    "equities_corporate_actions": _actions,
    "equities_reconciliation": _compared,
    "equities_gaps": _second,
    "btc_price": _units("btc_price", "price", _btc),
    "btc_liquidations": _units("btc_liquidations", "liquidations", _btc),
    "funding_contracts": _units("funding_contracts", "contracts", _funding),
    "funding_snapshot": _units("funding_snapshot", "snapshot", _funding),
    "funding_rates": _units("funding_rates", "rates", _funding),
    "crypto_klines": _units(
        "crypto_klines", "klines", lambda house, vendors: CryptoFetch(house.settings, vendors, house.store, NOW)
    ),
    "crypto_sentiment": lambda house, vendors, keys: vendors.sentiment.sentiment(),
    "crypto_advice": _advised,
    "bars_minute": _units(
        "bars_minute", "minutes", lambda house, vendors: BarsFetch(house.settings, vendors, house.store, NOW)
    ),
    "bars_macro_daily": lambda house, vendors, keys: observations(house.settings, vendors),
    "bars_reconciliation": _minutes_compared,
}
