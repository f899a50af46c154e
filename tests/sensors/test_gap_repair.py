"""Holes are asked for again: bounded, in pauses, one repair of a partition at a time, and given up in the end."""

import functools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.test_utils import create_run_for_test

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.partitions import range_tags
from market_assets.crypto.schemas import CryptoKlines
from market_assets.definitions import build_defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.equities.schemas import EquitiesDailyBars, EquitiesGaps, EquitiesSymbols
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.transforms.symbols import universe
from market_assets.funding.schemas import FundingCompleteness, FundingContracts, FundingRates
from market_assets.gap_finders import REPAIRS, known_gaps
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.funding_fetch import ONLY_GAPS_TAG
from resources.http.state import VendorState
from resources.stores import open_store
from sensors.gap_repair import COST_TAG, REPAIR_TAG, gap_repair_sensor
from tests.market_assets.crypto.transforms import minute_frames

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COMPLETENESS, CONTRACTS = FundingCompleteness.contract(), FundingContracts.contract()
RATES, KLINES = FundingRates.contract(), CryptoKlines.contract()
BARS, GAPS = EquitiesDailyBars.contract(), EquitiesGaps.contract()
ENDS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
#: by the venue's table: 10 of a request for a day of candles, 1 of the look at the listing before it
WEIGHT = 11
D3, D4, D5 = ("2026-11-03", "2026-11-04", "2026-11-05")


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(settings())


class Ticks:
    """The sensor over one home and instance; its cursor goes from tick to tick."""

    def __init__(self, instance: dg.DagsterInstance, defs: dg.Definitions) -> None:
        self.instance, self.defs = instance, defs
        self.cursor: str | None = None
        self.said = ""

    def requests(self, now: datetime = NOW) -> Sequence[dg.RunRequest]:
        """What a tick asks for."""
        sensor = gap_repair_sensor(settings(), default_status=dg.DefaultSensorStatus.STOPPED)
        with clock.frozen(now):
            context = dg.build_sensor_context(instance=self.instance, definitions=self.defs, cursor=self.cursor)
            result = sensor.evaluate_tick(context)
        self.cursor, self.said = result.cursor, result.skip_message or ""
        return result.run_requests or []

    def __call__(self, now: datetime = NOW) -> list[tuple[str, str]]:
        """The ranges that a tick asks for."""
        return [ends(request) for request in self.requests(now) if ENDS[0] in request.tags]

    def assets(self, now: datetime = NOW) -> list[str]:
        """What a tick asks for, by asset."""
        return [key.to_user_string() for request in self.requests(now) for key in request.asset_selection or ()]

    def run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> DagsterRun:
        """The run of a request, come so far."""
        selection = frozenset(request.asset_selection or ())
        return create_run_for_test(
            self.instance, "__ASSET_JOB", tags=dict(request.tags), asset_selection=selection, status=status
        )


@pytest.fixture
def ticks(defs: dg.Definitions) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance, defs)


def ends(request: dg.RunRequest) -> tuple[str, str]:
    """First and last partition of a request."""
    return request.tags[ENDS[0]], request.tags[ENDS[1]]


def write(table: Contract, partition: str, frame: pl.DataFrame) -> None:
    open_store(settings()).write(table, partition, table.conform(frame))


def gap(start: str, end: str = "", n: float = 1.0) -> dict[str, Any]:
    """A contract that lacks `n` settlements from `start` to `end`."""
    return {"gap_starts": [clock.instant(start)], "gap_ends": [clock.instant(end or start)], "gap_slots": [n]}


def completeness(exchange: str, *contracts: dict[str, Any], day: str = "2026-11-20") -> None:
    """The completeness of an exchange, one row per contract; the days around it are stored, so what lacks is a gap."""
    sound = {"gap_starts": [], "gap_ends": [], "gap_slots": [], "epoch_starts": [], "epoch_intervals": []}
    common = {"day": date.fromisoformat(day), "exchange": exchange, "base_asset": "BTC", "is_active": True}
    counts = {"expected_slots": 90, "hit_slots": 80, "surplus_rows": 0, "completeness_pct": 88.9, "n_unrecoverable": 0}
    rows = [
        {**dict.fromkeys(COMPLETENESS.columns), **common, **counts, **sound, "completeness_class": "partial_high"}
        | {"symbol": f"C{n}-USDT-PERP", "native_symbol": f"C{n}USDT"}
        | own
        for n, own in enumerate(contracts)
    ]
    write(COMPLETENESS, f"{day}|{exchange}", pl.DataFrame(rows, schema=COMPLETENESS.schema))
    for one in contracts:
        for first, last in zip(one.get("gap_starts", []), one.get("gap_ends", []), strict=True):
            for n in range((last.date() - first.date()).days + 1):
                write(RATES, f"{first.date() + n * DAY}|{exchange}", RATES.empty())


