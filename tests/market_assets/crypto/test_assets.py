"""The domain end to end: two coins over real HTTP, through the graph, into the store."""

import contextlib
import shutil
import time
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.partitions import Span
from market_assets.crypto import assets
from market_assets.settings import settings
from resources.crypto_fetch import CryptoFetch
from resources.partition_fetch import Unit
from resources.sandbox.synthetic import SyntheticBackend
from resources.vendors.registry import Vendors
from tests.desk import reason, told, verdicts
from tests.market_assets.crypto.conftest import CHAIN, FIRST, LAST, NOON, QUICK, SYMBOLS, Crypto, configured

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TODAY, YESTERDAY = str(LAST), str(LAST - DAY)
#: what is computed from candles, in the order of the graph
DERIVED = CHAIN[1:]
#: 12:06 is the last minute that is over and five seconds old at 12:07:20
MINUTES_TODAY = 12 * 60 + 7


def test_every_minute_of_the_market_is_stored_once(crypto: Crypto) -> None:
    """Times and closes are those of the market, none lost, none doubled, the running minute left out."""
    rows = crypto.desk.read("crypto_klines")
    for symbol in SYMBOLS:
        own = rows.filter(symbol=symbol).sort("ts")
        now, first = clock.instant(NOON), clock.instant(f"{FIRST}")
        market = SyntheticBackend(seed=7).candles("binance_usdm", symbol, first, now - MINUTE, now)
        expected = pl.from_epoch(pl.Series(market.time_ms), "ms").dt.replace_time_zone("UTC").dt.cast_time_unit("us")
        assert own.height == 3 * 1440 + MINUTES_TODAY
        assert own["ts"].to_list() == expected.to_list()[: own.height]
        assert own["close"].to_list() == pytest.approx(market.close[: own.height].tolist(), rel=1e-12)


def test_closed_days_come_from_the_archive_and_later_ones_from_the_venue(crypto: Crypto) -> None:
    """A day is in the archive a day after its end."""
    by_day = crypto.desk.read("crypto_klines").group_by(pl.col("ts").dt.date().cast(pl.String)).agg(
        pl.col("source").unique()
    )  # fmt: skip
    archived, asked = ["binance_archive-sandbox"], ["binance_rest-sandbox"]
    assert dict(by_day.iter_rows()) == {"2024-10-02": archived, "2024-10-03": archived, YESTERDAY: asked, TODAY: asked}


def test_the_running_day_is_what_is_over_and_not_complete(crypto: Crypto) -> None:
    """727 minutes at 12:07:20; a closed day is 1,440 and complete."""
    facts = told(crypto.results["crypto_klines"], "crypto_klines")
    running, closed = facts[f"{TODAY}|BTCUSDT"], facts[f"{YESTERDAY}|BTCUSDT"]
    assert (running["dagster/row_count"], running["expected_rows"], running["complete"]) == (
        MINUTES_TODAY,
        MINUTES_TODAY,
        False,
    )
    assert (closed["dagster/row_count"], closed["expected_rows"], closed["complete"]) == (1440, 1440, True)
    newest = dict(
        crypto.desk.read("crypto_timeframes").group_by("timeframe").agg(pl.col("available_at").max()).iter_rows()
    )
    assert {name: f"{at:%d %H:%M}" for name, at in newest.items()} == {
        "5m": "05 12:05", "15m": "05 12:00", "1h": "05 12:00", "4h": "05 12:00", "1d": "05 00:00",
    }  # fmt: skip


def test_no_candle_stands_there_without_its_last_minute(growing: Crypto) -> None:
    """Three seconds after 12:10 the minute of 12:09 is not final, so that of 12:05 is not there; four later it is."""
    keys = [f"{TODAY}|BTCUSDT"]
    for now, newest in (("12:10:03", "12:00"), ("12:10:07", "12:05")):
        growing.at(f"{TODAY}T{now}Z")
        growing.run("crypto_klines", "crypto_timeframes", keys=keys)
        last = growing.desk.read("crypto_timeframes", *keys).filter(timeframe="5m").sort("ts")
        assert (f"{last['ts'][-1]:%H:%M}", last["n_minutes"][-1]) == (newest, 5)


def test_a_tick_at_the_full_minute_waits_until_it_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the running day, up to the grace of 5 s; not of days that are over, nor where the clock stands still."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    crypto = settings().crypto
    for at, day in (("12:10:02", LAST), ("12:10:05", LAST), ("12:10:02", FIRST)):
        with clock.frozen(f"{TODAY}T{at}Z"):
            assets._await_last_minute(Span([day]), crypto)
            with monkeypatch.context() as runs:
                runs.setattr(clock, "is_stopped", lambda: False)
                assets._await_last_minute(Span([day]), crypto)
    assert slept == [3.0]


