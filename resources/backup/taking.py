"""Taking a backup: everything that cannot be fetched again, in one folder.

Not in it: raw responses and logs (they are kept for a while, as they are), the live cache, and the keys of the REST
API, which are made anew.
"""

import json
import os
import shutil
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.settings import Settings, config_file
from market_assets.tables import QUARANTINES, TABLES
from resources.backup.databases import copy_sqlite, dump_postgres
from resources.backup.lake import copy_lake, copy_tree
from resources.backup.plain import copy_settings
from resources.stores import open_store, postgres_address

MANIFEST = "manifest.json"
_FORMAT = 1
_NOT_TAKEN = {"api_keys.sqlite"}


@dataclass(frozen=True)
class Backup:
    """What was taken."""

    path: Path
    taken_at: datetime
    #: table -> partition -> rows, digest, published_at, bytes
    tables: dict[str, dict[str, Any]]
    #: what else is in it, by name
    parts: dict[str, str] = field(default_factory=dict)
    #: what should be in it and is not, with the reason
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def partitions(self) -> int:
        """Partitions in it."""
        return sum(map(len, self.tables.values()))

    @property
    def rows(self) -> int:
        """Rows in it."""
        return sum(one["rows"] for partitions in self.tables.values() for one in partitions.values())


def take(settings: Settings) -> Backup:
    """Take a backup of the home in use. Runs may go on: every partition is as it was at the instant this begins.

    The folder appears under its name once it is whole; a broken-off one is removed. Raises MarketAssetsError.
    """
    then = clock.now()
    root = settings.home / "backups"
    beside = root / f".{uuid.uuid4().hex}.part"
    beside.mkdir(parents=True)
    try:
        backup = _fill(settings, beside, then)
        _write_manifest(settings, backup)
        final = _free(root, clock.wall())
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return Backup(final, backup.taken_at, backup.tables, backup.parts, backup.missing)


def _fill(settings: Settings, into: Path, then: datetime) -> Backup:
    backup = Backup(into, then, {})
    if settings.store == "duckdb":
        # where the clock is stopped, instants of publication are later than now
        cut = None if "MARKET_ASSETS_NOW" in os.environ else then
        backup.tables.update(copy_lake(settings.home, into / "lake", cut))
    else:
        backup.tables.update(_stated(settings))
        _note(backup, "database", dump_postgres(postgres_address(settings), into / "database.dump"), "pg_dump")
    if (settings.home / "segments").is_dir():
        backup.parts["segments"] = f"{copy_tree(settings.home / 'segments', into / 'segments')} files"
    _copy_databases(backup, settings.home / "state", into / "state", "*.sqlite")
    _copy_dagster(backup, settings, into / "dagster")
    file = config_file()
    if file is not None and file.exists():
        copy_settings(file, into / "config.yaml")
        backup.parts["settings"] = file.name
    return backup


def _stated(settings: Settings) -> dict[str, dict[str, Any]]:
    """What the database holds when the dump begins; rows of later versions may be in the dump as well."""
    store = open_store(settings)

    def facts(contract: Contract) -> dict[str, Any]:
        return {
            one.partition: {
                "rows": one.rows,
                "digest": one.digest,
                "published_at": one.published_at.isoformat(),
                "bytes": one.bytes,
            }
            for one in store.manifests(contract)
        }

    found = {contract.name: facts(contract) for contract in (*TABLES.values(), *QUARANTINES.values())}
    return {name: partitions for name, partitions in found.items() if partitions}


def _copy_dagster(backup: Backup, settings: Settings, into: Path) -> None:
    """Dagster's runs and events: SQLite files where its home holds them, else the server its settings name."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster")
    configured = home / "dagster.yaml"
    if not configured.exists():
        return
    copy_settings(configured, into / "dagster.yaml")
    _copy_databases(backup, home, into, "**/*.db")
    storage = (yaml.safe_load(configured.read_text()) or {}).get("storage") or {}
    if "postgres" not in storage:
        return
    address = _address(storage["postgres"].get("postgres_url"))
    if address is None:
        refused: str | None = f"storage.postgres.postgres_url of {configured} does not tell where it is"
    else:
        refused = dump_postgres(address, into / "dagster.dump")
    _note(backup, "dagster's server", refused, "pg_dump")


def _address(stated: Any) -> str | None:
    """An address in dagster.yaml: as it is, or by the variable that it names."""
    if isinstance(stated, dict):
        return os.environ.get(str(stated.get("env")))
    return str(stated) if stated else None


def _copy_databases(backup: Backup, source: Path, into: Path, pattern: str) -> None:
    files = [path for path in sorted(source.glob(pattern)) if path.is_file() and path.name not in _NOT_TAKEN]
    for file in files:
        copy_sqlite(file, into / file.relative_to(source))
    if files:
        backup.parts[into.name] = f"{len(files)} SQLite files"


def _note(backup: Backup, what: str, refused: str | None, how: str) -> None:
    if refused is None:
        backup.parts[what] = how
    else:
        backup.missing[what] = refused


def _write_manifest(settings: Settings, backup: Backup) -> None:
    stated = {
        "format": _FORMAT,
        "taken_at": backup.taken_at.isoformat(),
        "store": settings.store,
        "vendors": settings.vendors,
        "config_hash": settings.config_hash(),
        "tables": backup.tables,
        "parts": backup.parts,
        "missing": backup.missing,
    }
    with (backup.path / MANIFEST).open("w") as file:
        json.dump(stated, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def _free(root: Path, at: datetime) -> Path:
    """A name that no backup has: the instant, and a number where two are of one second."""
    name, number = f"{at:%Y%m%dT%H%M%SZ}", 1
    found = root / name
    while found.exists():
        number += 1
        found = root / f"{name}-{number}"
    return found
