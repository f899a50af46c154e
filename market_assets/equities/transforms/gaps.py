"""Missing sessions: which, why, and what share of a symbol's calendar they are.

Whether a session is missing is decided by the calendar and the listing window alone; why, by what
is known of the fetch and of a second source. Repairing gaps is a sensor's work.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.equities.schemas import EquitiesGaps
from market_assets.equities.transforms.sessions import Sessions, expected

#: leading sessions of a stored year that may be missing before its history counts as clipped
CLIP_TOLERANCE = 5
#: causes that need no repair
EXPLAINED = ("not_listed", "no_trade")
#: a coverage cell is green from the first share on, yellow from the second, else red
GREEN_FROM, YELLOW_FROM = 0.95, 0.85

#: what is known of the daily_bars partitions; a symbol and year without a row was never stored
PARTITIONS = pl.Schema({"symbol": pl.String, "year": pl.Int32, "state": pl.String})
#: a (symbol, session) list: rows in quarantine, sessions of the second source
SYMBOL_SESSIONS = pl.Schema({"symbol": pl.String, "session_date": pl.Date})
#: symbol-years whose repairs are spent
SYMBOL_YEARS = pl.Schema({"symbol": pl.String, "year": pl.Int32})


def find_gaps(
    bars: pl.DataFrame,
    symbols: pl.DataFrame,
    sessions: Sessions,
    now: datetime,
    *,
    partitions: pl.DataFrame,
    quarantined: pl.DataFrame,
    second_source: pl.DataFrame,
    asked_whole: pl.DataFrame | None = None,
    given_up: pl.DataFrame | None = None,
    years: Collection[int] | None = None,
) -> pl.DataFrame:
    """EquitiesGaps: one row per run of missing sessions with the same cause, within one year.

    `bars`: symbol, session_date of what is stored. `sessions`: the DUE sessions of the years looked
    at (`sessions.due`). `partitions` (PARTITIONS): state `stored`, or `failed` or `clipped` where the
    last run ended so. `quarantined`, `second_source` (SYMBOL_SESSIONS): the second source counts as
    asked between its first and last session of a symbol-year, and in all of the symbol-years of
    `asked_whole` (SYMBOL_YEARS), also where it had nothing. `given_up` (SYMBOL_YEARS): repairs
    spent, cause `unknown`. After the last bar of an inactive symbol nothing is missing.
    """
    wanted = expected(symbols, sessions).with_columns(year=pl.col("session_date").dt.year().cast(pl.Int32))
    asked = wanted if years is None else wanted.filter(pl.col("year").is_in(list(years)))
    missing = (
        _still_scheduled(asked, bars, symbols)
        .join(bars.select("symbol", "session_date"), on=["symbol", "session_date"], how="anti", maintain_order="left")
        .pipe(
            _with_evidence,
            bars=bars,
            partitions=partitions,
            quarantined=quarantined,
            second_source=second_source,
            asked_whole=asked_whole,
            given_up=given_up,
        )
        .with_columns(cause=_cause())
        .with_columns(cause=pl.when(_open() & pl.col("given_up")).then(pl.lit("unknown")).otherwise(pl.col("cause")))
    )
    return EquitiesGaps.contract().validate(_runs(missing, now))


def _still_scheduled(asked: pl.DataFrame, bars: pl.DataFrame, symbols: pl.DataFrame) -> pl.DataFrame:
    """`asked` without the sessions after the last bar of a symbol nobody asks for any more."""
    active = symbols.group_by("symbol").agg(pl.col("active").any())
    newest = bars.group_by("symbol").agg(newest=pl.col("session_date").max())
    return (
        asked.join(active, on="symbol", how="left", maintain_order="left")
        .join(newest, on="symbol", how="left", maintain_order="left")
        .filter(pl.col("active") | (pl.col("session_date") <= pl.col("newest")).fill_null(False))
        .drop("active", "newest")
    )


def _with_evidence(
    missing: pl.DataFrame,
    *,
    bars: pl.DataFrame,
    partitions: pl.DataFrame,
    quarantined: pl.DataFrame,
    second_source: pl.DataFrame,
    asked_whole: pl.DataFrame | None,
    given_up: pl.DataFrame | None,
) -> pl.DataFrame:
    """What is known about each missing session; sorted by symbol and session."""
    at, of_year = ["symbol", "session_date"], ["symbol", "year"]
    year = pl.col("session_date").dt.year().cast(pl.Int32)
    second = second_source.select(*at).with_columns(year=year)
    asked = second.group_by(of_year).agg(asked_from=pl.col("session_date").min(), asked_to=pl.col("session_date").max())
    first_stored = bars.select(*at).with_columns(year=year).group_by(of_year).agg(first=pl.col("session_date").min())
    spent = pl.DataFrame(schema=SYMBOL_YEARS) if given_up is None else given_up
    whole = pl.DataFrame(schema=SYMBOL_YEARS) if asked_whole is None else asked_whole
    return (
        missing.join(partitions.select(*of_year, "state"), on=of_year, how="left")
        .join(quarantined.select(at).unique().with_columns(quarantined=True), on=at, how="left")
        .join(second.select(at).unique().with_columns(second_has_it=True), on=at, how="left")
        .join(asked, on=of_year, how="left")
        .join(whole.select(of_year).unique().with_columns(asked_whole=True), on=of_year, how="left")
        .join(first_stored, on=of_year, how="left")
        .join(spent.select(of_year).unique().with_columns(given_up=True), on=of_year, how="left")
        .sort(at)
        .with_columns(leading=pl.col("listed") & (pl.col("session_date") < pl.col("first")))
        .with_columns(n_leading=pl.col("leading").sum().over(of_year))
    )


def _cause() -> pl.Expr:
    """The first cause that applies."""
    known = pl.col("session_date").is_between("asked_from", "asked_to") | pl.col("asked_whole")
    # a start that the second source lacks as well is no vendor's clipping
    late_start = pl.col("leading") & (pl.col("n_leading") > CLIP_TOLERANCE)
    alone = pl.col("second_has_it").fill_null(False) | ~known.fill_null(False)
    clipped = (pl.col("state") == "clipped") | (late_start & alone)
    return (
        pl.when(~pl.col("listed"))
        .then(pl.lit("not_listed"))
        .when(pl.col("state").is_null())
        .then(pl.lit("unfetched"))
        .when(pl.col("state") == "failed")
        .then(pl.lit("fetch_failed"))
        .when(clipped)
        .then(pl.lit("clipped"))
        .when(pl.col("quarantined"))
        .then(pl.lit("quarantined"))
        .when(pl.col("second_has_it"))
        .then(pl.lit("vendor_missing"))
        .when(known)
        .then(pl.lit("no_trade"))
        .otherwise(pl.lit("unknown"))
    )


def _open() -> pl.Expr:
    return ~pl.col("cause").is_in(EXPLAINED)


def _runs(missing: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Adjacent sessions of one symbol, year and cause as one row."""
    adjacent = (pl.col("session_number").diff() == 1) & (pl.col("year").diff() == 0)
    same = (pl.col("symbol") == pl.col("symbol").shift(1)) & (pl.col("cause") == pl.col("cause").shift(1))
    contract = EquitiesGaps.contract()
    return (
        missing.sort("symbol", "session_date")
        .with_columns(run=(~(adjacent & same)).fill_null(True).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("symbol", "year", "cause").first(),
            gap_start=pl.col("session_date").first(),
            gap_end=pl.col("session_date").last(),
            n_sessions=pl.len().cast(pl.Int64),
        )
        .with_columns(
            status=pl.when(_open()).then(pl.lit("open")).otherwise(pl.lit("explained")),
            detected_at=pl.lit(now).cast(UTC_MICROS),
        )
        .select(list(contract.columns))
    )


