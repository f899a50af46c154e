"""The lake as it was at one instant, while runs go on writing.

A published file never changes: a link to it costs nothing and is a copy for as long as the backup lives. A
partition that is replaced while this runs is taken from the versions that its writer kept.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.stores.lake_files import manifest_of
from resources.stores.lake_versions import LakeVersions
from resources.stores.names import SUFFIX, is_partition_file
from resources.stores.protocol import Manifest

_SCHEMA = f"_schema{SUFFIX}"
#: whether the lake holds live or sandbox data: one refuses the other
ORIGIN_FILE = "_origin"


def copy_lake(home: Path, to: Path, then: datetime | None) -> dict[str, dict[str, Any]]:
    """Link every partition as of `then` into `to`; returns table -> partition -> rows, digest, instant, bytes.

    Without an instant each is taken as it is found. Raises CorruptPartition for a file that is no partition,
    VersionPruned where the version of that instant was removed while this ran.
    """
    lake, versions = home / "lake", LakeVersions(home / "versions")
    stated: dict[str, dict[str, Any]] = {}
    for folder in sorted(path for path in lake.glob("*") if path.is_dir()):
        into = to / folder.name
        into.mkdir(parents=True)
        if (folder / _SCHEMA).exists():
            link(folder / _SCHEMA, into / _SCHEMA)
        found = (_partition(file, into, versions, then) for file in _files(folder))
        stated[folder.name] = {one.partition: facts_stated(one) for one in found if one is not None}
    if (lake / ORIGIN_FILE).exists():
        link(lake / ORIGIN_FILE, to / ORIGIN_FILE)
    return stated


def copy_tree(source: Path, to: Path) -> int:
    """Link every file below a folder of files that never change; returns how many.

    Files may be merged into another meanwhile: it looks until a look finds what it has copied, no less and no more.
    """
    copied: set[Path] = set()
    while (present := {path.relative_to(source) for path in source.rglob("*") if path.is_file()}) != copied:
        for name in copied - present:
            (to / name).unlink()
        copied = (copied & present) | {name for name in sorted(present - copied) if _linked(source / name, to / name)}
    return len(copied)


def link(source: Path, to: Path) -> None:
    """Link a file, or copy it where the file system cannot. Raises FileNotFoundError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, to)
    except OSError as refused:
        if refused.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        shutil.copy2(source, to)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.iterdir() if path.is_file() and is_partition_file(path.name))


def _partition(file: Path, into: Path, versions: LakeVersions, then: datetime | None) -> Manifest | None:
    """Take one partition; None where it was first published after `then`."""
    target = into / file.name
    # linked first, read afterwards: what the manifest says is what was taken
    if not _linked(file, target):
        return None
    taken = manifest_of(str(target))
    if taken is None or then is None or taken.published_at <= then:
        return taken
    older = versions.at(taken, then)
    target.unlink()
    if older is None:
        return None
    link(older, target)
    return manifest_of(str(target))


def _linked(source: Path, to: Path) -> bool:
    try:
        link(source, to)
    except FileNotFoundError:
        return False
    return True


def facts_stated(manifest: Manifest) -> dict[str, Any]:
    """What a backup states of a partition."""
    return {
        "rows": manifest.rows,
        "digest": manifest.digest,
        "published_at": manifest.published_at.isoformat(),
        "bytes": manifest.bytes,
    }
