"""Which exchanges there are. Adding one is its file, its settings and its row of `EXCHANGES` there."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from market_assets.core.settings import RateBudget
from market_assets.funding.settings import EXCHANGES
from market_assets.settings import Settings
from resources.http.transport import Timing
from resources.venues.exchange import Exchange
from resources.venues.venue import Venue


class _Records(Mapping[str, Venue]):
    """Exchange -> its record, read from the file of its name on first use."""

    def __getitem__(self, exchange: str) -> Venue:
        if exchange not in EXCHANGES:
            raise KeyError(exchange)
        venue: Venue = import_module(f"resources.venues.{exchange}").VENUE
        return venue

    def __iter__(self) -> Iterator[str]:
        return iter(EXCHANGES)

    def __len__(self) -> int:
        return len(EXCHANGES)


#: exchange -> record, in the order of the partitions
VENUES: Mapping[str, Venue] = _Records()


def connect(
    settings: Settings, exchange: str, *, rates: RateBudget | None = None, timing: Timing | None = None
) -> Exchange:
    """An exchange by the settings: by its own record, or by way of ccxt where it has none."""
    if exchange in VENUES:
        return Exchange.connect(settings, VENUES[exchange], rates=rates, timing=timing)
    # ccxt is an extra, and takes half a second to import
    from resources.venues import ccxt_venue

    return ccxt_venue.connect(settings, exchange, rates=rates, timing=timing)
