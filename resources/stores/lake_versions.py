"""Superseded partition files: kept as hard links named by their publication, pruned by policy."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from market_assets.core.contracts import Contract
from resources.removed import Removed
from resources.stores.errors import VersionPruned
from resources.stores.lake_files import manifest_of
from resources.stores.names import SUFFIX, quoted, stamp, unquoted
from resources.stores.protocol import Manifest


class LakeVersions:
    """`<home>/versions/<table>/<partition>/<published_at>.parquet`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, current: Path, manifest: Manifest) -> None:
        """Link the current file under its publication time, before it is replaced."""
        folder = self._folder(manifest.table, manifest.partition)
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / f"{stamp(manifest.published_at)}{SUFFIX}"
        if not link.exists():  # a writer killed between link and replacement has left it there
            os.link(current, link)

    def kept(self, table: str, partition: str) -> list[Path]:
        """The file of every kept version, oldest first; its stem is the stamp of its publication."""
        folder = self._folder(table, partition)
        if not folder.is_dir():
            return []
        return sorted(file for file in folder.iterdir() if file.suffix == SUFFIX)

    def at(self, current: Manifest, then: datetime) -> Path | None:
        """The file that was current at `then`, where that is not the current one.

        None where the partition was first published later. Raises VersionPruned where it was not,
        and the version of that time is gone.
        """
        if current.first_published_at > then:
            return None
        known = [path for path in self.kept(current.table, current.partition) if path.stem <= stamp(then)]
        if known:
            return known[-1]
        raise VersionPruned(
            f"{current.table} {current.partition} was first published {current.first_published_at.isoformat()}, but "
            f"its version as of {then.isoformat()} is no longer kept (retention.versions, retention.versions_days)."
        )

    def manifests(self, table: str, partition: str) -> list[Manifest]:
        """The manifests of the kept versions, oldest first."""
        found = (manifest_of(str(path)) for path in self.kept(table, partition))
        return [manifest for manifest in found if manifest is not None]

    def prune(self, current: Manifest, *, keep: int, days: int | None, now: datetime, dry_run: bool = False) -> Removed:
        """Remove versions beyond the last `keep` that were replaced more than `days` ago (None: whenever)."""
        published = stamp(current.published_at)
        superseded = [path for path in self.kept(current.table, current.partition) if path.stem < published]
        replaced = [path.stem for path in superseded[1:]] + [published]
        oldest_kept = None if days is None else stamp(now - timedelta(days=days))
        gone = [
            path
            for path, replaced_at in zip(superseded[: max(len(superseded) - keep, 0)], replaced, strict=False)
            if oldest_kept is None or replaced_at < oldest_kept
        ]
        freed = sum(path.stat().st_size for path in gone)
        for path in () if dry_run else gone:
            path.unlink(missing_ok=True)
        return Removed(examined=len(superseded), removed=len(gone), bytes=freed)

    def remove(self, table: str, partition: str) -> None:
        """Remove every kept version of a partition."""
        for path in self.kept(table, partition):
            path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self._folder(table, partition).rmdir()

    def partitions(self, contract: Contract) -> Iterator[str]:
        """The partitions that have a history."""
        folder = self._root / contract.name
        if folder.is_dir():
            yield from sorted(unquoted(file.name) for file in folder.iterdir())

    def _folder(self, table: str, partition: str) -> Path:
        return self._root / table / quoted(partition)
