"""Every funding judgement passes on sound data and has been seen to fail."""

from collections.abc import Callable

import dagster as dg
import polars as pl
import pytest

from market_assets.core.checks import Judgement, no_synthetic_source
from market_assets.funding import schemas
from market_assets.funding.checks import CHECKS, FRESHNESS, completeness, contracts, rates, snapshot, spreads
from tests.market_assets.funding.check_frames import (
    COMPLETE,
    DAY_RATES,
    EXCHANGES,
    FIRST,
    HOURS,
    LATEST,
    LISTED,
    LISTING,
    OF_PAIRS,
    PAIRS,
    RATES,
    SPREADS,
    STATISTICS,
    VENUE_OF,
    ages,
    judged_of,
    lacking,
    marks,
    partly,
    rated,
    renamed,
    round_of,
    scored,
    set_where,
    worth,
)
from tests.market_assets.funding.transforms import histories, pair_frames
from tests.market_assets.funding.transforms.pair_frames import D0, HOUR, event

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
Case = tuple[str, Callable[[], Judgement]]
SOUND: list[Case] = [
    ("validity_sound", lambda: contracts.validity_sound(LISTING)),
    ("listing_stored", lambda: contracts.listing_stored(LISTING, LISTED)),
    ("listing_stored", lambda: contracts.listing_stored(LISTING.head(95), LISTED)),
    ("contracts_lost", lambda: contracts.contracts_lost(LISTED.head(90), LISTED)),
    ("contracts_lost", lambda: contracts.contracts_lost(LISTED, LISTED.clear())),
    ("prices_agree", lambda: contracts.prices_agree(LISTING.with_columns(price_ratio=pl.lit(0.951)))),
    ("intervals_listed", lambda: contracts.intervals_listed(LISTING)),
    ("no_synthetic_source", lambda: no_synthetic_source(RATES, sandboxed=False)),
    ("rates_add_up", lambda: rates.rates_add_up(RATES)),
    ("rates_add_up", lambda: rates.rates_add_up(pair_frames.rates(event("bybit", D0, 1e-4, None)))),
    ("rates_add_up", lambda: rates.rates_add_up(pair_frames.rates(event("bybit", D0, 0.0)))),
    ("rate_range", lambda: rates.rate_range(rated(-0.04))),
    ("rate_range", lambda: rates.rate_range(RATES.clear())),
    ("unit_suspect", lambda: rates.unit_suspect(DAY_RATES)),
    ("intervals_known", lambda: rates.intervals_known(RATES)),
    ("no_duplicates", lambda: rates.no_duplicates({"duplicates": 0, "archive_conflicts": 9})),
    ("archive_agrees", lambda: rates.archive_agrees({"duplicates": 9, "archive_conflicts": 0})),
    ("quarantine_empty", lambda: rates.quarantine_empty(schemas.FundingRates.contract().quarantine().empty())),
    ("covered_before_settled", lambda: rates.covered_before_settled(HOURS)),
    ("snapshot_fresh", lambda: snapshot.snapshot_fresh(ages(round_of(age_min=10.0)))),
    ("exchanges_present", lambda: snapshot.exchanges_present(LATEST, EXCHANGES)),
    ("mark_dispersion", lambda: snapshot.mark_dispersion(marks(100.0, 104.9, 102.0))),
    ("mark_dispersion", lambda: snapshot.mark_dispersion(LATEST.filter(pl.col("base_asset") != "BTC"))),
    ("basis_plausible", lambda: snapshot.basis_plausible(LATEST.with_columns(basis_pct=pl.lit(-9.9)))),
    ("rates_stated", lambda: snapshot.rates_stated(LATEST)),
    ("round_healthy", lambda: judged_of(LATEST)),
    ("contracts_complete", lambda: completeness.contracts_complete(partly(5))),
    ("no_surplus", lambda: completeness.no_surplus(COMPLETE)),
    ("settled_in_time", lambda: completeness.settled_in_time(COMPLETE, D0 + 20 * HOUR)),
    ("gaps_can_be_closed", lambda: completeness.gaps_can_be_closed(partly(50))),
    ("percentiles_in_range", lambda: completeness.percentiles_in_range(STATISTICS)),
    ("scores_plausible", lambda: completeness.scores_plausible(STATISTICS)),
    ("scores_known", lambda: completeness.scores_known(scored(1))),
    ("scores_known", lambda: completeness.scores_known(scored(50, n_points=30))),
    ("scores_known", lambda: completeness.scores_known(scored(50, completeness_pct=94.9))),
    ("spreads_add_up", lambda: spreads.spreads_add_up(SPREADS)),
    ("short_leg_higher", lambda: spreads.short_leg_higher(SPREADS)),
    ("pairs_ordered", lambda: spreads.pairs_ordered(SPREADS, VENUE_OF)),
    ("spreads_plausible", lambda: spreads.spreads_plausible(SPREADS)),
    ("distribution_sound", lambda: spreads.distribution_sound(OF_PAIRS)),
    ("net_is_gross_less_costs", lambda: spreads.net_is_gross_less_costs(PAIRS)),
    ("legs_differ", lambda: spreads.legs_differ(PAIRS, VENUE_OF)),
    ("pairs_found", lambda: spreads.pairs_found(PAIRS, 8)),
    ("pairs_found", lambda: spreads.pairs_found(PAIRS.clear(), 5)),
    ("best_is_identical", lambda: spreads.best_is_identical(PAIRS)),
    ("no_notice", lambda: spreads.no_notice(worth(99.0), None)),
    ("no_notice", lambda: spreads.no_notice(worth(30.0), 30.0)),
    ("no_notice", lambda: spreads.no_notice(worth(99.0, "medium"), 30.0)),
]

