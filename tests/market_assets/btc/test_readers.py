"""Readers that answer with frames, and what holds of every reader (btc.md 12)."""

import subprocess
import sys
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market_assets.btc import readers, schemas
from market_assets.btc.legacy import LEGACY
from market_assets.btc.readers_training import feature_names
from market_assets.btc.transforms import performance
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc.stored import (
    BTC,
    FIRST,
    at,
    features,
    hours,
    labels,
    outcomes,
    table,
    training_rows,
    write,
)

FRAMES = {
    "get_raw_data": (readers.get_raw_data, "btc_price"),
    "get_processed_data": (readers.get_processed_data, "btc_processed"),
    "get_all_features": (readers.get_all_features, "btc_processed"),
    "get_latest_signals": (readers.get_latest_signals, "btc_processed"),
    "get_performance_metrics": (readers.get_performance_metrics, "btc_signals"),
    "get_training_data": (readers.get_training_data, "btc_training_data"),
}
RANGED = (readers.get_raw_data, readers.get_processed_data, readers.get_all_features)


@pytest.fixture
def store(home):
    """The store that the readers find by the settings."""
    return open_store(settings())


def versions(ts, prices, arrived, **columns):
    return table(schemas.BtcPrice, ts, price=prices, ingested_at=arrived, **columns)


def volumes(ts, longs, arrived, **columns):
    return table(schemas.BtcLiquidations, ts, long_liquidations=longs, ingested_at=arrived, **columns)


def test_raw_data_are_the_values_in_use(store):
    """Price left join liquidations: the first version that is not null and not late, one row an hour."""
    write(
        store,
        price=versions(
            [at(0), at(0), at(0), at(1), at(2)],
            [None, 100.0, 105.0, 101.0, None],
            [at(2), at(3), at(9), at(3), at(4)],
            is_late=[False, False, True, False, False],
        ),
        liquidations=volumes([at(0), at(2), at(3)], [0.0, 7.0, 8.0], [at(2), at(4), at(5)]),
    )
    found = readers.get_raw_data(FIRST, at(5))
    assert found.select("ts", "price", "long_liquidations").rows() == [
        (at(0), 100.0, 0.0), (at(1), 101.0, None), (at(2), None, 7.0),
    ]  # fmt: skip
    assert found.columns == [
        *("ts", "available_at", "price", "open", "high", "low", "close", "long_liquidations", "short_liquidations")
    ]


@pytest.mark.parametrize(("as_of", "price"), [(at(1), ...), (at(2), None), (at(3), 100.0), (at(30), 100.0)])
def test_raw_data_as_of_an_instant_are_what_had_arrived(store, as_of, price):
    """The hour exists once it is published and stored; its value once that had arrived."""
    write(
        store,
        price=versions([at(0), at(0)], [None, 100.0], [at(2), at(3)]),
        liquidations=volumes([at(0)], [1.0], [at(2)]),
    )
    assert readers.get_raw_data(FIRST, at(5), as_of)["price"].to_list() == ([] if price is ... else [price])


def test_raw_data_are_asked_for_by_earlier_names(store):
    """And answered with the stored ones."""
    write(store, price=versions([FIRST], [9.0], [at(2)]), liquidations=volumes([FIRST], [1.5], [at(2)]))
    found = readers.get_raw_data(FIRST, at(1), columns=["time", "futures_long_liquidations"])
    assert found.to_dicts() == [{"ts": FIRST, "long_liquidations": 1.5}]


def test_features_stand_side_by_side_by_hour(store):
    """Each column once, no state; an hour that a later table lacks is null there."""
    frames = features(hours(30))
    frames["signals"] = frames["signals"].filter(pl.col("ts") < at(29))
    write(store, **frames)
    found = readers.get_all_features(at(26), at(40))
    assert found.select("ts", "price", "bin_index", "signal_l1").rows() == [
        (at(26), 126.0, 8, 0), (at(27), 127.0, 0, 0), (at(28), 128.0, 1, 0), (at(29), 129.0, 2, None),
    ]  # fmt: skip
    assert len(found.columns) == len(set(found.columns))
    assert [name for name in found.columns if name.startswith("st_")] == []
    everything = {name for frame in frames.values() for name in frame.columns if not name.startswith("st_")}
    assert set(found.columns) == everything


def test_a_table_is_joined_by_time_not_by_position(store):
    """Bins begin later than prices."""
    frames = features(hours(6))
    frames["bins"] = frames["bins"].filter(pl.col("ts") >= at(4))
    write(store, **frames)
    assert readers.get_all_features(FIRST, at(5))["bin_index"].to_list() == [None, None, None, None, 4, 5]


