"""Weekly fits of the RPN's edges, on what was known at the instant of the fit (btc.md 5.1)."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from market_assets.btc.schemas import BtcBinModels
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_models
from market_assets.btc.transforms.state import RowsNotReady
from tests.market_assets.btc.transforms.rpn_frames import DAY, FIRST_WARM, HOUR, SETTINGS, WEEK, mondays, smoothed

MONDAY = datetime(2021, 8, 2, tzinfo=UTC)


def chosen(**fields) -> BtcSettings:
    """The default settings with other bin settings."""
    return BtcSettings.model_validate({"features": {"bin": fields}})


def history(until: datetime, **fields) -> pl.DataFrame:
    """btc_rpn from the start up to, not including, `until`."""
    return smoothed((until - SETTINGS.start) // HOUR, **fields)


def fitted(rpn, *fit_times, settings=SETTINGS):
    return BtcBinModels.contract().validate(bin_models.fit(rpn, settings, fit_times))


def test_the_first_model_of_a_full_history():
    """G-BIN-4: with warm rows from 2021-03-03 09:00 on, the first ok model is that of Monday 2021-06-07."""
    rpn = history(datetime(2021, 6, 21, tzinfo=UTC))
    assert rpn.filter("is_warm")["ts"][0] == datetime(2021, 3, 3, 9, tzinfo=UTC)
    models = fitted(rpn, *mondays(datetime(2021, 6, 21, tzinfo=UTC)))
    assert models.filter(pl.col("status") == "ok")["ts"][0] == datetime(2021, 6, 7, tzinfo=UTC)
    assert set(models.filter(pl.col("ts") < datetime(2021, 6, 7, tzinfo=UTC))["status"]) == {"too_few_rows"}
    of_status = models.select("status", known=pl.col("centers").is_not_null())
    assert of_status.filter(pl.col("known") != (pl.col("status") == "ok")).is_empty()


def test_what_a_row_says():
    """Times are the fit's; the training rows are the warm ones that were available, with a 10-minute lag to 22:00."""
    row = fitted(history(MONDAY), MONDAY).row(0, named=True)
    assert row["ts"] == row["available_at"] == MONDAY
    assert row["train_start"] == SETTINGS.start + FIRST_WARM * HOUR
    assert row["train_end"] == MONDAY - 2 * HOUR
    assert row["n_train"] == (MONDAY - 2 * HOUR - row["train_start"]) // HOUR + 1
    assert (row["status"], row["method"]) == ("ok", "kmeans_trailing")
    assert (len(row["centers"]), len(row["edges"])) == (9, 8)
    assert row["feature_version"] == SETTINGS.feature_version


def test_the_training_window_is_a_year():
    """Rows from fit_time - 8,760 h on count, the one before does not."""
    fit_time = datetime(2022, 8, 1, tzinfo=UTC)
    assert fitted(history(fit_time), fit_time)["train_start"][0] == fit_time - 8760 * HOUR


def test_inertia_is_the_mean_squared_distance():
    """numpy as oracle: each warm RPN against the nearest center."""
    rpn = history(MONDAY)
    row = fitted(rpn, MONDAY).row(0, named=True)
    learnt = rpn.filter(pl.col("is_warm") & (pl.col("ts") <= MONDAY - 2 * HOUR))["risk_priority_number"].to_numpy()
    distance = np.abs(learnt[:, None] - np.array(row["centers"])[None, :]).min(axis=1)
    assert row["inertia"] == pytest.approx(np.mean(distance**2), rel=1e-9)


@pytest.mark.parametrize("extreme", [0.0, 1.0, None])
def test_rows_that_were_not_available_do_not_change_a_fit(extreme):
    """G-BIN-3: the hour before the fit is published ten minutes after it, and counts for nothing."""
    rpn = history(MONDAY + 3 * DAY)
    late = pl.col("available_at") > MONDAY
    assert rpn.filter(late)["ts"][0] == MONDAY - HOUR
    changed = rpn.with_columns(
        risk_priority_number=pl.when(late).then(pl.lit(extreme, pl.Float64)).otherwise("risk_priority_number")
    )
    assert fitted(changed, MONDAY).equals(fitted(rpn.filter(~late), MONDAY))


def test_the_newest_available_row_does_change_a_fit():
    """The row two hours before the fit is in it: the test above can fail."""
    rpn = history(MONDAY)
    newest = pl.col("ts") == MONDAY - 2 * HOUR
    changed = rpn.with_columns(risk_priority_number=pl.when(newest).then(1.0).otherwise("risk_priority_number"))
    assert fitted(changed, MONDAY)["inertia"][0] != fitted(rpn, MONDAY)["inertia"][0]


