"""Corporate actions and their factors (equities.md 4)."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from market_assets.equities.schemas import EquitiesCorporateActions
from market_assets.equities.transforms import actions
from tests.market_assets.equities.frames import (
    NO_ACTIONS,
    SEEN,
    dividend,
    fetched_actions,
    raw,
    real_bars,
    real_splits,
    sessions,
    split,
)

XNYS = sessions()["XNYS"]["session_date"].to_list()
#: Thursday, Friday, Monday, Tuesday, Wednesday
DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)]
BARS = raw("A", DAYS, [100.0, 102.0, 104.0, 53.0, 54.0])


def computed(*rows, bars=BARS, previous=NO_ACTIONS):
    return actions.with_factors(fetched_actions(*rows), bars, XNYS, previous)


def test_factors_of_a_split_and_a_dividend():
    """2-for-1 halves prices and doubles volumes; 0.53 on a close of 53 leaves 0.99 of the price."""
    got = computed(split("A", DAYS[3], 2.0), dividend("A", DAYS[4], 0.53)).actions.sort("kind", descending=True)
    assert got["split_ratio"].to_list() == [2.0, None]
    assert got["prev_close"].to_list() == [104.0, 53.0]
    assert got["price_factor"].to_list() == pytest.approx([0.5, 0.99])
    assert got["volume_factor"].to_list() == [2.0, 1.0]
    assert got["amount_key"].to_list() == [0.0, 0.53]
    assert got["first_seen_at"].to_list() == [SEEN, SEEN]


def test_a_reverse_split_is_below_one():
    """1-for-10: ratio 0.1, prices times 10."""
    row = {**split("A", DAYS[3], 1.0), "split_from": 10.0}
    got = computed(row).actions
    assert (got["split_ratio"].item(), got["price_factor"].item()) == (0.1, 10.0)


def test_an_ex_date_without_session_moves_to_the_next_one():
    """Saturday becomes Monday, priced against Friday's close, and the move is reported."""
    got = computed(dividend("A", date(2020, 1, 4), 1.02))
    assert got.actions["ex_date"].item() == DAYS[2]
    assert got.actions["price_factor"].item() == pytest.approx(0.99)
    assert got.moved.row(0) == ("A", "cash_dividend", DAYS[2], date(2020, 1, 4))


def test_dates_outside_the_known_sessions_stay():
    """Neither a dividend of 1987 nor an announced one is moved to the calendar's edge."""
    dates = [date(1987, 5, 9), date(2030, 1, 5)]
    got = computed(*(dividend("A", day, 0.1) for day in dates))
    assert got.actions["ex_date"].to_list() == dates
    assert got.actions["price_factor"].to_list() == [None, None]


def test_an_announced_dividend_has_no_previous_close_yet():
    """Beyond the last known session the close before the ex date is still to come."""
    rows = fetched_actions(dividend("A", date(2020, 1, 20), 0.5))
    got = actions.with_factors(rows, BARS, DAYS, NO_ACTIONS).actions
    assert (got["prev_close"].item(), got["price_factor"].item()) == (None, None)


def test_a_missing_previous_session_leaves_the_factor_unknown():
    """The close of an older session is not the close before the ex date; a split needs none."""
    holed = BARS.filter(pl.col("session_date") != DAYS[2])
    got = computed(dividend("A", DAYS[3], 0.5), split("A", DAYS[3], 2.0), bars=holed).actions.sort("kind")
    assert got["price_factor"].to_list() == [None, 0.5]


def test_split_adjusted_amounts_become_as_paid():
    """Yahoo's 0.265 before a 2-for-1 was paid as 0.53; one after it stays as it is."""
    got = computed(
        dividend("A", DAYS[1], 0.265, amount_basis="split_adjusted"),
        split("A", DAYS[3], 2.0),
        dividend("A", DAYS[4], 0.27, amount_basis="split_adjusted"),
    ).actions.filter(pl.col("kind") == "cash_dividend")
    assert got["amount"].to_list() == pytest.approx([0.53, 0.27])
    assert got["amount_basis"].to_list() == ["split_adjusted_converted"] * 2


