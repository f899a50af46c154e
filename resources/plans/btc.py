"""Requests of the btc domain: one a metric and contiguous range of days."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from market_assets.btc.transforms import raw
from market_assets.core import clock
from resources.btc_fetch import BtcFetch
from resources.plans.asking import Asking, Asks
from resources.vendors.glassnode import NAME

#: long and short are metrics of their own
_LIQUIDATIONS = 2
_DAY = timedelta(days=1)


def price(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """The close, and where it is wanted the other prices."""
    yield from _asks(asking, keys, 2 if asking.settings.btc.glassnode.fetch_ohlc else 1)


def liquidations(asking: Asking, keys: Sequence[str]) -> Iterator[Asks]:
    """Long and short ones."""
    yield from _asks(asking, keys, _LIQUIDATIONS)


def _asks(asking: Asking, keys: Sequence[str], metrics: int) -> Iterator[Asks]:
    fetch = BtcFetch(asking.settings, asking.vendors, asking.store, asking.now)
    for unit in fetch.units(keys):
        first, until = clock.instant(unit.partitions[0]), clock.instant(unit.partitions[-1]) + _DAY
        if not raw.elapsed(first, until, asking.settings.btc, asking.now).is_empty():
            yield Asks(NAME, metrics)
