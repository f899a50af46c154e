"""Timelines of incidents, written by hand from the specification of alerts."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from market_assets.ops.settings import QuietHours
from market_assets.ops.transforms.incidents import Silence
from tests.market_assets.ops.transforms.timeline import NOON, SETTINGS, Timeline, finding

MINUTE, HOUR = 60, 3600
BREAKER = finding("source:polygon", "breaker_open", "polygon")


def warning(subject: str):
    return finding(subject, "freshness", "", "WARN")


def test_one_message_when_it_opens_and_one_when_it_has_gone() -> None:
    """Nothing within the first minute, nothing while it lasts, nothing for a blink."""
    time_line, one = Timeline(), finding("disk", "disk_used")
    assert time_line.every(30, 0, 30, one) == []
    assert time_line.at(60, one) == ["open critical disk"]
    assert time_line.every(30, 90, HOUR - 30, one) == []
    time_line.acknowledge(one)
    assert time_line.at(HOUR) == []  # not found, and again found
    assert time_line.at(HOUR + 30, one) == []
    assert time_line.every(30, HOUR + 60, HOUR + 90) == []
    assert time_line.at(HOUR + 120) == ["recover critical disk"]
    assert time_line.every(30, HOUR + 150, 2 * HOUR) == []
    assert time_line.incidents == {}


def test_what_goes_before_its_message_is_never_told() -> None:
    """A failure of half a minute is in the book and nowhere else."""
    time_line = Timeline()
    assert time_line.every(30, 0, 30, BREAKER) + time_line.every(30, 60, 600) == []
    assert [one.told_at for one in time_line.recovered] == [None]


def test_an_outage_over_forty_assets_with_retries_is_one_message_and_one_recovery() -> None:
    """Forty assets fail one after the other, each run three times, before and after their source is seen as down."""
    time_line = Timeline()
    raw = [finding(f"asset_{n}", "run_failed", "Unavailable", "ERROR", "source:polygon") for n in range(40)]
    said = time_line.at(0, *raw[:3])  # three runs failed; the breaker is not open yet
    said += time_line.at(30, *raw[:6], BREAKER)
    for second in range(60, 20 * MINUTE, 30):
        # every retry is found again, as a new failure of the same thing
        tried = [replace(one, said=f"try {second % 3 + 1} failed") for one in raw[: 6 + second // 30]]
        said += time_line.at(second, *tried, BREAKER)
    assert said == ["open critical source:polygon"]
    assert time_line.incidents[BREAKER.fingerprint].n_attached == 40
    # the source is back; the assets follow one after the other
    for n in range(40):
        said += time_line.at(20 * MINUTE + 15 * n, *raw[n + 1 :])
    said += time_line.every(30, 30 * MINUTE, 33 * MINUTE)
    assert said == ["open critical source:polygon", "recover critical source:polygon"]
    assert time_line.incidents == {}
    assert len(time_line.recovered) == 41


def test_what_was_told_before_its_cause_showed_joins_it() -> None:
    """A cause that shows within 15 minutes explains it; its recovery is told by the cause's."""
    time_line, raw = Timeline(), finding("bars", "run_failed", "", "ERROR", "source:polygon")
    assert time_line.every(60, 0, 14 * MINUTE, raw) == ["open critical bars"]
    assert time_line.at(15 * MINUTE, raw, BREAKER) == []
    assert time_line.every(60, 16 * MINUTE, 20 * MINUTE, raw, BREAKER) == ["open critical source:polygon"]
    assert time_line.every(60, 21 * MINUTE, 30 * MINUTE) == ["recover critical source:polygon"]


def test_a_cause_that_shows_too_late_explains_nothing() -> None:
    """After more than 15 minutes both are told, and both recover."""
    time_line, raw = Timeline(), finding("bars", "run_failed", "", "ERROR", "source:polygon")
    assert time_line.every(60, 0, 15 * MINUTE, raw) == ["open critical bars"]
    assert time_line.every(60, 16 * MINUTE, 20 * MINUTE, raw, BREAKER) == ["open critical source:polygon"]
    assert sorted(time_line.every(60, 21 * MINUTE, 30 * MINUTE)) == [
        "recover critical bars",
        "recover critical source:polygon",
    ]


def test_the_first_cause_of_a_chain_is_told_whatever_order_it_shows_in() -> None:
    """derived <- raw <- source: the source speaks, however they come."""
    source = BREAKER
    raw = finding("raw", "run_failed", "x", "ERROR", "source:polygon")
    derived = finding("derived", "run_failed", "y", "ERROR", "raw", "source:polygon")
    downstream_of_raw = finding("page", "completeness", "", "WARN", "raw")
    for order in ([source, raw, derived, downstream_of_raw], [downstream_of_raw, derived, raw, source]):
        time_line = Timeline()
        said = [line for n in range(4) for line in time_line.at(10 * n, *order[: n + 1])]
        assert said + time_line.every(30, 60, 300, *order) == ["open critical source:polygon"]
        assert {one.root for one in time_line.incidents.values()} == {"", source.fingerprint}


