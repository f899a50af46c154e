"""Binance's candles as the sandbox serves them: rows, windows, pages, weights, and what is refused in which words."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.resources.sandbox.hand_candles import MINUTE_MS, START, START_MS, HandCandles
from tests.resources.sandbox.hand_market import served
from tests.resources.sandbox.wire import Serve, get

USDM, SPOT = "/binance_usdm/fapi/v1", "/binance_spot/api/v3"
MARKET = HandCandles()
HOUR_MS = 60 * MINUTE_MS
#: 2024-09-13, when POLUSDT of the simulated market is listed; MATICUSDT ended two days before
POL_LISTED_MS = 1_726_185_600_000


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET, START) as http:
        yield http


def klines(http: httpx.Client, root: str = USDM, **options: Any) -> list[list[Any]]:
    rows: Any = get(http, f"{root}/klines", **{"symbol": "BTCUSDT", "interval": "1m", **options})
    assert isinstance(rows, list)
    return rows


def minutes(rows: list[list[Any]]) -> list[int]:
    """How many minutes after 12:00 the rows open."""
    return [(row[0] - START_MS) // MINUTE_MS for row in rows]


def test_a_row_of_futures_has_the_coins_own_digits(client: httpx.Client):
    """Text but for times and the count of trades; it ends a millisecond before the next begins; 5 digits of quote."""
    assert klines(client, limit=2)[0] == [
        *(START_MS - MINUTE_MS, "159.00", "160.50", "158.00", "159.50", "2.000", START_MS - 1),
        *("318.00000", 4, "0.500", "79.50000", "0"),
    ]


def test_a_row_of_spot_has_eight_digits(client: httpx.Client):
    """As in the exchange's own example: `"0.01634790"`, `"148976.11427815"`."""
    assert klines(client, SPOT, limit=2)[0] == [
        *(START_MS - MINUTE_MS, "159.00000000", "160.50000000", "158.00000000", "159.50000000", "2.00000000"),
        *(START_MS - 1, "318.00000000", 4, "0.50000000", "79.50000000", "0"),
    ]


def test_rows_are_shaped_as_the_exchanges_example(client: httpx.Client):
    """The documented row, member by member: number or text."""
    example: list[Any] = [1499040000000, "0.01634790", "0.80000000", "0.01575800", "0.01577100", "148976.11427815"]
    example += [1499644799999, "2434.19055334", 308, "1756.87402397", "28.46694368", "0"]
    for root in (USDM, SPOT):
        assert [type(member) for member in klines(client, root, limit=1)[0]] == [type(member) for member in example]


@pytest.mark.parametrize("root", [USDM, SPOT])
def test_without_times_the_newest_come_and_the_last_is_unfinished(client: httpx.Client, root: str):
    """500 rows without a limit; the minute 12:00 runs, has no range yet and ends in the future."""
    rows = klines(client, root)
    assert minutes(rows) == list(range(-499, 1))
    assert float(rows[-1][2]) == float(rows[-1][3]) == 100.0
    assert rows[-1][6] > START.timestamp() * 1000
    assert minutes(klines(client, root, limit=2)) == [-1, 0]


def test_both_ends_of_a_window_are_included(client: httpx.Client):
    """By the open instants."""
    first, last = START_MS - 5 * MINUTE_MS, START_MS - 2 * MINUTE_MS
    assert minutes(klines(client, startTime=first, endTime=last)) == [-5, -4, -3, -2]
    assert minutes(klines(client, startTime=first + 1, endTime=last - 1)) == [-4, -3]
    assert klines(client, startTime=last, endTime=first) == []
    assert klines(client, startTime=START_MS + 2 * MINUTE_MS) == []


