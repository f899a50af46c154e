"""The domain end to end: three instruments over real HTTP, through the graph, into the store."""

import shutil
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from market_assets.core import clock
from resources.sandbox.synthetic import SyntheticBackend
from resources.source_calls import SourceCalls
from tests.desk import told, verdicts
from tests.market_assets.bars.conftest import CHAIN, DERIVED, FIRST, LAST, NOW, SYMBOLS, Bars

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FRIDAY, TODAY = str(FIRST), str(LAST)
#: vendor's id at the first source -> house symbol
IDS = {"^NDX": "NAS100", "EURUSD=X": "EURUSD", "BTC-USD": "BTCUSD"}
#: minutes due by day, by hand: XNYS 13:30-20:00 UTC; currencies until Friday 21:00, from Sunday 21:00; 15:00 is the
#: last minute that is over and 60 s old at 15:02:30
DUE = {
    "NAS100": {FRIDAY: 390, "2026-10-03": 0, "2026-10-04": 0, TODAY: 91},
    "EURUSD": {FRIDAY: 21 * 60, "2026-10-03": 0, "2026-10-04": 180, TODAY: 901},
    "BTCUSD": {FRIDAY: 1440, "2026-10-03": 1440, "2026-10-04": 1440, TODAY: 901},
}


def test_every_minute_of_the_market_is_stored_once(bars: Bars) -> None:
    """Times and closes are those of the market, none lost, none doubled, what is not final left out."""
    rows = bars.desk.read("bars_minute")
    market, now = SyntheticBackend(seed=7).minute_market(), clock.instant(NOW)
    first_ms, now_ms = int(clock.instant(FIRST).timestamp() * 1000), int(now.timestamp() * 1000)
    for vendor_id, symbol in IDS.items():
        own = rows.filter(symbol=symbol).sort("ts")
        stated = market.bars(market.listed("yahoo")[vendor_id], "yahoo", first_ms, now_ms - 120_000, now_ms)
        assert own.height == sum(DUE[symbol].values())
        assert own["ts"].dt.epoch("ms").to_list() == stated.time_ms.tolist()
        # this source states prices with the noise of 32 bits
        assert own["close"].to_list() == pytest.approx(stated.close.tolist(), rel=1e-7)


def test_rows_say_where_they_come_from(bars: Bars) -> None:
    """The first choice served: level 0, asked for, of the configured kind; only the coin has a volume."""
    columns = ("source", "fallback_level", "origin", "instrument_kind", "basis_break")
    for symbol, kind, has_volume in (("NAS100", "index", False), ("EURUSD", "spot", False), ("BTCUSD", "crypto", True)):
        own = bars.desk.read("bars_minute").filter(symbol=symbol)
        assert own.select(columns).unique().rows() == [("yahoo-sandbox", 0, "rest", kind, False)]
        assert own["volume"].null_count() == (0 if has_volume else own.height)


def test_what_each_materialisation_tells(bars: Bars) -> None:
    """Section 5.10 of the common rules; a closed market has 0 rows, 0 expected, and is complete."""
    facts = told(bars.results["bars_minute"], "bars_minute")
    for symbol, days in DUE.items():
        for day, n in days.items():
            one = facts[f"{day}|{symbol}"]
            assert (one["dagster/row_count"], one["expected_rows"], one["missing_slots"]) == (n, n, 0), (day, symbol)
            assert one["complete"] is (day != TODAY)
            assert one["sources"] == ({"yahoo-sandbox": n} if n else {})
            assert (one["fallback_trace"] == "no minute is due") is (n == 0)
            assert len(one["digest"]) == 64
            assert one["bytes"] > 0
    # four days of a symbol are one request
    assert sum(one["requests"] for one in facts.values()) == 3
    assert facts[f"{FRIDAY}|BTCUSD"]["min_ts"].startswith("2026-10-02T00:00:00")
    assert {"config_hash", "revised_rows", "published_at"} <= set(facts[f"{TODAY}|BTCUSD"])


def test_indicators_and_features_have_one_row_a_bar(bars: Bars) -> None:
    """The same keys; the last close is the bar's own; volume-based values are null without a volume."""
    key = ["symbol", "ts"]
    minutes, values = bars.desk.read("bars_minute"), bars.desk.read("bars_indicators")
    features = bars.desk.read("bars_scanner_features")
    assert values.select(*key, "close").equals(minutes.select(*key, "close"))
    assert features.select(*key, "close").equals(minutes.select(*key, "close"))
    for symbol, has_volume in (("NAS100", False), ("EURUSD", False), ("BTCUSD", True)):
        assert (values.filter(symbol=symbol)["vwap"].count() > 0) is has_volume
        assert (features.filter(symbol=symbol)["rvol"].count() > 0) is has_volume
    # 300 bars before a day, and those of the day
    assert values.filter(symbol="BTCUSD")["bars_in_segment"].max() == 1740
    assert values.filter(pl.col("bars_in_segment") < 300)["is_warm"].any() is False
    # 40 common minutes with the index, of which the first has no return
    assert features.filter(symbol="BTCUSD")["corr_nas100"].count() > 1000
    assert features.filter(symbol="EURUSD")["corr_eurusd"].count() == 0
    assert set(features["feature_level"]) == {3}
    assert features["sentiment"].null_count() == features.height
    assert features["yield_curve"].null_count() == 0


