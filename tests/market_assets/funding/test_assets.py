"""The domain end to end: seven exchanges over real HTTP, through the graph, into the store."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.funding.assets import ONLY_DUE_TAG
from market_assets.tables import contract
from resources.funding_fetch import ONLY_GAPS_TAG
from resources.sandbox.synthetic import SyntheticBackend
from tests.desk import failed_checks, told
from tests.market_assets.funding.conftest import EXCHANGES, FIRST, LAST, NOON, Funding

HOUR = timedelta(hours=1)
TODAY = str(LAST)


def instant(text: str) -> datetime:
    """A UTC instant."""
    return clock.instant(f"{text.replace(' ', 'T')}:00Z")


def settled_by_the_market(exchange: str, native_symbol: str, at: str = NOON) -> pl.DataFrame:
    """What the simulated market itself says was settled: time (ms), rate, interval."""
    found = SyntheticBackend(seed=7).settlements(exchange, native_symbol, clock.instant(at))
    return pl.DataFrame({"time_ms": found.time_ms, "rate": found.rate, "hours": found.interval_hours})


@pytest.mark.parametrize(
    ("exchange", "native_symbol"),
    [
        ("binance_usdm", "BTCUSDT"),
        ("binance_coinm", "BTCUSD_PERP"),
        ("bybit", "ETHUSDT"),
        ("okx", "BTC-USDT-SWAP"),
        ("deribit", "BTC-PERPETUAL"),
        ("hyperliquid", "BTC"),
        ("dydx", "BTC-USD"),
    ],
)
def test_every_settlement_of_the_market_is_stored_once(funding: Funding, exchange: str, native_symbol: str) -> None:
    """Times (to the minute) and rates are those of the market, none lost, none doubled."""
    stored = (
        funding.desk.read("funding_rates").filter(exchange=exchange, native_symbol=native_symbol).sort("funding_time")
    )
    first, last = instant(f"{FIRST} 00:00"), clock.instant(NOON)
    expected = settled_by_the_market(exchange, native_symbol).with_columns(
        at=pl.from_epoch("time_ms", "ms").dt.replace_time_zone("UTC").dt.round("1m")
    )
    expected = expected.filter(pl.col("at").is_between(first, last)).sort("at")
    assert stored["funding_time"].dt.epoch("s").to_list() == expected["at"].dt.epoch("s").to_list()
    assert stored["rate_native"].to_list() == pytest.approx(expected["rate"].to_list(), abs=1e-10)


def test_a_contract_that_changes_its_interval_keeps_both(funding: Funding) -> None:
    """LAYERUSDT settled every four hours until 2025-05-06 and hourly from then on: each event has its own."""
    rows = funding.desk.read("funding_rates").filter(exchange="binance_usdm", native_symbol="LAYERUSDT")
    by_day = dict(rows.group_by(pl.col("funding_time").dt.date().cast(pl.String)).agg("interval_hours").iter_rows())
    assert set(by_day["2025-05-05"]) == {4.0}
    assert set(by_day["2025-05-07"]) == {1.0}
    changed = rows.filter(pl.col("funding_time").dt.date().cast(pl.String) == "2025-05-06")
    assert set(changed["interval_hours"]) >= {1.0}
    assert (rows["rate_1h"] * rows["interval_hours"] - rows["rate_native"]).abs().max() < 1e-15  # type: ignore[operator]


def test_names_that_mislead_are_told_apart(funding: Funding) -> None:
    """kPEPE and 1000PEPE are one asset in thousands; KAITO and KAS are themselves; both SHIBs of a venue coexist."""
    contracts = funding.desk.read("funding_contracts")
    named = {
        (row["exchange"], row["native_symbol"]): (row["base_asset"], row["multiplier"], row["symbol"])
        for row in contracts.iter_rows(named=True)
    }
    assert named["binance_usdm", "1000PEPEUSDT"] == ("PEPE", 1000.0, "1000PEPE-USDT-PERP")
    assert named["hyperliquid", "kPEPE"][:2] == ("PEPE", 1000.0)
    assert named["binance_usdm", "KAITOUSDT"][:2] == ("KAITO", 1.0)
    assert named["hyperliquid", "KAS"][:2] == ("KAS", 1.0)
    shibs = {
        symbol for (exchange, _), (base, _, symbol) in named.items() if (exchange, base) == ("binance_usdm", "SHIB")
    }
    assert shibs == {"1000SHIB-USDT-PERP", "SHIB-USDT-PERP"}


def test_open_interest_and_prices_mean_the_same_everywhere(funding: Funding) -> None:
    """Per unit of the asset, marks of one base lie within a percent, whatever the multiplier and unit."""
    rows = funding.desk.read("funding_snapshot").filter(pl.col("base_asset").is_in(["BTC", "PEPE", "SHIB"]))
    apart = rows.group_by("base_asset").agg(
        spread=pl.col("mark_price_base").max() / pl.col("mark_price_base").min() - 1, n=pl.col("exchange").n_unique()
    )
    assert apart["n"].min() >= 3  # type: ignore[operator]
    assert apart["spread"].max() < 0.01  # type: ignore[operator]
    assert (rows["open_interest_usd"] / rows["open_interest_base"] / rows["mark_price_base"] - 1).abs().max() < 1e-9  # type: ignore[operator]


def test_what_was_asked_for_is_complete_and_the_rest_of_the_window_is_a_gap(funding: Funding) -> None:
    """Every due settlement of the stored days is there; of the 30 days before the first one everything is missing."""
    newest = funding.desk.read("funding_completeness").filter("is_active")
    gaps = newest.select("symbol", "gap_starts", "gap_ends").explode("gap_starts", "gap_ends").drop_nulls()
    assert gaps["gap_ends"].max() < instant(f"{FIRST} 00:00")  # type: ignore[operator]
    assert newest["surplus_rows"].sum() == 0
    # the exchanges are two ranges: the last run of each asset has seen them all
    failed = {asset: failed_checks(results[-1:], asset) for asset, results in funding.results.items()}
    assert failed_checks(funding.results["funding_contracts"], "funding_contracts") == {"prices_agree": "WARN"}
    assert {asset: checks for asset, checks in failed.items() if checks} == {
        "funding_completeness": {"contracts_complete": "ERROR"},
    }


def test_an_hour_is_known_only_with_its_settlement(funding: Funding) -> None:
    """At 07:59 nothing is known of the hours that the 08:00 settlement covers."""
    hours = funding.desk.read("funding_hourly_rates").filter(exchange="binance_usdm", symbol="BTC-USDT-PERP")
    covered = hours.filter(pl.col("settled_at") == instant("2025-05-06 08:00"))
    assert covered["hour"].to_list() == [instant("2025-05-06 00:00") + n * HOUR for n in range(8)]
    as_of = hours.filter(pl.col("available_at") <= instant("2025-05-06 07:59"))
    assert as_of["hour"].max() == instant("2025-05-05 23:00")


def test_pairs_are_two_venues_ranked_net_of_costs(funding: Funding) -> None:
    """Binance's two exchanges never form a pair; ranks follow the net rate; costs are never zero here."""
    pairs = funding.desk.read("funding_opportunities").sort("rank")
    both = pl.concat_list("long_exchange", "short_exchange").list.sort()
    assert pairs.filter(both == pl.Series([["binance_coinm", "binance_usdm"]])).is_empty()
    assert pairs["rank"].to_list() == list(range(1, pairs.height + 1))
    assert pairs["net_apr_pct"].is_sorted(descending=True)
    assert pairs["cost_apr_pct"].min() > 0  # type: ignore[operator]
    assert pairs.height > 100


