"""A small home of all five domains whose vendors lack this and that for good, and a way to lose rows of it.

What is stored of a Monday evening: three years of five stocks, two weeks of bitcoin, and the last days of two
exchanges, two coins and four instruments. It is known of every row that is missing why it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.gaps import Kind
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.tables import contract
from tests.desk import Desk
from tests.market_assets.bars.conftest import QUICK as QUICK_BARS
from tests.market_assets.crypto.conftest import QUICK as QUICK_CRYPTO

SUNDAY, MONDAY = "2026-10-04T20:07:00Z", "2026-10-05T20:07:00Z"
STOCKS = ("AAPL", "DLST", "HALT", "IPOX", "KO")
EXCHANGES = ("bybit", "kucoin")
COINS = ("BTCUSDT", "ETHUSDT")
INSTRUMENTS = ("BTCUSD", "EURUSD", "NAS100", "US500")
YEARS = (2021, 2022, 2023)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: of bitcoin's days; those before 2026-09-28 are not asked for by themselves any more
BTC_DAYS = [f"{date(2026, 9, 18) + n * DAY}" for n in range(17)]
DAYS = [f"{date(2026, 9, 30) + n * DAY}" for n in range(5)]
#: repairs end after one or two tries, an hour apart, so that a few rounds are all there is
CONFIG: dict[str, Any] = {
    "fetch": {"attempts": 1, "breaker_failures": 1000},
    "gaps": {"repair_tries": 2, "repair_pause_h": 1, "repair_budget": 1.0},
    "equities": {
        "universe": [
            *({"symbol": name} for name in ("AAPL", "HALT", "KO")),
            {"symbol": "DLST", "valid_to": "2023-06-30"},
            {"symbol": "IPOX", "valid_from": "2021-06-15"},
        ],
        "repair_days": 1,
    },
    "btc": {"glassnode": {"max_attempts": 1, "requests_per_minute": 6000}},
    "funding": {
        "exchanges": list(EXCHANGES),
        "window_days": 5,
        "start_date": DAYS[1],
        "repair_hours": 1,
        "repair_tries": 2,
    },
    "crypto": QUICK_CRYPTO,
    "bars": QUICK_BARS | {"symbols": list(INSTRUMENTS), "sources": ["alphavantage", "twelvedata"]},
}


@dataclass(frozen=True)
class Hole:
    """Rows that are missing, and what they must come to: closed where they are ours, else explained or given up."""

    table: str
    partition: str
    name: str
    start: datetime
    kind: Kind
    is_given_up: bool = False

    @property
    def key(self) -> tuple[str, str, str, datetime]:
        """Its row of `ops_gaps`."""
        return self.table, self.partition, self.name, self.start


@dataclass
class Punched:
    """The desk, its holes, and what was stored before they were punched."""

    desk: Desk
    holes: list[Hole] = field(default_factory=list)
    before: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)

    def lose(self, table: str, key: str, lost: pl.Expr) -> None:
        """Store a partition without some of its rows."""
        rows = self._remembered(table, key)
        kept = rows.filter(~lost)
        assert kept.height < rows.height, (table, key)
        self.desk.store.write(contract(table), key, kept)

    def lose_all(self, table: str, key: str) -> None:
        """Lose a partition."""
        self._remembered(table, key)
        assert self.desk.store.drop(contract(table), key) is not None

    def add(
        self, kind: Kind, table: str, key: str, name: str, starts: Iterable[datetime], *, is_given_up: bool = False
    ) -> None:
        """Note one hole per start."""
        self.holes += [Hole(table, key, name, start, kind, is_given_up) for start in starts]

    def _remembered(self, table: str, key: str) -> pl.DataFrame:
        rows = self.desk.store.read(contract(table), [key])
        self.before.setdefault((table, key), rows)
        return rows


def at(text: str) -> datetime:
    """An instant of `2026-10-02` or `2026-10-02T05`."""
    return clock.instant(f"{text}:00Z" if "T" in text else text)


def hours(day: str, *of: int) -> list[datetime]:
    """Those hours of a day."""
    return [at(day) + n * HOUR for n in of]


def pairs(days: Sequence[str], names: Sequence[str]) -> list[str]:
    """Partitions of days and names."""
    return [f"{day}|{name}" for day in days for name in names]


def stamps(instants: Iterable[datetime]) -> str:
    """Hours as a fault of the sandbox names them."""
    return ",".join(f"{one:%Y-%m-%dT%H}" for one in instants)


def execute(
    desk: Desk,
    assets: Iterable[str],
    tags: Mapping[str, str],
    checks: Iterable[dg.AssetCheckKey] | None = (),
) -> None:
    """One run, which may fail, with some checks; None is all of its assets."""
    job = desk.defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey(name) for name in assets},
        asset_check_selection=None if checks is None else set(checks),
    )
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    job.execute_in_process(instance=desk.instance, tags=dict(tags), run_config=quiet, raise_on_error=False)


def made(desk: Desk, table: str, keys: Iterable[str]) -> None:
    """Materialise partitions of a table, without its checks: nothing here looks at them."""
    definition = desk.defs.resolve_asset_graph().get(dg.AssetKey(table)).partitions_def
    assert definition is not None
    for span in partitions.ranges(keys, partitions.dimension_keys(definition, desk.instance)):
        execute(desk, [table], partitions.range_tags(*span))


def build(desk: Desk, failing: Sequence[tuple[str, Sequence[str]]], for_good: Sequence[str]) -> None:
    """Store everything. `failing`: tables and partitions whose fetch fails; `for_good`: faults that never end."""
    desk.set(MARKET_ASSETS_NOW=SUNDAY)
    desk.configure(**CONFIG)
    desk.instance.add_dynamic_partitions(SYMBOLS_NAME, list(STOCKS))
    execute(desk, ["equities_symbols"], {})
    made(desk, "funding_contracts", EXCHANGES)
    failed = {table: set(keys) for table, keys in failing}
    desk.sandbox.fault(*(f"{vendor}:500" for vendor in _FAIL))
    for table, keys in failing:
        made(desk, table, keys)
    desk.sandbox.heal()
    desk.sandbox.fault(*for_good)

    def fetch(table: str, keys: Iterable[str]) -> None:
        made(desk, table, [key for key in keys if key not in failed[table]])

    fetch("equities_daily_bars", [f"{name}|{year}" for name in STOCKS for year in YEARS])
    made(desk, "equities_corporate_actions", STOCKS)
    # in time: of an hourly contract one exchange forgets on Monday what it still knows on Sunday
    fetch("funding_rates", pairs(DAYS[1:4], EXCHANGES))
    # not by the desk: its graph does not depend on the clock, and takes a second to build
    desk.monkeypatch.setenv("MARKET_ASSETS_NOW", MONDAY)
    made(desk, "funding_contracts", EXCHANGES)
    fetch("funding_rates", pairs([*DAYS[4:], MONDAY[:10]], EXCHANGES))
    fetch("btc_price", BTC_DAYS)
    made(desk, "btc_liquidations", BTC_DAYS)
    fetch("crypto_klines", pairs(DAYS, COINS))
    fetch("bars_minute", pairs(DAYS, INSTRUMENTS))
    for table, keys in failing:
        assert not set(desk.stored(table)) & set(keys)


#: every vendor that is asked
_FAIL = ("polygon", "yahoo", "glassnode", *EXCHANGES, "binance_usdm", "binance_archive", "alphavantage", "twelvedata")