AGAIN = LISTING.head(1).with_columns(valid_from=pl.col("valid_from") + HOUR)
BROKEN: list[tuple[str, dg.AssetCheckSeverity, Callable[[], Judgement]]] = [
    ("validity_sound", ERROR, lambda: contracts.validity_sound(pl.concat([LISTING, AGAIN]))),
    (
        "validity_sound",
        ERROR,
        lambda: contracts.validity_sound(pl.concat([LISTING, renamed(AGAIN, native_symbol="ANOTHER")])),
    ),
    (
        "validity_sound",
        ERROR,
        lambda: contracts.validity_sound(pl.concat([LISTING, renamed(AGAIN, symbol="ANOTHER-USDT-PERP")])),
    ),
    (
        "validity_sound",
        ERROR,
        lambda: contracts.validity_sound(LISTING.head(1).with_columns(valid_to=pl.col("valid_from") - HOUR)),
    ),
    # listing 100, stored 94
    ("listing_stored", ERROR, lambda: contracts.listing_stored(LISTING.head(94), LISTED)),
    (
        "listing_stored",
        ERROR,
        lambda: contracts.listing_stored(
            set_where(LISTING, pl.int_range(pl.len()) < 6, valid_to=histories.at(48)), LISTED
        ),
    ),
    ("contracts_lost", ERROR, lambda: contracts.contracts_lost(LISTED.head(89), LISTED)),
    ("contracts_lost", ERROR, lambda: contracts.contracts_lost(renamed(LISTED, exchange="okx"), LISTED)),
    ("prices_agree", WARN, lambda: contracts.prices_agree(LISTING.with_columns(price_ratio=pl.lit(1.051)))),
    ("prices_agree", WARN, lambda: contracts.prices_agree(LISTING.with_columns(multiplier_verified=pl.lit(False)))),
    (
        "intervals_listed",
        WARN,
        lambda: contracts.intervals_listed(set_where(LISTING, pl.lit(True), interval_hours=None)),
    ),
    (
        "no_synthetic_source",
        ERROR,
        lambda: no_synthetic_source(renamed(RATES, source="bybit-sandbox"), sandboxed=False),
    ),
    ("no_synthetic_source", ERROR, lambda: no_synthetic_source(RATES, sandboxed=True)),
    ("rates_add_up", ERROR, lambda: rates.rates_add_up(RATES.with_columns(apr_pct=pl.col("apr_pct") * (1 + 1e-8)))),
    ("rates_add_up", ERROR, lambda: rates.rates_add_up(RATES.with_columns(rate_8h=pl.col("rate_1h")))),
    ("rates_add_up", ERROR, lambda: rates.rates_add_up(RATES.with_columns(interval_hours=pl.lit(4.0)))),
    ("rates_add_up", ERROR, lambda: rates.rates_add_up(set_where(RATES, pl.lit(True), interval_hours=None))),
    ("rates_add_up", ERROR, lambda: rates.rates_add_up(set_where(RATES, pl.lit(True), apr_pct=None))),
    ("rate_range", WARN, lambda: rates.rate_range(rated(0.041))),
    ("rate_range", WARN, lambda: rates.rate_range(rated(-0.2))),
    ("rate_range", ERROR, lambda: rates.rate_range(rated(-0.21))),
    (
        "unit_suspect",
        ERROR,
        lambda: rates.unit_suspect(
            DAY_RATES.with_columns(
                rate_1h=pl.col("rate_1h") * pl.when(pl.col("exchange") == "gate").then(8000.0).otherwise(1.0)
            )
        ),
    ),
    (
        "intervals_known",
        WARN,
        lambda: rates.intervals_known(set_where(RATES, pl.int_range(pl.len()) < 3, interval_hours=None)),
    ),
    ("no_duplicates", WARN, lambda: rates.no_duplicates({"duplicates": 1, "archive_conflicts": 0})),
    ("archive_agrees", WARN, lambda: rates.archive_agrees({"duplicates": 0, "archive_conflicts": 1})),
    ("quarantine_empty", WARN, lambda: rates.quarantine_empty(RATES.head(1).with_columns(reason=pl.lit("null_rate")))),
    (
        "covered_before_settled",
        ERROR,
        lambda: rates.covered_before_settled(HOURS.with_columns(settled_at=pl.col("hour"))),
    ),
    (
        "covered_before_settled",
        ERROR,
        lambda: rates.covered_before_settled(HOURS.with_columns(settled_at=pl.col("hour") + 9.5 * HOUR)),
    ),
    (
        "covered_before_settled",
        ERROR,
        lambda: rates.covered_before_settled(HOURS.with_columns(available_at=pl.col("hour"))),
    ),
    ("snapshot_fresh", WARN, lambda: snapshot.snapshot_fresh(ages(round_of(age_min=10.1)))),
    ("snapshot_fresh", WARN, lambda: snapshot.snapshot_fresh(ages(round_of(age_min=30.0)))),
    ("snapshot_fresh", ERROR, lambda: snapshot.snapshot_fresh(ages(round_of(age_min=30.1)))),
    ("snapshot_fresh", ERROR, lambda: snapshot.snapshot_fresh(ages(round_of(EXCHANGES[:-1])))),
    ("exchanges_present", WARN, lambda: snapshot.exchanges_present(round_of(EXCHANGES[:-1]), EXCHANGES)),
    ("exchanges_present", WARN, lambda: snapshot.exchanges_present(round_of(EXCHANGES[:6]), EXCHANGES)),
    ("exchanges_present", ERROR, lambda: snapshot.exchanges_present(round_of(EXCHANGES[:5]), EXCHANGES)),
    ("exchanges_present", ERROR, lambda: snapshot.exchanges_present(round_of(EXCHANGES[1:]), EXCHANGES)),
    ("exchanges_present", WARN, lambda: snapshot.exchanges_present(round_of(["okx"]), ["okx"])),
    ("mark_dispersion", WARN, lambda: snapshot.mark_dispersion(marks(100.0, 105.1))),
    ("mark_dispersion", WARN, lambda: snapshot.mark_dispersion(marks(100.0, 119.9))),
    ("mark_dispersion", ERROR, lambda: snapshot.mark_dispersion(marks(100.0, 121.0, 102.0))),
    ("basis_plausible", WARN, lambda: snapshot.basis_plausible(LATEST.with_columns(basis_pct=pl.lit(-10.1)))),
    (
        "rates_stated",
        WARN,
        # 11 of 200 are 5.5 %
        lambda: snapshot.rates_stated(set_where(LATEST, pl.int_range(pl.len()) < 11, predicted_rate_native=None)),
    ),
    ("round_healthy", WARN, lambda: judged_of(round_of(EXCHANGES[:-1]))),
    ("round_healthy", ERROR, lambda: judged_of(LATEST.clear())),
    ("contracts_complete", WARN, lambda: completeness.contracts_complete(partly(6))),
    ("contracts_complete", WARN, lambda: completeness.contracts_complete(partly(20))),
    ("contracts_complete", ERROR, lambda: completeness.contracts_complete(partly(21))),
    ("no_surplus", WARN, lambda: completeness.no_surplus(lacking(1, surplus_rows=1))),
    ("settled_in_time", WARN, lambda: completeness.settled_in_time(COMPLETE, D0 + 20.1 * HOUR)),
    ("settled_in_time", ERROR, lambda: completeness.settled_in_time(COMPLETE, D0 + 22.1 * HOUR)),
    ("gaps_can_be_closed", WARN, lambda: completeness.gaps_can_be_closed(lacking(1, n_unrecoverable=3))),
    (
        "percentiles_in_range",
        ERROR,
        lambda: completeness.percentiles_in_range(STATISTICS.with_columns(percentile_predicted=pl.lit(100.1))),
    ),
    (
        "percentiles_in_range",
        ERROR,
        lambda: completeness.percentiles_in_range(STATISTICS.with_columns(percentile_settled=pl.lit(-0.1))),
    ),
    ("scores_plausible", WARN, lambda: completeness.scores_plausible(STATISTICS.with_columns(z_settled=pl.lit(-20.1)))),
    ("scores_known", WARN, lambda: completeness.scores_known(scored(2))),
    (
        "spreads_add_up",
        ERROR,
        lambda: spreads.spreads_add_up(SPREADS.with_columns(daily_spread=pl.col("daily_spread") / 24)),
    ),
    (
        "spreads_add_up",
        ERROR,
        lambda: spreads.spreads_add_up(SPREADS.with_columns(spread_apr_pct=-pl.col("spread_apr_pct"))),
    ),
    ("spreads_add_up", ERROR, lambda: spreads.spreads_add_up(set_where(SPREADS, FIRST, abs_spread_apr_pct=0.0))),
    ("short_leg_higher", ERROR, lambda: spreads.short_leg_higher(set_where(SPREADS, FIRST, short_leg="bybit"))),
    ("short_leg_higher", ERROR, lambda: spreads.short_leg_higher(set_where(SPREADS, FIRST, long_leg="okx"))),
    (
        "pairs_ordered",
        ERROR,
        lambda: spreads.pairs_ordered(renamed(SPREADS, exchange_a="okx", exchange_b="bybit"), VENUE_OF),
    ),
    (
        "pairs_ordered",
        ERROR,
        lambda: spreads.pairs_ordered(
            renamed(SPREADS, exchange_a="binance_coinm", exchange_b="binance_usdm"), VENUE_OF
        ),
    ),
    (
        "spreads_plausible",
        WARN,
        lambda: spreads.spreads_plausible(SPREADS.with_columns(abs_spread_apr_pct=pl.lit(500.1))),
    ),
    ("distribution_sound", ERROR, lambda: spreads.distribution_sound(OF_PAIRS.with_columns(p05=pl.col("median") + 1))),
    (
        "distribution_sound",
        ERROR,
        lambda: spreads.distribution_sound(OF_PAIRS.with_columns(n_hours=pl.lit(721, pl.Int64))),
    ),
    (
        "net_is_gross_less_costs",
        ERROR,
        lambda: spreads.net_is_gross_less_costs(PAIRS.with_columns(net_apr_pct=pl.col("gross_apr_pct"))),
    ),
    (
        "net_is_gross_less_costs",
        ERROR,
        lambda: spreads.net_is_gross_less_costs(PAIRS.with_columns(spread_1h=pl.col("spread_1h") * 8)),
    ),
    (
        "net_is_gross_less_costs",
        ERROR,
        lambda: spreads.net_is_gross_less_costs(
            PAIRS.with_columns(
                -pl.col("gross_apr_pct", "spread_1h"), net_apr_pct=-pl.col("gross_apr_pct") - pl.col("cost_apr_pct")
            )
        ),
    ),
    (
        "legs_differ",
        ERROR,
        lambda: spreads.legs_differ(
            renamed(PAIRS, long_exchange="binance_coinm", short_exchange="binance_usdm"), VENUE_OF
        ),
    ),
    ("pairs_found", WARN, lambda: spreads.pairs_found(PAIRS.clear(), 6)),
    ("best_is_identical", WARN, lambda: spreads.best_is_identical(PAIRS.with_columns(basis_pct=pl.lit(-3.1)))),
    ("no_notice", WARN, lambda: spreads.no_notice(worth(30.1), 30.0)),
]


