"""What the account refuses, in which order, and which symbols count as one (crypto.md 9)."""

import json
from datetime import timedelta

import polars as pl
import pytest

from market_assets.crypto.settings import PaperSettings
from market_assets.crypto.transforms.paper import paper_trades
from market_assets.crypto.transforms.paper.correlation import Close, groups
from tests.market_assets.crypto.transforms.paper.desk import (
    D0,
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

DAY = timedelta(days=1)
#: daily returns that have nothing to do with each other, in percent
WAVES = {"AUSDT": [1, -1], "BUSDT": [1, 1, -1, -1], "CUSDT": [1, 1, 1, 1, -1, -1, -1, -1]}


def names(n):
    """That many symbols."""
    return [f"{chr(65 + i)}USDT" for i in range(n)]


def held_day(sizes, crypto=None, **changed):
    """A day on which a signal of each size comes for a symbol of its own at one o'clock."""
    rows = [signal(name, size_ratio=size, **changed) for name, size in zip(names(len(sizes)), sizes, strict=True)]
    return traded(rows, *[candles(name) for name in names(len(sizes))], crypto=crypto or account())


def test_no_position_exceeds_five_percent():
    """A signal that asks for more is refused; exactly 5 % is entered."""
    assert reasons(held_day([0.05, 0.0501])) == {"BUSDT": "position_limit"}


def test_exposure_stays_below_a_fifth():
    """Four times 5 % fill the account: the fifth is refused, and so is what no longer fits."""
    found = held_day([0.05] * 5)
    assert reasons(found) == {"EUSDT": "exposure_limit"}
    assert [row["entry_exposure_ratio"] for row in of_kind(found, "position")] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert reasons(held_day([0.05, 0.05, 0.05, 0.04, 0.02])) == {"EUSDT": "exposure_limit"}


def test_no_more_than_ten_positions():
    """The eleventh is refused however small it is."""
    assert reasons(held_day([0.001] * 11)) == {"KUSDT": "positions_limit"}


def test_the_surer_signal_goes_first_and_then_the_symbol():
    """Of signals at one instant the more confident is entered; among equals the first symbol."""
    crypto = account(max_positions=2)
    rows = [signal("AUSDT"), signal("BUSDT"), signal("CUSDT", feature_confidence=0.9)]
    found = traded(rows, *[candles(name) for name in names(3)], crypto=crypto)
    assert reasons(found) == {"BUSDT": "positions_limit"}


def test_the_earlier_signal_goes_before_the_surer_one():
    """An order that waits since one o'clock is filled before one of two o'clock, at the same candle."""
    crypto = account(max_positions=1, no_bar_min=90)
    rows = [signal("AUSDT", feature_confidence=0.6), signal("BUSDT", hour=2, feature_confidence=0.9)]
    found = traded(rows, candles("AUSDT", gaps=range(60, 120)), candles("BUSDT"), crypto=crypto)
    assert reasons(found) == {"BUSDT": "positions_limit"}


@pytest.mark.parametrize(("stop", "refused"), [(90.0, {"BUSDT": "drawdown_limit"}), (90.1, {})])
def test_no_entry_in_a_drawdown_of_a_tenth(stop, refused):
    """All of the account, stopped at 90, costs a tenth: nothing is entered then, nor the next day; at 90.1 it is."""
    crypto = account(max_position=1.0, max_exposure=1.0, max_group=1.0)
    rows = [
        signal("AUSDT", size_ratio=1.0, stop_price=stop),
        signal("BUSDT", hour=2),
        signal("BUSDT", hour=24),
    ]
    prices = candles("AUSDT", m70=(100, 100, 90, 90), days=2), candles("BUSDT", days=2)
    found = traded(rows, *prices, crypto=crypto, days=2)
    assert reasons(found) == reasons(found, D0 + DAY) == refused
    assert state(found)["drawdown_ratio"] == pytest.approx((100 - stop) / 100)


def walk(name, returns, days, scale=0.01):
    """Closes of a symbol whose daily returns repeat."""
    price, found = 100.0, [Close(D0 - days * DAY, name, 100.0)]
    for n in range(days):
        price *= 1 + scale * returns[n % len(returns)]
        found.append(Close(D0 + (n + 1 - days) * DAY, name, price))
    return found


def linked(*walks, **paper):
    """Groups of more than one symbol."""
    found = groups([close for one in walks for close in one], PaperSettings(**paper))
    return {tuple(sorted(group)) for group in found.values() if len(group) > 1}


def test_symbols_that_move_together_are_one_group():
    """Equal returns link, opposite and unrelated ones do not."""
    same, opposite = walk("XUSDT", WAVES["AUSDT"], 30, 0.02), walk("YUSDT", [-1, 1], 30)
    assert linked(walk("AUSDT", WAVES["AUSDT"], 30), same, opposite, walk("BUSDT", WAVES["BUSDT"], 30)) == {
        ("AUSDT", "XUSDT")
    }


def test_links_pass_through_others():
    """One that moves with two makes three a group, although those two correlate at 0.75 only."""
    steps = [3, -3, 1, -1, 2, -2]
    middle = walk("MUSDT", steps, 30)
    left = walk("LUSDT", [r + d for r, d in zip(steps, [1, 1, -1, -1, 0, 0], strict=True)], 30)
    right = walk("RUSDT", [r - d for r, d in zip(steps, [1, 1, -1, -1, 0, 0], strict=True)], 30)
    assert linked(left, middle, right) == {("LUSDT", "MUSDT", "RUSDT")}
    assert linked(left, right) == set()


def test_few_common_days_link_nothing():
    """19 days with a return of both are too few, 20 enough; a missing day costs the two returns beside it."""
    two = walk("AUSDT", [1, -1], 19), walk("XUSDT", [1, -1], 30)
    assert linked(*two) == set()
    assert linked(walk("AUSDT", [1, -1], 20), two[1]) == {("AUSDT", "XUSDT")}
    holed = [close for close in walk("AUSDT", [1, -1], 21) if close.day != D0 - 10 * DAY]
    assert linked(holed, two[1]) == set()


def test_a_price_that_never_moves_is_linked_with_nothing():
    """Without a deviation there is no correlation."""
    assert linked(walk("AUSDT", [0], 30), walk("XUSDT", [0], 30), walk("BUSDT", [1, -1], 30)) == set()


def carried(*walks):
    """The account of the first day, with these closes behind it."""
    closes = [{"day": str(c.day), "symbol": c.symbol, "close": c.close} for one in walks for c in one]
    return traded([], candles()).with_columns(closes_31d=pl.lit(json.dumps(closes)))


def test_correlated_symbols_share_fifteen_percent():
    """Three times 5 % of one group are entered, a fourth is refused; a stranger is not."""
    together = [walk(name, [1, -1], 30) for name in names(4)]
    rows = [signal(name, hour=25, size_ratio=0.05) for name in names(5)]
    prices = [candles(name, days=2) for name in names(5)]
    before = carried(*together, walk("EUSDT", WAVES["BUSDT"], 30))
    tomorrow = traded_tomorrow(rows, prices, before)
    assert reasons(tomorrow, D0 + DAY) == {"DUSDT": "group_limit"}
    grouped = {row["symbol"]: row["entry_group_ratio"] for row in of_kind(tomorrow, "position", D0 + DAY)}
    assert grouped == pytest.approx({"AUSDT": 0.05, "BUSDT": 0.1, "CUSDT": 0.15, "EUSDT": 0.05})


def traded_tomorrow(rows, prices, before):
    """The second day, from those rows of the first."""
    return paper_trades([D0 + DAY], before, signals(*rows), pl.concat(prices), account())


def test_the_account_carries_31_days_of_closes():
    """Today's last close of every symbol is added, what is older than 30 days before today is dropped."""
    before = carried(walk("AUSDT", [1, -1], 40))
    found = traded_tomorrow([], [candles("AUSDT", days=2, m1441=(7, 7, 7, 7)), candles("BUSDT", days=2)], before)
    closes = json.loads(state(found, D0 + DAY)["closes_31d"])
    today = [(row["symbol"], row["close"]) for row in closes if row["day"] == "2026-10-06"]
    assert today == [("AUSDT", 7.0), ("BUSDT", 100.0)]
    days = [row["day"] for row in closes if row["symbol"] == "AUSDT"]
    assert (len(days), days[0]) == (31, str(D0 + DAY - 30 * DAY))


def test_todays_closes_link_nothing_yet():
    """A symbol whose 20th return is today's is linked from tomorrow on: its close is not known before midnight."""
    young = [walk(name, [1, -1], 19) for name in names(4)]
    rows = [signal(name, hour=25, size_ratio=0.05) for name in names(4)]
    found = traded_tomorrow(rows, [candles(name, days=2) for name in names(4)], carried(*young))
    assert reasons(found, D0 + DAY) == {}


def test_a_refusal_says_what_was_refused():
    """The row has the order's side, size and levels, and nothing that only a fill makes."""
    (row,) = of_kind(held_day([0.9]), "rejected")
    assert (row["side"], row["size_ratio"], row["stop_price"], row["targets"]) == (
        "long",
        0.9,
        98.0,
        [102.0, 104.0, 106.0],
    )
    assert (row["qty"], row["entry_ts"], row["status"]) == (None, None, None)
    assert position(held_day([0.02]))["reason"] is None
