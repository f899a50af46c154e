"""What the btc domain asks its vendor, over a real socket and a real store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.btc import schemas
from market_assets.btc.transforms import raw
from market_assets.core.contracts import Contract
from resources.btc_fetch import BtcFetch
from resources.fetch_log import FetchLog
from resources.http.errors import EmptyUnexpected, NotEntitled, Unavailable
from resources.partition_fetch import FetchedPartitions, PartitionFetch
from resources.stores import open_store
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Asked, Host, Says, StillTime, live_settings

PRICE, LIQUIDATIONS = schemas.BtcPrice.contract(), schemas.BtcLiquidations.contract()
LONG, SHORT = "long_liquidations", "short_liquidations"
#: last part of an endpoint -> name here
ENDPOINTS = {
    "price_usd_close": "price",
    "price_usd_ohlc": "ohlc",
    "futures_liquidated_volume_long_sum": "long",
    "futures_liquidated_volume_short_sum": "short",
}
HOUR = timedelta(hours=1)
#: two requests make an answer, 6 s apart
APART = timedelta(seconds=6)
TODAY, YESTERDAY, BEFORE = "2026-11-20", "2026-11-19", "2026-11-18"
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class Desk:
    """A vendor with a value for every hour but those that `states` says otherwise of, and a stopped clock."""

    host: Host
    still: StillTime
    own: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    #: (endpoint, hour) -> value; None is null
    states: dict[tuple[str, datetime], Any] = field(default_factory=dict)
    #: endpoint -> the same answer for whatever is asked
    says: dict[str, Says] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host.script = self._answer
        self.found = live_settings(
            self.host,
            btc={"glassnode": {"base_url": self.host.url, "max_attempts": 1, **self.own}},
            GLASSNODE_API_KEY="test-key-0002",
            **self.settings,
        )
        self.store: PartitionStore = open_store(self.found)
        self.vendors = Vendors(self.found, timing=self.still.timing)

    def at(self, instant: datetime) -> BtcFetch:
        """The fetch of a run that starts at `instant`."""
        self.still.at = instant
        return BtcFetch(self.found, self.vendors, self.store, instant)

    def fetch(self, table: Contract, instant: datetime, *keys: str) -> FetchedPartitions:
        """What a run at `instant` brings for contiguous days."""
        asked = self.at(instant)
        (unit,) = asked.units(keys)
        return (asked.price if table is PRICE else asked.liquidations)(unit)

    def run(self, table: Contract, instant: datetime, *keys: str) -> FetchedPartitions:
        """The same, stored."""
        brought = self.fetch(table, instant, *keys)
        for key, frame in brought.frames.items():
            self.store.write(table, key, frame)
        return brought

    def _answer(self, asked: Asked) -> Says:
        name = ENDPOINTS[asked.path.rpartition("/")[2]]
        if name in self.says:
            return self.says[name]
        hours = range(int(asked.query["s"]), int(asked.query["u"]), 3600)
        member = "o" if name == "ohlc" else "v"
        values = {at: self.states.get((name, datetime.fromtimestamp(at, UTC)), usual(name, at)) for at in hours}
        return Says([{"t": at, member: value} for at, value in values.items() if value is not ...])


def usual(name: str, at: int) -> Any:
    """What the vendor states of an hour unless told otherwise: distinct by series and hour."""
    number = at // 3600 % 1000
    if name == "ohlc":
        return {"o": 90_000 + number, "h": 90_500 + number, "l": 89_500 + number, "c": 90_100 + number}
    return {"price": 90_100.0, "long": 5.0, "short": 7.0}[name] + number


@pytest.fixture
def desk(host: Host, still: StillTime) -> Desk:
    return Desk(host, still)


def used(table: Contract, brought: FetchedPartitions, *columns: str) -> dict[datetime, tuple[Any, ...]]:
    """What is in use by hour."""
    frame = raw.canonical(pl.concat(brought.frames.values()), columns)
    return {row[0]: row[1:] for row in frame.rows()}


def test_units_are_contiguous_days(desk: Desk):
    """A month's end and a leap day are no break; a day that is missing is; order and repeats do not matter."""
    units = desk.at(START).units(["2024-03-01", "2024-02-28", "2024-02-29", "2024-03-03", "2024-02-28"])
    assert [(unit.name, unit.partitions) for unit in units] == [
        ("2024-02-28..2024-03-01", ("2024-02-28", "2024-02-29", "2024-03-01")),
        ("2024-03-03", ("2024-03-03",)),
    ]
    assert desk.at(START).units([]) == []


