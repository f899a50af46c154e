"""The domain from the vendor's wire to the status of symbols, as Dagster materialises it and a user reads it."""

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, cast

import dagster as dg
import polars as pl
import pytest

from market_assets.equities.assets import ASSETS
from tests.desk import Desk, failed_checks, reason, told, verdicts
from tests.market_assets.equities.conftest import SYMBOLS, TUESDAY, YEARS, Chain

SPLIT_DAY, GAP_DAY = date(2022, 6, 6), date(2023, 2, 2)
#: sessions of the New York exchange in these years (its published calendar)
SESSIONS = {2022: 251, 2023: 250}
BARS = dg.AssetKey("equities_daily_bars")


def test_stored_bars_are_what_the_vendor_said(chain: Chain) -> None:
    """Every price and volume of the wire is in the table under its New York date, marked as the sandbox's."""
    wire = chain.desk.sandbox.aggregates("SPLT", "2022-01-01", "2023-12-31")
    said = [
        (datetime.fromtimestamp(row["t"] / 1000, UTC).date(), *(float(row[name]) for name in "ohlcv")) for row in wire
    ]
    stored = chain.desk.read("equities_daily_bars", where={"symbol": "SPLT"})
    assert stored.select("session_date", "open", "high", "low", "close", "volume").rows() == said
    assert stored.select("source", "price_basis", "fallback_level", "timeframe").unique().rows() == [
        ("polygon-sandbox", "unadjusted", 0, "1d")
    ]


def test_every_partition_has_every_session(chain: Chain) -> None:
    """251 sessions in 2022, 250 in 2023; a halt of three days is missing and stays missing."""
    rows = {
        key: facts["dagster/row_count"]
        for key, facts in told(chain.results["equities_daily_bars"], "equities_daily_bars").items()
    }
    assert rows == {f"{s}|{y}": SESSIONS[y] - 3 * ((s, y) == ("HALT", 2022)) for s in SYMBOLS for y in YEARS}
    assert sorted(rows) == chain.desk.stored("equities_daily_bars")


def test_one_request_series_per_symbol(chain: Chain) -> None:
    """Both years of a symbol come with one request, and the event says so."""
    facts = told(chain.results["equities_daily_bars"], "equities_daily_bars")["AAPL|2022"]
    assert facts["requests"] == 1
    assert facts["fallback_trace"] == "polygon: 501 rows, 1 page(s), 1 request(s)"


def test_each_event_tells_its_own_partition(chain: Chain) -> None:
    """Rows, span, sessions due and missing, sources, digest: numbers of the partition, not of the run."""
    facts = told(chain.results["equities_daily_bars"], "equities_daily_bars")
    halted = facts["HALT|2022"]
    assert (halted["min_ts"], halted["max_ts"]) == ("2022-01-03", "2022-12-30")
    assert (halted["dagster/row_count"], halted["expected_rows"], halted["missing_slots"]) == (248, 251, 3)
    assert halted["sources"] == {"polygon-sandbox": 248}
    assert (halted["duplicates"], halted["quarantined_rows"], halted["revised_rows"]) == (0, 0, 0)
    assert halted["complete"] is True
    assert facts["AAPL|2022"]["missing_slots"] == 0
    assert len({entry["digest"] for entry in facts.values()}) == len(facts)


@pytest.mark.parametrize("asset", [spec.key.to_user_string() for asset in ASSETS for spec in asset.specs])
def test_every_check_passes_on_a_sound_market(chain: Chain, asset: str) -> None:
    """A halt that both vendors confirm and one earnings gap are no reason to warn."""
    results = chain.results.get(asset) or chain.desk.materialize(asset)
    assert len(verdicts(results, asset)) >= 2
    assert failed_checks(results, asset) == {}


def test_checks_judge_the_partitions_of_their_run(desk: Desk) -> None:
    """With two symbols stored, a run of one of them has its checks read 250 rows, and says which partition."""
    desk.list_symbols("AAPL", "SPLT")
    desk.materialize("equities_daily_bars", keys=["AAPL|2023", "SPLT|2023"])
    results = desk.materialize("equities_daily_bars", keys=["SPLT|2023"])
    seen = verdicts(results, "equities_daily_bars")["contract"].metadata
    assert (seen["rows"].value, seen["partitions"].value) == (250, "SPLT|2023")


