"""Settled funding of an exchange's contracts: what is asked, what one failure costs, what a retry asks again."""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest

from market_assets.funding import schemas
from market_assets.funding.transforms import rates
from market_assets.settings import Settings, load
from resources import funding_history
from resources.fetch_log import FetchLog
from resources.funding_history import CONTRACT_LOG, Brought, FundingHistory
from resources.http.errors import (
    BudgetExhausted,
    CircuitOpen,
    EmptyUnexpected,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.vendors.registry import Vendors
from tests.resources.scripted_exchange import (
    DAY,
    HOUR,
    LONG_AGO,
    NOON,
    Row,
    ScriptedArchive,
    ScriptedExchange,
    ScriptedVendors,
    contracts,
    events,
    every,
)

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
FIRST, UNTIL = MIDNIGHT - 32 * HOUR, NOON
NAMES = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
NO_RATES = schemas.FundingRates.contract().empty()


@dataclass
class Desk:
    """One exchange, its script and its contracts; `stored` are settlements that are kept already."""

    home: Path
    exchange: ScriptedExchange
    archive: ScriptedArchive | None = None
    listed: pl.DataFrame = field(default_factory=lambda: contracts("bybit", *NAMES))
    stored: pl.DataFrame = field(default_factory=NO_RATES.clone)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log = FetchLog(self.home)

    @property
    def found(self) -> Settings:
        """Live settings with one worker an exchange."""
        return load(home=self.home, vendors="live", funding={"venues": {"bybit": {"workers": 1}}} | self.settings)

    def ask(
        self, first: datetime = FIRST, until: datetime = UNTIL, *, group: str = "g", only_due: bool = False
    ) -> Brought:
        """What a run of that group brings, and notes once it is stored."""
        vendors = cast(Vendors, ScriptedVendors(self.exchange, archive=self.archive))
        asking = FundingHistory(
            self.found, vendors, self.log, group, self.exchange.name, self.listed, self.stored, self.exchange.now
        )
        brought = asking.ask(first, until, only_due=only_due)
        self.log.succeeded(CONTRACT_LOG, brought.answered, group)
        return brought

    def store(self, name: str, rows: Sequence[Row]) -> None:
        """Settlements of a contract that are kept already."""
        stated = events(name, rows).with_columns(
            exchange=pl.lit(self.exchange.name), ingested_at=pl.lit(NOON), source=pl.lit(self.exchange.name)
        )
        kept = rates.rates(stated, self.listed, first=LONG_AGO, until=NOON + DAY)
        self.stored = pl.concat([self.stored, kept])


def settled(*names: str, hours: float = 8) -> dict[str, Sequence[Row] | VendorError]:
    """A script in which each contract has settlements up to noon."""
    return {name: every(hours, MIDNIGHT - 40 * DAY, NOON) for name in names}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, ScriptedExchange("bybit", settled(*NAMES)))


def counts(brought: Brought) -> dict[str, int]:
    """Settlements by contract."""
    return dict(brought.events.group_by("native_symbol").len().sort("native_symbol").iter_rows())


def test_every_contract_is_asked_for_the_whole_window(desk: Desk) -> None:
    """From 16:00 two days before to noon there are 6 settlements each: 16:00, 00, 08, 16, 00, 08."""
    brought = desk.ask()
    assert desk.exchange.names() == list(NAMES)
    assert {(asked.first, asked.until) for asked in desk.exchange.asked} == {(FIRST, UNTIL)}
    assert counts(brought) == dict.fromkeys(NAMES, 6)
    assert set(brought.events.select("exchange", "source", "ingested_at").unique().rows()) == {("bybit", "bybit", NOON)}
    assert (brought.asked, brought.not_due, brought.requests, brought.failed) == (5, 0, 5, None)


def test_rows_of_the_sandbox_say_so(desk: Desk) -> None:
    sandboxed = load(home=desk.home, vendors="sandbox", sandbox_url="http://127.0.0.1:9")
    vendors = cast(Vendors, ScriptedVendors(desk.exchange))
    asking = FundingHistory(sandboxed, vendors, desk.log, "g", "bybit", desk.listed, NO_RATES, NOON)
    assert set(asking.ask(FIRST, UNTIL, only_due=False).events["source"]) == {"bybit-sandbox"}