def test_one_request_brings_the_whole_range_of_an_endpoint(host: Host, desk: Desk):
    """Three days are one request for the close, and two for both sides of the liquidations, in BTC."""
    desk.fetch(PRICE, START, BEFORE, YESTERDAY, TODAY)
    desk.fetch(LIQUIDATIONS, START, BEFORE, YESTERDAY, TODAY)
    first = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
    assert [(ENDPOINTS[asked.path.rpartition("/")[2]], asked.query.get("c")) for asked in host.asked] == [
        ("price", None),
        ("long", "native"),
        ("short", "native"),
    ]
    assert {(asked.query["s"], asked.query["u"]) for asked in host.asked} == {(str(first), str(first + 3 * 86_400))}


def test_hours_exist_once_they_are_mature(desk: Desk):
    """At 12:05 today has ten hours: 10:00 can be used from 11:10 on, 11:00 only from 12:10 on."""
    brought = desk.fetch(LIQUIDATIONS, START + timedelta(minutes=5), YESTERDAY, TODAY)
    assert {key: frame.height for key, frame in brought.frames.items()} == {YESTERDAY: 24, TODAY: 11}
    assert brought.frames[TODAY]["ts"].max() == MIDNIGHT + 10 * HOUR
    LIQUIDATIONS.validate(pl.concat(brought.frames.values()))
    n = int(MIDNIGHT.timestamp()) // 3600 % 1000
    row = brought.frames[TODAY].row(0, named=True)
    assert (row[LONG], row[SHORT], row["source"]) == (5.0 + n, 7.0 + n, "glassnode")
    assert row["available_at"] == MIDNIGHT + timedelta(minutes=70)


def test_what_is_told_of_a_day(desk: Desk):
    """Yesterday is whole, today lacks one hour so far; the requests are told with the endpoint and what came."""
    desk.states["long", MIDNIGHT + 3 * HOUR] = None
    desk.states["short", MIDNIGHT + 3 * HOUR] = ...
    brought = desk.fetch(LIQUIDATIONS, START, YESTERDAY, TODAY)
    asked = {"requests", "answers"}
    own = {key: {k: v for k, v in facts.items() if k not in asked} for key, facts in brought.metadata.items()}
    nothing_late = {"late_rows": 0, "new_late_rows": 0}
    assert own == {
        YESTERDAY: {"expected_rows": 24, "missing_slots": 0, "complete": True, **nothing_late},
        TODAY: {"expected_rows": 11, "missing_slots": 1, "complete": False, **nothing_late},
    }
    long, short = brought.metadata[TODAY]["answers"]
    assert long["endpoint"] == "derivatives/futures_liquidated_volume_long_sum"
    assert long["range"] == "2026-11-19T00:00Z..2026-11-21T00:00Z"
    assert [(each["rows"], each["nulls"], each["credits"]) for each in (long, short)] == [(48, 1, 1), (47, 0, 1)]
    assert set(long) == {
        "endpoint", "range", "rows", "nulls", "duplicates", "off_hour", "outside", "duration_ms", "status", "credits",
    }  # fmt: skip


