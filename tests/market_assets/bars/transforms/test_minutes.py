"""Minutes judged and scored: the goldens of the specification, and what a source may state wrongly."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.bars.schemas import BarsMinute
from market_assets.bars.transforms.minutes import Cleaned, clean, known, missing, scored, traded_within, with_breaks
from market_assets.core import trading_hours
from tests.market_assets.bars.minute_rows import BTC, EUR, MINUTE, rows, stated

CONTRACT = BarsMinute.contract()
#: a Monday
AT = datetime(2026, 11, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NO_HISTORY = CONTRACT.empty()


def cleaned(frame: pl.DataFrame, **more: Any) -> Cleaned:
    return clean(frame, AT, AT + HOUR, **({"calendar": "always", "provenance": BTC} | more))


def score(row: pl.DataFrame) -> tuple[float, list[str]]:
    (found,) = scored(row, NO_HISTORY).select("quality_score", "issues").rows()
    return found


def streamed(late: timedelta, **more: Any) -> pl.DataFrame:
    return rows(AT, [100.0], origin="stream", ingested_at=AT + MINUTE + late, **more)


class TestScore:
    """The golden cases of section 4."""

    def test_a_clean_minute_scores_1(self) -> None:
        """Nothing wrong: 1.0 and no issue."""
        assert score(rows(AT, [100.0])) == (1.0, [])

    def test_a_coin_without_volume_loses_a_tenth(self) -> None:
        """Zero volume of a kind that measures volume: 0.9."""
        assert score(rows(AT, [100.0], volume=0.0)) == (0.9, ["zero_volume"])

    def test_a_currency_has_no_volume_to_lose(self) -> None:
        """EURUSD stated with volume 0 is stored with null, and scores 1.0."""
        frame = cleaned(stated(AT, [1.1], volume=[0.0]), provenance=EUR, calendar="fx_24x5").frame
        assert frame["volume"].to_list() == [None]
        assert score(frame) == (1.0, [])

    def test_three_minutes_late_is_valid_still(self) -> None:
        """A streamed minute that came 3 minutes after its end: 0.8."""
        assert score(streamed(3 * MINUTE)) == (0.8, ["late"])

    def test_late_and_without_volume_is_not(self) -> None:
        """Both together: 0.7, and the issues in the order of the rules."""
        assert score(streamed(3 * MINUTE, volume=0.0)) == (0.7, ["zero_volume", "late"])

    def test_eleven_minutes_late_counts_once(self) -> None:
        """Only the larger penalty for lateness: 0.6."""
        assert score(streamed(11 * MINUTE)) == (0.6, ["very_late"])

    @pytest.mark.parametrize(("late", "expected"), [(2 * MINUTE, 1.0), (10 * MINUTE, 0.8)])
    def test_the_limits_of_lateness_are_not_late(self, late: timedelta, expected: float) -> None:
        """Exactly 2 minutes is in time, exactly 10 is late and not very late."""
        assert score(streamed(late))[0] == expected

    def test_what_was_asked_for_is_never_late(self) -> None:
        """A day fetched a year later is as good as one fetched at once."""
        assert score(rows(AT, [100.0], ingested_at=AT + timedelta(days=365)))[0] == 1.0

    def test_a_dropped_duplicate_costs_and_is_remembered(self) -> None:
        """0.7 for the minute that was stated twice; scoring its rows again says the same."""
        twice = cleaned(stated(AT, [100.0, 101.0, 102.0], ts=[AT, AT, AT + MINUTE]))
        assert (twice.duplicates, twice.frame["close"].to_list()) == (1, [101.0, 102.0])
        once = scored(twice.frame, NO_HISTORY)
        assert once["quality_score"].to_list() == [0.7, 1.0]
        assert scored(once, NO_HISTORY).equals(once)


class TestJumps:
    """Returns of +1 % and -1 % in turn: their median is between, and each deviates by 1 % of it, so sigma is 1.48 %."""

    #: 61 closes: 60 returns of +-1 %
    BEFORE = rows(AT - 61 * MINUTE, [100.0 * math.exp(0.01 * (n % 2)) for n in range(61)])

    def jumps(self, log_return: float, before: pl.DataFrame) -> bool:
        close = 100.0 * math.exp(log_return)
        return score_after(rows(AT, [close]), before)[1] == ["jump"]

    def test_eight_robust_deviations_are_the_limit(self) -> None:
        """8 x 1.4826 x 1 % = 11.8608 %: 11.8 % is none, 11.9 % is one and costs 0.2, either way."""
        assert [self.jumps(r, self.BEFORE) for r in (0.118, 0.119, -0.118, -0.119)] == [False, True, False, True]
        assert score_after(rows(AT, [100.0 * math.exp(0.119)]), self.BEFORE)[0] == 0.8

    def test_sixty_returns_are_needed(self) -> None:
        """With 59 before it nothing is said."""
        assert not self.jumps(0.5, self.BEFORE.tail(60))

    def test_only_the_240_returns_before_count(self) -> None:
        """A wild past that is 240 returns old makes no jump smaller."""
        calm = [100.0 * math.exp(0.01 * (n % 2)) for n in range(241)]
        wild = [100.0 * math.exp(0.5 * (n % 2)) for n in range(500)]
        before = rows(AT - 741 * MINUTE, [*wild, *calm])
        assert self.jumps(0.119, before)
        assert not self.jumps(0.118, before)

    def test_a_flat_history_has_no_scale(self) -> None:
        """Where most returns are zero their deviation is, too: no move is called a jump."""
        assert not self.jumps(0.5, rows(AT - 100 * MINUTE, [100.0] * 100))

    def test_a_change_of_instrument_is_no_return(self) -> None:
        """From the index to its future: the basis is not a move of the market."""
        before = self.BEFORE.with_columns(instrument_kind=pl.lit("index"))
        assert score_after(rows(AT, [150.0], instrument_kind="future"), before) == (1.0, [])

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.floats(-0.05, 0.05), min_size=70, max_size=90), st.integers(1, 69))
    def test_no_score_depends_on_what_comes_after(self, returns: list[float], n: int) -> None:
        """The first n rows score alone as they do with the others behind them."""
        closes, at = [], 0.0
        for change in returns:
            at += change
            closes.append(100.0 * math.exp(at))
        whole = rows(AT, closes)
        assert scored(whole, self.BEFORE).head(n).equals(scored(whole.head(n), self.BEFORE))


def score_after(row: pl.DataFrame, before: pl.DataFrame) -> tuple[float, list[str]]:
    (found,) = scored(row, before).select("quality_score", "issues").rows()
    return found


class TestClean:
    """What is dropped, what is set aside, what is kept."""

    def test_the_rows_are_named(self) -> None:
        """Everything but score and breaks is known from who states them."""
        frame = cleaned(stated(AT, [100.0], trade_count=[7]), provenance=BTC._replace(fallback_level=2)).frame
        assert CONTRACT.validate(frame).select(
            "symbol",
            "timeframe",
            "ts",
            "source",
            "instrument_kind",
            "fallback_level",
            "origin",
            "volume",
            "trade_count",
        ).rows() == [("BTCUSD", "1m", AT, "yahoo", "crypto", 2, "rest", 5.0, 7)]

    def test_what_lies_elsewhere_is_dropped_and_counted(self) -> None:
        """The live quote at 12:02:31, the minutes before and after the window."""
        second = timedelta(seconds=1)
        ts = [AT - MINUTE, AT, AT + 2 * MINUTE + 31 * second, AT + HOUR]
        found = cleaned(stated(AT, [100.0] * 4, ts=ts))
        assert found.frame["ts"].to_list() == [AT]
        assert (found.off_grid, found.outside, found.closed, found.quarantined.height) == (1, 2, 0, 0)

    def test_a_closed_market_has_no_minutes(self) -> None:
        """On Friday the currencies trade until 17:00 in New York, 22:00 UTC; a Sunday row of the evening is legal."""
        friday = datetime(2026, 11, 20, 21, 58, tzinfo=UTC)
        sunday = datetime(2026, 11, 22, 21, 58, tzinfo=UTC)
        for first, left in ((friday, [friday, friday + MINUTE]), (sunday, [sunday + 2 * MINUTE, sunday + 3 * MINUTE])):
            found = clean(stated(first, [1.1] * 4), first, first + HOUR, calendar="fx_24x5", provenance=EUR)
            assert (found.frame["ts"].to_list(), found.closed) == (left, 2)

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"high": [99.0]}, "high_low_crossed"),
            ({"low": [101.0]}, "high_low_crossed"),
            ({"close": [0.0], "low": [0.0]}, "price_not_positive"),
            ({"open": [math.nan]}, "price_not_positive"),
            ({"high": [math.inf]}, "price_not_positive"),
            ({"low": [None]}, "price_not_positive"),
            ({"volume": [-1.0]}, "volume_invalid"),
            ({"volume": [math.nan]}, "volume_invalid"),
        ],
    )
    def test_what_breaks_a_rule_is_set_aside(self, wrong: dict[str, Any], reason: str) -> None:
        """One row each, with its rule; no value that is no number is stored."""
        found = cleaned(
            stated(AT, [100.0]).with_columns(**{k: pl.Series(v, dtype=pl.Float64) for k, v in wrong.items()})
        )
        assert found.frame.is_empty()
        quarantine = CONTRACT.quarantine()
        assert quarantine.validate(found.quarantined).select("reason", "row_number").rows() == [(reason, 0)]

    def test_a_sound_row_stands_beside_a_broken_one_of_its_minute(self) -> None:
        """The broken one, stated later, is not the last word, and no duplicate either."""
        pair = stated(AT, [100.0, 101.0], ts=[AT, AT], high=[100.0, 1.0])
        found = cleaned(pair)
        assert (found.frame["close"].to_list(), found.duplicates, found.quarantined.height) == ([100.0], 0, 1)

    def test_a_volume_that_means_nothing_breaks_no_rule(self) -> None:
        """What a source states as the volume of an index or a currency is left out before it is judged."""
        assert cleaned(stated(AT, [1.1], volume=[math.nan]), provenance=EUR).frame["volume"].to_list() == [None]

    def test_an_empty_answer_is_typed(self) -> None:
        """No row in, no row out, and every column there."""
        found = cleaned(stated(AT, []))
        assert found.frame.schema == CONTRACT.schema
        assert scored(found.frame, NO_HISTORY).schema == CONTRACT.schema
        assert with_breaks(found.frame, "crypto").schema == CONTRACT.schema


class TestBreaks:
    """Where the instrument changes."""

    def test_a_future_in_place_of_an_index_breaks_once(self) -> None:
        """A day served by NQ=F whole: the first row is a break, no other."""
        day = with_breaks(rows(AT, [100.0] * 3, instrument_kind="future"), "index")
        assert day["basis_break"].to_list() == [True, False, False]

    def test_both_directions_break(self) -> None:
        """Index, two minutes of the future, index again: breaks at the second and the fourth."""
        kinds = pl.Series(["index", "future", "future", "index"])
        day = rows(AT, [100.0] * 4).with_columns(instrument_kind=kinds)
        assert with_breaks(day, "index")["basis_break"].to_list() == [False, True, False, True]


class TestKnown:
    """Minutes that were stored or handed over before."""

    def test_what_arrived_last_counts(self) -> None:
        """Of a minute known twice the later one; of those that came at once the later frame's."""
        old, new = rows(AT, [100.0, 100.0]), rows(AT, [101.0], ingested_at=AT + HOUR)
        same = rows(AT + MINUTE, [102.0], ingested_at=old["ingested_at"][1])
        assert known(new, old, same)["close"].to_list() == [101.0, 102.0]

    def test_broken_and_misplaced_rows_are_not_taken(self) -> None:
        """A landed row outside of the session or with crossed prices is asked for like a missing one."""
        landed = pl.concat([rows(AT, [100.0, 100.0]), rows(AT + 2 * MINUTE, [100.0], low=200.0)])
        assert traded_within(landed, AT + MINUTE, AT + HOUR, "always")["ts"].to_list() == [AT + MINUTE]

    def test_runs_of_missing_minutes(self) -> None:
        """Minutes 0, 3 and 4 are there of six: 1-2 and 5 are missing; a closed hour between ends a run."""
        there = pl.concat([rows(AT, [1.0]), rows(AT + 3 * MINUTE, [1.0, 1.0])])
        expected = trading_hours.minutes("always", AT, AT + 6 * MINUTE)
        assert missing(there, expected) == [(AT + MINUTE, AT + 3 * MINUTE), (AT + 5 * MINUTE, AT + 6 * MINUTE)]
        assert missing(there, expected.clear()) == []
        closing = datetime(2026, 11, 16, 21, 59, tzinfo=UTC)
        two_sessions = trading_hours.minutes("cme_index", closing, closing + HOUR + 2 * MINUTE)
        assert len(missing(NO_HISTORY, two_sessions)) == 2
