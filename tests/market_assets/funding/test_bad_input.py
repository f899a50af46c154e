"""Whatever an exchange does, nothing false is stored, nothing is lost, and the run says which and what to do."""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.core import clock
from tests.desk import reason, told
from tests.market_assets.funding.conftest import EXCHANGES, LAST, NOON, Funding

TODAY = str(LAST)
LATER = "2025-05-07T16:20:00Z"


def kept(funding: Funding, exchange: str) -> dict[str, bytes]:
    """The stored files of an exchange's rates."""
    return {name: content for name, content in funding.desk.bytes_of("funding_rates").items() if exchange in name}


@pytest.mark.parametrize(
    ("fault", "told_of"),
    [
        ("bybit:500", "HTTP 500"),
        ("bybit:not_json", "not JSON"),
        ("bybit:truncated", "JSON"),
        ("bybit:403", "403"),
        ("bybit:429:retry_after=600", "Too many visits"),
        ("binance_usdm:418:retry_after=600", "418"),
        ("binance_usdm:451", "451"),
    ],
)
def test_an_exchange_that_is_down_costs_its_own_partition(growing: Funding, fault: str, told_of: str) -> None:
    """The others are stored; its partition stays byte for byte; the run fails naming it, and no other."""
    down = fault.partition(":")[0]
    before = kept(growing, down)
    growing.desk.sandbox.fault(fault)
    growing.at(LATER)
    results = growing.run("funding_rates", growing.pairs(LAST), succeed=False)
    said = " ".join(reason(result) for result in results if not result.success)
    assert told_of in said and down in said
    assert not any(f"{name}:" in said for name in EXCHANGES if name != down)
    assert kept(growing, down) == before
    news = growing.desk.read("funding_rates").filter(pl.col("funding_time") == clock.instant("2025-05-07T16:00:00Z"))
    assert set(news["exchange"]) == set(EXCHANGES) - {down}
    materialised = growing.desk.instance.get_materialized_partitions(dg.AssetKey("funding_rates"))
    assert {key.partition("|")[2] for key in materialised} == set(EXCHANGES) - {down}


def test_a_retry_asks_only_for_the_contract_that_failed(growing: Funding) -> None:
    """What the failed run stored is not asked for again."""
    growing.desk.sandbox.fault("okx:500:symbol=BTC-USDT-SWAP:match=history")
    growing.at(LATER)
    keys = growing.pairs(LAST, exchanges=["bybit", "okx"])
    (failed,) = growing.run("funding_rates", keys, succeed=False)
    growing.desk.sandbox.heal()
    growing.desk.set(MARKET_ASSETS_NOW="2025-05-07T16:40:00Z")
    retried = growing.desk.retry(failed, keys, asset="funding_rates")
    assert retried.success
    assert not growing.desk.sandbox.asked("bybit")
    assert sum(growing.desk.sandbox.asked("okx").values()) == 1
    newest = growing.desk.read("funding_rates", f"{TODAY}|okx").filter(native_symbol="BTC-USDT-SWAP")
    assert newest["funding_time"].max() == clock.instant("2025-05-07T16:00:00Z")


def test_one_contract_that_fails_leaves_the_others_stored(growing: Funding) -> None:
    """BTCUSDT is refused: the run says so, every other contract's settlement is there, BTC's older ones stay."""
    growing.desk.sandbox.fault("binance_usdm:500:symbol=BTCUSDT:match=fundingRate")
    growing.at(LATER)
    (failed,) = growing.run("funding_rates", [f"{TODAY}|binance_usdm"], succeed=False)
    assert "1 of 51 contracts failed: binance_usdm /fapi/v1/fundingRate [BTCUSDT" in reason(failed)
    assert "0 stored, 1 stored in part" in reason(failed)
    rows = growing.desk.read("funding_rates", f"{TODAY}|binance_usdm")
    newest = dict(rows.group_by("native_symbol").agg(pl.col("funding_time").max()).iter_rows())
    assert newest["ETHUSDT"] == clock.instant("2025-05-07T16:00:00Z")
    assert newest["BTCUSDT"] == clock.instant("2025-05-07T08:00:00Z")


