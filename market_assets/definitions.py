"""The contents page: every asset, check, sensor, schedule and resource of the graph."""

from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from market_assets.bars import assets as bars_assets
from market_assets.bars import checks as bars_checks
from market_assets.btc import assets as btc_assets
from market_assets.btc import checks as btc_checks
from market_assets.core.logs import log_to_file
from market_assets.crypto import assets as crypto_assets
from market_assets.crypto import checks as crypto_checks
from market_assets.equities import assets as equities_assets
from market_assets.equities import checks as equities_checks
from market_assets.funding import assets as funding_assets
from market_assets.funding import checks as funding_checks
from market_assets.ops import assets as ops_assets
from market_assets.ops import checks as ops_checks
from market_assets.ops.verdicts import Verdicts
from market_assets.settings import Settings, settings
from market_assets.tables import QUARANTINES, TABLES
from resources.check_ledger import CheckLedger
from resources.http import redact
from resources.io_managers import io_manager_for
from resources.stores import open_store
from resources.vendors.registry import Vendors
from schedules.bars import bars_schedules
from schedules.btc import btc_schedules
from schedules.crypto import crypto_schedules
from schedules.equities import equities_schedules
from schedules.funding import funding_schedules
from schedules.ops import ops_schedules
from sensors.alerts import alerts_sensor
from sensors.follow import follow_sensor
from sensors.gap_repair import gap_repair_sensor
from sensors.stream_segments import TARGETS, stream_segments_sensor
from sensors.symbols import symbols_sensor

_ASSETS = (equities_assets, btc_assets, funding_assets, crypto_assets, bars_assets, ops_assets)
_CHECKS = (equities_checks, btc_checks, funding_checks, crypto_checks, bars_checks, ops_checks)


def build_defs(found: Settings | None = None, **resources: object) -> dg.Definitions:
    """Fresh definitions for these settings; `resources` replaces single ones (tests do).

    What asks a domain's vendors is on by default only where they can be asked: funding, crypto and the first
    source of bars need no key.
    Following, alerts, repair and upkeep are always on.
    """
    found = found or settings()
    chosen = found.btc.logging
    log_to_file(
        ("market_assets.btc", "resources"),
        found.home / "logs" / chosen.file,
        level=chosen.level,
        max_mb=chosen.max_mb,
        backups=chosen.backups,
        clean=redact.text,
    )
    store = open_store(found)
    store.refresh_views([*TABLES.values(), *QUARANTINES.values()])
    sandboxed = found.vendors == "sandbox"
    asks_equities = sandboxed or found.polygon_api_key is not None
    asks_btc = sandboxed or found.glassnode_api_key is not None
    sensing = dg.DefaultSensorStatus.RUNNING if asks_equities else dg.DefaultSensorStatus.STOPPED

    def graph() -> BaseAssetGraph[Any]:
        return built.resolve_asset_graph()

    built = dg.Definitions(
        assets=[asset for domain in _ASSETS for asset in domain.ASSETS],
        asset_checks=[check for domain in _CHECKS for check in domain.CHECKS],
        sensors=[
            follow_sensor(default_status=dg.DefaultSensorStatus.RUNNING),
            alerts_sensor(found, default_status=dg.DefaultSensorStatus.RUNNING),
            symbols_sensor(found, default_status=sensing),
            gap_repair_sensor(found, default_status=dg.DefaultSensorStatus.RUNNING),
            *(
                stream_segments_sensor(found, domain, default_status=dg.DefaultSensorStatus.RUNNING)
                for domain in TARGETS
            ),
        ],
        schedules=[
            *equities_schedules(found, default_status=_scheduling(asks_equities)),
            *btc_schedules(found, default_status=_scheduling(asks_btc)),
            *funding_schedules(found, default_status=dg.DefaultScheduleStatus.RUNNING),
            *crypto_schedules(found, default_status=dg.DefaultScheduleStatus.RUNNING),
            *bars_schedules(found, default_status=dg.DefaultScheduleStatus.RUNNING),
            *ops_schedules(default_status=dg.DefaultScheduleStatus.RUNNING),
        ],
        resources={
            "io_manager": io_manager_for(found),
            "store": store,
            "vendors": Vendors(found),
            "verdicts": Verdicts(CheckLedger(found.home), graph),
            **resources,
        },
        executor=dg.in_process_executor,
    )
    return built


def _scheduling(asks: bool) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if asks else dg.DefaultScheduleStatus.STOPPED


defs = build_defs()
