"""Missing minutes of a day: not listed, the venue's outage, or ours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.transforms import gaps
from market_assets.crypto.transforms.gaps import KnownDay

D3 = datetime(2026, 11, 3, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = D3 + 2 * DAY


def known(symbol: str = "BTCUSDT", answered_at: datetime | None = LATER, **more: Any) -> KnownDay:
    return KnownDay(symbol, D3.date(), answered_at, **more)


def minutes(symbol: str, *lost: tuple[datetime, datetime], day: datetime = D3) -> dict[str, pl.DataFrame]:
    """A day's minutes of a symbol, by partition, without those of these spans."""
    ts = pl.datetime_range(day, day + DAY, "1m", closed="left", time_unit="us", eager=True).cast(UTC_MICROS)
    frame = pl.DataFrame({"symbol": symbol, "ts": ts})
    for first, until in lost:
        frame = frame.filter(~pl.col("ts").is_between(first, until, closed="left"))
    return {f"{day:%Y-%m-%d}|{symbol}": frame}


def found(
    own: KnownDay, *others: KnownDay, stored: dict[str, pl.DataFrame]
) -> list[tuple[datetime, datetime, int, str]]:
    return gaps.typed(own, others, stored, D3).select("gap_start", "gap_end", "n_missing", "kind").rows()


TEN = (D3 + 10 * HOUR, D3 + 10 * HOUR + 5 * MINUTE)


def test_what_another_symbol_has_is_ours() -> None:
    """Five minutes that the other one traded in."""
    stored = minutes("BTCUSDT", TEN) | minutes("ETHUSDT")
    (row,) = gaps.typed(known(), [known("ETHUSDT")], stored, D3).to_dicts()
    assert row == {
        "table": "crypto_klines",
        "partition": "2026-11-03|BTCUSDT",
        "name": "BTCUSDT",
        "gap_start": TEN[0],
        "gap_end": TEN[1],
        "n_missing": 5,
        "kind": "ours",
        "reason": "the venue has a row for every minute",
    }


def test_what_no_symbol_has_is_an_outage() -> None:
    """And the minutes around it, which only this one lacks, are ours."""
    lost = (TEN[0], TEN[1] + MINUTE)
    stored = minutes("BTCUSDT", lost) | minutes("ETHUSDT", TEN)
    assert found(known(), known("ETHUSDT"), stored=stored) == [
        (*TEN, 5, "venue_outage"),
        (TEN[1], TEN[1] + MINUTE, 1, "ours"),
    ]


def test_an_outage_over_midnight_is_seen_by_the_days_around() -> None:
    """The day itself ends in it: that the others go on is told by the next one."""
    lost = (D3 + 23 * HOUR, D3 + 25 * HOUR)
    stored = minutes("BTCUSDT", lost) | minutes("ETHUSDT", lost) | minutes("ETHUSDT", lost, day=D3 + DAY)
    assert found(known(), known("ETHUSDT"), stored=stored) == [(D3 + 23 * HOUR, D3 + DAY, 60, "venue_outage")]


def test_who_was_not_asked_since_says_nothing() -> None:
    """Our own standstill since ten o'clock of both is no outage, although the next day is there."""
    lost = (TEN[0], D3 + DAY)
    stored = minutes("BTCUSDT", lost) | minutes("ETHUSDT", lost) | minutes("ETHUSDT", day=D3 + DAY)
    both = [known(symbol, answered_at=TEN[0]) for symbol in ("BTCUSDT", "ETHUSDT")]
    assert found(*both, stored=stored) == [(*lost, 840, "ours")]
    (reason,) = gaps.typed(both[0], both[1:], stored, D3)["reason"]
    assert reason == "not asked for since the day was over"
    # asked after it, the same minutes are the venue's
    whole = [known(), known("ETHUSDT")]
    assert found(*whole, stored=stored) == [(*lost, 840, "venue_outage")]


def test_a_day_that_is_not_stored_is_ours_whole() -> None:
    """Also where the others lack minutes of it."""
    stored = minutes("ETHUSDT", TEN)
    assert found(known(answered_at=None), known("ETHUSDT"), stored=stored) == [(D3, D3 + DAY, 1440, "ours")]
    (row,) = gaps.typed(known(answered_at=None, failed="unavailable"), [known("ETHUSDT")], stored, D3).to_dicts()
    assert row["reason"] == "the last fetch failed (unavailable)"


def test_a_symbol_without_a_minute_of_the_day_is_no_witness() -> None:
    """Alone nobody tells an outage from a loss of ours."""
    lost = (D3, D3 + DAY)
    around = minutes("ETHUSDT", day=D3 - DAY) | minutes("ETHUSDT", day=D3 + DAY)
    assert found(known(), known("ETHUSDT"), stored=minutes("BTCUSDT", TEN) | around) == [(*TEN, 5, "ours")]
    assert found(known(), known("ETHUSDT"), stored=minutes("BTCUSDT", lost) | around) == [(*lost, 1440, "ours")]


def test_outside_the_listing_nothing_is_lost() -> None:
    """Before its first instant and from its last on."""
    own = known(listed_from=TEN[0], listed_until=TEN[1])
    assert found(own, known("ETHUSDT"), stored=minutes("ETHUSDT")) == [
        (D3, TEN[0], 600, "not_listed"),
        (*TEN, 5, "ours"),
        (TEN[1], D3 + DAY, 835, "not_listed"),
    ]


def test_a_whole_day_lacks_nothing() -> None:
    """No row."""
    assert found(known(), stored=minutes("BTCUSDT")) == []
