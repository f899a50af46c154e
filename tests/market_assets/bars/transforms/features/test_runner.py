"""Every feature of a day: from a fixed number of bars, whatever else was loaded or is computed beside it."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from market_assets.bars.schemas import BarsScannerFeatures
from market_assets.bars.settings import BarsSettings, MacroSettings
from market_assets.bars.transforms.features import features
from market_assets.bars.transforms.macro import macro_daily
from market_assets.core.contracts import UTC_MICROS
from tests.market_assets.bars.transforms.features.stored_bars import MINUTE, D, stored, walk, with_indicators
from tests.market_assets.core.incremental.replay import random_bars

DAY = timedelta(days=1)
WARM = 2500
KINDS = {"BTCUSD": "crypto", "EURUSD": "spot", "XAUUSD": "spot"}
VOLUME = (
    "rvol",
    "volume_trend",
    "bvc_delta_proxy",
    "cvd_proxy",
    "cvd_ratio_proxy",
    "vpin_proxy",
    "vwap_distance",
)
UNSAID = pl.DataFrame(schema={"symbol": pl.String, "available_at": UTC_MICROS, "sentiment": pl.Float64})
SAID = pl.DataFrame([("BTCUSD", D + timedelta(hours=3), 0.25)], schema=UNSAID.schema, orient="row")


def yields():
    """Two yields of one Tuesday: known from Wednesday, 22:00 UTC on."""
    days = [date(2026, 10, 6)] * 2
    seen = [datetime(2026, 10, 8, tzinfo=UTC)] * 2
    rows = {"series": ["ust10y", "ust2y"], "obs_date": days, "value": [4.5, 4.0], "source": ["fred"] * 2}
    times = pl.Series("ingested_at", seen, dtype=UTC_MICROS)
    return macro_daily(pl.DataFrame(rows).with_columns(times), MacroSettings())


def computed(bars, indicators, *days, said=SAID):
    return features(bars, indicators, yields(), said, days, BarsSettings())


@pytest.fixture(scope="module")
def bars():
    """Five days before D, D and the day after it, of three symbols; spot has no volume."""
    n, end = 7 * 1440, D + 2 * DAY
    found = pl.concat(walk(symbol, n, end=end, seed=seed, kind=KINDS[symbol]) for seed, symbol in enumerate(KINDS))
    spot = pl.col("instrument_kind") == "spot"
    return found.with_columns(volume=pl.when(spot).then(None).otherwise("volume"))


@pytest.fixture(scope="module")
def indicators(bars):
    return with_indicators(bars).filter(pl.col("symbol") != "XAUUSD")


@pytest.fixture(scope="module")
def of_d(bars, indicators):
    return computed(bars, indicators, D.date())


def test_what_is_returned_may_be_stored(of_d):
    """A row for each minute of the symbols asked for, as the contract says; warm, it has no nulls but those named."""
    assert BarsScannerFeatures.contract().validate(of_d).equals(of_d)
    assert dict(of_d.group_by("symbol").len().iter_rows()) == {"BTCUSD": 1440, "EURUSD": 1440}
    moving = of_d.filter(pl.col("symbol") == "BTCUSD", pl.col("realized_vol") > 0, pl.col("ts") > D + 23 * DAY / 24)
    scores = ("usd_index_z", "vix_z", "ust10y_z", "ust2y_z")
    empty = {name for name in moving.columns if moving[name].null_count() == moving.height}
    assert empty == {*scores, "corr_nas100"}
    assert of_d["is_stale"].any() is False
    assert of_d["feature_level"].unique().to_list() == [3]


def test_kinds_without_a_volume_have_no_volume_columns(of_d):
    """Spot has none of these, a coin has all of them."""
    has = of_d.group_by("symbol").agg(pl.col(VOLUME).is_not_null().any()).rows_by_key("symbol", unique=True)
    assert has == {"EURUSD": (False,) * len(VOLUME), "BTCUSD": (True,) * len(VOLUME)}


def test_outside_values_come_as_they_were_known(of_d):
    """The curve from its release, the sentiment from when it was said, and of that symbol alone."""
    known = of_d.filter(pl.col("yield_curve").is_not_null())
    assert known["yield_curve"].unique().to_list() == [0.5]
    assert known["ts"].min() == D + timedelta(hours=22) - MINUTE
    said = of_d.filter(pl.col("sentiment").is_not_null())
    assert said.select("symbol", "sentiment").unique().rows() == [("BTCUSD", 0.25)]
    assert said["ts"].min() == D + timedelta(hours=3) - MINUTE


def test_a_day_does_not_depend_on_what_was_loaded(of_d, bars, indicators):
    """The exact look-back, or twice as much: the same rows, to the last bit."""
    exact = pl.col("ts") >= D - WARM * MINUTE
    assert computed(bars.filter(exact), indicators.filter(exact), D.date()).equals(of_d)


def test_the_look_back_is_a_setting(bars, indicators):
    """With 100 bars before the day the 240 that an ATR is compared with are there from row 140 on."""
    coin = pl.col("symbol") == "BTCUSD"
    few = BarsSettings(indicators={"warm_bars": 100})
    found = features(bars.filter(coin), indicators.filter(coin), yields(), UNSAID, [D.date()], few)
    assert found["atr_z"].is_null().arg_true().to_list() == list(range(140))


def test_bars_out_of_reach_are_not_used(bars, indicators):
    """Where there are fewer than the look-back in twelve days, none before these are taken."""
    few = (pl.col("symbol") == "BTCUSD") & (pl.col("ts") >= D) & (pl.col("ts") < D + 30 * MINUTE)
    old = bars.filter(few).with_columns(pl.col("ts") - 12 * DAY - 30 * MINUTE)
    own = indicators.filter(few)
    assert computed(pl.concat([old, bars.filter(few)]), own, D.date()).equals(computed(bars.filter(few), own, D.date()))


def test_a_day_does_not_depend_on_the_days_beside_it(of_d, bars, indicators):
    """Two days in one call are each day alone; a day named twice is there once; the order of the input is no matter."""
    shuffled = bars.sample(fraction=1.0, shuffle=True, seed=1)
    both = computed(shuffled, indicators.reverse(), D.date() + DAY, D.date(), D.date())
    assert both.filter(pl.col("ts") < D + DAY).equals(of_d)
    assert both.filter(pl.col("ts") >= D + DAY).equals(computed(bars, indicators, D.date() + DAY))


@pytest.mark.parametrize("hour", [1, 13])
def test_no_row_depends_on_later_bars(of_d, bars, indicators, hour):
    """What had opened before an hour gives the same rows, to the last bit, whatever was said or released later."""
    earlier = pl.col("ts") < D + hour * timedelta(hours=1)
    told = SAID.filter(pl.col("available_at") <= D + hour * timedelta(hours=1))
    found = computed(bars.filter(earlier), indicators.filter(earlier), D.date(), said=told)
    assert found.height == 2 * hour * 60
    assert found.equals(of_d.filter(earlier))


def test_a_row_can_be_used_when_all_it_is_made_from_can(bars, indicators):
    """A minute later than its indicators where another symbol's minute is; and never before the row before it."""
    late = bars.with_columns(
        source=pl.when(pl.col("symbol") == "XAUUSD").then(pl.lit("twelvedata")).otherwise("source")
    ).filter(pl.col("ts") >= D, pl.col("ts") < D + 60 * MINUTE)
    slow = indicators.with_columns(
        available_at=pl.when(pl.col("ts") == D + 5 * MINUTE)
        .then(pl.lit(D + 9 * MINUTE, UTC_MICROS))
        .otherwise("available_at")
    )
    found = computed(late, slow.filter(pl.col("symbol") == "EURUSD"), D.date())
    expected = [D + (i + 1) * MINUTE for i in range(60)]
    expected[5:9] = [D + 9 * MINUTE] * 4
    expected[40:] = [at + timedelta(seconds=130) for at in expected[40:]]
    known = found["corr_xauusd"].is_not_null()
    assert known[45:].all()
    assert found["available_at"].filter(known | (found["ts"] < D + 40 * MINUTE)).to_list() == [
        at for at, sure in zip(expected, known | (found["ts"] < D + 40 * MINUTE), strict=True) if sure
    ]