def test_an_hour_is_its_sixty_minutes(crypto: Crypto) -> None:
    """The hour from 10:00, by hand from the minutes."""
    at = datetime.fromisoformat(f"{TODAY}T10:00:00Z")
    minutes = crypto.desk.read("crypto_klines").filter(pl.col("symbol") == "ETHUSDT").sort("ts")
    hour = minutes.filter(pl.col("ts").is_between(at, at + 59 * MINUTE))
    (candle,) = crypto.desk.read("crypto_timeframes").filter(symbol="ETHUSDT", timeframe="1h", ts=at).to_dicts()
    assert (candle["open"], candle["close"]) == (hour["open"][0], hour["close"][-1])
    assert (candle["high"], candle["low"]) == (hour["high"].max(), hour["low"].min())
    assert candle["taker_buy_base"] == pytest.approx(hour["taker_buy_base"].sum(), rel=1e-12)
    (then,) = minutes.filter(pl.col("ts") == at + 59 * MINUTE - DAY)["close"]
    assert candle["change_24h_pct"] == pytest.approx(100 * (hour["close"][-1] / then - 1), rel=1e-12)


def test_every_candle_has_overlays_and_every_quarter_a_decision(crypto: Crypto) -> None:
    """One row a candle; what they cost is told of every overlay, timeframe and day."""
    key = ["symbol", "timeframe", "ts"]
    candles, overlays = crypto.desk.read("crypto_timeframes"), crypto.desk.read("crypto_overlays")
    assert overlays.select(key).equals(candles.select(key))
    signals = crypto.desk.read("crypto_signals")
    assert signals.select(key).equals(candles.filter(timeframe="15m").select(key))
    assert set(signals["action"]) == {"ENTER_LONG", "ENTER_SHORT", "HOLD"}
    spent = crypto.desk.read("crypto_feature_telemetry")
    # 7 overlays of 5 timeframes on 3 days and of 4 on the running one
    assert spent.height == len(SYMBOLS) * 7 * (3 * 5 + 4)
    assert spent["latency_ms"].min() > 0  # type: ignore[operator]


def test_advice_is_the_labelled_stand_in(crypto: Crypto) -> None:
    """Switched off as it is by default: one line of rules a call and tradeable signal, and no model's name."""
    advice, signals = crypto.desk.read("crypto_advice"), crypto.desk.read("crypto_signals").filter("is_tradeable")
    assert set(advice["advisor_source"]) == {"rule"}
    assert set(advice["model"]) == {None}
    of_signals = advice.filter(call="signal").select("symbol", "ts", "action").sort("symbol", "ts")
    assert of_signals.equals(signals.select("symbol", "ts", "action").sort("symbol", "ts"))


def test_the_account_trades_what_is_tradeable(crypto: Crypto) -> None:
    """Every tradeable signal is a position, a refused order, or waits; filled at the next minute's open."""
    rows, signals = crypto.desk.read("crypto_paper_trades"), crypto.desk.read("crypto_signals").filter("is_tradeable")
    orders = rows.filter(pl.col("row_kind") != "account")
    assert set(orders.select("symbol", "signal_time").rows()) == set(signals.select("symbol", "signal_time").rows())
    entered = rows.filter(row_kind="position").unique("trade_id")
    assert entered.height > 5
    assert (entered["entry_ts"] == entered["signal_time"]).all()
    minutes = crypto.desk.read("crypto_klines").select("symbol", entry_ts="ts", opened="open")
    paid = entered.join(minutes, on=["symbol", "entry_ts"]).with_columns(
        slipped=pl.col("opened") * pl.when(pl.col("side") == "long").then(1.0005).otherwise(0.9995)
    )
    assert paid["entry_price"].to_list() == pytest.approx(paid["slipped"].to_list(), rel=1e-12)


def test_a_day_without_a_tradeable_signal_is_an_account_row(crypto: Crypto) -> None:
    """Nothing was traded on the first day: the account is as it opened, with the day's closes."""
    (row,) = crypto.desk.read("crypto_paper_trades", str(FIRST)).to_dicts()
    assert (row["row_kind"], row["equity_start"], row["equity_end"]) == ("account", 10_000.0, 10_000.0)
    assert all(symbol in row["closes_31d"] for symbol in SYMBOLS)


