"""What the funding domain makes of its exchanges' answers: looks kept, settlements laid over those stored."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import dagster as dg
import polars as pl
import pytest

from market_assets.core import clock
from market_assets.funding.partitions import EXCHANGE_DAY
from market_assets.settings import Settings, load
from resources.fetch_log import FetchLog
from resources.funding_fetch import (
    CONTRACTS,
    RATES,
    SNAPSHOT,
    FundingFetch,
    archive_conflicts,
    last_of_hour,
    listings_of,
    looks_of,
)
from resources.http.errors import EmptyUnexpected, Unavailable
from resources.partition_fetch import FetchedPartitions, PartitionFetch, Unit
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors
from tests.resources.scripted_exchange import (
    DAY,
    HOUR,
    NOON,
    Row,
    ScriptedArchive,
    ScriptedExchange,
    ScriptedVendors,
    events,
    every,
    listed,
    state,
)

TODAY, YESTERDAY, BEFORE = "2026-11-20", "2026-11-19", "2026-11-18"
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = HOUR / 60


@dataclass
class Desk:
    """Exchanges by script, a real store, and the hand on the clock."""

    home: Path
    at: datetime = NOON
    archive: ScriptedArchive | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.exchanges = {name: ScriptedExchange(name) for name in ("bybit", "okx", "gate", "binance_usdm")}
        self.store: PartitionStore = open_store(self.found)
        self.log = FetchLog(self.home)

    @property
    def found(self) -> Settings:
        """Live settings."""
        return load(home=self.home, vendors="live", **self.settings)

    @property
    def bybit(self) -> ScriptedExchange:
        """The exchange that most tests ask."""
        return self.exchanges["bybit"]

    def fetch(self, group: str = "g", *, only_due: bool = False) -> FundingFetch:
        """That of a run."""
        for exchange in self.exchanges.values():
            exchange.now = self.at
        vendors = cast(Vendors, ScriptedVendors(*self.exchanges.values(), archive=self.archive))
        return FundingFetch(self.found, vendors, self.store, self.log, group, self.at, only_due=only_due)

    def contracts(self, exchange: str = "bybit") -> pl.DataFrame:
        """One more look at a listing, stored."""
        brought = self.fetch().contracts(Unit(exchange, (exchange,)))
        self.store.write(CONTRACTS, exchange, brought.frames[exchange])
        return brought.frames[exchange]

    def rates(self, *days: str, exchange: str = "bybit", **run: Any) -> FetchedPartitions:
        """Settlements of days, stored."""
        (unit,) = self.fetch(**run).units([f"{day}|{exchange}" for day in days])
        brought = self.fetch(**run).rates(unit)
        for key, frame in brought.frames.items():
            self.store.write(RATES, key, frame)
        brought.stored()
        return brought

    def stored(self, day: str, exchange: str = "bybit") -> pl.DataFrame:
        """What is stored of a day."""
        return self.store.read(RATES, [f"{day}|{exchange}"])

    def snapshot(self, *days: str) -> FetchedPartitions:
        """What a run over days makes of them."""
        return self.fetch().snapshot(Unit("bybit", tuple(f"{day}|bybit" for day in days)))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Bybit lists two contracts, which have settled every eight hours for long."""
    made = Desk(tmp_path)
    made.bybit.listed = listed("BTCUSDT", "ETHUSDT")
    made.bybit.settled = {name: every(8, MIDNIGHT - 40 * DAY, NOON) for name in ("BTCUSDT", "ETHUSDT")}
    made.contracts()
    return made


def times(frame: pl.DataFrame, name: str = "BTCUSDT") -> list[str]:
    """Settlements of a contract by their hour."""
    return frame.filter(native_symbol=name).sort("funding_time")["funding_time"].dt.strftime("%d %H:%M").to_list()


def test_a_unit_is_an_exchange_with_its_days() -> None:
    """Of a range over days and exchanges, whatever its order; of exchanges alone."""
    asked = FundingFetch(load(), cast(Vendors, None), cast(PartitionStore, None), FetchLog(Path()), "g", NOON)
    assert asked.units([f"{TODAY}|okx", f"{TODAY}|bybit", f"{YESTERDAY}|okx", f"{YESTERDAY}|bybit"]) == [
        Unit("bybit", (f"{YESTERDAY}|bybit", f"{TODAY}|bybit")),
        Unit("okx", (f"{YESTERDAY}|okx", f"{TODAY}|okx")),
    ]
    assert asked.units(["okx", "bybit"]) == [Unit("bybit", ("bybit",)), Unit("okx", ("okx",))]
    assert asked.units([]) == []


