"""New symbols: when the universe grows, create the partitions and backfill only what is new."""

import hashlib
import json

import dagster as dg

from market_assets.core import clock, partitions
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.equities.schemas import EquitiesSymbols
from market_assets.equities.transforms import symbols
from market_assets.equities.universe import read_overrides
from market_assets.settings import Settings
from resources.stores import open_store

_SYMBOLS_ASSET = dg.AssetKey("equities_symbols")
_BARS_ASSET = dg.AssetKey("equities_daily_bars")


def symbols_sensor(settings: Settings, *, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Watches the universe: refreshes `equities_symbols`, then partitions and backfills new symbols."""

    @dg.sensor(
        name="equity_symbols",
        target=dg.AssetSelection.assets(_SYMBOLS_ASSET, _BARS_ASSET),
        minimum_interval_seconds=15,
        default_status=default_status,
        description="Creates partitions for new symbols and backfills only those.",
    )
    def equity_symbols(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        store = open_store(settings)
        wanted = symbols.universe(settings.equities.universe, read_overrides(store))
        listed = store.read(EquitiesSymbols.contract())
        requests: list[dg.RunRequest] = []
        if not wanted.equals(listed):  # a failed run is asked for again the next day
            run_key = f"symbols:{_fingerprint([wanted.write_json(), clock.today().isoformat()])}"
            requests.append(dg.RunRequest(run_key=run_key, asset_selection=[_SYMBOLS_ASSET]))
        existing = set(context.instance.get_dynamic_partitions(SYMBOLS_NAME))
        active = listed.filter("active")["symbol"].unique(maintain_order=True)
        new = [symbol for symbol in active if symbol not in existing]
        if new:
            context.instance.add_dynamic_partitions(SYMBOLS_NAME, new)
            requests += backfill(context.instance, new, settings.equities.backfill_years, settings.equities.start_year)
        if not requests:
            return dg.SkipReason(f"{listed.height} symbols known, none of them new")
        return dg.SensorResult(run_requests=requests)

    return equity_symbols


def backfill(instance: dg.DagsterInstance, names: list[str], n_years: int, start_year: int) -> list[dg.RunRequest]:
    """Range runs over the last `n_years` of these symbols, and of no other."""
    this_year = clock.today().year
    first = max(start_year, this_year - n_years + 1)
    order = [list(instance.get_dynamic_partitions(SYMBOLS_NAME)), [str(y) for y in range(first, this_year + 1)]]
    keys = [f"{symbol}{partitions.SEPARATOR}{year}" for symbol in names for year in order[1]]
    return [
        dg.RunRequest(
            run_key=f"new-symbols:{_fingerprint([*span, clock.now().isoformat()])}",
            asset_selection=[_BARS_ASSET],
            tags=partitions.range_tags(*span),
        )
        for span in partitions.ranges(keys, order)
    ]


def _fingerprint(parts: list[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
