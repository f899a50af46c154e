"""Why minutes of a market are missing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from market_assets.bars.transforms import gaps
from market_assets.bars.transforms.gaps import DAYS, MINUTES

D3 = datetime(2026, 11, 3, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LATER = D3 + 2 * DAY
CALENDARS = {"BTCUSD": "always", "ETHUSD": "always", "EURUSD": "fx_24x5", "GBPUSD": "fx_24x5"}


def day(symbol: str, n_rows: int | None = 1000, **more: Any) -> dict[str, Any]:
    """What is known of a symbol's day: stored, and answered for when it was over."""
    known = {"is_listed": True, "is_kept": True, "answered_at": LATER, "outcome": None, "n_other": None}
    return {"symbol": symbol, "day": D3.date(), "calendar": CALENDARS[symbol], "n_rows": n_rows} | known | more


def minutes(symbol: str, *at: int) -> list[tuple[str, datetime]]:
    """Minutes of the day by number."""
    return [(symbol, D3 + n * MINUTE) for n in at]


def frame(rows: list[tuple[str, datetime]]) -> pl.DataFrame:
    return pl.DataFrame([(symbol, ts.date(), ts) for symbol, ts in rows], schema=MINUTES, orient="row")


def typed(
    days: list[dict[str, Any]],
    *lacking: tuple[str, datetime],
    rejected: list[tuple[str, datetime]] | None = None,
    coins: list[tuple[str, datetime]] | None = None,
) -> pl.DataFrame:
    known = pl.DataFrame(days, schema=DAYS, orient="row")
    return gaps.typed(known, frame(list(lacking)), frame(rejected or []), frame(coins or []))


def kinds(*args: Any, **more: Any) -> list[tuple[str, int, int, str]]:
    """name, first minute by number, length and kind of each hole."""
    return [
        (name, (start - D3) // MINUTE, n, kind)
        for name, start, n, kind in typed(*args, **more).select("name", "gap_start", "n_missing", "kind").rows()
    ]


def test_a_coin_lacks_what_another_one_has() -> None:
    """Minutes without any coin are the venue's, those of one alone are ours; they are holes of their own."""
    days = [day("BTCUSD"), day("ETHUSD")]
    lacking = [*minutes("BTCUSD", 10, 11, 12), *minutes("ETHUSD", 11)]
    coins = [*minutes("ETHUSD", 10, 12), *minutes("BTCUSD", 9)]
    assert kinds(days, *lacking, coins=coins) == [
        ("BTCUSD", 10, 1, "ours"),
        ("BTCUSD", 11, 1, "venue_outage"),
        ("BTCUSD", 12, 1, "ours"),
        ("ETHUSD", 11, 1, "venue_outage"),
    ]


@pytest.mark.parametrize("others", [[], [day("ETHUSD", None)], [day("ETHUSD", answered_at=D3)], [day("ETHUSD", 0)]])
def test_a_coin_alone_cannot_tell_an_outage(others: list[dict[str, Any]]) -> None:
    """Nobody else, or one that is not stored, was not asked since, or has nothing of the day."""
    assert kinds([day("BTCUSD"), *others], *minutes("BTCUSD", 10, 11)) == [("BTCUSD", 10, 2, "ours")]


def test_a_minute_without_a_row_had_no_trade() -> None:
    """Of a market that sleeps now and then; apart minutes are two holes."""
    assert kinds([day("EURUSD")], *minutes("EURUSD", 10, 11, 13)) == [
        ("EURUSD", 10, 2, "no_trades"),
        ("EURUSD", 13, 1, "no_trades"),
    ]


def test_a_minute_that_another_source_has_is_ours() -> None:
    """Told by what was rejected of it, minute by minute, or by the comparison, for the day."""
    lacking = minutes("EURUSD", 10, 11)
    assert kinds([day("EURUSD")], *lacking, rejected=minutes("EURUSD", 11)) == [
        ("EURUSD", 10, 1, "no_trades"),
        ("EURUSD", 11, 1, "ours"),
    ]
    (row,) = typed([day("EURUSD", n_other=3)], *lacking).to_dicts()
    assert (row["kind"], row["reason"]) == ("ours", "a second source has 3 minutes more of the day")
    assert kinds([day("EURUSD", n_other=0)], *lacking) == [("EURUSD", 10, 2, "no_trades")]


def test_a_minute_nobody_was_asked_for_since_is_ours() -> None:
    """The market's standstill is told only of minutes that were over when a source answered."""
    asked = D3 + 12 * MINUTE
    assert kinds([day("EURUSD", answered_at=asked)], *minutes("EURUSD", 10, 11, 12)) == [
        ("EURUSD", 10, 2, "no_trades"),
        ("EURUSD", 12, 1, "ours"),
    ]


def test_a_day_without_a_bar_is_a_halt_where_others_traded() -> None:
    """And a holiday where nobody of the calendar did, whatever the coins do."""
    days = [day("EURUSD", 0), day("GBPUSD"), day("BTCUSD")]
    assert kinds(days, *minutes("EURUSD", 10, 11)) == [("EURUSD", 10, 2, "halt")]
    days[1] = day("GBPUSD", None, answered_at=None)
    assert kinds(days, *minutes("EURUSD", 10, 11), *minutes("GBPUSD", 10)) == [
        ("EURUSD", 10, 2, "holiday"),
        ("GBPUSD", 10, 1, "holiday"),
    ]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"n_rows": None, "answered_at": None}, "the day is not stored"),
        ({"n_rows": None, "answered_at": None, "outcome": "unavailable"}, "the last fetch failed (unavailable)"),
        ({"n_rows": 0, "outcome": "unavailable"}, "the last fetch failed (unavailable)"),
    ],
)
def test_a_day_nobody_answered_for_is_ours(known: dict[str, Any], reason: str) -> None:
    """Not stored, or its last fetch failed: whether others traded or not, nobody knows."""
    for others in ([day("GBPUSD")], []):
        (row,) = typed([day("EURUSD", **known), *others], *minutes("EURUSD", 10, 11)).to_dicts()
        assert (row["kind"], row["reason"], row["n_missing"]) == ("ours", reason, 2)


def test_what_no_source_keeps_any_more_cannot_be_closed() -> None:
    """Only what would be ours: an explanation stands however old."""
    days = [day("EURUSD", None, answered_at=None, is_kept=False), day("GBPUSD", is_kept=False)]
    assert kinds(days, *minutes("EURUSD", 10), *minutes("GBPUSD", 10)) == [
        ("EURUSD", 10, 1, "vendor_has_no_data"),
        ("GBPUSD", 10, 1, "no_trades"),
    ]


def test_outside_its_validity_nothing_is_lost() -> None:
    """Of coins and of others."""
    days = [day("BTCUSD", 0, is_listed=False), day("EURUSD", None, is_listed=False)]
    assert [kind for *_, kind in kinds(days, *minutes("BTCUSD", 1), *minutes("EURUSD", 1))] == ["not_listed"] * 2


def test_nothing_missing_is_no_row() -> None:
    """An empty frame of the right types."""
    assert typed([day("EURUSD")]).schema == gaps.FOUND