def test_a_page_is_cut_from_the_end_that_was_named(client: httpx.Client):
    """Its older end where a start is given, else its newer end; oldest first either way."""
    first, last = START_MS - 9 * MINUTE_MS, START_MS - 2 * MINUTE_MS
    assert minutes(klines(client, startTime=first, endTime=last, limit=3)) == [-9, -8, -7]
    assert minutes(klines(client, endTime=last, limit=3)) == [-4, -3, -2]
    assert minutes(klines(client, startTime=0, limit=1)) == [-(START_MS - 1_577_836_800_000) // MINUTE_MS]


def test_pages_have_the_rows_each_market_allows(client: httpx.Client):
    """1500 on futures, and more is refused; 1000 on spot, whatever more was asked for."""
    assert len(klines(client, startTime=0, limit=1500)) == 1500
    assert len(klines(client, SPOT, startTime=0, limit=1500)) == 1000
    assert refused(client, USDM, limit=1501) == (400, -1130)
    assert refused(client, SPOT, limit=0) == (400, -1130)


def test_a_hole_does_not_shorten_a_page():
    """Three minutes were never there: the page goes on behind them, and before them."""
    missing = [START_MS - number * MINUTE_MS for number in (3, 4, 5)]
    with served(HandCandles(missing=missing), START) as http:
        assert minutes(klines(http, startTime=START_MS - 6 * MINUTE_MS, limit=3)) == [-6, -2, -1]
        assert minutes(klines(http, endTime=START_MS - 2 * MINUTE_MS, limit=3)) == [-7, -6, -2]


@pytest.mark.parametrize(
    ("interval", "step", "opened"),
    [("5m", 5, "100.00"), ("15m", 15, "100.00"), ("1h", 60, "100.00"), ("4h", 240, "100.00"), ("1d", 1440, "100.00")],
)
def test_coarser_candles_are_made_of_minutes(client: httpx.Client, interval: str, step: int, opened: str):
    """On the grid of their interval, 2 coins for each minute; the last one has come as far as its last minute."""
    before, running = klines(client, interval=interval, limit=2)
    step_ms = step * MINUTE_MS
    assert running[0] == START_MS // step_ms * step_ms
    assert (before[0], before[6]) == (running[0] - step_ms, running[0] - 1)
    assert (float(before[5]), before[8]) == (2.0 * step, 4 * step)
    assert running[1] == opened
    assert float(running[5]) == 2.0 * ((START_MS - running[0]) // MINUTE_MS) + 0.5


def test_a_window_of_coarser_candles_counts_their_open_instants(client: httpx.Client):
    """A start within an hour begins with the next one; an end within an hour has that hour whole."""
    rows = klines(client, interval="1h", startTime=START_MS - 3 * HOUR_MS + 1, endTime=START_MS - HOUR_MS + 1)
    assert [(row[0] - START_MS) // HOUR_MS for row in rows] == [-2, -1]
    assert [float(row[5]) for row in rows] == [120.0, 120.0]


def refused(http: httpx.Client, root: str, path: str = "klines", **options: Any) -> tuple[int, int]:
    """Status and code of an answer to a question about minutes of BTCUSDT, changed by `options`; None leaves out."""
    asked = {"symbol": "BTCUSDT", "interval": "1m", **options}
    answer = http.get(f"{root}/{path}", params={name: value for name, value in asked.items() if value is not None})
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("root", [USDM, SPOT])
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"symbol": "NONEUSDT"}, -1121),
        ({"symbol": None}, -1102),
        ({"interval": "7m"}, -1120),
        ({"interval": "1M"}, -1120),
        ({"interval": "1H"}, -1120),
        ({"interval": None}, -1102),
        ({"startTime": "yesterday"}, -1100),
        ({"until": 1}, -1104),
    ],
)
def test_wrong_questions_have_codes(client: httpx.Client, root: str, options: dict[str, Any], code: int):
    """Intervals are case-sensitive: 1M is a month, which is not served, and never a minute."""
    assert refused(client, root, **options) == (400, code)


def test_what_is_refused_is_worded_as_binance_does(client: httpx.Client):
    """The two that an adapter must tell apart."""
    answer = client.get(f"{USDM}/klines", params={"symbol": "NONEUSDT", "interval": "1m"})
    assert answer.json() == {"code": -1121, "msg": "Invalid symbol."}
    answer = client.get(f"{USDM}/klines", params={"symbol": "BTCUSDT", "interval": "1min"})
    assert answer.json() == {"code": -1120, "msg": "Invalid interval."}


def test_weights_add_up_in_the_header():
    """1, 2, 5, 10 by rows on futures, 2 on spot; a refusal weighs as much. The two markets are counted apart."""
    weight, used = "X-MBX-USED-WEIGHT-1M", []
    with served(MARKET, START) as http:
        for limit in (99, 100, 499, 500, 1000, 1001, 1500, 1501):
            answer = http.get(f"{USDM}/klines", params={"symbol": "BTCUSDT", "interval": "1m", "limit": limit})
            used.append(int(answer.headers[weight]))
        spot = [int(http.get(f"{SPOT}/{path}").headers[weight]) for path in ("ticker/24hr?symbol=BTCUSDT", "klines")]
    steps = [after - before for before, after in zip([0, *used], used, strict=False)]
    # unless the minute ended meanwhile
    assert steps == [1, 2, 2, 5, 5, 10, 10, 10] or used[-1] < 45
    assert spot == [2, 4] or spot[-1] == 2


def test_24_hours_end_with_the_running_minute(client: httpx.Client):
    """1439 minutes of 2 coins and one of 0.5; 101 is what 12:01 opened at the day before."""
    row = get(client, f"{USDM}/ticker/24hr", symbol="BTCUSDT")
    assert row == {
        **{"symbol": "BTCUSDT", "priceChange": "-1.00", "priceChangePercent": "-0.990", "weightedAvgPrice": "129.52"},
        **{"lastPrice": "100.00", "lastQty": "0.500", "openPrice": "101.00", "highPrice": "160.50"},
        **{"lowPrice": "99.00", "volume": "2878.500", "quoteVolume": row["quoteVolume"]},
        **{"openTime": START_MS + 15_000 - 24 * HOUR_MS, "closeTime": START_MS + 15_000},
        **{"firstId": -1, "lastId": -1, "count": 5757},
    }
    # each hour of the day is 2 x (100 + ... + 159), but for its last minute, which runs
    assert float(row["quoteVolume"]) == 24 * 2 * 7770 - 2 * 100 + 0.5 * 100
    spot = get(client, f"{SPOT}/ticker/24hr", symbol="BTCUSDT")
    assert (spot["lastPrice"], spot["prevClosePrice"]) == ("100.00000000", "101.00000000")
    every: Any = get(client, f"{USDM}/ticker/24hr")
    assert [one["symbol"] for one in every] == ["BTCUSDT", "ETHUSDT"]


