"""Scores and flags of daily bars (equities.md 5)."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.equities.schemas import EquitiesScoredBars
from market_assets.equities.settings import EquitiesSettings, ScoreSettings
from market_assets.equities.transforms import scores
from market_assets.equities.transforms.sessions import NotOnCalendar, lookback_start
from tests.market_assets.equities.frames import NO_ACTIONS, acted, dividend, raw, sessions, split, universe

CALENDAR = sessions()
XNYS = CALENDAR["XNYS"]["session_date"].to_list()
DAYS_2020 = [day for day in XNYS if day.year == 2020]
SETTINGS = EquitiesSettings()


def scored(bars, *rows, asset_class="stock", years=None, settings=SETTINGS):
    symbols = universe(*bars["symbol"].unique().sort(), asset_class=asset_class)
    actions = acted(bars, *rows) if rows else NO_ACTIONS
    return scores.score(bars, actions, symbols, CALENDAR, settings, years=years)


def last_of(n=31, *rows, asset_class="stock", volumes=None, **last):
    """The score of the last of n flat bars at 100, after `last` changed its columns."""
    days = DAYS_2020[:n]
    bars = raw("A", days, [100.0] * n, volume=volumes or [1e6] * n)
    changed = bars.with_columns(
        pl.when(pl.col("session_date") == days[-1]).then(pl.lit(value, dtype=pl.Float64)).otherwise(name).alias(name)
        for name, value in last.items()
    )
    return scored(changed, *rows, asset_class=asset_class).row(-1, named=True)


GAP = {"open": 110.1, "high": 110.1, "low": 110.1, "close": 110.1}
EXTREME = {"open": 100.0, "close": 601.0, "high": 601.0, "low": 100.0}


@pytest.mark.parametrize(
    ("columns", "score", "issues"),
    [
        ({}, 1.00, []),
        ({"volume": 99_999.0}, 0.85, ["flag_volume_low"]),
        (GAP, 0.80, ["flag_gap"]),
        ({**GAP, "volume": 10_000_001.0}, 0.70, ["flag_gap", "flag_volume_high"]),
        ({"high": 99.0}, 0.50, ["flag_ohlc"]),
        ({"low": 101.0}, 0.50, ["flag_ohlc"]),
        (EXTREME, 0.70, ["flag_extreme_move"]),
        ({**EXTREME, "high": 600.0}, 0.20, ["flag_ohlc", "flag_extreme_move"]),
        ({"volume": 0.0}, 0.85, ["flag_zero_volume"]),
        (
            {"open": 111.0, "close": 700.0, "high": 699.0, "low": 111.0, "volume": 1.0},
            0.00,
            ["flag_ohlc", "flag_extreme_move", "flag_gap", "flag_volume_low"],
        ),
    ],
)
def test_golden_scores(columns, score, issues):
    """1 less the penalties, compared after rounding; validated from 0.85 on; issues name the flags."""
    row = last_of(**columns)
    assert row["quality_score"] == score
    assert row["validated"] is (score >= 0.85)
    assert row["issues"] == issues
    assert [name for name in row if name.startswith("flag_") and row[name]] == issues


@pytest.mark.parametrize(
    ("columns", "flagged"),
    [
        ({"open": 110.0, "high": 110.0, "close": 110.0, "low": 110.0}, False),  # 110/100 - 1 is 0.10000000000000009
        ({"volume": 10_000_000.0}, False),
        ({"volume": 100_000.0}, False),
        ({"high": 600.0, "close": 600.0, "open": 100.0, "low": 100.0}, False),
    ],
)
def test_thresholds_are_exclusive(columns, flagged):
    """Exactly 10 medians, a tenth of one, or a body of 5.0 raises no flag."""
    settings = EquitiesSettings(score=ScoreSettings(gap_ratio=0.1000000000000001))
    days = DAYS_2020[:31]
    bars = raw("A", days, [100.0] * 31).with_columns(
        pl.when(pl.col("session_date") == days[-1]).then(value).otherwise(name).alias(name)
        for name, value in columns.items()
    )
    assert bool(scored(bars, settings=settings)["issues"].to_list()[-1]) is flagged


def test_a_split_day_at_half_the_close_is_clean():
    """A 2-for-1 opening at half of the previous close: gap 0, score 1, volume on the new basis."""
    row = last_of(31, split("A", DAYS_2020[30], 2.0), open=50.0, high=50.0, low=50.0, close=50.0)
    assert row["gap_ratio"] == 0
    assert row["quality_score"] == 1.0
    assert row["volume_median_60"] == 2e6


def test_a_large_dividend_is_no_gap():
    """3.00 ex on a close of 20.00, opening at 17.05: reference 17, gap 0.00294118."""
    days = DAYS_2020[:2]
    bars = raw("A", days, [20.0, 17.05])
    row = scored(bars, dividend("A", days[1], 3.0)).row(-1, named=True)
    assert row["prev_close_ref"] == pytest.approx(17.0)
    assert row["gap_ratio"] == pytest.approx(0.00294118, abs=5e-9)


def test_the_first_bar_has_no_reference():
    """Nothing precedes it: null, and no flag."""
    row = scored(raw("A", DAYS_2020[:1], [5.0])).row(0, named=True)
    assert [row[name] for name in ("prev_session_date", "sessions_since_prev", "prev_close_ref", "gap_ratio")] == [
        None
    ] * 4
    assert row["quality_score"] == 1.0


def test_weekdays_are_alike_and_holidays_are_no_gap():
    """A Monday gap of 11 % is flagged; the Tuesday after a holiday with 2 % is adjacent and not."""
    days = [date(2020, 1, 16), date(2020, 1, 17), date(2020, 1, 21), date(2020, 1, 24), date(2020, 1, 27)]
    got = scored(raw("A", days, [100.0, 100.0, 102.0, 102.0, 102.0 * 1.11]))
    assert got["sessions_since_prev"].to_list() == [None, 1, 1, 3, 1]
    assert got["flag_gap"].to_list() == [False, False, False, False, True]


def test_a_split_inside_a_hole_is_no_gap():
    """The session of the split is missing: the next bar still compares on its own share basis."""
    days = [DAYS_2020[0], DAYS_2020[2]]
    got = scored(raw("A", days, [100.0, 50.0]), split("A", DAYS_2020[1], 2.0))
    assert got["gap_ratio"].to_list() == [None, 0.0]


def test_an_earnings_gap_is_kept_and_not_validated():
    """12 % overnight stays in the table with validated = false."""
    got = scored(raw("A", DAYS_2020[:2], [100.0, 112.0]))
    assert got.height == 2
    assert got["validated"].to_list() == [True, False]


@pytest.mark.parametrize(("opens", "suspect"), [(50.5, True), (51.5, False), (300.0, True), (70.0, False)])
def test_an_unrecorded_split_is_suspected(opens, suspect):
    """Within 2 % of 1/2 or of 3: suspect, at no penalty beyond the gap's; 1/1.43 is a fall."""
    row = last_of(open=opens, high=opens, low=opens, close=opens)
    assert row["flag_suspect_split"] is suspect
    assert row["quality_score"] == 0.8