def contracts(*exchanges: str) -> None:
    """An empty map counts as known."""
    for name in exchanges:
        write(CONTRACTS, name, CONTRACTS.empty())


def klines(day: str, symbol: str, *missing: int) -> None:
    """A stored day of candles without these minutes."""
    start = clock.instant(day)
    frame = a_day().with_columns(pl.lit(symbol).alias("symbol"), pl.col("ts", "ingested_at") + (start - NOW))
    lost = [start + n * timedelta(minutes=1) for n in missing]
    with clock.frozen(start + 2 * DAY):
        write(KLINES, f"{day}|{symbol}", frame.filter(~pl.col("ts").is_in(lost)))


@functools.cache
def a_day() -> pl.DataFrame:
    """The candles of a whole day from NOW on."""
    return minute_frames.klines(NOW, 1440)


def equities(*rows: tuple[str, str, str]) -> None:
    """Symbols whose year 2025 is stored, and its gaps: symbol, cause, status."""
    write(
        EquitiesSymbols.contract(),
        "all",
        universe([SymbolSettings(symbol=name) for name in ("AAPL", "KO")], pl.DataFrame()),
    )
    for name in ("AAPL", "KO"):
        write(BARS, f"{name}|2025", BARS.empty())
    judged = [
        {"symbol": symbol, "year": 2025, "gap_start": date(2025, 3, 3), "gap_end": date(2025, 3, 3), "n_sessions": 1,
         "cause": cause, "status": status, "detected_at": clock.now()}
        for symbol, cause, status in rows
    ]  # fmt: skip
    write(GAPS, "2025", pl.DataFrame(judged, schema=GAPS.schema))


# --- which partitions, how often


def test_only_our_own_holes_are_asked_for(ticks: Ticks) -> None:
    """What no symbol of the venue has is its outage; what one of them has is ours."""
    klines(D3, "BTCUSDT", 600, 601)
    klines(D3, "ETHUSDT")
    klines(D4, "BTCUSDT", 600)
    klines(D4, "ETHUSDT", 600)
    (request,) = ticks.requests()
    assert ends(request) == (f"{D3}|BTCUSDT", f"{D3}|BTCUSDT")
    assert request.tags[REPAIR_TAG] == "crypto_klines"
    assert [key.to_user_string() for key in request.asset_selection or ()] == ["crypto_klines"]


def test_it_looks_for_itself(ticks: Ticks) -> None:
    """A hole that was closed since is not asked for, whatever any table says."""
    klines(D3, "BTCUSDT", 600)
    klines(D3, "BTCUSDT")
    assert ticks() == []
    assert "none is due" in ticks.said


def test_a_hole_is_asked_for_again_only_after_the_pause(ticks: Ticks) -> None:
    """Once in six hours; a closed one no more."""
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    span = [(f"{D3}|bybit", f"{D3}|bybit")]
    assert [ticks(NOW + n * HOUR) for n in (0, 1, 6)] == [span, [], span]
    completeness("bybit", {})
    assert ticks(NOW + 12 * HOUR) == []


def test_a_hole_that_never_closes_is_given_up(ticks: Ticks) -> None:
    """Twelve tries for funding, then none, also days later; once it closed and opens again, all begins anew."""
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    tries = [ticks(NOW + 6 * n * HOUR) for n in (*range(14), 19)]
    assert [len(asked) for asked in tries] == [1] * 12 + [0] * 3
    completeness("bybit", {})
    assert ticks(NOW + 121 * HOUR) == []
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    assert len(ticks(NOW + 122 * HOUR)) == 1


