"""A home with incidents in every state, told through a real webhook, for tests of their REST routes and page.

The clock stands at 15:00. Polygon fails since 10:00 (1, a warning) and explains that two assets failed at 10:05 (2 and
3). The memory was full from 11:00 to 11:30 (4). The disk is full since 12:00 (5), and the newest backup old since 13:00
(6), which is silenced until 19:00. The sensor daemon is dead since 14:00 (7), and anna is at it. Of the two channels
desk never takes a message, and boss, the second for errors, always does. The last round was at 14:59:30.
"""

import functools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from starlette.testclient import TestClient

from dashboards.app import create_app
from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding
from market_assets.settings import Settings, load
from resources.alerting.book import IncidentBook
from resources.alerting.round import AlertRound, Collected
from tests.resources.vendor_host import Host

KEY = "the-first-key"
TEN = datetime(2026, 11, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = TEN + 5 * HOUR
ALERTS = AlertSettings(
    channels={"desk": "DESK", "boss": "BOSS"}, critical=("desk", "boss"), warning=("desk",), settle_s=0, timeout_s=5
)
POLYGON = Finding("source:polygon", "breaker_open", "polygon", "WARN", "Polygon fails; yahoo serves instead.", TEN)
MEMORY = Finding("memory", "memory_used", "", "WARN", "77 % of the memory is used.", TEN + HOUR)
DISK = Finding("disk", "disk_used", "", "ERROR", "The disk is 93 % full.", TEN + 2 * HOUR)
BACKUP = Finding("backup", "backup_age", "", "WARN", "The newest backup is 27 hours old.", TEN + 3 * HOUR)
DAEMON = Finding("daemon:SENSOR", "heartbeat", "", "ERROR", "No heartbeat for 400 s.", TEN + 4 * HOUR)
FAILED = tuple(
    Finding(
        name,
        "run_failed",
        "SourcesExhausted",
        "ERROR",
        f"{name} failed.",
        TEN,
        "AAPL|2026",
        frozenset({POLYGON.subject}),
    )
    for name in ("equities_daily_bars", "equities_corporate_actions")
)


def fill(home: Path) -> IncidentBook:
    """Run the rounds of that day."""
    book, webhook = IncidentBook(home), Host()
    environment = {"BOSS": webhook.url.replace("http", "json") + "/boss"}

    def look(at: datetime, *found: Finding) -> None:
        AlertRound(ALERTS, book, lambda _: Collected(found), environment).run(at)

    lasting = (POLYGON, *FAILED)
    look(TEN, POLYGON)
    look(TEN + HOUR / 12, *lasting)
    look(TEN + HOUR, *lasting, MEMORY)
    look(TEN + 3 * HOUR / 2, *lasting)
    look(TEN + 2 * HOUR, *lasting, DISK)
    look(TEN + 3 * HOUR, *lasting, DISK, BACKUP)
    look(TEN + 4 * HOUR, *lasting, DISK, BACKUP, DAEMON)
    with clock.frozen(NOW - HOUR / 2):
        book.silence("backup*", NOW + 4 * HOUR, "the disk moves", "anna@desk")
        book.acknowledge(7, "anna@desk")
    look(NOW - timedelta(seconds=30), *lasting, DISK, BACKUP, DAEMON)
    webhook.close()
    return book


def configured(home: Path) -> Settings:
    """Settings of a home with those channels."""
    return load().model_copy(update={"home": home, "alerts": ALERTS, "api_key": SecretStr(KEY)})


@functools.cache
def _shared() -> tuple[tempfile.TemporaryDirectory[str], TestClient]:
    folder = tempfile.TemporaryDirectory(prefix="alerts-home-")
    fill(Path(folder.name))
    return folder, TestClient(create_app(configured(Path(folder.name))), raise_server_exceptions=False)


def reader() -> TestClient:
    """A client of an app over the home that all tests of this process share: for those that only read."""
    return _shared()[1]
