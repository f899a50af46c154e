"""The quality score of every daily bar: flags, penalties, and what they are judged against.

A bar is judged by what came before it only: its previous row and the 60 sessions before. Both are
looked for in its own context alone (its year and 60 sessions before), so that a score does not
depend on how many years were loaded. No bar is dropped; bad input raises, it never scores 0.
"""

from collections.abc import Collection

import polars as pl

from market_assets.equities.schemas import EquitiesScoredBars
from market_assets.equities.settings import EquitiesSettings, ScoreSettings
from market_assets.equities.transforms.sessions import Sessions, cuts, located, numbered

#: sessions of context before the first session of a year
LOOKBACK_SESSIONS = 60
#: share ratios that splits usually have; a gap near one of them, or its inverse, is suspect
SPLIT_RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50)

_SPLIT_TOLERANCE = 0.02
_LEAST_PRIOR_BARS = 20
#: flag -> penalty in hundredths: whole numbers, so that 1 - 0.15 is 0.85 and nothing near it
_PENALTIES = {
    "flag_ohlc": 50,
    "flag_extreme_move": 30,
    "flag_gap": 20,
    "flag_volume_high": 10,
    "flag_volume_low": 15,
    "flag_zero_volume": 15,
    "flag_suspect_split": 0,
}


def score(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    symbols: pl.DataFrame,
    sessions: Sessions,
    settings: EquitiesSettings,
    *,
    years: Collection[int] | None = None,
) -> pl.DataFrame:
    """EquitiesScoredBars: one row per row of `bars`, of the given `years` only where they are given.

    `bars`: EquitiesDailyBars of any symbols, with their look-back. `actions`: all actions of those
    symbols. `sessions`: must cover every bar, and 60 sessions before the first year returned.
    Raises NotOnCalendar for a bar off its calendar or of an unknown symbol.
    """
    contract = EquitiesScoredBars.contract()
    placed = located(bars, symbols, numbered(sessions))
    context = placed.with_columns(year=pl.col("session_date").dt.year()).join(
        cuts(numbered(sessions), LOOKBACK_SESSIONS), on=["calendar", "year"], how="left", maintain_order="left"
    )
    referenced = _with_median(_with_reference(context, actions))
    flagged = referenced.with_columns(**_flags(settings.score)).with_columns(flag_suspect_split=_suspect_split())
    wanted = flagged if years is None else flagged.filter(pl.col("year").is_in(list(years)))
    scored = _with_issues(wanted).with_columns(
        quality_score=_quality(),
        validated=_quality() >= settings.min_quality,
        available_at=pl.col("close_at") + pl.duration(minutes=settings.vendor_delay_min),
    )
    return contract.validate(scored.select(list(contract.columns)))


