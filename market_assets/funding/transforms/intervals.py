"""What interval ended with a settlement: told by its row, by the spacing of settlements, or by the listing of the time.

Exchanges change the interval of a contract at any time, and most histories do not say it. Today's listing is
never stamped on past settlements: it tells the interval from the look that first had it on.
"""

import polars as pl

from market_assets.funding.transforms.terms import CONTRACT

#: intervals in use (h), and how far from one a spacing may be
SPACINGS = (1.0, 2.0, 4.0, 8.0)
TOLERANCE_HOURS = 5 / 60
#: fewer equal spacings may be missing settlements
MIN_RUN = 3
_HOUR_US = 3_600_000_000.0
_FLOAT_EDGE = 1e-9


def with_intervals(events: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """`events` with interval_hours (null where unknown) and interval_source, sorted by contract and time.

    `events`: exchange and EVENTS columns, each event once, interval_hours as its row says; with what surrounds the
    events that matter. `contracts`: FundingContracts. With s, the spacing to the event before if it is one of
    SPACINGS, and e, what the listing of the time said (source `contract`):

    - the row's own interval, if it has one;
    - s and e: s if s < e, e if s = e; s > e counts in a run of three or more, else an event is missing: e;
    - e alone (no s): e;
    - s alone (no e): s. If a shorter spacing is before and after it, alike and three or more times in all, an event
      is missing: that spacing;
    - neither: unknown. A contract's first event has the spacing that follows three or more times.
    """
    runs = _with_runs(_with_listed(events, contracts))
    around = _around(runs)
    spacing, listed = pl.col("spacing"), pl.col("listed_hours")
    is_run = pl.col("run_length") >= MIN_RUN
    with_listing = pl.when(spacing.is_null() | ((spacing > listed) & ~is_run)).then(listed).otherwise(spacing)
    alone = pl.when((pl.col("spacing_around") < spacing) & ~is_run).then("spacing_around").otherwise(spacing)
    without = pl.when("is_first").then("spacing_after").otherwise(alone)
    derived = pl.when(listed.is_null()).then(without).otherwise(with_listing)
    hours = pl.coalesce("interval_hours", "derived")
    source = (
        pl.when(pl.col("interval_hours").is_not_null())
        .then(pl.lit("row"))
        .when(pl.col("derived").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("derived").eq_missing(listed))
        .then(pl.lit("contract"))
        .otherwise(pl.lit("spacing"))
    )
    return (
        runs.join(around, on="run", how="left", maintain_order="left")
        .with_columns(derived=derived)
        .with_columns(interval_hours=hours, interval_source=source)
        .select(*events.columns, "interval_source")
    )


def _with_listed(events: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """`events` by contract and time, with listed_hours: what the newest look up to each said, null before the first."""
    looks = contracts.select(*CONTRACT, "first_seen", listed_hours="interval_hours").sort(*CONTRACT, "first_seen")
    return events.sort(*CONTRACT, "funding_time_native", maintain_order=True).join_asof(
        looks, left_on="funding_time_native", right_on="first_seen", by=list(CONTRACT), check_sortedness=False
    )


def _with_runs(events: pl.DataFrame) -> pl.DataFrame:
    """With is_first (of its contract), spacing (h), and run, run_length: the equal spacings it is among."""
    is_first = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in CONTRACT)
    time = pl.col("funding_time_native")
    since = (time - time.shift(1)).dt.total_microseconds() / _HOUR_US
    near = ((since - hours).abs() <= TOLERANCE_HOURS + _FLOAT_EDGE for hours in SPACINGS)
    snapped = pl.coalesce(pl.when(is_near).then(hours) for is_near, hours in zip(near, SPACINGS, strict=True))
    changes = pl.col("is_first") | pl.col("spacing").ne_missing(pl.col("spacing").shift(1))
    return (
        events.with_columns(is_first=is_first)
        .with_columns(spacing=pl.when(~pl.col("is_first")).then(snapped))
        .with_columns(run=changes.cum_sum())
        .with_columns(run_length=pl.len().over("run"))
    )


def _around(events: pl.DataFrame) -> pl.DataFrame:
    """run, spacing_after (of the run after, if long enough), spacing_around (of those before and after, if alike)."""
    runs = (
        events.group_by("run", maintain_order=True)
        .agg(pl.col("spacing").first(), n=pl.len(), contract=pl.col("is_first").first())
        .with_columns(pl.col("contract").cum_sum())
    )
    before, after = (pl.col("spacing").shift(step).over("contract") for step in (1, -1))
    n_before, n_after = (pl.col("n").shift(step).over("contract") for step in (1, -1))
    return runs.select(
        "run",
        spacing_after=pl.when(n_after >= MIN_RUN).then(after),
        spacing_around=pl.when((before == after) & (n_before + n_after >= MIN_RUN)).then(after),
    )
