"""Polygon's minutes and snapshots on the wire, over a real socket, against recorded bodies."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.resources.sandbox.bar_host import DAY_MS, DAY_START_MS, MINUTE_MS, MINUTE_START_MS, NOW, NOW_MS, BarHost
from tests.resources.sandbox.test_polygon import assert_error, error, recorded
from tests.resources.sandbox.wire import shape

SNAPSHOT = "/polygon/v3/snapshot"
FRIDAY_MS = DAY_START_MS - 3 * DAY_MS


def snapshot(bars: BarHost, *tickers: str, **options: Any) -> dict[str, Any]:
    asked = {"ticker.any_of": ",".join(tickers), "limit": 250, "apiKey": "some-key", **options}
    body: dict[str, Any] = bars.get(SNAPSHOT, **asked)
    return body


def test_stock_minutes_have_the_recorded_shape(bars: BarHost, shared_data: Path):
    """The body of days is the body of minutes."""
    body = bars.polygon("AAPL", "2026-10-02", "2026-10-02")
    assert shape(body) == shape(recorded(shared_data, "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json"))
    assert (body["resultsCount"], body["results"][0]["t"]) == (390, FRIDAY_MS + 13 * 3_600_000 + 30 * MINUTE_MS)


def test_each_kind_states_what_it_has(bars: BarHost):
    """Currencies count quotes, as many as `n` says; an index has neither volume nor count, nor has its body."""
    pair = bars.polygon("C:EURUSD", FRIDAY_MS, FRIDAY_MS + DAY_MS - 1)
    assert len(pair["results"]) == 1260
    assert all(row["v"] == row["n"] >= 1 for row in pair["results"])
    index = bars.polygon("I:NDX", "2026-10-02", "2026-10-02")
    assert set(index) == {"ticker", "queryCount", "results", "status", "request_id", "count"}
    assert set(index["results"][0]) == {"o", "c", "h", "l", "t"}
    coin = bars.polygon("X:LOAD500USD", FRIDAY_MS, FRIDAY_MS + DAY_MS - 1)["results"]
    assert len(coin) == 1440
    assert all(row["l"] <= row["vw"] <= row["h"] for row in coin)


def test_both_ends_are_included_and_dates_are_whole_days(bars: BarHost):
    """From one instant to the same there is one minute; a date of an index is a day of Chicago."""
    ten = FRIDAY_MS + 10 * 3_600_000
    assert [row["t"] for row in bars.polygon("X:BTCUSD", ten, ten)["results"]] == [ten]
    first = bars.polygon("X:BTCUSD", "2026-10-02", "2026-10-02", limit=1)["results"]
    assert [row["t"] for row in first] == [FRIDAY_MS]
    sunday = bars.polygon("C:EURUSD", "2026-10-04", "2026-10-04")["results"]
    assert [sunday[0]["t"], len(sunday)] == [DAY_START_MS - 3 * 3_600_000, 180]


def test_pages_follow_each_other(bars: BarHost):
    """`next_url` is absolute, has no key, and goes on where the page ended; the short last page has none."""
    whole = bars.polygon("X:BTCUSD", FRIDAY_MS, FRIDAY_MS + 100 * MINUTE_MS - 1)["results"]
    for sort, expected in (("asc", whole), ("desc", whole[::-1])):
        body = bars.polygon("X:BTCUSD", FRIDAY_MS, FRIDAY_MS + 100 * MINUTE_MS - 1, limit=40, sort=sort)
        found = [body]
        while "next_url" in found[-1]:
            assert "some-key" not in found[-1]["next_url"]
            found.append(bars.get(f"{found[-1]['next_url']}&apiKey=some-key"))
        assert [len(page["results"]) for page in found] == [40, 40, 20]
        assert [row for page in found for row in page["results"]] == expected
    assert "next_url" not in bars.polygon("X:BTCUSD", FRIDAY_MS, FRIDAY_MS + 40 * MINUTE_MS - 1, limit=40)


def test_the_running_minute_is_there_as_far_as_it_has_come(bars: BarHost):
    """At 15:30:20 the minute 15:30 has its open and a third of its volume; it changes until it is over."""
    running = bars.polygon("X:BTCUSD", MINUTE_START_MS, NOW_MS)["results"]
    bars.clock.at = NOW + timedelta(minutes=1)
    (done,) = bars.polygon("X:BTCUSD", MINUTE_START_MS, NOW_MS)["results"]
    assert [row["t"] for row in running] == [MINUTE_START_MS]
    assert running[0]["o"] == done["o"]
    assert running[0]["v"] == pytest.approx(done["v"] / 3, abs=0.001)
    assert done["l"] <= running[0]["l"] <= running[0]["c"] <= running[0]["h"] <= done["h"]


def test_nothing_found_has_no_results(bars: BarHost, shared_data: Path):
    """A weekend of a stock, and an unknown ticker: 200 without `results`, as recorded."""
    weekend = bars.polygon("AAPL", "2026-10-03", "2026-10-04")
    assert (weekend["queryCount"], "results" in weekend) == (0, False)
    unknown = error(shared_data, "unknown_ticker_or_no_data")
    answer = bars.http.get("/polygon/v2/aggs/ticker/ZZZZ/range/1/minute/2026-10-02/2026-10-02?apiKey=k")
    assert_error(answer, unknown)


def test_refusals(bars: BarHost, shared_data: Path):
    """Keys without a plan for minutes of three years ago, dates that are none, other multiples, unknown keys."""
    path = "/polygon/v2/aggs/ticker/X:BTCUSD/range/{}/minute/{}/2023-10-02"
    old = bars.http.get(path.format(1, "2023-10-01"), params={"apiKey": "plan2y-key"})
    assert_error(old, error(shared_data, "plan_timeframe"))
    assert bars.http.get(path.format(5, "2023-10-01"), params={"apiKey": "k"}).status_code == 400
    assert bars.http.get(path.format(1, "yesterday"), params={"apiKey": "k"}).status_code == 400
    assert_error(bars.http.get(f"{SNAPSHOT}?apiKey=bad"), error(shared_data, "bad_key"))


def test_a_plan_clips_silently(bars: BarHost):
    """A window that merely begins too early starts with the plan's first day."""
    first = NOW.date() - timedelta(days=730)
    body = bars.polygon("X:BTCUSD", str(first - timedelta(days=3)), str(first), apiKey="plan2y-key")
    assert len(body["results"]) == 1440


