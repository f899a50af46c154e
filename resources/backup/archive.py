"""A backup as one file: an uncompressed .tar (Parquet is compressed already), the manifest first, a seal last.

The seal is a member that holds the SHA-256 of every byte before it. An archive that was cut short, changed by one bit
or added to is refused before its first member is believed; any `tar` unpacks one.
"""

import hashlib
import io
import os
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from resources.backup.manifest import MANIFEST, BackupRefused, facts_of, is_plain, read

SUFFIX = ".tar"
SEAL = "archive.sha256"
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_CHUNK = 1 << 20
_DIGITS = 64


def pack(folder: Path, to: Path) -> Path:
    """Write a backup's folder into the file `to`, which appears once it is whole.

    Raises BackupRefused where `to` is there already, or a file is not as the manifest states.
    """
    stated = read(folder)
    if to.exists():
        raise BackupRefused(f"{to} is there already and is not written over. Name another file, or remove it")
    if not to.parent.is_dir():
        raise BackupRefused(f"{to.parent} must be a folder to hold archives. Make it, or mount what it is on")
    beside = to.with_name(f".{to.name}.{uuid.uuid4().hex}.part")
    try:
        with beside.open("xb") as file:
            sealed = _Sealed(file)
            _add(sealed, folder, MANIFEST, stated.taken_at)
            for name, facts in sorted(stated.files.items()):
                if _add(sealed, folder, name, stated.taken_at) != (facts.bytes, facts.sha256):
                    raise BackupRefused(f"{folder / name} is not as it was taken. Take a new backup, and discard this")
            file.write(_seal(sealed.digest.hexdigest()))
            file.flush()
            os.fsync(file.fileno())
        beside.rename(to)
    finally:
        beside.unlink(missing_ok=True)
    return to


def is_finished(path: Path) -> bool:
    """Whether a file ends as an archive does. Its bytes are not read: `unsealed` does that."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - len(_seal("")), 0))
        end = file.read()
    stated = end[_BLOCK : _BLOCK + _DIGITS]
    return stated.isalnum() and end == _seal(stated.decode("ascii", "replace"))


@contextmanager
def unsealed(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Name and bytes of every member but the seal, in order, once every byte is known to be as it was written.

    Raises BackupRefused, also for a member that is no plain file below where it is put.
    """
    with path.open("rb") as file:
        _check_seal(file, path)
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:") as opened:
                yield _members(opened, path)
        except (tarfile.TarError, UnicodeError) as wrong:
            raise BackupRefused(f"{path} must be an archive that `market-assets backup` wrote: {wrong}") from None


class _Sealed:
    """Writes to a file, and knows the digest of what it wrote."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self._file.write(data)


def _add(to: _Sealed, folder: Path, name: str, at: datetime) -> tuple[int, str]:
    """Append a file; returns how many bytes it had, and their SHA-256."""
    with (folder / name).open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        to.write(_head(name, size, at.timestamp()))
        facts = facts_of(source, to)
        to.write(bytes(-facts.bytes % _BLOCK))
    return facts.bytes, facts.sha256


def _head(name: str, size: int, at: float = 0.0) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = size, int(at)
    return member.tobuf(tarfile.PAX_FORMAT)


def _seal(digest: str) -> bytes:
    """The last bytes of an archive: the digest as a member, and the end of the archive."""
    return _head(SEAL, _DIGITS) + digest.encode().ljust(_BLOCK, b"\0") + _END


def _check_seal(file: IO[bytes], path: Path) -> None:
    size = file.seek(0, io.SEEK_END)
    left = size - len(_seal(""))
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    if left != 0 or file.read() != _seal(digest.hexdigest()):
        raise BackupRefused(
            f"{path} is not as it was written: it was cut short, changed or added to, or is no archive of "
            f"`market-assets backup` ({size:,} bytes). Copy it again from where it was made, or restore another"
        )


def _members(opened: tarfile.TarFile, path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    seen: set[str] = set()
    for member in opened:
        if SEAL in seen:
            raise BackupRefused(f"{path} must end with {SEAL}; {member.name!r} comes after it. Discard it")
        if not member.isreg() or member.issparse():
            raise BackupRefused(f"{path} must hold plain files alone; {member.name!r} is none. Discard it")
        if not is_plain(member.name):
            raise BackupRefused(f"{path} must hold files below itself alone; {member.name!r} is not. Discard it")
        if member.name in seen:
            raise BackupRefused(f"{path} must hold every file once; {member.name!r} comes again. Discard it")
        seen.add(member.name)
        source = opened.extractfile(member)
        assert source is not None
        if member.name != SEAL:
            yield member.name, source
    if SEAL not in seen:
        raise BackupRefused(f"{path} must end with {SEAL}; what it holds ends before. Discard it")