def test_today_before_its_first_hour_is_an_empty_partition(host: Host, desk: Desk):
    """At 01:09 nothing has elapsed: no request, a frame without rows, which the store takes; at 01:10 there is one."""
    brought = desk.run(PRICE, MIDNIGHT + timedelta(minutes=69), TODAY)
    assert host.asked == []
    assert brought.frames[TODAY].equals(PRICE.empty())
    assert brought.metadata[TODAY] == {
        "requests": 0,
        "answers": [],
        "expected_rows": 0,
        "missing_slots": 0,
        "late_rows": 0,
        "new_late_rows": 0,
        "complete": False,
    }
    assert desk.run(PRICE, MIDNIGHT + timedelta(minutes=70), TODAY).frames[TODAY].height == 1


def test_an_unchanged_answer_stores_nothing(desk: Desk):
    """Asked again an hour later, the hours known before are the rows stored before, to the instant."""
    first = desk.run(LIQUIDATIONS, START, YESTERDAY, TODAY)
    again = desk.fetch(LIQUIDATIONS, START + HOUR, YESTERDAY, TODAY)
    assert again.frames[YESTERDAY].equals(first.frames[YESTERDAY])
    assert again.frames[TODAY].head(11).equals(first.frames[TODAY])
    assert again.frames[TODAY]["ingested_at"].to_list() == [START + APART] * 11 + [START + HOUR + APART]
    assert desk.store.write(LIQUIDATIONS, YESTERDAY, again.frames[YESTERDAY]).unchanged


def test_a_side_that_comes_later_joins_the_other(desk: Desk):
    """G-STATE-2: within the grace it is used; of an hour that stands without, it is a late row and is told."""
    at = (MIDNIGHT + 4 * HOUR, MIDNIGHT + 9 * HOUR)
    for ts in at:
        desk.states["short", ts] = None
    desk.run(LIQUIDATIONS, START, TODAY)
    for ts in at:
        desk.states["short", ts] = 1.25
    # the grace of 04:00 is over at 11:10 and the fetch of 12:00 made it stand; that of 09:00 lasts to 16:10
    brought = desk.run(LIQUIDATIONS, START + HOUR, TODAY)
    known = used(LIQUIDATIONS, brought, SHORT)
    assert [known[ts] for ts in at] == [(None,), (1.25,)]
    late = brought.frames[TODAY].filter("is_late")
    assert late.select("ts", SHORT).rows() == [(at[0], 1.25)]
    facts = brought.metadata[TODAY]
    assert (facts["late_rows"], facts["new_late_rows"], facts["missing_slots"]) == (1, 1, 1)
    facts = desk.run(LIQUIDATIONS, START + 2 * HOUR, TODAY).metadata[TODAY]
    assert (facts["late_rows"], facts["new_late_rows"]) == (1, 0)


def test_a_revised_price_is_kept_and_not_used(desk: Desk):
    """The price in use stays; the revision is a late row of its day alone."""
    ts = MIDNIGHT - 5 * HOUR
    before = used(PRICE, desk.run(PRICE, START, YESTERDAY, TODAY), "price")
    desk.states["price", ts] = 91_234.5
    brought = desk.run(PRICE, START + HOUR, YESTERDAY, TODAY)
    assert used(PRICE, brought, "price").items() >= before.items()
    assert brought.frames[YESTERDAY].filter("is_late").select("ts", "price").rows() == [(ts, 91_234.5)]
    assert [brought.metadata[key]["new_late_rows"] for key in (YESTERDAY, TODAY)] == [1, 0]


def test_a_day_is_complete_when_its_last_hour_stands(desk: Desk):
    """Yesterday lacks its last hour: not complete until a fetch after 06:10 (00:10 + 6 h) makes that stand."""
    last = MIDNIGHT - HOUR
    desk.states["price", last] = ...
    complete = {
        at: desk.run(PRICE, at, YESTERDAY).metadata[YESTERDAY]["complete"]
        for at in (
            MIDNIGHT + timedelta(minutes=9),
            MIDNIGHT + timedelta(minutes=15),
            MIDNIGHT + timedelta(hours=6, minutes=10),
            MIDNIGHT + timedelta(hours=6, minutes=15),
        )
    }
    assert list(complete.values()) == [False, False, False, True]
    assert desk.run(PRICE, START, YESTERDAY).metadata[YESTERDAY]["missing_slots"] == 1


