"""A thread of the app that keeps an eye on the daemon: a dead one cannot tell that it is dead.

Every half minute it writes what the app counts of itself. Where no round of alerts has ended for two minutes it runs
one, over what needs no definitions: heartbeats, vendors, the machine, backups and the app. A home whose collectors run
without any daemon is watched so, too.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dashboards.counting import Counting
from dashboards.services import Services
from market_assets.core import clock
from resources import app_counts

if TYPE_CHECKING:
    from resources.alerting.collecting import Watch

log = logging.getLogger("market_assets.alerts")

_EVERY_S = 30.0
_SILENT = timedelta(minutes=2)


class Watchdog:
    """Looks every half minute, in a thread of its own once it is started."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counting = Counting(services.telemetry, services.cache)
        self._began_at = clock.wall()
        #: when it last stood in: as long as nobody else comes, it goes on
        self._ran_at: datetime | None = None
        self._watch: Watch | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Look until `stop`, or until the process ends."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._ended.set()

    def look(self, now: datetime) -> bool:
        """Count, and run a round of alerts where nobody else has for two minutes; whether one was run."""
        from resources.alerting.book import IncidentBook
        from resources.alerting.collecting import Watch
        from resources.alerting.round import AlertRound

        settings = self._services.settings
        app_counts.write(settings.home, self._counting.counts(now))
        book = IncidentBook(settings.home)
        last = book.last_round_at()
        is_mine = last is not None and last == self._ran_at
        if not is_mine and now - max(last or self._began_at, self._began_at) < _SILENT:
            return False
        self._watch = self._watch or Watch(settings, book)
        collect = self._watch.without_graph(self._services.orchestrator.opened())
        is_run = AlertRound(settings.alerts, book, collect).run(now).is_run
        self._ran_at = now if is_run else self._ran_at
        return is_run

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                self.look(clock.wall())
            except Exception:
                # whatever it is, the next look may succeed, and the app goes on
                log.exception("the watchdog could not look")
