"""Whatever the vendor does, nothing false is stored, nothing is lost, and the run says what to do."""

from datetime import timedelta

import polars as pl
import pytest

from market_assets.btc.transforms.raw import canonical
from tests.desk import failed_checks, reason, told, verdicts
from tests.market_assets.btc.conftest import DAILY, OBSERVED, TO_RPN, Bitcoin
from tests.market_assets.btc.test_assets import instant

HOUR = timedelta(hours=1)
DAY = "2021-03-09"


def kept(growing: Bitcoin) -> dict[str, bytes]:
    """The stored files of the observed tables."""
    return {f"{name}/{file}": content for name in OBSERVED for file, content in growing.desk.bytes_of(name).items()}


@pytest.mark.parametrize(
    ("fault", "told_of"),
    [
        ("glassnode:daily_plan", "Resolution 1h is not allowed. Allowed resolutions: [24h, 1w, 1month]"),
        ("glassnode:401", "Invalid API key"),
        ("glassnode:404", "btc.glassnode.endpoints"),
        ("glassnode:500", "HTTP 500"),
        ("glassnode:not_json", "JSON"),
        ("glassnode:truncated", "JSON"),
        ("glassnode:missing_rows:dates=2021-03-09,2021-03-10", "no value, although"),
    ],
)
def test_a_refusal_leaves_everything_as_it_was(growing: Bitcoin, fault: str, told_of: str) -> None:
    """The run fails with the vendor's words; stored partitions stay as they are, byte for byte."""
    before = kept(growing)
    growing.desk.sandbox.fault(fault)
    growing.at("2021-03-10T12:20:00Z")
    (result,) = growing.run("btc_price", first=DAY, succeed=False)
    assert not result.success
    assert told_of in reason(result)
    assert kept(growing) == before


def test_one_endpoint_down_costs_its_own_table(growing: Bitcoin) -> None:
    """Liquidations fail, the price is stored; features wait, and the next hour brings both up to date."""
    growing.desk.sandbox.fault("glassnode:500:match=liquidated")
    growing.at("2021-03-10T12:20:00Z")
    (result,) = growing.run(*DAILY, first="2021-03-08", succeed=False)
    assert not result.success
    assert growing.desk.read("btc_price")["ts"].max() == instant("2021-03-10 11:00")
    assert growing.desk.read("btc_liquidations")["ts"].max() == instant("2021-03-08 22:00")
    assert growing.desk.read("btc_processed")["ts"].max() == instant("2021-03-08 22:00")
    growing.desk.sandbox.heal()
    growing.at("2021-03-10T13:20:00Z")
    growing.run(*DAILY, first="2021-03-08")
    assert growing.desk.read("btc_signals")["ts"].max() == instant("2021-03-10 12:00")


def test_too_many_requests_are_waited_for(growing: Bitcoin) -> None:
    """A 429 with the vendor's own header is asked again, once, and the day is stored."""
    growing.desk.sandbox.fault("glassnode:429:reset=0:times=1")
    growing.at("2021-03-10T12:20:00Z")
    growing.run("btc_price", first=DAY)
    assert growing.desk.read("btc_price")["ts"].max() == instant("2021-03-10 11:00")
    assert (
        sum(n for path, n in growing.desk.sandbox.asked("glassnode").items() if "price" in path and "meta" not in path)
        == 2
    )


def test_null_is_unknown_and_is_told(growing: Bitcoin) -> None:
    """Hours that are null six hours on are gaps: never zero, never filled for the price, warned of, and counted."""
    growing.desk.sandbox.fault("glassnode:nulls:dates=2021-03-09T05")
    growing.at("2021-03-10T12:20:00Z")
    results = growing.run(*DAILY, first="2021-03-08")
    row = growing.desk.read("btc_processed").filter(pl.col("ts") == instant("2021-03-09 05:00")).row(0, named=True)
    before = growing.desk.read("btc_processed").filter(pl.col("ts") == instant("2021-03-09 04:00")).row(0, named=True)
    assert (row["price"], row["is_filled"], row["is_gap"]) == (None, True, False)
    assert row["long_filled"] == before["long_filled"]
    assert failed_checks(results, "btc_price")["no_hour_missing"] == "WARN"
    assert verdicts(results, "btc_liquidations")["no_hour_missing"].metadata["n"].value == 1
    assert told(results, "btc_price")[DAY]["missing_slots"] == 1