def test_contracts_closed_before_the_window_are_not_asked(desk: Desk) -> None:
    """Those closed within it are; so is one seen only later, whose history may reach further back than its listing."""
    bounds = {"ADAUSDT": FIRST - HOUR, "BTCUSDT": FIRST + HOUR}
    closed = pl.col("native_symbol").replace_strict(bounds, default=None, return_dtype=pl.Datetime("us", "UTC"))
    later = pl.when(pl.col("native_symbol") == "XRPUSDT").then(pl.lit(NOON + DAY)).otherwise("valid_from")
    desk.listed = desk.listed.with_columns(valid_to=closed, valid_from=later)
    desk.ask()
    assert desk.exchange.names() == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]


def test_a_contract_whose_terms_changed_is_asked_once(desk: Desk) -> None:
    changed = desk.listed.filter(native_symbol="BTCUSDT").with_columns(
        valid_from=pl.lit(NOON - DAY), interval_hours=pl.lit(1.0), request_id=pl.lit("BTC-NOW")
    )
    desk.listed = pl.concat([desk.listed.with_columns(valid_to=pl.lit(NOON - DAY)), changed])
    desk.ask()
    assert desk.exchange.names() == list(NAMES)


def test_the_shortest_known_interval_is_told(desk: Desk) -> None:
    """Of the listing and what is stored the shorter; an hour where neither tells."""
    desk.listed = desk.listed.with_columns(
        interval_hours=pl.when(pl.col("native_symbol") == "SOLUSDT").then(None).otherwise("interval_hours")
    )
    desk.store("ETHUSDT", every(4, NOON - 2 * DAY, NOON))
    desk.ask()
    told = {asked.name: asked.shortest_hours for asked in desk.exchange.asked}
    assert (told["BTCUSDT"], told["ETHUSDT"], told["SOLUSDT"]) == (8.0, 4.0, 1.0)


@pytest.mark.parametrize(
    ("last", "hours", "due"),
    [
        (MIDNIGHT + 8 * HOUR, 8, False),
        (MIDNIGHT, 8, True),
        (MIDNIGHT + 12 * HOUR, 1, False),
        (MIDNIGHT + 11 * HOUR, 1, True),
        (MIDNIGHT + 8 * HOUR, 4, True),
    ],
)
def test_only_what_is_due_is_asked_for(desk: Desk, last: datetime, hours: float, due: bool) -> None:
    """At 12:20, after a last stored settlement and its interval; what was never stored is due."""
    desk.listed = desk.listed.with_columns(interval_hours=pl.lit(float(hours)))
    desk.store("BTCUSDT", every(hours, last - 2 * DAY, last + HOUR / 60))
    brought = desk.ask(only_due=True)
    assert ("BTCUSDT" in desk.exchange.names()) == due
    assert (brought.asked, brought.not_due) == (4 + due, 1 - due)


def test_a_settlement_is_due_a_minute_after_its_instant(desk: Desk) -> None:
    """At 13:00:59 the one of 13:00 may not be told yet."""
    desk.listed = desk.listed.with_columns(interval_hours=pl.lit(1.0))
    for name in NAMES:
        desk.store(name, every(1, NOON - DAY, NOON))
    # the last stored one is 11:20, an hour before 12:20
    desk.exchange.now = datetime(2026, 11, 20, 12, 20, 59, tzinfo=UTC)
    assert desk.ask(only_due=True).not_due == 5
    desk.exchange.now = datetime(2026, 11, 20, 12, 21, 0, tzinfo=UTC)
    assert desk.ask(only_due=True).not_due == 0


def test_one_failure_costs_one_contract(desk: Desk) -> None:
    """The others are brought; the text names how many of how many, and why."""
    desk.exchange.settled["ETHUSDT"] = Unavailable("bybit", "HTTP 500", endpoint="/history", context="ETHUSDT")
    brought = desk.ask()
    assert counts(brought) == dict.fromkeys((name for name in NAMES if name != "ETHUSDT"), 6)
    assert brought.failed is not None
    assert brought.failed.startswith("1 of 5 contracts failed: bybit /history [ETHUSDT]: HTTP 500")
    assert brought.metadata()["failed_contracts"] == 1


def test_many_failures_are_told_by_three(desk: Desk) -> None:
    for name in NAMES[:-1]:
        desk.exchange.settled[name] = Unavailable("bybit", "HTTP 500", context=name)
    said = desk.ask().failed
    assert said is not None
    assert said.startswith("4 of 5 contracts failed: ") and said.endswith("; and 1 more")


def test_where_all_fail_the_first_failure_is_the_exchanges(desk: Desk) -> None:
    for name in NAMES:
        desk.exchange.settled[name] = Unavailable("bybit", "HTTP 500", context=name)
    with pytest.raises(Unavailable, match=r"\[ADAUSDT\]: HTTP 500"):
        desk.ask()


