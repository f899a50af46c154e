"""The btc graph over a real HTTP sandbox: what a run stores, and what the next hour changes."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.btc import schemas
from market_assets.btc.transforms.raw import canonical
from market_assets.core import clock
from tests.desk import failed_checks, reason, told
from tests.market_assets.btc.conftest import DAILY, FROM_BINS, OBSERVED, OUTCOMES, TO_RPN, Bitcoin

HOUR = timedelta(hours=1)
FEATURES = ("btc_processed", "btc_rpn", "btc_bins", "btc_dominance", "btc_signals")


def instant(text: str) -> datetime:
    """A UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def one_hour_per_row(desk_rows: pl.DataFrame) -> bool:
    """Whether a table has every hour once."""
    return bool((desk_rows["ts"].diff().drop_nulls() == HOUR).all())


def test_every_elapsed_hour_has_a_row(bitcoin: Bitcoin) -> None:
    """At 12:20 the row of 11:00 is not out yet (12:10 would be its time, and it is): 11:00 is the newest."""
    for table in FEATURES:
        rows = bitcoin.desk.read(table)
        assert one_hour_per_row(rows), table
        assert (rows["ts"][0], rows["ts"][-1]) == (instant("2021-02-01 00:00"), instant("2021-03-10 11:00")), table
        assert (rows["available_at"] - rows["ts"] == timedelta(hours=1, minutes=10)).all(), table


def test_the_unfinished_hour_is_not_stored(bitcoin: Bitcoin) -> None:
    """The vendor also serves the hour that is still being built: 12:00 at 12:20."""
    for table in OBSERVED:
        assert bitcoin.desk.read(table)["ts"].max() == instant("2021-03-10 11:00")


def test_warm_up_is_null_and_ends_where_the_specification_says(bitcoin: Bitcoin) -> None:
    """G-RPN-1: first trend 2021-02-23 02:00, first warm row 2021-03-03 09:00, with an uninterrupted history."""
    rows = bitcoin.desk.read("btc_rpn")
    assert rows.filter(pl.col("trend_long").is_not_null())["ts"].min() == instant("2021-02-23 02:00")
    assert rows.filter("is_warm")["ts"].min() == instant("2021-03-03 09:00")


def test_before_the_first_model_there_is_no_bin_and_no_signal(bitcoin: Bitcoin) -> None:
    """Unknown stays null all the way: no class, no sign, no strength."""
    models = bitcoin.desk.read("btc_bin_models")
    assert models["status"].cast(pl.String).unique().to_list() == ["too_few_rows"]
    signals = bitcoin.desk.read("btc_signals")
    assert signals["signal_class"].null_count() == signals["signal_sign"].null_count() == signals.height
    assert bitcoin.desk.read("btc_training_data").is_empty()


def test_checks_pass_on_sound_data(bitcoin: Bitcoin) -> None:
    """Nothing is wrong with a simulated month."""
    found = {name: failed_checks(results, name) for name, results in bitcoin.results.items()}
    for name in ("btc_bin_models", "btc_training_data"):
        assert found.pop(name) == {"freshness": "WARN"}, "there is no usable model yet, and so no training row"
    assert [name for name, failed in found.items() if failed] == []


def test_one_request_brings_the_whole_range(fresh: Bitcoin) -> None:
    """Thirty-eight days cost one request an endpoint."""
    fresh.run(*OBSERVED)
    asked = fresh.desk.sandbox.asked("glassnode")
    assert {path.rsplit("/", 1)[-1]: n for path, n in asked.items() if "metadata" not in path} == {
        "price_usd_close": 1,
        "futures_liquidated_volume_long_sum": 1,
        "futures_liquidated_volume_short_sum": 1,
    }


def test_an_event_tells_what_was_asked_and_found(bitcoin: Bitcoin) -> None:
    """Rows, span, digest and completeness of each day stand in its materialisation event."""
    events = told(bitcoin.results["btc_liquidations"], "btc_liquidations")
    whole, today = events["2021-03-09"], events["2021-03-10"]
    assert (whole["dagster/row_count"], whole["expected_rows"], whole["complete"]) == (24, 24, True)
    assert (today["dagster/row_count"], today["expected_rows"], today["complete"]) == (12, 12, False)
    assert [request["endpoint"].rsplit("_", 2)[1] for request in whole["answers"]] == ["long", "short"]


def test_the_outcome_of_an_hour_is_stored_when_it_is_known(bitcoin: Bitcoin) -> None:
    """At 12:20 the 1 h outcome of 09:00 is known (entry 11:00, exit 12:00, published 12:10), that of 10:00 is not."""
    labels = bitcoin.desk.read("btc_labels")
    newest = labels.group_by("horizon_h").agg(pl.col("ts").max()).sort("horizon_h")["ts"].to_list()
    assert newest == [instant("2021-03-10 09:00"), instant("2021-03-10 04:00"), instant("2021-03-09 10:00")]
    assert (labels["available_at"] <= clock.now()).all()


