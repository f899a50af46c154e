"""Every btc judgement passes on sound data and has been seen to fail."""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.btc import schemas
from market_assets.btc.ages import TableAge, table_age
from market_assets.btc.checks import CHECKS, POINT_IN_TIME, features, freshness, immutable, observed, outcomes
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_models, bins, dominance, labels, performance, signals, training
from market_assets.btc.transforms.integrity import verify_data_integrity
from market_assets.core.checks import Judgement, no_synthetic_source
from market_assets.core.contracts import Table
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.btc.transforms.hourly import HOUR, START, simulated, whole
from tests.market_assets.btc.transforms.rpn_frames import mondays

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
BTC = BtcSettings()
HOURS = 24 * 160
NOW = START + HOURS * HOUR + timedelta(days=3)

RAW = simulated(HOURS, seed=3, gap_share=0.0)
PRICE = RAW[0].select("ts", available_at=pl.col("ts") + BTC.delay, ingested_at=pl.col("ts") + BTC.delay, price="price")
PRICE = PRICE.with_columns(
    is_late=pl.lit(value=False),
    source=pl.lit("glassnode"),
    **dict.fromkeys(("open", "high", "low", "close"), pl.col("price")),
)
VOLUMES = RAW[1].with_columns(
    available_at=pl.col("ts") + BTC.delay,
    ingested_at=pl.col("ts") + BTC.delay,
    is_late=pl.lit(value=False),
    source=pl.lit("glassnode"),
)
PROCESSED, RPN = whole(RAW, BTC, HOURS)
MODELS = bin_models.fit(RPN, BTC, mondays(START + HOURS * HOUR))
BINS = bins.bins(RPN, MODELS, BTC, first=START, own=schemas.BtcBins.contract().empty())
DOMINANCE = dominance.dominance(RPN, BINS, BTC, first=START, own=schemas.BtcDominance.contract().empty())
SIGNALS = signals.signals(RPN, DOMINANCE, BTC, first=START)
LABELS = labels.labels(RAW[0], BTC, first=START, until=START + HOURS * HOUR, now=NOW)
TRAINING = training.training_data(PROCESSED, RPN, BINS, DOMINANCE, SIGNALS, LABELS, BTC)
LAST_DAY = (START + (HOURS - 25) * HOUR).date()
PERFORMANCE = performance.performance(SIGNALS, LABELS, BTC, days=[LAST_DAY], now=NOW)

PRICE_CONTRACT, VOLUME_CONTRACT = schemas.BtcPrice.contract(), schemas.BtcLiquidations.contract()
RPN_CONTRACT = schemas.BtcRpn.contract()
GAPS = VOLUMES.with_columns(
    long_liquidations=pl.when(pl.col("ts").dt.hour() < 2).then(None).otherwise(pl.col("long_liquidations"))
)
#: a year of the kind that a judgement of the trailing year asks for
YEAR = 8760


def null_where(frame: pl.DataFrame, rows: pl.Expr, column: str) -> pl.DataFrame:
    """A column unknown in some rows."""
    return frame.with_columns(pl.when(rows).then(None).otherwise(pl.col(column)).alias(column))


