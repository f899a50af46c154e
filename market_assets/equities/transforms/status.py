"""One status row per symbol: how fresh, how complete, how agreed, and the verdict.

Everything is measured; what is not known is null, and a symbol without rows is `empty`, not healthy.
"""

from datetime import datetime

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.equities.schemas import EquitiesSymbolStatus
from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms.gaps import open_share
from market_assets.equities.transforms.sessions import Sessions, due, expected, numbered

#: sessions that the recent counts look at
RECENT_SESSIONS = 30

_STALE_SESSIONS, _LATE_SESSIONS = 3, 1
_STALE_HOURS, _LATE_HOURS = 72.0, 24.0
_POOR_RATE, _FAIR_RATE = 0.85, 0.95

#: how the fetches of a symbol went; a symbol without a row was never fetched
FETCHES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "last_materialized_at": UTC_MICROS,
    "last_success_at": UTC_MICROS,
    "last_error": pl.String,
}


def symbol_status(
    symbols: pl.DataFrame,
    sessions: Sessions,
    now: datetime,
    settings: EquitiesSettings,
    *,
    scored: pl.DataFrame,
    gaps: pl.DataFrame,
    reconciled: pl.DataFrame,
    fetches: pl.DataFrame,
) -> pl.DataFrame:
    """EquitiesSymbolStatus: one row per symbol of the universe at `now`.

    `scored`: symbol, session_date, validated, fallback_level of every year. `gaps`, `reconciled`: all
    rows of those tables. `fetches`: columns of FETCHES. `sessions`: every session of the stored years up to
    `now`, due or not.
    """
    ready = due(sessions, now, settings.vendor_delay_min)
    listed = expected(symbols, ready).filter("listed").select("symbol", "session_date")
    recent = _recent(ready)
    measured = (
        _listings(symbols)
        .join(_stored(scored), on="symbol", how="left")
        .join(_behind(listed, scored), on="symbol", how="left")
        .join(_age(sessions, now), on=["calendar", "latest_session"], how="left")
        .join(_gaps(gaps, scored, symbols, ready), on="symbol", how="left")
        .join(_failures(symbols, reconciled, recent), on="symbol", how="left")
        .join(_levels(symbols, scored, recent), on="symbol", how="left")
        .join(fetches.select(pl.col(name).cast(kind) for name, kind in FETCHES.items()), on="symbol", how="left")
        .with_columns(
            pl.col("n_rows", "n_validated", "n_open_gaps", "n_reconcile_fail_30").fill_null(0),
            age_hours=pl.when(pl.col("asset_class") == "crypto").then(pl.col("age_hours")),
            validation_rate=pl.when(pl.col("n_rows") > 0).then(pl.col("n_validated") / pl.col("n_rows")),
        )
        .with_columns(status=_verdict())
    )
    contract = EquitiesSymbolStatus.contract()
    return contract.validate(measured.select(list(contract.columns)))


def _listings(symbols: pl.DataFrame) -> pl.DataFrame:
    return (
        symbols.sort("symbol", "valid_from")
        .group_by("symbol", maintain_order=True)
        .agg(pl.col("asset_class", "calendar").last(), pl.col("active").any())
    )


def _stored(scored: pl.DataFrame) -> pl.DataFrame:
    return scored.group_by("symbol").agg(
        latest_session=pl.col("session_date").max(),
        n_rows=pl.len().cast(pl.Int64),
        n_validated=pl.col("validated").sum().cast(pl.Int64),
    )


def _behind(listed: pl.DataFrame, scored: pl.DataFrame) -> pl.DataFrame:
    """Listed sessions that are due and later than the newest stored one; none for a symbol without rows."""
    newest = scored.group_by("symbol").agg(newest=pl.col("session_date").max())
    return (
        newest.join(listed, on="symbol", how="left")
        .group_by("symbol")
        .agg(sessions_behind=(pl.col("session_date") > pl.col("newest")).sum().cast(pl.Int32))
    )


def _age(sessions: Sessions, now: datetime) -> pl.DataFrame:
    """Hours from each session's close to `now`, by calendar and session."""
    elapsed = pl.lit(now).cast(UTC_MICROS) - pl.col("close_at")
    return numbered(sessions).select(
        "calendar", latest_session="session_date", age_hours=elapsed.dt.total_seconds() / 3600.0
    )


def _recent(ready: Sessions) -> pl.DataFrame:
    """Per calendar the first of the last RECENT_SESSIONS due sessions."""
    return (
        numbered(ready)
        .sort("calendar", "session_date")
        .group_by("calendar", maintain_order=True)
        .agg(recent_from=pl.col("session_date").tail(RECENT_SESSIONS).min())
    )


def _gaps(gaps: pl.DataFrame, scored: pl.DataFrame, symbols: pl.DataFrame, ready: Sessions) -> pl.DataFrame:
    """n_open_gaps and gap_share over the years in which the symbol has rows or gaps."""
    year = pl.col("session_date").dt.year().cast(pl.Int32)
    known = pl.concat(
        [scored.select("symbol", year=year), gaps.filter(pl.col("status") == "open").select("symbol", "year")]
    ).unique()
    shares = (
        open_share(gaps, symbols, ready)
        .join(known, on=["symbol", "year"], how="semi")
        .group_by("symbol")
        .agg(pl.col("n_missing", "n_expected").sum())
        .select("symbol", gap_share=pl.when(pl.col("n_expected") > 0).then(pl.col("n_missing") / pl.col("n_expected")))
    )
    opened = gaps.filter(pl.col("status") == "open").group_by("symbol").agg(n_open_gaps=pl.len().cast(pl.Int64))
    return shares.join(opened, on="symbol", how="full", coalesce=True)


def _within_recent(rows: pl.DataFrame, symbols: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.join(_listings(symbols), on="symbol", how="inner")
        .join(recent, on="calendar", how="inner")
        .filter(pl.col("session_date") >= pl.col("recent_from"))
    )


def _failures(symbols: pl.DataFrame, reconciled: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
    failed = reconciled.filter(pl.col("status") == "fail").select("symbol", "session_date")
    return _within_recent(failed, symbols, recent).group_by("symbol").agg(n_reconcile_fail_30=pl.len().cast(pl.Int64))


def _levels(symbols: pl.DataFrame, scored: pl.DataFrame, recent: pl.DataFrame) -> pl.DataFrame:
    served = scored.select("symbol", "session_date", "fallback_level")
    return (
        _within_recent(served, symbols, recent)
        .group_by("symbol")
        .agg(source_level_max_30=pl.col("fallback_level").max().cast(pl.Int8))
    )


def _verdict() -> pl.Expr:
    crypto = pl.col("asset_class") == "crypto"

    def late(sessions: int, hours: float) -> pl.Expr:
        behind = pl.col("sessions_behind")
        # a coin's bar is due some time after its day: until then the age of the one before tells nothing
        old = (pl.col("age_hours") > hours) & (behind > 0)
        return pl.when(crypto).then(old).otherwise(behind >= sessions).fill_null(False)

    rate = pl.col("validation_rate")
    return (
        pl.when(~pl.col("active"))
        .then(pl.lit("inactive"))
        .when(pl.col("n_rows") == 0)
        .then(pl.lit("empty"))
        .when(late(_STALE_SESSIONS, _STALE_HOURS) | (rate < _POOR_RATE))
        .then(pl.lit("stale"))
        .when(late(_LATE_SESSIONS, _LATE_HOURS) | (rate < _FAIR_RATE) | (pl.col("n_open_gaps") > 0))
        .then(pl.lit("warning"))
        .otherwise(pl.lit("healthy"))
    )
