"""Simulated btc_rpn for the tests of the stages after it, and those stages run over it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_models, bins, dominance, signals

SETTINGS = BtcSettings()
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
#: rows before the first trend, and before the filters are warm, of an uninterrupted history (G-RPN-1)
FIRST_TREND, FIRST_WARM = 530, 729

NO_BINS = schemas.BtcBins.contract().empty()
NO_DOMINANCE = schemas.BtcDominance.contract().empty()

Tables = dict[str, pl.DataFrame]


def hours(n: int, start: datetime = SETTINGS.start) -> pl.Series:
    """The column ts of `n` hours."""
    return pl.datetime_range(start, start + (n - 1) * HOUR, HOUR, time_unit="us", time_zone="UTC", eager=True).alias(
        "ts"
    )


def mondays(until: datetime, start: datetime = SETTINGS.start) -> list[datetime]:
    """The instants of fits from `start` to `until`, both included."""
    first = start + (-start.weekday() % 7) * DAY
    return [first + i * WEEK for i in range((until - first) // WEEK + 1)]


def level(n: int, rng: np.random.Generator) -> np.ndarray:
    """A positive series that wanders and comes back, as smoothed liquidations do (BTC per hour)."""
    noise = rng.normal(0, 0.08, n)
    log = np.zeros(n)
    for t in range(1, n):
        log[t] = 0.985 * log[t - 1] + noise[t]
    return np.exp(2.0 + log)


def smoothed(
    n: int,
    *,
    seed: int = 0,
    gaps: Sequence[range] = (),
    scale: str = "native",
    settings: BtcSettings = SETTINGS,
) -> pl.DataFrame:
    """BtcRpn of `n` hours from settings.start; unknown before the first trend and in `gaps` (row numbers)."""
    rng = np.random.default_rng(seed)
    longs, shorts = level(n, rng), level(n, rng)
    if scale == "log1p":
        longs, shorts = np.log1p(longs), np.log1p(shorts)
    known = np.arange(n) >= FIRST_TREND
    for gap in gaps:
        known[gap.start : gap.stop] = False
    return rpn_rows(longs, shorts, known=known, warm=known & (np.arange(n) >= FIRST_WARM), settings=settings)


def rpn_rows(
    longs: Sequence[float], shorts: Sequence[float], *, known: np.ndarray, warm: np.ndarray, settings: BtcSettings
) -> pl.DataFrame:
    """BtcRpn of these levels from settings.start on; the columns that no later stage reads are null."""
    contract = schemas.BtcRpn.contract()
    total, long, short = pl.col("kalman_total"), pl.col("kalman_long"), pl.col("kalman_short")
    frame = pl.DataFrame({"ts": hours(len(longs), settings.start), "kalman_long": longs, "kalman_short": shorts})
    return contract.conform(
        frame.with_columns(known=known, is_warm=warm)
        .with_columns(kalman_total=long + short, kalman_diff=long - short)
        .with_columns(risk_priority_number=long / total, kalman_diff_share=pl.col("kalman_diff") / total)
        .with_columns(
            pl.when("known").then(pl.col("^kalman_.*$", "risk_priority_number")),
            n_obs=pl.col("known").cum_sum().cast(pl.Int32),
            available_at=pl.col("ts") + settings.delay,
            feature_version=pl.lit(settings.feature_version),
        )
        .pipe(lambda rows: rows.with_columns(nulls(contract.schema, rows.columns)))
        .drop("known")
    )


def nulls(schema: pl.Schema, present: Sequence[str]) -> list[pl.Expr]:
    """The columns of `schema` that are not `present`, as nulls."""
    return [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in present]


def one_pass(rpn: pl.DataFrame, settings: BtcSettings = SETTINGS) -> Tables:
    """Every table made of the whole of `rpn` at once."""
    first, last = settings.start, rpn["ts"].max()
    models = bin_models.fit(rpn, settings, mondays(last, first))
    binned = bins.bins(rpn, models, settings, first=first, own=NO_BINS)
    dominant = dominance.dominance(rpn, binned, settings, first=first, own=NO_DOMINANCE)
    signalled = signals.signals(rpn, dominant, settings, first=first)
    return {"models": models, "bins": binned, "dominance": dominant, "signals": signalled}


def day_by_day(rpn: pl.DataFrame, settings: BtcSettings = SETTINGS) -> Tables:
    """The same tables, each day made of what is stored and the days that its asset reads."""
    stored = {name: [] for name in ("models", "bins", "dominance", "signals")}
    for day in days(rpn):
        for name, rows in one_day(rpn, stored, day, settings).items():
            stored[name].append(rows)
    return {name: pl.concat(parts) for name, parts in stored.items()}


def days(rpn: pl.DataFrame) -> Iterator[datetime]:
    """The first hour of each day of `rpn`."""
    yield from rpn["ts"].dt.truncate("1d").unique().sort()


def one_day(rpn: pl.DataFrame, stored: dict[str, list[pl.DataFrame]], day: datetime, settings: BtcSettings) -> Tables:
    """One day's rows; look-backs as in section 2 of btc.md."""

    def newest(name: str, partitions: int) -> pl.DataFrame:
        empty = getattr(schemas, f"Btc{name.title()}").contract().empty()
        return pl.concat([empty, *stored[name][-partitions:]])

    made: Tables = {}
    read = rpn.filter((pl.col("ts") >= day - 365 * DAY) & (pl.col("ts") < day + DAY))
    models = pl.concat(stored["models"][-5:]) if stored["models"] else schemas.BtcBinModels.contract().empty()
    if day.weekday() == 0:
        made["models"] = bin_models.fit(read.filter(pl.col("ts") < day), settings, [day])
        models = pl.concat([models, made["models"]])
    of_day, two_days = (read.filter(pl.col("ts") >= since) for since in (day, day - DAY))
    made["bins"] = bins.bins(of_day, models, settings, first=day, own=newest("bins", 30))
    before = newest("dominance", 1)
    made["dominance"] = dominance.dominance(read, made["bins"], settings, first=day, own=before)
    made["signals"] = signals.signals(two_days, pl.concat([before, made["dominance"]]), settings, first=day)
    return made