def test_cold_and_unknown_rows_are_not_learnt_from():
    """Warm rows with a known RPN count; a null is not zero."""
    rpn = history(MONDAY, gaps=[range(2000, 2029)])
    cold = rpn.with_columns(is_warm=pl.col("is_warm") & (pl.col("ts") >= SETTINGS.start + 1500 * HOUR))
    whole = (MONDAY - 2 * HOUR - SETTINGS.start) // HOUR + 1
    assert fitted(rpn, MONDAY)["n_train"][0] == whole - FIRST_WARM - 29
    assert fitted(cold, MONDAY)["n_train"][0] == whole - 1500 - 29
    assert fitted(cold, MONDAY)["train_start"][0] == SETTINGS.start + 1500 * HOUR


def test_a_fit_waits_for_its_rows():
    """Without the row 22:00 of Sunday the fit of Monday is not ready; a null row there is enough."""
    rpn = history(MONDAY - 2 * HOUR)
    with pytest.raises(RowsNotReady, match=r"2021-08-02 00:00Z .* 2021-08-01 22:00Z; 2021-08-01 22:00Z has no row"):
        bin_models.fit(rpn, SETTINGS, [MONDAY])
    row = history(MONDAY - HOUR).tail(1).with_columns(risk_priority_number=pl.lit(None, pl.Float64))
    assert fitted(pl.concat([rpn, row]), MONDAY)["train_end"][0] == MONDAY - 3 * HOUR


def test_a_hole_in_the_training_window_is_not_ready():
    """An absent row is not an unknown one: it may still come."""
    hole = SETTINGS.start + 3000 * HOUR
    with pytest.raises(RowsNotReady, match="2021-06-06 00:00Z has no row"):
        bin_models.fit(history(MONDAY).filter(pl.col("ts") != hole), SETTINGS, [MONDAY])


def test_a_longer_lag_leaves_newer_rows_out():
    """With a lag of 90 minutes the newest row of a fit at 00:00 is that of 21:00."""
    slow = BtcSettings.model_validate({"publication_lag_minutes": 90})
    rpn = smoothed((MONDAY - SETTINGS.start) // HOUR, settings=slow)
    assert fitted(rpn, MONDAY, settings=slow)["train_end"][0] == MONDAY - 3 * HOUR


def test_history_that_starts_at_the_fit_has_too_few_rows():
    """The first Monday has nothing to learn from, says so, and waits for nothing."""
    row = fitted(history(SETTINGS.start + DAY).clear(), SETTINGS.start).row(0, named=True)
    assert (row["status"], row["n_train"], row["train_start"], row["centers"]) == ("too_few_rows", 0, None, None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"min_train_rows": 2999}, "ok"),
        ({"min_train_rows": 5000}, "too_few_rows"),
        ({"max_iter": 1}, "not_converged"),
        ({"method": "quantile_trailing"}, "ok"),
    ],
)
def test_status_says_why_there_is_no_model(fields, status):
    """Centers, edges and inertia are there if, and only if, the status is ok."""
    settings = chosen(**fields)
    row = fitted(smoothed((MONDAY - SETTINGS.start) // HOUR, settings=settings), MONDAY, settings=settings).row(
        0, named=True
    )
    assert row["status"] == status
    assert [row[name] is not None for name in ("centers", "edges", "inertia")] == [status == "ok"] * 3
    assert row["method"] == settings.features.bin.method


def test_a_constant_rpn_has_too_few_distinct_values():
    """A market without liquidations has RPN 0.5 throughout and no bins."""
    flat = history(MONDAY).with_columns(risk_priority_number=pl.when("is_warm").then(0.5))
    assert fitted(flat, MONDAY)["status"][0] == "too_few_distinct"


def test_models_stay_as_they_were_when_history_grows():
    """G-STATE-4: two more years of rows alter no model fitted before them."""
    whole = smoothed(3 * 8760)
    year = whole.head(8760)
    before = mondays(year["ts"].max())
    after = mondays(whole["ts"].max())
    stored = fitted(year, *before)
    assert fitted(whole, *after).filter(pl.col("ts") <= before[-1]).equals(stored)
    assert stored["status"].value_counts(sort=True)["count"].to_list() == [35, 18]
    assert after[-1] - before[-1] > 100 * WEEK