@pytest.mark.parametrize(("name", "judge"), SOUND, ids=[f"{name}-{i}" for i, (name, _) in enumerate(SOUND)])
def test_sound_data_pass(name: str, judge: Callable[[], Judgement]) -> None:
    """Also at the edge of what is allowed."""
    verdict = judge()
    assert verdict.passed, (name, dict(verdict.evidence))


@pytest.mark.parametrize(("name", "severity", "judge"), BROKEN, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(BROKEN)])
def test_broken_data_fail(name: str, severity: dg.AssetCheckSeverity, judge: Callable[[], Judgement]) -> None:
    """Each judgement sees the fault that it is there for, with the severity of the specification."""
    verdict = judge()
    assert not verdict.passed, name
    assert verdict.severity == severity


def test_every_declared_check_is_tried() -> None:
    """No judgement of the domain goes without both; those judged every few minutes are among them."""
    declared = {key.name for check in CHECKS for key in check.check_keys} - {"contract"}
    assert declared == {name for name, *_ in BROKEN} == {name for name, _ in SOUND}
    assert set(FRESHNESS) <= declared


def test_every_table_is_held_to_its_contract() -> None:
    tables = {key.asset_key.to_user_string() for check in CHECKS for key in check.check_keys if key.name == "contract"}
    assert tables == {table.contract().name for table in schemas.TABLES}
