"""Days of the account worked by hand: entries, exits, what waits and what is carried (crypto.md 9)."""

from datetime import timedelta

import polars as pl
import pytest

from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.paper import MissingAccount, paper_trades
from tests.market_assets.crypto.transforms.paper.desk import (
    D0,
    DAY,
    EMPTY,
    HOUR,
    MIDNIGHT,
    MINUTE,
    account,
    candles,
    of_kind,
    position,
    reasons,
    signal,
    signals,
    state,
    traded,
)

ONE = MIDNIGHT + HOUR


def test_golden_of_the_specification_through_a_day():
    """Costs in force: 2 % of 10,000 at 100.05; targets at 102, 104, 106 make 3.24645 per unit."""
    prices = candles(
        m60=(100, 100, 100, 100), m70=(100, 102, 100, 102), m80=(102, 104, 102, 104), m90=(104, 106, 104, 106)
    )
    found = traded([signal()], prices, crypto=account(slippage_pct=0.05, commission_pct=0.1))
    row = position(found)
    assert (row["entry_price"], row["entry_ts"]) == (pytest.approx(100.05), ONE)
    assert row["qty"] == pytest.approx(200 / 100.05)
    assert row["pnl"] == pytest.approx(3.24645 * row["qty"])
    assert (row["exit_reason"], row["status"], row["exit_ts"]) == ("target", "closed", MIDNIGHT + 90 * MINUTE)
    assert row["exit_price"] == pytest.approx(103.5)
    assert row["pnl_pct"] == pytest.approx(100 * 3.24645 / 100.05)
    # the risk is the way to the first stop at 98
    assert row["r_multiple"] == pytest.approx(3.24645 / 2.05)
    day = state(found)
    assert day["equity_end"] == pytest.approx(10_000 + 3.24645 * row["qty"])
    assert day["fees"] == pytest.approx(row["fees"])
    assert (day["exposure_ratio"], day["drawdown_ratio"]) == (0.0, 0.0)


def test_a_quiet_day_is_one_account_row():
    """Without a signal nothing happens, and the account says so."""
    (row,) = traded([], candles()).to_dicts()
    assert (row["row_kind"], row["trade_id"], row["equity_end"], row["realised_pnl"]) == (
        "account",
        "account",
        10_000.0,
        0.0,
    )


def test_the_fill_is_the_open_of_the_first_candle_at_or_after_the_signal():
    """Three missing minutes: filled at the open of the fourth."""
    prices = candles(gaps=(60, 61, 62), m63=(101, 101, 101, 101))
    assert (position(traded([signal()], prices))["entry_ts"], position(traded([signal()], prices))["entry_price"]) == (
        ONE + 3 * MINUTE, 101.0,
    )  # fmt: skip


def test_an_order_without_a_candle_for_five_minutes_is_cancelled():
    """The sixth candle is too late, and the row says why; with four missing it still fills."""
    assert reasons(traded([signal()], candles(gaps=range(60, 65)))) == {"BTCUSDT": "no_bar"}
    assert reasons(traded([signal()], candles(gaps=range(60, 64)))) == {}


def test_a_short_gains_from_a_fall():
    """In at 100, out at 98, 96, 94."""
    prices = candles(m70=(100, 100, 94, 94))
    row = position(traded([signal(side=-1)], prices))
    assert (row["side"], row["pnl"]) == ("short", pytest.approx(2.0 * 3.5))


def test_what_is_left_is_sold_after_240_minutes():
    """At 05:00 it leaves at the open; where that candle is missing, at the next one."""
    row = position(traded([signal()], candles(m300=(101, 101, 101, 101))))
    assert (row["exit_reason"], row["exit_ts"], row["exit_price"]) == ("time", ONE + 4 * HOUR, 101.0)
    late = position(traded([signal()], candles(gaps=(300, 301))))
    assert (late["exit_reason"], late["exit_ts"]) == ("time", ONE + 4 * HOUR + 2 * MINUTE)


