"""Versions of observed hours: what is kept, what is used, what is final."""

import itertools
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.schemas import BtcLiquidations, BtcPrice
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import raw

SETTINGS = BtcSettings()
TABLE = BtcLiquidations.contract()
LONG, SHORT = BOTH = ("long_liquidations", "short_liquidations")
T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
#: the row of 10:00 can be used at 11:10, and stands at the first fetch after 17:10
AVAILABLE = datetime(2026, 11, 20, 11, 10, tzinfo=UTC)
GRACE_ENDS = datetime(2026, 11, 20, 17, 10, tzinfo=UTC)

Pair = tuple[float | None, float | None]
#: minutes since the answer before, and what is stated by number of the hour
History = Sequence[tuple[int, Mapping[int, Pair]]]


def fetched(
    stored: pl.DataFrame, at: datetime, said: Mapping[int, Pair], n: int = 1, first: datetime = T0
) -> pl.DataFrame:
    """The versions after an answer at `at` about `n` hours from `first` on; `said` by number of the hour."""
    values = pl.DataFrame(
        [(first + HOUR * hour, *pair) for hour, pair in said.items()],
        schema={"ts": TABLE.schema["ts"], LONG: pl.Float64, SHORT: pl.Float64},
        orient="row",
    )
    answer = raw.Answer(
        values=values,
        columns=BOTH,
        first=first,
        until=first + HOUR * n,
        asked_at=at,
        ingested_at=at,
        source="glassnode",
    )
    return raw.appended(TABLE, stored, answer, SETTINGS)


def after(*answers: tuple[datetime, Pair]) -> pl.DataFrame:
    """The versions of the hour T0 after these answers."""
    versions = TABLE.empty()
    for at, pair in answers:
        versions = fetched(versions, at, {0: pair})
    return versions


def rows(versions: pl.DataFrame) -> list[tuple[float | None, float | None, bool]]:
    return versions.select(LONG, SHORT, "is_late").rows()


def in_use(versions: pl.DataFrame) -> list[Pair]:
    return raw.canonical(versions, BOTH).select(BOTH).rows()


def is_final(versions: pl.DataFrame) -> list[bool]:
    return raw.finality(versions, BOTH, SETTINGS)["is_final"].to_list()


def test_the_first_answer_is_stored_as_stated():
    """One row: its hour, the instant of use (11:10), of arrival, not late, zero kept; the contract holds."""
    at = AVAILABLE + 5 * MINUTE
    versions = fetched(TABLE.empty(), at, {0: (0.0, 3.25)})
    assert versions.rows() == [(T0, AVAILABLE, at, False, "glassnode", 0.0, 3.25)]
    TABLE.validate(versions)


def test_an_hour_exists_from_the_instant_its_row_can_be_used():
    """The row of 10:00 asked for at 11:09:59.999999 is left out although the answer has it; at 11:10:00 it is there."""
    early = fetched(TABLE.empty(), AVAILABLE - timedelta(microseconds=1), {0: (1.0, 1.0)})
    assert early.height == 0
    assert fetched(TABLE.empty(), AVAILABLE, {0: (1.0, 1.0)}).height == 1


def test_every_elapsed_hour_has_a_row():
    """Of four hours, three have elapsed at 13:30; the vendor states the second: null, value, null."""
    versions = fetched(TABLE.empty(), AVAILABLE + 2 * HOUR + 20 * MINUTE, {1: (1.0, 2.0), 3: (9.0, 9.0)}, n=4)
    assert versions["ts"].to_list() == [T0, T0 + HOUR, T0 + 2 * HOUR]
    assert rows(versions) == [(None, None, False), (1.0, 2.0, False), (None, None, False)]


def test_a_value_two_hours_late_is_accepted():
    """G-STATE-2: within the grace the missing side is filled in; the side known before is carried along."""
    versions = after((AVAILABLE, (5.0, None)), (AVAILABLE + 2 * HOUR, (5.0, 7.0)))
    assert rows(versions) == [(5.0, None, False), (5.0, 7.0, False)]
    assert in_use(versions) == [(5.0, 7.0)]
    assert is_final(versions) == [True]


