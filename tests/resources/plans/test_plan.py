"""What materialising assets would take: which partitions a range means, budgets, time and size by the event log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.events import AssetMaterialization
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.test_utils import create_run_for_test

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.core.partitions import range_tags
from market_assets.definitions import defs
from market_assets.equities.partitions import SYMBOLS_NAME
from market_assets.settings import Settings, load
from resources.plans.plan import Plan, plan
from resources.vendors.registry import Vendors

NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph() -> AssetGraph:
    """The whole graph."""
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def empty() -> Iterator[dg.DagsterInstance]:
    """An instance that has materialised nothing; three symbols have partitions."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SYMBOLS_NAME, ["AAPL", "MSFT", "XOM"])
        yield instance


def planned(
    graph: AssetGraph, instance: dg.DagsterInstance, assets: str, span: str | None, settings: Settings | None = None
) -> Plan:
    return plan(settings or load(), graph, instance, assets, span, NOW)


def counts(found: Plan) -> dict[str, int]:
    """Asset -> partitions."""
    return {one.asset: one.partitions for one in found.assets}


def event(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType, said: Any, step: str) -> None:
    """Put one event of a step into the log."""
    told = DagsterEvent(kind.value, run.job_name, step_key=step, event_specific_data=said)
    instance.report_dagster_event(told, run.run_id)


def ran(
    instance: dg.DagsterInstance,
    asset: str,
    duration_ms: float | None,
    metadata: Mapping[str, Mapping[str, int]],
    tags: Mapping[str, str],
    step: str = "",
) -> None:
    """A run as Dagster's log tells of it: a materialisation a partition, and its step's time where it succeeded."""
    run = create_run_for_test(instance, "job", tags=dict(tags))
    for key, numbers in metadata.items():
        made = AssetMaterialization(asset, partition=key or None, metadata=dict(numbers))
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        event(instance, run, kind, StepMaterializationData(made), step or asset)
    if duration_ms is not None:
        event(instance, run, dg.DagsterEventType.STEP_SUCCESS, StepSuccessData(float(duration_ms)), step or asset)


def sized(n_bytes: int, rows: int) -> dict[str, int]:
    return {"bytes": n_bytes, "dagster/row_count": rows}


def test_time_and_size_are_those_of_the_last_runs(graph: AssetGraph) -> None:
    """9 s for a range of two days and 3 s for one are 4 s a day; a failed step says nothing of time, but of size."""
    with dg.DagsterInstance.ephemeral() as instance:
        two = {"2026-10-01": sized(100, 10), "2026-10-02": sized(300, 30)}
        ran(instance, "btc_price", 9000, two, range_tags("2026-10-01", "2026-10-02"))
        ran(instance, "btc_price", 3000, {"2026-10-03": sized(200, 20)}, {"dagster/partition": "2026-10-03"})
        ran(instance, "btc_price", None, {"2026-10-04": sized(600, 60)}, {"dagster/partition": "2026-10-04"})
        found = planned(graph, instance, "btc_price,btc_liquidations", "2026-10-01...2026-10-10")
    price, liquidations = {one.asset: one for one in found.assets}["btc_price"], found.assets[-1]
    assert (price.seconds, price.bytes, price.rows) == (pytest.approx(40.0), 3000, 300)
    assert {liquidations.asset, *found.unknown} >= {"btc_liquidations"}
    assert (found.seconds, found.bytes) == (pytest.approx(40.0), 3000)


def test_a_range_of_two_dimensions_covers_their_product(graph: AssetGraph) -> None:
    """12 s for two days of three symbols are 2 s a partition."""
    with dg.DagsterInstance.ephemeral() as instance:
        tags = range_tags("2026-10-01|BTCUSDT", "2026-10-02|ADAUSDT")
        ran(instance, "crypto_klines", 12_000, {"2026-10-01|BTCUSDT": sized(8, 1)}, tags)
        (one,) = planned(graph, instance, "crypto_klines", "2026-10-05|BTCUSDT").assets
    assert one.seconds == pytest.approx(2.0)