def test_days_are_asked_with_what_is_around_them(desk: Desk) -> None:
    """32 h before and after, which tell the interval, and never what is to come. Only the days' rows are stored."""
    brought = desk.rates(BEFORE, YESTERDAY)
    first = MIDNIGHT - 2 * DAY - 32 * HOUR
    assert {(asked.first, asked.until) for asked in desk.bybit.asked} == {(first, NOON)}
    assert {key: times(rows) for key, rows in brought.frames.items()} == {
        f"{BEFORE}|bybit": ["18 00:00", "18 08:00", "18 16:00"],
        f"{YESTERDAY}|bybit": ["19 00:00", "19 08:00", "19 16:00"],
    }
    for rows in brought.frames.values():
        RATES.validate(rows)
        assert set(rows["interval_hours"]) == {8.0}
    desk.rates("2026-11-10")
    assert desk.bybit.asked[-1].until == datetime(2026, 11, 11, 8, tzinfo=UTC) + DAY


def test_a_day_is_complete_once_its_settlements_can_all_have_come(desk: Desk) -> None:
    """32 h after its end: at 12:20 of the 20th that is the 18th (08:00 on the 20th), not the 19th."""
    brought = desk.rates(BEFORE, YESTERDAY, TODAY)
    complete = {key[:10]: told["complete"] for key, told in brought.metadata.items()}
    assert complete == {BEFORE: True, YESTERDAY: False, TODAY: False}


def test_what_an_exchange_has_forgotten_stays(desk: Desk) -> None:
    """Rows are laid over those stored: a restated rate is the newer one, and nothing goes."""
    desk.rates(YESTERDAY)
    restated = MIDNIGHT - 8 * HOUR
    desk.bybit.settled = {"BTCUSDT": [(restated, 5e-4)], "ETHUSDT": []}
    desk.at = NOON + HOUR
    desk.rates(YESTERDAY)
    stored = desk.stored(YESTERDAY)
    assert times(stored) == times(stored, "ETHUSDT") == ["19 00:00", "19 08:00", "19 16:00"]
    rates = dict(stored.filter(native_symbol="BTCUSDT").select("funding_time", "rate_native").iter_rows())
    assert rates == {MIDNIGHT - 24 * HOUR: 1e-4, MIDNIGHT - 16 * HOUR: 1e-4, restated: 5e-4}
    arrived = dict(stored.filter(native_symbol="BTCUSDT").select("funding_time", "ingested_at").iter_rows())
    assert [arrived[at] for at in sorted(arrived)] == [NOON, NOON, NOON + HOUR]


def test_asking_again_without_news_stores_nothing(desk: Desk) -> None:
    desk.rates(YESTERDAY)
    desk.at = NOON + HOUR
    brought = desk.fetch().rates(Unit("bybit", (f"{YESTERDAY}|bybit",)))
    assert desk.store.write(RATES, f"{YESTERDAY}|bybit", brought.frames[f"{YESTERDAY}|bybit"]).unchanged


def test_only_due_contracts_are_asked_and_the_others_stay(desk: Desk) -> None:
    """ETH changed to one hour: at 13:20 it alone is due, and BTC's rows of the day remain."""
    desk.bybit.listed = pl.concat([listed("BTCUSDT"), listed("ETHUSDT", interval_hours=1.0)])
    desk.contracts()
    desk.bybit.settled["ETHUSDT"] = every(1, MIDNIGHT - 5 * DAY, NOON)
    desk.rates(TODAY)
    desk.bybit.asked.clear()
    desk.at = NOON + HOUR
    desk.bybit.settled["ETHUSDT"] = every(1, MIDNIGHT - 5 * DAY, NOON + HOUR)
    brought = desk.rates(TODAY, only_due=True)
    assert desk.bybit.names() == ["ETHUSDT"]
    told = brought.metadata[f"{TODAY}|bybit"]
    assert (told["asked"], told["not_due"]) == (1, 1)
    assert times(desk.stored(TODAY)) == ["20 00:00", "20 08:00"]
    assert times(desk.stored(TODAY), "ETHUSDT")[-1] == "20 13:00"