def open_share(gaps: pl.DataFrame, symbols: pl.DataFrame, sessions: Sessions) -> pl.DataFrame:
    """Per symbol and year: n_expected (due sessions listed), n_missing (in open gaps), gap_share (fraction).

    `gap_share` is null where nothing is expected. Sorted by symbol and year.
    """
    due = (
        expected(symbols, sessions)
        .with_columns(year=pl.col("session_date").dt.year().cast(pl.Int32))
        .group_by("symbol", "year")
        .agg(n_expected=pl.col("listed").sum().cast(pl.Int64))
    )
    missing = (
        gaps.filter(pl.col("status") == "open").group_by("symbol", "year").agg(n_missing=pl.col("n_sessions").sum())
    )
    expects = pl.col("n_expected") > 0
    return (
        due.join(missing, on=["symbol", "year"], how="left")
        .with_columns(pl.col("n_missing").fill_null(0))
        .with_columns(gap_share=pl.when(expects).then(pl.col("n_missing") / pl.col("n_expected")))
        .sort("symbol", "year")
    )


def coverage(bars: pl.DataFrame, symbols: pl.DataFrame, sessions: Sessions) -> pl.DataFrame:
    """The coverage grid: per symbol and month, what share of the due sessions is stored.

    Columns symbol, month (its first day), n_expected, n_stored, coverage_ratio and grade (green from
    0.95 on, yellow from 0.85 on, else red). Months without an expected session have no row.
    """
    stored = bars.select("symbol", "session_date").unique().with_columns(stored=True)
    share = pl.col("coverage_ratio")
    return (
        expected(symbols, sessions)
        .filter("listed")
        .join(stored, on=["symbol", "session_date"], how="left")
        .with_columns(month=pl.col("session_date").dt.truncate("1mo"))
        .group_by("symbol", "month")
        .agg(n_expected=pl.len().cast(pl.Int64), n_stored=pl.col("stored").count().cast(pl.Int64))
        .with_columns(coverage_ratio=pl.col("n_stored") / pl.col("n_expected"))
        .with_columns(
            grade=pl.when(share >= GREEN_FROM)
            .then(pl.lit("green"))
            .when(share >= YELLOW_FROM)
            .then(pl.lit("yellow"))
            .otherwise(pl.lit("red"))
        )
        .sort("symbol", "month")
    )
