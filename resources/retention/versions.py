"""Superseded versions beyond the last `retention.versions` that were replaced over `retention.versions_days` ago.

A write prunes its own partition; this is for partitions that nobody writes any more.
"""

from market_assets.tables import QUARANTINES, TABLES
from resources.retention.job import Job, Tally


def thin(job: Job, tally: Tally) -> None:
    """Prune every table."""
    kept = job.settings.retention
    tally.kept_since = job.ago(kept.versions_days)
    for contract in (*TABLES.values(), *QUARANTINES.values()):
        tally.add(job.store.prune(contract, keep=kept.versions, days=kept.versions_days, dry_run=job.dry_run))