def test_performance_of_a_day_is_stored_after_the_day(bitcoin: Bitcoin) -> None:
    """Today's window is not over: its partition is empty, yesterday's has every class."""
    rows = bitcoin.desk.read("btc_signal_performance")
    assert rows["ts"].max() == instant("2021-03-09")
    assert (rows["available_at"] <= clock.now()).all()


def test_the_next_hour_adds_rows_and_changes_none(growing: Bitcoin) -> None:
    """An hourly run over the last three days: what was stored stays bit for bit."""
    growing.at("2021-03-10T12:20:00Z")
    growing.run(*DAILY, first="2021-03-08")
    before = {table: growing.desk.read(table) for table in FEATURES}
    growing.at("2021-03-10T13:20:00Z")
    results = growing.run(*DAILY, first="2021-03-08")
    for table in FEATURES:
        after = growing.desk.read(table)
        assert after["ts"].max() == instant("2021-03-10 12:00")
        assert_frame_equal(after.head(before[table].height), before[table], check_exact=True)
        assert failed_checks(results, table) == {}
    assert told(results, "btc_rpn")["2021-03-08"]["unchanged"]


def test_a_day_over_midnight_equals_the_whole_history_at_once(growing: Bitcoin, bitcoin: Bitcoin) -> None:
    """G-STATE-1 on the graph: two days brought up in three runs are those of one pass over everything."""
    for hour in ("2021-03-09T05:20", "2021-03-10T00:20", "2021-03-10T12:20"):
        growing.at(f"{hour}:00Z")
        growing.run(*TO_RPN, *FROM_BINS, first="2021-03-08")
    for table in FEATURES:
        assert_frame_equal(growing.desk.read(table), bitcoin.desk.read(table), check_exact=True)


def test_an_hour_two_hours_late_is_waited_for_and_used(growing: Bitcoin) -> None:
    """G-STATE-2: rows end before the late hour; once it is there they go on, with its value."""
    growing.desk.sandbox.fault("glassnode:late:dates=2021-03-10T08:hours=2")
    growing.at("2021-03-10T10:20:00Z")
    growing.run(*TO_RPN, first="2021-03-08")
    assert growing.desk.read("btc_rpn")["ts"].max() == instant("2021-03-10 07:00")
    growing.at("2021-03-10T11:20:00Z")
    growing.run(*TO_RPN, first="2021-03-08")
    rows = growing.desk.read("btc_processed")
    assert rows["ts"].max() == instant("2021-03-10 10:00")
    late = rows.filter(pl.col("ts") == instant("2021-03-10 08:00"))
    assert not late["is_filled"][0]
    assert late["price"][0] is not None


def test_an_hour_eight_hours_late_is_kept_and_not_used(growing: Bitcoin) -> None:
    """G-STATE-2: after six hours what is known stands; the value that comes later is marked and warned of."""
    growing.desk.sandbox.fault("glassnode:late:dates=2021-03-10T02:hours=8")
    growing.at("2021-03-10T08:20:00Z")
    growing.run(*TO_RPN, *FROM_BINS, first="2021-03-08")
    assert growing.desk.read("btc_rpn")["ts"].max() == instant("2021-03-10 01:00")
    growing.at("2021-03-10T10:20:00Z")
    growing.run(*TO_RPN, *FROM_BINS, first="2021-03-08")
    gone = growing.desk.read("btc_processed").filter(pl.col("ts") == instant("2021-03-10 02:00"))
    assert (gone["price"][0], gone["is_filled"][0]) == (None, True)
    before = {table: growing.desk.read(table) for table in FEATURES}
    growing.at("2021-03-10T12:20:00Z")
    results = growing.run(*TO_RPN, *FROM_BINS, first="2021-03-08")
    versions = growing.desk.read("btc_price").filter(pl.col("ts") == instant("2021-03-10 02:00"))
    assert versions["is_late"].to_list() == [False] * (versions.height - 1) + [True]
    assert versions["price"][-1] is not None
    assert failed_checks(results, "btc_price")["no_revision"] == "WARN"
    for table in FEATURES:
        assert_frame_equal(growing.desk.read(table).head(before[table].height), before[table], check_exact=True)