def test_a_null_rate_is_quarantined_with_its_reason(desk: Desk) -> None:
    """In the partition of its day; a row of another day, asked for beside it, is not."""
    desk.bybit.settled["BTCUSDT"] = [(MIDNIGHT - 16 * HOUR, None), (MIDNIGHT, None), (MIDNIGHT - 8 * HOUR, 0.0)]
    brought = desk.rates(YESTERDAY)
    key = f"{YESTERDAY}|bybit"
    assert list(brought.quarantined) == [key]
    rejected = RATES.quarantine().validate(brought.quarantined[key])
    assert rejected.select("native_symbol", "symbol", "funding_time", "rate_native", "reason").rows() == [
        ("BTCUSDT", "BTC-USDT-PERP", MIDNIGHT - 16 * HOUR, None, "null_rate")
    ]
    assert brought.frames[key].filter(native_symbol="BTCUSDT")["rate_native"].to_list() == [0.0]
    assert brought.metadata[key]["null_rates"] == 2


def test_what_failed_leaves_the_days_incomplete(desk: Desk) -> None:
    """What was brought is there, the text names what was not, and no day counts as complete."""
    desk.bybit.settled["ETHUSDT"] = Unavailable("bybit", "HTTP 500")
    brought = desk.rates("2026-11-10", group="first")
    assert brought.incomplete is not None
    assert brought.incomplete.startswith("1 of 2 contracts failed: bybit: HTTP 500")
    assert brought.metadata["2026-11-10|bybit"]["complete"] is False
    assert brought.frames["2026-11-10|bybit"].height == 3
    desk.bybit.asked.clear()
    desk.bybit.settled["ETHUSDT"] = every(8, MIDNIGHT - 40 * DAY, NOON)
    again = desk.rates("2026-11-10", group="first")
    assert desk.bybit.names() == ["ETHUSDT"]
    assert (again.incomplete, again.metadata["2026-11-10|bybit"]["complete"]) == (None, True)
    assert desk.stored("2026-11-10").height == 6


def test_a_run_that_dies_before_it_has_stored_is_asked_for_everything_again(desk: Desk) -> None:
    """What was answered counts for a retry only once it is kept."""
    desk.bybit.settled["ETHUSDT"] = Unavailable("bybit", "HTTP 500")
    fetch = desk.fetch(group="first")
    assert fetch.rates(Unit("bybit", ("2026-11-10|bybit",))).incomplete is not None
    desk.bybit.asked.clear()
    desk.bybit.settled["ETHUSDT"] = every(8, MIDNIGHT - 40 * DAY, NOON)
    assert desk.rates("2026-11-10", group="first").frames["2026-11-10|bybit"].height == 6
    assert desk.bybit.names() == ["BTCUSDT", "ETHUSDT"]


def test_contracts_must_be_known_first(desk: Desk) -> None:
    with pytest.raises(EmptyUnexpected, match="Materialise funding_contracts of okx first"):
        desk.rates(TODAY, exchange="okx")


def test_what_the_archive_and_the_exchange_state_differently_is_counted(desk: Desk) -> None:
    """Stored rows of the archive count too: the exchange's own rate is kept, and the check is told."""
    binance = desk.exchanges["binance_usdm"]
    binance.listed = listed("BTCUSDT", "ETHUSDT")
    desk.contracts("binance_usdm")
    october = datetime(2026, 10, 1, tzinfo=UTC)
    months = {(name, october): every(8, october, october + 31 * DAY, 2e-4) for name in ("BTCUSDT", "ETHUSDT")}
    desk.archive = ScriptedArchive(months)
    days = [f"{october + n * DAY:%Y-%m-%d}" for n in range(31)]
    binance.settled = {name: every(8, october - 2 * DAY, NOON, 2e-4) for name in ("BTCUSDT", "ETHUSDT")}
    first = desk.rates(*days, exchange="binance_usdm")
    assert first.metadata[f"{days[0]}|binance_usdm"]["archive_conflicts"] == 0
    assert set(desk.stored(days[9], "binance_usdm")["source"]) == {"binance_archive"}
    own: list[Row] = [(october + 9 * DAY, 2e-4 + 2e-9), (october + 9 * DAY + 8 * HOUR, 2e-4 + 1e-10)]
    binance.settled = {"BTCUSDT": own, "ETHUSDT": []}
    again = desk.rates(days[9], exchange="binance_usdm")
    assert again.metadata[f"{days[9]}|binance_usdm"]["archive_conflicts"] == 1
    kept = desk.stored(days[9], "binance_usdm").filter(native_symbol="BTCUSDT").sort("funding_time")
    assert kept.select("source", "rate_native").rows() == [
        *(("binance_usdm", rate) for _, rate in own),
        ("binance_archive", 2e-4),
    ]


