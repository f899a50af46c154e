"""What the ledgers of Dagster's event log share: their file, and how far they have read."""

from collections.abc import Sequence
from typing import Any

from resources.event_marks import Mark
from resources.shared_file import SharedFile


class Ledger:
    """A file that follows the event log by a mark."""

    def __init__(self, file: SharedFile) -> None:
        self._file = file

    def close(self) -> None:
        """Close this thread's connection. The next use opens another."""
        self._file.close()

    @staticmethod
    def _mark(rows: Sequence[tuple[Any, ...]]) -> Mark | None:
        return Mark.parse(rows[0][0]) if rows else None
