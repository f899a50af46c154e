"""The chain of minute sources: who is asked, whose answer serves, what is never mixed."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.bars.schemas import BarsMinute
from market_assets.bars.transforms import minutes
from resources.bars_fetch import window_of
from resources.http.errors import (
    AllSourcesFailed,
    BudgetExhausted,
    CircuitOpen,
    Malformed,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from resources.minute_chain import DayMinutes, Wanted
from tests.market_assets.bars.minute_rows import BTC, MINUTE, rows
from tests.resources.minute_sources import COIN, DAY, NOW, TODAY, Desk, first_share, index_that_may_switch

CONTRACT = BarsMinute.contract()
YESTERDAY = TODAY - DAY


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ask(desk: Desk, day: datetime = YESTERDAY, symbol: str = COIN, **more: Any) -> DayMinutes:
    """The minutes of one day, without history before it."""
    window = window_of(desk.settings, symbol, day.date(), desk.at)
    assert window is not None
    return desk.chain.day(Wanted(symbol, window, CONTRACT.empty(), **more))


def outcomes(found: DayMinutes) -> list[tuple[str, int, str]]:
    return [(step.source, step.level, step.outcome) for step in found.steps]


def test_the_first_source_serves_where_it_can(desk: Desk) -> None:
    """A whole day from the first choice: one request, nobody else is asked, and it is noted."""
    found = ask(desk)
    assert CONTRACT.validate(found.frame).height == 1440
    assert found.frame["source"].unique().to_list() == ["yahoo"]
    assert (outcomes(found), desk.asked()) == ([("yahoo", 0, "ok")], {"yahoo": 1})
    assert (found.batch_quality, len(found.expected), found.steps[0].text) == (
        1.0,
        1440,
        "yahoo: ok, 1440 rows in 20 ms",
    )
    assert desk.calls.day(NOW.date()).rows() == [("yahoo", "ok", 1, 1440, 1)]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Unavailable("yahoo", "HTTP 503"), "error"),
        (Malformed("yahoo", "no JSON"), "error"),
        (NotFound("yahoo", "no such symbol"), "error"),
        (RateLimited("yahoo", "Too Many Requests"), "quota"),
        (BudgetExhausted("yahoo", "budget of this day is spent"), "budget"),
        (CircuitOpen("yahoo", "circuit open until 12:01"), "open"),
        (NotEntitled("yahoo", "the last 30 days only"), "not_entitled"),
    ],
)
def test_the_next_source_serves_where_one_fails(desk: Desk, fault: Exception, outcome: str) -> None:
    """Each kind of failure is a step of the trace with its reason, and the second choice serves at level 1."""
    desk.sources["yahoo"].fails = fault
    found = ask(desk)
    assert outcomes(found) == [("yahoo", 0, outcome), ("alphavantage", 1, "ok")]
    assert found.frame["fallback_level"].unique().to_list() == [1]
    assert found.steps[0].reason in str(fault)
    assert set(desk.calls.day(NOW.date()).select("source", "outcome").rows()) == {
        ("yahoo", outcome),
        ("alphavantage", "ok"),
    }


@pytest.mark.parametrize(
    ("has", "outcome"),
    [
        (lambda frame: frame.clear(), "empty"),
        (lambda frame: frame.with_columns(high=pl.lit(1.0)), "invalid"),
        (lambda frame: frame.with_columns(volume=pl.lit(0.0)).vstack(frame), "invalid"),
        # it served until six hours before the end: stale
        (lambda frame: frame.head(1080), "partial"),
    ],
)
def test_what_an_answer_is_worth_decides(desk: Desk, has: Any, outcome: str) -> None:
    """Empty, broken, doubled throughout (0.7 a row) or stale: the next source is asked."""
    desk.sources["yahoo"].has = has
    found = ask(desk)
    assert outcomes(found) == [("yahoo", 0, outcome), ("alphavantage", 1, "ok")]
    assert found.frame.height == 1440


def test_sources_are_passed_over_without_key_or_where_excluded(desk: Desk) -> None:
    """Neither is asked; both are told."""
    desk.sources["alphavantage"].enabled = False
    exclusion = {"source": "yahoo", "symbol": COIN, "first": YESTERDAY.date(), "last": YESTERDAY.date()}
    desk.bars = {"source_exclusions": [exclusion]}
    found = ask(desk)
    assert outcomes(found) == [("yahoo", 0, "excluded"), ("alphavantage", 1, "disabled"), ("twelvedata", 2, "ok")]
    assert desk.asked() == {"twelvedata": 1}


def test_a_refused_key_is_not_papered_over(desk: Desk) -> None:
    """The run ends with it although others could serve; the attempt is noted."""
    desk.sources["yahoo"].fails = Unauthorized("yahoo", "unknown key")
    with pytest.raises(Unauthorized):
        ask(desk)
    assert desk.asked() == {"yahoo": 1}
    assert desk.calls.last_error("yahoo", NOW.date()) == "unknown key"


def test_a_refusal_of_the_plan_is_remembered_for_a_day(desk: Desk) -> None:
    """Within 24 hours nothing is sent for days as old; the running day and newer ones are asked for."""
    yahoo = desk.sources["yahoo"]
    yahoo.fails = NotEntitled("yahoo", "upgrade")
    ask(desk, YESTERDAY)
    ask(desk, YESTERDAY - DAY)
    assert len(yahoo.asked) == 1
    ask(desk, TODAY)
    assert len(yahoo.asked) == 2
    desk.at += timedelta(hours=24)
    ask(desk, YESTERDAY)
    assert len(yahoo.asked) == 3


def test_nothing_good_enough_is_no_answer(desk: Desk) -> None:
    """All four fail: the error tells each of them, and when to try again."""
    desk.sources["yahoo"].fails = CircuitOpen("yahoo", "circuit open", retry_at=NOW + timedelta(minutes=1))
    desk.sources["alphavantage"].enabled = False
    desk.sources["twelvedata"].has = lambda frame: frame.clear()
    desk.sources["polygon"].has = first_share(0.5)
    with pytest.raises(AllSourcesFailed) as failed:
        ask(desk)
    said = str(failed.value)
    assert "Retry after 2026-11-20 12:01:10Z" in said
    for told in ("yahoo: open", "alphavantage: disabled", "twelvedata: empty", "polygon: partial", "720 of 1440"):
        assert told in said
    assert len(failed.value.failures) == 4


class TestFilling:
    """A partial answer is the base of what the next source of the kind has."""

    def test_the_next_source_fills_what_is_missing(self, desk: Desk) -> None:
        """60 % of yahoo and 40 % of the next one, each row with its level."""
        desk.sources["yahoo"].has = first_share(0.6)
        found = ask(desk)
        assert outcomes(found) == [("yahoo", 0, "partial"), ("alphavantage", 1, "ok")]
        assert found.frame["fallback_level"].to_list() == [0] * 864 + [1] * 576
        assert found.disagreements == ()

    def test_a_source_that_disagrees_serves_alone(self, desk: Desk) -> None:
        """Half a day at 100, then a source at 105: nothing is mixed, the whole day is the second's, and it is told."""
        desk.sources["yahoo"].has = first_share(0.5)
        desk.sources["alphavantage"].price = 105.0
        found = ask(desk)
        assert found.frame.select("source", "close").unique().rows() == [("alphavantage", 105.0)]
        assert [one.text for one in found.disagreements] == [
            "sources_disagree (error): alphavantage and yahoo differ by 5.000% (median of 720 common minutes)",
        ]

    def test_partial_stays_partial(self, tmp_path: Path) -> None:
        """Where minutes may lack trades, 60 % of them are accepted: 60 % rows, and nothing is made up."""
        desk = Desk(tmp_path, calendar="fx_24x5")
        desk.sources["yahoo"].has = first_share(0.6)
        found = ask(desk, symbol="EURUSD")
        assert (outcomes(found), found.frame.height) == ([("yahoo", 0, "ok")], 864)
        assert found.frame["volume"].null_count() == 864
        assert minutes.missing(found.frame, found.expected) == [(YESTERDAY + 864 * MINUTE, TODAY)]