def test_a_recorded_split_is_not_suspected():
    """A recorded 2-for-1 whose day opens at a quarter is a gap, not a missing split."""
    row = last_of(31, split("A", DAYS_2020[30], 2.0), open=25.0, high=25.0, low=25.0, close=25.0)
    assert (row["flag_gap"], row["flag_suspect_split"]) == (True, False)


def test_median_needs_twenty_prior_bars():
    """20 earlier sessions give a median, 19 do not; then the volume rules are skipped."""
    assert last_of(20)["volume_median_60"] is None
    assert last_of(21)["volume_median_60"] == 1e6
    assert last_of(20, volumes=[1e6] * 19 + [1.0])["quality_score"] == 1.0


def test_median_is_of_the_sixty_sessions_before():
    """The bar itself and the 61st session before it do not count, and silent sessions are left out."""
    silent = [0.0] * 2
    # the 61st session before would tip the balance of 29 against 29
    assert last_of(62, volumes=[3e6] + [1e6] * 29 + [3e6] * 29 + silent + [9e6])["volume_median_60"] == 2e6
    assert last_of(62, volumes=[1e6] + [3e6] * 30 + [1e6] * 28 + silent + [9e6])["volume_median_60"] == 3e6


def test_fractional_volumes_of_coins():
    """0.4, 0.5, 0.6 BTC have the median 0.5; sessions of the weekend count."""
    days = [date(2020, 1, 1) + timedelta(days=i) for i in range(31)]
    bars = raw("BTC-USD", days, [100.0] * 31, volume=[0.4, 0.5, 0.6] * 10 + [0.0])
    got = scored(bars, asset_class="crypto")
    assert got["volume_median_60"].to_list()[-1] == 0.5
    assert got["sessions_since_prev"].to_list()[1:] == [1] * 30
    assert got["flag_zero_volume"].any() is False


