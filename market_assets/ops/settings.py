"""Settings of alerts and backups."""

import re
from datetime import time
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from market_assets.core.settings import Section

_VARIABLE = re.compile(r"^[A-Z][A-Z0-9_]*$")
Ratio = Annotated[float, Field(ge=0, le=1)]
Load = Annotated[float, Field(ge=0)]


class QuietHours(Section):
    """When warnings wait; errors never do."""

    start: time = Field(description="Local time at which warnings begin to wait")
    end: time = Field(description="Local time at which they are sent; before `start` it is that of the next morning")
    time_zone: str = Field("UTC", description="IANA name, for example Europe/Zurich")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name!r} is no IANA time zone, which look like Europe/Zurich") from None
        return name


class AlertSettings(Section):
    """Who is told what. The inbox of the app always is."""

    channels: dict[str, str] = Field(
        default_factory=dict,
        description="Name of a channel -> environment variable that holds its Apprise addresses, as they are secrets",
    )
    critical: tuple[str, ...] = Field((), description="Channels for errors; the first that takes the message gets it")
    warning: tuple[str, ...] = Field((), description="The same for warnings")
    escalation: tuple[str, ...] = Field((), description="The same for errors that nobody acknowledged")
    quiet_hours: QuietHours | None = Field(None, description="When warnings wait")
    settle_s: float = Field(60.0, ge=0, description="Time for a first cause to show before the first message")
    first_cause_min: float = Field(15.0, ge=0, description="What fails downstream within this time is part of it")
    remind_h: float = Field(6.0, gt=0, description="Hours between reminders of what lasts")
    escalate_min: float = Field(60.0, gt=0, description="Minutes after which an error nobody acknowledged escalates")
    timeout_s: float = Field(15.0, gt=0, description="Longest wait for a channel")
    app_url: str = Field("http://127.0.0.1:8050", description="Where the app is reached; messages link to it")
    optional_notices: bool = Field(False, description="Also tell of what is no failure, such as a pair worth a notice")
    disk_used: tuple[Ratio, Ratio] = Field((0.80, 0.90), description="Share of the disk that warns, that is an error")
    memory_used: tuple[Ratio, Ratio] = (0.75, 0.90)
    cpu_used: tuple[Load, Load] = Field((0.70, 0.90), description="Load of 15 minutes by cores, which may exceed one")
    budget_left: Ratio = Field(0.20, description="Share of a day's budget that is left when it warns")
    heartbeat_s: float = Field(120.0, gt=0, description="Age of a daemon's heartbeat that is an error")
    late_periods: tuple[float, float] = Field((2.0, 4.0), description="Periods a schedule or sensor may be late")
    api_errors: tuple[Ratio, Ratio] = Field((0.05, 0.10), description="Share of answers 5xx within 15 minutes")
    cache_hits: tuple[Ratio, Ratio] = Field((0.30, 0.10), description="Hit rate below which a busy hour is told")
    backup_age_h: tuple[float, float] = Field((26.0, 50.0), description="Age of the newest backup")

    @field_validator("channels")
    @classmethod
    def _named(cls, channels: dict[str, str]) -> dict[str, str]:
        for name, variable in channels.items():
            if not _VARIABLE.match(variable):
                # what stands there may be the address itself: it is not repeated
                raise ValueError(
                    f"the value of {name} must be the NAME of an environment variable, such as ALERTS_DESK_URL; "
                    "put the address, which is a secret, into that variable"
                )
        return channels

    @model_validator(mode="after")
    def _routes(self) -> Self:
        for route in ("critical", "warning", "escalation"):
            unknown = [name for name in getattr(self, route) if name not in self.channels]
            if unknown:
                raise ValueError(f"{route} names {unknown}, which alerts.channels does not have")
        return self


class BackupSettings(Section):
    """How often backups are taken by themselves, and which are kept."""

    daily: int = Field(30, ge=1, description="Newest backups that are kept, one a day")
    monthly: int = Field(12, ge=0, description="Older ones that are kept, one a month")
    archive_to: str | None = Field(None, description="Folder, best on another disk, that gets each as one file as well")
    archives: int = Field(7, ge=1, description="Such files that are kept")
