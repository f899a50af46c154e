"""What must hold of stored equities data: which judgement guards which table, and what it reads."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from market_assets.check_reading import quarantined, rows_of, store_of, table_checks, whole
from market_assets.core.checks import check, no_synthetic_source, run_partitions
from market_assets.equities import schemas
from market_assets.equities.checks import actions, bars, causality, derived


def _years(context: dg.AssetCheckExecutionContext) -> dict[str, Any]:
    own = run_partitions(context)
    return {"start": date(int(own[0]), 1, 1), "end": date(int(own[-1]), 12, 31)} if own else {}


def _bars_of_symbols(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    own = run_partitions(context)
    return store_of(context).read(schemas.EquitiesDailyBars.contract(), where={"symbol": own} if own else None)


def _bars_with_previous_year(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    own = run_partitions(context) or []
    symbols = sorted({key.split("|")[0] for key in own})
    years = [int(key.split("|")[1]) for key in own]
    bounds: dict[str, Any] = {"start": date(min(years) - 2, 1, 1), "end": date(max(years), 12, 31)} if own else {}
    where = {"symbol": symbols} if own else None
    return store_of(context).read(schemas.EquitiesDailyBars.contract(), where=where, **bounds)


CHECKS = [
    table_checks(
        schemas.EquitiesSymbols,
        [check(bars.symbols_windows, blocking=True), check(bars.crypto_names, blocking=True)],
    ),
    table_checks(
        schemas.EquitiesDailyBars,
        [
            check(no_synthetic_source, blocking=True),
            check(bars.only_sessions, blocking=True),
            check(bars.inside_listing, blocking=True),
            check(bars.ohlc_order),
            check(bars.quarantine_empty),
            check(bars.freshness),
        ],
        {
            "quarantined": quarantined(schemas.EquitiesDailyBars),
            "symbols": whole(schemas.EquitiesSymbols),
        },
    ),
    table_checks(
        schemas.EquitiesCorporateActions,
        [
            check(actions.dividends_below_price, blocking=True),
            check(actions.actions_plausible),
            check(actions.splits_in_prices),
            check(actions.actions_withdrawn),
        ],
        {"bars": _bars_of_symbols},
    ),
    table_checks(
        schemas.EquitiesScoredBars,
        [
            check(derived.one_row_per_bar, blocking=True),
            check(causality.score_ignores_older_history, blocking=True),
            check(derived.validated_share),
            check(derived.suspect_splits),
        ],
        {
            "bars": rows_of(schemas.EquitiesDailyBars),
            "longer_bars": _bars_with_previous_year,
            "actions": whole(schemas.EquitiesCorporateActions),
            "symbols": whole(schemas.EquitiesSymbols),
        },
    ),
    table_checks(
        schemas.EquitiesAdjustedBars,
        [check(actions.factors_consistent, blocking=True), check(actions.latest_unadjusted, blocking=True)],
        {
            "scored": lambda context: store_of(context).read(schemas.EquitiesScoredBars.contract(), **_years(context)),
            "actions": whole(schemas.EquitiesCorporateActions),
        },
    ),
    table_checks(
        schemas.EquitiesGaps,
        [check(derived.gap_share)],
        {
            "bars": lambda context: store_of(context).read(schemas.EquitiesDailyBars.contract(), **_years(context)),
        },
    ),
    table_checks(
        schemas.EquitiesFeatures,
        [
            check(causality.features_do_not_look_ahead),
            check(actions.same_actions),
            check(derived.large_returns),
            check(derived.nulls_in_warm_up),
        ],
        {
            "adjusted": lambda context: store_of(context).read(
                schemas.EquitiesAdjustedBars.contract(),
                **(
                    {"start": date(_years(context)["start"].year - 1, 1, 1), "end": _years(context)["end"]}
                    if run_partitions(context)
                    else {}
                ),
            ),
            "actions": whole(schemas.EquitiesCorporateActions),
            "symbols": whole(schemas.EquitiesSymbols),
        },
    ),
    table_checks(
        schemas.EquitiesReconciliation,
        [check(derived.agreement), check(derived.basis_and_dates)],
    ),
    table_checks(
        schemas.EquitiesSymbolStatus,
        [check(derived.stale_symbols), check(derived.validation_rate)],
    ),
]