def test_a_value_eight_hours_late_is_stored_and_not_used():
    """G-STATE-2: the first fetch after the grace makes null stand; what comes then is late."""
    known = [(AVAILABLE + h * HOUR, (5.0, None)) for h in range(8)]
    versions = after(*known, (AVAILABLE + 8 * HOUR, (5.0, 7.0)))
    # the second row is that of the first fetch after the grace, 7 h after 11:10
    assert versions["ingested_at"].to_list() == [AVAILABLE, AVAILABLE + 7 * HOUR, AVAILABLE + 8 * HOUR]
    assert rows(versions) == [(5.0, None, False), (5.0, None, False), (5.0, 7.0, True)]
    assert in_use(versions) == [(5.0, None)]
    assert is_final(versions) == [True]


def test_the_grace_ends_after_its_last_instant():
    """At exactly available_at + 6 h an answer finalises nothing; a microsecond later it does."""
    known = after((AVAILABLE, (None, None)))
    at_the_end = fetched(known, GRACE_ENDS, {})
    assert at_the_end.equals(known)
    assert is_final(at_the_end) == [False]
    beyond = fetched(known, GRACE_ENDS + timedelta(microseconds=1), {})
    assert rows(beyond) == [(None, None, False), (None, None, False)]
    assert is_final(beyond) == [True]


def test_the_first_fetch_after_the_grace_takes_what_it_says():
    """A value that comes with the finalising answer itself is in time."""
    versions = after((AVAILABLE, (None, 2.0)), (GRACE_ENDS + HOUR, (1.0, 2.0)))
    assert in_use(versions) == [(1.0, 2.0)]
    assert versions["is_late"].to_list() == [False, False]


def test_history_is_final_at_once():
    """An hour first asked for years later stands as it is, null or not, after one answer."""
    versions = fetched(TABLE.empty(), T0 + timedelta(days=900), {0: (1.0, 2.0)}, n=2)
    assert is_final(versions) == [True, True]
    again = fetched(versions, T0 + timedelta(days=901), {0: (1.0, 2.0), 1: (3.0, 4.0)}, n=2)
    assert in_use(again) == [(1.0, 2.0), (None, None)]
    assert rows(again) == [(1.0, 2.0, False), (None, None, False), (3.0, 4.0, True)]


def test_the_same_answer_adds_nothing():
    """Re-fetching unchanged data returns exactly the stored rows, before and after the grace."""
    first = after((AVAILABLE, (0.0, 7.0)))
    assert fetched(first, AVAILABLE + MINUTE, {0: (0.0, 7.0)}).equals(first)
    assert fetched(first, GRACE_ENDS + 100 * HOUR, {0: (0.0, 7.0)}).equals(first)


def test_a_null_never_takes_a_value_back():
    """A value the vendor no longer states stays, and nothing is stored."""
    known = after((AVAILABLE, (5.0, None)))
    assert fetched(known, AVAILABLE + HOUR, {0: (None, None)}).equals(known)
    filled = fetched(known, AVAILABLE + HOUR, {0: (None, 7.0)})
    assert rows(filled) == [(5.0, None, False), (5.0, 7.0, False)]


@pytest.mark.parametrize(
    ("before", "now", "revised"),
    [
        (100.0, 100.0 * (1 + 0.9e-9), False),
        (100.0, 100.0 * (1 + 1.1e-9), True),
        (100.0, 100.0 * (1 - 1.1e-9), True),
        (0.0, 1e-12, True),
        (1e-12, 0.0, True),
        (0.0, 0.0, False),
    ],
)
def test_a_revision_is_more_than_a_billionth(before: float, now: float, revised: bool):
    """1e-9 relative; from or to zero any change is one. The value in use stays either way."""
    versions = after((AVAILABLE, (before, 1.0)), (AVAILABLE + HOUR, (now, 1.0)))
    assert rows(versions) == [(before, 1.0, False)] + [(now, 1.0, True)] * revised
    assert in_use(versions) == [(before, 1.0)]


def test_a_revision_within_the_grace_is_late_too():
    """A known value is never replaced, although its hour is not final yet; the hour does not become final by it."""
    versions = after((AVAILABLE, (5.0, None)), (AVAILABLE + HOUR, (6.0, None)))
    assert rows(versions) == [(5.0, None, False), (6.0, None, True)]
    assert is_final(versions) == [False]


