"""What judgements read: the store, other symbols, the evening before, and what a run's own fetch noted."""

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.crypto.checks import CHECKS
from market_assets.crypto.schemas import CryptoKlines, CryptoOverlays, CryptoPaperTrades
from tests.desk import failed_checks, verdicts
from tests.market_assets.crypto.conftest import FIRST, LAST, SYMBOLS, Crypto

DAY = timedelta(days=1)
TODAY, YESTERDAY = str(LAST), str(LAST - DAY)
KLINES = CryptoKlines.contract()
#: the simulated venue was down from 14:10 to 14:17
OUTAGE = "2024-03-05"


def shown(crypto: Crypto, asset: str, check: str) -> str:
    """The rows that a check shows of the last run."""
    return str(verdicts(crypto.results[asset], asset)[check].metadata["rows"].value)


def judged(crypto: Crypto, asset: str, *names: str) -> dict[str, str]:
    """Checks of an asset over what is stored, without a run of the asset."""
    (of_asset,) = [one for one in CHECKS if {key.asset_key.to_user_string() for key in one.check_keys} == {asset}]
    selection = dg.AssetSelection.checks(*(key for key in of_asset.check_keys if key.name in names))
    resources = {"store": crypto.desk.store, "vendors": None}
    result = dg.materialize(
        [of_asset], instance=crypto.desk.instance, resources=resources, selection=selection, raise_on_error=False
    )
    return failed_checks([result], asset)


def test_what_every_coin_lacks_is_the_venues_outage(fresh: Crypto) -> None:
    """Seven minutes of 1,440 are a warning; of a coin asked later alone the stored one tells as much."""
    at = date.fromisoformat(OUTAGE)
    fresh.run("crypto_klines", keys=fresh.pairs(at, at))
    assert failed_checks(fresh.results["crypto_klines"], "crypto_klines") == {"minutes_complete": "WARN"}
    gap = "| 2024-03-05 14:10:00+00:00 | 2024-03-05 14:17:00+00:00 | 7 | outage |"
    assert [f"| {name} {gap}" in shown(fresh, "crypto_klines", "minutes_complete") for name in SYMBOLS] == [True, True]
    fresh.desk.sandbox.fault(
        f"binance_archive:missing_rows:dates={OUTAGE}T09", f"binance_usdm:missing_rows:dates={OUTAGE}T09"
    )
    fresh.run("crypto_klines", keys=[f"{OUTAGE}|SOLUSDT"])
    rows = shown(fresh, "crypto_klines", "minutes_complete")
    assert f"| SOLUSDT {gap}" in rows
    assert "| SOLUSDT | 2024-03-05 09:00:00+00:00 | 2024-03-05 10:00:00+00:00 | 60 | ours |" in rows


def test_five_percent_of_one_day_is_an_error_whatever_else_the_run_has(growing: Crypto) -> None:
    """Two hours of one coin are 8 % of its day and 1 % of the run."""
    growing.desk.sandbox.fault(
        f"binance_usdm:missing_rows:dates={TODAY}T01:symbol=ETHUSDT",
        f"binance_usdm:missing_rows:dates={TODAY}T02:symbol=ETHUSDT",
    )
    stored = growing.desk.store.read(KLINES, [f"{TODAY}|ETHUSDT"])
    hours = pl.col("ts").dt.hour().is_in([1, 2])
    growing.desk.store.write(KLINES, f"{TODAY}|ETHUSDT", stored.filter(~hours))
    growing.run("crypto_klines", keys=growing.pairs(LAST - DAY, LAST))
    assert failed_checks(growing.results["crypto_klines"], "crypto_klines") == {"minutes_complete": "ERROR"}
    assert "| ETHUSDT | 2024-10-05 01:00:00+00:00 | 2024-10-05 03:00:00+00:00 | 120 | ours |" in shown(
        growing, "crypto_klines", "minutes_complete"
    )


def test_an_archive_that_says_otherwise_is_told(growing: Crypto) -> None:
    """A day that was asked of the venue comes from the archive two nights later, and is compared with it."""
    growing.at("2024-10-06T04:00:00Z")
    key = f"{YESTERDAY}|BTCUSDT"
    growing.run("crypto_klines", keys=[key])
    verdict = verdicts(growing.results["crypto_klines"], "crypto_klines")["archive_agrees"]
    assert (verdict.passed, verdict.metadata["compared"].value) == (True, 1440)
    asked = growing.desk.store.read(KLINES, [key])
    growing.desk.store.write(
        KLINES,
        key,
        asked.with_columns(
            source=pl.lit("binance_rest-sandbox"),
            close=pl.when(pl.col("ts") == pl.col("ts").min()).then(pl.col("open")).otherwise("close"),
        ),
    )
    growing.run("crypto_klines", keys=[key])
    assert failed_checks(growing.results["crypto_klines"], "crypto_klines") == {"archive_agrees": "ERROR"}