def test_what_outlives_its_cause_stands_for_itself_and_one_speaks_for_all() -> None:
    """15 minutes after the source is back: one message for those that fail in the same way, one for another failure."""
    time_line = Timeline()
    same = [finding(f"asset_{n}", "run_failed", "Unavailable", "ERROR", "source:polygon") for n in range(5)]
    other = finding("asset_9", "gaps", "", "WARN", "source:polygon")
    assert time_line.every(30, 0, 120, BREAKER, *same, other) == ["open critical source:polygon"]
    back = 150
    assert time_line.every(30, back, back + 15 * MINUTE - 30, *same, other) == []
    assert time_line.at(back + 15 * MINUTE, *same, other) == ["recover critical source:polygon"]
    speaker = min(same, key=lambda one: one.fingerprint).subject
    assert sorted(time_line.every(30, back + 16 * MINUTE, back + 20 * MINUTE, *same, other)) == [
        f"open critical {speaker}",
        "open warning asset_9",
    ]
    assert sorted(time_line.every(30, back + 21 * MINUTE, back + 30 * MINUTE)) == [
        f"recover critical {speaker}",
        "recover warning asset_9",
    ]


def test_a_cause_that_nobody_heard_of_holds_nothing_back() -> None:
    """It was gone before its message was due: what it explained is told after its own minute."""
    time_line, raw = Timeline(), finding("bars", "run_failed", "", "ERROR", "source:polygon")
    assert time_line.every(30, 0, 30, BREAKER, raw) == []
    assert time_line.every(30, 60, 150, raw) == []
    assert time_line.at(180, raw) == ["open critical bars"]


def test_a_warning_that_becomes_an_error_is_told_once_more() -> None:
    """Not again when it goes to and fro; its recovery goes to those who heard of the error."""
    time_line, low = Timeline(), finding("source:polygon", "budget_low", "", "WARN")
    spent = replace(low, severity="ERROR")
    assert time_line.every(60, 0, 60, low) == ["open warning source:polygon"]
    assert time_line.at(120, spent) == ["worse critical source:polygon"]
    assert time_line.at(180, low) + time_line.at(240, spent) == []
    assert time_line.every(60, 300, 420) == ["recover critical source:polygon"]


def test_an_error_downstream_of_a_warning_is_no_warning() -> None:
    """The cause alone is a warning, another source serves; what fails under it makes it an error."""
    time_line = Timeline()
    cause, raw = replace(BREAKER, severity="WARN"), finding("bars", "run_failed", "", "ERROR", "source:polygon")
    assert time_line.every(60, 0, 60, cause) == ["open warning source:polygon"]
    assert time_line.at(120, cause, raw) == ["worse critical source:polygon"]


def test_an_error_nobody_acknowledges_escalates_once_and_its_recovery_is_told_there_too() -> None:
    """An hour after its message, to the channels of escalation."""
    time_line, one = Timeline(), finding("disk", "disk_used")
    assert time_line.at(0, one) + time_line.at(60, one) == ["open critical disk"]
    assert time_line.every(60, 120, HOUR, one) == []
    assert time_line.at(HOUR + 60, one) == ["escalate escalation disk"]
    assert time_line.every(60, HOUR + 120, 3 * HOUR, one) == []
    assert time_line.every(60, 3 * HOUR + 60, 4 * HOUR) == ["recover critical disk", "recover escalation disk"]


def test_neither_what_is_acknowledged_nor_a_warning_escalates() -> None:
    """And nothing does where nobody is named for it."""
    one, low = finding("disk", "disk_used"), warning("bars")
    time_line = Timeline()
    time_line.every(60, 0, 120, one, low)
    time_line.acknowledge(one)
    assert time_line.every(60, 180, 5 * HOUR, one, low) == []
    nobody = Timeline(SETTINGS.model_copy(update={"escalation": ()}))
    assert nobody.every(60, 0, 5 * HOUR, one) == ["open critical disk"]


