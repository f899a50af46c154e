"""Tables in numbers, and how old each is (btc.md 12 and 15)."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from market_assets.btc import readers, schemas
from market_assets.core import clock
from market_assets.core.errors import NotMaterialised, UnknownName
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc.stored import BTC, FIRST, HOUR, at, hours, labels, outcomes, table, write


@pytest.fixture
def store(home):
    """The store that the readers find by the settings."""
    return open_store(settings())


def test_statistics_of_a_table_without_data_name_the_command(store):
    """The summaries, which are of all tables, count 0 instead."""
    with pytest.raises(NotMaterialised, match="--select btc_bins"):
        readers.get_feature_stats("bins")
    found = readers.get_pipeline_status()
    assert set(found["tables"]) == {declared.contract().name for declared in schemas.TABLES}
    assert {(state["record_count"], state["status"]) for state in found["tables"].values()} == {(0, "empty")}
    assert found["data_summary"]["performance"] == []
    assert found["data_summary"]["tables"]["btc_rpn"]["null_share"]["kalman_diff"] is None


def test_statistics_of_a_table(store):
    """With or without the prefix; state is not counted."""
    write(store, rpn=table(schemas.BtcRpn, hours(4), kalman_diff=[None, 1.0, 2.0, 3.0], st_long_x=1.0))
    found = readers.get_feature_stats("rpn")
    assert (found["earliest"], found["latest"], found["count"]) == (at(0), at(3), 4)
    assert (found["null_share"]["kalman_diff"], found["null_share"]["is_warm"]) == (0.25, 0.0)
    assert found["columns"]["kalman_diff"] == "Float64"
    assert "st_long_x" not in found["columns"]
    assert readers.get_feature_stats("btc_rpn") == found
    with pytest.raises(UnknownName, match=r"did you mean .*rpn"):
        readers.get_feature_stats("rpm")


def test_the_summary_counts_classes_and_measures_thirty_days(store):
    """Signal distribution over all hours, performance over the last 720."""
    spoken, known = outcomes(24 * 3)
    write(store, signals=spoken, labels=known)
    now = at(24 * 3) + timedelta(minutes=15)
    with clock.frozen(now):
        found = readers.get_data_summary()
        expected = readers.get_performance_metrics(720)
    classes = spoken["signal_class"].cast(pl.String).to_list()
    assert found["signal_distribution"] == {name: classes.count(name) for name in schemas.SIGNAL_CLASSES}
    assert found["performance"] == expected.to_dicts()
    assert found["tables"]["btc_signals"]["count"] == 72
    assert found["tables"]["btc_price"]["count"] == 0


def status(name, now):
    with clock.frozen(now):
        return readers.get_pipeline_status()["tables"][name]["status"]


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, "ok"), (2.0, "ok"), (2.01, "late"), (6.0, "late"), (6.01, "stale")]
)
@pytest.mark.parametrize("name", ["price", "processed", "signals"])
def test_an_hourly_table_is_late_after_two_hours_and_stale_after_six(store, name, age, expected):
    """Since its newest row became available, not since the hour itself."""
    declared = {"price": schemas.BtcPrice, "processed": schemas.BtcProcessed, "signals": schemas.BtcSignals}[name]
    write(store, **{name: table(declared, hours(30))})
    now = at(29) + BTC.delay + age * HOUR
    assert status(f"btc_{name}", now) == expected
    assert readers.get_table_states(now)[f"btc_{name}"]["age_hours"] == pytest.approx(age)


@pytest.mark.parametrize(("age", "expected"), [(36.0, "ok"), (36.1, "late"), (500.0, "late")])
def test_labels_are_judged_by_their_longest_horizon(store, age, expected):
    """Shorter ones are newer, also in partitions of their own; there is no stale."""
    write(store, labels=pl.concat([labels(hours(3), 24, [0.1] * 3), labels(hours(3, at(48)), 1, [0.1] * 3)]))
    assert status("btc_labels", at(2) + age * HOUR) == expected


@pytest.mark.parametrize(("days", "expected"), [(8.0, "ok"), (8.1, "late"), (28.0, "late"), (28.1, "stale")])
def test_models_are_judged_by_the_newest_usable_one(store, days, expected):
    """A week without a model is no model."""
    monday = datetime(2024, 6, 3, tzinfo=UTC)
    ts = [monday, monday + timedelta(days=7)]
    made = table(schemas.BtcBinModels, ts, method="kmeans_trailing", status=["ok", "too_few_rows"], available_at=ts)
    write(store, bin_models=made)
    assert status("btc_bin_models", monday + timedelta(days=days)) == expected


def test_models_of_which_none_is_usable_are_no_models(store):
    """Empty: nothing could be used, though rows are counted."""
    monday = datetime(2024, 6, 3, tzinfo=UTC)
    made = table(schemas.BtcBinModels, [monday], method="kmeans_trailing", status="too_few_rows", available_at=[monday])
    write(store, bin_models=made)
    state = readers.get_table_states(monday)["btc_bin_models"]
    assert (state["count"], state["status"], state["age_hours"]) == (1, "empty", None)


@pytest.mark.parametrize(("age", "expected"), [(26.0, "ok"), (26.1, "late"), (30.1, "stale")])
def test_performance_may_be_a_day_older_than_hourly_tables(store, age, expected):
    """It is known once a day."""
    known = at(24) + timedelta(minutes=10)
    row = table(
        schemas.BtcSignalPerformance, [FIRST], available_at=[known], window_h=168, signal_class="ALL", horizon_h=1
    )
    write(store, signal_performance=row)
    assert status("btc_signal_performance", known + age * HOUR) == expected


def test_the_state_at_an_earlier_instant_is_that_of_what_was_known_then(store):
    """Rows that became available later do not count, and nothing is younger than it could be."""
    write(store, processed=table(schemas.BtcProcessed, hours(60)))
    state = readers.get_table_states(at(30) + BTC.delay)["btc_processed"]
    assert (state["count"], state["earliest"], state["latest"]) == (31, at(0), at(30))
    assert (state["age_hours"], state["status"]) == (0.0, "ok")
    before = readers.get_table_states(at(0))["btc_processed"]
    assert (before["count"], before["latest"], before["status"]) == (0, None, "empty")


def test_thresholds_are_of_the_settings(store, monkeypatch):
    """max_age_hours and stale_hours."""
    write(store, processed=table(schemas.BtcProcessed, hours(3)))
    monkeypatch.setenv("MARKET_ASSETS_BTC__PROCESSING__MAX_AGE_HOURS", "10")
    monkeypatch.setenv("MARKET_ASSETS_BTC__PROCESSING__STALE_HOURS", "11")
    settings.cache_clear()
    newest = at(2) + BTC.delay
    found = [readers.get_table_states(newest + age * HOUR)["btc_processed"]["status"] for age in (9.9, 10.5, 11.1)]
    assert found == ["ok", "late", "stale"]


def test_reach_and_count_are_over_all_partitions(store):
    """An empty newest partition changes nothing."""
    declared = schemas.BtcProcessed.contract()
    write(store, processed=table(schemas.BtcProcessed, hours(30)))
    store.write(declared, "2024-06-03", declared.empty())
    state = readers.get_table_states(at(31))["btc_processed"]
    assert (state["earliest"], state["latest"], state["count"], state["status"]) == (at(0), at(29), 30, "ok")
