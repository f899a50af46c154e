"""Outcomes (btc.md 8.1)."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.btc.schemas import BtcLabels
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.labels import labels
from market_assets.core.errors import InvalidRequest
from tests.market_assets.btc.stored import FIRST, at, hours

LATE = at(10_000)


def configured(**values):
    return BtcSettings.model_validate({"labels": values})


def priced(*prices, first=FIRST):
    """One price an hour; None is a row without a price, `...` no row at all."""
    known = [(time, price) for time, price in zip(hours(len(prices), first), prices, strict=True) if price is not ...]
    return pl.DataFrame(known, {"ts": pl.Datetime("us", "UTC"), "price": pl.Float64}, orient="row")


def outcomes(*prices, n=None, now=LATE, **values):
    found = labels(
        priced(*prices), configured(**values), first=FIRST, until=at(len(prices) if n is None else n), now=now
    )
    return BtcLabels.contract().validate(found)


def test_golden_outcome_of_one_hour():
    """G-LAB-1: the return from the hour's close cannot be traded; the executed one starts an hour later."""
    found = outcomes(100.0, 101.0, 103.0, 102.0, horizons=[1], now=at(5) + timedelta(minutes=9))
    first = found.row(0, named=True)
    assert first["return_close"] == pytest.approx(0.01, abs=1e-12)
    assert first["return_exec"] == pytest.approx(0.019802, abs=1e-6)
    assert (first["price"], first["entry_price"], first["exit_price"]) == (100.0, 101.0, 103.0)
    assert first["available_at"] == FIRST + timedelta(hours=3, minutes=10)
    assert first["label_class"] == 1
    assert found["ts"].to_list() == [at(0), at(1)], "the exit of the hour at t_2 is not known yet"


def test_a_row_appears_with_the_minute_its_exit_price_could_be_known():
    """Not a microsecond earlier; shorter horizons first."""
    known_24 = FIRST + timedelta(hours=26, minutes=10)
    before = outcomes(*[100.0] * 40, n=1, now=known_24 - timedelta(microseconds=1))
    assert before["horizon_h"].to_list() == [1, 6]
    assert outcomes(*[100.0] * 40, n=1, now=known_24)["horizon_h"].to_list() == [1, 6, 24]


@pytest.mark.parametrize("unknown", [None, ...])
@pytest.mark.parametrize(
    ("lacking", "known"),
    [
        (0, {"entry_price", "exit_price", "return_exec", "label_class"}),
        (1, {"price", "exit_price"}),
        (2, {"price", "entry_price", "return_close"}),
        (3, {"price", "entry_price", "return_close", "exit_price", "return_exec", "label_class"}),
    ],
)
def test_an_unknown_price_makes_null_what_needs_it_and_nothing_else(unknown, lacking, known):
    """Exact hours: the price of a neighbour never stands in, and a missing hour shifts nothing.

    Horizon 1, entry delay 1: the close return needs hours 0 and 1, the executed one 1 and 2.
    """
    prices = [100.0, 101.0, 103.0, 102.0]
    prices[lacking] = unknown
    row = outcomes(*prices, n=1, horizons=[1]).row(0, named=True)
    judged = {"price", "entry_price", "exit_price", "return_close", "return_exec", "label_class"}
    assert {name for name in judged if row[name] is not None} == known


@pytest.mark.parametrize(
    ("exit_price", "deadband", "label"),
    [(160.0, 0.25, 0), (160.1, 0.25, 1), (96.0, 0.25, 0), (95.9, 0.25, -1), (128.0, 0.0, 0), (128.1, 0.0, 1)],
)
def test_within_the_deadband_the_outcome_is_neither(exit_price, deadband, label):
    """Its edge included; zero is an outcome, not an unknown one."""
    found = outcomes(90.0, 128.0, exit_price, n=1, horizons=[1], deadband=deadband)
    assert found["label_class"].to_list() == [label]


def test_the_entry_delay_moves_entry_exit_and_when_they_are_known():
    """Two hours later in, two hours later out; without a delay both returns are one."""
    row = outcomes(100.0, 110.0, 120.0, 132.0, n=1, horizons=[1], entry_delay_hours=2).row(0, named=True)
    assert row["return_exec"] == pytest.approx(0.1, abs=1e-12)
    assert row["available_at"] == FIRST + timedelta(hours=4, minutes=10)
    at_once = outcomes(100.0, 110.0, n=1, horizons=[1], entry_delay_hours=0).row(0, named=True)
    assert at_once["return_exec"] == at_once["return_close"] == pytest.approx(0.1, abs=1e-12)


def test_every_hour_has_a_row_also_without_any_price():
    """What is unknown is said to be unknown."""
    found = outcomes(..., ..., ..., horizons=[1, 6])
    assert found.rows_by_key(["ts", "horizon_h"]).keys() == {(at(k), h) for k in range(3) for h in (1, 6)}
    assert found["return_exec"].null_count() == 6


def test_no_hours_are_no_rows():
    """A typed empty frame."""
    assert_frame_equal(outcomes(100.0, n=0), BtcLabels.contract().empty())


@pytest.mark.parametrize(
    ("bounds", "raised"),
    [
        ({"first": datetime(2024, 6, 1)}, InvalidRequest),
        ({"until": datetime(2024, 6, 2)}, InvalidRequest),
        ({"first": at(0.5)}, InvalidRequest),
        ({"now": datetime(2024, 6, 2)}, ValueError),
    ],
)
def test_naive_times_and_half_hours_are_refused(bounds, raised):
    """Local time has no place on the axis."""
    with pytest.raises(raised):
        labels(priced(100.0), BtcSettings(), **({"first": FIRST, "until": at(1), "now": LATE} | bounds))


PRICES = st.lists(st.one_of(st.none(), st.just(...), st.floats(0.01, 1e6, allow_nan=False)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(PRICES, st.integers(0, 3), st.integers(0, 70))
def test_outcomes_are_what_looking_up_hours_gives(prices, delay, until_now):
    """Against a plain dictionary of prices, with gaps anywhere and the clock anywhere."""
    now = at(until_now)
    known = {k: price for k, price in enumerate(prices) if isinstance(price, float)}

    def change(start, end):
        return known[end] / known[start] - 1 if start in known and end in known else None

    def row(k, h):
        entry, out = k + delay, k + delay + h
        return at(k), h, known.get(k), known.get(entry), known.get(out), change(k, k + h), change(entry, out)

    expected = [row(k, h) for k in range(len(prices)) for h in (1, 6, 24) if k + h + delay + 1 + 1 / 6 <= until_now]
    found = outcomes(*prices, now=now, entry_delay_hours=delay)
    assert (
        found.select("ts", "horizon_h", "price", "entry_price", "exit_price", "return_close", "return_exec").rows()
        == expected
    )


@settings(deadline=None, max_examples=30)
@given(PRICES, st.integers(0, 70), st.floats(0.01, 1e6))
def test_what_is_stored_at_an_instant_depends_on_no_later_price(prices, until_now, other):
    """Prices published after it may be anything."""
    now = at(until_now)
    altered = [
        price if at(k) + BtcSettings().delay <= now else other if k % 2 else ... for k, price in enumerate(prices)
    ]
    assert_frame_equal(outcomes(*prices, now=now), outcomes(*altered, now=now))