def test_assets_of_one_step_share_its_time(graph: AssetGraph) -> None:
    """Overlays and their telemetry are made together in 4 s."""
    with dg.DagsterInstance.ephemeral() as instance:
        key = "2026-10-05|BTCUSDT"
        for name in ("crypto_overlays", "crypto_feature_telemetry"):
            ran(instance, name, 4000, {key: sized(8, 1)}, {"dagster/partition": key}, step="crypto_overlays")
        found = planned(graph, instance, "crypto_overlays,crypto_feature_telemetry", key)
    assert [one.seconds for one in found.assets] == [2.0, 2.0]


def test_a_run_over_partitions_that_are_gone_says_nothing_of_time(graph: AssetGraph) -> None:
    """Its symbols have no partitions any more, so nobody knows how many there were."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SYMBOLS_NAME, ["AAPL"])
        ran(instance, "equities_daily_bars", 9000, {"OLD|2020": sized(8, 1)}, range_tags("OLD|2020", "OLD|2021"))
        (one,) = planned(graph, instance, "equities_daily_bars", "AAPL|2024").assets
    assert (one.seconds, one.bytes) == (None, 8)


def test_what_was_never_materialised_has_no_estimate(graph: AssetGraph, empty: dg.DagsterInstance) -> None:
    """Null, not zero."""
    found = planned(graph, empty, "btc_price", "2026-10-01")
    assert (found.seconds, found.bytes, found.unknown) == (None, None, ["btc_price"])


def test_days_count_the_rest_of_today(graph: AssetGraph, empty: dg.DagsterInstance, home: Path) -> None:
    """Six requests to Yahoo (bars and listing of three stocks), 1 of 2 left today, then 2 a day: 1 + 5/2, so 4 days."""
    settings = load(home=home, yahoo={"budget": {"per_minute": 6, "per_day": 2}})
    with clock.frozen(NOW):
        vendors = Vendors(settings)
        vendors.yahoo.http.budget.reserve(lambda _: None)
        vendors.close()
    found = planned(graph, empty, "equities_daily_bars", "AAPL|2024...XOM|2024", settings)
    (need,) = found.needs
    assert (need.vendor, need.requests, need.left_today, need.per_day, need.minutes) == ("yahoo", 6, 1, 2, 1.0)
    assert need.days_needed == found.days_needed == 4
    assert found.assets[0].requests == {"yahoo": 6}


def test_requests_count_what_the_vendor_counts_them_as(graph: AssetGraph, empty: dg.DagsterInstance) -> None:
    """A page of 1,440 candles weighs 10, the listing is counted as a request of one; 1,440 a minute are allowed."""
    (need,) = planned(graph, empty, "crypto_klines", "2026-11-19|BTCUSDT").needs
    assert (need.vendor, need.lane, need.requests, need.credits) == ("binance_usdm", "klines", 2, 11)
    assert (need.per_minute, need.per_day, need.days_needed) == (1440, None, 1)


def test_the_sandbox_has_no_budget(graph: AssetGraph, empty: dg.DagsterInstance, home: Path) -> None:
    """Whatever is asked of it fits into today."""
    found = planned(graph, empty, "btc_price", "2026-10-01", load(home=home, vendors="sandbox"))
    assert [(need.per_day, need.per_minute, need.minutes) for need in found.needs] == [(None, None, None)]


def test_what_cannot_be_counted_is_told(graph: AssetGraph, empty: dg.DagsterInstance) -> None:
    """Nobody knows which contracts an exchange lists before its listing was asked for."""
    found = planned(graph, empty, "funding_rates", "2026-11-19|bybit")
    assert found.needs == ()
    assert found.notes == ("bybit is not counted: its contracts are not stored; materialise funding_contracts",)


@pytest.mark.parametrize(
    ("assets", "span", "expected"),
    [
        ("equities_daily_bars", "AAPL|2023...MSFT|2024", {"equities_daily_bars": 4}),
        ("equities_daily_bars", "XOM|2024", {"equities_daily_bars": 1}),
        ("bars_macro_daily", None, {"bars_macro_daily": 1}),
        (
            # downstream of symbol-years: symbols, symbol-years, years, and a table without partitions
            "equities_daily_bars+",
            "AAPL|2023...MSFT|2024",
            {
                "equities_daily_bars": 4,
                "equities_corporate_actions": 2,
                "equities_scored_bars": 4,
                "equities_reconciliation": 2,
            },
        ),
        # days of every symbol; a day of all sources
        ("bars_minute,bars_source_health", "2026-10-05...2026-10-06", {"bars_minute": 22, "bars_source_health": 2}),
        # two days of two exchanges, and those exchanges
        (
            "funding_contracts, funding_rates",
            "2026-10-05|bybit...2026-10-06|okx",
            {"funding_contracts": 2, "funding_rates": 4},
        ),
        # Sunday and Monday lie in two weeks
        ("btc_bin_models,btc_rpn", "2026-10-04...2026-10-05", {"btc_bin_models": 2, "btc_rpn": 2}),
        # days of one year
        ("equities_features,btc_price", "2026-10-04...2026-10-05", {"equities_features": 1, "btc_price": 2}),
    ],
)
def test_a_range_means_the_same_time_in_every_asset(
    graph: AssetGraph, empty: dg.DagsterInstance, assets: str, span: str | None, expected: Mapping[str, int]
) -> None:
    """Whatever each is cut by."""
    assert counts(planned(graph, empty, assets, span)) == expected


def test_assets_are_told_upstream_first(graph: AssetGraph, empty: dg.DagsterInstance) -> None:
    """However they are named; a group is all its assets."""
    found = planned(graph, empty, "group:bars", "2026-10-05")
    names = [one.asset for one in found.assets]
    assert len(names) == 8 and names.index("bars_minute") < names.index("bars_indicators") < names.index("bars_signals")


@pytest.mark.parametrize(
    ("assets", "span", "kind", "said"),
    [
        ("bars_minut", "2026-10-05", UnknownName, "no asset named 'bars_minut'; did you mean bars_minute"),
        ("bars_minut+", "2026-10-05", UnknownName, "did you mean bars_minute"),
        ("group:bras", "2026-10-05", InvalidRequest, "has no asset"),
        ("bars_minute btc_price", "2026-10-05", InvalidRequest, "write names separated by commas"),
        ("equities_daily_bars", "APPL|2024", UnknownName, "no symbol named 'APPL'; did you mean AAPL"),
        ("equities_daily_bars", "AAPL|2024...AAPL|20255", UnknownName, "no year named '20255'; did you mean 2025"),
        ("btc_price", "2026-10-5", UnknownName, "no day named '2026-10-5'; did you mean 2026-1"),
        ("btc_price", "2026-10-05...2026-10-01", InvalidRequest, "2026-10-05 comes after 2026-10-01"),
        ("btc_price", None, InvalidRequest, "say which, for example 2"),
        ("crypto_klines", "a|b|c", UnknownName, "no day named 'a'"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    graph: AssetGraph, empty: dg.DagsterInstance, assets: str, span: str | None, kind: type[Exception], said: str
) -> None:
    """Names near it, or how it is written."""
    with pytest.raises(kind, match=said.replace("|", r"\|")):
        planned(graph, empty, assets, span)


def test_nothing_is_written(graph: AssetGraph, empty: dg.DagsterInstance, home: Path) -> None:
    """A home that never asked anyone is as it was after a plan of everything."""
    before = sorted(home.rglob("*"))
    days: Sequence[str] = ("2026-11-19", "2026-11-20")
    assert planned(graph, empty, "*", "...".join(days)).requests > 0
    assert sorted(home.rglob("*")) == before