@pytest.mark.parametrize(
    ("later", "reason"),
    [(0.65, "confidence_drop"), (0.5, "confidence_drop"), (0.66, None), (None, None)],
)
def test_lost_confidence_ends_a_position(later, reason):
    """A later primary candle 0.15 less sure than the entry sells at the next open; unknown confidence does not."""
    doubt = signal(hour=2, side=0, feature_confidence=later)
    row = position(traded([signal(), doubt], candles(m120=(101, 101, 101, 101), m121=(100, 100, 100, 100))))
    if reason is None:
        assert row["exit_reason"] == "time"
    else:
        assert (row["exit_reason"], row["exit_ts"], row["exit_price"]) == (reason, ONE + HOUR, 101.0)


def test_the_opposite_side_reaching_four_closes():
    """Four votes against, two for: no entry the other way, but the position ends; three do not end it."""
    against = signal(hour=2, side=0, n_plus=2, n_minus=4)
    row = position(traded([signal(), against], candles()))
    assert (row["exit_reason"], row["exit_ts"]) == ("opposite_signal", ONE + HOUR)
    assert position(traded([signal(), against | {"n_minus": 3}], candles()))["exit_reason"] == "time"


def test_an_opposite_tradeable_signal_closes_first_and_then_enters():
    """Long until 02:00, short from 02:00, at the same open."""
    found = traded([signal(), signal(hour=2, side=-1)], candles(m120=(101, 101, 101, 101)))
    long, short = of_kind(found, "position")
    assert (long["side"], long["exit_reason"], long["exit_price"]) == ("long", "opposite_signal", 101.0)
    assert (short["side"], short["entry_ts"], short["entry_price"]) == ("short", ONE + HOUR, 101.0)


def test_a_signal_for_what_is_held_is_refused():
    """The same side again is no second position, not even when it is what ends the first one."""
    again = signal(hour=2)
    assert reasons(traded([signal(), again], candles())) == {"BTCUSDT": "symbol_held"}
    unsure = signal(hour=2, feature_confidence=0.62)
    found = traded([signal(), unsure], candles())
    assert position(found)["exit_reason"] == "confidence_drop"
    assert reasons(found) == {"BTCUSDT": "symbol_held"}


def test_a_signal_at_the_end_of_a_position_may_follow_it():
    """When the time is up and the market still says long, the new order is filled at that open."""
    first, second = of_kind(traded([signal(), signal(hour=5)], candles()), "position")
    assert (first["exit_reason"], first["exit_ts"], second["entry_ts"]) == ("time", ONE + 4 * HOUR, ONE + 4 * HOUR)


def test_the_last_signal_of_a_day_waits_for_the_next():
    """Midnight's decision is pending on the day that ends, and a position of the day that begins."""
    found = traded([signal(hour=24)], candles(days=2), days=2)
    (pending,) = of_kind(found, "pending")
    assert (pending["signal_time"], pending["qty"], pending["status"]) == (MIDNIGHT + DAY, None, None)
    row = position(found, D0 + DAY)
    assert (row["trade_id"], row["entry_ts"]) == (pending["trade_id"], MIDNIGHT + DAY)
    assert of_kind(found, "pending", D0 + DAY) == []


def test_a_decision_at_midnight_closes_on_the_next_day():
    """The position is open at the end of its day, names what will end it, and leaves at the next open."""
    opened, against = signal(hour=22), signal(hour=24, side=0, n_minus=4)
    found = traded([opened, against], candles(days=2, m1440=(101, 101, 101, 101)), days=2)
    held, left = position(found), position(found, D0 + DAY)
    assert (held["status"], held["exit_reason"], held["mark_price"]) == ("open", "opposite_signal", 100.0)
    assert (left["status"], left["exit_reason"], left["exit_price"]) == ("closed", "opposite_signal", 101.0)
    assert state(found, D0 + DAY)["realised_pnl"] == pytest.approx(2.0)