def test_an_index_without_volume_is_clean():
    """VIX: no volume rule applies."""
    got = scored(raw("VIX", DAYS_2020[:31], [15.0] * 31, volume=None), asset_class="index")
    assert got["quality_score"].unique().to_list() == [1.0]


def test_available_after_close_and_delay():
    """A half day closes at 13:00 New York: 18:00 UTC, and two hours later the row can be used."""
    row = scored(raw("A", [date(2020, 11, 27)], [1.0])).row(0, named=True)
    assert row["available_at"].isoformat() == "2020-11-27T20:00:00+00:00"


@pytest.mark.parametrize("breaking", ["off_calendar", "unknown_symbol", "missing_column"])
def test_bad_input_raises(breaking):
    """An exception while scoring is never a score of 0."""
    bars = raw("A", DAYS_2020[:3], [1.0] * 3)
    if breaking == "off_calendar":
        bars = bars.with_columns(session_date=pl.lit(date(2020, 1, 1)))
    if breaking == "missing_column":
        bars = bars.drop("volume")
    symbols = universe("B" if breaking == "unknown_symbol" else "A")
    with pytest.raises((NotOnCalendar, pl.exceptions.ColumnNotFoundError)):
        scores.score(bars, NO_ACTIONS, symbols, CALENDAR, SETTINGS)


def walk(days, seed):
    """A deterministic ragged series: every 7th session missing, a jump and a silent day now and then."""
    kept = [day for i, day in enumerate(days) if (i + seed) % 7]
    close = [100 + (i * 37 + seed * 11) % 23 + (40 if (i + seed) % 29 == 0 else 0) for i in range(len(kept))]
    volume = [float((i * 7919 + seed) % 5000) * 100 for i in range(len(kept))]
    return raw("A", kept, [float(c) for c in close], volume=volume)


@given(seed=st.integers(0, 10_000), cut=st.integers(30, 120))
@run(max_examples=12, deadline=None)
def test_scores_are_causal(seed, cut):
    """Appending or changing later bars leaves every earlier row as it is."""
    bars = walk(DAYS_2020[:160], seed)
    before = scored(bars.head(cut))
    assert scored(bars).head(cut).equals(before)
    disturbed = pl.concat([bars.head(cut), bars.tail(-cut).with_columns(pl.col("close", "volume") * 3.7)])
    assert scored(disturbed).head(cut).equals(before)


@given(seed=st.integers(0, 10_000))
@run(max_examples=6, deadline=None)
def test_scores_do_not_depend_on_how_much_was_loaded(seed):
    """60 sessions of look-back, twice that, or all years give identical rows, the first bar's included."""
    bars = walk([day for day in XNYS if 2018 <= day.year <= 2020], seed)
    split_day = DAYS_2020[5]
    wanted = None
    for depth in (60, 120, 1000):
        start = lookback_start(CALENDAR["XNYS"], date(2020, 1, 1), depth)
        got = scored(bars.filter(pl.col("session_date") >= start), split("A", split_day, 3.0), years=[2020])
        wanted = got if wanted is None else wanted
        assert got.equals(wanted)


def test_a_hole_longer_than_the_look_back_hides_the_bar_before_it():
    """The last bar of June is out of reach in January, in a run over both years as in one over one."""
    days = [date(2019, 6, 28), date(2020, 1, 2)]
    bars = raw("A", days, [100.0, 200.0])
    assert scored(bars)["prev_session_date"].to_list() == [None, None]
    assert scored(bars, years=[2020]).equals(scored(bars.tail(1)))


def test_every_bar_has_one_row():
    """Two symbols, none dropped, sorted by the key, contract satisfied."""
    bars = pl.concat([raw("B", DAYS_2020[:40], [1.0] * 40), raw("A", DAYS_2020[:30], [2.0] * 30)])
    got = EquitiesScoredBars.contract().validate(scored(bars))
    assert got.select("symbol", "session_date").rows() == bars.sort("symbol").select("symbol", "session_date").rows()