@pytest.mark.parametrize("kind", ["wrong_window", "same_page"])
@pytest.mark.parametrize("exchange", ["binance_usdm", "okx", "hyperliquid", "dydx"])
def test_the_wrong_window_or_the_same_page_is_no_answer(growing: Funding, exchange: str, kind: str) -> None:
    """An exchange that repeats itself is noticed, not looped over; what is stored of older days is not spoilt."""
    before = growing.desk.read("funding_rates").filter(exchange=exchange).drop("ingested_at")
    growing.desk.sandbox.fault(f"{exchange}:{kind}")
    growing.run("funding_rates", growing.pairs(exchanges=[exchange]), succeed=False)
    after = growing.desk.read("funding_rates").filter(exchange=exchange).drop("ingested_at")
    assert before.join(after, on=before.columns, how="anti", nulls_equal=True).is_empty()
    asked = growing.desk.sandbox.asked(exchange)
    assert sum(asked.values()) < 20 * growing.desk.read("funding_contracts").filter(exchange=exchange).height


def test_too_many_requests_are_waited_for(growing: Funding) -> None:
    """A 429 with Retry-After is asked again after that wait, and the day is stored."""
    growing.desk.sandbox.fault("dydx:429:retry_after=0:times=2")
    growing.at(LATER)
    growing.run("funding_rates", [f"{TODAY}|dydx"])
    newest = growing.desk.read("funding_rates", f"{TODAY}|dydx")["funding_time"].max()
    assert newest == clock.instant("2025-05-07T16:00:00Z")


def test_a_rate_of_zero_is_a_rate(funding: Funding) -> None:
    """Zeros of the market reach rates, hours and statistics."""
    zeros = funding.desk.read("funding_rates").filter(pl.col("rate_native") == 0)
    assert zeros.height > 0
    row = zeros.row(0, named=True)
    assert (row["rate_1h"], row["apr_pct"]) == (0.0, 0.0)
    hours = funding.desk.read("funding_hourly_rates").filter(
        (pl.col("exchange") == row["exchange"])
        & (pl.col("symbol") == row["symbol"])
        & (pl.col("settled_at") == row["funding_time"])
    )
    assert set(hours["rate_1h"]) == {0.0}


def test_a_null_rate_is_no_event(growing: Funding) -> None:
    """It is kept apart with its reason, is a gap of completeness, and is never zero."""
    growing.desk.configure(funding={"exchanges": list(EXCHANGES)}, quality={"max_quarantine_share": 1.0})
    growing.desk.sandbox.fault("hyperliquid:nulls:dates=2025-05-07")
    growing.at(LATER)
    results = growing.run("funding_rates", [f"{TODAY}|hyperliquid"])
    facts = told(results, "funding_rates")[f"{TODAY}|hyperliquid"]
    apart = growing.desk.read("quarantine_funding_rates")
    assert facts["null_rates"] >= apart.height > 0
    assert set(apart["reason"]) == {"null_rate"}
    assert apart["rate_native"].null_count() == apart.height
    stored = growing.desk.read("funding_rates", f"{TODAY}|hyperliquid")
    assert stored["rate_native"].null_count() == 0
    # those of before the fault stay; what came without a rate since is missing
    assert stored["funding_time"].max() == clock.instant("2025-05-07T12:00:00Z")


def test_an_exchange_whose_clock_is_ahead_settles_nothing_early(growing: Funding) -> None:
    """What it stamps after our present is not taken."""
    growing.desk.sandbox.fault("dydx:clock_ahead:seconds=7200")
    growing.at(LATER)
    growing.run("funding_rates", [f"{TODAY}|dydx"], succeed=False)
    newest = growing.desk.read("funding_rates").filter(exchange="dydx")["funding_time"].max()
    assert newest <= clock.instant(LATER)  # type: ignore[operator]


def test_contracts_come_first(fresh: Funding) -> None:
    """Without a map the run says what to materialise."""
    (result,) = fresh.run("funding_rates", [f"{TODAY}|bybit"], succeed=False)
    assert "Materialise funding_contracts of bybit first" in reason(result)


def test_a_day_without_looks_cannot_be_made_up(growing: Funding) -> None:
    """Nobody can be asked what a past day's snapshot was."""
    (result,) = growing.run("funding_snapshot", ["2025-05-05|bybit"], succeed=False)
    assert "no look at its contracts was stored" in reason(result)


def test_a_listing_that_loses_contracts_is_told(growing: Funding) -> None:
    """An exchange that suddenly lists fewer: an error check names it, and nothing is closed before a day has passed."""
    listed = growing.desk.read("funding_contracts").filter(exchange="bybit")
    growing.at((clock.instant(NOON) + timedelta(hours=25)).isoformat())
    growing.run("funding_contracts", ["bybit"])
    again = growing.desk.read("funding_contracts").filter(exchange="bybit")
    assert again.filter(pl.col("valid_to").is_null()).height == listed.filter(pl.col("valid_to").is_null()).height
