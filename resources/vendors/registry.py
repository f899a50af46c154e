"""Which vendors there are. Adding one is its file and a line here."""

import functools
from collections.abc import Mapping
from typing import TypeVar

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.fallback import Chain
from resources.http.state import VendorState
from resources.http.transport import Timing
from resources.vendors.polygon import Polygon
from resources.vendors.yahoo import Yahoo

Client = Polygon | Yahoo
Kind = TypeVar("Kind", Polygon, Yahoo)

#: name in the settings -> client
VENDORS: Mapping[str, type[Polygon] | type[Yahoo]] = {Polygon.name: Polygon, Yahoo.name: Yahoo}


class Vendors:
    """The clients of the configured vendors, each made on first use.

    `rates` replaces the budget of a vendor, `timing` the clock of all: tests do both.
    """

    def __init__(
        self, settings: Settings, *, rates: Mapping[str, RateBudget] | None = None, timing: Timing | None = None
    ) -> None:
        self.settings = settings
        self._rates, self._timing = dict(rates or {}), timing
        self._made: dict[str, Client] = {}

    @property
    def names(self) -> list[str]:
        """The vendors in use: the chain in its order, then the one that reconciles."""
        equities = self.settings.equities
        return list(dict.fromkeys((*equities.sources, equities.reconcile.source)))

    def client(self, name: str) -> Client:
        """The client of a vendor by its name."""
        if name not in self._made:
            self._made[name] = VENDORS[name].connect(self.settings, rates=self._rates.get(name), timing=self._timing)
        return self._made[name]

    @property
    def polygon(self) -> Polygon:
        """Polygon's client."""
        return self._of(Polygon)

    @property
    def yahoo(self) -> Yahoo:
        """Yahoo's client."""
        return self._of(Yahoo)

    @functools.cached_property
    def state(self) -> VendorState:
        """What all processes know about the vendors."""
        return VendorState.of(self.settings.home)

    @functools.cached_property
    def equities(self) -> Chain:
        """The chain of daily bars, in the order of `equities.sources`."""
        sources = [self.client(name) for name in self.settings.equities.sources]
        return Chain(sources, self.state, self._timing.now if self._timing else Timing().now)

    @property
    def reconciler(self) -> Client:
        """The vendor that checks the first one."""
        return self.client(self.settings.equities.reconcile.source)

    def close(self) -> None:
        """Close every connection pool."""
        for client in self._made.values():
            client.http.close()

    def _of(self, kind: type[Kind]) -> Kind:
        found = self.client(kind.name)
        assert isinstance(found, kind)
        return found


def vendor_clients(settings: Settings) -> dict[str, Client]:
    """A client for each vendor in use, by name."""
    vendors = Vendors(settings)
    return {name: vendors.client(name) for name in vendors.names}