def test_conflicts_are_of_one_settlement_in_two_sources() -> None:
    """Milliseconds of jitter do not part them; the same source twice is no conflict."""
    at = MIDNIGHT
    rows = [
        events("A", [(at, 1e-4)]).with_columns(source=pl.lit("binance_archive")),
        events("A", [(at + MINUTE / 60_000 * 12, 2e-4)]).with_columns(source=pl.lit("binance_usdm")),
        events("B", [(at, 1e-4), (at, 2e-4)]).with_columns(source=pl.lit("binance_usdm")),
        events("C", [(at, 1e-4)]).with_columns(source=pl.lit("binance_archive")),
        events("C", [(at + HOUR, 2e-4)]).with_columns(source=pl.lit("binance_usdm")),
    ]
    assert archive_conflicts(pl.concat(rows)) == 1
    assert archive_conflicts(pl.concat(rows).clear()) == 0


def test_every_look_at_a_listing_is_kept(desk: Desk) -> None:
    """The map is made of all looks: a contract that is gone for a day is closed, with the last look that had it."""
    desk.at = NOON + HOUR
    desk.bybit.listed = listed("BTCUSDT", "SOLUSDT")
    desk.contracts()
    desk.at = NOON + 30 * HOUR
    found = desk.contracts()
    assert listings_of(desk.found).read("bybit")["native_symbol"].n_unique() == 3
    ends = dict(found.select("native_symbol", "valid_to").iter_rows())
    assert ends == {"BTCUSDT": None, "ETHUSDT": NOON, "SOLUSDT": None}
    assert CONTRACTS.validate(found).height == 3


def test_prices_of_other_exchanges_judge_a_contract(desk: Desk) -> None:
    """ETH of bybit is at 300 where okx and gate have it at 100: its ratio is 3, BTC's 1. A day later it is unknown."""
    for name in ("okx", "gate"):
        other = desk.exchanges[name]
        other.listed, other.state = listed("BTCUSDT", "ETHUSDT"), state("BTCUSDT", "ETHUSDT")
        desk.contracts(name)
        desk.fetch().snapshot(Unit(name, (f"{TODAY}|{name}",)))
    desk.bybit.state = pl.concat([state("BTCUSDT"), state("ETHUSDT", mark=300.0)])
    desk.snapshot(TODAY)
    ratios = dict(desk.contracts().select("native_symbol", "price_ratio").iter_rows())
    assert ratios == {"BTCUSDT": 1.0, "ETHUSDT": 3.0}
    desk.at = NOON + 25 * HOUR
    desk.contracts()
    newest = listings_of(desk.found).newest("bybit", "last_at")
    assert newest["price_ratio"].null_count() == 2


def test_a_look_is_appended_to_those_of_the_day(desk: Desk) -> None:
    """What is listed is asked for; rows of other contracts in the answer are not kept."""
    desk.bybit.state = state("BTCUSDT", "ETHUSDT", "DELISTED")
    desk.snapshot(TODAY)
    desk.at = NOON + 5 * MINUTE
    brought = desk.snapshot(TODAY)
    assert desk.bybit.looked_at == [["BTCUSDT", "ETHUSDT"]] * 2
    rows = SNAPSHOT.validate(brought.frames[f"{TODAY}|bybit"])
    assert rows.select("native_symbol", "snapshot_at").rows() == [
        (name, at) for name in ("BTCUSDT", "ETHUSDT") for at in (NOON, NOON + 5 * MINUTE)
    ]
    assert set(rows["latency_ms"]) == {12.5}
    told = brought.metadata[f"{TODAY}|bybit"]
    assert (told["looked_at"], told["listed"], told["requests"], told["complete"]) == (2, 2, 1, False)


