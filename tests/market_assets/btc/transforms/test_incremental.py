"""Processed and rpn, day by day, in batches, cut and perturbed: no row depends on how or when it is computed."""

import random
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.transforms import processed as processing
from market_assets.btc.transforms import rpn as priorities
from market_assets.btc.transforms.state import MissingStateError
from tests.market_assets.btc.transforms.hourly import (
    HOUR,
    NO_RPN,
    SCALES,
    START,
    between,
    configured,
    simulated,
    whole,
)

DAY = timedelta(days=1)
N = 1100
SCALED = {scale: configured(preprocess={"scale": scale}) for scale in SCALES}
RAW = simulated(N, 11)
WHOLE = {scale: whole(RAW, settings, N) for scale, settings in SCALED.items()}


def end(n):
    return START + n * HOUR


def a_part(tamed, own, settings, first, until):
    """The rows first <= ts < until, from no more than their look-backs."""
    return priorities.rpn(
        between(tamed, first - priorities.look_back(settings) * HOUR, until),
        settings,
        first=first,
        own=between(own, first - priorities.own_look_back(settings) * HOUR, first),
    )


@pytest.mark.parametrize(("scale", "days"), [pytest.param("native", 420, marks=pytest.mark.slow), ("log1p", 60)])
def test_day_by_day_equals_one_pass(scale, days):
    """G-STATE-1: 420 days, each from what is stored of the days before it: the bits of one pass over all."""
    settings = SCALED[scale]
    price, raw = simulated(days * 24, 3)
    all_tamed, all_rpn = whole((price, raw), settings, days * 24)
    tamed, own = all_tamed.clear(), NO_RPN
    for day in (START + i * DAY for i in range(days)):
        inputs = between(price, day - DAY, day + DAY), between(raw, day - 181 * DAY, day + DAY)
        stored = processing.processed(*inputs, settings, first=day, until=day + DAY)
        tamed = pl.concat([tamed.tail(23 * 24), stored])
        added = priorities.rpn(tamed, settings, first=day, own=own)
        own = pl.concat([own.tail(24), added])
        assert stored.equals(between(all_tamed, day, day + DAY)), day
        assert added.equals(between(all_rpn, day, day + DAY)), day


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("batch_size", [1, 7, 24, 100, 531, 1099, 1100, 5000])
def test_batches_have_no_influence(scale, batch_size):
    """However many rows are computed at a time, the table is the same to the last bit."""
    batched = SCALED[scale].model_copy(
        update={"processing": configured(processing={"batch_size": batch_size}).processing}
    )
    assert batched.feature_version == SCALED[scale].feature_version
    tamed, wanted = WHOLE[scale]
    first = 0 if batch_size >= 24 else N - 100
    got = priorities.rpn(tamed, batched, first=end(first), own=wanted.head(first))
    assert got.equals(wanted[first:])


@given(cuts=st.lists(st.integers(1, N - 1), min_size=1, max_size=6, unique=True), scale=st.sampled_from(SCALES))
@run(max_examples=40, deadline=None)
def test_any_runs_make_the_same_table(cuts, scale):
    """Runs of any length, also within a day, before the first trend and inside the gap, add up to one pass."""
    tamed, wanted = WHOLE[scale]
    own = NO_RPN
    for first, until in zip([0, *sorted(cuts)], [*sorted(cuts), N], strict=True):
        own = pl.concat([own, a_part(tamed, own, SCALED[scale], end(first), end(until))])
    assert own.equals(wanted)