def test_signals_end_and_their_outcomes_are_counted(bars: Bars) -> None:
    """Every outcome is of a stored signal, entered at the next open; n_outcomes is what was settled by then."""
    of = ["symbol", "alpha_id", "strategy_version", "signal_time"]
    signals, outcomes = bars.desk.read("bars_signals"), bars.desk.read("bars_outcomes")
    assert signals.height > outcomes.height > 50
    assert outcomes.join(signals, on=of, how="anti").is_empty()
    opens = bars.desk.read("bars_minute").select("symbol", entry_ts="ts", opened="open")
    entered = outcomes.join(opens, on=["symbol", "entry_ts"])
    assert entered["entry_price"].to_list() == entered["opened"].to_list()
    assert (entered["entry_ts"] >= entered["signal_time"]).all()
    for row in signals.sort(of)[-20:].iter_rows(named=True):
        before = outcomes.filter(
            pl.col("symbol") == row["symbol"],
            pl.col("alpha_id") == row["alpha_id"],
            pl.col("settled_at") <= row["signal_time"],
        )
        wins = before.filter(outcome="win").height
        assert row["n_outcomes"] == before.height
        assert row["p_win"] == pytest.approx((wins + 1) / (before.height + 2))
    assert set(signals.filter(pl.col("n_outcomes") < 30)["grade"]) == {"unproven"}
    assert set(signals["profile"]) == {"relaxed"}


def test_a_second_source_was_compared_on_each_day_with_minutes(bars: Bars) -> None:
    """The next of the same kind: Alpha Vantage has no index."""
    rows = bars.desk.read("bars_reconciliation")
    others = {"NAS100": "twelvedata-sandbox", "EURUSD": "alphavantage-sandbox", "BTCUSD": "alphavantage-sandbox"}
    found = rows.select("symbol", pl.col("day").cast(pl.String), "other_source", "n_stored", "status").rows()
    expected = [(s, day, others[s], n, "ok") for s in sorted(DUE) for day, n in DUE[s].items() if n]
    assert sorted(found) == expected


def test_macro_series_are_known_after_their_lag(bars: Bars) -> None:
    """Four of them, from the first day that is set; a yield of Thursday is released on Friday evening."""
    rows = bars.desk.read("bars_macro_daily")
    assert set(rows["series"]) == {"usd_index", "vix", "ust10y", "ust2y"}
    assert rows["obs_date"].min() == date(2026, 5, 1)
    (vix,) = rows.filter(series="vix", obs_date=date(2026, 10, 1)).to_dicts()
    assert vix["available_at"] == datetime.fromisoformat("2026-10-02T22:00:00Z")
    assert set(rows["source"]) == {"fred-sandbox"}
    # the last feature of Friday does not know what was released that evening; those of Sunday do
    features = bars.desk.read("bars_scanner_features").filter(symbol="BTCUSD").sort("ts")
    before, after = (
        features.filter(pl.col("ts") < at)["vix_z"][-1]
        for at in (vix["available_at"] - MINUTE, clock.instant("2026-10-03"))
    )
    assert before != after == vix["z_60"]


def test_health_is_one_row_a_source_and_day(growing: Bars) -> None:
    """What the sources noted, what they served, and how they compared, by hand."""
    calls, at = SourceCalls(growing.desk.home), clock.instant(f"{FRIDAY}T12:00:00Z")
    calls.note("yahoo", "ok", at, n=9, rows=3090, credits=9, latency_ms=100.0)
    calls.note("yahoo", "error", at, latency_ms=200.0, credits=1, error="503 of the vendor")
    calls.note("polygon", "disabled", at, n=4)
    growing.run("bars_source_health", keys=[FRIDAY])
    rows = {row["source"]: row for row in growing.desk.read("bars_source_health", FRIDAY).to_dicts()}
    assert set(rows) == {f"{name}-sandbox" for name in ("yahoo", "alphavantage", "twelvedata", "polygon")}
    yahoo, polygon = rows["yahoo-sandbox"], rows["polygon-sandbox"]
    assert (yahoo["total_calls"], yahoo["ok"], yahoo["error"], yahoo["success_rate"]) == (10, 9, 1, 0.9)
    assert (yahoo["rows_served"], yahoo["share_of_rows"], yahoo["is_healthy"]) == (390 + 1260 + 1440, 1.0, True)
    assert yahoo["latency_p95_ms"] == pytest.approx(200.0, rel=0.01)
    assert (yahoo["credits_used"], yahoo["last_error"]) == (10, "503 of the vendor")
    assert yahoo["trust_score"] == pytest.approx(0.9 * yahoo["mean_quality"] * yahoo["agreement_ratio"])
    assert (polygon["skipped"], polygon["success_rate"], polygon["is_healthy"]) == (4, None, None)
    # trust is of the comparisons of as many days as are set: Monday's, and those of Sunday
    growing.desk.set(MARKET_ASSETS_BARS__TRUST_DAYS="1")
    growing.run("bars_source_health", keys=[TODAY])
    monday = growing.desk.read("bars_source_health", TODAY).filter(source="yahoo-sandbox")
    assert monday["n_compared"].to_list() == [91 + 901 + 901 + 180 + 1440]


