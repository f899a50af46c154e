"""Which backups and archives there are, and which of them are kept."""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from market_assets.core import clock
from market_assets.ops.transforms.backups import Copy, kept_as
from market_assets.settings import Settings
from resources.backup.archive import SUFFIX, is_finished
from resources.backup.manifest import Backup, BackupRefused, read
from resources.backup.taking import UNFINISHED

SCRATCH = "scratch"
_STAMP = r"(\d{8}T\d{6}Z)(?:-(\d+))?"
_FOLDER = re.compile(rf"^{_STAMP}$")
_ARCHIVE_PREFIX = "market-assets-"
_ARCHIVE = re.compile(rf"^{_ARCHIVE_PREFIX}{_STAMP}{re.escape(SUFFIX)}$")
_BROKEN_OFF = timedelta(days=1)


def folders(home: Path) -> list[Path]:
    """The folders of backups, by name; what cannot be read is among them."""
    return _named(home / "backups", _FOLDER)


def backups(home: Path) -> list[Backup]:
    """What each backup states, oldest first; what is none of this version's is left out."""
    found = []
    for folder in folders(home):
        with suppress(BackupRefused):
            found.append(read(folder))
    return sorted(found, key=lambda one: (one.taken_at, _place(one.path, _FOLDER)))


def reasons(found: list[Backup], settings: Settings) -> dict[str, str]:
    """Name -> why it is kept, of the backups that are."""
    copies = [Copy(one.path.name, one.taken_at, is_whole=not one.missing) for one in found]
    return kept_as(copies, settings.backup.daily, settings.backup.monthly)


def prune_backups(settings: Settings) -> list[str]:
    """Remove the backups that `settings.backup` does not keep, and what was broken off over a day ago.

    Returns the names of what is gone. What this version cannot read is left alone.
    """
    found = backups(settings.home)
    kept = reasons(found, settings)
    gone = [one.path for one in found if one.path.name not in kept]
    for path in gone:
        # under a name that is no backup's first: a removal that is broken off leaves none that lacks files
        beside = path.with_name(f".{uuid.uuid4().hex}{UNFINISHED}")
        path.rename(beside)
        shutil.rmtree(beside)
    # a drill that was killed leaves what it had restored
    left = [path for place in ("backups", SCRATCH) for path in _broken_off(settings.home / place)]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in (*gone, *left)]


def archive_name(backup: str) -> str:
    """The file name of a backup's archive."""
    return f"{_ARCHIVE_PREFIX}{backup}{SUFFIX}"


def archives(folder: Path) -> list[Path]:
    """The finished archives of a folder, oldest first; other files in it are none of ours."""
    return [path for path in _named(folder, _ARCHIVE) if is_finished(path)]


def prune_archives(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest `keep` finished archives, and what was broken off over a day ago; returns the names."""
    gone = [*archives(folder)[:-keep], *_broken_off(folder, _ARCHIVE_PREFIX)]
    for path in gone:
        path.unlink()
    return [path.name for path in gone]


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """What has such a name, by instant and number."""
    found = [path for path in folder.iterdir() if pattern.match(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: _place(path, pattern))


def _place(path: Path, pattern: re.Pattern[str]) -> tuple[str, int]:
    named = pattern.match(path.name)
    return (named[1], int(named[2] or 1)) if named else ("", 0)


def _broken_off(folder: Path, prefix: str = "") -> Iterator[Path]:
    for path in sorted(folder.glob(f".{prefix}*{UNFINISHED}")) if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < clock.wall() - _BROKEN_OFF:
                yield path
