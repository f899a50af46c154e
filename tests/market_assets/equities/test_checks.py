"""Every judgement passes on sound data and has been seen to fail."""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.core import calendars, clock
from market_assets.core.checks import Judgement, no_synthetic_source
from market_assets.equities import schemas
from market_assets.equities.checks import actions, bars, causality, derived
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import adjust, features, reconcile, scores
from tests.market_assets.equities.frames import NO_ACTIONS, acted, dividend, raw, sessions, split, universe

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
DAYS = calendars.sessions("XNYS", date(2019, 1, 2), date(2020, 12, 31))
SYMBOLS = universe("AAPL")
CLOSES = [100.0 + (n % 7) for n in range(len(DAYS))]
BARS = raw("AAPL", DAYS, CLOSES)
ACTIONS = acted(BARS, dividend("AAPL", DAYS[300], 0.5))
SCORED = scores.score(BARS, ACTIONS, SYMBOLS, sessions(), EquitiesSettings())
ADJUSTED = adjust.adjusted(SCORED, ACTIONS, date(2021, 1, 4))
FEATURES = features.features(ADJUSTED, ACTIONS, SYMBOLS, sessions(), date(2021, 1, 4), years=[2020])
AGREED = reconcile.reconcile(BARS, BARS.with_columns(source=pl.lit("yahoo")), EquitiesSettings())
STATUS = pl.DataFrame(
    [{**dict.fromkeys(schemas.EquitiesSymbolStatus.contract().columns), "symbol": "AAPL", "status": "healthy",
      "n_rows": 100, "n_validated": 99}],
    schema=schemas.EquitiesSymbolStatus.contract().schema,
)  # fmt: skip
GAPS = schemas.EquitiesGaps.contract()


def gap(n_sessions: int, status: str) -> pl.DataFrame:
    """One gap of 2020."""
    row = {"symbol": "AAPL", "year": 2020, "gap_start": DAYS[-30], "gap_end": DAYS[-29], "n_sessions": n_sessions,
           "cause": "vendor_missing", "status": status, "detected_at": clock.now()}  # fmt: skip
    return pl.DataFrame([row], schema=GAPS.schema)


def at(frame: pl.DataFrame, day: date, **values: object) -> pl.DataFrame:
    """`frame` with other values on one session."""
    here = pl.col("session_date") == day
    return frame.with_columns(
        pl.when(here).then(pl.lit(value)).otherwise(pl.col(name)).cast(frame.schema[name]).alias(name)
        for name, value in values.items()
    )


def two_windows(first_to: date | None) -> pl.DataFrame:
    """One ticker listed twice."""
    later = universe("AAPL", valid_from=date(2010, 1, 4))
    return pl.concat([universe("AAPL", valid_from=date(2000, 1, 3), valid_to=first_to), later])


SOUND: list[tuple[str, Callable[[], Judgement]]] = [
    ("symbols_windows", lambda: bars.symbols_windows(two_windows(date(2005, 1, 3)))),
    ("crypto_names", lambda: bars.crypto_names(universe("BTC-USD", asset_class="crypto"))),
    ("no_synthetic_source", lambda: no_synthetic_source(BARS, sandboxed=False)),
    ("ohlc_order", lambda: bars.ohlc_order(BARS)),
    ("only_sessions", lambda: bars.only_sessions(BARS, SYMBOLS)),
    ("inside_listing", lambda: bars.inside_listing(BARS, SYMBOLS)),
    ("quarantine_empty", lambda: bars.quarantine_empty(schemas.EquitiesDailyBars.contract().quarantine().empty())),
    ("dividends_below_price", lambda: actions.dividends_below_price(ACTIONS)),
    ("actions_plausible", lambda: actions.actions_plausible(ACTIONS)),
    ("splits_in_prices", lambda: actions.splits_in_prices(ACTIONS, BARS)),
    ("actions_withdrawn", lambda: actions.actions_withdrawn(ACTIONS)),
    ("factors_consistent", lambda: actions.factors_consistent(ADJUSTED, SCORED)),
    ("latest_unadjusted", lambda: actions.latest_unadjusted(ADJUSTED, ACTIONS)),
    ("same_actions", lambda: actions.same_actions(ADJUSTED)),
    ("one_row_per_bar", lambda: derived.one_row_per_bar(SCORED, BARS)),
    ("validated_share", lambda: derived.validated_share(SCORED)),
    ("suspect_splits", lambda: derived.suspect_splits(SCORED)),
    ("large_returns", lambda: derived.large_returns(FEATURES)),
    ("nulls_in_warm_up", lambda: derived.nulls_in_warm_up(FEATURES)),
    ("gap_share", lambda: derived.gap_share(gap(100, "explained"), BARS)),
    ("agreement", lambda: derived.agreement(AGREED)),
    ("basis_and_dates", lambda: derived.basis_and_dates(AGREED)),
    ("stale_symbols", lambda: derived.stale_symbols(STATUS)),
    ("validation_rate", lambda: derived.validation_rate(STATUS)),
    ("score_ignores_older_history", lambda: causality.score_ignores_older_history(SCORED, BARS, ACTIONS, SYMBOLS)),
    ("features_do_not_look_ahead", lambda: causality.features_do_not_look_ahead(FEATURES, ADJUSTED, ACTIONS, SYMBOLS)),
]


