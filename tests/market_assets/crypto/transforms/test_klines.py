"""Minute candles: judged row by row, laid over what is known, gaps told and never filled (crypto.md 3, common.md 5)."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.transforms.klines import (
    CONTRACT,
    GAPS,
    archive_agreement,
    clean,
    gaps,
    known,
    laid_over,
    missing,
)
from tests.market_assets.crypto.transforms.minute_frames import DAY, MINUTE, TODAY, at, candle, klines, parsed, recorded

ARRIVED = at("2026-11-21T00:10")


def judged(*rows: dict[str, Any]) -> tuple[list[datetime], list[str]]:
    """The minutes that are kept, and the reasons of the others."""
    found = clean(parsed(rows), symbol="BTCUSDT", source="binance_rest", ingested_at=ARRIVED)
    CONTRACT.validate(found.klines)
    CONTRACT.quarantine().validate(found.quarantined)
    return found.klines["ts"].to_list(), found.quarantined["reason"].to_list()


def test_what_a_row_says_is_kept() -> None:
    """A quiet minute of volume 0 is a minute; rows come sorted and say whence they are."""
    rows = parsed(
        [candle(TODAY + MINUTE), candle(TODAY, volume=0.0, quote_volume=0.0, trade_count=0, taker_buy_base=0.0)]
    )
    found = clean(rows, symbol="BTCUSDT", source="binance_archive-sandbox", ingested_at=ARRIVED)
    assert found.klines["ts"].to_list() == [TODAY, TODAY + MINUTE]
    assert found.klines["volume"].to_list() == [0.0, 10.0]
    assert set(found.klines.select("symbol", "timeframe", "source", "ingested_at").rows()) == {
        ("BTCUSDT", "1m", "binance_archive-sandbox", ARRIVED)
    }
    assert (found.quarantined.height, found.n_duplicates) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"ts": TODAY.replace(second=17)}, "off_grid"),
        ({"close": None}, "price_not_positive"),
        ({"low": 0.0}, "price_not_positive"),
        ({"open": float("nan")}, "price_not_positive"),
        ({"high": float("inf")}, "price_not_positive"),
        ({"high": 99.99}, "high_low_crossed"),
        ({"low": 100.01}, "high_low_crossed"),
        ({"low": 102.0, "high": 101.5, "open": 101.7, "close": 101.8}, "high_low_crossed"),
        ({"volume": None}, "amount_missing"),
        ({"trade_count": None}, "amount_missing"),
        ({"quote_volume": float("nan")}, "amount_missing"),
        ({"volume": -1.0}, "amount_negative"),
        ({"trade_count": -1}, "amount_negative"),
        ({"taker_buy_quote": -0.5}, "amount_negative"),
        ({"taker_buy_base": 10.000001}, "taker_above_volume"),
    ],
)
def test_a_row_that_breaks_a_rule_goes_to_quarantine(wrong: dict[str, Any], reason: str) -> None:
    """With the rule's name; its neighbour is kept, and no NaN is stored anywhere."""
    assert judged({**candle(TODAY), **wrong}, candle(TODAY + MINUTE)) == ([TODAY + MINUTE], [reason])


@pytest.mark.parametrize("taker", [0.0, 10.0])
def test_takers_may_have_bought_nothing_or_all(taker: float) -> None:
    """0 and the whole volume are possible."""
    assert judged(candle(TODAY, taker_buy_base=taker)) == ([TODAY], [])


def test_the_last_sound_row_of_a_minute_counts() -> None:
    """A broken one after it does not hide it; the place of each row in the answer stays known."""
    rows = parsed([candle(TODAY, 100.0), candle(TODAY, 101.0), candle(TODAY, 102.0, volume=-1.0)])
    found = clean(rows, symbol="BTCUSDT", source="binance_rest", ingested_at=ARRIVED)
    assert found.klines["close"].to_list() == [101.0]
    assert found.quarantined.select("row_number", "close", "symbol").rows() == [(2, 102.0, "BTCUSDT")]
    assert found.n_duplicates == 1


def test_what_was_fetched_lies_over_what_was_known() -> None:
    """A differing close of the stream is replaced and counted; what the venue lacks stays as it was."""
    stored = klines(TODAY, 3, source="binance_stream", close=100.0)
    fetched = klines(TODAY + MINUTE, 3, close=100.0).with_columns(
        close=pl.when(pl.col("ts") == TODAY + MINUTE).then(100.5).otherwise("close")
    )
    laid = laid_over(stored, stored.clear(), fetched)
    assert laid.klines["close"].to_list() == [100.0, 100.5, 100.0, 100.0]
    assert laid.klines["source"].to_list() == ["binance_stream"] + ["binance_rest"] * 3
    assert (laid.revision.revised_rows, laid.revision.new_rows) == (1, 1)
    assert laid.revision.max_rel_diff == pytest.approx(0.005)


def test_of_what_is_known_the_later_arrival_counts() -> None:
    """The stream over an older stored row, not over one that was fetched after it."""
    early, late = at("2026-11-20T00:02"), at("2026-11-20T00:09")
    streamed = klines(TODAY, 2, source="binance_stream", arrived=at("2026-11-20T00:05"))
    stored = pl.concat([klines(TODAY, 1, arrived=early), klines(TODAY + MINUTE, 1, arrived=late)])
    assert known(stored, streamed)["source"].to_list() == ["binance_stream", "binance_rest"]
    assert known(streamed.clear(), streamed).equals(streamed)