def test_metrics_are_of_the_days_that_are_over(crypto: Crypto) -> None:
    """As of yesterday: the running day has no closing equity."""
    metrics = crypto.desk.read("crypto_success_metrics")
    assert set(metrics["as_of_day"]) == {LAST - DAY}
    (whole,) = metrics.filter(scope="ALL", window="all").to_dicts()
    rows = crypto.desk.read("crypto_paper_trades").filter(pl.col("day") < LAST)
    closed = rows.filter(row_kind="position", status="closed")
    assert (whole["n_obs"], whole["n_trades"]) == (3, closed.height)
    equity = rows.filter(row_kind="account", day=LAST - DAY)["equity_end"][0]
    assert whole["total_pnl"] == pytest.approx(equity - 10_000.0)


def test_only_what_was_set_so_is_to_be_said_against_it(crypto: Crypto) -> None:
    """Every check passes but three.

    A look-back shorter than regimes need leaves them unknown; three votes of six on quarters of an hour are more
    signals than ten coins should give, and the market is a random one.
    """
    failed = {
        (asset, name): check.severity.value
        for asset, results in crypto.results.items()
        for name, check in verdicts(results, asset).items()
        if not check.passed
    }
    assert failed == {
        ("crypto_overlays", "regime_known"): "WARN",
        ("crypto_signals", "signals_expected"): "WARN",
        ("crypto_success_metrics", "win_rate_bearable"): "WARN",
    }


def test_asking_again_without_news_changes_nothing(growing: Crypto) -> None:
    """Digests stay, so that nothing downstream is stale; of the running day only what is missing is asked for."""
    tables = (*CHAIN, "crypto_paper_trades")
    before = growing.digests(*tables)
    growing.desk.sandbox.heal()
    results = growing.run(*CHAIN, keys=growing.pairs(LAST, LAST))
    growing.run("crypto_paper_trades", keys=[TODAY])
    for asset in ("crypto_klines", "crypto_timeframes", "crypto_overlays", "crypto_signals"):
        assert {facts["unchanged"] for facts in told(results, asset).values()} == {True}, asset
    assert growing.digests(*tables) == before
    trace = told(results, "crypto_klines")
    assert trace[f"{TODAY}|BTCUSDT"]["fallback_trace"] == "nothing is missing"


def test_a_correction_revises_everything_after_it(growing: Crypto) -> None:
    """The venue states ten o'clock of yesterday otherwise: new values replace old ones, and how many is told."""
    before = growing.digests(*CHAIN, "crypto_paper_trades")
    growing.desk.sandbox.fault(f"binance_usdm:correction:date={YESTERDAY}T10:factor=1.03:symbol=BTCUSDT:match=klines")
    results = growing.run(*CHAIN, keys=[f"{YESTERDAY}|BTCUSDT"])
    facts = told(results, "crypto_klines")[f"{YESTERDAY}|BTCUSDT"]
    assert facts["revised_rows"] == 60
    # the highest close of the hour moves by 3 % as the others do
    assert facts["differing_max_rel_diff"] == pytest.approx(0.03, rel=0.05)
    growing.run(*DERIVED, keys=[f"{TODAY}|BTCUSDT"])
    growing.run("crypto_paper_trades", keys=growing.days(LAST - DAY, LAST))
    after = growing.digests(*CHAIN, "crypto_paper_trades")
    changed = {key for key, digest in after.items() if digest != before[key]}
    both = {(table, f"{day}|BTCUSDT") for table in CHAIN for day in (YESTERDAY, TODAY)}
    # what was asked for anew today said the same; cost has no digest
    untouched = {("crypto_klines", f"{TODAY}|BTCUSDT")} | {
        ("crypto_feature_telemetry", f"{day}|BTCUSDT") for day in (YESTERDAY, TODAY)
    }
    assert both - untouched <= changed
    assert {partition for _, partition in changed} <= {f"{YESTERDAY}|BTCUSDT", f"{TODAY}|BTCUSDT", YESTERDAY, TODAY}


def test_day_by_day_is_what_one_range_gives(growing: Crypto) -> None:
    """Bit for bit, from timeframes to the account, which carries positions over midnight."""
    tables = (*DERIVED, "crypto_paper_trades")
    at_once, positions = growing.digests(*tables), growing.desk.read("crypto_paper_trades", TODAY)
    for table in tables:
        shutil.rmtree(growing.desk.home / "lake" / table)
    for first, last in ((FIRST, FIRST + DAY), (LAST - DAY, LAST - DAY), (LAST, LAST)):
        growing.run(*DERIVED, keys=growing.pairs(first, last))
        growing.run("crypto_paper_trades", keys=growing.days(first, last))
    assert growing.digests(*tables) == at_once
    carried = positions.filter(pl.col("row_kind") == "position", pl.col("entry_ts").dt.date() < LAST)
    assert carried.height > 0