def test_a_split_day_is_no_gap(chain: Chain) -> None:
    """2-for-1 on 2022-06-06: the open is compared with half of Friday's close, so nothing is flagged."""
    raw = chain.desk.read("equities_daily_bars", where={"symbol": "SPLT"}, start="2022-06-03", end=SPLIT_DAY)
    scored = chain.desk.read("equities_scored_bars", where={"symbol": "SPLT"}, start=SPLIT_DAY, end=SPLIT_DAY)
    friday_close, split_open = raw["close"][0], raw["open"][1]
    row = scored.row(0, named=True)
    assert row["prev_close_ref"] == pytest.approx(friday_close / 2, rel=1e-12)
    assert row["gap_ratio"] == pytest.approx(split_open / (friday_close / 2) - 1, rel=1e-12)
    assert split_open / friday_close < 0.6
    assert (row["flag_gap"], row["flag_suspect_split"], row["quality_score"]) == (False, False, 1.0)


def test_an_earnings_gap_is_kept_and_not_validated(chain: Chain) -> None:
    """12 % overnight costs 0.20: the bar is stored with score 0.80 at most, not validated, gap named."""
    row = chain.desk.read("equities_scored_bars", where={"symbol": "EGAP"}, start=GAP_DAY, end=GAP_DAY).row(
        0, named=True
    )
    assert row["gap_ratio"] == pytest.approx(0.12, abs=0.005)
    assert row["quality_score"] <= 0.80
    assert row["validated"] is False
    assert "flag_gap" in row["issues"]


def test_adjusted_prices_by_hand(chain: Chain) -> None:
    """Before a 2-for-1 prices are halved and volumes doubled; from the split day on they are as traded."""
    raw = chain.desk.read("equities_daily_bars", where={"symbol": "SPLT"})
    adjusted = chain.desk.read("equities_adjusted_bars", where={"symbol": "SPLT"})
    factor = pl.when(pl.col("session_date") < SPLIT_DAY).then(0.5).otherwise(1.0)
    by_hand = raw.select(
        "session_date", factor=factor, close=pl.col("close") * factor, volume=pl.col("volume") / factor
    )
    assert adjusted["split_factor"].to_list() == by_hand["factor"].to_list()
    assert adjusted["close_split"].to_list() == pytest.approx(by_hand["close"].to_list(), rel=1e-12)
    assert adjusted["volume_split"].to_list() == pytest.approx(by_hand["volume"].to_list(), rel=1e-12)
    read_adjusted = chain.desk.read("equities_daily_bars", where={"symbol": "SPLT"}, adjust="split")
    assert read_adjusted["close"].to_list() == pytest.approx(by_hand["close"].to_list(), rel=1e-12)


def test_total_return_takes_each_dividend_off_the_earlier_prices(chain: Chain) -> None:
    """Over the last dividend of 2023 the factor before is 1 - amount / previous close, after it 1."""
    paid = chain.desk.read(
        "equities_corporate_actions", where={"symbol": "AAPL", "kind": "cash_dividend"}, end="2023-12-31"
    )
    last = paid.row(-1, named=True)
    raw = chain.desk.read("equities_daily_bars", where={"symbol": "AAPL"}).filter(
        pl.col("session_date") < last["ex_date"]
    )
    adjusted = chain.desk.read("equities_adjusted_bars", "2023", where={"symbol": "AAPL"})
    before = adjusted.filter(pl.col("session_date") < last["ex_date"]).row(-1, named=True)
    assert before["total_factor"] == pytest.approx(1 - last["amount"] / raw["close"][-1], rel=1e-12)
    assert adjusted["total_factor"][-1] == 1.0


def test_a_halt_is_a_gap_with_its_cause(chain: Chain) -> None:
    """Three sessions that no vendor has are one explained gap, no_trade; nothing else is missing."""
    found = chain.desk.read("equities_gaps")
    assert found.select("symbol", "gap_start", "gap_end", "n_sessions", "cause", "status").rows() == [
        ("HALT", date(2022, 3, 8), date(2022, 3, 10), 3, "no_trade", "explained")
    ]


