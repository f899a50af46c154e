"""Readers that answer with a frame: raw values, features, latest signals, performance. See `readers`."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from market_assets.btc.legacy import stored_names
from market_assets.btc.reading import Moment, instant, rows, span
from market_assets.btc.settings import FEATURE_GROUPS
from market_assets.btc.transforms import performance, raw, training
from market_assets.btc.transforms.state import HOUR
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import settings

_CANDLE = ("price", "open", "high", "low", "close")
_VOLUMES = ("long_liquidations", "short_liquidations")
_LEVELS = ("signal_l1", "signal_l2", "signal_l3")
_LATEST = (
    *("ts", "available_at", "price", "risk_priority_number", "bin_index", "dominance_class", "signal_class"),
    *("hit_ceiling_bottom", "reverse_ceiling_bottom", *_LEVELS, "signal_strength"),
)
#: the windows of stored performance are Int16 hours
_MOST_HOURS = 32_767


def get_raw_data(
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The values in use, one row per hour of `btc_price`: ts, available_at, price, candle, liquidations.

    Of the versions of an hour the first that is not null and not late. With `as_of`, of those that had
    arrived by then. Vendor data: not to be redistributed.
    """
    first, last = span(start, end)
    versions = [_arrived(rows(table, first, last, as_of), as_of) for table in ("btc_price", "btc_liquidations")]
    known = versions[0].group_by("ts").agg(pl.col("available_at").min())
    values = [raw.canonical(found, names) for found, names in zip(versions, (_CANDLE, _VOLUMES), strict=True)]
    return _chosen(training.joined([known, *values], how="left"), columns, "the raw data")


def _arrived(versions: pl.DataFrame, as_of: Moment | None) -> pl.DataFrame:
    return versions if as_of is None else versions.filter(pl.col("ingested_at") <= instant(as_of, "as_of"))


def get_processed_data(
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of `btc_processed`."""
    return get_all_features(start, end, ["processed"], as_of, columns=columns)


def get_all_features(
    start: Moment | None = None,
    end: Moment | None = None,
    groups: Sequence[str] | None = None,
    as_of: Moment | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Features side by side by hour: the hours of the first of `groups` in the order of the graph, nulls elsewhere.

    `groups`: some of processed, rpn, bins, dominance, signals; all by default. Raises UnknownName for another.
    """
    asked = FEATURE_GROUPS if groups is None else groups
    for name in asked:
        if name not in FEATURE_GROUPS:
            raise UnknownName("feature group", name, FEATURE_GROUPS)
    if not asked:
        raise InvalidRequest(f"groups are some of {', '.join(FEATURE_GROUPS)}; was empty. Leave it out for all of them")
    first, last = span(start, end)
    found = [rows(f"btc_{name}", first, last, as_of) for name in FEATURE_GROUPS if name in asked]
    return _chosen(training.joined(found, how="left"), columns, "the features asked for")


def _chosen(frame: pl.DataFrame, columns: Sequence[str] | None, kind: str) -> pl.DataFrame:
    return frame if columns is None else frame.select(stored_names(columns, frame.columns, kind))


def get_latest_signals(hours: float = 24, now: Moment | None = None) -> pl.DataFrame:
    """The hours with a level other than 0 that became known within `hours` before `now`; newest first.

    now - hours < available_at <= now. Raises InvalidRequest unless hours > 0.
    """
    if not hours > 0:
        raise InvalidRequest(f"hours must be above 0; was {hours}")
    until = clock.now() if now is None else instant(now, "now")
    after = until - timedelta(hours=hours)
    spoken = get_all_features(after - settings().btc.delay, until, as_of=until).filter(
        pl.col("available_at") > after, pl.any_horizontal(pl.col(_LEVELS) != 0)
    )
    return spoken.select(_LATEST).sort("ts", descending=True)


def get_performance_metrics(hours: int = 168, as_of: Moment | None = None) -> pl.DataFrame:
    """Rows of the kind of `btc_signal_performance` over the `hours` before the last hour known at `as_of` (now).

    One row per signal class and horizon, computed from the stored signals and labels as the table is.
    """
    if isinstance(hours, bool) or not 1 <= hours <= _MOST_HOURS:
        raise InvalidRequest(f"hours must be from 1 to {_MOST_HOURS}; was {hours}")
    btc = settings().btc
    lag = timedelta(minutes=btc.publication_lag_minutes)
    known = (clock.now() if as_of is None else instant(as_of, "as_of")) - lag
    end = known.replace(minute=0, second=0, microsecond=0)
    bounds = (end - hours * HOUR, end - HOUR)
    signals = rows("btc_signals", *bounds, columns=["ts", "signal_class", "signal_sign"])
    labels = rows("btc_labels", *bounds, columns=["ts", "horizon_h", "available_at", "return_exec"])
    return performance.realised(signals, labels, btc, ends=[end], windows=[hours])
