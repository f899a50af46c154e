"""Which exchanges there are, and that everybody shares one client of each."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from market_assets.core.settings import RateBudget
from market_assets.funding.settings import EXCHANGES
from resources.http.errors import BadRequest
from resources.vendors.registry import Vendors
from resources.venues.registry import VENUES
from resources.venues.venue import Venue
from tests.resources.vendor_host import Host, Says, StillTime, live_settings
from tests.resources.venues.answers import instrument
from tests.resources.venues.scripted import ms


@pytest.fixture
def vendors(host: Host, still: StillTime, tmp_path: Path) -> Vendors:
    """Vendors whose exchanges are all at the scripted host."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, home=tmp_path)
    return Vendors(settings, timing=still.timing)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_exchange_has_a_record_of_its_name(exchange: str) -> None:
    """A partition key is the name of a file, and of the record in it."""
    venue = VENUES[exchange]
    assert isinstance(venue, Venue)
    assert venue.exchange == exchange


def test_the_records_are_those_of_the_settings() -> None:
    """In the order of the partitions; the archive is no exchange."""
    assert tuple(VENUES) == EXCHANGES
    assert "binance_archive" not in VENUES
    assert "whitebit" not in VENUES


def test_threads_get_one_client_of_an_exchange(vendors: Vendors) -> None:
    """Eight that ask at once do not make eight."""
    together = Barrier(8, timeout=20)

    def ask(_: int) -> object:
        together.wait()
        return vendors.exchange("binance_usdm")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
    assert vendors.exchange("binance_coinm") is not vendors.exchange("binance_usdm")
    vendors.close()


def test_an_exchange_is_asked_below_its_own_name(vendors: Vendors, host: Host, still: StillTime) -> None:
    """The sandbox tells exchanges apart by the first part of the path."""
    host.script = [Says([{"symbol": "BTCUSD_PERP", "fundingTime": ms(still.at) - 1, "fundingRate": "0"}])]
    found = vendors.exchange("binance_coinm").history(instrument("BTCUSD_PERP"), still.at.replace(hour=11), still.at, 8)
    assert found.frame["rate_native"].to_list() == [0.0]
    assert host.asked[0].path == "/binance_coinm/dapi/v1/fundingRate"
    vendors.close()


def test_only_binance_has_an_archive(vendors: Vendors, host: Host) -> None:
    """The two markets of Binance have one folder each; there is one client a market."""
    archive = vendors.archive("binance_usdm")
    assert archive is not None
    assert archive is vendors.archive("binance_usdm")
    assert vendors.archive("bybit") is None
    host.script = [Says(b"", 404)]
    assert archive.month("BTCUSDT", 2025, 12) is None
    assert host.asked[0].path.startswith("/binance_archive/data/futures/um/monthly/fundingRate/BTCUSDT/")
    vendors.close()


def test_other_names_go_by_way_of_ccxt(vendors: Vendors) -> None:
    """And one that ccxt does not know is refused by name."""
    assert vendors.exchange("whitebit").name == "whitebit"
    with pytest.raises(BadRequest, match="nosuch"):
        vendors.exchange("nosuch")
    vendors.close()


def test_a_budget_can_be_replaced(host: Host, still: StillTime, tmp_path: Path) -> None:
    """Also in the sandbox, which has none of its own."""
    settings = live_settings(host, vendors="sandbox", sandbox_url=host.url, home=tmp_path)
    vendors = Vendors(settings, rates={"binance_usdm": RateBudget(per_minute=1)}, timing=still.timing)
    host.script = [Says([])]
    for _ in range(2):
        vendors.exchange("binance_usdm").history(instrument("BTCUSDT"), still.at.replace(hour=11), still.at, 8)
    assert sum(still.slept) == pytest.approx(60, abs=1)
    vendors.close()
