"""Bins of the RPN by the newest model of their time (btc.md 5.2)."""

from datetime import UTC, datetime

import polars as pl
import pytest

from market_assets.btc.schemas import BtcBinModels, BtcBins
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bins
from market_assets.btc.transforms.state import MissingModelError, MissingStateError
from tests.market_assets.btc.transforms.rpn_frames import (
    DAY,
    HOUR,
    NO_BINS,
    SETTINGS,
    WEEK,
    hours,
    mondays,
    nulls,
    one_pass,
    smoothed,
)

START = SETTINGS.start
TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def model(fit_time: datetime, edges=TENTHS, status="ok", settings=SETTINGS):
    """One stored model row."""
    ok = status == "ok"
    row = {"ts": fit_time, "available_at": fit_time, "feature_version": settings.feature_version}
    row |= {"method": "kmeans_trailing", "status": status, "n_train": 2160, "n_iter": 4}
    row |= {"train_start": fit_time - 2162 * HOUR, "train_end": fit_time - 2 * HOUR}
    row |= {"edges": edges if ok else None, "centers": [e - 0.05 for e in (*edges, 0.9)] if ok else None}
    return pl.DataFrame([row | {"inertia": 0.001 if ok else None}], schema=BtcBinModels.contract().schema)


def models(*rows):
    return pl.concat(rows)


def rpn_of(values, start=START, settings=SETTINGS):
    """btc_rpn with these RPNs, as far as bins read it."""
    frame = smoothed(len(values), settings=settings)
    return frame.with_columns(
        ts=pl.col("ts") + (start - settings.start), risk_priority_number=pl.Series(values, dtype=pl.Float64)
    )


def binned(rpn, known, settings=SETTINGS, *, first=None, own=NO_BINS):
    first = settings.start if first is None else first
    return BtcBins.contract().validate(bins.bins(rpn, known, settings, first=first, own=own))


def stored(values, first):
    """btc_bins with these bins in the hours up to, not including, `first`."""
    contract = BtcBins.contract()
    rows = pl.DataFrame({"ts": hours(len(values), first - len(values) * HOUR)}).with_columns(
        available_at=pl.col("ts") + SETTINGS.delay,
        feature_version=pl.lit(SETTINGS.feature_version),
        bin_index=pl.Series(values, dtype=pl.Int8),
        bin_warm=pl.Series(values, dtype=pl.Int8).is_not_null(),
        model_time=pl.when(pl.Series(values, dtype=pl.Int8).is_not_null()).then(pl.lit(START)),
    )
    return contract.validate(rows.with_columns(nulls(contract.schema, rows.columns)))


def test_the_bin_is_the_number_of_edges_at_or_below_the_rpn():
    """An RPN on an edge is above it; 0 is a bin and a null is none."""
    found = binned(rpn_of([0.0, 0.0999, 0.1, 0.45, 0.8, 1.0, None]), model(START))
    assert found["bin_index"].to_list() == [0, 0, 1, 4, 8, 8, None]
    assert found["bin_warm"].to_list() == [True] * 6 + [False]


def test_a_row_without_a_bin_says_nothing():
    """Warm-up is null: no 0, no 4, no sentinel."""
    row = binned(rpn_of([None]), model(START)).row(0, named=True)
    said = {name for name, value in row.items() if value is not None}
    assert said == {"ts", "available_at", "feature_version", "bin_warm"}


def test_the_newest_model_of_the_time_is_used():
    """A fit counts from its own hour on and never before it; `model_changed` marks the hour."""
    other = [edge + 0.05 for edge in TENTHS]
    found = binned(rpn_of([0.12] * 170), models(model(START), model(START + WEEK, other)))
    assert found["bin_index"].to_list() == [1] * 168 + [0] * 2
    assert found["model_time"].to_list() == [START] * 168 + [START + WEEK] * 2
    assert found["model_changed"].to_list() == [True] + [False] * 167 + [True, False]


def test_a_week_without_an_ok_model_keeps_the_one_before():
    """Too few rows this week: last week's edges stand."""
    found = binned(rpn_of([0.5] * 170), models(model(START), model(START + WEEK, status="not_converged")))
    assert set(found["model_time"]) == {START}


def test_a_model_is_used_for_672_hours_and_no_longer():
    """An older model is no model: the bin is unknown, not guessed."""
    weeks = [model(START + i * WEEK, status="too_few_rows") for i in range(1, 5)]
    found = binned(rpn_of([0.5] * 674), models(model(START), *weeks))
    assert found["bin_warm"].to_list() == [True] * 673 + [False]
    assert found["model_time"][672] == START
    assert found["model_time"][673] is None


