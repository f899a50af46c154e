"""What a schedule does: a backup is taken, copied off the home, and old ones go."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from market_assets.core.errors import MarketAssetsError
from market_assets.ops.schemas import OpsBackup
from market_assets.settings import Settings
from resources.backup import keeping
from resources.backup.archive import pack
from resources.backup.manifest import MANIFEST, Backup
from resources.backup.taking import take
from resources.http import redact


def take_and_list(settings: Settings) -> pl.DataFrame:
    """OpsBackup of all that is kept, after a backup was taken, archived where that is configured, and old ones went.

    A backup that cannot be archived is listed with that as missing. Raises MarketAssetsError where none can be taken.
    """
    taken = take(settings)
    # before the archive: where that place is gone for weeks, this one must not fill up
    keeping.prune_backups(settings)
    refused = _archived(settings, taken)
    return listed(settings, {taken.path.name: refused} if refused is not None else {})


def listed(settings: Settings, not_archived: Mapping[str, str]) -> pl.DataFrame:
    """OpsBackup of the backups there are; `not_archived` says of which there should be an archive, and why not."""
    found = keeping.backups(settings.home)
    kept, to = keeping.reasons(found, settings), _folder(settings)
    archives = {path.name for path in keeping.archives(to)} if to is not None else set()
    contract = OpsBackup.contract()
    rows = [_row(one, kept, archives, not_archived) for one in found if one.path.name in kept]
    return contract.conform(pl.DataFrame(rows, schema=contract.schema))


def _archived(settings: Settings, taken: Backup) -> str | None:
    """Why the backup could not be archived, None where it was or need not be."""
    to = _folder(settings)
    if to is None:
        return None
    try:
        pack(taken.path, to / keeping.archive_name(taken.path.name))
        keeping.prune_archives(to, settings.backup.archives)
    except (MarketAssetsError, OSError) as failed:
        return redact.text(str(failed))
    return None


def _folder(settings: Settings) -> Path | None:
    return Path(settings.backup.archive_to).expanduser() if settings.backup.archive_to else None


def _row(
    one: Backup, kept: Mapping[str, str], archives: set[str], not_archived: Mapping[str, str]
) -> dict[str, object]:
    name = one.path.name
    missing = [f"{what}: {why}" for what, why in sorted(one.missing.items())]
    if name in not_archived:
        missing.append(f"archive: {not_archived[name]}")
    archive = keeping.archive_name(name)
    return {
        "name": name,
        "taken_at": one.taken_at,
        "store": one.store,
        "n_tables": len(one.tables),
        "n_partitions": one.partitions,
        "n_rows": one.rows,
        "size_bytes": one.bytes + (one.path / MANIFEST).stat().st_size,
        "kept_as": kept[name],
        "missing": missing,
        "archive": archive if archive in archives else None,
    }
