"""Judgements about scores, gaps, features, agreement of sources and the status of symbols."""

import polars as pl

from market_assets.core.checks import Judgement, error_unless, graded, warn_unless
from market_assets.equities import transforms
from market_assets.settings import settings

SCORED_ROWS_MIN = 60
VALIDATED_WARN, VALIDATED_ERROR = 0.95, 0.85
STALE_SHARE_ERROR = 0.10
LARGE_RETURN = 0.5
RECENT_SESSIONS = 5


def one_row_per_bar(frame: pl.DataFrame, bars: pl.DataFrame) -> Judgement:
    """Scoring neither drops nor invents a bar."""
    key = ["symbol", "session_date"]
    lost, extra = bars.join(frame, on=key, how="anti").height, frame.join(bars, on=key, how="anti").height
    return error_unless(lost == 0 and extra == 0, lost=lost, invented=extra, rows=frame.height)


def validated_share(frame: pl.DataFrame) -> Judgement:
    """Nearly all bars of a symbol-year are validated."""
    shares = (
        frame.group_by("symbol", pl.col("session_date").dt.year().alias("year"), maintain_order=True)
        .agg(n=pl.len(), validated_ratio=pl.col("validated").mean())
        .filter(pl.col("n") >= SCORED_ROWS_MIN)
        .sort("validated_ratio")
    )
    worst = 1 - float(shares["validated_ratio"].min() or 1.0) if shares.height else 0.0  # type: ignore[arg-type]
    low = shares.filter(pl.col("validated_ratio") < VALIDATED_WARN)
    return graded(worst, warn=1 - VALIDATED_WARN, error=1 - VALIDATED_ERROR, below=low)


def suspect_splits(frame: pl.DataFrame) -> Judgement:
    """No gap looks like a split that nobody recorded."""
    found = frame.filter("flag_suspect_split")
    return warn_unless(
        found.is_empty(),
        n=found.height,
        rows=found.select("symbol", "session_date", "open", "prev_close_ref", "gap_ratio"),
    )


def large_returns(frame: pl.DataFrame) -> Judgement:
    """A daily return beyond 50 % is rare enough to look at."""
    large = frame.filter(pl.col("ret_1d").abs() > LARGE_RETURN).select("symbol", "session_date", "ret_1d")
    return warn_unless(large.is_empty(), n=large.height, rows=large)


def nulls_in_warm_up(frame: pl.DataFrame) -> Judgement:
    """After 250 sessions only labels, yields and ranks may be null."""
    may = {
        "label_fwd_5d",
        "ret_20d_rank",
        "open_gap_ratio",
        "volume_ratio_20",
        "volume_trend_20_60",
        "obv_250",
        "vpt_250",
    }
    names = [name for name, kind in frame.schema.items() if kind == pl.Float64 and name not in may]
    ranked = frame.with_columns(n=pl.int_range(pl.len()).over("symbol", order_by="session_date")).filter(
        pl.col("n") >= 250
    )
    nulls = (
        {name: count for name, count in ranked.select(pl.col(names).null_count()).row(0, named=True).items() if count}
        if ranked.height
        else {}
    )
    return warn_unless(not nulls, nulls=nulls, rows_past_warm_up=ranked.height)


def gap_share(frame: pl.DataFrame, bars: pl.DataFrame) -> Judgement:
    """Few sessions of a symbol-year are missing without an explanation."""
    year = pl.col("session_date").dt.year().cast(pl.Int32)
    stored = bars.group_by("symbol", year.alias("year"), maintain_order=True).agg(n_stored=pl.len())
    shares = (
        frame.filter(pl.col("status") == "open")
        .group_by("symbol", "year", maintain_order=True)
        .agg(n_missing=pl.col("n_sessions").sum(), causes=pl.col("cause").unique().sort().str.join(", "))
        .join(stored, on=["symbol", "year"], how="left")
        .with_columns(gap_share=pl.col("n_missing") / (pl.col("n_missing") + pl.col("n_stored").fill_null(0)))
        .sort("gap_share", descending=True)
    )
    worst = float(shares["gap_share"].max() or 0.0) if shares.height else 0.0  # type: ignore[arg-type]
    limits = settings().gaps
    return graded(worst, warn=limits.warn_share, error=limits.error_share, symbols=shares.head(20))


def agreement(frame: pl.DataFrame) -> Judgement:
    """The second source agrees: failures stay under 1 % of the compared rows."""
    compared = frame.filter(pl.col("rel_diff").is_not_null())
    failed = compared.filter(pl.col("status") == "fail")
    share = failed.height / compared.height if compared.height else 0.0
    recent = compared["session_date"].unique().sort().tail(RECENT_SESSIONS)
    recently = failed.filter(pl.col("session_date").is_in(recent.implode()))
    severe = share > settings().equities.reconcile.fail_ratio
    judgement = error_unless if severe else warn_unless
    return judgement(
        not severe and recently.is_empty(),
        fail_share=share,
        n_compared=compared.height,
        rows=failed.select("symbol", "session_date", "close_a", "close_b", "rel_diff"),
    )


def basis_and_dates(frame: pl.DataFrame) -> Judgement:
    """No constant ratio (an unrecorded split) and no shift by a session between the sources."""
    basis = transforms.basis_mismatch(frame)
    shift = transforms.date_shift(frame)
    return warn_unless(basis.is_empty() and shift.is_empty(), basis_mismatch=basis, date_shift=shift)


def stale_symbols(frame: pl.DataFrame) -> Judgement:
    """No active symbol is stale; more than a tenth of them is an error."""
    active = frame.filter(pl.col("status") != "inactive")
    stale = active.filter(pl.col("status").is_in(["stale", "empty"]))
    share = stale.height / active.height if active.height else 0.0
    judgement = error_unless if share > STALE_SHARE_ERROR else warn_unless
    return judgement(
        stale.is_empty(),
        stale_share=share,
        rows=stale.select("symbol", "status", "latest_session", "sessions_behind", "last_error"),
    )


def validation_rate(frame: pl.DataFrame) -> Judgement:
    """Over all active symbols at least 95 % of the bars are validated."""
    active = frame.filter(pl.col("status") != "inactive")
    n_rows = int(active["n_rows"].sum())
    rate = int(active["n_validated"].sum()) / n_rows if n_rows else 1.0
    return graded(1 - rate, warn=1 - VALIDATED_WARN, error=1 - VALIDATED_ERROR, validation_rate=rate)
