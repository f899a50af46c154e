"""No setting is decoration: each key of `funding`, and `retention.snapshot_days`, changes what uses it.

A key is set to another value as a person would, and what is looked at is the component at the end (`reached.py`):
a partition, a cron, a client's budget, a row. One of the tests says that no key is left out.
"""

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from market_assets.funding.settings import EXCHANGES, TakerFees, VenuesSettings
from market_assets.settings import settings
from tests.dashboards import funding_home
from tests.market_assets import set_anew
from tests.market_assets.funding import reached
from tests.market_assets.set_anew import given
from tests.market_assets.test_settings import KEYS, leaves
from tests.resources.scripted_exchange import DAY, HOUR, LONG_AGO, ScriptedExchange, ScriptedVendors, every

Observe = Callable[[], Any]

#: key -> another value, what is looked at, what it is by default, and what it becomes
CHANGES: dict[str, tuple[Any, Observe, Any, Any]] = {
    "snapshot_min": (7, reached.snapshots_every, ("*/5 * * * *", "3-59/5 * * * *"), ("*/7 * * * *", "3-59/7 * * * *")),
    "trailing_days": (5, reached.trailing_days_asked, 3, 5),
    "repair_hours": (2, lambda: reached.repairs(0 * HOUR, 3 * HOUR), [3, 0], [3, 3]),
    "repair_tries": (1, lambda: reached.repairs(0 * HOUR, 7 * HOUR), [3, 3], [3, 0]),
    "repair_partitions": (2, lambda: reached.repairs(0 * HOUR), [3], [2]),
    "archive": (False, reached.archive_asked, True, False),
    "breaker_open_s": (45.0, reached.breakers, [300.0, 300.0], [45.0, 45.0]),
    "page_size": (7, reached.pages, 50, 7),
    "instrument_overrides": (
        [{"exchange": "bybit", "native_base": "XBT", "base_asset": "BTC"}],
        reached.base_of_xbt,
        ["XBT"],
        ["BTC"],
    ),
    "opp.notify": (True, reached.notified_above, None, 30.0),
}
#: key -> another value, columns of the reached.ranking that it changes
RANKED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "opp.max_age_min": (30.0, ("long_exchange", "short_exchange")),
    "opp.slippage_pct": (0.5, ("slippage_pct", "round_trip_cost_pct", "net_apr_pct")),
    "opp.holding_days": (30.0, ("cost_apr_pct", "net_apr_pct")),
    "opp.oi_share": (0.5, ("capacity_usd",)),
}
#: key -> another value, and what a process that starts with it says of its partitions
AT_START: dict[str, tuple[Any, Any]] = {
    "start_date": ("2025-06-01", "2025-06-01"),
    "exchanges": (["okx", "bybit"], ["okx", "bybit"]),
    "ccxt_exchanges": (["phemex"], "phemex"),
    "window_days": (14, [-14, -14, -14]),
}


