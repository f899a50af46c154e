"""Which partitions a table's folder holds, listed anew only when the folder has changed.

Publishing renames a file into the folder, and withdrawing removes one: both change the folder's
modification time, and published files do not change. So a listing taken well after that time is exact
for as long as the time stands. Asking for 1,500 partitions costs 19 ms without this, and a web page
asks whenever it is drawn.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from resources.stores.lake_files import manifest_of
from resources.stores.names import SUFFIX, is_partition_file, unquoted
from resources.stores.protocol import Manifest

#: file systems count modification times in steps of up to two seconds: a change within one step of the
#: last is not told apart, so a listing taken so early is not kept
_STEP_S = 2.5


@dataclass
class _Folder:
    """A folder as it was last seen, and what was listed while it was so."""

    identity: tuple[int, int]
    #: reading of the monotonic clock when it was first seen so
    since: float
    files: dict[str, str] | None = None
    manifests: list[Manifest] | None = None


class LakeListing:
    """The partitions of each table of one lake. Safe to use from several threads."""

    def __init__(self, lake: Path) -> None:
        self._lake = str(lake)
        self._folders: dict[str, _Folder] = {}

    def names(self, table: str) -> list[str]:
        """The stored partitions, sorted."""
        return list(self._files(table, self._seen(table)))

    def manifests(self, table: str) -> list[Manifest]:
        """The current version of every partition, by partition; footers are read once per process and version."""
        folder = self._seen(table)
        if folder is not None and folder.manifests is not None:
            return list(folder.manifests)
        found = [manifest_of(path) for path in self._files(table, folder).values()]
        manifests = [manifest for manifest in found if manifest is not None]
        if folder is not None and folder.files is not None:
            folder.manifests = manifests
        return list(manifests)

    def _seen(self, table: str) -> _Folder | None:
        """The table's folder as it is now; None where there is none."""
        try:
            stat = os.stat(f"{self._lake}/{table}")  # noqa: PTH116 - asked for with every request of a page
        except FileNotFoundError:
            return None
        identity, known = (stat.st_ino, stat.st_mtime_ns), self._folders.get(table)
        if known is None or known.identity != identity:
            known = self._folders[table] = _Folder(identity, time.monotonic())
        return known

    def _files(self, table: str, folder: _Folder | None) -> dict[str, str]:
        """Partition -> its file, by partition."""
        if folder is None:
            return {}
        if folder.files is not None:
            return folder.files
        is_settled = time.monotonic() - folder.since > _STEP_S
        with os.scandir(f"{self._lake}/{table}") as entries:
            listed = {
                unquoted(entry.name.removesuffix(SUFFIX)): entry.path
                for entry in entries
                if is_partition_file(entry.name)
            }
        files = dict(sorted(listed.items()))
        if is_settled:
            folder.files = files
        return files
