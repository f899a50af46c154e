"""What became of the last message that each channel was handed."""

from pathlib import Path

from market_assets.core import clock
from resources.alerting.records import SCHEMA, Attempt
from resources.shared_file import SharedFile


class ChannelRecord:
    """Reads the attempts in the book of incidents of one home."""

    def __init__(self, home: Path) -> None:
        self._file = _BookFile(home / "state" / "incidents.sqlite")

    def last(self) -> dict[str, Attempt]:
        """Channel -> its newest attempt; one that was never handed a message is not in it."""
        found = self._file.rows(
            "SELECT channel, begun_at, ended_at, taken, said FROM attempts "
            "WHERE id IN (SELECT max(id) FROM attempts GROUP BY channel)"
        )
        return {
            channel: Attempt(
                channel,
                clock.instant(begun),
                None if ended is None else clock.instant(ended),
                None if taken is None else bool(taken),
                said,
            )
            for channel, begun, ended, taken, said in found
        }


class _BookFile(SharedFile):
    schema = SCHEMA