def test_nothing_is_to_be_said_against_it(bars: Bars) -> None:
    """Every check passes but one: each symbol has a run of its own, and the first finds the others not stored yet."""
    failed = {
        (asset, name): check.severity.value
        for asset, results in bars.results.items()
        for name, check in verdicts(results, asset).items()
        if not check.passed
    }
    assert failed == {("bars_minute", "minutes_fresh"): "ERROR"}
    compared = verdicts(bars.results["bars_indicators"], "bars_indicators")["replay_agrees"].metadata["compared"]
    # the last one is the index, whose session has 390
    assert compared.value == 390
    looked = verdicts(bars.results["bars_scanner_features"], "bars_scanner_features")["no_look_ahead"].metadata
    assert looked["rows_compared"].value > 100


def test_asking_again_changes_nothing(growing: Bars) -> None:
    """Digests stay, so that nothing downstream is stale; of the running day nobody is asked."""
    before = growing.digests(*CHAIN)
    keys = [f"{FRIDAY}|BTCUSD", f"{TODAY}|BTCUSD"]
    growing.desk.sandbox.heal()
    minutes = growing.run("bars_minute", keys=keys[:1]) + growing.run(*CHAIN, keys=keys[1:])
    facts = told(minutes, "bars_minute")
    assert {one["unchanged"] for one in facts.values()} == {True}
    assert facts[keys[1]]["fallback_trace"] == "nothing is missing"
    assert sum(growing.desk.sandbox.asked("yahoo").values()) == 1
    assert growing.digests(*CHAIN) == before


def test_day_by_day_is_what_one_range_gives(growing: Bars) -> None:
    """Bit for bit, from indicators to outcomes, which settle over midnight."""
    at_once = growing.digests(*DERIVED)
    for table in DERIVED:
        shutil.rmtree(growing.desk.home / "lake" / table)
    for first, last in ((FIRST, FIRST), (FIRST + DAY, LAST - DAY), (LAST, LAST)):
        growing.run(*DERIVED, keys=growing.pairs(first, last, ["BTCUSD"]))
    own = {key: digest for key, digest in at_once.items() if key[1].endswith("BTCUSD")}
    assert growing.digests(*DERIVED) == own
    outcomes = growing.desk.read("bars_outcomes")
    assert outcomes.filter(pl.col("signal_time").dt.date() < pl.col("settled_day")).height > 0


def test_the_day_goes_on_as_minutes_close(growing: Bars) -> None:
    """Ten minutes later ten more are there; those before stay as they were."""
    key = f"{TODAY}|EURUSD"
    before = growing.desk.read("bars_minute", key)
    growing.at("2026-10-05T15:12:30Z")
    facts = told(growing.run("bars_minute", keys=[key]), "bars_minute")[key]
    after = growing.desk.read("bars_minute", key)
    assert after.height == before.height + 10
    assert after.head(before.height).equals(before)
    assert (facts["new_rows"], facts["revised_rows"]) == (10, 0)


def test_a_correction_replaces_prices(growing: Bars) -> None:
    """The source states a day's closes otherwise: new values replace old ones, and how many is told."""
    key = f"{FRIDAY}|NAS100"
    growing.desk.sandbox.fault(f"yahoo:correction:date={FRIDAY}:factor=1.001:symbol=NAS100")
    before = growing.desk.read("bars_minute", key)
    facts = told(growing.run("bars_minute", keys=[key]), "bars_minute")[key]
    assert facts["revised_rows"] == 390
    assert facts["revised_max_rel_diff"] == pytest.approx(0.001, rel=0.05)
    after = growing.desk.read("bars_minute", key)
    assert (after["close"] / before["close"]).to_list() == pytest.approx([1.001] * 390, rel=1e-6)


def test_every_partition_is_stored(bars: Bars) -> None:
    """Those of days on which a market was closed as well."""
    assert sorted(bars.desk.stored("bars_minute")) == sorted(bars.pairs(symbols=SYMBOLS))
