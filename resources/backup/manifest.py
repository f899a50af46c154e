"""What a backup states of itself: every file with its SHA-256, every partition with its rows and digest.

The manifest carries the SHA-256 of its own content too, so that a changed one is not believed.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

from market_assets.core.errors import MarketAssetsError
from market_assets.core.settings import StoreKind, VendorMode

MANIFEST = "manifest.json"
FORMAT = 2
_DIGEST = "sha256"
_CHUNK = 1 << 20


class Sink(Protocol):
    """Something bytes can be written to."""

    def write(self, data: bytes, /) -> object:
        """Append them."""
        ...


class BackupRefused(MarketAssetsError):
    """A backup that is not what its manifest says, or none at all. Nothing was touched."""


@dataclass(frozen=True)
class FileFacts:
    """A file as its bytes tell."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What was taken."""

    path: Path
    taken_at: datetime
    store: StoreKind = "duckdb"
    vendors: VendorMode = "live"
    config_hash: str = ""
    #: table -> partition -> rows, digest, published_at, bytes
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: what else is in it, by name
    parts: dict[str, str] = field(default_factory=dict)
    #: what should be in it and is not, with the reason
    missing: dict[str, str] = field(default_factory=dict)
    #: every file of it but the manifest
    files: dict[str, FileFacts] = field(default_factory=dict)
    #: names of the environment variables that were set when it was taken; never their values
    variables: tuple[str, ...] = ()

    @property
    def partitions(self) -> int:
        """Partitions in it."""
        return sum(map(len, self.tables.values()))

    @property
    def rows(self) -> int:
        """Rows in it."""
        return sum(one["rows"] for partitions in self.tables.values() for one in partitions.values())

    @property
    def bytes(self) -> int:
        """Bytes of its files, without the manifest."""
        return sum(facts.bytes for facts in self.files.values())


def write(backup: Backup) -> None:
    """Write the manifest into the backup's folder, to disk."""
    stated = {
        "format": FORMAT,
        "taken_at": backup.taken_at.isoformat(),
        "store": backup.store,
        "vendors": backup.vendors,
        "config_hash": backup.config_hash,
        "tables": backup.tables,
        "parts": backup.parts,
        "missing": backup.missing,
        "files": {name: asdict(facts) for name, facts in backup.files.items()},
        "variables": list(backup.variables),
    }
    with (backup.path / MANIFEST).open("w") as file:
        json.dump(stated | {_DIGEST: _content(stated)}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Backup:
    """What a backup's folder states of itself. Raises BackupRefused."""
    try:
        return parsed((folder / MANIFEST).read_bytes(), folder)
    except OSError as unread:
        raise BackupRefused(f"{folder} must hold {MANIFEST} to be a backup; it cannot be read: {unread}") from None


def parsed(text: bytes, path: Path) -> Backup:
    """What a manifest states; `path` is the backup it was found in. Raises BackupRefused."""
    try:
        stated = json.loads(text)
        found = stated["format"]
    except (ValueError, TypeError, KeyError):
        raise _damaged(path) from None
    if found != FORMAT:
        raise BackupRefused(_other_format(path, found))
    if stated.pop(_DIGEST, None) != _content(stated):
        raise _damaged(path)
    try:
        return _backup(stated, path)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _damaged(path) from None


def facts_of(source: IO[bytes], to: Sink | None = None) -> FileFacts:
    """Size and SHA-256 of what is left to read, which is copied into `to` where that is given."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if to is not None:
            to.write(chunk)
    return FileFacts(size, digest.hexdigest())


def is_plain(name: str) -> bool:
    """Whether a file of this name lies below the folder it is put into, wherever that is."""
    return "\0" not in name and all(part not in {"", ".", ".."} for part in name.split("/"))


def _backup(stated: Mapping[str, Any], path: Path) -> Backup:
    files = {str(name): FileFacts(int(facts["bytes"]), str(facts["sha256"])) for name, facts in stated["files"].items()}
    outside = [name for name in files if not is_plain(name) or name == MANIFEST]
    if outside:
        raise BackupRefused(f"{path} must hold files below itself alone; its manifest names {outside[0]!r}. Discard it")
    return Backup(
        path=path,
        taken_at=datetime.fromisoformat(stated["taken_at"]),
        store=stated["store"],
        vendors=stated["vendors"],
        config_hash=stated["config_hash"],
        tables=dict(stated["tables"]),
        parts=dict(stated["parts"]),
        missing=dict(stated["missing"]),
        files=files,
        variables=tuple(stated["variables"]),
    )


def _content(stated: Mapping[str, Any]) -> str:
    """SHA-256 of what a manifest says, however it is laid out."""
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path) -> BackupRefused:
    return BackupRefused(f"{path}: its {MANIFEST} is not as it was written. Restore another backup, and discard this")


def _other_format(path: Path, found: object) -> str:
    if isinstance(found, int) and found > FORMAT:
        return f"{path} has format {found}; this version reads format {FORMAT}. Restore it with a newer market-assets"
    return (
        f"{path} has format {found}, which has no digests of its files; format {FORMAT} is restored. Take a new one "
        "with `market-assets backup`. Where this is all there is: with store=duckdb copy its folders `lake` and "
        "`segments` into an empty home, else restore its `database.dump` with pg_restore"
    )