class TestKinds:
    """An index and its future have different prices."""

    def desk(self, home: Path, **more: Any) -> Desk:
        return Desk(home, calendar="XNYS", bars={"instruments": [index_that_may_switch().model_dump() | more]})

    def test_a_future_serves_an_index_as_a_whole_and_breaks_once(self, tmp_path: Path) -> None:
        """^NDX is half there, NQ=F wholly: a day of the future whose first row is a break, at the last level."""
        desk = self.desk(tmp_path)
        half = first_share(0.4)
        desk.sources["yahoo"].has = lambda frame: half(frame) if len(desk.sources["yahoo"].asked) == 1 else frame
        desk.sources["polygon"].fails = Unavailable("polygon", "HTTP 500")
        found = ask(desk, symbol="NAS100")
        assert outcomes(found) == [("yahoo", 0, "partial"), ("polygon", 1, "error"), ("yahoo", 2, "ok")]
        assert found.frame["instrument_kind"].unique().to_list() == ["future"]
        assert found.frame["basis_break"].sum() == 1 and found.frame["basis_break"][0]
        assert found.frame["symbol"].unique().to_list() == ["NAS100"]
        assert found.frame.height == 390

    def test_it_does_not_where_that_is_not_allowed(self, tmp_path: Path) -> None:
        """The chain ends with the index's own sources."""
        desk = self.desk(tmp_path, allow_kind_switch=False)
        for name in ("yahoo", "polygon"):
            desk.sources[name].fails = Unavailable(name, "HTTP 500")
        with pytest.raises(AllSourcesFailed):
            ask(desk, symbol="NAS100")
        assert {symbol for symbol, *_ in desk.sources["yahoo"].asked} == {"NAS100"}