def test_the_day_goes_on_as_candles_close(growing: Crypto) -> None:
    """A quarter of an hour later fifteen minutes more are there, and only those were asked for."""
    growing.at("2024-10-05T12:22:20Z")
    before = growing.desk.read("crypto_klines", f"{TODAY}|BTCUSDT")
    results = growing.run(*CHAIN, keys=[f"{TODAY}|{name}" for name in SYMBOLS])
    after = growing.desk.read("crypto_klines", f"{TODAY}|BTCUSDT")
    assert after.height == before.height + 15
    assert after.head(before.height).equals(before)
    trace = told(results, "crypto_klines")[f"{TODAY}|BTCUSDT"]["fallback_trace"]
    # the page ends with the running minute, which is dropped
    assert "15 rows, 1 request" in trace


def test_a_coin_that_fails_costs_its_own_partitions(growing: Crypto) -> None:
    """The other is stored, what was stored of the failing one stays, and the run says which it was."""
    before = growing.desk.read("crypto_klines", f"{TODAY}|ETHUSDT")
    growing.at("2024-10-05T12:22:20Z")
    growing.desk.sandbox.fault("binance_usdm:500:symbol=ETHUSDT")
    (result,) = growing.run("crypto_klines", keys=[f"{TODAY}|{name}" for name in SYMBOLS], succeed=False)
    assert not result.success
    assert "ETHUSDT" in reason(result)
    assert growing.desk.read("crypto_klines", f"{TODAY}|ETHUSDT").equals(before)
    assert growing.desk.read("crypto_klines", f"{TODAY}|BTCUSDT").height == MINUTES_TODAY + 15
    sources = growing.desk.read("crypto_klines")["source"].unique()
    assert sources.str.ends_with("-sandbox").all()


def test_a_day_before_the_listing_has_no_rows_and_is_no_failure(fresh: Crypto) -> None:
    """POLUSDT began on 2024-09-13; every table of the day before is there, and empty."""
    key = "2024-09-12|POLUSDT"
    fresh.run(*CHAIN, keys=[key])
    for table in CHAIN:
        assert fresh.desk.stored(table) == [key], table
        assert fresh.desk.read(table, key).is_empty()
    facts = told(fresh.results["crypto_klines"], "crypto_klines")[key]
    assert (facts["expected_rows"], facts["complete"], facts["requests"]) == (0, True, 0)


def test_a_coin_that_was_renamed_has_no_rows_after_its_end(fresh: Crypto) -> None:
    """MATICUSDT ended on 2024-09-11: its last day is whole, 2024-10-01 has no row and does not fail."""
    found, now = fresh.desk.settings, clock.instant(NOON)
    with contextlib.closing(Vendors(found)) as vendors:
        asked = CryptoFetch(found, vendors, fresh.desk.store, now)
        days = ("2024-09-10", "2024-09-11", "2024-10-01")
        brought = asked.klines(Unit("MATICUSDT", tuple(f"{day}|MATICUSDT" for day in days)))
    assert [frame.height for frame in brought.frames.values()] == [1440, 0, 0]
    assert [facts["expected_rows"] for facts in brought.metadata.values()] == [1440, 0, 0]


def test_an_account_needs_the_day_before(growing: Crypto) -> None:
    """A day left out is said, with what to do; nothing is stored."""
    growing.at("2024-10-08T00:10:00Z")
    growing.run(*CHAIN, keys=growing.pairs(date(2024, 10, 7), date(2024, 10, 7)))
    (result,) = growing.run("crypto_paper_trades", keys=["2024-10-07"], succeed=False)
    said = reason(result)
    assert "materialise crypto_paper_trades of 2024-10-06 first" in said
    assert "crypto.paper.start_day" in said
    assert "2024-10-07" not in growing.desk.stored("crypto_paper_trades")


def test_an_account_opens_anew_under_other_rules(growing: Crypto) -> None:
    """`reset paper account` of the runbook: a new version and first day; old rows stay, and no check objects."""
    before = growing.desk.read("crypto_paper_trades", YESTERDAY)
    assert before.filter(row_kind="position", status="open").height > 0
    configured(
        growing.desk, signals={**QUICK["signals"], "strategy_version": 2}, paper={**QUICK["paper"], "start_day": TODAY}
    )
    growing.run("crypto_signals", keys=growing.pairs(LAST, LAST))
    results = growing.run("crypto_paper_trades", keys=[TODAY])
    (account,) = growing.desk.read("crypto_paper_trades", TODAY).filter(row_kind="account").to_dicts()
    assert (account["equity_start"], account["strategy_version"]) == (10_000.0, 2)
    assert growing.desk.read("crypto_paper_trades", YESTERDAY).equals(before)
    assert [name for name, check in verdicts(results, "crypto_paper_trades").items() if not check.passed] == []