def test_features_are_of_adjusted_prices_over_both_years(chain: Chain) -> None:
    """Returns and averages cross the new year and the split; the warm-up is null, never filled."""
    prices = chain.desk.read("equities_adjusted_bars", where={"symbol": "SPLT"})["close_total"].to_list()
    rows = chain.desk.read("equities_features", where={"symbol": "SPLT"})
    assert rows["ret_1d"][0] is None
    assert rows["ret_1d"].to_list()[1:] == pytest.approx(
        [now / before - 1 for before, now in pairwise(prices)], rel=1e-9
    )
    first_of_2023 = SESSIONS[2022]
    assert rows["sma_20"][first_of_2023] == pytest.approx(sum(prices[first_of_2023 - 19 : first_of_2023 + 1]) / 20)
    assert rows["sma_200"].null_count() == 199
    assert rows["label_fwd_5d"].to_list()[-5:] == [None] * 5


def test_the_second_source_agrees(chain: Chain) -> None:
    """Every session is compared on the unadjusted basis, also before the split that Yahoo adjusts for."""
    rows = chain.desk.read("equities_reconciliation")
    assert rows.height == sum(SESSIONS.values()) * len(SYMBOLS) - 3
    assert rows.select("source_a", "source_b").unique().rows() == [("polygon-sandbox", "yahoo-sandbox")]
    assert set(rows["status"]) <= {"ok", "investigate"}
    before_split = rows.filter(pl.col("symbol") == "SPLT", pl.col("session_date") < SPLIT_DAY)
    assert before_split.filter(pl.col("close_a") - pl.col("close_b") > 0.01 * pl.col("close_a")).is_empty()


def test_status_of_a_fresh_symbol_is_healthy(chain: Chain) -> None:
    """On the morning of 2024-01-02 the session of 2023-12-29 is the newest due, and it is stored."""
    rows = chain.desk.read("equities_symbol_status")
    assert rows["symbol"].to_list() == list(SYMBOLS)
    assert rows.select("latest_session", "sessions_behind", "status", "n_open_gaps").unique().rows() == [
        (date(2023, 12, 29), 0, "healthy", 0)
    ]
    assert dict(rows.select("symbol", "n_rows").iter_rows())["HALT"] == 498


def test_dagster_reads_the_same_rows(chain: Chain) -> None:
    """`defs.load_asset_value` and ours agree."""
    with dg.DagsterInstance.ephemeral() as instance:
        found = chain.desk.defs.load_asset_value("equities_adjusted_bars", partition_key="2023", instance=instance)
    assert chain.desk.read("equities_adjusted_bars", "2023").equals(cast(pl.DataFrame, found))


def test_unchanged_input_is_the_same_partition(desk: Desk) -> None:
    """The same answer later gives the same digest and is told as unchanged; the file is not touched."""
    desk.list_symbols("AAPL")
    first = told(desk.materialize("equities_daily_bars", keys=["AAPL|2023"]), "equities_daily_bars")
    before = desk.bytes_of("equities_daily_bars")
    desk.set(MARKET_ASSETS_NOW="2024-06-16T12:00:00Z")
    second = told(desk.materialize("equities_daily_bars", keys=["AAPL|2023"]), "equities_daily_bars")
    assert second["AAPL|2023"]["digest"] == first["AAPL|2023"]["digest"]
    assert (first["AAPL|2023"]["unchanged"], second["AAPL|2023"]["unchanged"]) == (False, True)
    assert desk.bytes_of("equities_daily_bars") == before


def test_a_late_correction_replaces_the_close_and_keeps_the_old_one(desk: Desk) -> None:
    """One corrected close is one revised row; the new value is read, the old one as of the day before."""
    desk.set(MARKET_ASSETS_NOW=TUESDAY)
    desk.list_symbols("AAPL")
    desk.materialize("equities_daily_bars", keys=["AAPL|2023"])
    day: dict[str, Any] = {"where": {"symbol": "AAPL"}, "start": "2023-12-28", "end": "2023-12-28"}
    stated = desk.read("equities_daily_bars", **day)["close"][0]
    desk.set(MARKET_ASSETS_NOW="2024-01-06T03:00:00Z")
    desk.sandbox.fault("polygon:correction:symbol=AAPL:date=2023-12-28:factor=1.01")
    facts = told(desk.materialize("equities_daily_bars", keys=["AAPL|2023"]), "equities_daily_bars")["AAPL|2023"]
    assert (facts["revised_rows"], facts["new_rows"], facts["removed_rows"]) == (1, 0, 0)
    assert facts["revised_max_rel_diff"] == pytest.approx(0.01, rel=1e-3)
    assert desk.read("equities_daily_bars", **day)["close"][0] == pytest.approx(stated * 1.01, abs=1e-4)
    assert desk.read("equities_daily_bars", **day, as_of="2024-01-05")["close"][0] == stated