def test_values_no_series_can_have_are_quarantined(desk: Desk):
    """Negative liquidations and a price of 0 go to quarantine with what was stated; their hour is unknown. 0 stays."""
    two, three = MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR
    desk.states |= {("long", two): -3.5, ("short", two): -1.0, ("long", three): 0.0, ("price", three): 0.0}
    brought = desk.run(LIQUIDATIONS, START, TODAY)
    known = used(LIQUIDATIONS, brought, LONG, SHORT)
    assert (known[two], known[three][0]) == ((None, None), 0.0)
    quarantine = LIQUIDATIONS.quarantine()
    rejected = brought.quarantined[TODAY]
    quarantine.validate(rejected)
    assert rejected.select("ts", "reason", LONG, SHORT, "row_number").rows() == [
        (two, "bad_long_liquidations", -3.5, None, 2),
        (two, "bad_short_liquidations", None, -1.0, 2),
    ]
    price = desk.fetch(PRICE, START, YESTERDAY, TODAY)
    assert used(PRICE, price, "price")[three] == (None,)
    assert price.quarantined[TODAY].select("reason", "price", "row_number").rows() == [("bad_price", 0.0, 24 + 3)]
    assert price.quarantined[YESTERDAY].height == 0


@pytest.mark.parametrize("body", [[], {"data": []}, None])
def test_nothing_for_more_than_six_hours_is_not_believed(host: Host, desk: Desk, body: Any):
    """An empty answer, or one of nulls alone, for seven elapsed hours is a failure; for six it is six open hours."""
    seven, six = MIDNIGHT + timedelta(hours=7, minutes=10), MIDNIGHT + timedelta(hours=7, minutes=9)
    nulls = [{"t": int(MIDNIGHT.timestamp()) + 3600 * hour} for hour in range(24)]
    desk.says["short"] = Says(nulls if body is None else body)
    brought = desk.fetch(LIQUIDATIONS, six, TODAY)
    assert brought.frames[TODAY].select(LONG, SHORT).null_count().row(0) == (0, 6)
    assert not raw.finality(brought.frames[TODAY], [LONG, SHORT], desk.found.btc)["is_final"].any()
    words = r"short_sum .*no value, although 7 hours had elapsed from 2026-11-20 00:"
    with pytest.raises(EmptyUnexpected, match=words):
        desk.fetch(LIQUIDATIONS, seven, TODAY)


def test_one_unanswered_request_costs_the_unit(desk: Desk):
    """Half an answer is none: nothing of the long side is stored while the short side fails, no hour becomes final."""
    desk.run(LIQUIDATIONS, MIDNIGHT + timedelta(minutes=75), TODAY)
    stored = desk.store.read(LIQUIDATIONS)
    desk.says["short"] = Says(b"bad gateway", 502)
    with pytest.raises(Unavailable, match="HTTP 502"):
        desk.run(LIQUIDATIONS, START, TODAY)
    assert desk.store.read(LIQUIDATIONS).equals(stored)
    assert stored.height == 1


def test_a_failed_download_is_repaired_although_the_price_is_complete(desk: Desk):
    """Trap "incremental start decided by the price table alone": each table continues from what it holds itself."""
    desk.run(PRICE, START, YESTERDAY, TODAY)
    desk.says["long"] = Says({"message": "Resolution 1h is not allowed. Allowed resolutions: [24h]"}, 403)
    with pytest.raises(NotEntitled, match="Resolution 1h is not allowed"):
        desk.run(LIQUIDATIONS, START, YESTERDAY, TODAY)
    assert desk.store.partitions(LIQUIDATIONS) == []
    del desk.says["long"]
    brought = desk.run(LIQUIDATIONS, START + HOUR, YESTERDAY, TODAY)
    assert [brought.metadata[key]["missing_slots"] for key in (YESTERDAY, TODAY)] == [0, 0]
    assert desk.store.read(LIQUIDATIONS).height == 24 + 12


