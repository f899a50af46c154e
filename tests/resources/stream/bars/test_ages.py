"""How old quotes are: in time of their market, over what their source can afford, and on after a death."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from market_assets.settings import Settings
from resources.stream.bars.ages import ages, quote_ages, unstored_s
from tests.dashboards import bars_collector
from tests.dashboards.bars_collector import SECOND, source, status, symbol
from tests.dashboards.stored_home import NOW

#: Sunday 17:00 in New York, when currencies begin to trade
OPENS = datetime(2026, 10, 4, 21, tzinfo=UTC)


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty home."""
    return bars_collector.configure(monkeypatch)


@pytest.mark.parametrize(
    ("age_s", "interval_s", "lateness"),
    [
        # 10 s and 60 s while quotes come every second: in proportion throughout
        *((5.0, 1.0, 0.5), (10.0, 1.0, 1.0), (35.0, 1.0, 3.5), (60.0, 1.0, 6.0), (70.0, 1.0, 7.0)),
        # a source that can be asked every 324 s: 972 s and 1,944 s
        *((486.0, 324.0, 0.5), (972.0, 324.0, 1.0), (1_944.0, 324.0, 6.0)),
    ],
)
def test_lateness_is_one_at_the_warning_and_six_at_the_error(
    found: Settings, age_s: float, interval_s: float, lateness: float
):
    """max(10, 3 intervals) and max(60, 6 intervals), whatever the interval."""
    said = status(symbols=(symbol("BTCUSD", age_s, effective_interval_s=interval_s), symbol("EURUSD")))
    assert ages(found.bars, said, NOW)["BTCUSD"] == pytest.approx((age_s, lateness))


def test_without_a_collector_nothing_is_judged(found: Settings):
    """Never started, or stopped in order with bars left: no ages, nothing that waits."""
    assert (quote_ages(found, NOW), unstored_s(found, NOW)) == (None, None)
    bars_collector.write(found, status(running=False, oldest_unflushed_at=NOW - SECOND))
    assert (quote_ages(found, NOW), unstored_s(found, NOW)) == (None, None)


def test_a_dead_collector_ages_on(found: Settings):
    """Twenty seconds after its last word its quotes are twenty seconds older, and so is what it had not stored."""
    bars_collector.write(found, status(oldest_unflushed_at=NOW - 5 * SECOND))
    later = NOW + 20 * SECOND
    assert quote_ages(found, later) == pytest.approx({"BTCUSD": 2.1, "EURUSD": 2.1})
    assert unstored_s(found, later) == 25.0
    bars_collector.write(found, status())
    assert unstored_s(found, later) is None


def test_a_closed_market_does_not_age_and_one_that_opens_begins_at_zero(found: Settings):
    """The last quote of EURUSD came on Friday; four seconds after the opening it is four seconds late, not two days."""
    friday = OPENS - timedelta(days=2)
    for at, expected in ((OPENS - SECOND, {}), (OPENS + 4 * SECOND, {"EURUSD": (4.0, 0.4)})):
        said = status(at, symbols=(symbol("BTCUSD", at=at), symbol("EURUSD", None, at=friday)))
        known = ages(found.bars, said, at)
        assert known.pop("BTCUSD").seconds == pytest.approx(1.0)
        assert known == {name: pytest.approx(age) for name, age in expected.items()}


def test_a_symbol_that_was_never_heard_of_ages_since_the_start(found: Settings):
    """Also one that the collector does not know, because the settings changed after its start."""
    begun = NOW - 30 * SECOND
    silent = symbol("BTCUSD", None, at=NOW, market_open=True, source=None, effective_interval_s=None)
    said = status(started_at=begun, symbols=(dataclasses.replace(silent, at=None),))
    # no interval of its own is known: that of the source that is asked most often for it
    known = ages(found.bars, said, NOW)
    assert [known[name] for name in ("BTCUSD", "EURUSD")] == [pytest.approx((30.0, 3.0))] * 2


def test_a_symbol_without_a_source_that_has_a_key_is_not_late(found: Settings):
    """Nothing was ever sent to a source without its key. One whose key was refused was asked, and stays late."""
    others = [source(name, "disabled", calls={}) for name in ("alphavantage", "twelvedata", "polygon")]
    missing, refused = source("yahoo", "disabled", calls={}), source("yahoo", "disabled", calls={"disabled": 1})
    assert ages(found.bars, status(sources=(missing, *others)), NOW) == {}
    assert set(ages(found.bars, status(sources=(refused, *others)), NOW)) == {"BTCUSD", "EURUSD"}
