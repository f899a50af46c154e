"""Quiet hours: when warnings wait. By the clock on the wall of a time zone, whatever that does twice a year."""

from datetime import datetime
from zoneinfo import ZoneInfo

from market_assets.ops.settings import QuietHours


def is_quiet(now: datetime, hours: QuietHours | None) -> bool:
    """Whether warnings wait at this instant. From `start` on, until before `end`; equal ones are no hours at all."""
    if hours is None:
        return False
    shown = now.astimezone(ZoneInfo(hours.time_zone)).time()
    if hours.start <= hours.end:
        return hours.start <= shown < hours.end
    return shown >= hours.start or shown < hours.end