MONDAYS = [n for n in range(N) if end(n).weekday() == 0 and end(n).hour == 0][1:]
EDGES = [1, 99, 100, 530, 531, 532, 567, 569, 729, 730, 731, N // 2, N // 2 + 4, N // 2 + 9]
CUTS = sorted({*MONDAYS, *EDGES, *random.Random(7).sample(range(2, N), 20)})


@pytest.mark.parametrize("scale", SCALES)
def test_no_row_needs_a_later_one(scale):
    """G-CAUSAL-1: data up to a cut give the rows up to the cut; Mondays, warm-up edges and twenty more cuts."""
    assert len(CUTS) >= 20
    tamed, wanted = WHOLE[scale]
    for cut in CUTS:
        early = tuple(between(frame, START, end(cut)) for frame in RAW)
        got_tamed, got = whole(early, SCALED[scale], cut)
        assert got_tamed.equals(tamed.head(cut)), cut
        assert got.equals(wanted.head(cut)), cut


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("change", ["ten times", "unknown", "zero"])
def test_no_row_feels_a_later_one(scale, change):
    """G-CAUSAL-2: every raw value after a cut changed; no row up to the cut does."""
    tamed, wanted = WHOLE[scale]
    for cut in CUTS[::2]:
        changed = [_perturbed(frame, end(cut), change) for frame in RAW]
        got_tamed, got = whole(changed, SCALED[scale], N)
        assert got_tamed.head(cut).equals(tamed.head(cut)), cut
        assert got.head(cut).equals(wanted.head(cut)), cut
        assert not got_tamed.equals(tamed), cut


def _perturbed(frame, since: datetime, change: str):
    value = pl.all().exclude("ts")
    new = {"ten times": value * 10, "unknown": value * pl.lit(None), "zero": value * 0}[change]
    return frame.with_columns(pl.when(pl.col("ts") >= since).then(new).otherwise(value).name.keep())


def part_after(own, tamed=None, settings=SCALED["native"]):
    source = WHOLE["native"][0] if tamed is None else tamed
    return priorities.rpn(source, settings, first=end(700), own=own)


def test_the_hour_before_must_be_stored():
    """G-STATE-3: without the day before, nothing is computed; filters are never begun again."""
    own = between(WHOLE["native"][1], START, end(676))
    for stored in (own, NO_RPN):
        with pytest.raises(MissingStateError, match=r"2021-03-02 03:00Z.*materialise btc_rpn"):
            part_after(stored)


def test_the_rows_of_the_scores_must_be_stored():
    """The last hour alone would do for the filters, but not for the medians of two days."""
    own = between(WHOLE["native"][1], START, end(700))
    wanted = between(WHOLE["native"][1], end(700), end(N))
    assert part_after(own.tail(46)).equals(wanted)
    with pytest.raises(MissingStateError, match=r"btc_rpn must hold every hour from 2021-02-28 06:00Z.* 1 of 46"):
        part_after(own.tail(45))


def test_the_rows_under_the_taps_must_be_there():
    """A hole in btc_processed would be a shorter window; 530 hours before the first are enough."""
    tamed, whole_rpn = WHOLE["native"]
    own = between(whole_rpn, START, end(700))
    needed = tamed[700 - 530 :]
    assert part_after(own, needed).equals(between(whole_rpn, end(700), end(N)))
    for holed in (needed[1:], needed.filter(pl.col("ts") != end(400)), needed.filter(pl.col("ts") != end(800))):
        with pytest.raises(MissingStateError, match="btc_processed must hold every hour"):
            part_after(own, holed)


def test_rows_of_other_settings_are_not_continued():
    """Neither state nor input of another feature_version is mixed into a table."""
    tamed, whole_rpn = WHOLE["native"]
    own = between(whole_rpn, START, end(700))
    other = pl.lit("0" * 12).alias("feature_version")
    with pytest.raises(MissingStateError, match="000000000000"):
        part_after(own.with_columns(other))
    old = pl.when(pl.col("ts") == end(680)).then(other).otherwise("feature_version").alias("feature_version")
    with pytest.raises(MissingStateError, match="1 of 46"):
        part_after(own.with_columns(old))
    with pytest.raises(MissingStateError, match="btc_processed"):
        part_after(own, tamed.with_columns(old))
