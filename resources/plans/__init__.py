"""What asking for partitions takes, told before anything is asked: requests, budgets, days, time, size.

    asking      what a plan is made of           equities, btc, funding,
    budgets     what is left of each             crypto, bars_requests    the requests of each domain
    costs       what the last runs took          bars                     what a backfill of minutes refuses
    plan        all of it together

Nothing here asks a vendor or writes anything.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from market_assets.settings import Settings
from resources.plans import bars_requests, btc, crypto, equities, funding
from resources.plans.asking import Asking, Asks
from resources.stores import open_store
from resources.vendors.registry import Vendors

_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})

#: table -> the requests that fetching partitions of it takes
REQUESTS: Mapping[str, Callable[[Asking, Sequence[str]], Iterator[Asks]]] = {
    "equities_daily_bars": equities.daily_bars,
    "equities_corporate_actions": equities.corporate_actions,
    "equities_gaps": equities.gaps,
    "equities_reconciliation": equities.reconciliation,
    "btc_price": btc.price,
    "btc_liquidations": btc.liquidations,
    "funding_contracts": funding.contracts,
    "funding_snapshot": funding.snapshot,
    "funding_rates": funding.rates,
    "crypto_klines": crypto.klines,
    "crypto_sentiment": crypto.sentiment,
    "crypto_advice": crypto.advice,
    "bars_minute": bars_requests.minute,
    "bars_macro_daily": bars_requests.macro_daily,
    "bars_reconciliation": bars_requests.reconciliation,
}


def requests_of(
    settings: Settings,
    table: str,
    keys: Sequence[str],
    now: datetime,
    coming: Mapping[str, Collection[str]] = _NOTHING,
) -> dict[str, int]:
    """Vendor -> requests that materialising these partitions of `table` takes at most; nothing for derived tables.

    The bound is of a fetch in which nothing goes wrong: every request is answered at once, whole, by the first source
    of each chain that can be asked. Not in it are retries, the sources after the first, and what is asked again
    because an answer ended short; neither is what was answered before (a retry, a cached reply) taken off. Of a table
    without partitions `keys` do not matter. Contracts, signals and bars that decide what is asked for are those that
    are stored, and those of `coming`: table -> partitions that are made before. An exchange whose contracts are not
    stored counts nothing.

    Raises UnknownName for a symbol that the universe does not have.
    """
    with_clients = Vendors(settings)
    try:
        asking = Asking(settings, open_store(settings), with_clients, now, coming)
        return by_vendor(asks_of(asking, table, keys))
    finally:
        with_clients.close()


def asks_of(asking: Asking, table: str, keys: Sequence[str]) -> list[Asks]:
    """The requests of `requests_of`, by budget."""
    found = REQUESTS.get(table)
    return [] if found is None else [one for one in found(asking, keys) if one.n]


def by_vendor(asks: Sequence[Asks]) -> dict[str, int]:
    """Vendor -> requests, by name."""
    n = Counter[str]()
    for one in asks:
        n[one.vendor] += one.n
    return dict(sorted(n.items()))