def test_archive_and_venue_are_compared_where_both_spoke() -> None:
    """Of ten minutes asked of the venue eight are in the file; what the stream said is not compared."""
    stored = pl.concat([klines(TODAY, 10), klines(TODAY + 10 * MINUTE, 5, source="binance_stream")])
    filed = klines(TODAY + 2 * MINUTE, 13, source="binance_archive-sandbox")
    assert archive_agreement(stored, filed) == (8, 0)
    at_five = pl.col("ts") == TODAY + 5 * MINUTE
    for factor, conflicts in ((1 + 5e-10, 0), (1 + 2e-9, 1)):
        moved = filed.with_columns(volume=pl.when(at_five).then(pl.col("volume") * factor).otherwise("volume"))
        assert archive_agreement(stored, moved) == (8, conflicts)
    assert archive_agreement(stored, klines(TODAY, 3)) == (0, 0)


def test_missing_minutes_are_told_as_runs() -> None:
    """From the first instant to before the last one: two runs inside, both edges, all, none."""
    rows = klines(TODAY, 30, without=[0, 1, 10, 20, 21, 22])
    until = TODAY + 32 * MINUTE
    spans = [((a - TODAY) // MINUTE, (b - TODAY) // MINUTE) for a, b in missing(rows, TODAY, until)]
    assert spans == [(0, 2), (10, 11), (20, 23), (30, 32)]
    assert missing(rows, TODAY + 2 * MINUTE, TODAY + 10 * MINUTE) == []
    assert missing(rows.clear(), TODAY, TODAY + DAY) == [(TODAY, TODAY + DAY)]
    assert missing(rows, TODAY, TODAY) == []


@settings(deadline=None, max_examples=40)
@given(gone=st.sets(st.integers(0, 59)))
def test_runs_are_all_that_is_missing(gone: set[int]) -> None:
    """No minute twice, none left out, and no two runs touch."""
    spans = missing(klines(TODAY, 60, without=gone), TODAY, TODAY + 60 * MINUTE)
    told = [(a - TODAY) // MINUTE + k for a, b in spans for k in range((b - a) // MINUTE)]
    assert told == sorted(gone)
    assert all(before[1] < after[0] for before, after in pairwise(spans))


def causes(found: pl.DataFrame) -> list[tuple[int, int, str]]:
    """Gaps as (first minute, minutes, cause)."""
    assert found.schema == GAPS
    for start, end, n, _ in found.iter_rows():
        assert end - start == n * MINUTE
    return [((start - TODAY) // MINUTE, n, cause) for start, _, n, cause in found.iter_rows()]


def test_a_gap_of_all_symbols_is_the_venues() -> None:
    """What another symbol has is our own gap; one run with two causes is two gaps."""
    own = klines(TODAY, 60, without=[5, *range(30, 40)])
    others = pl.concat(
        [
            klines(TODAY, 60, symbol="ETHUSDT", without=range(30, 35)),
            klines(TODAY, 60, symbol="XRPUSDT", without=range(33, 40)),
        ]
    ).select("symbol", "ts")
    found = gaps(own, others, TODAY, TODAY + 60 * MINUTE)
    assert causes(found) == [(5, 1, "ours"), (30, 3, "ours"), (33, 2, "outage"), (35, 5, "ours")]


def test_nobody_speaks_for_what_lies_outside_its_minutes() -> None:
    """A symbol that was not fetched yet does not make an outage of the end of the hour; nor do no symbols at all."""
    own = klines(TODAY, 60, without=[10, *range(50, 60)])
    others = klines(TODAY, 30, symbol="ETHUSDT", without=[10]).select("symbol", "ts")
    assert causes(gaps(own, others, TODAY, TODAY + 60 * MINUTE)) == [(10, 1, "outage"), (50, 10, "ours")]
    assert causes(gaps(own, others.clear(), TODAY, TODAY + 60 * MINUTE)) == [(10, 1, "ours"), (50, 10, "ours")]


def test_before_and_after_the_listing_nothing_is_missing() -> None:
    """The cause says so, to the minute."""
    others = klines(TODAY, 60, symbol="ETHUSDT").select("symbol", "ts")
    found = gaps(
        klines(TODAY + 20 * MINUTE, 10),
        others,
        TODAY,
        TODAY + 60 * MINUTE,
        listed_from=TODAY + 15 * MINUTE,
        listed_until=TODAY + 40 * MINUTE,
    )
    assert causes(found) == [(0, 15, "not_listed"), (15, 5, "ours"), (30, 10, "ours"), (40, 20, "not_listed")]


def test_real_futures_minutes_have_no_gap(shared_data: Path) -> None:
    """BTCUSDT, 30 days in May 2025: 43,199 rows, none missing."""
    rows = recorded(shared_data, "binance_usdm_BTCUSDT_1m")
    first, last = rows["ts"][0], rows["ts"][-1]
    assert rows.height == 43_199
    assert missing(rows, first, last + MINUTE) == []


def test_a_real_spot_day_is_whole(shared_data: Path) -> None:
    """BTCBUSD has all 1,440 minutes of 2022-12-13; of a day without one exactly that one is missing."""
    table = pl.read_csv(shared_data / "crypto" / "klines" / "binance_spot_BTCBUSD_1m_1day.csv.gz")
    rows = table.select(ts=pl.lit(TODAY) + pl.duration(milliseconds=pl.col("ms_since_midnight_utc")))
    assert missing(rows, TODAY, TODAY + DAY) == []
    noon = TODAY + DAY / 2
    assert missing(rows.filter(pl.col("ts") != noon), TODAY, TODAY + DAY) == [(noon, noon + MINUTE)]