def test_a_change_of_kind_begins_anew():
    """An index that becomes its future at noon: from there on as if nothing had been before, with a volume."""
    noon, rows = D + timedelta(hours=12), random_bars(1440, 3)
    split = stored(rows, "NAS100", "index", first=D).with_columns(
        instrument_kind=pl.when(pl.col("ts") < noon).then(pl.lit("index")).otherwise(pl.lit("future")),
        close=pl.when(pl.col("ts") < noon).then("close").otherwise(pl.col("close") * 1.01),
        high=pl.col("high") * 1.01,
    )
    own = [split.filter(pl.col("ts") < noon), split.filter(pl.col("ts") >= noon)]
    indicators = pl.concat(with_indicators(part) for part in own)
    whole = computed(split, indicators, D.date())
    alone = pl.concat(computed(part, indicators, D.date()) for part in own)
    assert whole.equals(alone)
    after = whole.filter(pl.col("ts") >= noon)
    assert after["roc_10"].is_null().arg_true().to_list() == list(range(10))
    assert after["vpin_proxy"].is_not_null().any()
    assert whole.filter(pl.col("ts") < noon).select(pl.col(VOLUME).is_null().all()).row(0) == (True,) * len(VOLUME)


def test_rows_are_those_that_have_bars_and_indicators(bars, indicators):
    """A bar without indicators gives no row, nor the other way round; without a bar of the day there is none."""
    few = pl.col("ts").is_between(D, D + 9 * MINUTE)
    some = indicators.filter(few, pl.col("ts") != D + 3 * MINUTE, pl.col("symbol") == "BTCUSD")
    found = computed(bars.filter(few, pl.col("ts") != D + 4 * MINUTE), some, D.date())
    assert found["ts"].to_list() == [D + i * MINUTE for i in range(10) if i not in (3, 4)]
    nothing = computed(bars, some, D.date() + 30 * DAY)
    assert nothing.equals(BarsScannerFeatures.contract().empty())
    assert computed(bars, some.clear(), D.date()).equals(nothing)
