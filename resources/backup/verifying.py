"""Whether a backup is what its manifest says: every file there, none too much, every digest equal."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from resources.backup import archive
from resources.backup.manifest import MANIFEST, Backup, BackupRefused, FileFacts, facts_of, parsed, read

_SHOWN = 3

#: takes one file of a backup: its name and its bytes; returns what they were
Taker = Callable[[str, IO[bytes]], FileFacts]


def verify(path: Path) -> Backup:
    """Read all of a backup, a folder or an archive, and return what it states. Raises BackupRefused.

    Links, names that lead elsewhere, and what is neither file nor folder are refused as well.
    """
    try:
        return walk(path, lambda _, source: facts_of(source))
    except OSError as unread:
        raise BackupRefused(f"{path} must be readable to be verified: {unread}. Restore another backup") from None


def walk(path: Path, take: Taker) -> Backup:
    """Hand every file of a backup to `take`, and return what the backup states of itself.

    Raises BackupRefused as soon as a file is not as the manifest states, or not in it; in the end where one is missing.
    """
    with _opened(path) as (stated, files):
        missing = dict(stated.files)
        for name, source in files:
            facts = missing.pop(name, None)
            if facts is None:
                raise BackupRefused(f"{path} must hold what its manifest names, and has {name!r} as well. Discard it")
            if take(name, source) != facts:
                raise BackupRefused(
                    f"{path}: {name!r} is not as it was taken ({facts.bytes:,} bytes, SHA-256 {facts.sha256[:12]}...). "
                    "Restore another backup, and look at the disk that this one lies on"
                )
    if missing:
        named = ", ".join(sorted(missing)[:_SHOWN])
        raise BackupRefused(f"{path} lacks {len(missing)} files of its manifest: {named}. Restore another backup")
    return stated


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Backup, Iterator[tuple[str, IO[bytes]]]]]:
    """What a backup states, and its files but the manifest."""
    if path.is_dir():
        yield read(path), _files(path)
        return
    if not path.is_file():
        raise BackupRefused(f"{path} is no backup: there is neither a folder nor an archive of that name")
    with archive.unsealed(path) as members:
        first, source = next(members, ("", None))
        if first != MANIFEST or source is None:
            raise BackupRefused(f"{path} must begin with {MANIFEST}; it begins with {first!r}. Discard it")
        yield parsed(source.read(), path), members


def _files(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for at, folders, names in os.walk(folder, onerror=_raise):
        for name in sorted((*folders, *names)):
            found = Path(at) / name
            if found.is_symlink() or not (found.is_dir() or found.is_file()):
                raise BackupRefused(f"{found} must be a plain file or folder to be of a backup. Remove it")
        for name in sorted(names):
            shown = str((Path(at) / name).relative_to(folder))
            if shown != MANIFEST:
                with (Path(at) / name).open("rb") as source:
                    yield shown, source


def _raise(failed: OSError) -> None:
    raise failed