def test_half_a_position_goes_on_the_next_day():
    """One target and a trail on the first day, the next target on the second, and then the trail that was carried."""
    prices = candles(
        days=2,
        m1400=(100, 102, 100, 102),
        m1450=(102, 104, 102, 102),
        m1460=(102, 102, 100.4, 101),
    )
    found = traded([signal(hour=22)], prices, days=2)
    today, tomorrow = position(found), position(found, D0 + DAY)
    units = today["qty"]
    assert (today["n_targets_hit"], today["trail_armed"], today["stop_price"]) == (1, True, 100.5)
    assert (today["qty_open"], today["pnl"]) == pytest.approx((units / 2, units))
    assert (tomorrow["n_targets_hit"], tomorrow["exit_reason"], tomorrow["status"]) == (2, "trail", "closed")
    assert tomorrow["proceeds"] == pytest.approx(units * (0.5 * 102 + 0.25 * 104 + 0.25 * 100.5))
    assert state(found, D0 + DAY)["realised_pnl"] == pytest.approx(tomorrow["pnl"] - today["pnl"])


def test_an_order_waits_over_midnight():
    """No candle from midnight on: three minutes later it is filled, after five it is given up, on the new day."""
    late = signal(hour=24)
    found = traded([late], candles(days=2, gaps=range(1440, 1443)), days=2)
    assert position(found, D0 + DAY)["entry_ts"] == MIDNIGHT + DAY + 3 * MINUTE
    found = traded([late], candles(days=2, gaps=range(1440, 1450)), days=2)
    assert reasons(found, D0 + DAY) == {"BTCUSDT": "no_bar"}


def test_equity_is_marked_at_the_last_close():
    """Two units bought at 100 stand at 101.5: 3 unrealised, exposure 203 over 10,003; the next day realises them."""
    prices = candles(days=2, m1438=(100, 101.2, 100, 101.2), m1439=(101.2, 101.2, 101, 101))
    found = traded([signal(hour=22)], prices, days=2)
    today, tomorrow = state(found), state(found, D0 + DAY)
    assert position(found)["unrealised_pnl"] == pytest.approx(2.0)
    assert (today["equity_end"], today["realised_pnl"], today["unrealised_pnl"]) == pytest.approx((10_002, 0.0, 2.0))
    assert today["exposure_ratio"] == pytest.approx(202 / 10_002)
    assert tomorrow["equity_start"] == today["equity_end"]
    assert (tomorrow["equity_end"], tomorrow["realised_pnl"]) == pytest.approx((10_002, 2.0))
    assert tomorrow["peak_equity"] == pytest.approx(10_002)


def test_a_loss_draws_the_account_down():
    """Two units stopped at 98 lose 4 of 10,000, from a peak that is the first equity."""
    day = state(traded([signal()], candles(m70=(100, 100, 97, 99))))
    assert (day["equity_end"], day["peak_equity"]) == pytest.approx((9_996, 10_000))
    assert day["drawdown_ratio"] == pytest.approx(0.0004)


def test_a_position_without_candles_keeps_its_mark():
    """A day without a candle of the symbol: still held, still at yesterday's price."""
    found = traded([signal(hour=22)], candles(m1439=(100, 101, 100, 101)), days=2)
    row = position(found, D0 + DAY)
    assert (row["status"], row["mark_price"]) == ("open", 101.0)
    assert state(found, D0 + DAY)["equity_end"] == state(found)["equity_end"] == pytest.approx(10_002)


def limit(**changed):
    """An account whose orders wait at zones."""
    return account(entry_mode="zone_limit", **changed)


def test_a_limit_order_waits_at_its_zone():
    """It is filled where the price comes down to it, without slippage, and takes no profit of that candle."""
    prices = candles(m60=(100, 100, 99.8, 100), m65=(100, 103, 99.5, 101))
    row = position(traded([signal(limit_price=99.6)], prices, crypto=limit(slippage_pct=0.05)))
    assert (row["entry_price"], row["entry_ts"]) == (99.6, ONE + 5 * MINUTE)
    assert (row["n_targets_hit"], row["exit_reason"]) == (0, "time")


def test_a_limit_order_expires_after_15_minutes():
    """The candle of 01:14 may fill it, that of 01:15 not."""
    near = traded([signal(limit_price=99.6)], candles(m74=(100, 100, 99, 99)), crypto=limit())
    assert position(near)["entry_ts"] == ONE + 14 * MINUTE
    late = traded([signal(limit_price=99.6)], candles(m75=(100, 100, 99, 99)), crypto=limit())
    assert reasons(late) == {"BTCUSDT": "limit_expired"}


