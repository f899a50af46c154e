"""The funding rows of exchanges that `retention.delete_exchanges` names, where no more go than it says.

Tables that are cut by exchange lose the exchange's partitions, with what they rejected. Tables over several exchanges
stay as they are, and so do the looks under `<home>/segments`: they are what contracts could be made from again.
"""

from market_assets.core.contracts import Contract
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.core.partitions import split_key
from market_assets.funding.schemas import TABLES
from market_assets.funding.settings import EXCHANGES
from market_assets.tables import QUARANTINES
from resources.removed import Removed
from resources.retention.job import MOST_PARTITIONS, Job, Kind, Tally
from resources.stores.protocol import Manifest

_CUT_BY = "exchange"


def kind(exchange: str, most_rows: int) -> Kind:
    """The kind of one exchange."""
    rule = f"retention.delete_exchanges.{exchange} = {most_rows}"
    return Kind(f"exchange:{exchange}", rule, lambda job, tally: _thin(exchange, most_rows, job, tally))


def _thin(exchange: str, most_rows: int, job: Job, tally: Tally) -> None:
    """Rows are counted, as the limit does; all go or none."""
    funding = job.settings.funding
    if exchange in funding.enabled:
        raise InvalidRequest(
            f"{exchange} is still asked: nothing of it goes. Take it out of funding.exchanges first, and restart"
        )
    tables = [table.contract() for table in TABLES]
    cut = [table for table in tables if _CUT_BY in table.partitioned_by]
    cut += [QUARANTINES[name] for name in (f"quarantine_{table.name}" for table in cut) if name in QUARANTINES]
    found = [(table, one) for table in cut for one in job.store.manifests(table) if _is_of(exchange, table, one)]
    if not found and exchange not in EXCHANGES:
        raise UnknownName("exchange", exchange, EXCHANGES)
    rows = sum(one.rows for _, one in found)
    tally.add(Removed(examined=rows))
    if rows > most_rows:
        tally.notes.append(
            f"{rows:,} rows of {exchange} would go, and retention.delete_exchanges allows {most_rows:,}: nothing went. "
            f"Where all of them are to go, set it to {rows}"
        )
        return
    for table, one in found[:MOST_PARTITIONS]:
        tally.add(job.drop(table, one, count=one.rows))
    if len(found) > MOST_PARTITIONS:
        tally.notes.append(f"{len(found) - MOST_PARTITIONS:,} of its {len(found):,} partitions go next time")
    over_several = [table.name for table in tables if table not in cut and _tells_exchanges(table)]
    tally.notes.append(f"{', '.join(over_several)} and the looks under segments stay as they are")


def _is_of(exchange: str, table: Contract, one: Manifest) -> bool:
    return split_key(one.partition, table.dimensions)[_CUT_BY] == exchange


def _tells_exchanges(table: Contract) -> bool:
    return any(_CUT_BY in name for name in table.columns)
