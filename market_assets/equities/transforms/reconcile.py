"""Agreement of the stored bars with a second source, session by session, on unadjusted prices.

`reconcile` judges closes; `basis_mismatch` and `date_shift` read its rows for the two errors
that make every close wrong at once. What follows from a verdict belongs to the checks.
"""

import polars as pl

from market_assets.equities.schemas import EquitiesReconciliation
from market_assets.equities.settings import EquitiesSettings, ReconcileSettings
from market_assets.equities.transforms.scores import SPLIT_RATIOS

_LEAST_SESSIONS = 3
_BASIS_TOLERANCE = 0.01
_AT = ("symbol", "session_date")
_COMPARED = ("open", "close", "volume", "source")


def reconcile(bars_a: pl.DataFrame, bars_b: pl.DataFrame, settings: EquitiesSettings) -> pl.DataFrame:
    """EquitiesReconciliation: one row per session that either source has.

    Both frames: symbol, session_date, open, close, volume, source, unadjusted, cut to the same
    sessions. A symbol-year stored from the second source itself is left out: it would agree with itself.
    """
    contract = EquitiesReconciliation.contract()
    both = (
        _stated(bars_a, "a")
        .join(_stated(bars_b, "b"), on=list(_AT), how="full", coalesce=True)
        .sort(*_AT)
        .with_columns(year=pl.col("session_date").dt.year())
        .with_columns(
            source_a=_source("source_a", settings.sources[0]), source_b=_source("source_b", settings.reconcile.source)
        )
        .filter(pl.col("source_a") != pl.col("source_b"))
    )
    close_a, close_b = pl.col("close_a"), pl.col("close_b")
    return contract.validate(
        both.with_columns(
            volume_ratio=pl.when(pl.col("volume_a") > 0).then(pl.col("volume_b") / pl.col("volume_a")),
            rel_diff=_rel_diff(close_a, close_b),
        )
        .with_columns(
            status=pl.when(close_a.is_null())
            .then(pl.lit("missing_a"))
            .when(close_b.is_null())
            .then(pl.lit("missing_b"))
            .when(pl.col("rel_diff") <= settings.reconcile.ok_ratio)
            .then(pl.lit("ok"))
            .when(pl.col("rel_diff") <= settings.reconcile.fail_ratio)
            .then(pl.lit("investigate"))
            .otherwise(pl.lit("fail"))
        )
        .select(list(contract.columns))
    )


def _stated(bars: pl.DataFrame, side: str) -> pl.DataFrame:
    return bars.select(*_AT, *(pl.col(name).alias(f"{name}_{side}") for name in _COMPARED))


def _source(column: str, configured: str) -> pl.Expr:
    """The row's source; of a missing row that of the symbol's year (a year is whole from one source)."""
    whole_year = pl.col(column).drop_nulls().first().over("symbol", "year")
    anywhere = pl.col(column).drop_nulls().first()
    return pl.coalesce(pl.col(column), whole_year, anywhere, pl.lit(configured))


def _rel_diff(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Difference over the mean of the two (fraction)."""
    return (a - b).abs() / ((a + b) / 2.0)


def basis_mismatch(reconciled: pl.DataFrame) -> pl.DataFrame:
    """Runs in which one source is on another share basis: an unrecorded split.

    At least 3 compared sessions in a row whose close_b / close_a is within 1 % of the same k or 1/k.
    Columns symbol, ratio (b over a), first_session, last_session, n_sessions; sorted.
    """
    ratio = pl.col("close_b") / pl.col("close_a")
    multiples = [float(k) for k in SPLIT_RATIOS] + [1.0 / k for k in SPLIT_RATIOS]
    nearest = pl.coalesce(
        pl.when((ratio / multiple - 1.0).abs() <= _BASIS_TOLERANCE).then(multiple) for multiple in multiples
    )
    changed = (pl.col("ratio") != pl.col("ratio").shift(1)) | (pl.col("symbol") != pl.col("symbol").shift(1))
    return (
        reconciled.sort(*_AT)
        .filter(pl.col("rel_diff").is_not_null())
        .with_columns(ratio=nearest.fill_null(1.0))
        .with_columns(run=changed.fill_null(True).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("symbol", "ratio").first(),
            first_session=pl.col("session_date").first(),
            last_session=pl.col("session_date").last(),
            n_sessions=pl.len().cast(pl.Int64),
        )
        .filter((pl.col("ratio") != 1.0) & (pl.col("n_sessions") >= _LEAST_SESSIONS))
        .drop("run")
    )


def date_shift(
    reconciled: pl.DataFrame, *, ok_ratio: float = ReconcileSettings.model_fields["ok_ratio"].default
) -> pl.DataFrame:
    """Symbols whose disagreeing sessions agree once source b is moved by one session.

    At least 3 sessions that are not ok, of which more than half become ok. Columns symbol, shift
    (+1: b is dated one session too early), n_disagreeing, n_resolved; sorted.
    """
    ordered = reconciled.sort(*_AT).filter(pl.col("rel_diff").is_not_null())
    found = [_shifted(ordered, shift, ok_ratio) for shift in (1, -1)]
    return pl.concat(found).sort("symbol", "shift")


def _shifted(ordered: pl.DataFrame, shift: int, ok_ratio: float) -> pl.DataFrame:
    moved = pl.col("close_b").shift(shift).over("symbol")
    return (
        ordered.with_columns(resolved=_rel_diff(pl.col("close_a"), moved) <= ok_ratio)
        .filter(pl.col("status") != "ok")
        .group_by("symbol")
        .agg(
            shift=pl.lit(shift, dtype=pl.Int8),
            n_disagreeing=pl.len().cast(pl.Int64),
            n_resolved=pl.col("resolved").sum().cast(pl.Int64),
        )
        .filter((pl.col("n_disagreeing") >= _LEAST_SESSIONS) & (pl.col("n_resolved") * 2 > pl.col("n_disagreeing")))
    )