@pytest.mark.parametrize(
    ("groups", "has", "lacks"),
    [
        (["processed"], "price", "risk_priority_number"),
        (["signals", "rpn"], "signal_class", "price"),
        (["bins"], "bin_index", "dominance"),
    ],
)
def test_only_the_groups_asked_for_are_read(store, groups, has, lacks):
    """Tables of other groups need not exist."""
    write(store, **{name: frame for name, frame in features(hours(2)).items() if name in groups})
    found = readers.get_all_features(FIRST, at(5), groups=groups)
    assert found.height == 2
    assert has in found.columns
    assert lacks not in found.columns


def test_an_unknown_group_or_column_lists_the_near_ones(store):
    """No group at all is a mistake too."""
    write(store, **features(hours(1)))
    with pytest.raises(UnknownName, match="did you mean signals"):
        readers.get_all_features(FIRST, at(1), groups=["signal"])
    with pytest.raises(InvalidRequest, match="was empty"):
        readers.get_all_features(FIRST, at(1), groups=[])
    with pytest.raises(UnknownName, match=r"did you mean .*long_volume"):
        readers.get_processed_data(FIRST, at(1), columns=["long_volum"])
    with pytest.raises(UnknownName, match="st_long_x"):
        readers.get_all_features(FIRST, at(1), columns=["st_long_x"])


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (at(3), at(5), 3, 5),
        (date(2024, 6, 2), date(2024, 6, 2), 24, 47),
        ("2024-06-01T20:00:00Z", "2024-06-02", 20, 47),
        (None, at(10), 0, 10),
        (at(70), None, 70, 71),
        (None, None, 0, 71),
    ],
)
def test_ranges_are_inclusive(store, start, end, first, last):
    """A date as an end is its whole day; without an end it is now, without a start thirty days before the end."""
    write(store, processed=features(hours(72))["processed"])
    with clock.frozen(at(80)):
        found = readers.get_processed_data(start, end)
    assert (found["ts"].min(), found["ts"].max(), found.height) == (at(first), at(last), last - first + 1)


def test_the_default_range_is_of_the_settings(store, monkeypatch):
    """processing.default_days_back days, ending now."""
    write(store, processed=features(hours(72))["processed"])
    monkeypatch.setenv("MARKET_ASSETS_BTC__PROCESSING__DEFAULT_DAYS_BACK", "1")
    settings.cache_clear()
    with clock.frozen(at(60)):
        assert readers.get_processed_data()["ts"].to_list() == hours(25, at(36))


@pytest.mark.parametrize("read", RANGED)
@pytest.mark.parametrize(
    "asked",
    [
        {"start": datetime(2024, 6, 1)},
        {"end": datetime(2024, 6, 2)},
        {"end": "2024-06-01T05:00:00"},
        {"start": FIRST, "end": at(5), "as_of": datetime(2024, 6, 2)},
        {"start": at(2), "end": at(1)},
        {"start": "soon"},
    ],
)
def test_naive_and_impossible_moments_are_refused(store, read, asked):
    """As a ValueError, before anything is answered."""
    write(store, price=versions([FIRST], [1.0], [at(2)]), liquidations=volumes([FIRST], [1.0], [at(2)]))
    write(store, **features(hours(1)))
    with pytest.raises(InvalidRequest):
        read(**asked)


def test_as_of_keeps_what_could_be_known(store):
    """To the microsecond of its availability."""
    write(store, **features(hours(3)))
    known = at(2) + timedelta(minutes=10)
    assert readers.get_all_features(FIRST, at(9), as_of=known)["ts"].to_list() == [at(0), at(1)]
    just_before = known - timedelta(microseconds=1)
    assert readers.get_processed_data(FIRST, at(9), just_before)["ts"].to_list() == [at(0)]


@pytest.mark.parametrize("name", FRAMES)
def test_a_table_without_data_names_the_command(store, name):
    """Nothing was computed yet: that is no empty answer."""
    read, needed = FRAMES[name]
    with pytest.raises(NotMaterialised, match=rf"dagster asset materialize .*--select {needed} --partition"):
        read()


def test_latest_signals_are_those_that_spoke_newest_first(store):
    """Any level other than 0 counts; hours without one, and hours that are not known, do not."""
    levels = {
        "signal_l1": [0, 1, 0, 0, None, -1],
        "signal_l2": [0, 0, -1, 0, None, 0],
        "signal_l3": [0, 0, 0, 0, None, 1],
    }
    write(store, **features(hours(6), **levels))
    found = readers.get_latest_signals(24, at(8))
    assert found.select("ts", "price", "signal_l1").rows() == [(at(5), 105.0, -1), (at(2), 102.0, 0), (at(1), 101.0, 1)]
    assert found.columns == [
        *("ts", "available_at", "price", "risk_priority_number", "bin_index", "dominance_class", "signal_class"),
        *("hit_ceiling_bottom", "reverse_ceiling_bottom", "signal_l1", "signal_l2", "signal_l3", "signal_strength"),
    ]