def test_a_restated_hour_is_seen_and_history_stays(growing: Bitcoin) -> None:
    """A vendor's revision is a second version; `as_of` reads what was known, and no feature moves."""
    growing.at("2021-03-10T12:20:00Z")
    growing.run(*TO_RPN, first="2021-03-08")
    seen_at = growing.desk.store.manifest(schemas.BtcPrice.contract(), "2021-03-09")
    assert seen_at is not None
    before = growing.desk.read("btc_rpn")
    growing.desk.sandbox.fault("glassnode:correction:date=2021-03-09:factor=1.02")
    growing.at("2021-03-10T13:20:00Z")
    results = growing.run(*TO_RPN, first="2021-03-08")
    versions = growing.desk.read("btc_price", "2021-03-09")
    assert versions["is_late"].sum() == 24
    assert growing.desk.read("btc_price", "2021-03-09", as_of=seen_at.published_at)["is_late"].sum() == 0
    used = canonical(versions, ["price"])["price"]
    late = versions.filter("is_late")["price"]
    assert ((late / used - 1.02).abs() < 1e-6).all()
    assert failed_checks(results, "btc_price") == {"no_revision": "WARN"}
    assert_frame_equal(growing.desk.read("btc_rpn").head(before.height), before, check_exact=True)


def test_a_missing_day_before_stops_the_filters(fresh: Bitcoin) -> None:
    """G-STATE-3: nothing is initialised anew; the run says which hour it continues from and what to do."""
    fresh.run(*OBSERVED, "btc_processed", last="2021-02-21")
    (result,) = fresh.run("btc_rpn", first="2021-02-20", last="2021-02-21", succeed=False)
    assert not result.success
    assert "continues from the stored row of 2021-02-19 23:00Z, which is not there" in reason(result)
    assert fresh.desk.stored("btc_rpn") == []


def test_other_settings_do_not_continue_stored_rows(growing: Bitcoin) -> None:
    """Rows of two feature versions are never mixed: the run asks for a rebuild from the start."""
    before = growing.desk.bytes_of("btc_rpn")
    growing.desk.set(MARKET_ASSETS_BTC__FEATURES__RPN__KALMAN_Q="0.07")
    (result,) = growing.run("btc_rpn", first="2021-03-08", succeed=False)
    assert "the settings or the code changed" in reason(result)
    assert growing.desk.bytes_of("btc_rpn") == before
    growing.run("btc_processed", "btc_rpn")
    assert growing.desk.read("btc_rpn")["feature_version"].n_unique() == 1


def test_bins_wait_for_the_week_s_model(fresh: Bitcoin) -> None:
    """A model of any status must be there for every week written; a fit that is late is not passed over."""
    fresh.at("2021-02-16T06:20:00Z")
    fresh.run(*TO_RPN)
    fresh.desk.materialize("btc_bin_models", keys=["2021-02-01", "2021-02-08"])
    (result,) = fresh.run("btc_bins", last="2021-02-15", succeed=False)
    assert "2021-02-15" in reason(result)
    assert fresh.desk.stored("btc_bins") == []
    fresh.run("btc_bins", last="2021-02-14")
    assert len(fresh.desk.stored("btc_bins")) == 14


def test_a_fit_waits_for_its_last_hours(fresh: Bitcoin) -> None:
    """Monday's model needs Sunday 22:00; without it the run says so and nothing is stored."""
    fresh.at("2021-02-14T20:20:00Z")
    fresh.run(*TO_RPN)
    fresh.at("2021-02-15T00:20:00Z")
    (result,) = fresh.desk.materialize("btc_bin_models", keys=["2021-02-15"], succeed=False)
    assert "2021-02-14 22:00" in reason(result)
    assert fresh.desk.stored("btc_bin_models") == []


def test_a_stored_model_is_not_fitted_again(growing: Bitcoin) -> None:
    """Materialising the week again gives the same row."""
    before = growing.desk.bytes_of("btc_bin_models")
    (result,) = growing.desk.materialize("btc_bin_models", keys=["2021-03-01", "2021-03-08"])
    assert growing.desk.bytes_of("btc_bin_models") == before
    assert all(event["unchanged"] for event in told([result], "btc_bin_models").values())


@pytest.mark.parametrize("assets", [TO_RPN, (*FROM_BINS,), (*OUTCOMES,)], ids=["to rpn", "from bins", "outcomes"])
def test_materialising_again_changes_nothing(bitcoin: Bitcoin, assets: tuple[str, ...]) -> None:
    """Same raw answers, same bytes: digest, file and version stay."""
    before = {name: bitcoin.desk.bytes_of(name) for name in assets}
    results = bitcoin.run(*assets, first="2021-03-05", last="2021-03-08")
    assert {name: bitcoin.desk.bytes_of(name) for name in assets} == before
    for name in assets:
        assert all(event["unchanged"] for event in told(results, name).values()), name