def test_what_lasts_is_told_again_every_six_hours() -> None:
    """Counted from the last message."""
    time_line, one = Timeline(), warning("bars")
    said = {hour: time_line.every(HOUR // 4, hour * HOUR, hour * HOUR + 45 * MINUTE, one) for hour in range(20)}
    assert {hour: lines for hour, lines in said.items() if lines} == {
        0: ["open warning bars"],
        6: ["remind warning bars"],
        12: ["remind warning bars"],
        18: ["remind warning bars"],
    }


def test_warnings_wait_for_the_end_of_the_night_and_errors_do_not() -> None:
    """22:00 to 07:00: what is still there in the morning is told, what has gone is not."""
    night = SETTINGS.model_copy(update={"quiet_hours": QuietHours(start=time(22), end=time(7))})
    time_line = Timeline(night, start=NOON.replace(hour=23))
    stays, goes, breaks = warning("stays"), warning("goes"), finding("breaks")
    assert time_line.every(60, 0, 3 * HOUR, stays, goes, breaks) == [
        "open critical breaks",
        "escalate escalation breaks",
    ]
    assert time_line.every(60, 3 * HOUR + 60, 8 * HOUR - 60, stays, breaks) == ["remind critical breaks"]
    assert time_line.at(8 * HOUR, stays, breaks) == ["open warning stays"]
    assert time_line.every(60, 8 * HOUR + 60, 10 * HOUR, stays, breaks) == []


def test_a_warning_that_becomes_an_error_at_night_is_told_at_once() -> None:
    """As an error that opens: nobody has heard of the warning."""
    night = SETTINGS.model_copy(update={"quiet_hours": QuietHours(start=time(22), end=time(7))})
    time_line = Timeline(night, start=NOON.replace(hour=23))
    assert time_line.every(60, 0, 600, warning("bars")) == []
    assert time_line.at(660, replace(warning("bars"), severity="ERROR")) == ["open critical bars"]


@pytest.mark.parametrize("pattern", ["bars_*", "bars_minute/fresh*", "*/freshness"])
def test_a_silence_says_nothing_and_its_end_one_message(pattern: str) -> None:
    """Whether it was told before or not; nothing of what has gone meanwhile."""
    time_line, late = Timeline(), finding("bars_minute", "freshness")
    told_before = Timeline()
    assert told_before.every(60, 0, 60, late) == ["open critical bars_minute"]
    for line in (time_line, told_before):
        line.silences.append(Silence(pattern, NOON + timedelta(minutes=50)))
        assert line.every(300, 120, 50 * MINUTE - 1, late) == []
    assert time_line.at(50 * MINUTE, late) == ["open critical bars_minute"]
    assert told_before.at(50 * MINUTE, late) == ["remind critical bars_minute"]
    for line in (time_line, told_before):
        assert line.every(60, 51 * MINUTE, 60 * MINUTE, late) == []


def test_what_goes_under_a_silence_goes_quietly_and_others_are_told() -> None:
    """A silence covers what its pattern does, no more."""
    time_line, late, other = Timeline(), finding("bars_minute", "freshness"), finding("btc_prices", "freshness")
    assert len(time_line.every(60, 0, 60, late, other)) == 2
    time_line.silences.append(Silence("bars_*", NOON + timedelta(hours=8)))
    assert time_line.every(60, 120, 600) == ["recover critical btc_prices"]


def test_what_cannot_be_looked_at_does_not_recover() -> None:
    """Neither of itself, nor as what keeps a cause open; looked at again, it does."""
    time_line, raw = Timeline(), finding("bars", "run_failed", "", "ERROR", "source:polygon")
    time_line.every(60, 0, 60, BREAKER, raw)
    for second in range(120, HOUR, 60):
        assert time_line.at(second, raw, unknown=("source:",)) == []
    assert time_line.at(HOUR, unknown=("bars",)) == []
    assert time_line.at(HOUR + 60, unknown=("bars",)) == []
    assert set(time_line.incidents) == {BREAKER.fingerprint, raw.fingerprint}
    assert time_line.every(60, HOUR + 120, HOUR + 180) == ["recover critical source:polygon"]


def test_causes_that_explain_each_other_do_not_silence_each_other() -> None:
    """In a circle one of them is told."""
    one, other = finding("a", "x", "", "ERROR", "b"), finding("b", "x", "", "ERROR", "a")
    assert len(Timeline().every(60, 0, 60, one, other)) == 1


def test_the_worst_of_one_fingerprint_counts_since_the_earliest() -> None:
    """A finding that comes twice is one incident."""
    time_line, early = Timeline(), replace(warning("bars"), since=NOON - timedelta(hours=1))
    late = replace(warning("bars"), severity="ERROR", said="worse")
    time_line.at(0, early, late)
    (one,) = time_line.incidents.values()
    assert one.finding == replace(late, since=early.since)


def test_the_fingerprint_is_of_subject_check_and_cause_alone() -> None:
    """What changes while it lasts does not make another incident; each of the three does."""
    one = finding("bars", "run_failed", "Unavailable")
    assert replace(one, severity="WARN", said="else", scope="2026-11-03", since=NOON).fingerprint == one.fingerprint
    others = [finding("bar", "srun_failed", "Unavailable"), finding("bars", "run_failed", ""), finding("bars", "x")]
    assert one.fingerprint not in {other.fingerprint for other in others}
    # printf 'bars\0run_failed\0Unavailable' | sha256sum
    assert one.fingerprint == "30afd33cc200a7e6"
