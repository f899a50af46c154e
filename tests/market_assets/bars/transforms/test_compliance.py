"""The rule table, on outcomes worked by hand."""

from datetime import UTC, datetime

import pytest

from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.compliance import compliance
from tests.market_assets.bars.transforms.signals.market import DAY, MINUTE, T0, outcome, outcome_rows

BARS = BarsSettings()
RULES = ("daily_loss", "max_drawdown", "min_trading_days", "flat_before_close")


def judged(*rows, risk_ratio=0.01, **risk):
    """Rule -> (value, passed)."""
    settings = BarsSettings(risk=risk)
    found = compliance(outcome_rows(*rows), start=1000.0, risk_ratio=risk_ratio, bars=settings)
    assert tuple(found["rule"]) == RULES
    return {row["rule"]: (row["value"], row["passed"]) for row in found.to_dicts()}


def losses(*days):
    """One loss on each of these days."""
    return [outcome(signal_time=T0 + day * DAY + n * MINUTE) for n, day in enumerate(days)]


def test_losses_by_hand():
    """Two on the first day and one on the fifth, 3 % each: 6 % of 1000, then 3 % of it; a drawdown of 9 %."""
    found = judged(*losses(0, 0, 4), risk_ratio=0.03)
    assert found["daily_loss"] == (pytest.approx(0.06), False)
    assert found["max_drawdown"] == (pytest.approx(0.09), True)
    assert found["min_trading_days"] == (2, False)
    assert judged(*losses(0, 0, 4), risk_ratio=0.03, max_daily_loss_ratio=0.07)["daily_loss"][1] is True
    assert judged(*losses(0, 0, 4), risk_ratio=0.03, min_trading_days=2)["min_trading_days"][1] is True


def test_a_day_that_gained_lost_nothing():
    """The worst day of a winning account is 0, not a negative loss."""
    assert judged(outcome(outcome="win", r_multiple=1.8))["daily_loss"] == (0.0, True)


def test_an_account_that_was_used_up_failed():
    """Beyond the whole equity the loss of a day is all of it."""
    found = judged(*losses(0, 1, 2), risk_ratio=0.6)
    assert found["daily_loss"] == found["max_drawdown"] == (1.0, False)


def test_nothing_recorded_keeps_and_breaks_no_rule():
    """Without an outcome every value and verdict is null."""
    assert set(judged().values()) == {(None, None)}


@pytest.mark.parametrize(
    ("symbol", "entry", "left", "late"),
    [
        # New York closes at 20:00 UTC in summer: out by 19:50, or not
        ("NAS100", datetime(2026, 10, 5, 19, 0, tzinfo=UTC), datetime(2026, 10, 5, 19, 50, tzinfo=UTC), 0),
        ("NAS100", datetime(2026, 10, 5, 19, 0, tzinfo=UTC), datetime(2026, 10, 5, 19, 51, tzinfo=UTC), 1),
        ("NAS100", datetime(2026, 10, 5, 19, 0, tzinfo=UTC), datetime(2026, 10, 6, 14, 0, tzinfo=UTC), 1),
        # currencies roll over at 21:00 UTC on Monday, and close on Friday
        ("EURUSD", datetime(2026, 10, 5, 20, 0, tzinfo=UTC), datetime(2026, 10, 5, 23, 0, tzinfo=UTC), 0),
        ("EURUSD", datetime(2026, 10, 9, 20, 0, tzinfo=UTC), datetime(2026, 10, 9, 20, 55, tzinfo=UTC), 1),
        ("BTCUSD", datetime(2026, 10, 9, 20, 0, tzinfo=UTC), datetime(2026, 10, 11, 3, 0, tzinfo=UTC), 0),
    ],
)
def test_flat_before_the_close_of_its_own_market(symbol, entry, left, late):
    """Ten minutes before a session ends that none follows at once; a market that never closes has none."""
    row = outcome(symbol=symbol, signal_time=entry, entry_ts=entry, settled_at=left)
    assert judged(row, flat_before_close_min=10)["flat_before_close"] == (late, late == 0)


def test_the_rule_is_off_unless_set():
    """No minutes stated: neither kept nor broken."""
    assert judged(*losses(0))["flat_before_close"] == (None, None)
