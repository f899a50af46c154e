"""How what is in the outbox reaches somebody: the first channel of its route that takes a message gets it.

A channel that did not take one message is left alone for the rest of the round, so that a dead one costs its timeout
once. What nobody took stays, and is tried again in the next round, for a day. The inbox of the app has it anyway.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.quiet import is_quiet
from resources.alerting.channels import Channels
from resources.alerting.outbox import Outbox
from resources.alerting.records import Message

#: a round starts no other message after this; a sensor's tick has 60 s
_ROUND_S = 25.0
_KEEP_TRYING = timedelta(hours=24)
_TONES = {"open": "warning", "worse": "failure", "remind": "warning", "escalate": "failure", "recover": "success"}


@dataclass(frozen=True)
class Delivered:
    """What a round of deliveries did."""

    n_sent: int
    #: messages that some channel was asked to take and none did
    n_failed: int


def deliver(outbox: Outbox, channels: Channels, settings: AlertSettings, now: datetime) -> Delivered:
    """Send what is pending. Warnings wait in quiet hours."""
    seen: set[int] = set()
    dead: set[str] = set()
    counts = {True: 0, False: 0, None: 0}
    until = time.monotonic() + _ROUND_S
    while time.monotonic() < until:
        waiting = [message for message in outbox.pending() if message.id not in seen]
        if not waiting:
            break
        message = waiting[0]
        seen.add(message.id)
        if message.severity == "WARN" and is_quiet(now, settings.quiet_hours):
            continue
        counts[_deliver(outbox, channels, message, getattr(settings, message.route), dead, now)] += 1
    return Delivered(counts[True], counts[False])


def _deliver(
    outbox: Outbox, channels: Channels, message: Message, route: Sequence[str], dead: set[str], now: datetime
) -> bool | None:
    """Whether a channel took the message; None where none was asked."""
    if not route:
        outbox.closed(message.id, "inbox", now)
        return None
    if now - message.made_at > _KEEP_TRYING:
        outbox.closed(message.id, "given_up", now)
        return None
    alive = [channel for channel in route if channel not in dead]
    tone = "failure" if message.kind == "open" and message.severity == "ERROR" else _TONES[message.kind]
    for channel in alive:
        attempt = outbox.begun(message.id, channel, now)
        outcome = channels.send(channel, message.text, tone)
        outbox.ended(attempt, taken=outcome.is_taken, said=outcome.said, at=now)
        if outcome.is_taken:
            return True
        dead.add(channel)
    if alive:
        outbox.not_taken(message.id)
    return False if alive else None
