"""Alpha Vantage on the wire, over a real socket, against recorded bodies: all of it with status 200."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.resources.sandbox.bar_host import NOW, BarHost
from tests.resources.sandbox.wire import shape

PAIR = {"from_symbol": "EUR", "to_symbol": "USD", "interval": "1min"}
RATE = {"from_currency": "BTC", "to_currency": "USD"}
STOCK = {"symbol": "AAPL", "interval": "1min", "extended_hours": "false"}


def recorded(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "recorded" / "alpha_vantage" / name).read_text())


def said(shared_data: Path, case: str) -> Any:
    """The body of a recorded refusal."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    return json.loads(next(one["body"] for one in lines if (one["vendor"], one["case"]) == ("alpha_vantage", case)))


def series(body: dict[str, Any]) -> dict[str, dict[str, str]]:
    (name,) = (name for name in body if name != "Meta Data")
    found: dict[str, dict[str, str]] = body[name]
    return found


def test_stock_minutes_have_the_recorded_shape(bars: BarHost, shared_data: Path):
    """Members, their numbers, the zone without an offset; 100 minutes unless all are asked for."""
    body, example = bars.alphavantage("TIME_SERIES_INTRADAY", **STOCK), recorded(shared_data, "mock_time_series.json")
    assert list(body) == list(example)
    assert shape(body["Meta Data"]) == shape(example["Meta Data"])
    assert body["Meta Data"]["6. Time Zone"] == example["Meta Data"]["6. Time Zone"] == "US/Eastern"
    ours, theirs = (next(iter(series(one).values())) for one in (body, example))
    assert shape(ours) == shape(theirs)
    assert (len(series(body)), body["Meta Data"]["5. Output Size"]) == (100, "Compact")
    assert next(iter(series(body))) == body["Meta Data"]["3. Last Refreshed"] == "2026-10-05 11:30:00"


def test_a_month_of_a_stock_is_new_yorks(bars: BarHost):
    """September 2026 has 21 sessions of 390 minutes, from 09:30 on the 1st to 15:59 on the 30th."""
    stamps = list(series(bars.alphavantage("TIME_SERIES_INTRADAY", **STOCK, outputsize="full", month="2026-09")))
    assert (len(stamps), stamps[0], stamps[-1]) == (21 * 390, "2026-09-30 15:59:00", "2026-09-01 09:30:00")
    assert stamps == sorted(stamps, reverse=True)
    assert bars.alphavantage("TIME_SERIES_INTRADAY", **STOCK, month="2027-01") == {}


def test_minutes_of_a_pair(bars: BarHost):
    """Newest first by UTC, prices as text, no volume; all are the last thirty days."""
    body = bars.alphavantage("FX_INTRADAY", **PAIR, outputsize="full")
    meta, rows = body["Meta Data"], series(body)
    assert list(body) == ["Meta Data", "Time Series FX (1min)"]
    assert list(meta.values()) == [
        "FX Intraday (1min) Time Series", "EUR", "USD", "2026-10-05 15:30:00", "1min", "Full size", "UTC",
    ]  # fmt: skip
    assert next(iter(rows)) == "2026-10-05 15:30:00"
    assert min(rows) == "2026-09-06 21:00:00"
    assert list(rows) == sorted(rows, reverse=True)
    assert list(next(iter(rows.values()))) == ["1. open", "2. high", "3. low", "4. close"]
    assert all(len(price) == len("1.16000") for row in rows.values() for price in row.values())
    assert series(bars.alphavantage("FX_INTRADAY", **PAIR)) == dict(list(rows.items())[:100])


def test_minutes_of_a_coin(bars: BarHost):
    """Whole days, with volume; the running minute goes on with the clock."""
    asked = {"symbol": "LOAD009", "market": "USD", "interval": "1min", "outputsize": "full"}
    body = bars.alphavantage("CRYPTO_INTRADAY", **asked)
    assert list(body["Meta Data"])[1:5] == [
        "2. Digital Currency Code", "3. Digital Currency Name", "4. Market Code", "5. Market Name",
    ]  # fmt: skip
    rows = series(body)
    assert len(rows) == 29 * 1440 + 15 * 60 + 31
    bars.clock.at = NOW + timedelta(minutes=1)
    later = series(bars.alphavantage("CRYPTO_INTRADAY", **{**asked, "outputsize": "compact"}))
    assert [at for at, row in later.items() if rows.get(at, row) != row] == ["2026-10-05 15:30:00"]
    assert float(later["2026-10-05 15:30:00"]["5. volume"]) > float(rows["2026-10-05 15:30:00"]["5. volume"])


