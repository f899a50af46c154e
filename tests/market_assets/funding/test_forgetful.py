"""KuCoin keeps the newest 100 settlements of a contract: 4 days of hourly ones, 17 of every four hours, 33 of eight.

What it has forgotten is told apart from what is merely missing, and what was stored in time stays.
"""

import shutil
from datetime import date, datetime

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.gaps import typed_gaps
from resources.fetch_log import FetchLog
from resources.sandbox.synthetic import SyntheticBackend
from tests.desk import Built, Desk, Results, Sandbox, failed_checks, opened, verdicts
from tests.market_assets.funding.conftest import LAST, NOON, Funding

KUCOIN = ["kucoin"]
#: an outage of five days later
LATER, LATER_DAY = "2025-05-12T12:20:00Z", date(2025, 5, 12)
#: longer than what is kept of hourly contracts and of those of four hours
SINCE = date(2025, 4, 20)
#: native symbol of a contract of each interval -> the oldest settlement KuCoin has at noon of 2025-05-07
HOURLY, FOUR_HOURLY, EIGHT_HOURLY = "AVAXUSDTM", "ADAUSDTM", "XBTUSDTM"
FLOORS = {HOURLY: "2025-05-03T09:00:00Z", FOUR_HOURLY: "2025-04-21T00:00:00Z", EIGHT_HOURLY: "2025-04-04T12:00:00Z"}


def backfill(funding: Funding, first: date, last: date = LAST) -> Results:
    """Settlements of these days, and how complete the window is that ends with the last."""
    funding.run("funding_rates", funding.pairs(first, last, KUCOIN))
    return funding.run("funding_completeness", [f"{last}|kucoin"])


@pytest.fixture(scope="module")
def backfilled(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """KuCoin alone, asked at noon for more days than it remembers of most contracts."""
    home = tmp_path_factory.mktemp("forgetful")
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch, now=NOON) as desk:
        desk.configure(funding={"exchanges": KUCOIN})
        funding = Funding(desk)
        funding.run("funding_contracts", KUCOIN)
        backfill(funding, SINCE)
        return Built(home, funding.results)


@pytest.fixture
def kucoin(backfilled: Built, desk: Desk) -> Funding:
    """A copy of it."""
    shutil.copytree(backfilled.home, desk.home, dirs_exist_ok=True)
    desk.set(MARKET_ASSETS_NOW=NOON)
    return Funding(desk, dict(backfilled.results))


def settled(native_symbol: str, *, at: str = NOON, since: str = f"{SINCE}T00:00:00Z") -> list[datetime]:
    """When the market itself says a contract settled from `since` on, of what the exchange still has at an instant."""
    stamps = SyntheticBackend(seed=7).settlements("kucoin", native_symbol, clock.instant(at)).time_ms
    times = pl.Series(stamps * 1000).cast(UTC_MICROS)
    return times.filter(times >= clock.instant(since)).to_list()


def stored(funding: Funding, native_symbol: str) -> pl.DataFrame:
    """The stored settlements of a contract, oldest first."""
    return funding.desk.read("funding_rates").filter(native_symbol=native_symbol).sort("funding_time")


def floors(funding: Funding) -> dict[str, datetime]:
    """Native symbol -> the floor that the fetch log has."""
    return dict(FetchLog(funding.desk.home).floors().select("native_symbol", "history_floor").iter_rows())


def judged(funding: Funding, native_symbol: str, day: date = LAST) -> dict[str, object]:
    """A contract's row of completeness."""
    rows = funding.desk.read("funding_completeness", f"{day}|kucoin").filter(native_symbol=native_symbol)
    return rows.row(0, named=True)


def to_repair(funding: Funding) -> list[str]:
    """The days that the sensor would ask for again."""
    found = typed_gaps(funding.desk.store, funding.desk.settings, clock.now())
    return sorted({key.removesuffix("|kucoin") for key in found.filter(kind="ours")["partition"]})


def test_a_backfill_stores_what_is_still_there_and_notes_where_it_begins(kucoin: Funding) -> None:
    """Also of contracts whose first window has rows; all that was asked for is there of those of eight hours."""
    assert len(settled(HOURLY)) == len(settled(FOUR_HOURLY)) == 100
    for native in FLOORS:
        assert stored(kucoin, native)["funding_time"].to_list() == settled(native)
    noted = floors(kucoin)
    assert {name: noted.get(name) for name in FLOORS} == {
        HOURLY: clock.instant(FLOORS[HOURLY]),
        FOUR_HOURLY: clock.instant(FLOORS[FOUR_HOURLY]),
        EIGHT_HOURLY: None,
    }
    contracts = kucoin.desk.read("funding_contracts")
    assert set(noted) == set(contracts.filter(pl.col("interval_hours") < 8)["native_symbol"])