def test_a_week_without_a_model_row_is_refused():
    """Edges of last week are no stand-in for a fit that is late; the message says which week and what to run."""
    rpn = rpn_of([0.5] * 340)
    with pytest.raises(
        MissingModelError, match=r"week of 2021-02-08, 2021-02-15\. .*btc_bin_models --partition 2021-02-08"
    ):
        bins.bins(rpn, model(START), SETTINGS, first=START, own=NO_BINS)
    weeks = [model(START + i * WEEK, status="too_few_rows") for i in (1, 2)]
    assert binned(rpn, models(model(START), *weeks)).height == 340


def test_a_model_of_other_settings_is_none():
    """Edges that other settings made do not fit these bins."""
    other = BtcSettings.model_validate({"features": {"bin": {"max_iter": 500}}})
    with pytest.raises(MissingModelError, match=SETTINGS.feature_version):
        bins.bins(rpn_of([0.5]), model(START, settings=other), SETTINGS, first=START, own=NO_BINS)


def test_a_history_that_starts_in_mid_week_needs_no_model_before_its_first_monday():
    """No fit can be older than the history: its first days have no bin, and no missing model."""
    settings = BtcSettings.model_validate({"history_start": "2021-02-03"})
    monday = datetime(2021, 2, 8, tzinfo=UTC)
    found = binned(
        rpn_of([0.5] * 130, settings.start, settings), model(monday, settings=settings), settings
    )  # fmt: skip
    assert found["bin_warm"].to_list() == [False] * 120 + [True] * 10
    with pytest.raises(MissingModelError, match="2021-02-08"):
        bins.bins(rpn_of([0.5] * 130, settings.start, settings), BtcBinModels.contract().empty(), settings,
                  first=settings.start, own=NO_BINS)  # fmt: skip


def test_stored_bins_are_read_and_not_relabelled():
    """The path of an earlier hour is what was stored, whatever today's model would say of it."""
    first = START + 2 * DAY
    own = stored([2] * 24 + [8] * 24, first)
    found = binned(rpn_of([0.75] * 2, first), model(START), first=first, own=own)
    assert found["bin_index"].to_list() == [7, 7]
    assert found["bin_momentum"].to_list() == [-1, -1]
    assert found["is_rpn_extreme"].to_list() == [-1, -1]
    assert found["model_changed"].to_list() == [False, False]


def test_an_unknown_hour_is_a_row_of_the_window():
    """A move leaves the window after 720 hours, whether their bins are known or not."""
    first = START + 31 * DAY
    own = stored([None] * 23 + [3] + [None] * 720, first)
    found = binned(rpn_of([0.45] * 2, first), models(*(model(m) for m in mondays(first))), first=first, own=own)
    assert found["bin_mm_direction"].to_list() == [0, 0]
    later = stored([None] * 24 + [3] + [None] * 719, first)
    found = binned(rpn_of([0.45] * 2, first), models(*(model(m) for m in mondays(first))), first=first, own=later)
    assert found["bin_mm_direction"].to_list() == [1, 0]


def test_a_day_continues_the_stored_hours_before_it():
    """G-STATE-3: without the hour before, or with a hole in the 720 before, nothing is written."""
    first = START + 2 * DAY
    rpn, own = rpn_of([0.5] * 24, first), stored([4] * 48, first)
    with pytest.raises(MissingStateError, match=r"btc_bins from 2021-02-03 00:00Z .* 2021-02-02 23:00Z"):
        bins.bins(rpn, model(START), SETTINGS, first=first, own=own.filter(pl.col("ts") < first - HOUR))
    with pytest.raises(MissingStateError, match="2021-02-02 00:00"):
        bins.bins(rpn, model(START), SETTINGS, first=first, own=own.filter(pl.col("ts") != START + DAY))
    other = own.with_columns(feature_version=pl.lit("0" * 12))
    with pytest.raises(MissingStateError, match="feature_version"):
        bins.bins(rpn, model(START), SETTINGS, first=first, own=other)
    assert binned(rpn, model(START), first=first, own=own).height == 24


def test_a_hole_in_the_rpn_is_refused():
    """A missing row is no unknown value."""
    with pytest.raises(MissingStateError, match="btc_rpn"):
        bins.bins(rpn_of([0.5] * 5).filter(pl.col("ts") != START + 2 * HOUR), model(START), SETTINGS, first=START,
                  own=NO_BINS)  # fmt: skip


def test_a_day_without_rows_is_empty():
    """Before the frontier reaches a day there is nothing to continue, and nothing to complain of."""
    found = binned(rpn_of([0.5] * 24), model(START), first=START + DAY)
    assert found.is_empty()


def test_every_model_in_use_was_known_at_the_start_of_the_hour():
    """G-CAUSAL-3: train_end was available by the fit, and the fit is not after the hour."""
    tables = one_pass(smoothed(200 * 24))
    used = tables["bins"].join(tables["models"].select(model_time="ts", train_end="train_end"), on="model_time")
    assert used.height > 1000
    assert used.filter(pl.col("model_time") > pl.col("ts")).is_empty()
    assert used.filter(pl.col("train_end") + SETTINGS.delay > pl.col("model_time")).is_empty()
