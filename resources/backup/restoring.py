"""Putting a backup back: into an empty home, and with PostgreSQL into an empty database.

All of it is put beside its place, proven there, and moved in the end: what fails leaves nothing behind.
"""

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from market_assets.core.errors import MarketAssetsError
from resources.backup.comparing import compare, in_database, in_home
from resources.backup.databases import check_can_restore, restore_postgres
from resources.backup.lake import link
from resources.backup.manifest import Backup, BackupRefused, FileFacts, facts_of
from resources.backup.plain import left_out, variables_named
from resources.backup.taking import UNFINISHED
from resources.backup.verifying import verify as verified
from resources.backup.verifying import walk

#: of a backup of store=postgres, and of one whose Dagster keeps its runs on a server
DATABASE, DAGSTER_DATABASE = "database.dump", "dagster/dagster.dump"
#: files that never change: a link is as good as a copy
_UNCHANGING = ("lake/", "segments/")
_SHOWN = 5


class RestoreFailed(MarketAssetsError):
    """A restore that was begun and did not succeed; what it had put anywhere was removed again."""


@dataclass(frozen=True)
class Restored:
    """What was put back, and what no backup can put back."""

    backup: Backup
    home: Path
    #: whether every partition was recounted and compared
    is_proven: bool
    #: what a person has to set, and why
    by_hand: tuple[tuple[str, str], ...]


def restore(
    backup: Path,
    home: Path,
    *,
    verify: bool = True,
    database: str | None = None,
    dagster_database: str | None = None,
) -> Restored:
    """Put a backup (a folder or an archive) into an empty or absent home, and its dumps into empty databases.

    With `verify` rows and digests of every partition are computed from what was restored and compared. Addresses are
    needed for the dumps that the backup has alone. Raises BackupRefused before anything is touched, later
    RestoreFailed, or DumpFailed with what pg_restore says.
    """
    stated = verified(backup)
    databases = _databases(stated, database, dagster_database)
    _check_empty(home)
    with ExitStack() as undo:
        try:
            for absent in (path for path in reversed((home, *home.parents)) if not path.exists()):
                undo.callback(_removed_if_empty, absent)
            # inside the home: what is moved out of it stays on one file system
            staging = home / f".{uuid.uuid4().hex}{UNFINISHED}"
            undo.callback(_removed, staging)
            staging.mkdir(parents=True)
            place(backup, staging)
            for dump, address in databases.items():
                restore_postgres(staging / dump, address)
                # not before: what fails there has put nothing in, and what is there then is somebody else's
                undo.callback(_emptied, address)
            if verify:
                prove(stated, staging, database)
            by_hand = _by_hand(stated, staging)
            for dump in databases:
                (staging / dump).unlink()
            for path in sorted(staging.iterdir()):
                undo.callback(_removed, home / path.name)
                path.rename(home / path.name)
        except OSError as failed:
            raise RestoreFailed(f"{home} must be writable and have room for the backup: {failed}") from None
        undo.pop_all()
        staging.rmdir()
    return Restored(stated, home, verify, by_hand)


def place(backup: Path, into: Path, *, linked: bool = False) -> Backup:
    """Put every file of a verified backup below `into`; `linked` links what never changes instead of copying it.

    Raises BackupRefused where a file is no longer as it was.
    """

    def take(name: str, source: IO[bytes]) -> FileFacts:
        target = into / name
        if linked and backup.is_dir() and name.startswith(_UNCHANGING):
            link(backup / name, target)
            return facts_of(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as to:
            return facts_of(source, to)

    return walk(backup, take)


def prove(stated: Backup, home: Path, database: str | None) -> None:
    """Raise RestoreFailed where restored rows are not those that the backup states."""
    recount = in_database(database) if stated.store == "postgres" and database else in_home(home)
    different = [one for one in compare(stated, recount) if one.different]
    if different:
        told = "; ".join(f"{one.table}: {one.said}" for one in different[:_SHOWN])
        raise RestoreFailed(
            f"restored rows must be those of the backup {stated.path.name}; of {len(different)} tables they are not: "
            f"{told}. All of it was removed again; restore another backup"
        )


def _databases(stated: Backup, database: str | None, dagster_database: str | None) -> Mapping[str, str]:
    """Dump -> where it is restored to. Raises BackupRefused where one lacks a place, or that place is not empty."""
    if stated.store == "postgres" and DATABASE not in stated.files:
        why = stated.missing.get("database", "nobody knows why")
        raise BackupRefused(f"{stated.path} has no dump of its database ({why}). Restore another backup")
    needed = {
        dump: (address, option)
        for dump, address, option in (
            (DATABASE, database, "--database-url-variable"),
            (DAGSTER_DATABASE, dagster_database, "--dagster-url-variable"),
        )
        if dump in stated.files
    }
    found = {}
    for dump, (address, option) in needed.items():
        if address is None:
            raise BackupRefused(
                f"{stated.path} holds {dump}, which needs an empty database: {option} names the environment variable "
                "with its address"
            )
        check_can_restore()
        _check_empty_database(address, option)
        found[dump] = address
    return found


def _check_empty_database(address: str, option: str) -> None:
    from resources.stores.postgres_database import tables_of

    tables = [f"{schema}.{name}" for schema, name in tables_of(address)]
    if tables:
        raise BackupRefused(
            f"the database of {option} must be empty to be restored into; it has {len(tables)} tables: "
            f"{', '.join(tables[:_SHOWN])}. Nothing was touched; make a new database"
        )


def _check_empty(home: Path) -> None:
    if not home.exists():
        return
    if not home.is_dir():
        raise BackupRefused(f"{home} must be an empty folder, or not there, to be restored into; it is a file")
    found = sorted(path.name for path in home.iterdir())
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise BackupRefused(
            f"{home} must be empty to be restored into; there lie {', '.join(found[:_SHOWN])}{more}. Nothing was "
            "touched; name another home, or move them away"
        )


def _emptied(address: str) -> None:
    from resources.stores.postgres_database import drop_tables

    drop_tables(address)


def _removed(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()


def _removed_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _by_hand(stated: Backup, home: Path) -> tuple[tuple[str, str], ...]:
    told = [(name, f"not in the backup: {why}") for name, why in sorted(stated.missing.items())]
    files = (home / "config.yaml", home / "dagster" / "dagster.yaml")
    for file in (path for path in files if path.exists()):
        told += [(f"{file.name}: {key}", "was left out as a secret; write it anew") for key in left_out(file)]
    variables = {*stated.variables, *(name for path in files if path.exists() for name in variables_named(path))}
    told += [
        (name, "is set here" if name in os.environ else "environment variable that was set; set it again")
        for name in sorted(variables)
    ]
    return (*told, ("keys of the REST API", "are not in a backup; make them anew"))
