"""Twelve Data on the wire, over a real socket, against recorded bodies."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.resources.sandbox.bar_host import NOW, NOW_MS, BarHost
from tests.resources.sandbox.wire import shape

FRIDAY = {"start_date": "2026-10-02 00:00:00", "end_date": "2026-10-02 23:59:00", "order": "ASC", "outputsize": 5000}


def said(shared_data: Path, case: str) -> Any:
    """The body of a recorded refusal."""
    lines = map(json.loads, (shared_data / "recorded" / "errors.jsonl").read_text().splitlines())
    return json.loads(next(one["body"] for one in lines if (one["vendor"], one["case"]) == ("twelvedata", case)))


def test_stock_minutes_have_the_recorded_shape(bars: BarHost, shared_data: Path):
    """Newest first, text, by New York's clock where no zone is asked for; thirty without a size."""
    example = json.loads((shared_data / "recorded" / "twelvedata" / "time_series_AAPL_1min.json").read_text())
    body = bars.twelvedata("time_series", "AAPL", timezone="Exchange")
    assert shape(body) == shape(example)
    assert list(body["values"][0]) == list(example["values"][0])
    assert (len(body["values"]), body["values"][0]["datetime"]) == (30, "2026-10-05 11:30:00")
    assert [len(row["close"].partition(".")[2]) for row in body["values"]] == [5] * 30


@pytest.mark.parametrize(
    ("symbol", "rows", "meta", "measured"),
    [
        ("EUR/USD", 1260, {"currency_base": "Euro", "type": "Physical Currency"}, False),
        ("BTC/USD", 1440, {"currency_base": "Bitcoin", "type": "Digital Currency"}, True),
        ("NDX", 390, {"exchange_timezone": "America/New_York", "type": "Index"}, False),
        ("LOAD321/USD", 1440, {"currency_base": "LOAD321", "currency_quote": "United States Dollar"}, True),
    ],
)
def test_a_friday_of_every_kind(bars: BarHost, symbol: str, rows: int, meta: dict[str, str], measured: bool):
    """Both ends included, oldest first as asked for; an index has no `mic_code`, currencies no volume."""
    body = bars.twelvedata("time_series", symbol, **FRIDAY)
    assert body["meta"] == {**body["meta"], "symbol": symbol, "interval": "1min", **meta}
    assert "mic_code" not in body["meta"]
    stamps = [row["datetime"] for row in body["values"]]
    assert (len(stamps), stamps) == (rows, sorted(stamps))
    assert all(("volume" in row) == measured for row in body["values"])
    last = bars.twelvedata("time_series", symbol, **{**FRIDAY, "outputsize": 2})["values"]
    assert last == body["values"][-2:]


def test_stamps_are_of_the_zone_asked_for(bars: BarHost):
    """Without one, currencies are stamped by Sydney, eleven hours ahead of UTC."""
    zones = {"UTC": "15:30", "Exchange": "02:30", "America/New_York": "11:30"}
    for zone, clock in zones.items():
        newest = bars.twelvedata("time_series", "EUR/USD", timezone=zone, outputsize=1)["values"][0]["datetime"]
        assert newest[11:16] == clock
    window = {"timezone": "America/New_York", "start_date": "2026-10-02T09:00:00", "end_date": "2026-10-02 09:01:00"}
    rows = bars.twelvedata("time_series", "EUR/USD", **window)["values"]
    assert [row["datetime"] for row in rows] == ["2026-10-02 09:01:00", "2026-10-02 09:00:00"]
    assert bars.twelvedata("time_series", "EUR/USD", 400, timezone="Mars")["code"] == 400