def test_the_hourly_run_asks_only_what_is_due(growing: Funding) -> None:
    """At 13:20 the hourly contracts have settled once more; those of eight hours are not asked for."""
    growing.at("2025-05-07T13:20:00Z")
    growing.desk.sandbox.heal()
    before = growing.desk.read("funding_rates")
    results = growing.run("funding_rates", growing.pairs(LAST), tags={ONLY_DUE_TAG: "yes"})
    facts = told(results, "funding_rates")
    contracts = growing.desk.read("funding_contracts").filter(exchange="binance_usdm")
    hourly = contracts.filter(interval_hours=1.0).height
    assert facts[f"{TODAY}|binance_usdm"]["asked"] == hourly
    assert facts[f"{TODAY}|binance_usdm"]["not_due"] == contracts.height - hourly
    assert facts[f"{TODAY}|binance_coinm"]["requests"] == 0
    assert not growing.desk.sandbox.asked("binance_coinm")
    after = growing.desk.read("funding_rates")
    news = after.join(before, on=["exchange", "symbol", "funding_time"], how="anti")
    assert set(news["funding_time"]) == {instant("2025-05-07 13:00")}
    assert after.height - before.height == news.height
    assert set(news["exchange"]) >= {"hyperliquid", "dydx", "deribit"}