def test_other_holes_of_the_same_past_are_not_new(ticks: Ticks) -> None:
    """A venue that answers differently each time is not asked for ever."""
    klines(D3, "ETHUSDT")
    asked = 0
    for n in range(8):
        klines(D3, "BTCUSDT", 600 + n)
        asked += len(ticks(NOW + 6 * n * HOUR))
    assert asked == settings().gaps.repair_tries == 5


def test_slots_that_were_published_later_are_new(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's partition is given up at noon; what is missing of the evening is tried from the beginning."""
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__REPAIR_TRIES", "1")
    settings.cache_clear()
    completeness("bybit", gap("2026-11-20T00:00:00Z"))
    assert [len(ticks(NOW + n * HOUR)) for n in (0, 6)] == [1, 0]
    later = NOW + 12 * HOUR
    completeness("bybit", gap("2026-11-20T00:00:00Z", "2026-11-20T16:00:00Z", n=3.0))
    assert [len(ticks(later + n * HOUR)) for n in (0, 6)] == [1, 0]


def test_what_is_under_way_is_left_alone(ticks: Ticks) -> None:
    """Neither a repair nor any other run of the partition is doubled, whether it waits or runs."""
    klines(D3, "BTCUSDT", 600)
    klines(D3, "ETHUSDT")
    other = dg.RunRequest(asset_selection=[dg.AssetKey("crypto_klines")], tags={"dagster/partition": f"{D3}|BTCUSDT"})
    run = ticks.run(other, dg.DagsterRunStatus.NOT_STARTED)
    assert ticks() == []
    ticks.instance.report_run_canceled(run)
    (request,) = ticks.requests()
    run = ticks.run(request, dg.DagsterRunStatus.STARTED)
    assert ticks(NOW + 6 * HOUR) == []
    ticks.instance.report_run_failed(run)
    assert len(ticks(NOW + 6 * HOUR)) == 1


def test_a_run_without_a_selection_makes_all_of_its_job(ticks: Ticks) -> None:
    """Schedules ask that way: the job names the assets, and a range covers symbols and days."""
    klines(D3, "BTCUSDT", 600)
    klines(D3, "ETHUSDT")
    over_both = range_tags("2026-11-02|BTCUSDT", f"{D4}|ETHUSDT")
    over_the_other = range_tags("2026-11-02|ETHUSDT", f"{D4}|ETHUSDT")
    for tags, is_asked in ((over_both, False), (over_the_other, True)):
        run = create_run_for_test(
            ticks.instance, "__ASSET_JOB", tags=tags, asset_selection=None, status=dg.DagsterRunStatus.STARTED
        )
        assert bool(ticks()) == is_asked
        ticks.instance.report_run_canceled(run)


def test_repairs_can_be_switched_off(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holes are then only told of."""
    monkeypatch.setenv("MARKET_ASSETS_GAPS__REPAIR", "false")
    settings.cache_clear()
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    assert (ticks(), ticks.said) == ([], "gaps.repair is off")


# --- bounds


def test_a_round_is_bounded(ticks: Ticks) -> None:
    """Scattered days of two months: twenty runs a tick, newest first, the rest at the next."""
    days = [f"2026-{month}-{day:02}T08:00:00Z" for month in ("09", "10") for day in range(1, 30, 2)]
    completeness("bybit", *(gap(day) for day in days))
    first, second = ticks(), ticks(NOW + HOUR)
    assert (len(first), len(second)) == (20, 10)
    assert not set(first) & set(second)


def test_a_table_is_asked_for_so_many_partitions_at_once(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest two of three days; the third at the next tick."""
    monkeypatch.setenv("MARKET_ASSETS_GAPS__REPAIR_PARTITIONS", "2")
    settings.cache_clear()
    for day in (D3, D4, D5):
        klines(day, "BTCUSDT", 600)
        klines(day, "ETHUSDT")
    assert ticks() == [(f"{D4}|BTCUSDT", f"{D5}|BTCUSDT")]
    assert ticks() == [(f"{D3}|BTCUSDT", f"{D3}|BTCUSDT")]


def test_a_round_takes_its_share_of_what_is_left_of_a_day(
    ticks: Ticks, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of 6 requests are 3; what waits or runs is taken off, and so is what was used since."""
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__ARCHIVE", "false")
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__BUDGET", json.dumps({"per_day": 6 * WEIGHT}))
    settings.cache_clear()
    for n in range(9, 16):
        klines(f"2026-11-{n:02}", "BTCUSDT", *([600] if n % 2 else []))
        klines(f"2026-11-{n:02}", "ETHUSDT")
    first = ticks.requests()
    assert [ends(request)[0] for request in first] == [f"2026-11-{n}|BTCUSDT" for n in (11, 13, 15)]
    assert json.loads(first[0].tags[COST_TAG]) == {"binance_usdm/klines": WEIGHT}
    waiting, *others = [ticks.run(request, dg.DagsterRunStatus.NOT_STARTED) for request in first]
    assert ticks(NOW + HOUR) == []
    for run in others:
        ticks.instance.report_run_canceled(run)
    use(home, "binance_usdm/klines", 4 * WEIGHT, NOW + 2 * HOUR)
    # half of 2 requests is 1, which the run that still waits takes
    assert ticks(NOW + 2 * HOUR) == []
    ticks.instance.report_run_canceled(waiting)
    assert ticks(NOW + 2 * HOUR) == [("2026-11-09|BTCUSDT", "2026-11-09|BTCUSDT")]


def use(home: Path, key: str, used: int, at: datetime) -> None:
    """Count a vendor's day as used so far."""
    start = int(at.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    with VendorState.of(home).transaction() as db:
        db.execute("INSERT OR REPLACE INTO budget_use VALUES (?, 'day', ?, ?)", (key, start, used))


# --- after a repair


def test_what_is_left_is_told_once_after_a_repair(ticks: Ticks) -> None:
    """Once when it has ended, well or not; not while it runs, and not for other runs."""
    klines(D3, "BTCUSDT", 600)
    klines(D3, "ETHUSDT")
    (request,) = ticks.requests()
    run = ticks.run(request, dg.DagsterRunStatus.STARTED)
    assert ticks.assets() == []
    ticks.instance.report_run_failed(run)
    assert [ticks.assets(), ticks.assets()] == [["ops_gaps"], []]
    ticks.run(request, dg.DagsterRunStatus.SUCCESS)
    ticks.run(dg.RunRequest(asset_selection=[dg.AssetKey("crypto_klines")]), dg.DagsterRunStatus.SUCCESS)
    keys = [request.run_key for request in ticks.requests()]
    assert len(keys) == 1
    assert ticks.assets() == []


def test_a_domain_that_cannot_be_looked_at_does_not_hold_up_the_others(ticks: Ticks, home: Path) -> None:
    """And nothing of it is forgotten meanwhile."""
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    klines(D3, "BTCUSDT", 600)
    klines(D3, "ETHUSDT")
    assert len(ticks()) == 2
    lost = home / "lake" / "funding_completeness"
    for file in lost.glob("*.parquet"):
        file.write_bytes(b"no parquet")
    assert ticks(NOW + 6 * HOUR) == [(f"{D3}|BTCUSDT", f"{D3}|BTCUSDT")]
    assert FetchLog(home).repair_tries("funding_rates").keys() == {f"{D3}|bybit"}


def test_what_was_given_up_is_told_as_that(ticks: Ticks) -> None:
    """While it is tried a hole is open and costs a request; after the last try nothing of it is due."""
    klines(D3, "BTCUSDT", 600, 601)
    klines(D3, "ETHUSDT")
    columns = ["status", "kind", "n_tries", "n_missing", "vendors"]
    for n in range(5):
        told = known_gaps(open_store(settings()), settings(), NOW)
        assert told.select(columns).rows() == [("open", "ours", n, 2, ["binance_archive", "binance_usdm"])]
        assert told["n_requests"][0] >= 1
        ticks(NOW + 6 * n * HOUR)
    told = known_gaps(open_store(settings()), settings(), NOW)
    assert told.select(*columns, "n_requests").rows() == [("given_up", "vendor_has_no_data", 5, 2, [], None)]
    assert told["last_tried_at"].to_list() == [NOW + 24 * HOUR]
    assert told["reason"][0].endswith("; asked for again 5 times")


# --- equities


@pytest.fixture
def stocks(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    monkeypatch.setenv("POLYGON_API_KEY", "a-test")
    settings.cache_clear()
    ticks.instance.add_dynamic_partitions(SYMBOLS_NAME, ["AAPL", "KO"])
    return ticks


def test_only_open_repairable_sessions_are_asked_for(stocks: Ticks) -> None:
    """A halt is explained and a year nobody fetched is a backfill: neither is repaired."""
    equities(("AAPL", "vendor_missing", "open"), ("KO", "no_trade", "explained"))
    assert stocks() == [("AAPL|2025", "AAPL|2025")]
    equities(("KO", "unfetched", "open"))
    assert stocks(NOW + DAY) == []


def test_a_session_is_asked_for_once_a_day_for_five_days(stocks: Ticks) -> None:
    """The second tick of a day is quiet; after the fifth day only the cause is settled, in the gaps of the year."""
    equities(("AAPL", "fetch_failed", "open"))
    asked = [stocks(NOW + n * HOUR) for n in (0, 12, 24, 36, 48, 72, 96, 108)]
    one = [("AAPL|2025", "AAPL|2025")]
    assert asked == [one, [], one, [], one, one, one, []]
    (settled,) = stocks.requests(NOW + 5 * DAY)
    assert ends(settled) == ("2025", "2025")
    assert [key.to_user_string() for key in settled.asset_selection or ()] == ["equities_gaps"]
    (again,) = stocks.requests(NOW + 6 * DAY)
    assert again.run_key == settled.run_key
    assert len(FetchLog(settings().home).repair_days("equities_daily_bars")["AAPL|2025"]) == 5


def test_a_closed_gap_is_forgotten(stocks: Ticks) -> None:
    """A later gap of the same partition starts with all its tries."""
    equities(("AAPL", "fetch_failed", "open"))
    stocks()
    equities()
    stocks(NOW + DAY)
    log = FetchLog(settings().home)
    assert (log.repair_days("equities_daily_bars"), log.repair_tries("equities_daily_bars")) == ({}, {})


def test_nobody_is_asked_without_a_key(stocks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs could only fail."""
    monkeypatch.delenv("POLYGON_API_KEY")
    settings.cache_clear()
    equities(("AAPL", "fetch_failed", "open"))
    assert stocks() == []


# --- funding


def test_a_new_home_asks_for_the_window_whole(ticks: Ticks) -> None:
    """Thirty days before today in one run, all contracts of them: some exchanges do not say since when they list."""
    contracts("binance_usdm", "binance_coinm")
    (request,) = ticks.requests()
    assert ends(request) == ("2026-10-21|binance_usdm", "2026-11-19|binance_coinm")
    assert ONLY_GAPS_TAG not in request.tags
    assert ticks(NOW + HOUR) == []


def test_days_never_stored_are_not_bounded(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one backfill, however few partitions a repair may ask for."""
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__REPAIR_PARTITIONS", "1")
    settings.cache_clear()
    contracts("bybit")
    assert ticks() == [("2026-10-21|bybit", "2026-11-19|bybit")]


def test_an_exchange_without_known_contracts_is_not_asked(ticks: Ticks) -> None:
    """Its listing comes first."""
    assert ticks() == []


def test_days_that_are_stored_are_not_asked_for_whole(ticks: Ticks) -> None:
    """A known empty day is stored."""
    contracts("bybit")
    for n in range(1, 31):
        if n != 7:
            write(RATES, f"{(NOW - n * DAY):%Y-%m-%d}|bybit", RATES.empty())
    assert ticks() == [("2026-11-13|bybit", "2026-11-13|bybit")]


def test_only_contracts_that_lack_settlements_are_asked_for(ticks: Ticks) -> None:
    """The run is tagged so."""
    completeness("bybit", gap("2026-11-03T16:00:00Z"))
    (request,) = ticks.requests()
    assert request.tags[ONLY_GAPS_TAG] == "yes"


def test_neighbouring_days_and_exchanges_share_a_run(ticks: Ticks) -> None:
    """Our own outage of two days at two neighbouring exchanges is one run."""
    for exchange in ("bybit", "okx"):
        completeness(exchange, gap("2026-11-03T16:00:00Z", "2026-11-04T16:00:00Z", n=4.0))
    assert ticks() == [(f"{D3}|bybit", f"{D4}|okx")]


def test_every_repaired_table_is_one_of_the_graph(defs: dg.Definitions) -> None:
    """And every one that a repair is settled in."""
    names = {name for repair in REPAIRS.values() for name in (repair.table, repair.settled_in) if name}
    known = {key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys}
    assert names <= known
