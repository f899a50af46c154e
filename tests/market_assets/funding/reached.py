"""What uses each setting of `funding`, looked at from outside: a cron, a run's range, a client's budget, a row."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import dagster as dg
import polars as pl
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core import clock
from market_assets.definitions import build_defs
from market_assets.funding import checks
from market_assets.funding.schemas import FundingRates
from market_assets.funding.transforms import listing, naming, opportunities
from market_assets.settings import settings
from market_assets.tables import contract
from resources.fetch_log import FetchLog
from resources.funding_fetch import LOOKS, ONLY_GAPS_TAG, looks_of
from resources.funding_history import FundingHistory
from resources.http.client import VendorClient
from resources.vendors.registry import Vendors
from resources.venues.binance_archive import Archive
from resources.venues.exchange import Exchange, HttpSender
from resources.venues.registry import VENUES
from schedules.funding import FundingAsks, funding_schedules
from sensors.gap_repair import gap_repair_sensor
from tests.dashboards import funding_home
from tests.resources.scripted_exchange import DAY, ScriptedArchive, ScriptedExchange, ScriptedVendors, contracts, every

NOW = funding_home.NOW
#: the archive is a source of two exchanges, not one itself
ARCHIVE = "binance_archive"


def cron_of(name: str) -> str:
    found = {one.name: one for one in funding_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)}
    return str(found[name].cron_schedule)


def snapshots_every() -> tuple[str, str]:
    """When snapshots are taken, and how often their age is judged at least."""
    return cron_of("funding_snapshots"), cron_of("funding_freshness")


def trailing_days_asked() -> int:
    """Days before today that the nightly run asks for."""
    funding_home.fill(settings())
    every_schedule = funding_schedules(settings(), default_status=dg.DefaultScheduleStatus.STOPPED)
    (trailing,) = [one for one in every_schedule if one.name == "funding_trailing"]
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=NOW)
        asked = trailing.evaluate_tick(context).run_requests or []
    (first,) = {_ends(request.tags)[0] for request in asked}
    return (NOW.date() - first).days


def repairs(*after: timedelta) -> list[int]:
    """Partitions asked for again for their gaps at each of these ticks, where three days lack settlements."""
    found = settings()
    store = funding_home.fill(found)
    rows = [{**row, **_gap_of_three_days()} for row in funding_home.completeness() if row["exchange"] == "bybit"]
    funding_home.write(store, "funding_completeness", rows)
    rates = FundingRates.contract()
    for day in (f"2026-10-0{n}" for n in (2, 3, 4)):  # asked for before, so what they lack is a gap
        store.write(rates, f"{day}|bybit", rates.empty())
    sensor = gap_repair_sensor(found, default_status=dg.DefaultSensorStatus.STOPPED)
    counts = []
    with dg.DagsterInstance.ephemeral() as instance:
        for at in (NOW + one for one in after):
            with clock.frozen(at):
                context = dg.build_sensor_context(instance=instance, definitions=build_defs(found))
                requests = sensor.evaluate_tick(context).run_requests or []
            counts.append(sum(_n_days(request.tags) for request in requests if ONLY_GAPS_TAG in request.tags))
    return counts


def _gap_of_three_days() -> dict[str, Any]:
    first = datetime(2026, 10, 2, 8, tzinfo=UTC)
    return {"gap_starts": [first], "gap_ends": [first + 2 * DAY], "gap_slots": [7.0]}


def _n_days(tags: Mapping[str, str]) -> int:
    first, last = _ends(tags)
    return (last - first).days + 1


def _ends(tags: Mapping[str, str]) -> tuple[date, date]:
    """First and last day of a run's range."""
    days = [tags[f"dagster/asset_partition_range_{end}"].partition("|")[0] for end in ("start", "end")]
    return date.fromisoformat(days[0]), date.fromisoformat(days[1])


def archive_asked() -> bool:
    """Whether past months come from the archive."""
    archive, first = ScriptedArchive(), datetime(2026, 9, 1, tzinfo=UTC)
    exchange = ScriptedExchange("binance_usdm", {"BTCUSDT": every(8, first, NOW)})
    history(ScriptedVendors(exchange, archive=archive), exchange.name, "BTCUSDT").ask(first, NOW, only_due=False)
    return bool(archive.asked)