def test_open_high_low_close_are_asked_for_where_set(host: Host, still: StillTime):
    """fetch_ohlc: a second request; its values stand beside the close, a price of 0 among them is quarantined."""
    desk = Desk(host, still, own={"fetch_ohlc": True})
    desk.states["ohlc", MIDNIGHT] = {"o": 0, "h": 3.0, "l": 1.0, "c": 2.0}
    brought = desk.run(PRICE, START, TODAY)
    assert [ENDPOINTS[asked.path.rpartition("/")[2]] for asked in host.asked] == ["price", "ohlc"]
    PRICE.validate(brought.frames[TODAY])
    n = int(MIDNIGHT.timestamp()) // 3600 % 1000
    columns = ("price", "open", "high", "low", "close")
    known = used(PRICE, brought, *columns)
    assert known[MIDNIGHT] == (90_100.0 + n, None, 3.0, 1.0, 2.0)
    assert known[MIDNIGHT + HOUR] == tuple(n + 1 + base for base in (90_100.0, 90_000, 90_500, 89_500, 90_100))
    assert brought.quarantined[TODAY].select("reason", "open").rows() == [("bad_open", 0.0)]
    assert brought.metadata[TODAY]["missing_slots"] == 1
    again = desk.fetch(PRICE, START + timedelta(minutes=1), TODAY)
    assert again.frames[TODAY].equals(brought.frames[TODAY])


def test_an_hour_is_dated_by_the_last_answer(host: Host, still: StillTime):
    """Both sides were known when the second answer arrived: requests start 6 s apart."""
    brought = Desk(host, still).fetch(LIQUIDATIONS, START, TODAY)
    assert set(brought.frames[TODAY]["ingested_at"]) == {START + APART}


def test_rows_of_the_sandbox_say_so(host: Host, still: StillTime):
    """The source of every row, quarantined ones too, is glassnode-sandbox."""
    desk = Desk(host, still, settings={"vendors": "sandbox", "sandbox_url": host.url})
    desk.states["price", MIDNIGHT] = -1.0
    brought = desk.fetch(PRICE, START, TODAY)
    assert set(brought.frames[TODAY]["source"]) | set(brought.quarantined[TODAY]["source"]) == {"glassnode-sandbox"}
    assert host.asked[0].path == "/glassnode/v1/metrics/market/price_usd_close"


def test_a_run_stores_its_days_with_what_is_told_of_them(desk: Desk):
    """Through Dagster: rows, quarantine and the facts of the requests reach store and event."""
    desk.states["long", MIDNIGHT - 2 * HOUR] = -1.0
    days = dg.DailyPartitionsDefinition("2026-11-18", timezone="UTC", end_offset=1)

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def btc_liquidations(context: dg.AssetExecutionContext) -> None:
        asked = desk.at(START)
        fetching = PartitionFetch(context, desk.store, FetchLog(desk.found.home), LIQUIDATIONS, 0.01)
        stored = fetching.run(asked.units(context.partition_keys), asked.liquidations)
        assert isinstance(stored, Stored)

    with dg.DagsterInstance.ephemeral() as instance:
        ran = dg.materialize([btc_liquidations], instance=instance, partition_key=YESTERDAY)
        assert ran.success
        (event,) = ran.asset_materializations_for_node("btc_liquidations")
    facts: Mapping[str, Any] = {name: value.value for name, value in event.metadata.items()}
    assert (facts["expected_rows"], facts["missing_slots"], facts["quarantined_rows"]) == (24, 1, 1)
    assert [request["rows"] for request in facts["answers"]] == [24, 24]
    assert desk.store.read(LIQUIDATIONS).height == 24
    assert desk.store.read(LIQUIDATIONS.quarantine())["reason"].to_list() == ["bad_long_liquidations"]
