"""Candles of 5 minutes to a day: built from minutes, told when over, never from what came after (crypto.md 4)."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.timeframes import CONTRACT, timeframes
from tests.market_assets.crypto.transforms.minute_frames import DAY, MINUTE, TODAY, at, klines

NONE = klines(TODAY, 0)
SUMS = ("volume", "quote_volume", "trade_count", "taker_buy_base", "taker_buy_quote")


def ramp(first: datetime, n: int, start: float = 100.0, symbol: str = "BTCUSDT") -> pl.DataFrame:
    """Minutes whose close grows by 0.01 each."""
    rows = klines(first, n, symbol=symbol).with_columns(close=start + 0.01 * pl.int_range(pl.len()))
    return rows.with_columns(open="close", high=pl.col("close") + 1, low=pl.col("close") - 1)


def one(frame: pl.DataFrame, timeframe: str, ts: datetime) -> dict[str, object]:
    """One candle."""
    return frame.row(by_predicate=(pl.col("timeframe") == timeframe) & (pl.col("ts") == ts), named=True)


def test_a_whole_day_has_every_candle() -> None:
    """1,440 minutes: 288, 96, 24, 6 and 1, all complete, each with the sums of its minutes."""
    day = ramp(TODAY, 1440)
    found = CONTRACT.validate(timeframes(day, NONE, TODAY + DAY))
    counts = dict(found.group_by("timeframe").len().iter_rows())
    assert counts == {"5m": 288, "15m": 96, "1h": 24, "4h": 6, "1d": 1}
    assert found["complete"].all()
    for name, minutes in MINUTES.items():
        own = found.filter(timeframe=name)
        assert set(own["n_minutes"]) == {minutes}
        assert own["available_at"].to_list() == [ts + timedelta(minutes=minutes) for ts in own["ts"]]
        for total in SUMS:
            assert own[total].sum() == pytest.approx(day[total].sum(), rel=1e-9)
    four = one(found, "4h", at("2026-11-20T04:00"))
    assert [four[name] for name in ("open", "high", "low", "close")] == pytest.approx([102.4, 105.79, 101.4, 104.79])
    assert [four["volume"], four["trade_count"], four["source"]] == [2400.0, 1200, "binance_rest"]


def test_only_what_is_over_is_told() -> None:
    """At 10:04:59 the candle of 10:00 is not over, at 10:05 it is; with its minutes missing it is incomplete."""
    minutes = ramp(TODAY, 604)
    assert at("2026-11-20T10:00") not in timeframes(minutes, NONE, at("2026-11-20T10:04:59"))["ts"]
    found = timeframes(minutes, NONE, at("2026-11-20T10:05"))
    last = one(found, "5m", at("2026-11-20T10:00"))
    assert (last["n_minutes"], last["complete"]) == (4, False)
    assert one(found, "1h", at("2026-11-20T09:00"))["complete"]
    assert "1d" not in set(found["timeframe"])


def test_minutes_that_are_not_there_make_no_candle() -> None:
    """Five missing in a row: no candle of 5m, the coarser ones are incomplete; nothing is filled."""
    found = timeframes(klines(TODAY, 60, without=range(20, 25)), NONE, TODAY + DAY)
    assert at("2026-11-20T00:20") not in found.filter(timeframe="5m")["ts"]
    assert one(found, "15m", at("2026-11-20T00:15"))["n_minutes"] == 10
    hour = one(found, "1h", TODAY)
    assert (hour["n_minutes"], hour["complete"], hour["volume"]) == (55, False, 550.0)


def test_sources_are_joined() -> None:
    """Each named once, in order."""
    mixed = pl.concat(
        [klines(TODAY, 3, source="binance_stream"), klines(TODAY + 3 * MINUTE, 2, source="binance_archive")]
    )
    assert timeframes(mixed, NONE, TODAY + 5 * MINUTE)["source"].to_list() == ["binance_archive+binance_stream"]


@pytest.mark.parametrize("timeframe", MINUTES)
def test_the_change_is_over_24_hours_whatever_the_timeframe(timeframe: str) -> None:
    """Yesterday ends at 100, today at 110: every last candle of today tells 10 %."""
    before, day = klines(TODAY - DAY, 1440, close=100.0), klines(TODAY, 1440, close=110.0)
    found = timeframes(day, before, TODAY + DAY).filter(timeframe=timeframe)
    assert found["change_24h_pct"].to_list() == pytest.approx([10.0] * found.height)


def test_the_change_refers_to_the_close_at_that_instant() -> None:
    """The candle that closes at 10:05 is compared with the minute that closed at 10:05 the day before."""
    before, day = ramp(TODAY - DAY, 1440), ramp(TODAY, 1440, start=200.0)
    found = one(timeframes(day, before, TODAY + DAY), "5m", at("2026-11-20T10:00"))
    assert found["change_24h_pct"] == pytest.approx(100 * (206.04 / 106.04 - 1), rel=1e-12)


@pytest.mark.parametrize(("lacking", "expected"), [(60, 10.0), (61, None)])
def test_an_older_close_serves_for_an_hour(lacking: int, expected: float | None) -> None:
    """With the minutes before it missing the last one counts, until it ended more than an hour too early."""
    before = klines(TODAY - DAY, 1440, without=range(605 - lacking, 605))
    day = klines(TODAY, 605, close=110.0)
    found = one(timeframes(day, before, at("2026-11-20T10:05")), "5m", at("2026-11-20T10:00"))
    assert found["change_24h_pct"] == (None if expected is None else pytest.approx(expected))


def test_without_a_day_before_the_change_is_unknown() -> None:
    """Null, not 0; another symbol's day says nothing."""
    day, other = klines(TODAY, 10), klines(TODAY - DAY, 1440, symbol="ETHUSDT")
    assert timeframes(day, NONE, TODAY + DAY)["change_24h_pct"].null_count() == 6
    assert timeframes(day, other, TODAY + DAY)["change_24h_pct"].null_count() == 6


def test_days_together_are_what_they_are_alone() -> None:
    """However many days a run loads: here the first minutes of the 19th lack, so the 20th must not reach the 18th."""
    first = klines(TODAY - 2 * DAY, 1440, close=90.0)
    second, third = klines(TODAY - DAY, 1440, without=range(30)), klines(TODAY, 1440, close=110.0)
    together = timeframes(pl.concat([third, second]), first, TODAY + DAY)
    alone = [timeframes(second, first, TODAY + DAY), timeframes(third, second, TODAY + DAY)]
    assert together.equals(CONTRACT.conform(pl.concat(alone)))
    assert alone[1].filter(timeframe="5m")["change_24h_pct"].null_count() == 6


@settings(deadline=None, max_examples=25)
@given(cut=st.integers(1, 1439), seed=st.integers(0, 2**16))
def test_nothing_comes_from_after_a_candle(cut: int, seed: int) -> None:
    """Of minutes cut off anywhere, in any order, the candles that are over are the same to the last bit."""
    before, day = ramp(TODAY - DAY, 1440), ramp(TODAY, 1440, start=150.0).with_columns(volume=pl.col("close") / 7)
    then = TODAY + cut * MINUTE
    whole = timeframes(pl.concat([day, ramp(TODAY, 1440, symbol="ETHUSDT")]), before, TODAY + DAY)
    known = day.head(cut).sample(fraction=1, shuffle=True, seed=seed)
    found = timeframes(known, before, then)
    assert found.equals(whole.filter(pl.col("symbol") == "BTCUSDT", pl.col("available_at") <= then))