def test_what_cannot_come_any_more_is_counted_apart(kucoin: Funding) -> None:
    """Due from 2025-04-08 to noon of 05-07: 709, 178 and 89; before the floors 25 days and 9 hours, 13 days, none."""
    told_of = ("history_floor", "expected_slots", "hit_slots", "n_unrecoverable")
    assert {native: [judged(kucoin, native)[name] for name in told_of] for native in FLOORS} == {
        HOURLY: [clock.instant(FLOORS[HOURLY]), 709, 100, 25 * 24 + 9],
        FOUR_HOURLY: [clock.instant(FLOORS[FOUR_HOURLY]), 178, 100, 13 * 6],
        # two settlements of 05-07, three of each of 17 days; the 12 days before were not asked for yet
        EIGHT_HOURLY: [None, 89, 53, 0],
    }


def test_the_check_names_the_exchange_that_forgot(kucoin: Funding) -> None:
    """One hourly contract and six of four hours; those of eight have gaps that can be closed."""
    results = kucoin.results["funding_completeness"]
    verdict = verdicts(results, "funding_completeness")["gaps_can_be_closed"]
    assert failed_checks(results, "funding_completeness")["gaps_can_be_closed"] == "WARN"
    assert verdict.description == "cannot be re-fetched"
    assert f"| kucoin | 7 | {609 + 6 * 78} |" in str(verdict.metadata["rows"].value)


def test_days_are_asked_for_again_until_they_are_there_and_not_before_the_floor(kucoin: Funding) -> None:
    """The thirty days before that were never asked for; of 04-20 nothing is lacking but what is forgotten."""
    days = [f"2025-04-{day:02}" for day in range(7, 20)]
    assert to_repair(kucoin) == days
    kucoin.run("funding_rates", [f"{day}|kucoin" for day in days])
    kucoin.run("funding_completeness", [f"{LAST}|kucoin"])
    assert judged(kucoin, EIGHT_HOURLY)["hit_slots"] == 89
    assert to_repair(kucoin) == []


def test_a_gap_after_the_floor_is_asked_for_again(kucoin: Funding) -> None:
    """The morning of the next day is not stated at first; it is there when it is asked for once more."""
    kucoin.at("2025-05-08T12:20:00Z")
    next_day = date(2025, 5, 8)
    kucoin.desk.sandbox.fault(f"kucoin:missing_rows:symbol=AVAX:dates={next_day}")
    backfill(kucoin, LAST, next_day)
    kucoin.desk.sandbox.heal()
    assert stored(kucoin, HOURLY)["funding_time"].max() == clock.instant("2025-05-07T23:00:00Z")
    assert {"2025-04-20", "2025-05-07", "2025-05-08"} & set(to_repair(kucoin)) == {"2025-05-08"}
    backfill(kucoin, next_day, next_day)
    assert stored(kucoin, HOURLY)["funding_time"].max() == clock.instant("2025-05-08T12:00:00Z")
    assert "2025-05-08" not in to_repair(kucoin)


def test_what_was_stored_in_time_stays_when_the_exchange_has_forgotten_it(kucoin: Funding) -> None:
    """After an outage of five days the hourly contract lacks 20 hours for good, the others nothing new."""
    before = kucoin.desk.read("funding_rates")
    kucoin.at(LATER)
    results = backfill(kucoin, SINCE, LATER_DAY)
    after = kucoin.desk.read("funding_rates")
    kept = after.join(before, on=["symbol", "funding_time"], how="semi")
    assert kept.drop("ingested_at").equals(before.drop("ingested_at"))
    for native in (HOURLY, FOUR_HOURLY):
        still = settled(native, at=LATER)
        assert min(still) > settled(native)[0]
        assert stored(kucoin, native)["funding_time"].to_list() == sorted({*settled(native), *still})
    noted = floors(kucoin)
    assert noted[HOURLY] == clock.instant("2025-05-08T09:00:00Z")
    assert noted[FOUR_HOURLY] == clock.instant("2025-04-26T00:00:00Z")
    # since 04-13: 20 days and 9 hours before what was stored first, 20 hours of the outage; 8 days of 6
    assert judged(kucoin, HOURLY, LATER_DAY)["n_unrecoverable"] == 489 + 20
    assert judged(kucoin, FOUR_HOURLY, LATER_DAY)["n_unrecoverable"] == 48
    assert failed_checks(results, "funding_completeness")["gaps_can_be_closed"] == "WARN"
    assert to_repair(kucoin) == [f"2025-04-{day}" for day in range(12, 20)]