def test_closed_contracts_are_not_looked_at(desk: Desk) -> None:
    desk.bybit.listed = listed("BTCUSDT")
    desk.at = NOON + 30 * HOUR
    desk.contracts()
    desk.bybit.state = state("BTCUSDT", "ETHUSDT")
    desk.fetch().snapshot(Unit("bybit", ("2026-11-21|bybit",)))
    assert desk.bybit.looked_at == [["BTCUSDT"]]


def test_a_past_day_is_made_of_its_own_looks(desk: Desk) -> None:
    """Nobody is asked; a day without looks says so."""
    desk.bybit.state = state("BTCUSDT", "ETHUSDT")
    desk.snapshot(TODAY)
    desk.at = NOON + DAY
    brought = desk.snapshot(TODAY)
    assert len(desk.bybit.looked_at) == 1
    assert brought.frames[f"{TODAY}|bybit"].height == 2
    assert brought.metadata[f"{TODAY}|bybit"]["complete"] is True
    with pytest.raises(EmptyUnexpected, match=r"\[2026-11-19\|bybit\]: no look at its contracts was stored"):
        desk.snapshot(YESTERDAY)


def test_old_days_keep_the_last_look_of_each_hour(desk: Desk) -> None:
    """Older than retention.snapshot_days; the 31st day after is the first."""
    desk.settings = {"retention": {"snapshot_days": 30}}
    desk.bybit.state = state("BTCUSDT")
    looks = [NOON, NOON + 5 * MINUTE, NOON + 39 * MINUTE, NOON + 41 * MINUTE]
    for at in looks:
        desk.at = at
        desk.snapshot(TODAY)
    desk.at = NOON + 30 * DAY
    assert desk.snapshot(TODAY).frames[f"{TODAY}|bybit"].height == 4
    desk.at = NOON + 31 * DAY
    brought = desk.snapshot(TODAY)
    assert brought.frames[f"{TODAY}|bybit"]["snapshot_at"].to_list() == looks[2:]
    told = brought.metadata[f"{TODAY}|bybit"]
    assert (told["looks_before"], told["looks_after"]) == (4, 2)
    assert looks_of(desk.found).read("bybit", [MIDNIGHT.date()]).height == 2


def test_the_last_look_of_an_hour_is_that_of_all_its_contracts() -> None:
    rows = pl.DataFrame({"native_symbol": ["A", "B", "A"], "snapshot_at": [NOON, NOON + MINUTE, NOON + MINUTE]})
    assert last_of_hour(rows).rows() == [("B", NOON + MINUTE), ("A", NOON + MINUTE)]


def test_a_run_of_dagster_stores_what_came_and_its_retry_the_rest(desk: Desk) -> None:
    """One of two contracts fails: the day is stored, the run fails, and the retry asks for that contract alone."""
    desk.bybit.settled["ETHUSDT"] = Unavailable("bybit", "HTTP 500")

    @dg.asset(partitions_def=EXCHANGE_DAY, backfill_policy=dg.BackfillPolicy.single_run())
    def funding_rates(context: dg.AssetExecutionContext) -> None:
        group = context.run.tags.get("dagster/root_run_id", context.run.run_id)
        asked = desk.fetch(group)
        fetching = PartitionFetch(context, desk.store, desk.log, RATES, 0.01)
        fetching.run(asked.units(context.partition_keys), asked.rates)

    with dg.DagsterInstance.ephemeral() as instance, clock.frozen(NOON):
        key = f"{YESTERDAY}|bybit"
        failed = dg.materialize([funding_rates], instance=instance, partition_key=key, raise_on_error=False)
        assert not failed.success
        assert times(desk.stored(YESTERDAY)) == ["19 00:00", "19 08:00", "19 16:00"]
        assert desk.stored(YESTERDAY).filter(native_symbol="ETHUSDT").is_empty()
        desk.bybit.settled["ETHUSDT"] = every(8, MIDNIGHT - 40 * DAY, NOON)
        desk.bybit.asked.clear()
        tags = {"dagster/root_run_id": failed.run_id, "dagster/parent_run_id": failed.run_id}
        assert dg.materialize([funding_rates], instance=instance, partition_key=key, tags=tags).success
    assert desk.bybit.names() == ["ETHUSDT"]
    assert desk.stored(YESTERDAY).height == 6