def test_a_rate_has_the_recorded_shape(bars: BarHost, shared_data: Path):
    """The recorded members, and since 2019 a bid and an ask around the rate; the instant to the second."""
    rate = bars.alphavantage("CURRENCY_EXCHANGE_RATE", **RATE)["Realtime Currency Exchange Rate"]
    example = recorded(shared_data, "mock_foreign_exchange.json")["Realtime Currency Exchange Rate"]
    later = {"8. Bid Price", "9. Ask Price"}
    assert shape({name: rate[name] for name in rate if name not in later}) == shape(example)
    assert rate["6. Last Refreshed"] == "2026-10-05 15:30:20"
    assert float(rate["8. Bid Price"]) < float(rate["5. Exchange Rate"]) < float(rate["9. Ask Price"])
    newest = next(
        iter(series(bars.alphavantage("CRYPTO_INTRADAY", symbol="BTC", market="USD", interval="1min")).values())
    )
    assert float(newest["4. close"]) == pytest.approx(float(rate["5. Exchange Rate"]), abs=0.01)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("FX_INTRADAY", {**PAIR, "to_symbol": "XXX"}),
        ("FX_INTRADAY", {**PAIR, "interval": "1h"}),
        ("CRYPTO_INTRADAY", {"symbol": "EUR", "market": "USD", "interval": "1min"}),
        ("TIME_SERIES_INTRADAY", {**STOCK, "month": "2026"}),
        ("CURRENCY_EXCHANGE_RATE", {"from_currency": "XAU", "to_currency": "USD"}),
        ("TIME_SERIES_DAILY", {"symbol": "AAPL"}),
    ],
)
def test_calls_that_are_invalid(bars: BarHost, shared_data: Path, function: str, options: dict[str, str]):
    """Unknown symbols, functions and options: the recorded words, naming the function."""
    words = said(shared_data, "unknown_symbol_or_bad_call")["Error Message"]
    assert bars.alphavantage(function, **options) == {"Error Message": words.replace("TIME_SERIES_DAILY", function)}


@pytest.mark.parametrize("key", ["", "bad"])
def test_an_unknown_key(bars: BarHost, shared_data: Path, key: str):
    """None, and one that is none."""
    assert bars.alphavantage("FX_INTRADAY", **PAIR, apikey=key) == said(shared_data, "bad_key")


def test_a_free_key_asks_for_rates_once_a_second(bars: BarHost, shared_data: Path):
    """The second rate of a second is refused, whatever the plan's day still has; minutes are of premium plans."""
    key = {"apikey": "free-burst"}
    answers = [bars.alphavantage("CURRENCY_EXCHANGE_RATE", **RATE, **key) for _ in range(4)]
    assert "Realtime Currency Exchange Rate" in answers[0]
    assert said(shared_data, "burst_limit") in answers[1:]
    premium = bars.alphavantage("FX_INTRADAY", **PAIR, apikey="free-minutes")["Information"]
    assert "premium endpoint" in premium


def test_a_free_key_has_25_requests_a_day(bars: BarHost, shared_data: Path):
    """The 26th is refused in words that repeat the key."""
    answers = [bars.alphavantage("CURRENCY_EXCHANGE_RATE", **RATE, apikey="free-DEMOKEY123") for _ in range(26)]
    expected = json.dumps(said(shared_data, "daily_limit")).replace("DEMOKEY123", "free-DEMOKEY123")
    assert answers[25] == json.loads(expected)
    assert answers[25] not in answers[:25]


def test_a_key_with_a_limit_a_minute(new_bars: BarHost, shared_data: Path):
    """The words of until 2024."""
    answers = [new_bars.alphavantage("CURRENCY_EXCHANGE_RATE", **RATE, apikey="limited-2-key") for _ in range(5)]
    assert said(shared_data, "old_minute_limit") in answers
    assert "Realtime Currency Exchange Rate" in answers[0]
