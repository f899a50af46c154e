"""The funding domain over a range of days, as a process of its own: partitions are cut by the settings at import.

`python -m tests.market_assets.funding.replayed_chain FIRST LAST`; what is told on standard output is JSON: asset ->
checks that failed, with their severity.
"""

import json
import sys
from datetime import date, timedelta

import dagster as dg

from market_assets.definitions import build_defs
from market_assets.instance import materialize_range
from market_assets.settings import settings
from tests.desk import failed_checks


def build(first: date, last: date) -> dict[str, dict[str, str]]:
    """Every table: events and hours from `first` on, what stands at a day's end of `last`; of one exchange no pairs."""
    exchanges = settings().funding.enabled
    days = [str(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    pairs = [f"{day}|{name}" for day in days for name in exchanges]
    now = pairs[-len(exchanges) :]
    steps: list[tuple[tuple[str, ...], list[str]]] = [
        (("funding_contracts",), list(exchanges)),
        (("funding_rates", "funding_hourly_rates"), pairs),
        (("funding_snapshot", "funding_completeness", "funding_statistics"), now),
        (("funding_spreads",), days),
        (("funding_spread_statistics", "funding_opportunities"), days[-1:]),
    ]
    found: dict[str, dict[str, str]] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        defs = build_defs(settings())
        for assets, keys in steps if len(exchanges) > 1 else steps[:-2]:
            results = materialize_range(defs, instance, assets, keys)
            found |= {asset: failed_checks(results, asset) for asset in assets}
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(build(*(date.fromisoformat(day) for day in sys.argv[1:]))))
