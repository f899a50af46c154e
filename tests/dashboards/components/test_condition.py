"""How late tables are by their own calendars, and what yesterday's condition is worth."""

from datetime import date, timedelta

import pytest

from dashboards.components.condition import condition
from dashboards.services import Services
from market_assets.core import clock
from market_assets.settings import Settings
from resources.stores import open_store
from tests.dashboards import crypto_home, ops_home

TODAY = date(2026, 10, 5)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home of two symbols, at 2026-10-05 12:03."""
    return crypto_home.configure(monkeypatch)


def store_days(found: Settings, symbol: str, *days: int) -> None:
    """Store minutes of these days of October, without rows."""
    contract = crypto_home.contract("crypto_klines")
    for day in days:
        open_store(found).write(contract, f"2026-10-0{day}|{symbol}", contract.empty())


def judged(found: Settings) -> dict:
    return condition(Services.of(found))


def test_a_table_is_late_since_what_it_lacks_was_due(found: Settings):
    """Candles of a day are due two hours after it: those of the 4th at 02:00, ten hours and three minutes ago."""
    store_days(found, "BTCUSDT", 2, 3, 4)
    store_days(found, "ETHUSDT", 2, 3)
    late = judged(found)
    assert (late["status"], late["n_late"]) == ("degraded", 1)
    assert late["tables"]["crypto_klines"]["late_s"] == (10 * 60 + 3) * 60
    assert late["detail"] == ("crypto_klines: 2026-10-04: 1 of 2 partitions are not stored: 2026-10-04|ETHUSDT")
    store_days(found, "ETHUSDT", 4)
    fresh = judged(found)
    assert (fresh["status"], fresh["n_late"], fresh["detail"]) == ("healthy", 0, None)
    assert fresh["tables"]["crypto_klines"]["late_s"] == 0


def test_days_that_lack_in_a_row_count_from_the_first(found: Settings):
    """Nothing of the 3rd and the 4th: since the 4th, 02:00. What lies before the first stored day is not missed."""
    store_days(found, "BTCUSDT", 2, 3, 4)
    store_days(found, "ETHUSDT", 2)
    assert judged(found)["tables"]["crypto_klines"]["late_s"] == (34 * 60 + 3) * 60


def test_what_is_not_due_yet_is_not_late(found: Settings):
    """At 01:59 nobody waits for yesterday, and the day before decides; a second after two somebody does."""
    store_days(found, "BTCUSDT", 2, 3)
    store_days(found, "ETHUSDT", 2)
    with clock.frozen(clock.instant("2026-10-05T01:59:00Z")):
        assert judged(found)["tables"]["crypto_klines"]["late_s"] == (23 * 60 + 59) * 60
        store_days(found, "ETHUSDT", 3)
        assert judged(found)["status"] == "healthy"
    with clock.frozen(clock.instant("2026-10-05T02:00:01Z")):
        assert judged(found)["tables"]["crypto_klines"]["late_s"] == 1


def test_an_older_hole_makes_no_table_late(found: Settings):
    """The newest day that is due is there: what lacks before it is a gap, not lateness."""
    store_days(found, "BTCUSDT", 1, 2, 3, 4)
    store_days(found, "ETHUSDT", 1, 2, 4)
    assert judged(found)["tables"]["crypto_klines"]["late_s"] == 0


def test_a_home_without_data_has_nothing_to_judge(found: Settings):
    """Idle, and no table is late or in time."""
    nothing = judged(found)
    assert (nothing["status"], nothing["note"]) == ("idle", "none late, yesterday is not judged")
    assert {one["late_s"] for one in nothing["tables"].values()} == {None}


@pytest.mark.parametrize(
    ("word", "day", "status"),
    [
        ("late", YESTERDAY, "degraded"),
        ("degraded", YESTERDAY, "healthy"),
        ("late", TODAY, "healthy"),
        ("missing", TODAY, "healthy"),
    ],
)
def test_a_table_that_was_late_yesterday_degrades_and_a_failed_check_does_not(
    found: Settings, word: str, day: date, status: str
):
    """Today is not over, and what failed is told by its check."""
    row = {"dataset": "funding_snapshot", "day": day, "condition": word, "reason": "the newest look is old"}
    ops_home.HOME.write(open_store(found), "ops_condition", [row | {"failing": []}])
    told = judged(found)
    assert told["status"] == status
    assert told["tables"]["funding_snapshot"]["yesterday" if day == YESTERDAY else "today"] == word
    assert told["yesterday" if day == YESTERDAY else "today"] == {word: 1}
    assert ("was late on 2026-10-04: the newest look is old" in (told["detail"] or "")) == (status == "degraded")
