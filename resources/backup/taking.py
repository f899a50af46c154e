"""Taking a backup: everything that cannot be fetched again, in one folder.

Not in it: raw responses and logs (they are kept for a while, as they are), the live cache, and the keys of the REST
API, which are made anew.
"""

import os
import shutil
import sqlite3
import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from market_assets.btc.findings import OLDER_NAMES
from market_assets.core import clock
from market_assets.settings import SECRETS, SECTION_SECRETS, Settings, config_file
from market_assets.tables import QUARANTINES, TABLES
from resources.backup import manifest
from resources.backup.databases import copy_sqlite, dump_postgres, same_database
from resources.backup.lake import copy_lake, copy_tree, facts_stated
from resources.backup.manifest import Backup, FileFacts, facts_of
from resources.backup.plain import copy_settings
from resources.stores import postgres_address

#: what is made under the name of another, and left behind by a process that was killed
UNFINISHED = ".part"
_NOT_TAKEN = {"api_keys.sqlite"}
_OURS = "MARKET_ASSETS_"


def take(settings: Settings) -> Backup:
    """Take a backup of the home in use. Runs may go on: every partition is as it was at the instant this begins.

    The folder appears under its name once it is whole; a broken-off one is removed. Raises MarketAssetsError.
    """
    then = clock.now()
    root = settings.home / "backups"
    beside = root / f".{uuid.uuid4().hex}{UNFINISHED}"
    beside.mkdir(parents=True)
    try:
        backup = _fill(settings, beside, then)
        manifest.write(backup)
        final = _free(root, clock.wall())
        beside.rename(final)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return replace(backup, path=final)


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its settings and, unless they name a server, its runs."""
    return Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster")


def dagster_address(configured: Path) -> tuple[bool, str | None]:
    """Whether a dagster.yaml keeps runs in PostgreSQL, and the address where it tells one."""
    if not configured.exists():
        return False, None
    storage = (yaml.safe_load(configured.read_text()) or {}).get("storage") or {}
    if "postgres" not in storage:
        return False, None
    return True, _address(storage["postgres"].get("postgres_url"))


def _fill(settings: Settings, into: Path, then: datetime) -> Backup:
    backup = Backup(
        into,
        then,
        store=settings.store,
        vendors=settings.vendors,
        config_hash=settings.config_hash(),
        variables=_variables(settings),
    )
    if settings.store == "duckdb":
        # where the clock is stopped, instants of publication are later than now
        cut = None if "MARKET_ASSETS_NOW" in os.environ else then
        backup.tables.update(copy_lake(settings.home, into / "lake", cut))
    else:
        _copy_database(backup, postgres_address(settings), into / "database.dump")
    if (settings.home / "segments").is_dir():
        backup.parts["segments"] = f"{copy_tree(settings.home / 'segments', into / 'segments')} files"
    _copy_databases(backup, settings.home / "state", into / "state", "*.sqlite")
    _copy_dagster(backup, settings, into / "dagster")
    file = config_file()
    if file is not None and file.exists():
        copy_settings(file, into / "config.yaml")
        backup.parts["settings"] = file.name
    backup.files.update(_files(into))
    return backup


def _copy_database(backup: Backup, address: str, to: Path) -> None:
    """The database as one instant of it, and what that instant holds."""
    from resources.stores.postgres_database import snapshot

    with snapshot(address) as then:
        refused = dump_postgres(address, to, then.name)
    _note(backup, "database", refused, "pg_dump")
    for one in then.manifests:
        if one.table in TABLES or one.table in QUARANTINES:
            backup.tables.setdefault(one.table, {})[one.partition] = facts_stated(one)


def _copy_dagster(backup: Backup, settings: Settings, into: Path) -> None:
    """Dagster's runs and events: SQLite files where its home holds them, else the server its settings name."""
    home = dagster_home(settings)
    configured = home / "dagster.yaml"
    if not configured.exists():
        return
    copy_settings(configured, into / "dagster.yaml")
    _copy_databases(backup, home, into, "**/*.db")
    on_server, address = dagster_address(configured)
    if not on_server:
        return
    if address is None:
        refused: str | None = f"storage.postgres.postgres_url of {configured} does not tell where it is"
    elif settings.store == "postgres" and same_database(address, postgres_address(settings)):
        _note(backup, "dagster's server", backup.missing.get("database"), "in the dump of the database")
        return
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
    copied = 0
    for file in files:
        try:
            copy_sqlite(file, into / file.relative_to(source))
        except sqlite3.OperationalError:
            if file.exists():
                raise
            continue  # the log of a run that was thinned out meanwhile
        copied += 1
    if copied:
        backup.parts[into.name] = f"{copied} SQLite files"


def _files(folder: Path) -> dict[str, FileFacts]:
    """Every file below a folder, by its name from there."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found[str(path.relative_to(folder))] = facts_of(file)
    return found


def _variables(settings: Settings) -> tuple[str, ...]:
    """Names of the variables in the environment that settings or channels of alerts are read from."""
    read = {*SECRETS.values(), *SECTION_SECRETS.values(), *OLDER_NAMES, *settings.alerts.channels.values()}
    return tuple(sorted(name for name in os.environ if name in read or name.startswith(_OURS)))


def _note(backup: Backup, what: str, refused: str | None, how: str) -> None:
    if refused is None:
        backup.parts[what] = how
    else:
        backup.missing[what] = refused


def _free(root: Path, at: datetime) -> Path:
    """A name that no backup has: the instant, and a number where two are of one second."""
    name, number = f"{at:%Y%m%dT%H%M%SZ}", 1
    found = root / name
    while found.exists():
        number += 1
        found = root / f"{name}-{number}"
    return found