def test_a_hole_is_carried_for_three_hours_and_then_flagged(growing: Bitcoin) -> None:
    """Six hours missing in the middle: three carry the last value, three are gaps, and features go on after."""
    hours = ",".join(f"2021-03-09T{hour:02d}" for hour in range(5, 11))
    growing.desk.sandbox.fault(f"glassnode:missing_rows:dates={hours}")
    growing.at("2021-03-10T12:20:00Z")
    results = growing.run(*DAILY, first="2021-03-08", succeed=False)
    rows = growing.desk.read("btc_processed").filter(
        pl.col("ts").is_between(instant("2021-03-09 04:00"), instant("2021-03-09 11:00"))
    )
    assert rows["is_filled"].to_list() == [False, True, True, True, False, False, False, False]
    assert rows["is_gap"].to_list() == [False, False, False, False, True, True, True, False]
    assert rows["long_volume"].is_null().to_list() == rows["is_gap"].to_list()
    assert verdicts(results, "btc_liquidations")["no_hour_missing"].metadata["n"].value == 6


def test_zero_is_a_measured_zero(bitcoin: Bitcoin) -> None:
    """Some hours liquidate nothing: the vendor's zeros arrive as zeros, and are no gaps."""
    rows = bitcoin.desk.read("btc_liquidations")
    zeros = rows.filter((pl.col("long_liquidations") == 0) | (pl.col("short_liquidations") == 0))
    assert 0.05 < zeros.height / rows.height < 0.25
    processed = bitcoin.desk.read("btc_processed").join(zeros.select("ts"), on="ts", how="semi")
    assert not processed["is_gap"].any()
    assert not processed["is_filled"].any()


@pytest.mark.parametrize("fault", ["duplicates", "out_of_order", "off_hour"])
def test_disorder_of_rows_changes_no_value(growing: Bitcoin, fault: str) -> None:
    """Repeated, shuffled or badly stamped rows give the hours that a sound answer gives, and are counted."""
    growing.at("2021-03-10T12:20:00Z")
    growing.run("btc_price", first=DAY)
    sound = canonical(growing.desk.read("btc_price"), ["price"])
    for key in ("2021-03-09", "2021-03-10"):
        (growing.desk.home / "lake" / "btc_price" / f"{key}.parquet").unlink()
    growing.desk.sandbox.fault(f"glassnode:{fault}")
    results = growing.run("btc_price", first=DAY)
    again = canonical(growing.desk.read("btc_price"), ["price"])
    known = again.join(sound, on="ts", suffix="_sound").drop_nulls("price")
    assert (known["price"] == known["price_sound"]).all()
    (request,) = told(results, "btc_price")[DAY]["answers"]
    if fault == "off_hour":
        assert request["off_hour"] > 0
    else:
        assert again["price"].equals(sound["price"])
    if fault == "duplicates":
        assert request["duplicates"] > 0


def test_usd_instead_of_btc_is_noticed(growing: Bitcoin) -> None:
    """The unit is checked by its size: nothing else would show it."""
    growing.desk.sandbox.fault("glassnode:usd:match=liquidated")
    growing.at("2021-03-10T12:20:00Z")
    results = growing.run("btc_liquidations")
    failed = failed_checks(results, "btc_liquidations")
    assert failed.get("plausible_size") == "WARN"
    assert failed.get("no_revision") == "WARN"


def test_a_month_with_holes_blocks_what_follows_until_it_is_accepted(fresh: Bitcoin) -> None:
    """More than 5 % unknown: an error that blocks; the tag btc/accept_gap lets the run pass with a warning."""
    fresh.at("2021-02-10T12:20:00Z")
    fresh.desk.sandbox.fault("glassnode:nulls:match=liquidated")
    results = fresh.run(*TO_RPN, succeed=False)
    assert failed_checks(results, "btc_liquidations")["missing_share"] == "ERROR"
    assert fresh.desk.stored("btc_processed") == []
    results = fresh.run(*TO_RPN, tags={"btc/accept_gap": "outage of the vendor"})
    assert failed_checks(results, "btc_liquidations")["missing_share"] == "WARN"
    assert len(fresh.desk.stored("btc_rpn")) == 10
