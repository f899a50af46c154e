"""Rounds of one home, here or in a process of their own."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from resources.alerting.book import IncidentBook
from resources.alerting.records import Message
from resources.alerting.round import AlertRound, Collected, RoundReport

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
CHANNELS = {"desk": "DESK", "boss": "BOSS"}
SETTINGS = AlertSettings(
    channels=CHANNELS, critical=("desk", "boss"), warning=("desk",), settle_s=0, timeout_s=5, app_url="http://app.here/"
)
DISK = Finding("disk", "disk_used", "", "ERROR", "The disk is 93 % full.", NOON)
LATE = Finding("bars_minute", "freshness", "", "WARN", "Its last bar is 20 minutes old.", NOON, "2026-11-03|AAPL")


class Rounds:
    """Rounds of one home, whatever is found at each."""

    def __init__(self, home: Path, environment: Mapping[str, str], settings: AlertSettings = SETTINGS) -> None:
        self.book, self.environment, self.settings = IncidentBook(home), dict(environment), settings
        self.at = NOON

    def run(self, *found: Finding, later: timedelta = timedelta(seconds=30)) -> RoundReport:
        """A round half a minute after the one before."""
        self.at += later
        look = AlertRound(self.settings, self.book, lambda now: Collected(found), self.environment)
        return look.run(self.at)

    def message(self, id: int = 1) -> Message:
        """The first message of an incident."""
        return self.book.outbox.of_incident(id)[0]

    def told(self, id: int = 1) -> list[tuple[str, bool | None]]:
        """Channel and whether it took it, of every attempt of the first message of an incident."""
        return [(one.channel, one.is_taken) for one in self.book.outbox.attempts(self.message(id).id)]


def rounds_at_once(home: Path, environment: dict[str, str], gate: Any, reports: Any) -> None:
    """Three rounds, each begun when the other process begins one."""
    for _ in range(3):
        gate.wait()
        reports.put(Rounds(home, environment).run(DISK))


def dies(home: Path, environment: dict[str, str], when: str) -> None:
    """Ends like `kill -9` when the message has been taken, before or after that is noted."""
    rounds = Rounds(home, environment)
    noted = rounds.book.outbox.ended

    def ended(attempt_id: int, *, taken: bool, said: str, at: datetime) -> None:
        if when == "before":
            os._exit(9)
        noted(attempt_id, taken=taken, said=said, at=at)
        os._exit(9)

    rounds.book.outbox.ended = ended  # type: ignore[method-assign]
    rounds.run(DISK, Finding("memory", "memory_used", "", "ERROR", "", NOON))