def history(vendors: ScriptedVendors, exchange: str, *names: str) -> FundingHistory:
    """A fetch of these contracts of an exchange, of which nothing is stored."""
    found, listed = settings(), contracts(exchange, *names)
    nothing, log = FundingRates.contract().empty(), FetchLog(found.home)
    return FundingHistory(found, cast(Vendors, vendors), log, "a-run", exchange, listed, nothing, NOW)


def breakers() -> list[float]:
    """How long a breaker of an exchange stays open, in both lanes."""
    sender = HttpSender.connect(settings(), VENUES["bybit"])
    return [sender.history.breaker.open_s, sender.market.breaker.open_s]


def base_of_xbt() -> list[str]:
    """What XBT of bybit is taken for, which the curated table says nothing of."""
    row = {"native_symbol": "XBTUSDT", "native_base": "XBT", "quote": "USDT", "kind": "linear", "settle": "USDT"}
    seen = pl.DataFrame([{**dict.fromkeys(listing.SEEN), "exchange": "bybit", **row}], listing.SEEN)
    return naming.identify(seen, settings().funding)["base_asset"].to_list()


def pages() -> Any:
    """The largest page of pairs over REST."""
    funding_home.fill(settings())
    with TestClient(create_app(settings())) as client:
        told = client.get("/api/arbitrage/opportunities-v2", params={"page_size": 50}, headers=_KEY).json()
    return told["pagination"]["page_size"]


_KEY = {"X-API-Key": funding_home.KEY}


def ranking(*columns: str) -> Any:
    """These columns of the ranking, where bybit was looked at 20 minutes before the others."""
    store = funding_home.fill(settings())
    snapshot, statistics, spread_statistics, known = (
        store.read(contract(f"funding_{name}")) for name in ("snapshot", "statistics", "spread_statistics", "contracts")
    )
    earlier = pl.when(pl.col("exchange") == "bybit").then(pl.col("snapshot_at") - timedelta(minutes=20))
    shifted = snapshot.with_columns(snapshot_at=earlier.otherwise("snapshot_at"))
    found = opportunities.opportunities(shifted, statistics, spread_statistics, known, settings().funding)
    return found.select(columns).rows()


def notified_above() -> float | None:
    """The net yearly percent that a check tells of."""
    return checks._notify_above(cast(Any, None))


def fee_of(exchange: str) -> list[float]:
    """The taker fee of an exchange's contracts, as its map states it."""
    row = {"native_symbol": "BTCUSDT", "request_id": "BTCUSDT", "native_base": "BTC", "quote": "USDT"}
    terms = {"settle": "USDT", "kind": "linear", "contract_size": 1.0, "oi_unit": "base", "interval_hours": 8.0}
    at = {"first_at": NOW, "last_at": NOW}
    seen = pl.DataFrame(
        [{**dict.fromkeys(listing.SEEN), **row, **terms, **at, "exchange": exchange}], schema=listing.SEEN
    )
    return listing.contracts(seen, settings().funding)["taker_fee_bps"].to_list()


def ages_thinned() -> set[int]:
    """Ages in days at which the days begin and end whose looks are thinned, where there is one of 20 and one of 40."""
    looks = looks_of(settings())
    for age in (20, 40):
        for minute in (0, 5):
            at = (NOW - age * DAY).replace(hour=3, minute=minute)
            row = {**dict.fromkeys(LOOKS), "native_symbol": "BTCUSDT", "exchange": "bybit", "snapshot_at": at}
            looks.append("bybit", at, pl.DataFrame([row], LOOKS))
    asked = FundingAsks(settings()).thinning(NOW)
    return {(NOW.date() - day).days for request in asked for day in _ends(request.tags)}


def windows(client: VendorClient) -> dict[str, int]:
    """Setting -> requests that a client's budget allows."""
    return {f"per_{window.name.replace(' ', '_')}": window.limit for window in client.budget.windows}


def of_venue(name: str) -> dict[str, Any]:
    """Setting of a venue -> what its clients do."""
    found = settings()
    if name == ARCHIVE:
        http = Archive.connect(found, "binance_usdm").http
        return {"base_url": http.base_url, **{f"budget.{key}": limit for key, limit in windows(http).items()}}
    sender = HttpSender.connect(found, VENUES[name])
    exchange = Exchange.connect(found, VENUES[name])
    return {
        "base_url": sender.history.base_url,
        **{f"budget.{key}": limit for key, limit in windows(sender.history).items()},
        **{f"market_budget.{key}": limit for key, limit in windows(sender.market).items()},
        "workers": exchange._pool._max_workers,
    }
