"""Missing settlements: their days are asked for again every few hours, until they come or cannot come.

Days of the window of statistics that were never stored (a new home, a new exchange) are asked for whole,
other days only for the contracts that lack some. A gap older than what its exchange still serves
(`history_floor`) is left alone, and so is one that stays open after `funding.repair_tries` tries: the
exchange has nothing there.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import dagster as dg

from market_assets.core import clock, partitions
from market_assets.funding.assets import ONLY_GAPS_TAG
from market_assets.funding.partitions import EXCHANGE_DAY
from market_assets.funding.schemas import FundingCompleteness, FundingContracts, FundingRates
from market_assets.funding.transforms.gaps import gap_days
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.stores import open_store
from resources.stores.protocol import PartitionStore

_RATES = "funding_rates"
_DAY = timedelta(days=1)
#: runs a tick asks for; what is left is due at the next
_RUNS = 20
#: settlements of the last hours may still come by themselves
_SETTLING = timedelta(hours=3)


def funding_repair_sensor(settings: Settings, *, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that asks for days with missing settlements again."""
    funding = settings.funding

    @dg.sensor(
        name="funding_repair",
        asset_selection=dg.AssetSelection.assets(_RATES),
        minimum_interval_seconds=900,
        default_status=default_status,
        description=f"Asks for days with missing settlements again, once in {funding.repair_hours} hours.",
    )
    def funding_repair(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now, log = clock.now(), FetchLog(settings.home)
        store = open_store(settings)
        unasked = days_never_stored(store, settings, now)
        lacking = days_with_gaps(store, funding.enabled, now) - unasked
        tries = log.repair_tries(_RATES)
        log.repaired(_RATES, set(tries) - lacking - unasked)
        pause = timedelta(hours=funding.repair_hours)
        waiting = {key for key, (at, n) in tries.items() if at > now - pause or n >= funding.repair_tries}
        order = partitions.dimension_keys(EXCHANGE_DAY, context.instance)
        gaps = sorted(lacking - waiting, reverse=True)[: funding.repair_partitions]
        asks: list[tuple[tuple[str, str], dict[str, str]]] = [
            (span, {}) for span in partitions.ranges(unasked - waiting, order)
        ]
        asks += [(span, {ONLY_GAPS_TAG: "yes"}) for span in partitions.ranges(gaps, order)]
        asks = asks[:_RUNS]
        log.repair_asked_at(_RATES, [key for span, _ in asks for key in partitions.covered(span, order)], now)
        if not asks:
            return dg.SkipReason(
                f"{len(lacking | unasked)} exchange days lack settlements, none is due for another try"
            )
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=f"funding-repair:{first}:{last}:{now.isoformat()}",
                    tags={**partitions.range_tags(first, last), **tags},
                )
                for (first, last), tags in asks
            ]
        )

    return funding_repair


def days_never_stored(store: PartitionStore, settings: Settings, now: datetime) -> set[str]:
    """Keys of `funding_rates` within the window before today that nobody asked for yet, of exchanges with contracts."""
    mapped = set(store.partitions(FundingContracts.contract()))
    names = [name for name in settings.funding.enabled if name in mapped]
    days = [now.date() - n * _DAY for n in range(1, settings.funding.window_days + 1)]
    keys = partitions.keys_of([day for day in days if day >= settings.funding.start_date], names)
    return set(keys) - set(store.partitions(FundingRates.contract()))


def days_with_gaps(store: PartitionStore, exchanges: Iterable[str], now: datetime) -> set[str]:
    """Keys of `funding_rates` whose exchange still serves settlements that are missing there.

    Judged by the newest completeness of each exchange, of active contracts.
    """
    contract = FundingCompleteness.contract()
    stored = store.partitions(contract)
    newest = {name: max((key for key in stored if key.endswith(f"|{name}")), default=None) for name in exchanges}
    rows = store.read(contract, [key for key in newest.values() if key is not None])
    lacking = gap_days(rows.filter("is_active"), before=now - _SETTLING)
    found = {partitions.key_of(day, name) for name, day in lacking.select("exchange", "day").iter_rows()}
    return found.intersection(EXCHANGE_DAY.get_partition_keys(current_time=now))
