"""Every overlay of a day: from a fixed number of bars, whatever else was loaded or is computed beside it."""

import gzip
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core.contracts import UTC_MICROS
from market_assets.crypto.schemas import ALIGNED, CryptoFeatureTelemetry, CryptoKlines, CryptoOverlays
from market_assets.crypto.settings import MINUTES, OVERLAYS, CryptoSettings
from market_assets.crypto.transforms.overlays import REGISTRY, Cost, overlays
from market_assets.crypto.transforms.timeframes import timeframes
from tests.market_assets.crypto.transforms.overlays.surroundings import stored_random

D = date(2026, 10, 5)
DAY = timedelta(days=1)
#: end of the day after D
END = datetime(2026, 10, 7, tzinfo=UTC)
#: bars of a day, and bars that make every row of D and of the day after warm
PER_DAY = {name: 1440 // minutes for name, minutes in MINUTES.items()}
ENOUGH = {name: (320 if name == "1d" else 600) + 2 * PER_DAY[name] for name in MINUTES}


class FixedMeter:
    """Every block takes the same."""

    @contextmanager
    def measure(self):
        yield Cost(started_at=END, latency_ms=2.0, cpu_ms=1.0, rss_delta_mb=0.5)


def computed(bars, *days, **settings):
    return overlays(bars, days, CryptoSettings(**settings), meter=FixedMeter())


def loaded(bars, before_d):
    """The bars of D and after, and `before_d` of each timeframe before it."""
    midnight = pl.lit(datetime(2026, 10, 5, tzinfo=UTC), UTC_MICROS)
    earlier = bars.filter(pl.col("ts") < midnight)
    kept = [rows.tail(before_d[name[0]]) for name, rows in earlier.partition_by("timeframe", as_dict=True).items()]
    return pl.concat([*kept, bars.filter(pl.col("ts") >= midnight)])


@pytest.fixture(scope="module")
def bars():
    """Twice the look-back of one symbol, two days included."""
    return pl.concat(stored_random("BTCUSDT", name, 2 * ENOUGH[name], END, seed) for seed, name in enumerate(MINUTES))


@pytest.fixture(scope="module")
def of_d(bars):
    return computed(bars, D)


def test_what_is_returned_may_be_stored(of_d):
    """Both frames are what their contracts say."""
    assert CryptoOverlays.contract().validate(of_d.overlays).equals(of_d.overlays)
    assert CryptoFeatureTelemetry.contract().validate(of_d.telemetry).equals(of_d.telemetry)


def test_a_day_has_a_row_for_each_of_its_bars(of_d, bars):
    """288, 96, 24, 6 and 1, at the instants of the bars, usable from their close, with their close."""
    assert dict(of_d.overlays.group_by("timeframe").len().iter_rows()) == PER_DAY
    own = bars.filter(pl.col("ts").dt.date() == D).sort("timeframe", "ts")
    columns = ["symbol", "timeframe", "ts", "available_at", "complete", "close"]
    assert of_d.overlays.select(columns).equals(own.select(columns))


def test_a_day_does_not_depend_on_what_was_loaded(of_d, bars):
    """The exact look-back, or twice as much: the same rows, to the last bit. One bar less is not warm."""
    exact = {name: ENOUGH[name] - 2 * PER_DAY[name] for name in MINUTES}
    assert computed(loaded(bars, exact), D).overlays.equals(of_d.overlays)
    assert of_d.overlays["is_warm"].all()
    less = computed(loaded(bars, {name: n - 1 for name, n in exact.items()}), D).overlays
    first = less.group_by("timeframe", maintain_order=True).first()
    assert not first["is_warm"].any()


def test_a_day_does_not_depend_on_the_days_beside_it(of_d, bars):
    """Two days in one call are each day alone; a day named twice is there once."""
    both = computed(bars, D + DAY, D, D).overlays
    assert both.filter(pl.col("ts").dt.date() == D).equals(of_d.overlays)
    assert both.filter(pl.col("ts").dt.date() > D).equals(computed(bars, D + DAY).overlays)


def test_a_day_does_not_depend_on_the_order_of_its_input_or_on_other_symbols(of_d, bars):
    """Shuffled, and beside another symbol: the same rows."""
    other = stored_random("ETHUSDT", "1h", 100, END, 9)
    found = computed(pl.concat([other, bars]).sample(fraction=1.0, shuffle=True, seed=1), D).overlays
    assert found.filter(pl.col("symbol") == "BTCUSDT").equals(of_d.overlays)
    assert dict(found.group_by("symbol").len().iter_rows()) == {"BTCUSDT": sum(PER_DAY.values()), "ETHUSDT": 24}


@pytest.mark.parametrize("hour", [1, 9, 20])
def test_no_row_depends_on_later_bars(of_d, bars, hour):
    """What was closed at an hour gives the rows that could be used at that hour, to the last bit."""
    as_of = pl.lit(datetime(2026, 10, 5, hour, tzinfo=UTC), UTC_MICROS)
    found = computed(bars.filter(pl.col("available_at") <= as_of), D).overlays
    assert found.height > 0
    assert found.equals(of_d.overlays.filter(pl.col("available_at") <= as_of))


def test_history_is_counted_up_to_the_look_back(bars):
    """From 3 bars on: 3, 4, 5 ... and never more than 10, from where a row is warm."""
    few = loaded(bars.filter(pl.col("timeframe") == "1h"), {"1h": 3})
    found = computed(few, D, overlays={"lookback_bars": 10}).overlays
    assert found["n_history"].to_list() == [3, 4, 5, 6, 7, 8, 9] + [10] * 17
    assert found["is_warm"].to_list() == [False] * 7 + [True] * 17


def test_what_is_disabled_is_null_and_costs_nothing(of_d, bars):
    """The columns stay, without values; the others are untouched; the base is always there."""
    found = computed(bars, D, overlays={"enabled": ["regime"]})
    kept = [*REGISTRY["base"].columns, *REGISTRY["regime"].columns]
    assert found.overlays.select(kept).equals(of_d.overlays.select(kept))
    silent = [name for one in OVERLAYS if one != "regime" for name in REGISTRY[one].columns]
    assert set(found.overlays.select(silent).null_count().row(0)) == {sum(PER_DAY.values())}
    assert set(found.telemetry["overlay"]) == {"base", "regime"}
    assert CryptoOverlays.contract().validate(found.overlays).height == sum(PER_DAY.values())


def test_cost_of_each_overlay(of_d):
    """One row per symbol, day, timeframe and overlay, with what the meter said and what came out."""
    told = of_d.telemetry
    assert told.height == len(MINUTES) * (1 + len(OVERLAYS))
    row = told.row(by_predicate=(pl.col("timeframe") == "5m") & (pl.col("overlay") == "base"), named=True)
    assert row == {
        "symbol": "BTCUSDT", "day": D, "timeframe": "5m", "overlay": "base", "rows": 288, "latency_ms": 2.0,
        "cpu_ms": 1.0, "rss_delta_mb": 0.5, "output_bytes": row["output_bytes"], "started_at": END,
    }  # fmt: skip
    # six columns of 288 numbers, and at most a bit each for what is null
    assert 288 * 6 * 8 <= row["output_bytes"] <= 288 * 6 * 9


@pytest.mark.parametrize("day", [date(2027, 1, 1), date(2020, 1, 1)])
def test_a_day_without_bars_gives_no_rows(bars, day):
    """Neither overlays nor costs, before and after what is known, and for no day at all."""
    contracts = CryptoOverlays.contract(), CryptoFeatureTelemetry.contract()
    for days in ([day], []):
        for found, contract in zip(computed(bars, *days), contracts, strict=True):
            assert found.equals(contract.empty())
    assert computed(bars.clear(), D).overlays.height == 0


@pytest.fixture(scope="module")
def real(shared_data: Path):
    """Candles of BTCUSDT built from its real minutes of May 2025, and the overlays of the last whole day.

    The recording has no taker volume: half of the volume stands in for it.
    """
    with gzip.open(shared_data / "crypto" / "klines" / "binance_usdm_BTCUSDT_1m.csv.gz") as file:
        recorded = pl.read_csv(file.read())
    contract = CryptoKlines.contract()
    minutes = (
        recorded.with_columns(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))
        .with_columns(
            symbol=pl.lit("BTCUSDT"),
            timeframe=pl.lit("1m"),
            ts=pl.from_epoch("open_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
            quote_volume=pl.col("volume") * pl.col("close"),
            trade_count=pl.lit(1, pl.Int64),
            taker_buy_base=pl.col("volume") / 2,
            taker_buy_quote=pl.col("volume") * pl.col("close") / 2,
            source=pl.lit("binance_archive"),
            ingested_at=pl.lit(END, UTC_MICROS),
        )
        .select(list(contract.columns))
    )
    candles = timeframes(contract.validate(minutes), contract.empty(), END)
    return candles, computed(candles, date(2025, 6, 2)).overlays


def test_real_minutes_give_every_overlay(real):
    """Warm rows of 5m, 15m and 1h know everything; supports are below the close and resistances above it."""
    _, found = real
    warm = CryptoOverlays.contract().validate(found).filter("is_warm")
    assert dict(warm.group_by("timeframe").len().iter_rows()) == {"5m": 288, "15m": 96, "1h": 24}
    lists = pl.col("zone_supports").list.len() + pl.col("zone_resistances").list.len()
    assert warm.select(lists.min()).item() >= 1
    assert warm.filter(pl.col("zone_supports").list.max() >= pl.col("close")).is_empty()
    assert warm.filter(pl.col("zone_resistances").list.min() <= pl.col("close")).is_empty()
    unknown = {name: n for name, n in warm.null_count().row(0, named=True).items() if n}
    assert set(unknown) <= {"zone_support_near", "zone_resistance_near"}
    assert "UNKNOWN" not in set(warm["regime"])
    assert warm["regime_confidence"].is_between(0.25, 1.0).all()
    assert set(warm["ofi_20"]) == {0.0}


def test_real_alignment_is_what_the_closed_candles_say(real):
    """Each timeframe's trend, by two plain sums over its last closed candles at the close of each hour."""
    candles, found = real
    for row in found.filter(timeframe="1h").iter_rows(named=True):
        for name in ALIGNED:
            closed = candles.filter((pl.col("timeframe") == name) & (pl.col("available_at") <= row["available_at"]))
            closes = closed.sort("ts")["close"].to_list()
            gap = sum(closes[-20:]) / 20 - sum(closes[-50:]) / 50
            assert row[f"align_{name}_trend"] == (1 if gap > 0 else -1)
        trends = [row[f"align_{name}_trend"] for name in ALIGNED]
        assert row["align_score"] == max(trends.count(1), trends.count(-1)) / 4


def test_what_lies_beyond_a_hole_counts_only_within_reach():
    """60 bars of 5m reach ten hours back: bars before a hole of eleven hours are not looked at, those before nine are.

    However much was loaded: a range of days and a day alone load differently much.
    """
    bars = stored_random("BTCUSDT", "5m", 500, END, 3)
    midnight = END - DAY
    for hours, before in ((9, 12), (11, 0)):
        hole = pl.col("ts").is_between(midnight - timedelta(hours=hours), midnight, closed="left")
        found = computed(bars.filter(~hole), midnight.date(), overlays={"lookback_bars": 60}).overlays
        assert found["n_history"][0] == before
