"""What judgements read: the store, other days, what the collector wrote down, and what a run's own fetch noted."""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.bars.checks import CHECKS
from market_assets.bars.schemas import BarsIndicators, BarsMinute, BarsScannerFeatures, BarsSignals, BarsSourceHealth
from market_assets.core import clock
from market_assets.core.contracts import Contract
from resources.source_calls import SourceCalls
from tests.dashboards import bars_collector
from tests.desk import failed_checks, verdicts
from tests.market_assets.bars.conftest import FIRST, LAST, SYMBOLS, Bars

FRIDAY, TODAY = str(FIRST), str(LAST)
COIN = f"{FRIDAY}|BTCUSD"


def judged(bars: Bars, asset: str, *names: str) -> dict[str, str]:
    """Checks of an asset over what is stored, without a run of the asset."""
    return failed_checks([run_checks(bars, asset, *names)], asset)


def run_checks(bars: Bars, asset: str, *names: str) -> dg.ExecuteInProcessResult:
    (of_asset,) = [one for one in CHECKS if {key.asset_key.to_user_string() for key in one.check_keys} == {asset}]
    selection = dg.AssetSelection.checks(*(key for key in of_asset.check_keys if key.name in names))
    resources = {"store": bars.desk.store, "vendors": None}
    return dg.materialize(
        [of_asset], instance=bars.desk.instance, resources=resources, selection=selection, raise_on_error=False
    )


def rewrite(bars: Bars, contract: Contract, key: str, *changed: pl.Expr, kept: pl.Expr | None = None) -> None:
    """Store a partition otherwise than it is."""
    rows = bars.desk.store.read(contract, [key])
    rows = rows if kept is None else rows.filter(kept)
    bars.desk.store.write(contract, key, rows.with_columns(*changed))


def test_missing_minutes_are_judged_by_day(growing: Bars) -> None:
    """Of 1,260 minutes 63 may be missing: 64 are a warning, 253 an error; of the running day half is an error."""
    contract, key = BarsMinute.contract(), f"{FRIDAY}|EURUSD"
    assert judged(growing, "bars_minute", "minutes_covered") == {}
    at = clock.instant(FIRST)
    for missing, expected in ((63, {}), (64, "WARN"), (252, "WARN"), (253, "ERROR")):
        rewrite(growing, contract, key, kept=pl.col("ts") >= at + missing * timedelta(minutes=1))
        assert judged(growing, "bars_minute", "minutes_covered") == (
            {"minutes_covered": expected} if expected else {}
        ), missing
    rewrite(growing, contract, key, kept=pl.col("ts") < at)
    assert judged(growing, "bars_minute", "minutes_covered") == {"minutes_covered": "ERROR"}


def test_a_running_day_is_judged_by_what_is_accepted(growing: Bars) -> None:
    """Of an index that trades since half past one, half of what is over must be there: gaps may be without trades."""
    contract, key = BarsMinute.contract(), f"{TODAY}|NAS100"
    began = clock.instant(f"{TODAY}T13:30:00Z")
    # at 15:02:30 the minutes until 14:55 must be there, of a source that may be 130 s late: 82 or 85 of 91
    rewrite(growing, contract, key, kept=pl.col("ts") < began + timedelta(minutes=46))
    assert judged(growing, "bars_minute", "minutes_covered") == {}
    rewrite(growing, contract, key, kept=pl.col("ts") < began + timedelta(minutes=38))
    assert judged(growing, "bars_minute", "minutes_covered") == {"minutes_covered": "ERROR"}


def test_values_that_the_live_engine_does_not_give_are_seen(growing: Bars) -> None:
    """A billionth of a price is rounding, a hundred-thousandth is not."""
    contract = BarsIndicators.contract()
    assert judged(growing, "bars_indicators", "replay_agrees") == {}
    first = sorted(growing.desk.stored("bars_indicators"))[0]
    rewrite(growing, contract, first, pl.col("ema_200") * (1 + 1e-5))
    assert judged(growing, "bars_indicators", "replay_agrees") == {"replay_agrees": "ERROR"}


def test_a_feature_from_the_future_is_seen(growing: Bars) -> None:
    """Features that are stored otherwise than the first half of their day gives them."""
    contract = BarsScannerFeatures.contract()
    assert judged(growing, "bars_scanner_features", "no_look_ahead", "one_row_a_bar") == {}
    first = sorted(growing.desk.stored("bars_scanner_features"))[0]
    rewrite(growing, contract, first, pl.col("roc_5").shift(-1))
    assert judged(growing, "bars_scanner_features", "no_look_ahead") == {"no_look_ahead": "ERROR"}


def test_a_bar_without_a_row_is_seen(growing: Bars) -> None:
    """In the features of a coin's Friday one minute is missing."""
    rewrite(growing, BarsScannerFeatures.contract(), COIN, kept=pl.col("ts") != clock.instant(f"{FRIDAY}T12:00:00Z"))
    assert judged(growing, "bars_scanner_features", "one_row_a_bar") == {"one_row_a_bar": "ERROR"}


def test_outcomes_that_were_not_known_yet_are_seen(growing: Bars) -> None:
    """Of a signal in the first half of its day a win is counted that came later."""
    contract = BarsSignals.contract()
    assert judged(growing, "bars_signals", "outcomes_known", "one_open_at_a_time") == {}
    first = sorted(growing.desk.stored("bars_signals"))[0]
    own = next(
        key for key in sorted(growing.desk.stored("bars_signals")) if growing.desk.read("bars_signals", key).height
    )
    assert own == first == COIN
    earliest = pl.col("ts") == pl.col("ts").min()
    rewrite(
        growing,
        contract,
        own,
        pl.when(earliest).then(pl.col("n_outcomes") + 1).otherwise("n_outcomes").alias("n_outcomes"),
    )
    assert judged(growing, "bars_signals", "outcomes_known") == {"outcomes_known": "ERROR"}