def test_one_failing_symbol_costs_only_itself(desk: Desk) -> None:
    """The run fails and names it; the others are stored, and Dagster knows them as materialised."""
    keys = [f"{symbol}|{year}" for symbol in ("AAPL", "EGAP", "SPLT") for year in YEARS]
    desk.list_symbols("AAPL", "EGAP", "SPLT")
    desk.sandbox.fault("polygon:500:symbol=EGAP", "yahoo:500:symbol=EGAP")
    (failed,) = desk.materialize("equities_daily_bars", keys=keys, succeed=False)
    assert not failed.success
    assert "1 of 3 request series failed, 2 stored. EGAP 2022-2023:" in reason(failed)
    assert "HTTP 500" in reason(failed)
    finished = {key for key in keys if not key.startswith("EGAP")}
    assert set(desk.stored("equities_daily_bars")) == finished
    assert desk.instance.get_materialized_partitions(BARS) == finished
    logged = desk.instance.fetch_materializations(BARS, limit=10).records
    rows = {
        record.partition_key: record.asset_materialization.metadata["dagster/row_count"].value
        for record in logged
        if record.asset_materialization
    }
    assert rows == {f"{symbol}|{year}": SESSIONS[year] for symbol in ("AAPL", "SPLT") for year in YEARS}


def test_a_retry_asks_only_for_what_is_missing(desk: Desk) -> None:
    """Re-executing the failed range makes one request series, the failed symbol's, and ends complete."""
    keys = [f"{symbol}|{year}" for symbol in ("AAPL", "EGAP", "SPLT") for year in YEARS]
    desk.list_symbols("AAPL", "EGAP", "SPLT")
    desk.sandbox.fault("polygon:500:symbol=EGAP", "yahoo:500:symbol=EGAP")
    (failed,) = desk.materialize("equities_daily_bars", keys=keys, succeed=False)
    before = desk.bytes_of("equities_daily_bars")
    desk.sandbox.heal()
    again = desk.retry(failed, keys)
    assert again.success, reason(again)
    assert desk.sandbox.asked("polygon") == {"/v2/aggs/ticker/EGAP/range/1/day/2022-01-01/2023-12-31": 1}
    assert desk.sandbox.asked("yahoo") == {}
    assert desk.instance.get_materialized_partitions(BARS) == set(keys)
    after = desk.bytes_of("equities_daily_bars")
    assert {name: after[name] for name in before} == before
    assert len(after) == len(keys)


def test_a_fresh_run_of_the_same_range_asks_for_everything(desk: Desk) -> None:
    """Only a retry skips: whoever materialises anew wants the vendor asked."""
    desk.list_symbols("AAPL", "SPLT")
    keys = ["AAPL|2023", "SPLT|2023"]
    desk.materialize("equities_daily_bars", keys=keys)
    desk.sandbox.heal()
    desk.materialize("equities_daily_bars", keys=keys)
    assert sorted(path.split("/")[4] for path in desk.sandbox.asked()) == ["AAPL", "SPLT"]


def test_what_was_known_keeps_its_first_instant(desk: Desk) -> None:
    """A dividend seen in January keeps January as first_seen_at when April's run adds the next one."""
    desk.set(MARKET_ASSETS_NOW=TUESDAY)
    desk.list_symbols("AAPL")
    desk.materialize("equities_daily_bars", keys=["AAPL|2023"])
    desk.materialize("equities_corporate_actions", keys=["AAPL"])
    known = desk.read("equities_corporate_actions")
    assert known["first_seen_at"].unique().to_list() == [datetime(2024, 1, 2, 12, tzinfo=UTC)]
    april = datetime(2024, 4, 30, 12, tzinfo=UTC)
    desk.set(MARKET_ASSETS_NOW=april.isoformat())
    desk.materialize("equities_corporate_actions", keys=["AAPL"])
    grown = desk.read("equities_corporate_actions")
    new = grown.join(known, on=["kind", "ex_date"], how="anti")
    assert new.height >= 1
    assert new["first_seen_at"].unique().to_list() == [april]
    kept = grown.join(known, on=["kind", "ex_date"], how="semi")
    assert kept["first_seen_at"].to_list() == known["first_seen_at"].to_list()


