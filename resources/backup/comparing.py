"""Restored rows against what a backup states: every partition is counted and digested anew."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from market_assets.core.contracts import Contract
from market_assets.tables import QUARANTINES, TABLES
from resources.backup.manifest import Backup
from resources.stores.lake_recount import recount as recount_lake
from resources.stores.recounted import Recounted

_SHOWN = 3

#: recounts a table by its name
Recount = Callable[[str, Contract | None], Iterator[Recounted]]


@dataclass(frozen=True)
class Comparison:
    """One table as it was restored, beside what the backup states of it."""

    table: str
    n_partitions: int
    n_rows: int
    n_rows_restored: int
    #: partition -> what differs
    different: Mapping[str, str]

    @property
    def said(self) -> str:
        """What differs, for a person; empty where nothing does."""
        shown = [f"{partition}: {what}" for partition, what in sorted(self.different.items())[:_SHOWN]]
        more = len(self.different) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


def in_home(home: Path) -> Recount:
    """Recounts the lake of a home."""
    return lambda table, contract: recount_lake(home, table, contract)


def in_database(url: str) -> Recount:
    """Recounts the tables of a database."""
    from resources.stores.postgres_recount import recount

    return lambda table, contract: recount(url, table, contract)


def compare(backup: Backup, recount: Recount) -> list[Comparison]:
    """Every table that a backup states, by name. Of tables that this version no longer has, rows are compared alone."""
    known = {**TABLES, **QUARANTINES}
    return [
        _compared(table, stated, recount(table, known.get(table))) for table, stated in sorted(backup.tables.items())
    ]


def _compared(table: str, stated: Mapping[str, Mapping[str, Any]], found: Iterator[Recounted]) -> Comparison:
    restored = {one.partition: one for one in found}
    different = dict.fromkeys(restored.keys() - stated.keys(), "is not in the backup")
    for partition, facts in stated.items():
        one = restored.get(partition)
        if one is None:
            different[partition] = "was not restored"
        elif one.damage:
            different[partition] = one.damage
        elif one.rows != facts["rows"]:
            different[partition] = f"{one.rows:,} rows instead of {facts['rows']:,}"
        elif one.digest is not None and one.digest != facts["digest"]:
            different[partition] = f"digest {one.digest[:12]}... instead of {facts['digest'][:12]}..."
    return Comparison(
        table=table,
        n_partitions=len(stated),
        n_rows=sum(facts["rows"] for facts in stated.values()),
        n_rows_restored=sum(one.rows for one in restored.values()),
        different=different,
    )