def test_a_revision_is_stored_once():
    """Stated again it adds nothing; a second revision is a row more, and so is the return to the first value."""
    said: Sequence[Pair] = [(5.0, 1.0), (6.0, 1.0), (6.0, 1.0), (7.0, 1.0), (5.0, 1.0), (5.0, 1.0)]
    versions = after(*[(AVAILABLE + i * MINUTE, pair) for i, pair in enumerate(said)])
    assert rows(versions) == [(5.0, 1.0, False), (6.0, 1.0, True), (7.0, 1.0, True), (5.0, 1.0, True)]
    assert in_use(versions) == [(5.0, 1.0)]


def test_a_first_value_goes_before_a_revision():
    """One answer with both: the first value is in time and stored now, the revision when it is stated again."""
    versions = after((AVAILABLE, (5.0, None)), (AVAILABLE + HOUR, (6.0, 7.0)))
    assert rows(versions) == [(5.0, None, False), (5.0, 7.0, False)]
    again = fetched(versions, AVAILABLE + 2 * HOUR, {0: (6.0, 7.0)})
    assert rows(again)[2:] == [(6.0, 7.0, True)]
    assert in_use(again) == [(5.0, 7.0)]
    assert fetched(again, AVAILABLE + 3 * HOUR, {0: (6.0, 7.0)}).equals(again)


def test_an_answer_no_newer_than_the_newest_row_adds_nothing():
    """Keys do not collide, and an answer that was overtaken cannot come first: it is stated again or lost."""
    known = after((AVAILABLE + HOUR, (None, 7.0)))
    assert fetched(known, AVAILABLE + HOUR, {0: (5.0, 7.0)}).equals(known)
    assert fetched(known, AVAILABLE, {0: (5.0, 7.0)}).equals(known)


def test_in_use_is_the_first_value_of_each_column():
    """Columns are judged apart; late rows and the order of the rows do not matter."""
    versions = after(
        (AVAILABLE, (None, 2.0)), (AVAILABLE + HOUR, (None, 3.0)), (AVAILABLE + 2 * HOUR, (4.0, 3.0))
    ).reverse()
    assert in_use(versions) == [(4.0, 2.0)]
    assert raw.canonical(versions, [SHORT]).columns == ["ts", SHORT]


def test_price_without_open_high_low_close():
    """A close alone makes the hour final; what was not asked for is null."""
    table = BtcPrice.contract()
    answer = raw.Answer(
        values=pl.DataFrame({"ts": pl.Series([T0], dtype=TABLE.schema["ts"]), "price": [91_000.5]}),
        columns=("price",),
        first=T0,
        until=T0 + HOUR,
        asked_at=AVAILABLE,
        ingested_at=AVAILABLE,
        source="glassnode-sandbox",
    )
    versions = raw.appended(table, table.empty(), answer, SETTINGS)
    table.validate(versions)
    assert versions.rows() == [(T0, AVAILABLE, AVAILABLE, False, "glassnode-sandbox", 91_000.5, None, None, None, None)]
    assert raw.final_until(versions, ["price"], SETTINGS, T0) == T0 + HOUR


def test_the_frontier_stands_at_the_first_hour_that_is_not_final():
    """Hours 0, 1 final, 2 open, 3 final: the frontier is 12:00 from the start, 14:00 from hour 3 on."""
    at = AVAILABLE + 3 * HOUR
    versions = fetched(TABLE.empty(), at, {0: (1.0, 1.0), 1: (1.0, 1.0), 2: (1.0, None), 3: (1.0, 1.0)}, n=4)
    assert raw.final_until(versions, BOTH, SETTINGS, T0) == T0 + 2 * HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0 + HOUR) == T0 + 2 * HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0 + 2 * HOUR) == T0 + 2 * HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0 + 3 * HOUR) == T0 + 4 * HOUR
    # the sides are final apart
    assert raw.final_until(versions, [LONG], SETTINGS, T0) == T0 + 4 * HOUR


def test_an_hour_without_a_row_is_not_final():
    """A hole in the grid, or a start before the first row, holds the frontier; so does an empty table."""
    versions = fetched(TABLE.empty(), AVAILABLE + 5 * HOUR, {0: (1.0, 1.0), 1: (1.0, 1.0), 2: (1.0, 1.0)}, n=3)
    holed = versions.filter(pl.col("ts") != T0 + HOUR)
    assert raw.final_until(holed, BOTH, SETTINGS, T0) == T0 + HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0 - HOUR) == T0 - HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0 + 9 * HOUR) == T0 + 9 * HOUR
    assert raw.final_until(TABLE.empty(), BOTH, SETTINGS, T0) == T0


