"""One position from entry to exit, worked by hand (crypto.md 9)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.settings import PaperSettings
from market_assets.crypto.transforms.paper.fills import Costs, Levels, Position, Prices

AT = datetime(2026, 10, 5, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COSTS, FREE = Costs.of(PaperSettings()), Costs(0.0, 0.0)
LEVELS = Levels(98.0, (102.0, 104.0, 106.0), (0.5, 0.25, 0.25), 101.5, 1.5, AT + 240 * MINUTE)
many = settings(max_examples=100, deadline=None)


def mirrored(levels):
    """The same levels of a short, upside down around 100."""
    return Levels(
        200 - levels.stop_price, tuple(200 - one for one in levels.targets), levels.shares,
        200 - levels.trail_arm_price, levels.trail_distance, levels.time_stop_at,
    )  # fmt: skip


def bar(*prices):
    """A bar of open, high, low, close."""
    return Prices(*map(float, prices))


def entered(side=1, price=100.0, costs=FREE, levels=LEVELS):
    """One unit."""
    return Position.entered(side, 1.0, AT, price, levels if side > 0 else mirrored(levels), costs)


def lived(position, *bars, costs=FREE):
    """The position after these bars."""
    for minute, one in enumerate(bars):
        if position.is_open:
            position.live_through(one, AT + minute * MINUTE, costs)
    return position


def test_golden_of_the_specification():
    """Long 1.0 from an open of 100: in at 100.05, out 50/25/25 % at 102, 104, 106; pnl 3.24645."""
    position = entered(price=COSTS.market(100.0, 1), costs=COSTS)
    assert (position.entry_price, position.fees) == pytest.approx((100.05, 0.10005))
    lived(position, bar(100, 102, 100, 102), bar(102, 104, 101.9, 104), bar(104, 106, 103.9, 106), costs=COSTS)
    assert position.proceeds == pytest.approx(103.5)
    assert position.fees == pytest.approx(0.10005 + 0.1035)
    assert position.pnl == pytest.approx(3.24645)
    assert (position.qty_open, position.exit_reason, position.n_targets_hit) == (0.0, "target", 3)
    assert position.exit_ts == AT + 2 * MINUTE


def test_a_short_pays_the_same_costs():
    """Sold at 99.95, bought back at 98, 96, 94: what came in less what went out less fees on both."""
    position = entered(-1, COSTS.market(100.0, -1), COSTS)
    lived(position, bar(100, 100, 98, 98), bar(98, 98.1, 96, 96), bar(96, 96.1, 94, 94), costs=COSTS)
    assert position.entry_price == pytest.approx(99.95)
    assert position.pnl == pytest.approx(99.95 - 96.5 - 0.09995 - 0.0965)


def test_the_stop_is_tested_before_targets():
    """A bar that reaches both is a loss."""
    position = lived(entered(), bar(100, 106, 98, 105))
    assert (position.exit_reason, position.proceeds, position.n_targets_hit) == ("stop", 98.0, 0)


def test_a_stop_slips_and_a_gap_stops_at_the_open():
    """At 98 it gets 98 less slippage; a bar that opens at 95 gives 95 less slippage."""
    assert lived(entered(), bar(99, 99, 98, 99), costs=COSTS).proceeds == pytest.approx(98 * 0.9995)
    assert lived(entered(), bar(95, 99, 95, 99), costs=COSTS).proceeds == pytest.approx(95 * 0.9995)
    assert lived(entered(-1), bar(105, 105, 101, 101), costs=COSTS).proceeds == pytest.approx(105 * 1.0005)


def test_several_targets_may_be_reached_in_one_bar():
    """Each sells its share at its own price."""
    position = lived(entered(), bar(100, 104.5, 99, 104))
    assert (position.qty_open, position.proceeds) == pytest.approx((0.25, 0.5 * 102 + 0.25 * 104))
    assert (position.is_open, position.exit_reason, position.exit_ts) == (True, None, AT)


def test_the_trailing_stop_arms_and_moves_at_the_close():
    """A high above the arming price does not arm; a close does, and the stop follows closes upwards only."""
    position = lived(entered(), bar(100, 101.9, 100, 101))
    assert (position.trail_armed, position.stop_price) == (False, 98.0)
    lived(position, bar(101, 101.6, 100, 101.5))
    assert (position.trail_armed, position.stop_price) == (True, 100.0)
    lived(position, bar(101.5, 101.9, 101.4, 101.8))
    assert position.stop_price == pytest.approx(100.3)
    lived(position, bar(101.8, 101.8, 100.4, 100.5))
    assert position.stop_price == pytest.approx(100.3)
    lived(position, bar(100.5, 100.5, 100.2, 100.4))
    assert (position.exit_reason, position.proceeds) == ("trail", pytest.approx(100.3))


def test_a_trail_below_the_first_stop_leaves_it_alone():
    """A wide trail arms without lowering the stop, and what stops it out is still the stop."""
    wide = Levels(98.0, (120.0,), (1.0,), 101.5, 9.0, None)
    position = lived(entered(levels=wide), bar(100, 102, 100, 102), bar(102, 102, 97, 99))
    assert (position.trail_armed, position.exit_reason, position.proceeds) == (True, "stop", 98.0)


def test_time_ends_it_at_the_open():
    """Before 240 minutes it stays, from then on it leaves at the open, with slippage."""
    position = entered(costs=COSTS)
    assert not position.is_due(AT + 239 * MINUTE)
    assert position.is_due(AT + 240 * MINUTE)
    position.leave_at_open(101.0, AT + 241 * MINUTE, COSTS)
    assert (position.exit_reason, position.proceeds) == ("time", pytest.approx(101 * 0.9995))
    assert position.exit_ts == AT + 241 * MINUTE


def test_an_entry_inside_a_bar_takes_no_profit_of_it():
    """The high may have been before the limit filled; the low counts."""
    position = entered()
    position.live_through(bar(101, 106, 99, 101), AT, FREE, entered_inside=True)
    assert (position.qty_open, position.n_targets_hit) == (1.0, 0)
    position.live_through(bar(101, 106, 97, 101), AT, FREE, entered_inside=True)
    assert position.exit_reason == "stop"


PRICE = st.floats(96.0, 107.0)
BARS = st.lists(
    st.tuples(PRICE, PRICE, PRICE, PRICE).map(lambda p: bar(p[0], max(p), min(p), p[3])), min_size=1, max_size=20
)


@many
@given(BARS)
def test_a_mirrored_market_mirrors_the_position(bars):
    """A short in the market upside down does what the long does: same exits, same profit."""
    long = lived(entered(), *bars)
    short = lived(entered(-1), *[bar(200 - b.open, 200 - b.low, 200 - b.high, 200 - b.close) for b in bars])
    # a price at a level to the last digit may fall on its other side when it is mirrored
    near = [abs(p - level) < 1e-9 for b in bars for p in b for level in (98.0, 101.5, 102.0, 104.0, 106.0)]
    if not any(near):
        assert (short.exit_reason, short.exit_ts, short.n_targets_hit) == (
            long.exit_reason, long.exit_ts, long.n_targets_hit,
        )  # fmt: skip
        assert short.pnl + short.unrealised == pytest.approx(long.pnl + long.unrealised, abs=1e-9)


@many
@given(BARS)
def test_every_unit_is_sold_once(bars):
    """What is left is never negative, never more than was entered, and only shrinks; fees only grow."""
    position = entered(price=COSTS.market(100.0, 1), costs=COSTS)
    before, fees = position.qty_open, position.fees
    for minute, one in enumerate(bars):
        if not position.is_open:
            break
        position.live_through(one, AT + minute * MINUTE, COSTS)
        assert 0.0 <= position.qty_open <= before
        assert position.fees >= fees
        before, fees = position.qty_open, position.fees
    if not position.is_open:
        assert position.pnl == pytest.approx(position.proceeds * 0.999 - position.notional * 1.001)


@many
@given(BARS)
def test_a_stop_never_moves_away(bars):
    """Bar after bar the stop of a long only rises."""
    position, stop = entered(), 98.0
    for one in bars:
        if position.is_open:
            position.live_through(one, AT, FREE)
            assert position.stop_price >= stop
            stop = position.stop_price