def test_a_repair_asks_only_contracts_with_gaps(growing: Funding) -> None:
    """Days before the stored ones are gaps of contracts listed then; those listed today lack nothing."""
    growing.desk.sandbox.heal()
    whole = growing.desk.read("funding_completeness").filter(exchange="deribit")
    lacking = whole.filter(pl.col("gap_starts").list.len() > 0)["native_symbol"]
    results = growing.run("funding_rates", [f"{FIRST}|deribit"], tags={ONLY_GAPS_TAG: "yes"})
    assert told(results, "funding_rates")[f"{FIRST}|deribit"]["asked"] == lacking.len() > 0
    results = growing.run("funding_rates", [f"{FIRST}|hyperliquid"], tags={ONLY_GAPS_TAG: "yes"})
    assert told(results, "funding_rates")[f"{FIRST}|hyperliquid"]["asked"] == 0
    assert not growing.desk.sandbox.asked("hyperliquid")


def test_a_second_look_is_appended_and_the_first_stays(growing: Funding) -> None:
    """The day's partition is the union of its looks; statistics and pairs follow the newest."""
    growing.at("2025-05-07T12:25:00Z")
    first = growing.desk.read("funding_snapshot")
    growing.run("funding_snapshot", growing.pairs(LAST))
    both = growing.desk.read("funding_snapshot")
    assert both.group_by("exchange").agg(pl.col("snapshot_at").n_unique())["snapshot_at"].to_list() == [2] * len(
        EXCHANGES
    )
    assert first.join(both, on=["exchange", "symbol", "snapshot_at"], how="semi").height == first.height
    growing.run("funding_opportunities", [TODAY])
    assert growing.desk.read("funding_opportunities")["as_of"].min() > first["snapshot_at"].max()  # type: ignore[operator]


def test_a_past_day_of_snapshots_is_made_of_what_was_stored(growing: Funding) -> None:
    """A day later the same day is rebuilt without asking anyone, and is the same."""
    digest = growing.desk.store.manifest(contract("funding_snapshot"), f"{TODAY}|bybit").digest  # type: ignore[union-attr]
    growing.at("2025-05-08T00:10:00Z")
    growing.desk.sandbox.heal()
    growing.run("funding_snapshot", [f"{TODAY}|bybit"])
    assert not growing.desk.sandbox.asked("bybit")
    assert growing.desk.store.manifest(contract("funding_snapshot"), f"{TODAY}|bybit").digest == digest  # type: ignore[union-attr]


def test_old_looks_are_thinned_to_the_last_of_each_hour(growing: Funding) -> None:
    """A month later three looks of one hour are one; the newest one stays."""
    for minute in (25, 30):
        growing.at(f"2025-05-07T12:{minute}:00Z")
        growing.run("funding_snapshot", [f"{TODAY}|okx"])
    newest = growing.desk.read("funding_snapshot", f"{TODAY}|okx")["snapshot_at"].max()
    growing.at("2025-06-10T05:10:00Z")
    results = growing.run("funding_snapshot", [f"{TODAY}|okx"])
    assert growing.desk.read("funding_snapshot", f"{TODAY}|okx")["snapshot_at"].unique().to_list() == [newest]
    facts = told(results, "funding_snapshot")[f"{TODAY}|okx"]
    assert (facts["looks_before"], facts["looks_after"]) == (3, 1)


def test_asking_again_without_news_changes_nothing(growing: Funding) -> None:
    """The same settlements give the same digest: nothing downstream is stale."""
    results = growing.run("funding_rates", growing.pairs(FIRST, FIRST))
    assert {facts["unchanged"] for facts in told(results, "funding_rates").values()} == {True}


def test_what_an_exchange_has_forgotten_is_not_lost(growing: Funding) -> None:
    """Events stored once stay stored when the exchange answers with less."""
    before = growing.desk.read("funding_rates").filter(exchange="bybit")
    growing.desk.sandbox.fault("bybit:missing_rows:match=history")
    growing.run("funding_rates", growing.pairs(exchanges=["bybit"]))
    after = growing.desk.read("funding_rates").filter(exchange="bybit")
    assert after.drop("ingested_at").equals(before.drop("ingested_at"))