def test_a_symbol_with_no_healthy_source_left_is_told(growing: Bars) -> None:
    """Two of three sources of the index are ill, then all three; a coin has one more, and no error."""
    calls, at = SourceCalls(growing.desk.home), clock.instant(f"{TODAY}T12:00:00Z")
    for source in ("yahoo", "twelvedata"):
        calls.note(source, "error", at, n=5, latency_ms=10.0, error="down")
    for source in ("alphavantage", "polygon"):
        calls.note(source, "ok", at, n=5, latency_ms=10.0)
    growing.run("bars_source_health", keys=[TODAY])
    failed = failed_checks(growing.results["bars_source_health"], "bars_source_health")
    assert failed == {"sources_healthy": "WARN"}
    calls.note("polygon", "error", at, n=20, latency_ms=10.0, error="down")
    growing.run("bars_source_health", keys=[TODAY])
    results = growing.results["bars_source_health"]
    assert failed_checks(results, "bars_source_health") == {"sources_healthy": "WARN", "one_source_left": "ERROR"}
    told = verdicts(results, "bars_source_health")["one_source_left"].metadata["symbols"].value
    # euro and coin have a fourth source
    assert told == "NAS100"


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(9.0, {}), (11.0, {"collector_alive": "WARN"}), (61.0, {"collector_alive": "ERROR"})],
)
def test_the_collector_is_judged_by_what_it_wrote_down(
    growing: Bars, monkeypatch: pytest.MonkeyPatch, age_s: float, expected: dict[str, str]
) -> None:
    """Ten seconds without a quote in an open market are a warning, a minute an error."""
    now = clock.instant(f"{TODAY}T15:02:30Z")
    monkeypatch.setattr(clock, "wall", lambda: now)
    assert judged(growing, "bars_minute", "collector_alive", "bars_stored") == {}
    symbols = tuple(bars_collector.symbol(name, age_s, at=now) for name in SYMBOLS)
    bars_collector.write(growing.desk.settings, bars_collector.status(now, symbols=symbols))
    assert judged(growing, "bars_minute", "collector_alive", "bars_stored") == expected


def test_bars_that_nobody_stores_are_told(growing: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is a warning, five an error."""
    now = clock.instant(f"{TODAY}T15:02:30Z")
    monkeypatch.setattr(clock, "wall", lambda: now)
    for seconds, expected in ((61, "WARN"), (301, "ERROR")):
        symbols = tuple(bars_collector.symbol(name, at=now) for name in SYMBOLS)
        since = now - timedelta(seconds=seconds)
        said = bars_collector.status(now, symbols=symbols, oldest_unflushed_at=since)
        bars_collector.write(growing.desk.settings, said)
        assert judged(growing, "bars_minute", "collector_alive", "bars_stored") == {"bars_stored": expected}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-10-05T15:02:30Z", {}),
        # 15 market minutes and what a cadence of 5, a grace of 1 and a delay of 2:10 allow beside them
        ("2026-10-05T15:24:00Z", {}),
        ("2026-10-05T15:25:30Z", {"minutes_fresh": "WARN"}),
        ("2026-10-05T16:12:00Z", {"minutes_fresh": "ERROR"}),
    ],
)
def test_freshness_is_judged_without_new_data(growing: Bars, now: str, expected: dict[str, str]) -> None:
    """In minutes of the market."""
    growing.at(now)
    assert judged(growing, "bars_minute", "minutes_fresh") == expected


def test_a_closed_market_does_not_age(growing: Bars) -> None:
    """On Sunday noon the euro's last minute is that of Friday evening, and as fresh as it can be."""
    growing.desk.configure(bars={"symbols": ["NAS100", "EURUSD"]})
    for key in [key for key in growing.desk.stored("bars_minute") if not key.startswith(FRIDAY)]:
        growing.desk.store.write(BarsMinute.contract(), key, BarsMinute.contract().empty())
    growing.at("2026-10-04T12:00:00Z")
    assert judged(growing, "bars_minute", "minutes_fresh") == {}
    growing.at("2026-10-04T22:00:00Z")
    assert judged(growing, "bars_minute", "minutes_fresh") == {"minutes_fresh": "WARN"}


def test_a_symbol_that_nobody_stored_is_stale(growing: Bars) -> None:
    """It is listed and has no minute."""
    growing.desk.configure(bars={"symbols": [*SYMBOLS, "GBPUSD"]})
    assert judged(growing, "bars_minute", "minutes_fresh") == {"minutes_fresh": "ERROR"}


def test_health_that_is_stored_says_what_is_open(growing: Bars) -> None:
    """On a Saturday only the coin's sources matter: an index without one is no error."""
    contract = BarsSourceHealth.contract()
    saturday = "2026-10-03"
    ill = pl.col("source").is_in(["yahoo-sandbox", "twelvedata-sandbox", "polygon-sandbox"])
    for day in growing.days():
        rewrite(growing, contract, day, (~ill).alias("is_healthy"))
    assert judged(growing, "bars_source_health", "one_source_left") == {"one_source_left": "ERROR"}
    growing.at(f"{saturday}T12:00:00Z")
    assert judged(growing, "bars_source_health", "one_source_left") == {}
