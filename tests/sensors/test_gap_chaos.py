"""Two hundred holes in a small home of all domains: what can be closed is, the rest is named, and nothing loops."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
import httpx
import polars as pl
import pytest

from market_assets.core import clock, partitions
from market_assets.core.gaps import KINDS
from market_assets.gap_finders import found_gaps
from market_assets.tables import contract
from resources.plans import requests_of
from sensors.gap_repair import gap_repair_sensor
from tests.desk import Sandbox, opened
from tests.sensors.chaos_holes import derive, punched
from tests.sensors.chaos_home import DAY, HOUR, MONDAY, Punched, execute

VENDORS = (
    *("polygon", "yahoo", "glassnode", "bybit", "kucoin", "binance_usdm", "binance_archive"),
    *("alphavantage", "twelvedata", "fred"),
)
#: repairs are an hour apart, or a day: two tries of each, and what the day between them brought
MOST_ROUNDS = 12
#: stamps of the fetch, which a repair renews
STAMPS = ("ingested_at", "available_at")
KEY = ("table", "partition", "name", "gap_start")


@dataclass
class Round:
    """One evaluation of the sensor: what it asked for, what that takes at most, and what was sent."""

    at: datetime
    asked: list[str]
    planned: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)


@dataclass
class Repaired:
    """The home after its repairs."""

    home: Punched
    #: FOUND, right after the holes were punched
    first: pl.DataFrame
    rounds: list[Round]
    #: `ops_gaps` and what is stored of the partitions that were punched, at the end
    last: pl.DataFrame
    after: dict[tuple[str, str], pl.DataFrame]


class Daemon:
    """What a daemon does: evaluates the sensor, runs what it asks for, and what follows, once for each run key."""

    def __init__(self, home: Punched) -> None:
        self.desk, self.rounds = home.desk, list[Round]()
        self.cursor: str | None = None
        self.keys: set[str] = set()
        self.sensor = gap_repair_sensor(home.desk.settings, default_status=dg.DefaultSensorStatus.STOPPED)

    def run(self, start: datetime) -> None:
        """Every hour until two evaluations ask for nothing, and from a day later on again: stocks rest so long."""
        for now in (start, start + DAY):
            idle = 0
            while idle < 2:
                assert len(self.rounds) < MOST_ROUNDS, [(one.at, one.asked) for one in self.rounds]
                idle = 0 if self.tick(now).asked else idle + 1
                now += HOUR

    def tick(self, now: datetime) -> Round:
        """One evaluation, and its runs."""
        self.desk.monkeypatch.setenv("MARKET_ASSETS_NOW", now.isoformat())
        if dg.AssetKey("ops_gaps") not in self.desk.defs.resolve_asset_graph().get_all_asset_keys():  # TEMP
            from market_assets.core.market_asset import market_asset
            from market_assets.gap_finders import known_gaps
            from market_assets.ops import schemas

            @market_asset(schemas.OpsGaps)
            def ops_gaps(store: dg.ResourceParam[Any]) -> pl.DataFrame:
                return known_gaps(store, self.desk.settings, clock.now())

            self.desk._defs = dg.Definitions.merge(self.desk.defs, dg.Definitions(assets=[ops_gaps]))
        context = dg.build_sensor_context(instance=self.desk.instance, definitions=self.desk.defs, cursor=self.cursor)
        result = self.sensor.evaluate_tick(context)
        self.cursor = result.cursor
        requests = [one for one in result.run_requests or [] if one.run_key not in self.keys]
        made = Round(now, [str(one.run_key) for one in requests])
        self.keys.update(made.asked)
        httpx.delete(f"{self.desk.sandbox.url}/_sandbox/ledger", timeout=30).raise_for_status()
        covered: dict[str, set[str]] = {}
        for request in requests:
            (asset,) = request.asset_selection or []
            keys = self.covered(asset.to_user_string(), request.tags)
            made.planned.update(requests_of(self.desk.settings, asset.to_user_string(), keys, clock.now()))
            covered.setdefault(asset.to_user_string(), set()).update(keys)
            execute(self.desk, [asset.to_user_string()], request.tags, request.asset_check_keys)
        self.follow(covered, made)
        made.sent.update({vendor: sum(self.desk.sandbox.asked(vendor).values()) for vendor in VENDORS})
        self.rounds.append(made)
        print(
            now,
            time.process_time(),
            made.asked,
            {v: (n, made.planned[v]) for v, n in made.sent.items() if n or made.planned[v]},
        )
        return made

    def follow(self, covered: dict[str, set[str]], made: Round) -> None:
        """Judge anew what was fetched again."""
        stored = set(self.desk.stored("equities_daily_bars"))
        exchanges = sorted({key.rpartition("|")[2] for key in covered.get("funding_rates", ())})
        years = derive(self.desk, sorted(covered.get("equities_daily_bars", set()) & stored), exchanges)
        made.planned.update(requests_of(self.desk.settings, "equities_gaps", years, clock.now()))

    def covered(self, asset: str, tags: dict[str, str]) -> list[str]:
        """Partitions of a run; none of a table without."""
        definition = self.desk.defs.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def
        if definition is None:
            return []
        ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        span = tags[ends[0]], tags[ends[1]]
        return partitions.covered(span, partitions.dimension_keys(definition, self.desk.instance))


@pytest.fixture(scope="module")
def repaired(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repaired]:
    """Punched on a Monday evening, and repaired until nothing is asked for any more."""
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("chaos"), sandbox, patch) as desk:
        home = punched(desk)
        derive(desk, desk.stored("equities_daily_bars"), ["bybit", "kucoin"])
        first = found_gaps(desk.store, desk.settings, clock.now())
        daemon = Daemon(home)
        daemon.run(clock.instant(MONDAY))
        execute(desk, ["ops_gaps"], {})
        whole = {(hole.table, hole.partition) for hole in home.holes if hole.kind == "ours"}
        after = {(table, key): desk.store.read(contract(table), [key]) for table, key in whole}
        yield Repaired(home, first, daemon.rounds, desk.read("ops_gaps"), after)


def keys_of(frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(frame.select(KEY).iter_rows())


def test_every_hole_is_seen_for_what_it_is(repaired: Repaired) -> None:
    """Two hundred, each once; what is ours is known to be, before anything is asked for."""
    holes = repaired.home.holes
    assert (len(holes), len({hole.key for hole in holes})) == (200, 200)
    ours = {hole.key for hole in holes if hole.kind == "ours"}
    assert ours <= keys_of(repaired.first.filter(kind="ours"))
    assert {hole.kind for hole in holes} == set(KINDS)


def test_what_can_be_closed_is_closed_with_the_rows_that_were_lost(repaired: Repaired) -> None:
    """Row for row, but for the instant of the fetch; partitions that were never stored are there and whole."""
    assert not keys_of(repaired.last) & {hole.key for hole in repaired.home.holes if hole.kind == "ours"}
    named = {(hole.table, hole.partition) for hole in repaired.home.holes if hole.kind == "vendor_has_no_data"}
    for of, rows in repaired.after.items():
        assert rows.height, of
        if of in repaired.home.before and of not in named:
            stamps = [name for name in STAMPS if name in rows.columns]
            assert rows.drop(stamps).equals(repaired.home.before[of].drop(stamps)), of


def test_every_other_hole_is_named_and_left_alone(repaired: Repaired) -> None:
    """Nothing but them is left: each has its kind, and was given up where only asking could tell."""
    told = {row[:4]: row[4:] for row in repaired.last.select(*KEY, "kind", "status").iter_rows()}
    expected = {
        hole.key: (hole.kind, "given_up" if hole.is_given_up else "explained")
        for hole in repaired.home.holes
        if hole.kind != "ours"
    }
    assert told == expected


def test_repairs_come_to_an_end(repaired: Repaired) -> None:
    """The last evaluations ask for nothing, no partition was asked for more often than its table allows."""
    assert [bool(one.asked) for one in repaired.rounds[-2:]] == [False, False]
    assert sum(bool(one.asked) for one in repaired.rounds) <= MOST_ROUNDS - 2


def test_no_more_is_sent_than_was_planned(repaired: Repaired) -> None:
    """Of each vendor and in each round, also where it lacks rows for good; and some is sent at all."""
    for one in repaired.rounds:
        assert {vendor: n for vendor, n in one.sent.items() if n > one.planned[vendor]} == {}, one
    assert sum(sum(one.sent.values()) for one in repaired.rounds) > 0


def test_the_numbers(repaired: Repaired, capsys: pytest.CaptureFixture[str]) -> None:
    """What the chaos came to, for whoever reads the output."""
    kinds = Counter(hole.kind for hole in repaired.home.holes)
    planned = sum((one.planned for one in repaired.rounds), Counter[str]())
    sent = sum((one.sent for one in repaired.rounds), Counter[str]())
    with capsys.disabled():
        print(f"\nholes: {dict(kinds)}; left: {repaired.last.height}")
        print(f"rounds: {len(repaired.rounds)}; runs: {sum(len(one.asked) for one in repaired.rounds)}")
        print(f"planned: {dict(planned)} = {planned.total()}; sent: {dict(sent)} = {sent.total()}")