@pytest.mark.parametrize(
    ("now", "spoke"),
    [
        (at(4) + timedelta(minutes=10), [3, 2]),
        (at(4) + timedelta(minutes=9), [2, 1]),
        (at(40), []),
    ],
)
def test_latest_signals_became_known_within_the_hours(store, now, spoke):
    """now - hours < available_at <= now: the row of an hour is known 1 h 10 min after its start."""
    write(store, **features(hours(5), signal_l1=1))
    assert readers.get_latest_signals(2, now)["ts"].to_list() == [at(k) for k in spoke]


@pytest.mark.parametrize("asked", [{"hours": 0}, {"hours": -1}, {"now": datetime(2024, 6, 2)}])
def test_latest_signals_of_no_time_are_refused(store, asked):
    """Hours above 0, an instant with its zone."""
    write(store, **features(hours(1)))
    with pytest.raises(InvalidRequest):
        readers.get_latest_signals(**asked)


def test_performance_is_computed_as_the_table_is(store):
    """At the instant of a day's row it is that row, for a window of the table."""
    spoken, known = outcomes(24 * 10)
    write(store, signals=spoken, labels=known)
    day = date(2024, 6, 9)
    stored = performance.performance(spoken, known, BTC, days=[day], now=at(24 * 30)).filter(window_h=168)
    as_of = at(24 * 9) + timedelta(minutes=10)
    assert_frame_equal(readers.get_performance_metrics(168, as_of), stored)
    with clock.frozen(as_of):
        assert_frame_equal(readers.get_performance_metrics(), stored)


def test_performance_of_any_window_ends_with_the_last_known_hour(store):
    """Five hours before 03:30: the hours 22 to 02, of which 02 is known since 03:10."""
    spoken, known = outcomes(48)
    write(store, signals=spoken, labels=known)
    found = readers.get_performance_metrics(5, at(27.5))
    base = found.filter(signal_class="ALL", horizon_h=1)
    assert base.select("n_signals", "n_matured", "window_h").row(0) == (5, 3, 5)
    assert base["available_at"].item() == at(27) + timedelta(minutes=10)
    before = readers.get_performance_metrics(5, at(27) + timedelta(minutes=9))
    assert before["available_at"].unique().to_list() == [at(26) + timedelta(minutes=10)], "02 is not known yet"


@pytest.mark.parametrize("hours_back", [0, -5, True, 40_000])
def test_performance_of_no_window_is_refused(store, hours_back):
    """At least an hour, at most what a row can state."""
    with pytest.raises(InvalidRequest, match="hours must be from 1 to 32767"):
        readers.get_performance_metrics(hours_back)


def test_earlier_names_are_of_columns_that_exist():
    """Section 17: an alias of nothing would be refused as if it were misspelt."""
    raw = {*schemas.BtcPrice.contract().columns, *schemas.BtcLiquidations.contract().columns}
    assert set(LEGACY.values()) <= raw | set(feature_names())
    assert not set(LEGACY) & (raw | set(feature_names())), "never a stored name"


@pytest.mark.postgres
def test_both_stores_give_the_same_answers(store, postgres_url, monkeypatch):
    """Over PostgreSQL as over the lake."""
    spoken, known = outcomes(48)
    frames = features(hours(48)) | {"signals": spoken, "labels": known, "training_data": training_rows(48)}

    def answers():
        sets = readers.get_training_data(only_signals=False, min_hours_between_signals=1)
        return {
            "features": readers.get_all_features(at(3), at(30), as_of=at(20)),
            "latest": readers.get_latest_signals(12, at(40)),
            "performance": readers.get_performance_metrics(24, at(48)),
            "test": sets.test,
        }, readers.get_table_states(at(50))

    write(store, **frames)
    expected, states = answers()
    monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", postgres_url)
    settings.cache_clear()
    write(open_store(settings()), **frames)
    found, found_states = answers()
    for name, frame in expected.items():
        assert frame.height > 0
        assert_frame_equal(found[name], frame)
    assert found_states == states


def test_readers_need_no_dagster(store):
    """Nor what is heavy: a notebook only reads."""
    write(store, **features(hours(2), signal_l1=1))
    write(store, training_data=training_rows(48), labels=labels(hours(2), 24, [0.1, 0.2]))
    code = (
        "import sys\n"
        "from market_assets.btc import export, readers\n"
        "from datetime import datetime, UTC\n"
        "print(readers.get_latest_signals(24, datetime(2024, 6, 1, 12, tzinfo=UTC)).height)\n"
        "readers.get_training_data(); readers.get_pipeline_status()\n"
        "print(sorted({'dagster', 'pandera', 'pywt', 'sklearn', 'scipy', 'plotly', 'dash'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.splitlines() == ["2", "[]"], found.stderr
