"""Yahoo's minutes and last prices on the wire, over a real socket, against recorded bodies."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.resources.sandbox.bar_host import DAY_MS, DAY_START_MS, MINUTE_MS, MINUTE_START_MS, NOW, NOW_MS, BarHost
from tests.resources.sandbox.test_yahoo import error, recorded
from tests.resources.sandbox.wire import shape

SPARK = "/yahoo/v7/finance/spark"
WEEKEND = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
FRIDAY_MS = DAY_START_MS - 3 * DAY_MS


def test_chart_has_the_recorded_shape(bars: BarHost, shared_data: Path):
    """Every key and type of the recorded weekend, which has no `timestamp`; rows are those of a recorded day."""
    weekend = bars.yahoo("AAPL", FRIDAY_MS + DAY_MS, FRIDAY_MS + 2 * DAY_MS)
    assert shape(weekend) == shape(recorded(shared_data, WEEKEND))
    friday = bars.yahoo("AAPL", FRIDAY_MS, FRIDAY_MS + DAY_MS)
    day = recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json")
    assert shape(friday["indicators"]["quote"]) == shape(day["indicators"]["quote"])
    assert "adjclose" not in friday["indicators"]
    assert friday["meta"]["dataGranularity"] == "1m"


@pytest.mark.parametrize(
    ("symbol", "kind", "zone", "rows", "measured"),
    [
        ("%5ENDX", "INDEX", "America/New_York", 390, False),
        ("NQ=F", "FUTURE", "America/New_York", 1260, True),
        ("EURUSD=X", "CURRENCY", "Europe/London", 1260, False),
        ("BTC-USD", "CRYPTOCURRENCY", "UTC", 1440, True),
        ("LOAD123-USD", "CRYPTOCURRENCY", "UTC", 1440, True),
    ],
)
def test_a_friday_of_every_kind(bars: BarHost, symbol: str, kind: str, zone: str, rows: int, measured: bool):
    """Minutes of its session, in seconds on the grid; volume is 0 where none is measured and whole elsewhere."""
    result = bars.yahoo(symbol, FRIDAY_MS, FRIDAY_MS + DAY_MS)
    quote, stamps = result["indicators"]["quote"][0], result["timestamp"]
    assert (result["meta"]["instrumentType"], result["meta"]["exchangeTimezoneName"]) == (kind, zone)
    assert len(stamps) == len(quote["close"]) == rows
    assert {stamp % 60 for stamp in stamps} == {0}
    assert all(isinstance(volume, int) and (volume > 0) == measured for volume in quote["volume"])


def test_the_live_price_is_a_row_off_the_grid(bars: BarHost):
    """At 15:30:20 the last row is stamped so, with one price and no volume; the minute 15:30 has no row of its own."""
    result = bars.yahoo("EURUSD=X", MINUTE_START_MS - 5 * MINUTE_MS, NOW_MS + MINUTE_MS)
    *closed, live = result["timestamp"]
    assert closed == [MINUTE_START_MS // 1000 - 60 * back for back in range(5, 0, -1)]
    assert live == NOW_MS // 1000
    quote = result["indicators"]["quote"][0]
    prices = {quote[name][-1] for name in ("open", "high", "low", "close")}
    assert (len(prices), quote["volume"][-1]) == (1, 0)
    assert prices.pop() == pytest.approx(result["meta"]["regularMarketPrice"], rel=1e-6)
    assert len(bars.yahoo("EURUSD=X", MINUTE_START_MS - MINUTE_MS, MINUTE_START_MS)["timestamp"]) == 1


def test_daily_bars_are_what_they_were(bars: BarHost):
    """`interval=1d` of an id that has minutes too; without an interval as well."""
    for options in ({"interval": "1d"}, {}):
        result = bars.get("/yahoo/v8/finance/chart/BTC-USD", range="5d", **options)["chart"]["result"][0]
        assert result["meta"]["dataGranularity"] == "1d"


def test_windows_that_are_too_long_or_too_old(bars: BarHost, shared_data: Path):
    """422 in the recorded words; seven days and thirty days are served."""
    words = json.loads(error(shared_data, "1m_window_too_long")["body"])
    first, until = DAY_START_MS // 1000 - 8 * 86_400, DAY_START_MS // 1000
    span = {"interval": "1m", "period1": first, "period2": until}
    said = bars.get("/yahoo/v8/finance/chart/BTC-USD", 422, **span)
    expected = (
        words["chart"]["error"]["description"].replace("1420099200", str(first)).replace("1514707200", str(until))
    )
    assert said["chart"]["error"] == {**words["chart"]["error"], "description": expected}
    span |= {"period1": first - 23 * 86_400, "period2": first - 22 * 86_400}
    said = bars.get("/yahoo/v8/finance/chart/BTC-USD", 422, **span)["chart"]["error"]
    assert said["description"].endswith("The requested range must be within the last 30 days.")
    assert len(bars.yahoo("BTC-USD", NOW_MS - 30 * DAY_MS, NOW_MS - 23 * DAY_MS)["timestamp"]) == 7 * 1440
    assert len(bars.get("/yahoo/v8/finance/chart/BTC-USD", interval="1m", range="5d")["chart"]["result"]) == 1


def test_unknown_symbol(bars: BarHost, shared_data: Path):
    """404 with the recorded body; gold as a currency is unknown, as at the vendor."""
    assert bars.get("/yahoo/v8/finance/chart/XAUUSD=X", 404, interval="1m") == json.loads(
        error(shared_data, "unknown_symbol")["body"]
    )


def test_spark_has_a_result_a_symbol(bars: BarHost):
    """The agreed members; unknown symbols are left out; the day's closes are those of the chart."""
    body = bars.get(SPARK, symbols="^NDX,NONE,EURUSD=X,NQ=F", range="1d", interval="1m")["spark"]
    assert (body["error"], [one["symbol"] for one in body["result"]]) == (None, ["^NDX", "EURUSD=X", "NQ=F"])
    index, currency, future = (one["response"][0] for one in body["result"])
    assert (currency["meta"]["symbol"], currency["meta"]["range"]) == ("EURUSD=X", "1d")
    assert currency["meta"]["regularMarketTime"] == NOW_MS // 1000
    assert (index["meta"]["regularMarketVolume"], future["meta"]["regularMarketVolume"] > 100_000) == (0, True)
    chart = bars.yahoo("%5ENDX", DAY_START_MS, MINUTE_START_MS)
    assert index["timestamp"] == chart["timestamp"]
    assert index["indicators"]["quote"] == [{"close": chart["indicators"]["quote"][0]["close"]}]