@pytest.mark.parametrize(("name", "judge"), SOUND, ids=[name for name, _ in SOUND])
def test_sound_data_pass(name: str, judge: Callable[[], Judgement]) -> None:
    """No judgement cries wolf."""
    verdict = judge()
    assert verdict.passed, (name, verdict)


def unsplit() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A 2-for-1 split that the prices do not show."""
    return acted(BARS, split("AAPL", DAYS[300], 2.0)), BARS


COIN_ALONE = universe("VIX", asset_class="index").with_columns(asset_class=pl.lit("crypto"))
SIMULATED = BARS.with_columns(source=pl.lit("polygon-sandbox"))
ON_A_SATURDAY = BARS.with_columns(session_date=pl.lit(date(2020, 1, 4)))
RECORDED_EARLY = ACTIONS.with_columns(record_date=DAYS[300] - timedelta(days=6))
RESCORED = SCORED.with_columns(quality_score=pl.lit(0.5))


def one_invalid_in(n: int) -> pl.DataFrame:
    """Scored bars of which every nth is not validated."""
    return SCORED.with_columns(validated=pl.int_range(pl.len()) % n > 0)


SHIFTED = AGREED.with_columns(close_b=pl.col("close_a") * 2, status=pl.lit("fail"), rel_diff=pl.lit(2 / 3))
BROKEN: list[tuple[str, dg.AssetCheckSeverity, Callable[[], Judgement]]] = [
    ("symbols_windows", ERROR, lambda: bars.symbols_windows(two_windows(date(2010, 1, 4)))),
    ("symbols_windows", ERROR, lambda: bars.symbols_windows(two_windows(None))),
    ("crypto_names", ERROR, lambda: bars.crypto_names(COIN_ALONE)),
    ("no_synthetic_source", ERROR, lambda: no_synthetic_source(SIMULATED, sandboxed=False)),
    ("ohlc_order", WARN, lambda: bars.ohlc_order(at(BARS, DAYS[5], high=1.0))),
    ("only_sessions", ERROR, lambda: bars.only_sessions(ON_A_SATURDAY, SYMBOLS)),
    ("inside_listing", ERROR, lambda: bars.inside_listing(BARS, universe("AAPL", valid_to=DAYS[-2]))),
    ("quarantine_empty", WARN, lambda: bars.quarantine_empty(BARS.with_columns(reason=pl.lit("bad_price")))),
    ("dividends_below_price", ERROR, lambda: actions.dividends_below_price(ACTIONS.with_columns(amount=pl.lit(200.0)))),
    ("actions_plausible", WARN, lambda: actions.actions_plausible(ACTIONS.with_columns(amount=pl.lit(100.01)))),
    ("actions_plausible", WARN, lambda: actions.actions_plausible(RECORDED_EARLY)),
    ("splits_in_prices", WARN, lambda: actions.splits_in_prices(*unsplit())),
    ("actions_withdrawn", WARN, lambda: actions.actions_withdrawn(ACTIONS.with_columns(withdrawn=pl.lit(True)))),
    ("factors_consistent", ERROR, lambda: actions.factors_consistent(at(ADJUSTED, DAYS[9], close_split=99.9), SCORED)),
    ("latest_unadjusted", ERROR, lambda: actions.latest_unadjusted(at(ADJUSTED, DAYS[-1], total_factor=0.99), ACTIONS)),
    ("same_actions", ERROR, lambda: actions.same_actions(at(ADJUSTED, DAYS[9], actions_as_of=None))),
    ("one_row_per_bar", ERROR, lambda: derived.one_row_per_bar(SCORED.head(-1), BARS)),
    ("one_row_per_bar", ERROR, lambda: derived.one_row_per_bar(SCORED, BARS.head(-1))),
    ("validated_share", WARN, lambda: derived.validated_share(one_invalid_in(10))),
    ("validated_share", ERROR, lambda: derived.validated_share(one_invalid_in(5))),
    ("suspect_splits", WARN, lambda: derived.suspect_splits(at(SCORED, DAYS[9], flag_suspect_split=True))),
    ("large_returns", WARN, lambda: derived.large_returns(at(FEATURES, DAYS[-1], ret_1d=-0.51))),
    ("nulls_in_warm_up", WARN, lambda: derived.nulls_in_warm_up(at(FEATURES, DAYS[-1], rsi_14=None))),
    ("gap_share", WARN, lambda: derived.gap_share(gap(5, "open"), BARS)),
    ("gap_share", ERROR, lambda: derived.gap_share(gap(20, "open"), BARS)),
    ("agreement", WARN, lambda: derived.agreement(at(AGREED, DAYS[-1], status="fail"))),
    ("agreement", ERROR, lambda: derived.agreement(SHIFTED)),
    ("basis_and_dates", WARN, lambda: derived.basis_and_dates(SHIFTED)),
    ("stale_symbols", ERROR, lambda: derived.stale_symbols(STATUS.with_columns(status=pl.lit("stale")))),
    ("validation_rate", WARN, lambda: derived.validation_rate(STATUS.with_columns(n_validated=pl.lit(94)))),
    ("validation_rate", ERROR, lambda: derived.validation_rate(STATUS.with_columns(n_validated=pl.lit(84)))),
    ("score_ignores_older_history", ERROR,
     lambda: causality.score_ignores_older_history(RESCORED, BARS, ACTIONS, SYMBOLS)),
    ("features_do_not_look_ahead", ERROR,
     lambda: causality.features_do_not_look_ahead(
         FEATURES.with_columns(ret_1d=pl.col("ret_1d").shift(-1)), ADJUSTED, ACTIONS, SYMBOLS)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "severity", "judge"), BROKEN, ids=[f"{n}-{s.value}-{i}" for i, (n, s, _) in enumerate(BROKEN)]
)
def test_broken_data_fail(name: str, severity: dg.AssetCheckSeverity, judge: Callable[[], Judgement]) -> None:
    """Every judgement fails where its rule is broken, with the severity the rule has."""
    verdict = judge()
    assert (verdict.passed, verdict.severity) == (False, severity), (name, verdict)


@pytest.mark.parametrize(
    ("now", "behind", "severity"),
    [
        ("2020-06-14T12:00:00Z", 0, None),  # Sunday: closed markets never age
        ("2020-06-15T21:59:00Z", 0, None),  # closed at 20:00, due two hours later
        ("2020-06-15T22:00:00Z", 1, WARN),
        ("2020-06-17T22:00:00Z", 3, ERROR),
        ("2021-01-06T22:00:00Z", 0, None),  # the partition of a past year cannot be stale
    ],
)
def test_bars_age_by_sessions_that_are_due(now: str, behind: int, severity: dg.AssetCheckSeverity | None) -> None:
    """One due session missing is a warning, three are an error, a weekend is nothing."""
    friday = raw("AAPL", [date(2020, 6, 12)], [100.0])
    with clock.frozen(now):
        verdict = bars.freshness(friday, SYMBOLS)
    assert verdict.evidence["worst"] == behind
    assert verdict.passed == (severity is None)
    assert severity in {None, verdict.severity}


def test_every_declared_check_has_been_seen_to_fail() -> None:
    """A check added without a failing case here is not proven."""
    from market_assets.equities.checks import CHECKS

    declared = {key.name for check in CHECKS for key in check.check_keys} - {"contract", "freshness"}
    assert declared == {name for name, *_ in BROKEN} == {name for name, _ in SOUND}


def test_sandbox_rows_belong_to_sandbox_settings() -> None:
    """Live rows in a sandbox store are as wrong as the other way round."""
    assert not no_synthetic_source(BARS, sandboxed=True).passed
    assert no_synthetic_source(BARS.with_columns(source=pl.lit("polygon-sandbox")), sandboxed=True).passed


def test_nothing_is_known_of_no_rows() -> None:
    """Empty partitions pass: known empty is not missing."""
    empty = SCORED.clear()
    assert causality.score_ignores_older_history(empty, BARS, NO_ACTIONS, SYMBOLS).passed
    assert derived.validated_share(empty).passed
    assert derived.agreement(AGREED.clear()).passed
