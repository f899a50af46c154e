"""Every bars judgement passes on sound data and has been seen to fail."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from market_assets.bars.checks import CHECKS, FRESHNESS, indicators, minutes, signals, sources
from market_assets.bars.checks.replay import replayed
from market_assets.bars.instruments import CURATED
from market_assets.bars.schemas import BarsMinute
from market_assets.bars.settings import ALPHAS, MacroSettings
from market_assets.core.checks import Judgement, no_synthetic_source
from market_assets.core.judgements import closed_when_read
from tests.market_assets.bars import check_frames as frames
from tests.market_assets.bars.check_frames import D0, HOUR, MINUTE, SELL, TODAY

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
Case = tuple[str, Callable[[], Judgement]]
Broken = tuple[str, dg.AssetCheckSeverity, Callable[[], Judgement]]

BARS, VALUES, FEATURES = frames.minutes(), frames.indicators(), frames.features()
ALLOWED = ["yahoo", "polygon"]
AGREED = {"disagreements_warn": 0, "disagreements_error": 0}
QUARANTINE = BarsMinute.contract().quarantine()
ROWS = VALUES.select("symbol", "ts")
NONE_BLIND = ROWS.clear()
SIGNALS = frames.signals(frames.signal(10), frames.signal(20), frames.signal(30))
ONE = {"BTCUSD": ["yahoo", "polygon"]}
#: 100 bars of which so many have a tenth of the usual volume
VOLUMES = frames.minutes(200)


def with_volumes(n: int, volume: float) -> pl.DataFrame:
    """200 bars, the last n of them of another volume; 140 have 60 before them."""
    return frames.at(VOLUMES, *range(200 - n, 200), volume=volume)


def judged_replay(apart: float = 0.0) -> Judgement:
    """The live engine against values that are its own, or a little beside them."""
    return indicators.replay_agrees((VALUES, VALUES.with_columns(pl.col("rsi_14") + apart)))


def known_at(minute: int, **changed: Any) -> signals.Known:
    """The signals that fired by a minute of the day, computed again; perhaps scored otherwise."""
    rows = SIGNALS.filter(pl.col("signal_time") <= D0 + minute * MINUTE)
    scored = rows.with_columns(pl.lit(value).alias(name) for name, value in changed.items())
    return signals.Known("BTCUSD", D0, D0 + (minute - 1) * MINUTE, scored)


SOUND: list[Case] = [
    ("no_synthetic_source", lambda: no_synthetic_source(BARS, sandboxed=False)),
    ("bars_sound", lambda: minutes.bars_sound(BARS)),
    ("source_allowed", lambda: minutes.source_allowed(BARS, ALLOWED)),
    ("closed_when_read", lambda: closed_when_read(BARS)),
    ("batch_quality", lambda: minutes.batch_quality(frames.minutes(quality_score=0.9), 0.8)),
    ("batch_quality", lambda: minutes.batch_quality(BARS.clear(), 0.8)),
    ("rows_valid", lambda: minutes.rows_valid(frames.at(BARS, 7, quality_score=0.7))),
    ("rows_valid", lambda: minutes.rows_valid(BARS.clear())),
    ("minutes_covered", lambda: minutes.minutes_covered(frames.minutes(95), frames.due(100))),
    (
        "minutes_covered",
        lambda: minutes.minutes_covered(frames.minutes(50), frames.due(100, is_over=False, min_share=0.5)),
    ),
    ("minutes_covered", lambda: minutes.minutes_covered(BARS.clear(), frames.due(0))),
    ("first_choice_serves", lambda: minutes.first_choice_serves(frames.at(BARS, *range(20), fallback_level=1))),
    ("kind_unchanged", lambda: minutes.kind_unchanged(BARS)),
    ("fills_agree", lambda: minutes.fills_agree(AGREED)),
    ("no_jumps", lambda: minutes.no_jumps(frames.at(BARS, 50, close=109.9))),
    ("volumes_usual", lambda: minutes.volumes_usual(with_volumes(7, 101.0))),
    ("volumes_usual", lambda: minutes.volumes_usual(with_volumes(140, 99.0))),
    ("volumes_usual", lambda: minutes.volumes_usual(BARS.with_columns(volume=pl.lit(None, pl.Float64)))),
    ("quarantine_empty", lambda: minutes.quarantine_empty(QUARANTINE.empty())),
    ("minutes_fresh", lambda: minutes.minutes_fresh(frames.aged(15.0, 0.0))),
    ("one_row_a_bar", lambda: indicators.one_row_a_bar(VALUES, ROWS)),
    ("bands_ordered", lambda: indicators.bands_ordered(VALUES)),
    ("bands_ordered", lambda: indicators.bands_ordered(frames.indicators(bb_lower=None, bb_upper=None, bb_mid=None))),
    ("nulls_in_warm_up", lambda: indicators.nulls_in_warm_up(VALUES, [], NONE_BLIND)),
    (
        "nulls_in_warm_up",
        lambda: indicators.nulls_in_warm_up(frames.indicators(1, ema_200=None, bars_in_segment=199), [], NONE_BLIND),
    ),
    (
        "nulls_in_warm_up",
        lambda: indicators.nulls_in_warm_up(frames.indicators(volume_ma_20=None, vwap=None), ["BTCUSD"], NONE_BLIND),
    ),
    ("nulls_in_warm_up", lambda: indicators.nulls_in_warm_up(VALUES.clear(), [], NONE_BLIND)),
    ("nulls_in_warm_up", lambda: indicators.nulls_in_warm_up(frames.at(VALUES, 2, volume_ma_20=None), [], ROWS[2:3])),
    ("replay_agrees", judged_replay),
    ("replay_agrees", lambda: judged_replay(1e-9)),
    ("regime_one_hot", lambda: indicators.regime_one_hot(FEATURES)),
    (
        "regime_one_hot",
        lambda: indicators.regime_one_hot(frames.features(regime_trend=None, regime_revert=None, regime_choppy=None)),
    ),
    ("no_look_ahead", lambda: indicators.no_look_ahead(FEATURES, FEATURES.head(20))),
    ("no_look_ahead", lambda: indicators.no_look_ahead(FEATURES, FEATURES.clear())),
    ("nulls_few", lambda: indicators.nulls_few(frames.at(FEATURES, *range(10), atr_z=None), frames.history(50))),
    ("nulls_few", lambda: indicators.nulls_few(frames.features(rvol=None, sentiment=None), frames.history(50))),
    ("nulls_few", lambda: indicators.nulls_few(frames.features(atr_z=None), frames.history(50, first=1))),
    (
        "levels_on_their_side",
        lambda: signals.levels_on_their_side(frames.signals(frames.signal(), frames.signal(9, **SELL))),
    ),
    (
        "levels_on_their_side",
        lambda: signals.levels_on_their_side(
            frames.signals(frames.signal(stop_loss=None, take_profit_1=None, take_profit_2=None))
        ),
    ),
    (
        "one_open_at_a_time",
        lambda: signals.one_open_at_a_time(
            frames.signals(frames.signal(10), frames.signal(20)), frames.outcomes(frames.outcome(10, 20))
        ),
    ),
    (
        "one_open_at_a_time",
        lambda: signals.one_open_at_a_time(
            frames.signals(frames.signal(10), frames.signal(12, alpha_id="volume_v1")), frames.outcomes()
        ),
    ),
    ("outcomes_known", lambda: signals.outcomes_known(SIGNALS, known_at(20))),
    ("outcomes_known", lambda: signals.outcomes_known(SIGNALS, known_at(9))),
    ("outcomes_known", lambda: signals.outcomes_known(SIGNALS, None)),
    ("firings_expected", lambda: signals.firings_expected(frames.fired([50], ALPHAS), TODAY)),
    ("firings_expected", lambda: signals.firings_expected(frames.fired([1] * 29, ALPHAS[:1]), TODAY)),
    ("sources_agree", lambda: sources.sources_agree(frames.compared("ok"))),
    ("sources_agree", lambda: sources.sources_agree(frames.compared("kinds"))),
    ("sources_healthy", lambda: sources.sources_healthy(frames.health(yahoo=True, polygon=None))),
    ("one_source_left", lambda: sources.one_source_left(frames.health(yahoo=False, polygon=True), ONE)),
    ("one_source_left", lambda: sources.one_source_left(frames.health(yahoo=None, polygon=None), ONE)),
    ("one_source_left", lambda: sources.one_source_left(frames.health(yahoo=False, polygon=False), {})),
    ("macro_fresh", lambda: sources.macro_fresh({"vix": 3})),
    ("macro_fresh", lambda: sources.macro_fresh({})),
    ("collector_alive", lambda: sources.collector_alive(None)),
    ("collector_alive", lambda: sources.collector_alive({"BTCUSD": 1.0})),
    ("collector_alive", lambda: sources.collector_alive({})),
    ("bars_stored", lambda: sources.bars_stored(None)),
    ("bars_stored", lambda: sources.bars_stored(60.0)),
]


BROKEN: list[Broken] = [
    ("no_synthetic_source", ERROR, lambda: no_synthetic_source(BARS, sandboxed=True)),
    ("bars_sound", ERROR, lambda: minutes.bars_sound(frames.at(BARS, 3, high=99.5))),
    ("bars_sound", ERROR, lambda: minutes.bars_sound(frames.at(BARS, 3, low=100.5))),
    ("source_allowed", ERROR, lambda: minutes.source_allowed(frames.minutes(source="twelvedata"), ALLOWED)),
    ("closed_when_read", ERROR, lambda: closed_when_read(frames.at(BARS, 5, ingested_at=D0 + 5 * MINUTE))),
    ("batch_quality", WARN, lambda: minutes.batch_quality(frames.minutes(quality_score=0.89), 0.8)),
    ("batch_quality", ERROR, lambda: minutes.batch_quality(frames.minutes(quality_score=0.79), 0.8)),
    ("rows_valid", WARN, lambda: minutes.rows_valid(frames.at(BARS, 7, 8, quality_score=0.7))),
    ("rows_valid", ERROR, lambda: minutes.rows_valid(frames.at(BARS, *range(6), quality_score=0.7))),
    ("minutes_covered", WARN, lambda: minutes.minutes_covered(frames.minutes(94), frames.due(100))),
    ("minutes_covered", ERROR, lambda: minutes.minutes_covered(frames.minutes(79), frames.due(100))),
    ("minutes_covered", ERROR, lambda: minutes.minutes_covered(BARS.clear(), frames.due(100))),
    (
        "minutes_covered",
        ERROR,
        lambda: minutes.minutes_covered(frames.minutes(49), frames.due(100, is_over=False, min_share=0.5)),
    ),
    ("first_choice_serves", WARN, lambda: minutes.first_choice_serves(frames.at(BARS, *range(21), fallback_level=1))),
    ("kind_unchanged", WARN, lambda: minutes.kind_unchanged(frames.at(BARS, 4, basis_break=True))),
    ("fills_agree", WARN, lambda: minutes.fills_agree(AGREED | {"disagreements_warn": 1})),
    ("fills_agree", ERROR, lambda: minutes.fills_agree(AGREED | {"disagreements_error": 1})),
    ("no_jumps", WARN, lambda: minutes.no_jumps(frames.at(BARS, 50, close=110.1))),
    ("volumes_usual", WARN, lambda: minutes.volumes_usual(with_volumes(8, 101.0))),
    ("volumes_usual", WARN, lambda: minutes.volumes_usual(with_volumes(8, 0.9))),
    (
        "quarantine_empty",
        WARN,
        lambda: minutes.quarantine_empty(
            pl.DataFrame([dict.fromkeys(QUARANTINE.columns) | {"reason": "ohlc"}], schema=QUARANTINE.schema)
        ),
    ),
    ("minutes_fresh", WARN, lambda: minutes.minutes_fresh(frames.aged(15.1))),
    ("minutes_fresh", ERROR, lambda: minutes.minutes_fresh(frames.aged(60.1))),
    ("minutes_fresh", ERROR, lambda: minutes.minutes_fresh(frames.aged(None))),
    ("one_row_a_bar", ERROR, lambda: indicators.one_row_a_bar(VALUES.head(49), ROWS)),
    ("one_row_a_bar", ERROR, lambda: indicators.one_row_a_bar(VALUES, ROWS.head(49))),
    ("bands_ordered", ERROR, lambda: indicators.bands_ordered(frames.at(VALUES, 2, bb_lower=50.5))),
    (
        "nulls_in_warm_up",
        ERROR,
        lambda: indicators.nulls_in_warm_up(frames.at(VALUES, 2, ema_200=None), [], NONE_BLIND),
    ),
    (
        "nulls_in_warm_up",
        ERROR,
        lambda: indicators.nulls_in_warm_up(frames.at(VALUES, 2, volume_ma_20=None), [], NONE_BLIND),
    ),
    (
        "nulls_in_warm_up",
        ERROR,
        lambda: indicators.nulls_in_warm_up(frames.indicators(1, rsi_14=None, bars_in_segment=15), [], NONE_BLIND),
    ),
    ("replay_agrees", ERROR, lambda: judged_replay(1e-6)),
    (
        "replay_agrees",
        ERROR,
        lambda: indicators.replay_agrees((VALUES, VALUES.with_columns(vwap=pl.lit(None, pl.Float64)))),
    ),
    ("regime_one_hot", ERROR, lambda: indicators.regime_one_hot(frames.features(regime_revert=1))),
    ("regime_one_hot", ERROR, lambda: indicators.regime_one_hot(frames.features(regime_revert=None))),
    ("no_look_ahead", ERROR, lambda: indicators.no_look_ahead(FEATURES, FEATURES.with_columns(atr_z=pl.lit(0.6)))),
    ("no_look_ahead", ERROR, lambda: indicators.no_look_ahead(FEATURES.head(9), FEATURES.head(10))),
    (
        "nulls_few",
        WARN,
        lambda: indicators.nulls_few(frames.at(FEATURES, *range(11), atr_z=None), frames.history(50)),
    ),
    (
        "levels_on_their_side",
        ERROR,
        lambda: signals.levels_on_their_side(frames.signals(frames.signal(stop_loss=100.5))),
    ),
    (
        "levels_on_their_side",
        ERROR,
        lambda: signals.levels_on_their_side(frames.signals(frames.signal(**SELL | {"take_profit_2": 99.5}))),
    ),
    (
        "one_open_at_a_time",
        ERROR,
        lambda: signals.one_open_at_a_time(
            frames.signals(frames.signal(10), frames.signal(19)), frames.outcomes(frames.outcome(10, 20))
        ),
    ),
    (
        "one_open_at_a_time",
        ERROR,
        lambda: signals.one_open_at_a_time(frames.signals(frames.signal(10), frames.signal(900)), frames.outcomes()),
    ),
    ("outcomes_known", ERROR, lambda: signals.outcomes_known(SIGNALS, known_at(20, p_win=0.4))),
    ("outcomes_known", ERROR, lambda: signals.outcomes_known(SIGNALS.head(1), known_at(20))),
    ("outcomes_known", ERROR, lambda: signals.outcomes_known(SIGNALS, known_at(20)._replace(rows=SIGNALS.clear()))),
    ("firings_expected", WARN, lambda: signals.firings_expected(frames.fired([51], ALPHAS), TODAY)),
    ("firings_expected", WARN, lambda: signals.firings_expected(frames.fired([1] * 30, ALPHAS[1:]), TODAY)),
    ("sources_agree", WARN, lambda: sources.sources_agree(frames.compared("warn"))),
    ("sources_agree", ERROR, lambda: sources.sources_agree(frames.compared("error"))),
    ("sources_healthy", WARN, lambda: sources.sources_healthy(frames.health(yahoo=False, polygon=True))),
    ("one_source_left", ERROR, lambda: sources.one_source_left(frames.health(yahoo=False, polygon=False), ONE)),
    ("macro_fresh", WARN, lambda: sources.macro_fresh({"vix": 4})),
    ("macro_fresh", ERROR, lambda: sources.macro_fresh({"vix": 8})),
    ("collector_alive", WARN, lambda: sources.collector_alive({"BTCUSD": 1.1, "EURUSD": 0.1})),
    ("collector_alive", ERROR, lambda: sources.collector_alive({"BTCUSD": 6.1})),
    ("bars_stored", WARN, lambda: sources.bars_stored(61.0)),
    ("bars_stored", ERROR, lambda: sources.bars_stored(301.0)),
]


@pytest.mark.parametrize(("name", "judge"), SOUND, ids=[f"{name}-{n}" for n, (name, _) in enumerate(SOUND)])
def test_sound_data_pass(name: str, judge: Callable[[], Judgement]) -> None:
    """What is as it should be is not complained about."""
    assert judge().passed, name


@pytest.mark.parametrize(
    ("name", "severity", "judge"), BROKEN, ids=[f"{name}-{n}" for n, (name, _, _) in enumerate(BROKEN)]
)
def test_broken_data_fail(name: str, severity: dg.AssetCheckSeverity, judge: Callable[[], Judgement]) -> None:
    """What is broken is, with the severity of the spec."""
    verdict = judge()
    assert (verdict.passed, verdict.severity) == (False, severity), name


def test_every_judgement_was_seen_both_ways() -> None:
    """Nothing is declared that was never seen to pass and to fail; contracts have tests of their own."""
    declared = {key.name for checks in CHECKS for key in checks.check_keys} - {"contract"}
    assert {name for name, _ in SOUND} == {name for name, _, _ in BROKEN} == declared
    assert set(FRESHNESS) <= declared


def test_overdue_counts_business_days() -> None:
    """Monday the 23rd: Thursday's value came on Friday and Friday's comes tonight, so nothing is overdue; a week
    without anything is five days. The dollar index has its week and its lag."""
    monday, settings = date(2026, 11, 23), MacroSettings(series={"vix": "VIXCLS", "usd_index": "DTWEXBGS"})
    newest: dict[str, Any] = {"vix": date(2026, 11, 19), "usd_index": date(2026, 11, 9)}
    assert sources.overdue(frames.macro(**newest), settings, monday) == {"vix": 0, "usd_index": 0}
    newest = {"vix": date(2026, 11, 12), "usd_index": date(2026, 11, 2)}
    assert sources.overdue(frames.macro(**newest), settings, monday) == {"vix": 5, "usd_index": 5}


def test_ages_are_of_the_market() -> None:
    """Noon on a Saturday: a coin ages by the minute, an index that closed on Friday does not; none is unknown."""
    rows = [row for row in CURATED if row.symbol in {"BTCUSD", "NAS100", "EURUSD"}]
    saturday = D0 + timedelta(days=1, hours=12)
    bars = pl.concat(
        [
            frames.minutes(1, "BTCUSD", ts=saturday - 30 * MINUTE, ingested_at=saturday),
            frames.minutes(1, "NAS100", ts=D0 + 20 * HOUR + 59 * MINUTE, ingested_at=saturday),
        ]
    )
    found = minutes.ages(bars, rows, saturday, cadence_min=6.0)
    assert dict(found.select("symbol", "age_min").iter_rows()) == {"BTCUSD": 23.0, "EURUSD": None, "NAS100": 0.0}


def test_the_live_engine_is_run_over_the_same_bars() -> None:
    """A series that does not move: its RSI is 50 and its means are its price, from the bar they begin at."""
    (row,) = (row for row in CURATED if row.symbol == "BTCUSD")
    stored, live = replayed(frames.indicators(30), frames.minutes(30), row, 2500)
    assert live.height == 30
    assert live["ema_9"].to_list() == [None] * 8 + [100.0] * 22
    assert live["rsi_14"].to_list() == [None] * 14 + [50.0] * 16
    assert not indicators.replay_agrees((stored, live)).passed


def test_a_mean_volume_is_unknown_for_twenty_bars_after_an_unmeasured_one():
    """The bar itself and the 19 that follow, of its own symbol alone."""
    ts = pl.datetime_range(D0, D0 + timedelta(minutes=29), "1m", eager=True)
    volumes = [1.0] * 5 + [None] + [1.0] * 24
    one = pl.DataFrame({"symbol": "BTCUSD", "ts": ts, "volume": volumes})
    found = indicators.blind(pl.concat([one, one.with_columns(symbol=pl.lit("ETHUSD"), volume=1.0)]))
    assert found["symbol"].unique().to_list() == ["BTCUSD"]
    assert found["ts"].to_list() == ts[5:25].to_list()
