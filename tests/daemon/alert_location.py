"""A code location for a real daemon: forty tables behind one feed, and the product's sensor of alerts.

What a test runs of it, it runs in its own process: `OUTAGE` is in force there.
"""

import threading

import dagster as dg

from market_assets.settings import settings
from sensors import alerts

#: while it is set the feed, all tables and all checks fail
OUTAGE = threading.Event()
N_TABLES, RETRIES = 40, 3
BOOKS = [f"book_{number}" for number in range(5)]
TABLES = [f"table_{number:02d}" for number in range(N_TABLES)]


@dg.asset
def feed() -> None:
    """What every book is made of."""
    if OUTAGE.is_set():
        raise ConnectionError("vendor.example answers 503")


@dg.asset
def notes() -> None:
    """A table that nothing is before."""


def _book(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[feed])
    def book() -> None:
        return None

    return book


def _table(name: str, of: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[of], retry_policy=dg.RetryPolicy(max_retries=RETRIES, delay=0))
    def table() -> None:
        if OUTAGE.is_set():
            raise LookupError(f"{of} has no rows of today")

    return table


def _check(asset: str, name: str, severity: dg.AssetCheckSeverity) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=name, description="Every hour of today is there.")
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not OUTAGE.is_set(), severity=severity)

    return check


_CHECKED = (*BOOKS, "notes")
#: the feed once more, and a look at what is stored
AGAIN = dg.define_asset_job(
    "again",
    dg.AssetSelection.assets("feed") | dg.AssetSelection.checks_for_assets(*map(dg.AssetKey, _CHECKED)),
)
GRAPH = dg.Definitions(
    assets=[
        feed,
        notes,
        *map(_book, BOOKS),
        *(_table(name, BOOKS[number % len(BOOKS)]) for number, name in enumerate(TABLES)),
    ],
    asset_checks=[
        *(_check(book, "complete", dg.AssetCheckSeverity.ERROR) for book in BOOKS),
        _check("notes", "on_time", dg.AssetCheckSeverity.WARN),
    ],
    jobs=[AGAIN],
    executor=dg.in_process_executor,
)


def location() -> dg.Definitions:
    """What the daemon loads. Its sensor ticks as often as a daemon comes round, every five seconds."""
    alerts.INTERVAL_S = 1
    sensor = alerts.alerts_sensor(settings(), default_status=dg.DefaultSensorStatus.RUNNING)
    return dg.Definitions.merge(GRAPH, dg.Definitions(sensors=[sensor]))
