"""Whether this home was brought to a standstill, in words: for health, its page, and the status."""

from dataclasses import dataclass
from datetime import datetime

from market_assets.settings import Settings
from resources import stop_marker as marker

#: what lets everything go on
COMMAND = "market-assets start"


@dataclass(frozen=True)
class Standstill:
    """A home that is meant to stand still. What the marker does not say is None."""

    #: when, by whom, why, and what to do
    said: str
    at: datetime | None = None
    by: str | None = None
    reason: str | None = None


def standstill(settings: Settings) -> Standstill | None:
    """What the marker of `market-assets stop` says; None where there is none."""
    try:
        found = marker.read(settings)
    except marker.UnreadableMarker as unread:
        return Standstill(str(unread))
    if found is None:
        return None
    by = f" by {found.stopped_by}" if found.stopped_by else ""
    why = f", because: {found.reason}" if found.reason else ", and nobody said why"
    said = (
        f"Stopped at {found.stopped_at:%Y-%m-%d %H:%M}Z{by}{why}. Nothing is scheduled and no stream runs; "
        f"`{COMMAND}` lets it go on"
    )
    return Standstill(said, found.stopped_at, found.stopped_by or None, found.reason or None)