def test_snapshot_of_every_kind(bars: BarHost):
    """Entries in the order asked for, the price where the vendor has it for each kind; unknown ones say so."""
    body = snapshot(bars, "X:BTCUSD", "C:EURUSD", "I:NDX", "AAPL", "X:NONEUSD")
    coin, pair, index, stock, unknown = body["results"]
    assert body["status"] == "OK"
    assert unknown == {"ticker": "X:NONEUSD", "error": "NOT_FOUND", "message": "Ticker not found."}
    assert [one["type"] for one in (coin, pair, index, stock)] == ["crypto", "fx", "indices", "stocks"]
    assert {one["market_status"] for one in (coin, pair, index, stock)} == {"open"}
    assert {one["last_updated"] for one in (coin, pair, index, stock)} == {NOW_MS * 1_000_000}
    assert index["value"] == index["session"]["close"]
    assert not {"last_quote", "last_trade"} & set(index)
    assert pair["last_quote"]["bid"] < pair["session"]["close"] < pair["last_quote"]["ask"]
    assert ("last_trade" in pair, "volume" in pair["session"]) == (False, False)
    assert coin["last_trade"] == {"price": coin["session"]["close"], "sip_timestamp": NOW_MS * 1_000_000}
    assert coin["session"]["low"] <= coin["session"]["close"] <= coin["session"]["high"]
    assert set(stock) == set(coin)


def test_snapshot_is_the_last_of_the_minutes(bars: BarHost):
    """Price and day of the snapshot are those of the day's aggregates."""
    state = snapshot(bars, "X:LOAD001USD")["results"][0]["session"]
    rows = bars.polygon("X:LOAD001USD", DAY_START_MS, NOW_MS)["results"]
    assert state["open"] == rows[0]["o"]
    assert state["close"] == rows[-1]["c"]
    assert (state["high"], state["low"]) == (max(row["h"] for row in rows), min(row["l"] for row in rows))
    assert state["volume"] == pytest.approx(sum(row["v"] for row in rows), abs=0.001)
    before = bars.polygon("X:LOAD001USD", DAY_START_MS - MINUTE_MS, DAY_START_MS - 1)["results"]
    assert state["previous_close"] == before[0]["c"]


def test_snapshots_have_pages(bars: BarHost):
    """Ten without a limit, at most 250."""
    tickers = [f"X:LOAD{number:03d}USD" for number in range(12)]
    body = bars.get(SNAPSHOT, **{"ticker.any_of": ",".join(tickers), "apiKey": "k"})
    rest = bars.get(f"{body['next_url']}&apiKey=k")
    assert [one["ticker"] for one in (*body["results"], *rest["results"])] == tickers
    assert "next_url" not in rest
    assert bars.http.get(f"{SNAPSHOT}?limit=251&apiKey=k").status_code == 400
