"""Copies of a home that can be put back: `<home>/backups/<UTC instant>/`, whole or not there.

take       all of it, under a temporary name, renamed at the end
lake       the partitions as they were at one instant, as links to files that never change
databases  SQLite files by SQLite's own copying, PostgreSQL by pg_dump
plain      settings, without what must not lie in a backup
"""

from resources.backup.taking import Backup, take

__all__ = ["Backup", "take"]
