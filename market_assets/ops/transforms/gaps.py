"""What is done about each hole: which partitions are asked for again, and which were often enough.

A partition is tried so many times, with a pause between. Then its holes are given up, whatever they become; they are
counted anew only once slots are missing there that were not over when it was tried last. What is missing instead of
them, at other times of the same past, is not new: a vendor that answers differently each time would be asked for ever.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.gaps import REPAIRABLE
from market_assets.ops.schemas import OpsGaps

_OF_PARTITION = ["table", "partition"]
#: a partition that was asked for again because of its holes: when last, and how often
TRIED = pl.Schema({"table": pl.String(), "partition": pl.String(), "tried_at": UTC_MICROS, "n_tries": pl.Int64()})
#: what a repair of a partition takes at most
COSTS = pl.Schema(
    {"table": pl.String(), "partition": pl.String(), "n_requests": pl.Int64(), "vendors": pl.List(pl.String())}
)
#: what asking again could not close so far; once a partition has none of them its tries are forgotten
_UNSOLVED = (*REPAIRABLE, "vendor_has_no_data")


class Rules(NamedTuple):
    """How often a partition is tried, and how long it is left alone in between."""

    tries: int
    pause: timedelta


def repairable(found: pl.DataFrame, tried: pl.DataFrame) -> pl.DataFrame:
    """table, partition, newest (end of its last hole), tried_at, n_tries: what asking again may close, by key.

    `found` (FOUND), `tried` (TRIED).
    """
    holes = found.filter(pl.col("kind").is_in(REPAIRABLE))
    return (
        holes.group_by(_OF_PARTITION)
        .agg(newest=pl.col("gap_end").max())
        .join(tried, on=_OF_PARTITION, how="left")
        .with_columns(is_renewed=(pl.col("newest") > pl.col("tried_at")).fill_null(False))
        .with_columns(n_tries=pl.when("is_renewed").then(0).otherwise(pl.col("n_tries").fill_null(0)).cast(pl.Int64))
        .sort(_OF_PARTITION)
        .select(*_OF_PARTITION, "newest", "tried_at", "n_tries")
    )


def due(partitions: pl.DataFrame, rules: Rules, now: datetime) -> list[str]:
    """Those of one table's `repairable` partitions that are asked for now, the newest holes first."""
    rested = partitions.filter(_has_rested(rules, now), pl.col("n_tries") < rules.tries)
    return rested.sort("newest", "partition", descending=True)["partition"].to_list()


def spent(partitions: pl.DataFrame, rules: Rules, now: datetime) -> pl.DataFrame:
    """Those that were tried often enough, the last time long enough ago to have ended."""
    return partitions.filter(_has_rested(rules, now), pl.col("n_tries") >= rules.tries)


def closed(found: pl.DataFrame, tried: pl.DataFrame) -> pl.DataFrame:
    """Those of `tried` that lack nothing any more but what is explained."""
    unsolved = found.filter(pl.col("kind").is_in(_UNSOLVED))
    return tried.join(unsolved, on=_OF_PARTITION, how="anti")


def told(found: pl.DataFrame, tried: pl.DataFrame, tries: Mapping[str, int], costs: pl.DataFrame) -> pl.DataFrame:
    """OpsGaps: each hole of `found` (FOUND) with what is done about it.

    `tries`: table -> repairs after which its holes are given up, `costs` (COSTS) of partitions that are still tried.
    """
    counted = repairable(found, tried).select(*_OF_PARTITION, "n_tries", last_tried_at="tried_at")
    is_ours, n = pl.col("kind").is_in(REPAIRABLE), pl.col("n_tries")
    is_given_up = is_ours & (n >= pl.col("table").replace_strict(dict(tries), default=None, return_dtype=pl.Int64))
    frame = (
        found.join(counted, on=_OF_PARTITION, how="left")
        .join(costs, on=_OF_PARTITION, how="left")
        .with_columns(n.fill_null(0), domain=pl.col("table").str.split("_").list.first())
        .with_columns(
            status=pl.when(is_given_up)
            .then(pl.lit("given_up"))
            .when(is_ours)
            .then(pl.lit("open"))
            .otherwise(pl.lit("explained"))
        )
        .with_columns(
            kind=pl.when(is_given_up).then(pl.lit("vendor_has_no_data")).otherwise("kind"),
            reason=pl.when(is_given_up)
            .then(pl.format("{}; asked for again {} times", "reason", "n_tries"))
            .otherwise("reason"),
            n_requests=pl.when(pl.col("status") == "open").then("n_requests"),
            vendors=pl.when(pl.col("status") == "open").then("vendors").fill_null([]),
        )
    )
    contract = OpsGaps.contract()
    return contract.conform(frame.select(list(contract.columns)))


def _has_rested(rules: Rules, now: datetime) -> pl.Expr:
    return pl.col("tried_at").is_null() | (pl.col("tried_at") <= pl.lit(now - rules.pause, UTC_MICROS))
