"""What judgements read: the store, looks at listings, and what a run's own fetch noted."""

from datetime import timedelta

import polars as pl

from market_assets.core import clock
from market_assets.tables import contract
from resources.funding_fetch import listings_of
from tests.desk import failed_checks, told, verdicts
from tests.market_assets.funding.conftest import LAST, NOON, Funding

TODAY, YESTERDAY = str(LAST), str(LAST - timedelta(days=1))
RATES = contract("funding_rates")


def stored(funding: Funding, key: str) -> pl.DataFrame:
    """A stored partition of rates."""
    return funding.desk.store.read(RATES, [key])


def test_duplicates_are_those_of_the_runs_own_fetch(growing: Funding) -> None:
    """Once an exchange, however many days the run has; the next run, of a sound answer, passes."""
    growing.desk.sandbox.fault("bybit:duplicates")
    keys = [f"{day}|{name}" for day in (YESTERDAY, TODAY) for name in ("bybit", "okx")]
    results = growing.run("funding_rates", keys)
    noted = {key: facts["duplicates"] for key, facts in told(results, "funding_rates").items()}
    assert noted[f"{YESTERDAY}|bybit"] == noted[f"{TODAY}|bybit"] > 0 == noted[f"{TODAY}|okx"]
    assert failed_checks(results, "funding_rates") == {"no_duplicates": "WARN"}
    verdict = verdicts(results, "funding_rates")["no_duplicates"]
    assert verdict.metadata["dropped"].value == noted[f"{TODAY}|bybit"]
    growing.desk.sandbox.heal()
    assert failed_checks(growing.run("funding_rates", keys), "funding_rates") == {}


def test_an_archive_that_says_otherwise_is_told(growing: Funding) -> None:
    """A stored row of the archive differs from what the exchange states: the exchange's is kept."""
    key = f"{YESTERDAY}|binance_usdm"
    before = stored(growing, key)
    symbol = pl.col("symbol") == "BTC-USDT-PERP"
    archived = before.with_columns(
        source=pl.when(symbol).then(pl.lit("binance_archive-sandbox")).otherwise("source"),
        rate_native=pl.when(symbol).then(pl.col("rate_native") + 1e-6).otherwise("rate_native"),
    )
    growing.desk.store.write(RATES, key, archived)
    results = growing.run("funding_rates", [key])
    assert failed_checks(results, "funding_rates") == {"archive_agrees": "WARN"}
    # three settlements of that day
    assert verdicts(results, "funding_rates")["archive_agrees"].metadata["revised"].value == 3
    assert stored(growing, key).drop("ingested_at").equals(before.drop("ingested_at"))


def test_a_slip_of_units_is_seen_beside_the_other_exchanges(growing: Funding) -> None:
    """Whichever exchange a run asks, all of its days are compared."""
    key = f"{TODAY}|binance_usdm"
    growing.desk.store.write(RATES, key, stored(growing, key).with_columns(pl.col("rate_1h") * 8000))
    results = growing.run("funding_rates", [f"{TODAY}|okx"])
    assert failed_checks(results, "funding_rates")["unit_suspect"] == "ERROR"
    shown = str(verdicts(results, "funding_rates")["unit_suspect"].metadata["rows"].value)
    assert "binance_usdm" in shown


def test_a_listing_that_lost_contracts_is_an_error(growing: Funding) -> None:
    """A look of the day before had three contracts in ten more: nothing else is wrong with what is listed."""
    looks, at = listings_of(growing.desk.settings), clock.instant(NOON) - timedelta(hours=25)
    newest = looks.newest("bybit", "last_at")
    gone = newest.head(newest.height * 3 // 10).with_columns(native_symbol="OLD" + pl.col("native_symbol"))
    looks.append("bybit", at, pl.concat([newest, gone]).with_columns(first_at=pl.lit(at), last_at=pl.lit(at)))
    growing.at("2025-05-07T12:50:00Z")
    results = growing.run("funding_contracts", ["bybit"])
    failed = failed_checks(results, "funding_contracts")
    assert failed == {"contracts_lost": "ERROR"}
    shown = str(verdicts(results, "funding_contracts")["contracts_lost"].metadata["rows"].value)
    assert f"| bybit | {newest.height + gone.height} | {gone.height} |" in shown


def test_what_is_judged_without_new_data(growing: Funding) -> None:
    """The job of every few minutes passes at noon; a day on, when nothing has come, it fails in all it judges."""
    job = "funding_freshness_checks"

    def failed() -> dict[str, str]:
        result = growing.desk.defs.resolve_job_def(job).execute_in_process(instance=growing.desk.instance)
        return failed_checks([result], "funding_snapshot") | failed_checks([result], "funding_completeness")

    assert failed() == {}
    growing.at("2025-05-08T00:03:00Z")
    assert failed() == {"snapshot_fresh": "ERROR", "exchanges_present": "ERROR", "settled_in_time": "ERROR"}
    growing.at("2025-05-07T12:35:00Z")
    # hourly contracts settled at 12:00 last, fifteen minutes have passed since the looks
    assert failed() == {"snapshot_fresh": "WARN"}
