"""What must hold of stored btc data: which judgement guards which table, and what it reads."""

from datetime import timedelta

import dagster as dg
import polars as pl

from market_assets.btc import schemas
from market_assets.btc.ages import table_age
from market_assets.btc.checks import features, freshness, immutable, observed, outcomes
from market_assets.btc.transforms.integrity import IntegrityReport, integrity_of_newest_day
from market_assets.check_reading import quarantined, store_of, table_checks, whole
from market_assets.core import clock
from market_assets.core.checks import Check, Reader, check, no_synthetic_source, run_partitions
from market_assets.core.contracts import Table
from market_assets.settings import settings
from resources.http.errors import VendorError
from resources.vendors.glassnode import point_in_time_variant
from resources.vendors.registry import Vendors

#: lets a run pass the two blocks for missing data, as warnings
ACCEPT_GAP_TAG = "btc/accept_gap"
#: asks the vendor once a week, not with every run
POINT_IN_TIME = "point_in_time_variants"
_DAY = timedelta(days=1)
_MONTH, _YEAR = 30, 365


def _accepts_gaps(context: dg.AssetCheckExecutionContext) -> bool:
    return ACCEPT_GAP_TAG in context.run.tags


def _trailing(table: type[Table], days: int) -> Reader:
    """The run's rows with those of the `days` days before; the newest days of the table without a run's partitions."""

    def read(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
        store, contract = store_of(context), table.contract()
        own = run_partitions(context) or store.partitions(contract)[-1:]
        if not own:
            return contract.empty()
        first, last = clock.instant(own[0]) - days * _DAY, clock.instant(own[-1])
        keys = [f"{first + n * _DAY:%Y-%m-%d}" for n in range((last - first).days + 1)]
        return store.read(contract, keys)

    return read


def _before(table: type[Table]) -> Reader:
    """The rows that this run replaced, as they were."""

    def read(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
        store, contract = store_of(context), table.contract()
        replaced = [contract.empty()]
        for key in run_partitions(context) or []:
            current = store.manifest(contract, key)
            if current is None or current.run_id != context.run.run_id:
                continue
            if current.first_published_at < current.published_at:
                version = store.versions(contract, key)[-2]
                replaced.append(store.read(contract, [key], as_of=version.published_at))
        return pl.concat(replaced)

    return read


def _report(context: dg.AssetCheckExecutionContext) -> IntegrityReport:
    """Integrity of the day that ends at the newest processed hour of the run."""
    return integrity_of_newest_day(_trailing(schemas.BtcProcessed, 1)(context), settings().btc.start)


def _variants(context: dg.AssetCheckExecutionContext) -> list[tuple[str, str | None]]:
    """Configured metric -> its point-in-time variant, where the vendor's metadata name one."""
    vendors: Vendors = context.resources.vendors
    endpoints = settings().btc.glassnode.endpoints
    found: list[tuple[str, str | None]] = []
    for path in (endpoints.price, endpoints.long_liquidations, endpoints.short_liquidations):
        try:
            found.append((path, point_in_time_variant(vendors.glassnode.metric(path))))
        except VendorError as failed:
            context.log.warning(f"{path}: the vendor was not asked for variants ({failed.detail})")
    return found


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    """The checks of a table: its contract, its own, freshness; and what they read."""
    every: dict[str, Reader] = {
        "history": whole(table),
        "before": _before(table),
        "age": lambda context: table_age(store_of(context), table.contract(), settings().btc, clock.now()),
        "btc": lambda _: settings().btc,
        "contract": lambda _: table.contract(),
        "accepts_gaps": _accepts_gaps,
    }
    return table_checks(
        table,
        [*own, check(freshness.freshness)],
        every | reads,
        resources=["vendors"] if "variants" in reads else (),
    )


_IMMUTABLE = check(immutable.rows_immutable, blocking=True)

CHECKS = [
    _checks(
        schemas.BtcPrice,
        check(no_synthetic_source, blocking=True),
        check(observed.hours_complete, blocking=True),
        check(observed.missing_share, blocking=True),
        check(observed.candles_ordered, blocking=True),
        check(observed.no_hour_missing),
        check(observed.price_jump),
        check(observed.candle_agrees),
        check(observed.no_revision),
        check(observed.quarantine_empty),
        check(observed.point_in_time_variants),
        trailing=_trailing(schemas.BtcPrice, _MONTH),
        quarantined=quarantined(schemas.BtcPrice),
        variants=_variants,
    ),
    _checks(
        schemas.BtcLiquidations,
        check(no_synthetic_source, blocking=True),
        check(observed.hours_complete, blocking=True),
        check(observed.missing_share, blocking=True),
        check(observed.no_hour_missing),
        check(observed.zero_share),
        check(observed.plausible_size),
        check(observed.unit_is_btc),
        check(observed.no_revision),
        check(observed.quarantine_empty),
        trailing=_trailing(schemas.BtcLiquidations, _MONTH),
        quarantined=quarantined(schemas.BtcLiquidations),
    ),
    _checks(
        schemas.BtcProcessed,
        check(features.volumes_add_up, blocking=True),
        check(features.integrity, blocking=True),
        check(features.filled_share),
        check(features.outlier_share),
        trailing=_trailing(schemas.BtcProcessed, 180),
        report=_report,
    ),
    _checks(
        schemas.BtcRpn,
        check(features.shares_agree, blocking=True),
        _IMMUTABLE,
        check(features.known_once_warm),
        check(features.clipped_share),
        trailing=_trailing(schemas.BtcRpn, _MONTH),
    ),
    _checks(
        schemas.BtcBinModels,
        check(features.models_sound, blocking=True),
        _IMMUTABLE,
        check(features.models_fitted),
        check(features.centers_steady),
    ),
    _checks(
        schemas.BtcBins,
        check(features.bins_sound, blocking=True),
        _IMMUTABLE,
        check(features.bins_used),
        check(features.model_in_use),
        trailing=_trailing(schemas.BtcBins, _YEAR),
    ),
    _checks(
        schemas.BtcDominance,
        check(features.dominance_sound, blocking=True),
        _IMMUTABLE,
        check(features.sides_balanced),
        trailing=_trailing(schemas.BtcDominance, _YEAR),
    ),
    _checks(
        schemas.BtcSignals,
        check(outcomes.levels_agree, blocking=True),
        _IMMUTABLE,
        check(outcomes.events_rare),
        trailing=_trailing(schemas.BtcSignals, _YEAR),
    ),
    _checks(
        schemas.BtcLabels,
        check(outcomes.matured, blocking=True),
        check(outcomes.returns_plausible),
    ),
    _checks(
        schemas.BtcTrainingData,
        check(outcomes.features_before_outcomes, blocking=True),
        check(outcomes.no_strong_edge, blocking=True),
        history=whole(schemas.BtcTrainingData, outcomes.edge_columns(settings().btc)),
    ),
    _checks(
        schemas.BtcSignalPerformance,
        check(outcomes.matured, blocking=True),
        check(outcomes.performance_sound, blocking=True),
    ),
]
