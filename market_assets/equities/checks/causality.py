"""Point in time, checked on what was stored: results depend on their look-back and on nothing later."""

from datetime import date

import polars as pl
from polars.testing import assert_frame_equal

from market_assets.core import clock
from market_assets.core.checks import Judgement, error_unless
from market_assets.equities.sessions import all_sessions
from market_assets.equities.transforms import features, scores
from market_assets.settings import settings

SAMPLED_SESSIONS = 20
SAMPLED_SYMBOLS = 3


def score_ignores_older_history(
    frame: pl.DataFrame, longer_bars: pl.DataFrame, actions: pl.DataFrame, symbols: pl.DataFrame
) -> Judgement:
    """Rescoring 20 sessions with the look-back loaded twice as deep gives identical scores."""
    if frame.is_empty():
        return error_unless(True, sampled=0)
    sample = frame.sample(min(SAMPLED_SESSIONS, frame.height), seed=frame.height).sort("symbol", "session_date")
    names = sample["symbol"].unique()
    bars = longer_bars.filter(pl.col("symbol").is_in(names.implode()))
    first, last = bars["session_date"].min(), bars["session_date"].max()
    assert isinstance(first, date) and isinstance(last, date)
    rescored = scores.score(bars, actions, symbols, all_sessions(first.year - 1, last.year), settings().equities)
    again = sample.select("symbol", "session_date").join(
        rescored, on=["symbol", "session_date"], how="left", maintain_order="left"
    )
    differing = _differing(sample, again.select(sample.columns))
    return error_unless(not differing, differing, sampled=sample.height)


def features_do_not_look_ahead(
    frame: pl.DataFrame, adjusted: pl.DataFrame, actions: pl.DataFrame, symbols: pl.DataFrame
) -> Judgement:
    """Features of a sample stay as they are when every later session is taken away; labels may not."""
    if frame.is_empty():
        return error_unless(True, sampled=0)
    days = frame["session_date"].unique().sort()
    cut = days[len(days) // 2]
    names = frame["symbol"].unique().sort().head(SAMPLED_SYMBOLS)
    known = adjusted.filter(
        pl.col("session_date").is_between(date(cut.year - 1, 1, 1), cut) & pl.col("symbol").is_in(names.implode())
    )
    sessions = all_sessions(cut.year - 2, cut.year)
    before = features.features(known, actions, symbols, sessions, clock.today(), years=[cut.year])
    # a rank compares with every symbol, and the sample holds a few
    compared = [name for name in frame.columns if not name.startswith("label_") and name != "ret_20d_rank"]
    stored = frame.filter((pl.col("session_date") == cut) & pl.col("symbol").is_in(names.implode())).select(compared)
    differing = _differing(stored, before.filter(pl.col("session_date") == cut).select(compared))
    return error_unless(not differing, differing, sampled=stored.height, cut=str(cut))


def _differing(stored: pl.DataFrame, again: pl.DataFrame) -> str:
    """Empty where both frames agree but for the instants they were computed at."""
    volatile = [name for name in ("ingested_at",) if name in stored.columns]
    try:
        assert_frame_equal(stored.drop(volatile), again.drop(volatile), rel_tol=1e-9, abs_tol=1e-12)
    except AssertionError as different:
        return str(different)
    return ""
