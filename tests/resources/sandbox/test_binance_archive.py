"""Files of Binance's archive: complete months, their checksums, and what is not there."""

import hashlib
import io
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from tests.resources.sandbox.hand_market import LISTED_MS, NOW, HandMarket, at_hour, perpetual, served
from tests.resources.sandbox.wire import Serve

FOLDER = "/binance_archive/data/futures"
JANUARY = f"{FOLDER}/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-01.zip"
MARKET = HandMarket(
    [
        perpetual("binance_usdm", "BTCUSDT"),
        perpetual("binance_usdm", "HOURUSDT", "HOUR", hours=1),
        perpetual("binance_coinm", "BTCUSD_PERP", quote="USD", settle="BTC", kind="inverse", size=100.0),
    ],
    jitter_ms=7,
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(MARKET) as http:
        yield http


def unpacked(body: bytes) -> tuple[str, list[str]]:
    """The name of the one file in a zip, and its lines."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (name,) = archive.namelist()
        return name, archive.read(name).decode().splitlines()


def test_a_month_is_a_table_with_the_interval_of_every_row(client: httpx.Client) -> None:
    name, lines = unpacked(client.get(JANUARY).content)
    assert name == "BTCUSDT-fundingRate-2026-01.csv"
    # 31 days of 3 settlements; the one at midnight of 1 February is February's
    assert len(lines) == 1 + 92
    assert lines[0] == "calc_time,funding_interval_hours,last_funding_rate"
    assert lines[1] == f"{LISTED_MS + 8 * 3_600_000 + 7},8,0.00000100"
    assert lines[-1] == f"{at_hour(31 * 24 - 8) + 7},8,0.00009200"


def test_the_next_month_begins_with_midnight(client: httpx.Client) -> None:
    _, lines = unpacked(client.get(JANUARY.replace("2026-01", "2026-02")).content)
    assert lines[1] == f"{at_hour(31 * 24) + 7},8,0.00009300"


def test_the_checksum_is_that_of_the_file(client: httpx.Client) -> None:
    body = client.get(JANUARY).content
    stated = client.get(f"{JANUARY}.CHECKSUM").text
    assert stated == f"{hashlib.sha256(body).hexdigest()}  BTCUSDT-fundingRate-2026-01.zip\n"


def test_coinm_has_a_folder_of_its_own(client: httpx.Client) -> None:
    path = f"{FOLDER}/cm/monthly/fundingRate/BTCUSD_PERP/BTCUSD_PERP-fundingRate-2026-02.zip"
    name, lines = unpacked(client.get(path).content)
    assert (name, len(lines)) == ("BTCUSD_PERP-fundingRate-2026-02.csv", 1 + 28 * 3)


@pytest.mark.parametrize(
    "path",
    [
        JANUARY.replace("2026-01", "2026-03"),
        JANUARY.replace("2026-01", "2025-12"),
        JANUARY.replace("2026-01", "2026-13"),
        JANUARY.replace("BTCUSDT", "NONEUSDT"),
        JANUARY.replace("/um/", "/cm/"),
        JANUARY.replace("BTCUSDT-funding", "HOURUSDT-funding"),
        JANUARY.replace("2026-01", "2026-03") + ".CHECKSUM",
    ],
)
def test_what_is_not_there_is_404_in_xml(client: httpx.Client, path: str) -> None:
    """The month under way, one before the listing, one that cannot be, and names of nothing."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/xml")
    assert "<Code>NoSuchKey</Code>" in answer.text


def test_a_spoilt_file_does_not_match_its_checksum(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["binance_archive:truncated:times=1"])
    body, stated = httpx.get(f"{url}{JANUARY}").content, httpx.get(f"{url}{JANUARY}.CHECKSUM").text
    assert not stated.startswith(hashlib.sha256(body).hexdigest())


def test_faults_of_the_archive_are_its_own(serve: Serve) -> None:
    url = serve(MARKET, now=NOW, faults=["binance_archive:503:symbol=BTC", "binance_usdm:500"])
    assert httpx.get(f"{url}{JANUARY}").status_code == 503
    assert httpx.get(f"{url}{JANUARY.replace('BTCUSDT', 'HOURUSDT')}").status_code == 200
