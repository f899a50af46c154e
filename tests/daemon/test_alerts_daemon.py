"""A real daemon, webhook and mail server: one outage over forty tables is one message and one recovery."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler.instigation import TickStatus

from dashboards import watchdog
from dashboards.services import Services
from market_assets.core import clock
from market_assets.instance import prepare
from market_assets.settings import load, settings
from resources.alerting.book import IncidentBook
from tests.daemon.alert_location import BOOKS, GRAPH, OUTAGE, RETRIES, TABLES
from tests.daemon.processes import free_port, process, wait_for
from tests.resources.alerting.conftest import Mailbox
from tests.resources.vendor_host import Host

pytestmark = [pytest.mark.daemon, pytest.mark.slow, pytest.mark.timeout(420)]

#: a daemon comes round to its sensors every five seconds, on a busy machine much later
ROUNDS_S = 120.0
ALERTS = {
    "channels": {"pager": "PAGER_URL", "desk": "DESK_URL", "mail": "MAIL_URL"},
    "critical": ["pager", "desk"],
    "warning": ["mail"],
    "escalation": ["mail"],
    "settle_s": 1,
    "escalate_min": 0.05,
    "app_url": "http://app.here",
    # however busy the machine is that runs this test
    "disk_used": [1, 1],
    "memory_used": [1, 1],
    "cpu_used": [1e6, 1e6],
}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Desk:
    """The home of the test: who listens, what is in the book, and the daemon's log."""

    def __init__(self, home: Path, webhook: Host, mailbox: Mailbox, instance: dg.DagsterInstance) -> None:
        self.book, self.log = IncidentBook(home), home / "daemon.log"
        self.instance, self._webhook, self._mailbox = instance, webhook, mailbox
        self.log.touch()

    def posted(self) -> list[tuple[str, list[str]]]:
        """Title and lines of everything that the webhook was sent."""
        bodies = [json.loads(asked.content) for asked in self._webhook.asked]
        return [(body["title"], body["message"].splitlines()) for body in bodies]

    def mailed(self) -> list[str]:
        """Subjects of all mail, in any order."""
        return sorted(mail["subject"] for mail in self._mailbox.mails)

    def wait_told(self, what: str, posted: Sequence[str], mailed: Sequence[str]) -> None:
        """Wait until the two servers were sent that much, and see that it is this and no more."""

        def lacking() -> str:
            told = [title for title, _ in self.posted()], self.mailed()
            return f"{told}" if len(told[0]) < len(posted) or len(told[1]) < len(mailed) else ""

        wait_for(what, ROUNDS_S, lacking, self.log, every_s=0.2)
        assert [title for title, _ in self.posted()] == list(posted)
        assert self.mailed() == sorted(mailed)

    def wait_round(self) -> None:
        """Wait for a round that began and ended from now on."""
        asked_at = clock.wall()

        def lacking() -> str:
            # a round notes when it began
            last = self.book.last_round_at()
            return "" if last is not None and last > asked_at else f"a round after {asked_at}, the last is of {last}"

        wait_for("the daemon ran a round of alerts", ROUNDS_S, lacking, self.log, every_s=0.2)

    def run(self, *assets: str) -> dg.ExecuteInProcessResult:
        """Materialise these with their checks, in one run of this process."""
        return GRAPH.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(name) for name in assets],
            raise_on_error=False,
            run_config=_QUIET,
        )

    def age_heartbeats(self) -> None:
        """Let ten minutes have passed since the daemons beat last."""
        for beat in self.instance.get_daemon_heartbeats().values():
            self.instance.add_daemon_heartbeat(beat._replace(timestamp=beat.timestamp - 600))

    def ticks(self) -> list[dg.InstigatorTick]:
        """What the daemon noted of the sensor's ticks, newest first."""
        (state,) = self.instance.all_instigator_state()
        return list(self.instance.get_ticks(state.instigator_origin_id, state.selector_id))


@pytest.fixture
def desk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Routes in the home's one configuration file, addresses in the environment; the pager is a port where nobody is."""
    webhook, mailbox = Host(), Mailbox()
    (home / "config.yaml").write_text(yaml.safe_dump({"alerts": ALERTS}))
    monkeypatch.setenv("PAGER_URL", f"json://127.0.0.1:{free_port()}/page")
    monkeypatch.setenv("DESK_URL", webhook.url.replace("http://", "json://") + "/desk")
    to = "from=desk@example.org&to=quant@example.org&mode=insecure&format=text"
    monkeypatch.setenv("MAIL_URL", f"mailto://127.0.0.1:{mailbox.port}?{to}")
    settings.cache_clear()
    prepare(settings())
    OUTAGE.clear()
    with dg.DagsterInstance.get() as instance:
        yield Desk(home, webhook, mailbox, instance)
    OUTAGE.clear()
    webhook.close()
    mailbox.close()