def set_where(frame: pl.DataFrame, rows: pl.Expr, **values: object) -> pl.DataFrame:
    """Columns with a value in some rows."""
    return frame.with_columns(
        pl.when(rows).then(pl.lit(value).cast(frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def repeated(column: str, values: list[int | bool | None], n: int = YEAR) -> pl.DataFrame:
    """A column that repeats `values`."""
    return pl.DataFrame({column: (values * (n // len(values) + 1))[:n]})


def report(frame: pl.DataFrame) -> Judgement:
    """Integrity of the last day of a raw frame."""
    whole_day = verify_data_integrity(frame, START + (HOURS - 24) * HOUR, START + (HOURS - 1) * HOUR)
    return features.integrity(whole_day, accepts_gaps=False)


LAST = pl.col("ts") == pl.col("ts").max()
KNOWN = pl.col("signal_class").is_not_null()
JOINED = RAW[0].join(RAW[1], on="ts")
EDGE = pl.DataFrame(
    {
        "ts": [START + n * HOUR for n in range(YEAR)],
        "diff_beta": [float(n % 7) for n in range(YEAR)],
        "kalman_diff": [float(n % 11) for n in range(YEAR)],
        "risk_priority_number": [(n % 13) / 13 for n in range(YEAR)],
        "signal_class": ["Neutral" if n % 4 else "Buy" for n in range(YEAR)],
        "return_close_24": [((n * 7919) % 101 - 50) / 1000 for n in range(YEAR)],
        "return_exec_24": [((n * 7919) % 101 - 50) / 1000 for n in range(YEAR)],
    }
)

Case = tuple[str, Callable[[], Judgement]]
SOUND: list[Case] = [
    ("no_synthetic_source", lambda: no_synthetic_source(PRICE, sandboxed=False)),
    ("hours_complete", lambda: observed.hours_complete(PRICE)),
    ("missing_share", lambda: observed.missing_share(PRICE, PRICE_CONTRACT, accepts_gaps=False)),
    ("candles_ordered", lambda: observed.candles_ordered(PRICE)),
    ("no_hour_missing", lambda: observed.no_hour_missing(PRICE, PRICE_CONTRACT)),
    ("price_jump", lambda: observed.price_jump(PRICE)),
    ("candle_agrees", lambda: observed.candle_agrees(PRICE)),
    ("no_revision", lambda: observed.no_revision(PRICE)),
    ("quarantine_empty", lambda: observed.quarantine_empty(PRICE_CONTRACT.quarantine().empty())),
    ("point_in_time_variants", lambda: observed.point_in_time_variants([("market/price_usd_close", None)])),
    ("zero_share", lambda: observed.zero_share(VOLUMES)),
    ("plausible_size", lambda: observed.plausible_size(VOLUMES)),
    ("unit_is_btc", lambda: observed.unit_is_btc(VOLUMES)),
    ("volumes_add_up", lambda: features.volumes_add_up(PROCESSED)),
    ("integrity", lambda: report(JOINED)),
    ("filled_share", lambda: features.filled_share(PROCESSED)),
    ("outlier_share", lambda: features.outlier_share(pl.concat([PROCESSED, PROCESSED]), BTC)),
    ("shares_agree", lambda: features.shares_agree(RPN)),
    ("rows_immutable", lambda: immutable.rows_immutable(RPN, RPN, RPN_CONTRACT)),
    ("known_once_warm", lambda: features.known_once_warm(RPN)),
    ("clipped_share", lambda: features.clipped_share(RPN)),
    ("models_sound", lambda: features.models_sound(MODELS, BTC)),
    ("models_fitted", lambda: features.models_fitted(MODELS, MODELS)),
    ("centers_steady", lambda: features.centers_steady(MODELS)),
    ("bins_sound", lambda: features.bins_sound(BINS, BTC)),
    ("bins_used", lambda: features.bins_used(repeated("bin_index", list(range(9))), BTC)),
    ("model_in_use", lambda: features.model_in_use(BINS)),
    ("dominance_sound", lambda: features.dominance_sound(DOMINANCE)),
    ("sides_balanced", lambda: features.sides_balanced(repeated("dominance", [-1, 0, 0, 1, 0, None]), BTC)),
    ("levels_agree", lambda: outcomes.levels_agree(SIGNALS)),
    ("events_rare", lambda: outcomes.events_rare(repeated("hit_ceiling_bottom", [1, *[0] * 99]), BTC)),
    ("matured", lambda: outcomes.matured(LABELS, NOW)),
    ("returns_plausible", lambda: outcomes.returns_plausible(LABELS)),
    ("features_before_outcomes", lambda: outcomes.features_before_outcomes(TRAINING, BTC)),
    ("no_strong_edge", lambda: outcomes.no_strong_edge(EDGE, BTC)),
    ("performance_sound", lambda: outcomes.performance_sound(PERFORMANCE)),
]

BROKEN: list[tuple[str, dg.AssetCheckSeverity, Callable[[], Judgement]]] = [
    (
        "no_synthetic_source",
        ERROR,
        lambda: no_synthetic_source(PRICE.with_columns(source=pl.lit("glassnode-sandbox")), sandboxed=False),
    ),
    ("hours_complete", ERROR, lambda: observed.hours_complete(PRICE.filter(pl.col("ts") != START + 5 * HOUR))),
    (
        "hours_complete",
        ERROR,
        lambda: observed.hours_complete(PRICE.with_columns(ts=pl.col("ts") + timedelta(minutes=17))),
    ),
    ("hours_complete", ERROR, lambda: observed.hours_complete(PRICE.reverse())),
    ("missing_share", ERROR, lambda: observed.missing_share(GAPS, VOLUME_CONTRACT, accepts_gaps=False)),
    ("missing_share", WARN, lambda: observed.missing_share(GAPS, VOLUME_CONTRACT, accepts_gaps=True)),
    ("candles_ordered", ERROR, lambda: observed.candles_ordered(PRICE.with_columns(low=pl.col("close") + 1))),
    ("no_hour_missing", WARN, lambda: observed.no_hour_missing(null_where(PRICE, LAST, "price"), PRICE_CONTRACT)),
    (
        "price_jump",
        WARN,
        lambda: observed.price_jump(PRICE.with_columns(price=pl.when(LAST).then(1.0).otherwise("price"))),
    ),
    ("candle_agrees", WARN, lambda: observed.candle_agrees(PRICE.with_columns(close=pl.col("price") * 1.002))),
    (
        "quarantine_empty",
        WARN,
        lambda: observed.quarantine_empty(PRICE.head(1).with_columns(run_id=pl.lit("r"), reason=pl.lit("bad_price"))),
    ),
    ("no_revision", WARN, lambda: observed.no_revision(PRICE.with_columns(is_late=LAST))),
    ("point_in_time_variants", WARN, lambda: observed.point_in_time_variants([("market/price", "market/price_pit")])),
    (
        "zero_share",
        WARN,
        lambda: observed.zero_share(set_where(VOLUMES, pl.col("ts").dt.hour() < 8, long_liquidations=0.0)),
    ),
    ("plausible_size", WARN, lambda: observed.plausible_size(set_where(VOLUMES, LAST, short_liquidations=1e6))),
    ("unit_is_btc", WARN, lambda: observed.unit_is_btc(VOLUMES.with_columns(pl.col("long_liquidations") * 40_000))),
    ("volumes_add_up", ERROR, lambda: features.volumes_add_up(set_where(PROCESSED, LAST, total_volume=1e9))),
    ("volumes_add_up", ERROR, lambda: features.volumes_add_up(set_where(PROCESSED, LAST, is_gap=True))),
    ("integrity", WARN, lambda: report(JOINED.filter(pl.col("ts").dt.hour() > 2))),
    (
        "integrity",
        ERROR,
        lambda: report(
            JOINED.with_columns(
                pl.lit(None, pl.Float64).alias("long_liquidations"),
                pl.lit(None, pl.Float64).alias("short_liquidations"),
            )
        ),
    ),
    (
        "filled_share",
        WARN,
        lambda: features.filled_share(PROCESSED.with_columns(is_filled=pl.col("ts").dt.hour() == 3)),
    ),
    (
        "outlier_share",
        WARN,
        lambda: features.outlier_share(
            pl.concat([PROCESSED, PROCESSED]).with_columns(is_outlier_long=pl.lit(value=False)), BTC
        ),
    ),
    ("shares_agree", ERROR, lambda: features.shares_agree(set_where(RPN, LAST, kalman_diff_share=0.99))),
    ("shares_agree", ERROR, lambda: features.shares_agree(set_where(RPN, LAST, z_total=21.0))),
    (
        "rows_immutable",
        ERROR,
        lambda: immutable.rows_immutable(RPN, set_where(RPN, LAST, kalman_long=1e6), RPN_CONTRACT),
    ),
    (
        "rows_immutable",
        ERROR,
        lambda: immutable.rows_immutable(RPN, null_where(RPN, LAST, "trend_long"), RPN_CONTRACT),
    ),
    ("known_once_warm", WARN, lambda: features.known_once_warm(null_where(RPN, pl.col("ts").dt.hour() == 1, "z_long"))),
    (
        "clipped_share",
        WARN,
        lambda: features.clipped_share(set_where(RPN, pl.col("ts").dt.hour() == 1, trend_long=0.0)),
    ),
    ("models_sound", ERROR, lambda: features.models_sound(MODELS.with_columns(train_end=pl.col("ts")), BTC)),
    (
        "models_sound",
        ERROR,
        lambda: features.models_sound(MODELS.with_columns(edges=pl.col("edges").list.reverse()), BTC),
    ),
    ("models_sound", ERROR, lambda: features.models_sound(MODELS.with_columns(n_train=pl.lit(5, pl.Int32)), BTC)),
    ("models_fitted", WARN, lambda: features.models_fitted(set_where(MODELS, LAST, status="too_few_rows"), MODELS)),
    (
        "centers_steady",
        WARN,
        lambda: features.centers_steady(
            MODELS.with_columns(
                centers=pl.when(LAST).then(pl.col("centers").list.eval(pl.element() * 0.5)).otherwise("centers")
            )
        ),
    ),
    ("bins_sound", ERROR, lambda: features.bins_sound(set_where(BINS, LAST, bin_index=9), BTC)),
    ("bins_sound", ERROR, lambda: features.bins_sound(BINS.with_columns(model_time=pl.col("ts") + HOUR), BTC)),
    ("bins_sound", ERROR, lambda: features.bins_sound(set_where(BINS, LAST, bin_momentum=3, bin_mm_direction=-1), BTC)),
    ("bins_used", WARN, lambda: features.bins_used(repeated("bin_index", list(range(8))), BTC)),
    ("bins_used", WARN, lambda: features.bins_used(repeated("bin_index", [*range(9), *[4] * 9]), BTC)),
    ("model_in_use", WARN, lambda: features.model_in_use(pl.DataFrame({"bin_warm": [True, *[False] * 25]}))),
    ("dominance_sound", ERROR, lambda: features.dominance_sound(set_where(DOMINANCE, LAST, thr_q20=1e9))),
    (
        "dominance_sound",
        ERROR,
        lambda: features.dominance_sound(set_where(DOMINANCE, LAST, is_keep=1, dominance_duration=1)),
    ),
    ("sides_balanced", WARN, lambda: features.sides_balanced(repeated("dominance", [-1, -1, 0, 1]), BTC)),
    ("levels_agree", ERROR, lambda: outcomes.levels_agree(set_where(SIGNALS, KNOWN, signal_class="Strong_Sell"))),
    ("levels_agree", ERROR, lambda: outcomes.levels_agree(set_where(SIGNALS, KNOWN, signal_l3=1))),
    (
        "levels_agree",
        ERROR,
        lambda: outcomes.levels_agree(set_where(SIGNALS, KNOWN, hit_ceiling_bottom=1, hit_ceiling_bottom_raw=0)),
    ),
    ("events_rare", WARN, lambda: outcomes.events_rare(repeated("hit_ceiling_bottom", [1, *[0] * 9]), BTC)),
    ("matured", ERROR, lambda: outcomes.matured(LABELS, START + 30 * HOUR)),
    ("returns_plausible", WARN, lambda: outcomes.returns_plausible(set_where(LABELS, LAST, return_exec=0.7))),
    (
        "returns_plausible",
        WARN,
        lambda: outcomes.returns_plausible(null_where(LABELS, pl.col("ts").dt.hour() == 1, "return_exec")),
    ),
    (
        "features_before_outcomes",
        ERROR,
        lambda: outcomes.features_before_outcomes(
            TRAINING.with_columns(label_available_at=pl.col("feature_available_at")), BTC
        ),
    ),
    (
        "no_strong_edge",
        ERROR,
        lambda: outcomes.no_strong_edge(EDGE.with_columns(diff_beta=-pl.col("return_close_24")), BTC),
    ),
    (
        "no_strong_edge",
        WARN,
        lambda: outcomes.no_strong_edge(
            EDGE.with_columns(kalman_diff=pl.col("return_close_24") + 0.3 * (pl.col("kalman_diff") - 5) / 3.16), BTC
        ),
    ),
    (
        "no_strong_edge",
        ERROR,
        lambda: outcomes.no_strong_edge(
            EDGE.with_columns(
                return_exec_24=pl.when(pl.col("signal_class") == "Buy").then(0.01).otherwise(pl.col("return_exec_24"))
            ),
            BTC,
        ),
    ),
    (
        "performance_sound",
        ERROR,
        lambda: outcomes.performance_sound(PERFORMANCE.with_columns(n_signals=pl.lit(0, pl.Int32))),
    ),
    (
        "performance_sound",
        ERROR,
        lambda: outcomes.performance_sound(PERFORMANCE.with_columns(win_rate=pl.lit(0.5))),
    ),
]


@pytest.mark.parametrize(("name", "judge"), SOUND, ids=[name for name, _ in SOUND])
def test_sound_data_pass(name: str, judge: Callable[[], Judgement]) -> None:
    """A simulated half year is sound to every judgement."""
    verdict = judge()
    assert verdict.passed, (name, dict(verdict.evidence))


@pytest.mark.parametrize(("name", "severity", "judge"), BROKEN, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(BROKEN)])
def test_broken_data_fail(name: str, severity: dg.AssetCheckSeverity, judge: Callable[[], Judgement]) -> None:
    """Each judgement sees the fault that it is there for, with the severity of the specification."""
    verdict = judge()
    assert not verdict.passed, name
    assert verdict.severity == severity


def test_every_declared_check_is_tried() -> None:
    """No judgement of the domain goes without both."""
    declared = {key.name for check in CHECKS for key in check.check_keys} - {"contract", "freshness"}
    assert declared == {name for name, *_ in BROKEN} == {name for name, _ in SOUND}
    assert POINT_IN_TIME in declared


def test_other_settings_may_change_rows() -> None:
    """Rows of another feature_version are not compared: a rebuild replaces them."""
    other = set_where(RPN, LAST, kalman_long=1e6).with_columns(feature_version=pl.lit("000000000000"))
    assert immutable.rows_immutable(RPN, other, RPN_CONTRACT).passed


def test_models_are_compared_with_their_lists() -> None:
    """A single moved edge is a changed model."""
    contract = schemas.BtcBinModels.contract()
    moved = MODELS.with_columns(edges=pl.col("edges").list.eval(pl.element() + 1e-6))
    assert immutable.rows_immutable(MODELS, MODELS, contract).passed
    assert not immutable.rows_immutable(MODELS, moved, contract).passed


@pytest.mark.parametrize(
    ("hours", "passed", "severity"), [(1.9, True, WARN), (2.1, False, WARN), (6.1, False, ERROR), (None, False, WARN)]
)
def test_freshness(hours: float | None, passed: bool, severity: dg.AssetCheckSeverity) -> None:
    """Two hours are soon stale, six are stale; a table without a row is told."""
    verdict = freshness.freshness(TableAge(hours, late=2.0, stale=6.0))
    assert (verdict.passed, verdict.severity) == (passed, severity)


@pytest.mark.parametrize(
    ("table", "late", "stale"),
    [
        (schemas.BtcPrice, 2, 6),
        (schemas.BtcSignals, 2, 6),
        (schemas.BtcLabels, 36, None),
        (schemas.BtcBinModels, 192, 672),
        (schemas.BtcSignalPerformance, 26, 30),
    ],
)
def test_each_table_has_its_own_age(table: type[Table], late: float, stale: float | None) -> None:
    """Section 15: hours for hourly tables, the hour of the newest day-ahead outcome, days for models."""
    age = table_age(open_store(settings()), table.contract(), BTC, NOW)
    assert age == TableAge(None, late, stale)


def test_of_models_only_a_usable_one_counts() -> None:
    """A week without a fit does not make the models younger."""
    store, contract = open_store(settings()), schemas.BtcBinModels.contract()
    for key, rows in contract.split(MODELS.tail(2)).items():
        failed = set_where(rows, pl.col("ts") == MODELS["ts"].max(), status="too_few_rows")
        store.write(contract, key, failed)
    newest_ok: datetime = MODELS["ts"][-2]
    assert table_age(store, contract, BTC, newest_ok + 200 * HOUR).hours == 200
