"""What ticks, written down by a round of alerts and read by the app."""

from pathlib import Path

import dagster as dg

from resources.alerting import declared
from resources.alerting.findings_dagster import Ticking
from tests.resources.alerting.jobs import follow, idle


def test_what_is_declared_is_read_as_it_was_written(home: Path) -> None:
    """Schedules with their time zone, UTC where they name none; sensors; and whose they are."""
    assert declared.read(home) is None
    schedules = [
        dg.ScheduleDefinition(name="hourly", cron_schedule="5 * * * *", job=idle),
        dg.ScheduleDefinition(
            name="close", cron_schedule="30 18 * * *", job=idle, execution_timezone="America/New_York"
        ),
    ]
    defs = dg.Definitions(schedules=schedules, sensors=[follow], jobs=[idle])
    written = Ticking.of(defs.get_repository_def(), "market_assets")
    declared.write(home, written)
    assert declared.read(home) == written
    assert dict(written.schedules) == {"hourly": "UTC", "close": "America/New_York"}
    assert (written.sensors, written.location) == ({"follow"}, "market_assets")


def test_the_file_is_written_where_it_says_something_else(home: Path) -> None:
    """The same again leaves it; something else, or what nobody can read, is replaced."""
    one = Ticking({"hourly": "UTC"}, frozenset())
    declared.write(home, one)
    path = home / "state" / "ticking.json"
    first = path.stat().st_ino
    declared.write(home, one)
    assert path.stat().st_ino == first
    declared.write(home, Ticking({"daily": "UTC"}, frozenset()))
    assert declared.read(home) == Ticking({"daily": "UTC"}, frozenset())
    path.write_text("{")
    assert declared.read(home) is None
    declared.write(home, one)
    assert declared.read(home) == one
    assert [file.name for file in path.parent.iterdir()] == ["ticking.json"]