def test_late_rows_finalise_nothing():
    """Only what is used can be final: a late row after the grace leaves an open hour open."""
    late = after((AVAILABLE, (1.0, None))).with_columns(
        is_late=pl.lit(True), ingested_at=pl.lit(GRACE_ENDS + HOUR), short_liquidations=pl.lit(2.0)
    )
    both = pl.concat([after((AVAILABLE, (1.0, None))), late])
    assert is_final(both) == [False]
    assert in_use(both) == [(1.0, None)]


def test_the_lag_and_the_grace_of_the_settings_decide():
    """With 30 minutes of lag and 1 hour of grace the row of 10:00 is used at 11:30 and stands after 12:30."""
    other = BtcSettings(publication_lag_minutes=30, late_grace_hours=1)
    assert raw.elapsed(T0, T0 + HOUR, other, T0 + 89 * MINUTE).len() == 0
    assert raw.elapsed(T0, T0 + HOUR, other, T0 + 90 * MINUTE).to_list() == [T0]
    answer = raw.Answer(
        values=pl.DataFrame(schema={"ts": TABLE.schema["ts"], LONG: pl.Float64, SHORT: pl.Float64}),
        columns=BOTH,
        first=T0,
        until=T0 + HOUR,
        asked_at=T0 + 151 * MINUTE,
        ingested_at=T0 + 151 * MINUTE,
        source="glassnode",
    )
    versions = raw.appended(TABLE, TABLE.empty(), answer, other)
    assert versions["available_at"].to_list() == [T0 + 90 * MINUTE]
    assert raw.final_until(versions, BOTH, other, T0) == T0 + HOUR
    assert raw.final_until(versions, BOTH, SETTINGS, T0) == T0


HOURS = 4
values = st.sampled_from([None, 0.0, 1.0, 1.0 + 1e-12, 2.0])
answers = st.dictionaries(st.integers(0, HOURS - 1), st.tuples(values, values))
#: minutes after T0, increasing, with what is stated then; the last hour's grace ends 7 h 10 min after its start
histories = st.lists(st.tuples(st.integers(1, 200), answers), min_size=1, max_size=9)


def replayed(history: History) -> list[tuple[datetime, Mapping[int, Pair]]]:
    at, told = T0, []
    for minutes, said in history:
        at += minutes * MINUTE
        told.append((at, said))
    return told


def one_by_one(told: Sequence[tuple[datetime, Mapping[int, Pair]]]) -> list[pl.DataFrame]:
    """The versions after each answer."""
    states = [TABLE.empty()]
    for at, said in told:
        states.append(fetched(states[-1], at, said, n=HOURS))
    return states[1:]


@run(deadline=None, max_examples=40)
@given(histories)
def test_what_is_in_use_follows_the_rule_hour_by_hour(history: History):
    """A plain loop over answers agrees: fill in what is unknown until all is known or the grace is over."""
    told = replayed(history)
    found = one_by_one(told)[-1]
    expected: dict[datetime, tuple[list[float | None], bool]] = {}
    for number in range(HOURS):
        ts = T0 + number * HOUR
        usable, held, final = ts + 70 * MINUTE, None, False
        for at, said in told:
            if at < usable or final:
                continue
            stated = said.get(number, (None, None))
            held = [new if old is None else old for old, new in zip(held or (None, None), stated, strict=True)]
            final = None not in held or at > usable + 6 * HOUR
        if held is not None:
            expected[ts] = (held, final)
    used = dict(zip(raw.canonical(found, BOTH)["ts"], map(list, in_use(found)), strict=True))
    assert {ts: (used[ts], final) for ts, final in raw.finality(found, BOTH, SETTINGS).rows()} == expected


@run(deadline=None, max_examples=40)
@given(histories)
def test_rows_are_only_ever_added(history: History):
    """Each state begins with all rows of the one before, unchanged; keys stay unique; the contract holds."""
    states = one_by_one(replayed(history))
    for before, now in itertools.pairwise(states):
        assert now.join(before, on=now.columns, how="semi", nulls_equal=True).equals(before)
    TABLE.validate(states[-1])


