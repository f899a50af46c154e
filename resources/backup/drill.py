"""Whether the newest backup could be restored: it is, into a scratch place, and counted anew there."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError
from market_assets.ops.schemas import OpsRestoreDrill
from market_assets.settings import Settings
from resources.backup import keeping
from resources.backup.comparing import Comparison, compare, in_database, in_home
from resources.backup.databases import damage_of_sqlite, restore_postgres
from resources.backup.manifest import Backup
from resources.backup.restoring import DAGSTER_DATABASE, DATABASE, place
from resources.backup.taking import UNFINISHED, dagster_address, dagster_home
from resources.backup.verifying import verify
from resources.http import redact
from resources.stores import PartitionStore, postgres_address
from resources.stores.lake import LakeStore

#: differences between what restored rows say and what was published of them
Proof = Callable[[PartitionStore], list[str]]
_FILES, _SERVER = "files", "dagster's server"
_SHOWN = 3
#: what says that a backup cannot be restored
_FAILURES = (MarketAssetsError, OSError, pl.exceptions.PolarsError)
Row = dict[str, object]


def drill(settings: Settings, proofs: Mapping[str, Proof] | None = None) -> pl.DataFrame:
    """OpsRestoreDrill of the newest backup, which is restored into `<home>/scratch` and removed again.

    With PostgreSQL the dump goes into a database of its own on the same server, which is dropped afterwards. `proofs`
    are asked of the restored store, and what they tell counts as a difference of their table. What cannot be restored
    is a row that says why, not an error. Files that never change are linked instead of copied: each is read twice all
    the same.
    """
    found = keeping.folders(settings.home)
    contract, at = OpsRestoreDrill.contract(), clock.now()
    if not found:
        rows = [_part(_FILES, "there is no backup; `market-assets backup` takes one")]
    else:
        rows = _drilled(settings, found[-1], proofs or {})
    named = found[-1].name if found else ""
    rows = [{"backup": named, "drilled_at": at, **row} for row in rows]
    return contract.conform(pl.DataFrame(rows, schema=contract.schema))


def _drilled(settings: Settings, folder: Path, proofs: Mapping[str, Proof]) -> list[Row]:
    scratch = settings.home / keeping.SCRATCH / f".{uuid.uuid4().hex}{UNFINISHED}"
    try:
        scratch.mkdir(parents=True)
        backup = verify(folder)
        place(folder, scratch, linked=True)
        rows = [_part(_FILES)]
        rows += [_part(name, f"not in the backup: {why}") for name, why in sorted(backup.missing.items())]
        rows += [_part(name, _damage(scratch / name)) for name in ("state", "dagster") if (scratch / name).is_dir()]
        if backup.store == "duckdb":
            rows += _tried("lake", lambda: _of_lake(settings, backup, scratch, proofs))
        elif DATABASE in backup.files:
            rows += _tried("database", lambda: _of_database(settings, backup, scratch, proofs))
        if DAGSTER_DATABASE in backup.files:
            rows += _tried(_SERVER, lambda: _of_dagster(settings, scratch))
    except _FAILURES as failed:
        return [_part(_FILES, redact.text(str(failed)))]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return rows


def _tried(name: str, restored: Callable[[], list[Row]]) -> list[Row]:
    try:
        return restored()
    except _FAILURES as failed:
        return [_part(name, redact.text(str(failed)))]


def _of_lake(settings: Settings, backup: Backup, scratch: Path, proofs: Mapping[str, Proof]) -> list[Row]:
    return _tables(compare(backup, in_home(scratch)), LakeStore(scratch, settings.retention), proofs)


def _of_database(settings: Settings, backup: Backup, scratch: Path, proofs: Mapping[str, Proof]) -> list[Row]:
    from resources.stores.postgres import PostgresStore
    from resources.stores.postgres_database import scratch_database

    with scratch_database(postgres_address(settings)) as address:
        restore_postgres(scratch / DATABASE, address)
        return _tables(compare(backup, in_database(address)), PostgresStore(address, settings.retention), proofs)


def _of_dagster(settings: Settings, scratch: Path) -> list[Row]:
    from resources.stores.postgres_database import scratch_database

    _, address = dagster_address(dagster_home(settings) / "dagster.yaml")
    if address is None:
        return [_part(_SERVER, "dagster.yaml no longer tells where Dagster's server is; nothing to restore it to")]
    with scratch_database(address) as restored:
        restore_postgres(scratch / DAGSTER_DATABASE, restored)
    return [_part(_SERVER)]


def _tables(compared: Sequence[Comparison], store: PartitionStore, proofs: Mapping[str, Proof]) -> list[Row]:
    return [_table(one, proofs[one.table](store) if one.table in proofs else []) for one in compared]


def _table(one: Comparison, unproven: Sequence[str]) -> Row:
    return {
        "table": one.table,
        "n_partitions": one.n_partitions,
        "n_rows": one.n_rows,
        "n_rows_restored": one.n_rows_restored,
        "n_different": len(one.different),
        "is_equal": not one.different and not unproven,
        "detail": "; ".join(filter(None, [one.said, *unproven[:_SHOWN]])),
    }


def _part(name: str, wrong: str = "") -> Row:
    """What is no table: it is whole, or something is wrong with it."""
    counts = dict.fromkeys(("n_partitions", "n_rows", "n_rows_restored", "n_different"), 0)
    return {"table": name, **counts, "is_equal": not wrong, "detail": wrong}


def _damage(folder: Path) -> str:
    """What SQLite finds wrong in the databases of a folder; empty where it finds nothing."""
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in {".db", ".sqlite"})
    found = [f"{path.relative_to(folder)}: {said}" for path in files if (said := damage_of_sqlite(path)) is not None]
    return "; ".join(found[:_SHOWN])