def test_two_dividends_on_one_day_are_two_rows():
    """A regular and a special dividend differ in their amount."""
    got = computed(dividend("A", DAYS[4], 0.5), dividend("A", DAYS[4], 3.0), dividend("A", DAYS[4], 0.5)).actions
    assert got["amount"].to_list() == [0.5, 3.0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (dividend("A", DAYS[4], 53.0), "amount_not_below_prev_close"),
        (dividend("A", DAYS[4], -0.1), "amount_negative"),
        (dividend("A", DAYS[4], None), "amount_negative"),
        (dividend("A", DAYS[4], float("inf")), "amount_negative"),
        (split("A", DAYS[4], 0.0), "split_terms_not_positive"),
        (split("A", DAYS[4], None), "split_terms_not_positive"),
        (dividend("A", None, 0.1), "ex_date_missing"),
    ],
)
def test_an_impossible_action_is_quarantined(row, reason):
    """A dividend of the whole price, negative cash, a split to nothing: aside, with the reason."""
    got = computed(dividend("A", DAYS[1], 0.1), row)
    assert got.actions["ex_date"].to_list() == [DAYS[1]]
    assert got.quarantined.select("reason", "row_number").rows() == [(reason, 1)]
    contract = EquitiesCorporateActions.contract().quarantine()
    if row["ex_date"]:
        contract.validate(got.quarantined.with_columns(run_id=pl.lit("r")))


def test_knowledge_time_is_kept_from_the_first_sight():
    """A second fetch refreshes the row but not the instant since which it is known."""
    first = computed(split("A", DAYS[3], 2.0)).actions
    later = fetched_actions(
        split("A", DAYS[3], 2.0), dividend("A", DAYS[4], 0.53), ingested_at=datetime(2022, 1, 1, tzinfo=UTC)
    )
    got = actions.with_factors(later, BARS, XNYS, first).actions
    assert dict(got.select("kind", "first_seen_at").iter_rows()) == {
        "split": SEEN,
        "cash_dividend": datetime(2022, 1, 1, tzinfo=UTC),
    }


def test_a_vanished_action_stays_and_is_marked():
    """What the vendor no longer states is kept, withdrawn, with its factor; it may come back."""
    first = computed(split("A", DAYS[3], 2.0), dividend("A", DAYS[4], 0.53)).actions
    second = computed(dividend("A", DAYS[4], 0.53), previous=first).actions
    assert dict(second.select("kind", "withdrawn").iter_rows()) == {"split": True, "cash_dividend": False}
    assert second.filter(pl.col("kind") == "split")["price_factor"].item() == 0.5
    third = computed(split("A", DAYS[3], 2.0), previous=second).actions
    assert third.filter(pl.col("kind") == "split")["withdrawn"].item() is False


def test_the_same_input_gives_the_same_rows():
    """Re-materialising with nothing new changes nothing, whatever the order of the answer."""
    rows = [split("A", DAYS[3], 2.0), dividend("A", DAYS[4], 0.53), dividend("A", DAYS[1], 0.2)]
    first = computed(*rows).actions
    assert computed(*reversed(rows), previous=first).actions.equals(first)


def test_eleven_dividends_are_eleven_rows():
    """No default limit of ten."""
    rows = [dividend("A", day, 0.1 + i / 100) for i, day in enumerate(XNYS[:11])]
    assert computed(*rows).actions.height == 11


def test_apple_dividend_of_august_2020(shared_data):
    """AAPL paid 0.82 ex 2020-08-07 on a close of 455.61: 0.9982002, as Lean's factor file has it."""
    aapl = real_bars(shared_data, "AAPL")
    got = computed(dividend("AAPL", date(2020, 8, 7), 0.82), bars=aapl).actions
    assert got["prev_close"].item() == 455.61
    assert got["price_factor"].item() == pytest.approx(0.9949942 / 0.9967882, abs=2e-7)


def test_known_splits_show_in_the_prices(shared_data):
    """The ex date of each recorded split opens within 20 % of prev_close / ratio."""
    for symbol in ("AAPL", "BAC", "EEM", "IBM", "QQQ"):
        bars = real_bars(shared_data, symbol)
        got = computed(*real_splits(shared_data, symbol), bars=bars).actions
        opens = got.join(bars, left_on="ex_date", right_on="session_date")
        assert opens.height == got.height > 0
        change = opens["open"] / opens["prev_close"] * opens["split_ratio"] - 1
        assert change.abs().max() < 0.20, symbol
