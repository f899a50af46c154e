"""Months of settled funding from Binance's archive: verified by their checksum, intervals row by row."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from resources.http.errors import CircuitOpen, Malformed, Unavailable
from resources.venues.binance_archive import Archive, events_of, month_of
from resources.venues.venue import EVENTS
from tests.resources.vendor_host import Asked, Host, Says, StillTime, live_settings
from tests.resources.venues.scripted import at, ms

HEADER = "calc_time,funding_interval_hours,last_funding_rate\n"
#: 4 hours until 08:00, then every hour; the newest line first
TABLE = "1746518400007,1,0.00030000\n1746514800000,1,0.00000000\n1746504000012,4,-0.00012500\n"
FOLDER = "/data/futures/um/monthly/fundingRate/LAYERUSDT"
NAME = "LAYERUSDT-fundingRate-2025-05.zip"


def packed(table: str = HEADER + TABLE, files: int = 1) -> bytes:
    """A zip as the archive holds it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(files):
            archive.writestr(f"LAYERUSDT-fundingRate-2025-05-{number}.csv", table)
    return buffer.getvalue()


def checksum(content: bytes) -> bytes:
    """The line beside it."""
    return f"{sha256(content).hexdigest()}  {NAME}\n".encode()


def archive(host: Host, still: StillTime, exchange: str = "binance_usdm", home: Path | None = None) -> Archive:
    """The archive at `host`."""
    own = {} if home is None else {"home": home}
    settings = live_settings(host, funding={"venues": {"binance_archive": {"base_url": host.url, "budget": {}}}}, **own)
    return Archive.connect(settings, exchange, timing=still.timing)


def serving(files: dict[str, bytes]) -> Callable[[Asked], Says]:
    """Answers like the archive: what it does not have is a 404 in XML."""
    return lambda asked: Says(files[asked.path]) if asked.path in files else Says(b"<Error>NoSuchKey</Error>", 404)


@pytest.mark.parametrize("header", [HEADER, ""])
def test_rows_say_their_interval(header: str) -> None:
    """With and without a header line; jitter stays, 0 is a rate, and there is no price."""
    frame = events_of((header + TABLE).encode(), "LAYERUSDT")
    assert frame.schema == EVENTS
    assert [ms(time) for time in frame["funding_time_native"]] == [1746518400007, 1746514800000, 1746504000012]
    assert frame["rate_native"].to_list() == [0.0003, 0.0, -0.000125]
    assert frame["interval_hours"].to_list() == [1.0, 1.0, 4.0]
    assert frame["mark_price"].to_list() == [None, None, None]


def test_columns_are_found_by_name() -> None:
    """A column more, in another order, changes nothing."""
    table = "symbol,last_funding_rate,calc_time,funding_interval_hours\nX,0.5,1746518400007,8\n"
    frame = events_of(table.encode(), "X")
    assert frame.row(0)[1:4] == (at("2025-05-06T08:00:00.007"), 0.5, 8.0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("calc_time,rate\n1746518400007,0.1\n", "must have a column funding_interval_hours"),
        (HEADER + "1746518400007,8\n", "line 2 must have 3 values, has 2"),
        (HEADER + "1746518400007,8,abc\n", r"rows\[0\].last_funding_rate must be a number"),
        (HEADER + "1746518400,8,0.1\n", "calc_time must be an instant in milliseconds"),
    ],
)
def test_a_table_of_another_shape_is_refused(table: str, said: str) -> None:
    """The first offence is named."""
    with pytest.raises(Malformed, match=said):
        events_of(table.encode(), "X")