def _with_reference(placed: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """Previous session, its close on today's basis, and the gap of the open to it.

    Where sessions are missing between two rows, the actions of the missing ones apply as well.
    """
    basis = pl.col("share_basis")
    within_context = pl.col("session_number").shift(1).over("symbol") >= pl.col("cut_number")

    def previous(column: str) -> pl.Expr:
        return pl.when(within_context).then(pl.col(column).shift(1).over("symbol"))

    ratio = basis / previous("share_basis")
    # cash_basis counts in shares of the first day: divided by today's basis it is cash per share today
    cash = (pl.col("cash_basis") - previous("cash_basis")) / basis
    return (
        _with_actions(placed, actions)
        .with_columns(
            prev_session_date=previous("session_date"),
            sessions_since_prev=(pl.col("session_number") - previous("session_number")).cast(pl.Int32),
            prev_close_ref=previous("close") / ratio - cash,
            split_recorded=(pl.col("n_splits") > previous("n_splits")).fill_null(False),
        )
        .with_columns(gap_ratio=pl.col("open") / pl.col("prev_close_ref") - 1.0)
    )


def _with_actions(placed: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """What one share of the first day has become by each session.

    Adds share_basis (shares), cash_basis (dividends paid on them so far) and n_splits.
    """
    split = pl.col("kind") == "split"
    steps = (
        actions.sort("symbol", "ex_date", "kind", "amount_key")
        .group_by("symbol", "ex_date", maintain_order=True)
        .agg(
            pl.col("volume_factor").product().alias("ratio"),
            pl.col("amount").filter(~split).sum().alias("cash"),
            split.sum().cast(pl.Int64).alias("n_splits"),
        )
        .with_columns(share_basis=pl.col("ratio").cum_prod().over("symbol"))
        .with_columns(
            cash_basis=(pl.col("cash") * pl.col("share_basis")).cum_sum().over("symbol"),
            n_splits=pl.col("n_splits").cum_sum().over("symbol"),
        )
        .select("symbol", "ex_date", "share_basis", "cash_basis", "n_splits")
        .sort("ex_date", "symbol")
    )
    return (
        placed.sort("session_date", "symbol")
        .join_asof(
            steps, left_on="session_date", right_on="ex_date", by="symbol", strategy="backward", check_sortedness=False
        )
        .sort("symbol", "session_date")
        .with_columns(
            pl.col("share_basis").fill_null(1.0), pl.col("cash_basis").fill_null(0.0), pl.col("n_splits").fill_null(0)
        )
    )


def _with_median(referenced: pl.DataFrame) -> pl.DataFrame:
    """volume_median_60: of the sessions before, in today's shares, without the silent ones."""
    window = f"{LOOKBACK_SESSIONS}i"
    # volume in shares of the first day: the scale leaves the median's place unchanged
    traded = pl.when(pl.col("volume") > 0).then(pl.col("volume") / pl.col("share_basis"))
    median = traded.rolling_median_by("session_number", window, closed="left", min_samples=1).over("symbol")
    prior_bars = (
        pl.col("volume")
        .is_not_null()
        .cast(pl.Int32)
        .rolling_sum_by("session_number", window, closed="left", min_samples=1)
        .over("symbol")
    )
    return referenced.with_columns(
        volume_median_60=pl.when(prior_bars >= _LEAST_PRIOR_BARS).then(median * pl.col("share_basis"))
    )


def _flags(limits: ScoreSettings) -> dict[str, pl.Expr]:
    open_, high, low, close = (pl.col(name) for name in ("open", "high", "low", "close"))
    volume, median = pl.col("volume"), pl.col("volume_median_60")
    disordered = (high < pl.max_horizontal(open_, close)) | (low > pl.min_horizontal(open_, close)) | (high < low)
    body, span = (close - open_).abs() / open_, (high - low) / low
    rules = {
        "flag_ohlc": disordered | (pl.min_horizontal(open_, high, low, close) <= 0),
        "flag_extreme_move": (body > limits.extreme_ratio) | (span > limits.extreme_ratio),
        "flag_gap": pl.col("gap_ratio").abs() > limits.gap_ratio,
        "flag_volume_high": _has_volume() & (volume > limits.volume_high * median),
        "flag_volume_low": _has_volume() & (volume > 0) & (volume < limits.volume_low * median),
        "flag_zero_volume": pl.col("asset_class").is_in(["stock", "etf"]) & (volume == 0),
    }
    return {name: rule.fill_null(False) for name, rule in rules.items()}


def _has_volume() -> pl.Expr:
    return pl.col("asset_class") != "index"


def _suspect_split() -> pl.Expr:
    change = pl.col("open") / pl.col("prev_close_ref")
    near = [(change / k - 1.0).abs() <= _SPLIT_TOLERANCE for k in SPLIT_RATIOS]
    near += [(change * k - 1.0).abs() <= _SPLIT_TOLERANCE for k in SPLIT_RATIOS]
    return (pl.col("flag_gap") & ~pl.col("split_recorded") & pl.any_horizontal(near)).fill_null(False)


def _quality() -> pl.Expr:
    penalty = pl.sum_horizontal(pl.col(flag).cast(pl.Int32) * points for flag, points in _PENALTIES.items())
    # Polars divides by a constant as it multiplies by its inverse: 70 / 100 is 0.7 only after rounding
    return ((100 - penalty).clip(lower_bound=0) / 100.0).round(2)


def _with_issues(flagged: pl.DataFrame) -> pl.DataFrame:
    """issues: the raised flags' names. Lists are built once per combination, not once per bar."""
    flags = list(_PENALTIES)
    combinations = flagged.select(flags).unique()
    named = combinations.with_columns(
        issues=pl.concat_list(pl.when(flag).then(pl.lit(flag)) for flag in flags).list.drop_nulls()
    )
    return flagged.join(named, on=flags, how="left", maintain_order="left")
