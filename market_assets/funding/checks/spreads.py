"""Judgements about pairs of venues."""

import itertools
from collections.abc import Callable

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless

SAME, LARGEST_PCT, DAYS_PCT = 1e-9, 500.0, 365 * 100
#: of the legs: a spread far smaller than they are has lost digits
ROUNDING = 1e-13
FRESH_EXCHANGES, BASIS_PCT = 5, 3.0
_PAIR = ["base_asset", "exchange_a", "exchange_b"]
_LEGS = ["base_asset", "long_exchange", "short_exchange"]
_GOOD = ("high", "very_high")

VenueOf = Callable[[str], str]


def spreads_add_up(frame: pl.DataFrame) -> Judgement:
    """daily_spread x 365 x 100 = abs_spread_apr_pct to 1e-9, and the spread is apr_a - apr_b."""
    legs = pl.max_horizontal(pl.col("apr_a").abs(), pl.col("apr_b").abs())
    wrong = frame.filter(
        _apart(pl.col("daily_spread") * DAYS_PCT, pl.col("abs_spread_apr_pct"), legs)
        | _apart(pl.col("apr_a") - pl.col("apr_b"), pl.col("spread_apr_pct"), legs)
        | (pl.col("abs_spread_apr_pct") != pl.col("spread_apr_pct").abs())
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("hour", *_PAIR))


def short_leg_higher(frame: pl.DataFrame) -> Judgement:
    """The short leg is the exchange with the higher rate; exchange_a where both are equal."""
    expected = pl.when(pl.col("rate_1h_a") >= pl.col("rate_1h_b")).then("exchange_a").otherwise("exchange_b")
    wrong = frame.filter((pl.col("short_leg") != expected) | (pl.col("short_leg") == pl.col("long_leg")))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("hour", *_PAIR, "short_leg"))


def pairs_ordered(frame: pl.DataFrame, venue_of: VenueOf) -> Judgement:
    """A pair is two venues, the first exchange before the second in the alphabet."""
    same = _same_venue("exchange_a", "exchange_b", venue_of)
    wrong = frame.filter((pl.col("exchange_a") >= pl.col("exchange_b")) | same)
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("hour", *_PAIR))


def spreads_plausible(frame: pl.DataFrame) -> Judgement:
    """No spread is beyond 500 % a year."""
    far = frame.filter(pl.col("abs_spread_apr_pct") > LARGEST_PCT)
    return warn_unless(far.is_empty(), n=far.height, rows=far.select("hour", *_PAIR, "spread_apr_pct"))


def distribution_sound(frame: pl.DataFrame) -> Judgement:
    """Quantiles of a spread increase from its minimum to its maximum, and it has at most 720 hours."""
    rising = ("min", "p05", "median", "p95", "p99", "max")
    falls = [pl.col(low) > pl.col(high) for low, high in itertools.pairwise(rising)]
    wrong = frame.filter(pl.any_horizontal(*falls) | (pl.col("n_hours") > 720))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("day", *_PAIR))


def net_is_gross_less_costs(frame: pl.DataFrame) -> Judgement:
    """gross_apr_pct is not negative, and net_apr_pct is gross_apr_pct - cost_apr_pct."""
    wrong = frame.filter(
        (pl.col("gross_apr_pct") < 0)
        | _apart(pl.col("gross_apr_pct") - pl.col("cost_apr_pct"), pl.col("net_apr_pct"), pl.col("cost_apr_pct"))
        | _apart(pl.col("spread_1h") * 8760 * 100, pl.col("gross_apr_pct"), pl.lit(0.0))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(*_LEGS, "gross_apr_pct", "net_apr_pct"))


def legs_differ(frame: pl.DataFrame, venue_of: VenueOf) -> Judgement:
    """Both legs are at different venues."""
    wrong = frame.filter(_same_venue("long_exchange", "short_exchange", venue_of))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(_LEGS))


def pairs_found(frame: pl.DataFrame, n_fresh: int) -> Judgement:
    """With more than 5 fresh exchanges there is some pair."""
    return warn_unless(frame.height > 0 or n_fresh <= FRESH_EXCHANGES, pairs=frame.height, fresh_exchanges=n_fresh)


def best_is_identical(frame: pl.DataFrame) -> Judgement:
    """The best pair's prices agree within 3 %: else both legs may not be the same asset."""
    best = frame.filter((pl.col("rank") == 1) & (pl.col("basis_pct").abs() > BASIS_PCT))
    return warn_unless(best.is_empty(), rows=best.select(*_LEGS, "basis_pct", "net_apr_pct"))


def no_notice(frame: pl.DataFrame, notify_above: float | None) -> Judgement:
    """No pair is worth a notice: net_apr_pct above opp.notify_net_apr with confidence; only where opp.notify is on."""
    good = pl.col("long_confidence").is_in(_GOOD) & pl.col("short_confidence").is_in(_GOOD)
    worth = frame.filter(good & (pl.col("net_apr_pct") > (notify_above if notify_above is not None else float("inf"))))
    return warn_unless(worth.is_empty(), n=worth.height, above=notify_above, rows=worth.select(*_LEGS, "net_apr_pct"))


def _apart(left: pl.Expr, right: pl.Expr, parts: pl.Expr) -> pl.Expr:
    """Whether two differences of `parts` are unequal."""
    return (left - right).abs() > SAME * pl.max_horizontal(left.abs(), right.abs()) + ROUNDING * parts


def _same_venue(left: str, right: str, venue_of: VenueOf) -> pl.Expr:
    venues = [pl.col(name).map_elements(venue_of, return_dtype=pl.String) for name in (left, right)]
    return venues[0] == venues[1]