def test_a_retry_asks_only_for_what_failed(desk: Desk) -> None:
    """In the same run group; another run asks for all again."""
    desk.exchange.settled["ETHUSDT"] = Unavailable("bybit", "HTTP 500")
    desk.ask(group="first")
    desk.exchange.settled |= settled("ETHUSDT")
    desk.exchange.asked.clear()
    again = desk.ask(group="first")
    assert desk.exchange.names() == ["ETHUSDT"]
    assert (counts(again), again.failed) == ({"ETHUSDT": 6}, None)
    desk.exchange.asked.clear()
    desk.ask(group="second")
    assert desk.exchange.names() == list(NAMES)


def test_an_answer_without_failures_is_asked_again_until_it_is_stored(desk: Desk) -> None:
    """A run that dies before it has stored what it asked for is retried in full."""
    desk.ask(group="first")
    desk.exchange.asked.clear()
    desk.ask(group="first")
    assert desk.exchange.names() == list(NAMES)


def test_a_contract_that_is_gone_is_no_failure(desk: Desk) -> None:
    """Taken off since the last look at the listing: the exchange does not know it any more."""
    desk.exchange.settled["SOLUSDT"] = NotFound("bybit", "no such contract")
    brought = desk.ask()
    assert brought.failed is None
    assert sorted(counts(brought)) == [name for name in NAMES if name != "SOLUSDT"]


HOPELESS = [BudgetExhausted, CircuitOpen, NotEntitled, RateLimited, Unauthorized]


@pytest.mark.parametrize("kind", HOPELESS)
def test_after_a_failure_that_awaits_all_nobody_is_asked(desk: Desk, kind: type[VendorError]) -> None:
    """The first contract, asked alone, finds the breaker open or the budget spent: four are not asked."""
    desk.exchange.settled["BTCUSDT"] = kind("bybit", "no more")
    brought = desk.ask()
    assert desk.exchange.names() == ["ADAUSDT", "BTCUSDT"]
    assert counts(brought) == {"ADAUSDT": 6}
    assert brought.failed is not None
    assert brought.failed.startswith("1 of 5 contracts failed, 3 not asked: ")