def test_spark_goes_on_with_the_clock(bars: BarHost):
    """Prices of the seconds of a minute lie in its bar and end at its close; then it is one of the closed ones."""

    def asked() -> tuple[float, int]:
        one = bars.get(SPARK, symbols="BTC-USD", range="1d", interval="1m")["spark"]["result"][0]["response"][0]
        return one["meta"]["regularMarketPrice"], len(one["timestamp"])

    seen = []
    for second in (0, 18, 42):
        bars.clock.at = NOW.replace(second=second)
        seen.append(asked())
    bars.clock.at = NOW.replace(second=59, microsecond=999_999)
    seen.append(asked())
    bars.clock.at = NOW.replace(second=0) + timedelta(minutes=1)
    after = bars.yahoo("BTC-USD", MINUTE_START_MS, MINUTE_START_MS + MINUTE_MS)["indicators"]["quote"][0]
    prices = [price for price, _ in seen]
    for name, price in (("open", prices[0]), ("high", max(prices)), ("low", min(prices)), ("close", prices[-1])):
        assert after[name][0] == pytest.approx(price, rel=1e-5)
    assert [length for _, length in seen] == [930] * 4
    assert asked()[1] == 931


def test_spark_refuses_what_it_does_not_serve(bars: BarHost):
    """More than 20 symbols, other ranges; 404 where it knows none; 429 to what is no browser."""
    twenty_one = ",".join(f"LOAD{number:03d}-USD" for number in range(21))
    assert bars.get(SPARK, 400, symbols=twenty_one)["spark"]["error"]["code"] == "Bad Request"
    assert bars.get(SPARK, 422, symbols="BTC-USD", range="5d")["spark"]["result"] is None
    assert bars.get(SPARK, 404, symbols="NONE")["spark"]["error"]["code"] == "Not Found"
    assert httpx.get(f"{bars.http.base_url}{SPARK}?symbols=BTC-USD").status_code == 429


def test_a_closed_market_keeps_its_price_and_instant(bars: BarHost):
    """On Saturday the price of Friday's last minute, at Friday 21:00 UTC, and no live row."""
    bars.clock.at = NOW - timedelta(days=2)
    meta = bars.get(SPARK, symbols="EURUSD=X")["spark"]["result"][0]["response"][0]["meta"]
    friday = bars.yahoo("EURUSD=X", FRIDAY_MS, FRIDAY_MS + 2 * DAY_MS)
    assert meta["regularMarketTime"] == (FRIDAY_MS + 21 * 3_600_000) // 1000
    assert friday["timestamp"][-1] == meta["regularMarketTime"] - 60
    assert friday["indicators"]["quote"][0]["close"][-1] == pytest.approx(meta["regularMarketPrice"], rel=1e-6)
