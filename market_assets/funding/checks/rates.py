"""Judgements about settled events and the hours they cover."""

from collections.abc import Mapping

import polars as pl

from market_assets.core.checks import Judgement, error_unless, graded, warn_unless

YEAR_PCT = 8760 * 100
SAME, LARGE, IMPOSSIBLE = 1e-9, 0.04, 0.2
UNKNOWN_SHARE, UNIT_FACTOR, UNIT_CONTRACTS = 0.01, 20.0, 20


def rates_add_up(frame: pl.DataFrame) -> Judgement:
    """apr_pct = rate_1h x 8760 x 100, rate_8h = 8 rate_1h and rate_1h = rate_native / interval, to 1e-9."""
    pairs = (
        (pl.col("apr_pct"), pl.col("rate_1h") * YEAR_PCT),
        (pl.col("rate_8h"), pl.col("rate_1h") * 8),
        (pl.col("rate_1h") * pl.col("interval_hours"), pl.col("rate_native")),
    )
    apart = pl.any_horizontal((left - right).abs() > SAME * right.abs() for left, right in pairs)
    unknown = pl.col("interval_hours").is_null()
    halves = [pl.col(name).is_null() != unknown for name in ("rate_1h", "rate_8h", "rate_1d", "apr_pct")]
    wrong = frame.filter(pl.any_horizontal(apart.fill_null(False), *halves))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("exchange", "symbol", "funding_time"))


def rate_range(frame: pl.DataFrame) -> Judgement:
    """No rate per hour beyond 4 %; one beyond 20 % is a slip of units."""
    large = frame.filter(pl.col("rate_1h").abs() > LARGE)
    worst = float(frame["rate_1h"].abs().max() or 0.0)  # type: ignore[arg-type]
    shown = large.select("exchange", "symbol", "funding_time", "rate_native", "interval_hours", "rate_1h")
    return graded(worst, warn=LARGE, error=IMPOSSIBLE, n=large.height, rows=shown)


def unit_suspect(day_rates: pl.DataFrame) -> Judgement:
    """An exchange's median abs(rate_1h) is within a factor of 20 of the other exchanges' on the same day."""
    medians = (
        day_rates.group_by("day", "exchange", maintain_order=True)
        .agg(n=pl.col("symbol").n_unique(), median=pl.col("rate_1h").abs().median())
        .filter((pl.col("n") >= UNIT_CONTRACTS) & (pl.col("median") > 0))
    )
    others = (
        medians.join(medians, on="day", suffix="_other")
        .filter(pl.col("exchange") != pl.col("exchange_other"))
        .group_by("day", "exchange", maintain_order=True)
        .agg(pl.col("median").first(), median_others=pl.col("median_other").median())
        .with_columns(factor=pl.col("median") / pl.col("median_others"))
    )
    suspect = others.filter(~pl.col("factor").is_between(1 / UNIT_FACTOR, UNIT_FACTOR))
    return error_unless(suspect.is_empty(), compared=others.height, rows=suspect)


def intervals_known(frame: pl.DataFrame) -> Judgement:
    """The interval of at most 1 % of the events is unknown."""
    unknown = frame.filter(pl.col("interval_hours").is_null())
    share = unknown.height / max(1, frame.height)
    by_contract = unknown.group_by("exchange", "symbol", maintain_order=True).len("n")
    return warn_unless(share <= UNKNOWN_SHARE, share=share, allowed=UNKNOWN_SHARE, rows=by_contract)


def no_duplicates(told: Mapping[str, int]) -> Judgement:
    """No exchange stated an event twice; the last statement was kept."""
    return warn_unless(told["duplicates"] == 0, dropped=told["duplicates"])


def archive_agrees(told: Mapping[str, int]) -> Judgement:
    """Archive and exchange state the same rate to 1e-9; where not, the exchange's was kept (revised)."""
    return warn_unless(told["archive_conflicts"] == 0, revised=told["archive_conflicts"])


def quarantine_empty(quarantined: pl.DataFrame) -> Judgement:
    """No event came without a rate; those that did are in quarantine and count as missing."""
    shown = quarantined.select("exchange", "native_symbol", "funding_time", "reason")
    return warn_unless(quarantined.is_empty(), n=quarantined.height, rows=shown)


def covered_before_settled(frame: pl.DataFrame) -> Judgement:
    """Every hour lies in the interval of the settlement that covers it, and is known only with it."""
    age = (pl.col("settled_at") - pl.col("hour")).dt.total_seconds() / 3600
    # a settlement may be stamped some minutes off its slot
    wrong = frame.filter(
        (age <= 0) | (age > pl.col("interval_hours") + 1) | (pl.col("available_at") < pl.col("settled_at"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("exchange", "symbol", "hour", "settled_at"))
