"""Until when the sources of a partition have answered for it: what tells a hole of ours from one of theirs."""

from pathlib import Path

import polars as pl

from market_assets.core.contracts import UTC_MICROS, Contract
from resources.fetch_log import FetchLog
from resources.stores.protocol import PartitionStore

#: `n_rows` is null where the partition is not stored, `answered_at` where it never was; `outcome` and `error` tell how
#: the last fetch failed, if it did, and `finished_at` when
ANSWERS = pl.Schema(
    {
        "partition": pl.String(),
        "n_rows": pl.Int64(),
        "answered_at": UTC_MICROS,
        "finished_at": UTC_MICROS,
        "outcome": pl.String(),
        "error": pl.String(),
    }
)


def answers(store: PartitionStore, home: Path, contract: Contract) -> pl.DataFrame:
    """ANSWERS of every partition of a table that is stored or was asked for, by key.

    What was stored without a fetch (a restored backup) counts as answered when it was published.
    """
    stored = pl.DataFrame(
        [(one.partition, one.rows, one.published_at) for one in store.manifests(contract)],
        schema={"partition": pl.String, "n_rows": pl.Int64, "published_at": UTC_MICROS},
        orient="row",
    )
    asked = FetchLog(home).outcomes(contract.name)
    has_failed = pl.col("error").is_not_null()
    return (
        stored.join(asked, on="partition", how="full", coalesce=True)
        .with_columns(
            answered_at=pl.coalesce("succeeded_at", "published_at"),
            outcome=pl.when(has_failed).then(pl.col("outcome")),
        )
        .select(list(ANSWERS))
        .sort("partition")
    )