def test_a_limit_the_market_is_beyond_fills_at_the_open():
    """A buy limit above the market pays the market, with slippage but never more than the limit; a short alike."""
    crypto = limit(slippage_pct=0.05)
    above = position(traded([signal(limit_price=100.4)], candles(), crypto=crypto))
    assert above["entry_price"] == pytest.approx(100.05)
    tight = position(traded([signal(limit_price=100.01)], candles(), crypto=crypto))
    assert tight["entry_price"] == 100.01
    short = position(traded([signal(side=-1, limit_price=99.99)], candles(), crypto=crypto))
    assert short["entry_price"] == 99.99


def test_without_a_near_zone_the_order_is_at_the_market():
    """No limit price: the next open; and a limit price means nothing where orders are at the market."""
    assert position(traded([signal()], candles(), crypto=limit()))["entry_ts"] == ONE
    row = position(traded([signal(limit_price=99.6)], candles()))
    assert (row["entry_ts"], row["limit_price"]) == (ONE, None)


def test_a_newer_signal_replaces_a_waiting_order():
    """Of two signals of one symbol that wait, the newer one counts."""
    crypto = CryptoSettings.model_validate(
        {"paper": {"start_day": D0, "entry_mode": "zone_limit"}, "signals": {"timeframe": "5m"}}
    )
    rows = [
        signal(timeframe="5m", limit_price=99.6, signal_time=ONE + wait, ts=ONE + wait - 5 * MINUTE)
        for wait in (timedelta(), 5 * MINUTE)
    ]
    found = traded(rows, candles(m70=(100, 100, 99, 100)), crypto=crypto)
    assert reasons(found) == {"BTCUSDT": "replaced"}
    assert position(found)["signal_time"] == ONE + 5 * MINUTE


def test_an_entry_beyond_its_stop_is_void():
    """The market opens below the stop of a long: there is nothing to hold."""
    assert reasons(traded([signal()], candles(m60=(97, 97, 97, 97)))) == {"BTCUSDT": "beyond_stop"}


def test_a_signal_without_a_stop_is_refused():
    """No range, no stop, no position."""
    assert reasons(traded([signal(stop_price=None)], candles())) == {"BTCUSDT": "no_stop"}


def test_other_timeframes_and_versions_are_not_traded():
    """Only the primary timeframe, only the rules in force."""
    rows = [signal(timeframe="4h"), signal(strategy_version=2)]
    assert traded(rows, candles()).height == 1


def test_an_account_goes_on_from_the_day_before_or_says_so():
    """The first day needs no past; a later day without the account of the day before is refused, with the way out."""
    later = [D0 + DAY]
    with pytest.raises(MissingAccount, match=r"2026-10-06 goes on from the account of 2026-10-05.*start_day"):
        paper_trades(later, EMPTY, signals(), candles(days=2), account())
    first = traded([], candles())
    assert paper_trades(later, first, signals(), candles(days=2), account()).height == 1
    retuned = CryptoSettings.model_validate({"paper": {"start_day": D0}, "signals": {"strategy_version": 2}})
    with pytest.raises(MissingAccount, match="strategy version 2"):
        paper_trades(later, first, signals(), candles(days=2), retuned)


def test_a_new_account_starts_afresh_on_its_first_day():
    """A new version and start day: old rows are not looked at, and days before it have no rows."""
    old = traded([signal(hour=22)], candles(days=2))
    fresh = CryptoSettings.model_validate({"paper": {"start_day": D0 + DAY}, "signals": {"strategy_version": 2}})
    found = paper_trades([D0, D0 + DAY], old, signals(), candles(days=2), fresh)
    (row,) = found.to_dicts()
    assert (row["day"], row["strategy_version"], row["equity_start"]) == (D0 + DAY, 2, 10_000.0)


def test_a_delisted_symbol_has_no_candles_and_no_trade():
    """No candle at all: the order is given up."""
    assert reasons(traded([signal("GONEUSDT")], candles())) == {"GONEUSDT": "no_bar"}
    assert pl.Series(traded([], days=1)["row_kind"]).to_list() == ["account"]
