"""Copies of a home that can be put back: `<home>/backups/<UTC instant>/`, whole or not there.

taking     all of it, under a temporary name, renamed at the end
manifest   what a backup states of itself        archive    the same as one file
verifying  whether it is what it states          restoring  into an empty home or database
comparing  restored rows against what it states  keeping    which are kept
inventory  what a schedule does                  drill      whether the newest could be restored
lake       the partitions as they were at one instant, as links to files that never change
databases  SQLite files by SQLite's own copying, PostgreSQL by pg_dump and pg_restore
plain      settings, without what must not lie in a backup
"""

from resources.backup.archive import pack
from resources.backup.keeping import prune_backups
from resources.backup.manifest import Backup, BackupRefused
from resources.backup.restoring import Restored, RestoreFailed, restore
from resources.backup.taking import take
from resources.backup.verifying import verify

__all__ = ["Backup", "BackupRefused", "RestoreFailed", "Restored", "pack", "prune_backups", "restore", "take", "verify"]