def test_what_waits_for_a_worker_is_cancelled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Budget spent in the midst: what is under way ends, what waits is not asked, and the retry asks for it."""
    cancel: Callable[..., None] = funding_history._cancel
    cancelled = threading.Event()

    def noticed(asking: Any) -> None:
        cancel(asking)
        cancelled.set()

    def wait(name: str) -> None:
        if name > "ETHUSDT":
            assert cancelled.wait(10)

    monkeypatch.setattr(funding_history, "_cancel", noticed)
    # the one worker may have begun the contract after it: that one ends once the others are cancelled
    desk.exchange.meanwhile = wait
    desk.exchange.settled["ETHUSDT"] = BudgetExhausted("bybit", "0 left")
    brought = desk.ask()
    unasked = brought.unasked
    assert unasked == 5 - len(desk.exchange.asked) >= 1
    assert brought.failed is not None
    assert f"1 of 5 contracts failed, {unasked} not asked" in brought.failed
    desk.exchange.settled |= settled("ETHUSDT")
    desk.exchange.asked.clear()
    assert desk.ask().failed is None
    assert desk.exchange.names() == sorted(set(NAMES) - set(counts(brought)))


def test_nothing_of_any_contract_is_not_believed(desk: Desk) -> None:
    """Nor by the retry, although every contract was answered. Where something is stored, silence is possible."""
    desk.exchange.settled = {}
    for _ in range(2):
        with pytest.raises(EmptyUnexpected, match="no settlement of any of 5 contracts"):
            desk.ask(until=FIRST + 3 * DAY)
    assert desk.ask(until=FIRST + 2 * DAY).events.is_empty()
    desk.store("BTCUSDT", every(8, MIDNIGHT, NOON))
    assert desk.ask(until=FIRST + 3 * DAY).events.is_empty()


def test_contracts_listed_just_now_may_have_nothing(desk: Desk) -> None:
    desk.exchange.settled = {}
    desk.listed = contracts("bybit", *NAMES, seen_at=NOON, listed_at=NOON - DAY)
    assert desk.ask(first=NOON - 3 * DAY).events.is_empty()


def test_a_null_rate_is_apart_and_zero_is_a_rate(desk: Desk) -> None:
    desk.exchange.settled["BTCUSDT"] = [(MIDNIGHT, None), (MIDNIGHT + 8 * HOUR, 0.0)]
    brought = desk.ask()
    assert brought.without_rate.select("native_symbol", "funding_time_native").rows() == [("BTCUSDT", MIDNIGHT)]
    assert brought.events.filter(native_symbol="BTCUSDT")["rate_native"].to_list() == [0.0]
    assert brought.metadata()["null_rates"] == 1


def test_floors_are_noted(desk: Desk) -> None:
    """How far back the exchange still keeps a contract; the newest note counts."""
    desk.exchange.floors = {"BTCUSDT": MIDNIGHT - DAY}
    assert desk.ask().floors == 1
    desk.exchange.floors = {"BTCUSDT": MIDNIGHT}
    desk.ask()
    assert desk.log.floors().rows() == [("bybit", "BTCUSDT", MIDNIGHT)]


def test_counts_are_told(desk: Desk) -> None:
    desk.exchange.duplicates = 2
    told = desk.ask().metadata()
    assert (told["asked"], told["requests"], told["duplicates"], told["outside"]) == (5, 5, 10, 0)


@pytest.fixture
def binance(tmp_path: Path) -> Desk:
    """Binance with a contract and the files of its months from September on."""
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in range(7, 12)]
    files = {("BTCUSDT", one): every(8, one, after, 2e-4) for one, after in itertools.pairwise(months)}
    return Desk(
        tmp_path,
        ScriptedExchange("binance_usdm", {"BTCUSDT": every(8, datetime(2026, 6, 1, tzinfo=UTC), NOON)}),
        ScriptedArchive(files),
        contracts("binance_usdm", "BTCUSDT"),
    )


def day(month: int, day_: int) -> datetime:
    """A day of 2026."""
    return datetime(2026, month, day_, tzinfo=UTC)


def test_past_months_come_from_the_archive_and_the_rest_from_the_exchange(binance: Desk) -> None:
    """August to October from files; the exchange is asked from November on; both say where from."""
    brought = binance.ask(day(8, 1), NOON)
    assert binance.archive is not None
    assert binance.archive.asked == ["BTCUSDT 2026-08", "BTCUSDT 2026-09", "BTCUSDT 2026-10"]
    assert [(asked.first, asked.until) for asked in binance.exchange.asked] == [(day(11, 1), NOON)]
    by_source = dict(brought.events.group_by("source").agg(pl.col("funding_time_native").min()).iter_rows())
    assert by_source == {"binance_archive": day(8, 1), "binance_usdm": day(11, 1)}
    assert brought.events.height == 3 * (31 + 30 + 31 + 19) + 2
    assert brought.from_archive == 3


def test_a_window_that_begins_within_a_month_lacks_none_of_it(binance: Desk) -> None:
    """From 14 August: the exchange is asked for the rest of August, too."""
    brought = binance.ask(day(8, 14), NOON)
    assert binance.archive is not None
    assert binance.archive.asked == ["BTCUSDT 2026-09", "BTCUSDT 2026-10"]
    spans = [(asked.first, asked.until) for asked in binance.exchange.asked]
    assert spans == [(day(8, 14), day(9, 1)), (day(11, 1), NOON)]
    assert brought.events["funding_time_native"].n_unique() == brought.events.height == 3 * (18 + 30 + 31 + 19) + 2
    assert brought.requests == 2


def test_whole_months_alone_are_not_asked_of_the_exchange(binance: Desk) -> None:
    brought = binance.ask(day(8, 1), day(10, 1))
    assert binance.exchange.asked == []
    assert (brought.requests, brought.from_archive, brought.events.height) == (0, 2, 3 * (31 + 30))


@pytest.mark.parametrize("first", [day(10, 30), day(10, 2), day(11, 1)])
def test_without_a_whole_month_the_exchange_is_asked(binance: Desk, first: datetime) -> None:
    """Nightly runs do not fetch last month's files because they look some days back."""
    binance.ask(first, NOON)
    assert binance.archive is not None and binance.archive.asked == []
    assert [(asked.first, asked.until) for asked in binance.exchange.asked] == [(first, NOON)]


def test_from_the_first_month_without_a_file_on_the_exchange_is_asked(binance: Desk) -> None:
    """A month appears some days after its end."""
    assert binance.archive is not None
    binance.archive.months = {key: rows for key, rows in binance.archive.months.items() if key[1] != day(10, 1)}
    brought = binance.ask(day(8, 1), NOON)
    assert binance.exchange.asked[0].first == day(10, 1)
    assert brought.events.height == 3 * (31 + 30 + 31 + 19) + 2


def test_the_archive_can_be_left_out(binance: Desk) -> None:
    binance.settings = {"archive": False}
    binance.ask(day(8, 1), NOON)
    assert binance.archive is not None and binance.archive.asked == []
    assert binance.exchange.asked[0].first == day(8, 1)
