"""Files of a day's minutes in Binance's archive: futures, spot, their units of time, and when they appear."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.resources.sandbox.hand_candles import MINUTE_MS, HandCandles
from tests.resources.sandbox.hand_market import served
from tests.resources.sandbox.test_binance_archive import unpacked
from tests.resources.sandbox.wire import Serve, get

FOLDER = "/binance_archive/data"
#: 08:00 of the day after 2026-10-04
NOW = datetime(2026, 10, 5, 8, tzinfo=UTC)
MIDNIGHT_MS = 1_791_072_000_000
MARKET = HandCandles()


def file(day: str, folder: str = "futures/um", symbol: str = "BTCUSDT") -> str:
    return f"{FOLDER}/{folder}/daily/klines/{symbol}/1m/{symbol}-1m-{day}.zip"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET, NOW) as http:
        yield http


def test_a_day_of_futures_begins_with_a_header(client: httpx.Client):
    """1,440 rows in the digits of the REST route, in milliseconds."""
    name, lines = unpacked(client.get(file("2026-10-04")).content)
    assert name == "BTCUSDT-1m-2026-10-04.csv"
    assert lines[0] == (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    assert len(lines) == 1 + 1440
    assert lines[1] == (
        f"{MIDNIGHT_MS},100.00,101.50,99.00,100.50,2.000,{MIDNIGHT_MS + 59_999},200.00000,4,0.500,50.00000,0"
    )
    assert lines[-1].startswith(f"{MIDNIGHT_MS + 1439 * MINUTE_MS},159.00,")


def test_a_day_of_spot_has_no_header_and_microseconds_since_2025(client: httpx.Client):
    """2024-12-31 ends in milliseconds, 2025-01-01 begins in microseconds; a close is the last unit of its minute."""
    _, old = unpacked(client.get(file("2024-12-31", "spot")).content)
    _, new = unpacked(client.get(file("2025-01-01", "spot")).content)
    assert (len(old), len(new)) == (1440, 1440)
    assert [old[-1].split(",")[place] for place in (0, 6)] == ["1735689540000", "1735689599999"]
    assert [new[0].split(",")[place] for place in (0, 6)] == ["1735689600000000", "1735689659999999"]
    assert new[0].split(",")[1:6] == ["100.00000000", "101.50000000", "99.00000000", "100.50000000", "2.00000000"]


def test_the_checksum_is_that_of_the_file(client: httpx.Client):
    body = client.get(file("2026-10-04")).content
    stated = client.get(f"{file('2026-10-04')}.CHECKSUM").text
    assert stated == f"{hashlib.sha256(body).hexdigest()}  BTCUSDT-1m-2026-10-04.zip\n"


def test_a_file_appears_at_eight_of_the_day_after(serve: Serve):
    """Not a second before."""
    at = [NOW - timedelta(seconds=1)]
    with httpx.Client(base_url=serve(MARKET, now=lambda: at[0])) as http:
        assert http.get(file("2026-10-04")).status_code == 404
        assert http.get(file("2026-10-03")).status_code == 200
        at[0] = NOW
        assert http.get(file("2026-10-04")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        file("2026-10-05"),
        file("2026-02-30"),
        file("2026-1-3"),
        file("2026-10-04", symbol="NONEUSDT"),
        file("2026-10-04", "futures/cm"),
        file("2026-10-04").replace("/1m/BTCUSDT", "/1m/ETHUSDT"),
        file("2026-10-04").replace(".zip", ""),
        file("2026-10-05") + ".CHECKSUM",
    ],
)
def test_what_is_not_there_is_404(client: httpx.Client, path: str):
    """The day under way, days that cannot be, names of nothing."""
    assert client.get(path).status_code == 404


def test_the_simulated_archive_is_what_the_routes_serve(serve: Serve):
    """Every minute of a day of spot, as text; none of a day before the listing or of the outage."""
    with httpx.Client(base_url=serve(now=NOW)) as http:
        _, lines = unpacked(http.get(file("2024-09-13", "spot", "POLUSDT")).content)
        since = 1_726_185_600_000
        rows = []
        for start in (since, since + 1000 * MINUTE_MS):
            window = {"startTime": start, "endTime": since + 1440 * MINUTE_MS - 1, "limit": 1000}
            rows += list(get(http, "/binance_spot/api/v3/klines", symbol="POLUSDT", interval="1m", **window))
        assert lines == [",".join(map(str, row)) for row in rows]
        assert http.get(file("2024-09-12", "spot", "POLUSDT")).status_code == 404
        _, outage = unpacked(http.get(file("2024-03-05")).content)
        assert len(outage) == 1 + 1440 - 7


def test_faults_of_the_archive_strike_its_rows(serve: Serve):
    """Rows are missing, values empty; the routes of the market itself are whole."""
    url = serve(
        MARKET, now=NOW, faults=["binance_archive:missing_rows:symbol=BTCUSDT", "binance_archive:nulls:symbol=ETHUSDT"]
    )
    with httpx.Client(base_url=url) as http:
        assert len(unpacked(http.get(file("2026-10-04")).content)[1]) == 1 + 1440 - 144
        _, lines = unpacked(http.get(file("2026-10-04", symbol="ETHUSDT")).content)
        assert lines[1] == f"{MIDNIGHT_MS},,,,,,{MIDNIGHT_MS + 59_999},,4,,,0"
        window = {"startTime": MIDNIGHT_MS, "endTime": MIDNIGHT_MS + 99 * MINUTE_MS}
        path = "/binance_usdm/fapi/v1/klines"
        assert len(get(http, path, symbol="BTCUSDT", interval="1m", **window)) == 100
