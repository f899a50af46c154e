"""What must hold of stored equities data: which judgement guards which table, and what it reads."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core.checks import Reader, asset_checks, check, contract_holds, no_synthetic_source, run_partitions
from market_assets.core.contracts import Table
from market_assets.equities import schemas
from market_assets.equities.checks import actions, bars, causality, derived
from market_assets.settings import settings
from resources.stores.protocol import PartitionStore


def _store(context: dg.AssetCheckExecutionContext) -> PartitionStore:
    store: PartitionStore = context.resources.store
    return store


def _whole(context: dg.AssetCheckExecutionContext, table: type[Table]) -> pl.DataFrame:
    return _store(context).read(table.contract())


def _years(context: dg.AssetCheckExecutionContext) -> dict[str, Any]:
    own = run_partitions(context)
    return {"start": date(int(own[0]), 1, 1), "end": date(int(own[-1]), 12, 31)} if own else {}


def _reads(table: type[Table], **others: Reader) -> dict[str, Reader]:
    """Arguments of a table's judgements: the run's rows as `frame`, and what else they name."""

    def frame(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
        return _store(context).read(table.contract(), run_partitions(context))

    return {"frame": frame, **others}


def _bars_of_symbols(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    own = run_partitions(context)
    return _store(context).read(schemas.EquitiesDailyBars.contract(), where={"symbol": own} if own else None)


def _bars_with_previous_year(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    own = run_partitions(context) or []
    symbols = sorted({key.split("|")[0] for key in own})
    years = [int(key.split("|")[1]) for key in own]
    bounds: dict[str, Any] = {"start": date(min(years) - 2, 1, 1), "end": date(max(years), 12, 31)} if own else {}
    where = {"symbol": symbols} if own else None
    return _store(context).read(schemas.EquitiesDailyBars.contract(), where=where, **bounds)


CHECKS = [
    asset_checks(
        schemas.EquitiesSymbols,
        [
            contract_holds(schemas.EquitiesSymbols.contract()),
            check(bars.symbols_windows, blocking=True),
            check(bars.crypto_names, blocking=True),
        ],
        reads=_reads(schemas.EquitiesSymbols),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesDailyBars,
        [
            contract_holds(schemas.EquitiesDailyBars.contract()),
            check(no_synthetic_source, blocking=True),
            check(bars.only_sessions, blocking=True),
            check(bars.inside_listing, blocking=True),
            check(bars.ohlc_order),
            check(bars.quarantine_empty),
            check(bars.freshness),
        ],
        reads=_reads(
            schemas.EquitiesDailyBars,
            sandboxed=lambda _: settings().vendors == "sandbox",
            quarantined=lambda context: _store(context).read(
                schemas.EquitiesDailyBars.contract().quarantine(), run_partitions(context)
            ),
            symbols=lambda context: _whole(context, schemas.EquitiesSymbols),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesCorporateActions,
        [
            contract_holds(schemas.EquitiesCorporateActions.contract()),
            check(actions.dividends_below_price, blocking=True),
            check(actions.actions_plausible),
            check(actions.splits_in_prices),
            check(actions.actions_withdrawn),
        ],
        reads=_reads(schemas.EquitiesCorporateActions, bars=_bars_of_symbols),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesScoredBars,
        [
            contract_holds(schemas.EquitiesScoredBars.contract()),
            check(derived.one_row_per_bar, blocking=True),
            check(causality.score_ignores_older_history, blocking=True),
            check(derived.validated_share),
            check(derived.suspect_splits),
        ],
        reads=_reads(
            schemas.EquitiesScoredBars,
            bars=lambda context: _store(context).read(schemas.EquitiesDailyBars.contract(), run_partitions(context)),
            longer_bars=_bars_with_previous_year,
            actions=lambda context: _whole(context, schemas.EquitiesCorporateActions),
            symbols=lambda context: _whole(context, schemas.EquitiesSymbols),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesAdjustedBars,
        [
            contract_holds(schemas.EquitiesAdjustedBars.contract()),
            check(actions.factors_consistent, blocking=True),
            check(actions.latest_unadjusted, blocking=True),
        ],
        reads=_reads(
            schemas.EquitiesAdjustedBars,
            scored=lambda context: _store(context).read(schemas.EquitiesScoredBars.contract(), **_years(context)),
            actions=lambda context: _whole(context, schemas.EquitiesCorporateActions),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesGaps,
        [contract_holds(schemas.EquitiesGaps.contract()), check(derived.gap_share)],
        reads=_reads(
            schemas.EquitiesGaps,
            bars=lambda context: _store(context).read(schemas.EquitiesDailyBars.contract(), **_years(context)),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesFeatures,
        [
            contract_holds(schemas.EquitiesFeatures.contract()),
            check(causality.features_do_not_look_ahead),
            check(actions.same_actions),
            check(derived.large_returns),
            check(derived.nulls_in_warm_up),
        ],
        reads=_reads(
            schemas.EquitiesFeatures,
            adjusted=lambda context: _store(context).read(
                schemas.EquitiesAdjustedBars.contract(),
                **(
                    {"start": date(_years(context)["start"].year - 1, 1, 1), "end": _years(context)["end"]}
                    if run_partitions(context)
                    else {}
                ),
            ),
            actions=lambda context: _whole(context, schemas.EquitiesCorporateActions),
            symbols=lambda context: _whole(context, schemas.EquitiesSymbols),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesReconciliation,
        [
            contract_holds(schemas.EquitiesReconciliation.contract()),
            check(derived.agreement),
            check(derived.basis_and_dates),
        ],
        reads=_reads(schemas.EquitiesReconciliation),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesSymbolStatus,
        [
            contract_holds(schemas.EquitiesSymbolStatus.contract()),
            check(derived.stale_symbols),
            check(derived.validation_rate),
        ],
        reads=_reads(schemas.EquitiesSymbolStatus),
        required_resource_keys={"store"},
    ),
]
