"""Judgements about the instrument map."""

from datetime import timedelta

import polars as pl

from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.core.contracts import UTC_MICROS

STORED_SHARE, LOST_SHARE, PRICE_TOLERANCE = 0.95, 0.10, 0.05
_DAY = timedelta(days=1)
_CONTRACT = ["exchange", "native_symbol"]
_SHOWN = ["exchange", "native_symbol", "symbol", "valid_from", "valid_to"]


def validity_sound(frame: pl.DataFrame) -> Judgement:
    """Terms of a contract never overlap in time, and no two contracts of an exchange share a name at any time."""
    wrong = []
    for by in ("native_symbol", "symbol"):
        rows = frame.sort("exchange", by, "valid_from")
        following = pl.col("valid_from").shift(-1).over("exchange", by)
        # a row without an end lasts for ever
        wrong.append(
            rows.filter(following.is_not_null() & (pl.col("valid_to").is_null() | (pl.col("valid_to") > following)))
        )
    backwards = frame.filter(pl.col("valid_to") < pl.col("valid_from"))
    broken = pl.concat([*wrong, backwards]).select(_SHOWN).unique(maintain_order=True)
    return error_unless(broken.is_empty(), n=broken.height, rows=broken)


def listing_stored(frame: pl.DataFrame, listed: pl.DataFrame) -> Judgement:
    """At least 95 % of the perpetuals that the newest listing of an exchange names are stored as open."""
    stored = frame.filter(pl.col("valid_to").is_null()).select("exchange", "native_symbol")
    by_exchange = (
        listed.join(stored.with_columns(is_stored=True), on=["exchange", "native_symbol"], how="left")
        .group_by("exchange", maintain_order=True)
        .agg(n_listed=pl.len(), n_stored=pl.col("is_stored").count())
        .filter(pl.col("n_stored") < STORED_SHARE * pl.col("n_listed"))
    )
    return error_unless(by_exchange.is_empty(), least=STORED_SHARE, rows=by_exchange)


def prices_agree(frame: pl.DataFrame) -> Judgement:
    """Every open contract's multiplier is verified, its price within 5 % of others'; else it forms no pairs."""
    apart = (pl.col("price_ratio") - 1).abs() > PRICE_TOLERANCE
    doubtful = frame.filter(pl.col("valid_to").is_null() & (~pl.col("multiplier_verified") | apart.fill_null(False)))
    shown = doubtful.select(
        "exchange", "native_symbol", "base_asset", "multiplier", "multiplier_verified", "price_ratio"
    )
    return warn_unless(doubtful.is_empty(), n=doubtful.height, rows=shown)


def intervals_listed(frame: pl.DataFrame) -> Judgement:
    """The listing says every open contract's interval; where it does not, spacing of settlements must."""
    unknown = frame.filter(pl.col("valid_to").is_null() & pl.col("interval_hours").is_null())
    by_exchange = unknown.group_by("exchange", maintain_order=True).len("n")
    return warn_unless(unknown.is_empty(), n=unknown.height, rows=by_exchange)


def contracts_lost(listed: pl.DataFrame, listed_before: pl.DataFrame) -> Judgement:
    """At most 10 % of the contracts that an exchange listed a day ago are gone from its newest listing."""
    lost = (
        listed_before.join(listed.with_columns(is_listed=True), on=_CONTRACT, how="left", maintain_order="left")
        .group_by("exchange", maintain_order=True)
        .agg(n_before=pl.len(), n_lost=pl.col("is_listed").null_count())
        .filter(pl.col("n_lost") > LOST_SHARE * pl.col("n_before"))
    )
    return error_unless(lost.is_empty(), allowed=LOST_SHARE, rows=lost)


def a_day_before(seen: pl.DataFrame) -> pl.DataFrame:
    """What an exchange listed a day before its newest look (SEEN): exchange, native_symbol; empty before the first.

    Where no look is known to be on both sides of that instant, the last one before it counts, however long ago: what
    was lost while nobody looked is lost as well.
    """
    newest = seen["last_at"].max()
    if newest is None:
        return seen.select(_CONTRACT)
    at = pl.lit(newest, UTC_MICROS) - _DAY
    found = seen.filter(pl.col("first_at") <= at, pl.col("last_at") >= at)
    if found.is_empty():
        earlier = seen.filter(pl.col("last_at") < at)
        found = earlier.filter(pl.col("last_at") == pl.col("last_at").max())
    return found.select(_CONTRACT).unique(maintain_order=True)