def test_a_withdrawn_action_stays(desk: Desk) -> None:
    """A split that the vendor states no more is kept, marked withdrawn, and warned about."""
    desk.list_symbols("SPLT")
    desk.materialize("equities_daily_bars", keys=["SPLT|2022"])
    desk.materialize("equities_corporate_actions", keys=["SPLT"])
    desk.sandbox.fault("polygon:missing_actions:dates=2022-06-06")
    results = desk.materialize("equities_corporate_actions", keys=["SPLT"])
    splits = desk.read("equities_corporate_actions", where={"kind": "split"})
    assert splits.select("ex_date", "split_ratio", "withdrawn").rows() == [
        (SPLIT_DAY, 2.0, True),
        (date(2024, 3, 11), 3.0, False),
    ]
    assert failed_checks(results, "equities_corporate_actions") == {"actions_withdrawn": "WARN"}


def test_an_announced_split_is_not_applied(desk: Desk) -> None:
    """On 2024-03-01 the 3-for-1 of 2024-03-11 is known and applied to nothing; on its day it is."""
    desk.set(MARKET_ASSETS_NOW="2024-03-01T12:00:00Z")
    desk.list_symbols("SPLT")
    desk.materialize("equities_daily_bars", keys=["SPLT|2024"])
    desk.materialize("equities_corporate_actions", keys=["SPLT"])
    desk.materialize("equities_scored_bars", keys=["SPLT|2024"])
    desk.materialize("equities_adjusted_bars", keys=["2024"])
    assert date(2024, 3, 11) in desk.read("equities_corporate_actions", where={"kind": "split"})["ex_date"].to_list()
    assert desk.read("equities_adjusted_bars", "2024")["split_factor"].unique().to_list() == [1.0]
    desk.set(MARKET_ASSETS_NOW="2024-03-12T12:00:00Z")
    raw = desk.read("equities_daily_bars")
    assert desk.read("equities_daily_bars", adjust="split")["close"].to_list() == pytest.approx(
        (raw["close"] / 3).to_list()
    )
    assert (
        desk.read("equities_daily_bars", adjust="split", as_of="2024-03-05")["close"].to_list()
        == raw["close"].to_list()
    )


def test_coins_and_indices_have_their_own_days_ids_and_volumes(desk: Desk) -> None:
    """BTC-USD asks X:BTCUSD and has 365 days; VIX asks I:VIX, has 250 sessions and no volume."""
    desk.list_symbols({"symbol": "BTC-USD", "asset_class": "crypto"}, {"symbol": "VIX", "asset_class": "index"})
    results = desk.materialize("equities_daily_bars", keys=["BTC-USD|2023", "VIX|2023"])
    assert sorted(path.split("/")[4] for path in desk.sandbox.asked()) == ["I:VIX", "X:BTCUSD"]
    rows = {key: facts["dagster/row_count"] for key, facts in told(results, "equities_daily_bars").items()}
    assert rows == {"BTC-USD|2023": 365, "VIX|2023": 250}
    assert desk.read("equities_daily_bars", where={"symbol": "VIX"})["volume"].null_count() == 250
    assert failed_checks(results, "equities_daily_bars") == {}


def test_a_session_in_progress_is_not_stored(desk: Desk) -> None:
    """At noon in New York on 2024-06-14 the newest stored session is the day before."""
    desk.set(MARKET_ASSETS_NOW="2024-06-14T16:00:00Z")
    desk.list_symbols("AAPL")
    facts = told(desk.materialize("equities_daily_bars", keys=["AAPL|2024"]), "equities_daily_bars")["AAPL|2024"]
    assert (facts["max_ts"], facts["complete"]) == ("2024-06-13", False)


def test_a_year_after_delisting_is_known_to_be_empty(desk: Desk) -> None:
    """DLST left on 2023-06-30: 2024 is stored without rows, expected none, and asked nothing."""
    desk.list_symbols({"symbol": "DLST", "valid_to": date(2023, 6, 30)})
    facts = told(desk.materialize("equities_daily_bars", keys=["DLST|2024"]), "equities_daily_bars")["DLST|2024"]
    assert (facts["dagster/row_count"], facts["expected_rows"], facts["requests"]) == (0, 0, 0)
    assert desk.stored("equities_daily_bars") == ["DLST|2024"]
    assert desk.sandbox.asked() == {}
