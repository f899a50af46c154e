"""What became of the last message that each channel was handed."""

from datetime import timedelta
from pathlib import Path

from resources.alerting.book import IncidentBook
from resources.alerting.channel_record import ChannelRecord

from .rounds import DISK, LATE, NOON, Rounds


def test_the_newest_attempt_of_each_channel_counts(home: Path) -> None:
    """Whatever it did before; one that was never asked is not in it."""
    record = ChannelRecord(home)
    assert record.last() == {}
    rounds = Rounds(home, {})
    rounds.run(DISK)
    last = record.last()
    assert [(name, last[name].is_taken) for name in ("desk", "boss")] == [("desk", False), ("boss", False)]
    assert last["desk"].said == "the environment variable DESK is empty or not set"
    rounds.run(DISK, LATE, later=timedelta(minutes=5))
    assert record.last()["desk"].begun_at == rounds.at


def test_an_attempt_without_an_end_is_neither(home: Path) -> None:
    """The process ended while it was handed over."""
    rounds = Rounds(home, {})
    rounds.run(DISK)
    IncidentBook(home).outbox.begun(1, "boss", NOON + timedelta(hours=1))
    assert (ChannelRecord(home).last()["boss"].is_taken, ChannelRecord(home).last()["boss"].ended_at) == (None, None)