@pytest.fixture
def desk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hand-made home's clock and exchanges."""
    funding_home.configure(monkeypatch)


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_changes_what_uses_it(desk: None, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Before, what the spec says; after, what was set."""
    value, observe, by_default, changed = CHANGES[key]
    assert observe() == by_default
    monkeypatch.setenv("MARKET_ASSETS_HOME", f"{settings().home}-again")
    given(monkeypatch, f"funding.{key}", value)
    assert observe() == changed


@pytest.mark.parametrize("key", RANKED)
def test_a_setting_changes_the_ranking(desk: None, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Which legs count, and what a pair costs and carries."""
    value, columns = RANKED[key]
    before = reached.ranking(*columns)
    monkeypatch.setenv("MARKET_ASSETS_HOME", f"{settings().home}-again")
    given(monkeypatch, f"funding.{key}", value)
    after = reached.ranking(*columns)
    assert before
    assert all(
        old != new for old, new in zip(*map(functools.partial(_by_column, columns), (before, after)), strict=True)
    )


def _by_column(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in range(len(columns))]


def test_a_notice_is_given_from_the_percent_that_is_set(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says something only where notices are on."""
    given(monkeypatch, "funding.opp.notify_net_apr", 12.5)
    assert reached.notified_above() is None
    given(monkeypatch, "funding.opp.notify", True)
    assert reached.notified_above() == 12.5


def test_snapshots_are_kept_for_the_days_that_are_set(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`retention.snapshot_days`: with 30 the day of 40 days ago is thinned, with 10 that of 20 days ago as well."""
    assert reached.ages_thinned() == {40}
    monkeypatch.setenv("MARKET_ASSETS_RETENTION__SNAPSHOT_DAYS", "10")
    monkeypatch.setenv("MARKET_ASSETS_HOME", f"{settings().home}-again")
    settings.cache_clear()
    assert reached.ages_thinned() == {40, 20}


@pytest.mark.parametrize("exchange", [*EXCHANGES, "phemex"])
def test_a_fee_reaches_the_map_of_its_exchange(monkeypatch: pytest.MonkeyPatch, exchange: str) -> None:
    """Of an exchange asked by way of ccxt it is that of `others`."""
    key = exchange if exchange in EXCHANGES else "others"
    given(monkeypatch, f"funding.taker_fee_bps.{key}", 1.25)
    assert reached.fee_of(exchange) == [1.25]


_AT_START = """
import dagster as dg, json
from market_assets.funding import assets
from market_assets.funding.partitions import DAY, EXCHANGE

def first(asset, upstream):
    mapping = asset.get_partition_mapping(dg.AssetKey(upstream))
    by_day = getattr(mapping, "downstream_mappings_by_upstream_dimension", None)
    return (by_day["day"].partition_mapping if by_day else mapping).start_offset

exchanges = EXCHANGE.get_partition_keys()
print(json.dumps({
    "start_date": DAY.get_first_partition_key(),
    "exchanges": exchanges[:2],
    "ccxt_exchanges": exchanges[2],
    "window_days": [
        first(assets.funding_completeness, "funding_rates"),
        first(assets.funding_statistics, "funding_rates"),
        first(assets.funding_spread_statistics, "funding_spreads"),
    ],
}))
"""


@functools.cache
def at_start() -> dict[str, Any]:
    """What a process says that starts with all of AT_START."""
    return set_anew.at_start(_AT_START, {f"funding.{key}": value for key, (value, _) in AT_START.items()})


@pytest.mark.parametrize("key", AT_START)
def test_a_setting_cuts_the_partitions(key: str) -> None:
    """First day, exchanges in use first and those by way of ccxt after them, days that are looked back."""
    assert at_start()[key] == AT_START[key][1]


def keys_of(name: str) -> list[str]:
    """The keys below `funding.venues.<name>`."""
    described = VenuesSettings.model_fields[name]
    return [key for key, _, _ in leaves(type(described.default), "", described.default)]


@pytest.mark.parametrize("name", VenuesSettings.model_fields)
def test_every_setting_of_a_venue_reaches_its_clients(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Address, both budgets in every window, requests side by side."""
    wanted = {key: "http://127.0.0.1:9/x" if key == "base_url" else 11 + n for n, key in enumerate(keys_of(name))}
    before = reached.of_venue(name)
    for key, value in wanted.items():
        given(monkeypatch, f"funding.venues.{name}.{key}", value)
    assert reached.of_venue(name) == wanted
    assert not set(before.items()) & set(wanted.items())


def test_contracts_are_asked_for_side_by_side_as_the_venue_allows(desk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `workers` of 3 three of an exchange's contracts meet under way, and never a fourth."""
    given(monkeypatch, "funding.venues.bybit.workers", 3)
    names = [f"C{n:02d}USDT" for n in range(11)]
    alone, lock, counts = settings().fetch.breaker_successes, threading.Lock(), [0, 0]
    together = threading.Barrier(3)

    def meanwhile(name: str) -> None:
        with lock:
            counts[0] += 1
            counts[1] = max(counts)
        # the first ones are asked for one after another; nine are left, which meet by threes
        if names.index(name) >= alone:
            together.wait(timeout=10)
        with lock:
            counts[0] -= 1

    exchange = ScriptedExchange("bybit", dict.fromkeys(names, every(8, LONG_AGO, LONG_AGO + DAY)), meanwhile=meanwhile)
    asking = reached.history(ScriptedVendors(exchange), "bybit", *names)
    assert asking.ask(LONG_AGO, LONG_AGO + DAY, only_due=False).failed is None
    assert (alone, counts[1]) == (2, 3)


def test_no_setting_is_left_out() -> None:
    """Every key of `funding` is set to another value by one of these tests."""
    tried = {f"funding.{key}" for key in (*CHANGES, *RANKED, *AT_START, "opp.notify_net_apr")}
    tried |= {f"funding.taker_fee_bps.{name}" for name in TakerFees.model_fields}
    tried |= {f"funding.venues.{name}.{key}" for name in VenuesSettings.model_fields for key in keys_of(name)}
    assert {key for key in KEYS if key.startswith("funding.")} == tried


def test_fees_and_venues_are_stated_of_the_same_exchanges() -> None:
    """An exchange without a fee of its own would quietly have that of the others."""
    assert set(TakerFees.model_fields) - {"others"} == set(EXCHANGES)
    assert set(VenuesSettings.model_fields) - {reached.ARCHIVE} == set(EXCHANGES)