def test_spot_lists_symbols_without_a_date(client: httpx.Client):
    """Base, quote, status and steps; one symbol where one is asked for."""
    info = get(client, f"{SPOT}/exchangeInfo")
    assert [row["symbol"] for row in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert info["rateLimits"][0]["limit"] == 6000
    (row,) = get(client, f"{SPOT}/exchangeInfo", symbol="ETHUSDT")["symbols"]
    assert [row[name] for name in ("baseAsset", "quoteAsset", "status")] == ["ETH", "USDT", "TRADING"]
    steps = {name: value for kind in row["filters"] for name, value in kind.items() if name in {"tickSize", "stepSize"}}
    assert steps == {"tickSize": "0.01000000", "stepSize": "0.00100000"}
    assert "onboardDate" not in row
    assert refused(client, SPOT, "exchangeInfo", symbol="NONE", interval=None) == (400, -1121)


def test_the_simulated_market_lists_the_default_coins(serve: Serve):
    """Futures say since when; MATICUSDT has closed, keeps its candles, and has no last 24 hours."""
    with httpx.Client(base_url=serve(now=START)) as http:
        listed = {row["symbol"]: row for row in get(http, f"{USDM}/exchangeInfo")["symbols"]}
        assert listed["POLUSDT"]["onboardDate"] == POL_LISTED_MS
        assert (listed["MATICUSDT"]["status"], listed["BTCUSDT"]["status"]) == ("SETTLING", "TRADING")
        assert listed["MATICUSDT"]["deliveryDate"] == POL_LISTED_MS - 48 * HOUR_MS
        spot = {row["symbol"]: row["status"] for row in get(http, f"{SPOT}/exchangeInfo")["symbols"]}
        assert (spot["MATICUSDT"], spot["BTCBUSD"], spot["POLUSDT"]) == ("BREAK", "BREAK", "TRADING")
        for root in (USDM, SPOT):
            assert klines(http, root, symbol="POLUSDT", startTime=0, limit=1)[0][0] == POL_LISTED_MS
            ended = klines(http, root, symbol="MATICUSDT", limit=1)[0]
            assert ended[0] == POL_LISTED_MS - 48 * HOUR_MS - MINUTE_MS
            assert refused(http, root, "ticker/24hr", symbol="MATICUSDT", interval=None) == (400, -1121)


@pytest.mark.parametrize(("status", "code"), [(429, -1003), (418, -1003), (451, 0), (503, -1008)])
@pytest.mark.parametrize(("vendor", "root"), [("binance_usdm", USDM), ("binance_spot", SPOT)])
def test_status_faults_speak_as_binance_does(serve: Serve, vendor: str, root: str, status: int, code: int):
    """Once, with the seconds to wait."""
    url = serve(MARKET, now=START, faults=[f"{vendor}:{status}:retry_after=12:times=1:symbol=BTCUSDT"])
    with httpx.Client(base_url=url) as http:
        answers = [http.get(f"{root}/klines", params={"symbol": "BTCUSDT", "interval": "1m"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 200]
    assert (answers[0].json()["code"], answers[0].headers["Retry-After"]) == (code, "12")


def test_row_faults_strike_candles(serve: Serve):
    """Nulls are null on the wire; a wrong window is the newest page; the other market is not struck."""
    with httpx.Client(base_url=serve(MARKET, now=START, faults=["binance_spot:nulls", "binance_spot:clip"])) as http:
        rows = klines(http, SPOT, startTime=START_MS - 20 * MINUTE_MS, endTime=START_MS - MINUTE_MS)
        assert (minutes(rows)[0], [row[4] for row in rows].count(None)) == (-10, 1)
        assert len(klines(http, startTime=START_MS - 20 * MINUTE_MS, endTime=START_MS - MINUTE_MS)) == 20
    with httpx.Client(base_url=serve(MARKET, now=START, faults=["binance_usdm:wrong_window"])) as http:
        assert minutes(klines(http, startTime=0, limit=2)) == [-1, 0]


def test_a_candle_closes_as_the_clock_moves_on(serve: Serve):
    """The row that ran is whole a minute later."""
    at = [START]
    with httpx.Client(base_url=serve(MARKET, now=lambda: at[0])) as http:
        running = klines(http, limit=1)[0]
        at[0] += timedelta(minutes=1)
        done, following = klines(http, limit=2)
    assert (done[0], following[0]) == (running[0], running[0] + MINUTE_MS)
    assert (running[4], done[4]) == ("100.00", "100.50")