class TestRunningDay:
    """Minutes of the live collector are its base."""

    def streamed(self, n: int, price: float = 100.0, source: str = "yahoo") -> pl.DataFrame:
        provenance = BTC._replace(source=source)
        live = rows(TODAY, [price] * n, provenance, origin="stream")
        return live.with_columns(ingested_at=pl.col("ts") + 62 * timedelta(seconds=1))

    def test_nobody_is_asked_where_nothing_is_missing(self, desk: Desk) -> None:
        """The stream has every minute that is over."""
        found = ask(desk, TODAY, known=self.streamed(719))
        assert (found.steps, found.frame.height, desk.asked()) == ((), 719, {})

    def test_what_is_missing_is_asked_for(self, desk: Desk) -> None:
        """The stream's minutes stand; REST fills behind them up to what is final at 12:00:10 less a minute."""
        found = ask(desk, TODAY, known=self.streamed(600))
        assert found.frame["origin"].to_list() == ["stream"] * 600 + ["rest"] * 119
        assert found.frame["ts"][-1] == TODAY + 718 * MINUTE

    def test_a_source_that_serves_late_owes_less(self, desk: Desk) -> None:
        """At 12:00:10 less a minute and 130 s the last minute due is 11:56: two less than the 719."""
        desk.sources["yahoo"].delay_s = 130.0
        assert len(ask(desk, TODAY).expected) == 717

    def test_the_stream_alone_serves_where_all_sources_are_down(self, desk: Desk) -> None:
        """What is known covers enough: it is stored, and the failures are told."""
        for name, source in desk.sources.items():
            source.fails = Unavailable(name, "HTTP 500")
        found = ask(desk, TODAY, known=self.streamed(700))
        assert (found.frame.height, [step.outcome for step in found.steps]) == (700, ["error"] * 4)
        with pytest.raises(AllSourcesFailed):
            ask(desk, TODAY, known=self.streamed(500))

    def test_a_source_that_contradicts_the_stream_fills_nothing(self, desk: Desk) -> None:
        """The stream is enough alone: its minutes stay as they are, and the disagreement is told."""
        found = ask(desk, TODAY, known=self.streamed(700, price=110.0, source="polygon"))
        assert (found.frame.height, set(found.frame["close"])) == (700, {110.0})
        assert len(found.disagreements) == 1 and desk.asked() == {"yahoo": 1}

    def test_a_few_minutes_may_be_late(self, desk: Desk) -> None:
        """At 00:06 a source that has none of the four minutes due yet leaves an empty day, not a failure."""
        desk.at = TODAY + timedelta(minutes=6)
        for source in desk.sources.values():
            source.has = lambda frame: frame.clear()
        assert ask(desk, TODAY).frame.is_empty()

    def test_a_day_that_is_over_is_asked_for_whole(self, desk: Desk) -> None:
        """REST wins: of 1,430 live minutes 30 are corrected; the ten that REST lacks remain the stream's."""
        live = rows(YESTERDAY, [100.0] * 1400 + [100.1] * 40, BTC, origin="stream", ingested_at=NOW - DAY)
        desk.sources["yahoo"].has = lambda frame: frame.head(1430)
        found = ask(desk, known=live)
        assert found.frame["origin"].to_list() == ["rest"] * 1430 + ["stream"] * 10
        assert found.revision is not None and found.revision.revised_rows == 30


