"""Days of minute candles from Binance's archive: verified, with or without a header, in two units of time."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from market_assets.crypto.transforms.klines import PARSED
from resources.http.errors import Malformed, Unavailable
from resources.vendors.binance_kline_archive import BinanceKlineArchive, day_of
from tests.resources.vendor_host import Host, Says, StillTime
from tests.resources.vendors.kline_host import (
    MINUTE,
    checksum,
    crypto_settings,
    day_rows,
    files,
    packed,
    row,
    table,
)

DAY = date(2025, 1, 2)
MIDNIGHT = datetime(2025, 1, 2, tzinfo=UTC)
FOLDER = "/data/futures/um/daily/klines/BTCUSDT/1m"
NAME = "BTCUSDT-1m-2025-01-02.zip"


def archive(host: Host, still: StillTime, **crypto: Any) -> BinanceKlineArchive:
    """The archive at `host`."""
    return BinanceKlineArchive.connect(crypto_settings(host, **crypto), timing=still.timing)


def serve(host: Host, held: dict[str, bytes]) -> None:
    """Answer like the archive: what it does not have is a 404 in XML."""
    host.script = lambda asked: Says(held[asked.path]) if asked.path in held else Says(b"<Error>NoSuchKey</Error>", 404)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("scale", [1, 1000])
def test_a_day_is_the_same_however_it_is_written(header: bool, scale: int) -> None:
    """With and without column names, in milliseconds and in microseconds as spot files are since 2025."""
    content = packed(table(day_rows(DAY, 3), header, scale))
    frame = day_of(content, checksum(content), DAY)
    assert frame.schema == PARSED
    assert frame["ts"].to_list() == [MIDNIGHT + n * MINUTE for n in range(3)]
    assert frame.row(0)[1:] == (100.0, 101.0, 99.5, 100.5, 10.5, 1055.25, 7, 4.25, 427.125)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (packed(table(day_rows(DAY, 3))), b"0" * 64 + b"  x.zip", "its checksum must be 0000"),
        (packed(table(day_rows(DAY, 3))), b"", "its checksum must be stated"),
        (b"<html></html>", None, "no zip"),
        (packed(table([*day_rows(DAY, 3), row(MIDNIGHT - MINUTE)])), None, "holds 1 candles of other days"),
        (packed(table(day_rows(date(2025, 1, 3), 3))), None, "holds 3 candles of other days: 2025-01-03"),
        (packed("1735776000000,1,2,1,1\n"), None, r"rows\[0\] must be a list of 11 values"),
        (packed(table([row(MIDNIGHT, "x")])), None, r"rows\[0\].close must be a number, was 'x'"),
        (packed("<html></html>"), None, "must begin with open_time, was '<html></html>'"),
        (packed(b"\xff\xfe1,2"), None, "the table is no CSV"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(content: bytes, line: bytes | None, said: str) -> None:
    """A wrong checksum, no zip, another day, short or strange lines: nothing of it is given."""
    with pytest.raises(Malformed, match=said):
        day_of(content, checksum(content) if line is None else line, DAY)


def test_a_day_comes_with_two_requests(host: Host, still: StillTime) -> None:
    """The file and its checksum, of the market in use."""
    serve(host, files({("BTCUSDT", DAY): table(day_rows(DAY))}))
    found = archive(host, still).day("BTCUSDT", DAY)
    assert found is not None
    assert (found.frame.height, found.requests, found.received_at) == (1440, 2, still.now())
    assert [asked.path for asked in host.asked] == [f"{FOLDER}/{NAME}", f"{FOLDER}/{NAME}.CHECKSUM"]


def test_spot_has_a_folder_of_its_own(host: Host, still: StillTime) -> None:
    """A day without a file is no error."""
    serve(host, {})
    assert archive(host, still, market="spot").day("BTCUSDT", DAY) is None
    assert [asked.path for asked in host.asked] == [f"/data/spot/daily/klines/BTCUSDT/1m/{NAME}"]


def test_what_cannot_be_verified_is_refused(host: Host, still: StillTime) -> None:
    """Without a checksum, and with another one; the message says which file."""
    held = files({("BTCUSDT", DAY): table(day_rows(DAY, 3))})
    serve(host, {f"{FOLDER}/{NAME}": held[f"{FOLDER}/{NAME}"]})
    with pytest.raises(Malformed, match=f"{NAME} has no checksum"):
        archive(host, still).day("BTCUSDT", DAY)
    serve(host, held | {f"{FOLDER}/{NAME}.CHECKSUM": checksum(b"another")})
    with pytest.raises(Malformed, match=rf"{NAME} \[BTCUSDT 2025-01-02\]: its checksum must be"):
        archive(host, still).day("BTCUSDT", DAY)


def test_an_archive_that_is_down_is_no_missing_day(host: Host, still: StillTime) -> None:
    """Only a 404 says that there is no file."""
    host.script = [Says(b"slow down", 503)]
    with pytest.raises(Unavailable):
        archive(host, still).day("BTCUSDT", DAY)
    assert len(host.asked) == 3