def test_a_month_is_verified_and_sorted() -> None:
    """Events come oldest first, each once; the later of two lines counts."""
    twice = packed(HEADER + TABLE + "1746514800000,1,0.00040000\n")
    frame = month_of(twice, checksum(twice), "LAYERUSDT", 2025, 5)
    assert frame["rate_native"].to_list() == [-0.000125, 0.0004, 0.0003]
    assert frame["funding_time_native"].is_sorted()


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (packed(), b"0" * 64 + b"  x.zip", "its checksum must be 0000"),
        (packed(), b"", "its checksum must be stated"),
        (packed(files=2), None, "must hold one table, holds 2"),
        (packed()[:80], None, "no zip"),
        (b"<html></html>", None, "no zip"),
        (packed(HEADER + "1743465600000,8,0.1\n"), None, "the file of 2025-05 holds 1 rows of other months"),
        (packed(HEADER + "1748736000000,8,0.1\n"), None, "the file of 2025-05 holds 1 rows of other months"),
    ],
    # bytes of an archive hold the time at which it was made: no name that two workers agree on
    ids=["checksum", "no checksum", "two tables", "cut short", "HTML", "month before", "month after"],
)
def test_a_file_that_is_not_what_it_says_is_refused(content: bytes, line: bytes | None, said: str) -> None:
    """A wrong checksum, a broken zip, another month: nothing of it is stored."""
    with pytest.raises(Malformed, match=said):
        month_of(content, checksum(content) if line is None else line, "LAYERUSDT", 2025, 5)


def test_a_month_comes_with_two_requests(host: Host, still: StillTime, tmp_path: Path) -> None:
    """The file and its checksum; the raw store keeps both."""
    content = packed()
    host.script = serving({f"{FOLDER}/{NAME}": content, f"{FOLDER}/{NAME}.CHECKSUM": checksum(content)})
    found = archive(host, still, home=tmp_path).month("LAYERUSDT", 2025, 5)
    assert found is not None
    assert found["interval_hours"].to_list() == [4.0, 1.0, 1.0]
    assert found["native_symbol"].unique().to_list() == ["LAYERUSDT"]
    assert [asked.path for asked in host.asked] == [f"{FOLDER}/{NAME}", f"{FOLDER}/{NAME}.CHECKSUM"]
    assert len(list((tmp_path / "raw" / "binance_archive").rglob("*.zst"))) == 2


def test_a_month_without_a_file_is_no_error(host: Host, still: StillTime, tmp_path: Path) -> None:
    """The running month, or one before the contract was listed."""
    host.script = serving({})
    assert archive(host, still, "binance_coinm", tmp_path).month("BTCUSD_PERP", 2025, 5) is None
    path = "/data/futures/cm/monthly/fundingRate/BTCUSD_PERP/BTCUSD_PERP-fundingRate-2025-05.zip"
    assert [asked.path for asked in host.asked] == [path]


def test_a_file_without_checksum_is_refused(host: Host, still: StillTime, tmp_path: Path) -> None:
    """What cannot be verified is not stored; the message says which file."""
    host.script = serving({f"{FOLDER}/{NAME}": packed()})
    with pytest.raises(Malformed, match=f"{NAME} has no checksum") as refused:
        archive(host, still, home=tmp_path).month("LAYERUSDT", 2025, 5)
    assert "[LAYERUSDT 2025-05]" in str(refused.value)


def test_an_archive_that_is_down_is_no_missing_month(host: Host, still: StillTime, tmp_path: Path) -> None:
    """Only a 404 says that there is no file."""
    host.script = [Says(b"slow down", 503)]
    with pytest.raises(Unavailable):
        archive(host, still, home=tmp_path).month("LAYERUSDT", 2025, 5)
    assert len(host.asked) == 3


def test_an_archive_rests_for_as_long_as_an_exchange(host: Host, still: StillTime, tmp_path: Path) -> None:
    """Its breaker opens after five failed calls and stays open for `funding.breaker_open_s`, 300 s."""
    host.script = [Says(b"", 503)]
    asking = archive(host, still, home=tmp_path)
    for _ in range(5):
        with pytest.raises(Unavailable):
            asking.month("LAYERUSDT", 2025, 5)
    failed = still.now()
    with pytest.raises(CircuitOpen) as held:
        asking.month("LAYERUSDT", 2025, 5)
    assert held.value.retry_at == failed + timedelta(seconds=300)