def test_the_first_minute_is_compared_with_the_evening_before(growing: Crypto) -> None:
    """A day that closed 20 % lower, as it is stored, is a jump at midnight."""
    key = f"{YESTERDAY}|BTCUSDT"
    stored = growing.desk.store.read(KLINES, [key])
    growing.desk.store.write(KLINES, key, stored.with_columns(close=pl.col("low") * 0.8, low=pl.col("low") * 0.8))
    growing.run("crypto_klines", keys=[f"{TODAY}|BTCUSDT"])
    assert failed_checks(growing.results["crypto_klines"], "crypto_klines") == {"no_jumps": "WARN"}
    assert f"| BTCUSDT | {TODAY} 00:00:00+00:00 |" in shown(growing, "crypto_klines", "no_jumps")


def test_a_value_from_the_future_is_seen(growing: Crypto) -> None:
    """Overlays that are stored otherwise than the first half of their day gives them."""
    assert judged(growing, "crypto_overlays", "no_look_ahead") == {}
    contract, key = CryptoOverlays.contract(), f"{FIRST}|BTCUSDT"
    rows = growing.desk.store.read(contract, [key])
    ahead = rows.with_columns(ema_10=pl.col("ema_10").shift(-1).over("timeframe"))
    growing.desk.store.write(contract, key, ahead)
    assert judged(growing, "crypto_overlays", "no_look_ahead") == {"no_look_ahead": "ERROR"}


def test_positions_that_vanish_over_midnight_are_seen(growing: Crypto) -> None:
    """The evening before is read from the store, whatever days the run has."""
    contract = CryptoPaperTrades.contract()
    held = growing.desk.read("crypto_paper_trades", YESTERDAY).filter(row_kind="position", status="open")
    assert held.height > 0
    rows = growing.desk.store.read(contract, [TODAY])
    lost = rows.filter(~pl.col("trade_id").is_in(held["trade_id"].implode()))
    growing.desk.store.write(contract, TODAY, lost)
    failed = judged(growing, "crypto_paper_trades", "positions_carried", "equity_adds_up", "limits_kept")
    assert failed["positions_carried"] == "ERROR"
    assert "limits_kept" not in failed


def test_telemetry_is_judged_by_the_settings(growing: Crypto) -> None:
    """Less than any overlay takes is too little."""
    assert judged(growing, "crypto_feature_telemetry", "overlays_quick") == {}
    growing.desk.set(MARKET_ASSETS_CRYPTO__TELEMETRY__MAX_LATENCY_MS="0.000001")
    assert judged(growing, "crypto_feature_telemetry", "overlays_quick") == {"overlays_quick": "WARN"}


@pytest.mark.parametrize(
    ("crypto", "now", "expected"),
    [
        ({}, "2024-10-05T12:07:30Z", {}),
        ({}, "2024-10-05T12:12:31Z", {"candles_fresh": "WARN"}),
        ({}, "2024-10-05T12:20:01Z", {"candles_fresh": "ERROR"}),
        # asked every quarter of an hour: a candle of five minutes is as old as that at most
        ({"PROFILE": "swing"}, "2024-10-05T12:20:01Z", {}),
        ({"PROFILE": "swing"}, "2024-10-05T12:28:00Z", {"candles_fresh": "WARN"}),
        # the archive has the 4th on the 7th
        ({"LIVE": "false"}, "2024-10-07T04:30:00Z", {}),
        ({"LIVE": "false"}, "2024-10-08T14:00:00Z", {"candles_fresh": "WARN"}),
        ({"LIVE": "false"}, "2024-10-10T04:00:00Z", {"candles_fresh": "ERROR"}),
    ],
)
def test_freshness_is_judged_without_new_data(
    growing: Crypto, crypto: dict[str, str], now: str, expected: dict[str, str]
) -> None:
    """As old as the cadence allows, and where only the archive is asked as old as that is."""
    growing.desk.set(**{f"MARKET_ASSETS_CRYPTO__{name}": value for name, value in crypto.items()})
    growing.at(now)
    assert judged(growing, "crypto_timeframes", "candles_fresh") == expected


def test_a_coin_that_nobody_stored_is_stale(growing: Crypto) -> None:
    """It is listed and has no candle."""
    growing.desk.configure(crypto={"symbols": [*SYMBOLS, "SOLUSDT"]})
    assert judged(growing, "crypto_timeframes", "candles_fresh") == {"candles_fresh": "ERROR"}
