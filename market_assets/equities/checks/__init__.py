"""What must hold of stored equities data: which judgement guards which table, and what it reads."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from market_assets.core.checks import Check, asset_checks, contract_holds, run_partitions
from market_assets.core.contracts import Table
from market_assets.equities import schemas
from market_assets.equities.checks import actions, bars, causality, derived
from resources.stores.protocol import PartitionStore

Loader = Callable[[dg.AssetCheckExecutionContext], Mapping[str, Any]]


def _check(judge: Callable[..., Any], *, blocking: bool = False) -> Check:
    """A check named after its judgement and described by the first line of its docstring."""
    return Check(judge.__name__, (judge.__doc__ or "").strip().split("\n")[0], judge, blocking)


def _store(context: dg.AssetCheckExecutionContext) -> PartitionStore:
    store: PartitionStore = context.resources.store
    return store


def _whole(context: dg.AssetCheckExecutionContext, table: type[Table]) -> pl.DataFrame:
    return _store(context).read(table.contract())


def _years(context: dg.AssetCheckExecutionContext) -> dict[str, Any]:
    own = run_partitions(context)
    return {"start": date(int(own[0]), 1, 1), "end": date(int(own[-1]), 12, 31)} if own else {}


def _loader(table: type[Table], **others: Callable[[dg.AssetCheckExecutionContext], pl.DataFrame]) -> Loader:
    """Arguments of a table's judgements: the run's rows as `frame`, and what else they name."""

    def load(context: dg.AssetCheckExecutionContext) -> Mapping[str, Any]:
        frame = _store(context).read(table.contract(), run_partitions(context))
        return {"frame": frame, **{name: read(context) for name, read in others.items()}}

    return load


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
            _check(bars.symbols_windows, blocking=True),
            _check(bars.crypto_names, blocking=True),
        ],
        load=_loader(schemas.EquitiesSymbols),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesDailyBars,
        [
            contract_holds(schemas.EquitiesDailyBars.contract()),
            _check(bars.no_synthetic_source, blocking=True),
            _check(bars.only_sessions, blocking=True),
            _check(bars.inside_listing, blocking=True),
            _check(bars.ohlc_order),
            _check(bars.quarantine_empty),
            _check(bars.freshness),
        ],
        load=_loader(
            schemas.EquitiesDailyBars,
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
            _check(actions.dividends_below_price, blocking=True),
            _check(actions.actions_plausible),
            _check(actions.splits_in_prices),
            _check(actions.actions_withdrawn),
        ],
        load=_loader(schemas.EquitiesCorporateActions, bars=_bars_of_symbols),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesScoredBars,
        [
            contract_holds(schemas.EquitiesScoredBars.contract()),
            _check(derived.one_row_per_bar, blocking=True),
            _check(causality.score_ignores_older_history, blocking=True),
            _check(derived.validated_share),
            _check(derived.suspect_splits),
        ],
        load=_loader(
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
            _check(actions.factors_consistent, blocking=True),
            _check(actions.latest_unadjusted, blocking=True),
        ],
        load=_loader(
            schemas.EquitiesAdjustedBars,
            scored=lambda context: _store(context).read(schemas.EquitiesScoredBars.contract(), **_years(context)),
            actions=lambda context: _whole(context, schemas.EquitiesCorporateActions),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesGaps,
        [contract_holds(schemas.EquitiesGaps.contract()), _check(derived.gap_share)],
        load=_loader(
            schemas.EquitiesGaps,
            bars=lambda context: _store(context).read(schemas.EquitiesDailyBars.contract(), **_years(context)),
        ),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesFeatures,
        [
            contract_holds(schemas.EquitiesFeatures.contract()),
            _check(causality.features_do_not_look_ahead),
            _check(actions.same_actions),
            _check(derived.large_returns),
            _check(derived.nulls_in_warm_up),
        ],
        load=_loader(
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
            _check(derived.agreement),
            _check(derived.basis_and_dates),
        ],
        load=_loader(schemas.EquitiesReconciliation),
        required_resource_keys={"store"},
    ),
    asset_checks(
        schemas.EquitiesSymbolStatus,
        [
            contract_holds(schemas.EquitiesSymbolStatus.contract()),
            _check(derived.stale_symbols),
            _check(derived.validation_rate),
        ],
        load=_loader(schemas.EquitiesSymbolStatus),
        required_resource_keys={"store"},
    ),
]