class TestBlocks:
    """A request serves as many days as it may cover."""

    def bring(self, desk: Desk, n: int) -> list[DayMinutes]:
        chain, start = desk.chain, TODAY - n * DAY
        windows = [window_of(desk.settings, COIN, (start + k * DAY).date(), desk.at) for k in range(n)]
        assert None not in windows
        known = [one for one in windows if one is not None]
        return [chain.day(Wanted(COIN, one, CONTRACT.empty()), known[k + 1 :]) for k, one in enumerate(known)]

    def test_ten_days_are_two_requests_of_seven(self, desk: Desk) -> None:
        """Each day is whole and judged by itself; requests are told of the first day of each block."""
        found = self.bring(desk, 10)
        assert [day.frame.height for day in found] == [1440] * 10
        assert [day.steps[0].requests for day in found] == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0]
        assert desk.asked() == {"yahoo": 2}

    def test_a_day_that_failed_costs_one_day_of_the_next_source(self, desk: Desk) -> None:
        """The third day is missing: the second source is asked for that one alone."""
        hole = TODAY - 8 * DAY
        desk.sources["yahoo"].has = lambda frame: frame.filter(
            ~pl.col("ts").is_between(hole, hole + DAY, closed="left")
        )
        found = self.bring(desk, 10)
        assert [day.frame["source"][0] for day in found].index("alphavantage") == 2
        assert desk.sources["alphavantage"].asked == [(COIN, hole, hole + DAY)]

    def test_a_plan_that_refuses_old_days_serves_the_new_ones(self, desk: Desk) -> None:
        """Refused before a date: the newest day shows that not all is refused, and old days go to the next source."""
        border = TODAY - 3 * DAY
        too_old = NotEntitled("yahoo", "too old")
        desk.sources["yahoo"].fails = lambda first, until: too_old if first < border else None
        found = self.bring(desk, 6)
        assert [day.frame["source"][0] for day in found] == ["alphavantage"] * 3 + ["yahoo"] * 3
        assert desk.asked()["alphavantage"] == 1

    def test_a_plan_that_refuses_all_is_asked_twice(self, desk: Desk) -> None:
        """For the block and for its newest day; then no more for 24 hours."""
        desk.sources["yahoo"].fails = NotEntitled("yahoo", "upgrade")
        self.bring(desk, 6)
        self.bring(desk, 6)
        assert desk.asked()["yahoo"] == 2
