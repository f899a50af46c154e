"""What routes and pages share: one of each per app."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dashboards.bars_now import BarsNow
from dashboards.data import PublishedData
from dashboards.keys import ApiKeys
from dashboards.live import LiveBoard
from dashboards.orchestrator import Orchestrator
from dashboards.remembered import Memory
from dashboards.rest.cache import ResponseCache
from dashboards.sources import Sources
from dashboards.telemetry import Telemetry
from market_assets.core import clock
from market_assets.settings import Settings
from resources.alerting.book import IncidentBook
from resources.stream.bars.reading import HotBars
from resources.stream.hot import HotReader

_SLOWLY_S = 20.0

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Services:
    """The app's connections and memories."""

    settings: Settings
    data: PublishedData
    orchestrator: Orchestrator
    sources: Sources
    keys: ApiKeys
    cache: ResponseCache
    crypto_live: LiveBoard
    #: one for all who ask, so that its hits and misses are those of the app
    bars_hot: HotBars
    bars_now: BarsNow
    incidents: IncidentBook
    telemetry: Telemetry = field(default_factory=Telemetry)
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        """Open what the settings name. The key of the settings becomes a valid one."""
        keys = ApiKeys(settings.home)
        keys.adopt(settings.api_key.get_secret_value() if settings.api_key else None)
        data, bars_hot = PublishedData(settings), HotBars.of(settings)
        return cls(
            settings=settings,
            data=data,
            orchestrator=Orchestrator.of(settings),
            sources=Sources(settings),
            keys=keys,
            cache=ResponseCache(settings.api.cache_entries),
            crypto_live=LiveBoard(
                HotReader.of(settings, "crypto"),
                "market-assets stream --domain crypto",
                settings.crypto.signals.timeframe,
            ),
            bars_hot=bars_hot,
            bars_now=BarsNow(settings, bars_hot, lambda: data.store),
            incidents=IncidentBook(settings.home),
        )

    def slowly(self, look: Callable[["Services"], _Found]) -> _Found:
        """What a look brings that takes a while, at what changes slowly: looked at again after some seconds."""
        return self.memory.of(look.__name__, _SLOWLY_S, lambda: look(self))

    def warm(self) -> None:
        """Load what the first request would wait for: the exchange's calendar and Dagster."""
        from market_assets.core import calendars

        calendars.last_closed_session(calendars.EXCHANGES[0], clock.now())
        if self.orchestrator.configured:
            self.orchestrator.daemons()