def test_quotes_are_nested_for_several_and_bare_for_one(bars: BarHost, shared_data: Path):
    """An unknown symbol among them is an error of its own."""
    several = bars.twelvedata("quote", "EUR/USD,NOPE,AAPL")
    assert list(several) == ["EUR/USD", "NOPE", "AAPL"]
    assert several["NOPE"] == said(shared_data, "unknown_symbol")
    one = bars.twelvedata("quote", "EUR/USD")
    assert one == several["EUR/USD"]
    assert (one["timestamp"], one["last_quote_at"], one["datetime"]) == (
        NOW_MS // 1000,
        NOW_MS // 1000,
        "2026-10-05 15:30:20",
    )
    assert ("volume" in one, "volume" in several["AAPL"], one["is_market_open"]) == (False, True, True)
    assert float(one["low"]) <= float(one["close"]) <= float(one["high"])
    newest = bars.twelvedata("time_series", "EUR/USD", outputsize=1)["values"][0]
    assert one["close"] == newest["close"]
    assert bars.twelvedata("quote", "NOPE", 404) == said(shared_data, "unknown_symbol")


def test_no_data_is_an_error_of_its_own(bars: BarHost, shared_data: Path):
    """A weekend; inside several symbols, too."""
    weekend = {"start_date": "2026-10-03", "end_date": "2026-10-04"}
    assert bars.twelvedata("time_series", "EUR/USD", 400, **weekend) == said(shared_data, "no_data_for_dates")
    several = bars.twelvedata("time_series", "EUR/USD,BTC/USD", **weekend)
    assert several["EUR/USD"]["code"] == 400
    assert several["BTC/USD"]["status"] == "ok"


@pytest.mark.parametrize(
    "wrong", [{"interval": "2min"}, {"outputsize": "5001"}, {"start_date": "soon"}, {"outputsize": "0"}]
)
def test_options_that_cannot_be_read(bars: BarHost, wrong: dict[str, str]):
    """400 in an object with a code."""
    assert bars.twelvedata("time_series", "EUR/USD", 400, **wrong)["status"] == "error"


@pytest.mark.parametrize("key", ["", "bad-key"])
def test_an_unknown_key(bars: BarHost, shared_data: Path, key: str):
    """401; the key may come in a header."""
    assert bars.twelvedata("quote", "EUR/USD", 401, apikey=key) == said(shared_data, "bad_key")
    answer = bars.http.get("/twelvedata/quote?symbol=EUR/USD", headers={"Authorization": f"apikey good{key}"})
    assert answer.status_code == 200


def test_headers_count_the_credits_of_the_minute(new_bars: BarHost):
    """A symbol costs one, a day of 1,440 minutes two; a refused request costs nothing."""

    def used(path: str, **options: Any) -> tuple[int, int]:
        answer = new_bars.http.get(
            f"/twelvedata/{path}", params={"apikey": "limited-50-count", "timezone": "UTC", **options}
        )
        return int(answer.headers["api-credits-used"]), int(answer.headers["api-credits-left"])

    assert used("quote", symbol="EUR/USD") == (1, 49)
    assert used("quote", symbol="EUR/USD,GBP/USD,BTC/USD") == (4, 46)
    assert used("time_series", symbol="BTC/USD", interval="1min", **FRIDAY) == (6, 44)


def test_a_free_key_has_eight_credits_a_minute(new_bars: BarHost, shared_data: Path):
    """The ninth is refused, 429 with the recorded words; no indices; everything 130 seconds late."""
    key = {"apikey": "free-eight"}
    late = new_bars.twelvedata("time_series", "BTC/USD", outputsize=1, **key)["values"][0]["datetime"]
    assert late == f"{NOW - timedelta(seconds=130):%F %R}:00"
    assert new_bars.twelvedata("quote", "NDX", 404, **key) == said(shared_data, "plan_gated_symbol")
    for _ in range(6):
        new_bars.twelvedata("quote", "EUR/USD", **key)
    refused = new_bars.http.get("/twelvedata/quote", params={"symbol": "EUR/USD", **key})
    assert (refused.status_code, refused.json()) == (429, said(shared_data, "minute_limit"))
    assert (refused.headers["api-credits-used"], refused.headers["api-credits-left"]) == ("9", "0")