@run(deadline=None, max_examples=40)
@given(histories)
def test_a_final_hour_never_changes(history: History):
    """Once final, an hour stays final with the same values whatever is answered after; a known value stays anyway."""
    final, known = dict[datetime, Pair](), dict[tuple[datetime, int], float]()
    for state in one_by_one(replayed(history)):
        used = {ts: (long, short) for ts, long, short in raw.canonical(state, BOTH).rows()}
        now_final = {ts: used[ts] for ts, done in raw.finality(state, BOTH, SETTINGS).rows() if done}
        now_known = {(ts, side): pair[side] for ts, pair in used.items() for side in (0, 1) if pair[side] is not None}
        assert final.items() <= now_final.items()
        assert known.items() <= now_known.items()
        final, known = now_final, now_known


@run(deadline=None, max_examples=40)
@given(histories, answers)
def test_an_answer_given_again_ends_in_the_same_rows(history: History, last: Mapping[int, Pair]):
    """Idempotent: given after the grace, a third time adds nothing, and a second time nothing but late rows."""
    state, at = one_by_one(replayed(history))[-1], T0 + 100 * HOUR
    once = fetched(state, at, last, n=HOURS)
    twice = fetched(once, at + MINUTE, last, n=HOURS)
    assert twice.join(once, on=["ts", "ingested_at"], how="anti")["is_late"].all()
    assert fetched(twice, at + 2 * MINUTE, last, n=HOURS).equals(twice)


@run(deadline=None, max_examples=40)
@given(histories, st.permutations([{0: (1.0, 2.0)}, {1: (2.0, None)}, {0: (2.0, 0.0), 3: (1.0, 1.0)}, {}]))
def test_after_the_grace_the_order_of_answers_is_irrelevant(history: History, more: list[Mapping[int, Pair]]):
    """What is in use after the first answer past the grace is what is in use after any further ones."""
    state = fetched(one_by_one(replayed(history))[-1], T0 + 50 * HOUR, {}, n=HOURS)
    assert raw.final_until(state, BOTH, SETTINGS, T0) == T0 + HOURS * HOUR
    used = raw.canonical(state, BOTH)
    for i, said in enumerate(more):
        state = fetched(state, T0 + (51 + i) * HOUR, said, n=HOURS)
    assert raw.canonical(state, BOTH).equals(used)


@run(deadline=None, max_examples=40)
@given(histories, st.integers(1, HOURS - 1), st.booleans())
def test_hours_are_judged_apart(history: History, cut: int, second_first: bool):
    """The same answers fetched in two ranges, whichever is fetched first, give the rows of one range."""
    told = replayed(history)
    parts = [(T0, 0, cut), (T0 + cut * HOUR, cut, HOURS - cut)]
    versions = TABLE.empty()
    for first, offset, n in reversed(parts) if second_first else parts:
        for at, said in told:
            own = {number - offset: pair for number, pair in said.items() if offset <= number < offset + n}
            versions = fetched(versions, at, own, n=n, first=first)
    assert versions.equals(one_by_one(told)[-1])


def test_all_of_history_takes_well_under_a_second():
    """46,227 hours merged with 46,227 stored ones, read back and judged: measured 0.03 s."""
    n, random = 46_227, np.random.default_rng(7)
    ts = pl.datetime_range(T0, T0 + (n - 1) * HOUR, "1h", time_unit="us", time_zone="UTC", eager=True)
    said = pl.DataFrame({"ts": ts, LONG: random.lognormal(size=n), SHORT: random.lognormal(size=n)})
    until = T0 + n * HOUR

    def answer(at: datetime) -> raw.Answer:
        return raw.Answer(
            values=said, columns=BOTH, first=T0, until=until, asked_at=at, ingested_at=at, source="glassnode"
        )

    stored = raw.appended(TABLE, TABLE.empty(), answer(until + 9 * HOUR), SETTINGS)
    began = time.perf_counter()
    again = raw.appended(TABLE, stored, answer(until + 10 * HOUR), SETTINGS)
    used = raw.canonical(again, BOTH)
    frontier = raw.final_until(again, BOTH, SETTINGS, T0)
    assert time.perf_counter() - began < 1
    assert again.equals(stored)
    assert used.equals(said)
    assert frontier == until
