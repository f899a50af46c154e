"""Our own clients of the bars vendors ask the sandbox for everything it has, and read what its market is."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from market_assets.bars.instruments import CURATED, Bound, Source
from market_assets.settings import load
from resources.sandbox.bar_catalogue import simulated
from resources.sandbox.synthetic import SyntheticBackend
from resources.vendors.registry import Vendors
from tests.resources.sandbox.bar_host import DAY_START_MS, NOW, NOW_MS, BarHost

SOURCES: tuple[Source, ...] = ("yahoo", "alphavantage", "twelvedata", "polygon")
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)


@pytest.fixture
def vendors(bars: BarHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    """Every client by the settings of a sandbox."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", f"{NOW:%FT%TZ}")
    found = Vendors(load(vendors="sandbox", sandbox_url=str(bars.http.base_url).rstrip("/")))
    yield found
    found.close()


def bounds(source: Source) -> list[Bound]:
    """All curated instruments of a source, and a load instrument."""
    curated = [Bound(source, row.ids[source], row.symbol, row.kind) for row in CURATED if source in row.ids]
    return [*curated, Bound(source, simulated()["LOAD077"].listing.ids[source], "LOAD077", "crypto")]


@pytest.mark.parametrize("source", SOURCES)
def test_minutes_are_those_of_the_market(vendors: Vendors, market: SyntheticBackend, source: Source):
    """Two hours of each instrument: every minute with its prices, to the vendor's decimals."""
    client, minutes = vendors.minute_source(source), market.minute_market()
    first, until = MIDNIGHT + timedelta(hours=13), MIDNIGHT + timedelta(hours=15)
    first_ms, until_ms = DAY_START_MS + 13 * 3_600_000, DAY_START_MS + 15 * 3_600_000
    for bound in bounds(source):
        frame = client.minutes(bound, first, until).frame.sort("ts")
        frame = frame.filter(frame["ts"] < until)
        listing = minutes.listed(source)[bound.vendor_id]
        known = minutes.bars(listing, source, first_ms, until_ms, NOW_MS)
        assert frame["ts"].dt.epoch("ms").to_list() == known.time_ms.tolist()
        for name in ("open", "high", "low", "close"):
            assert frame[name].to_list() == pytest.approx(getattr(known, name).tolist(), rel=1e-6)


@pytest.mark.parametrize("source", SOURCES)
def test_quotes_are_of_now(vendors: Vendors, market: SyntheticBackend, source: Source):
    """Each instrument's price at the sandbox's instant."""
    client, minutes = vendors.minute_source(source), market.minute_market()
    asked = bounds(source)
    step = client.quote_batch
    quotes = [quote for start in range(0, len(asked), step) for quote in client.quotes(asked[start : start + step])]
    assert [quote.symbol for quote in quotes] == [bound.symbol for bound in asked]
    for bound, quote in zip(asked, quotes, strict=True):
        price = minutes.price(minutes.listed(source)[bound.vendor_id], source, NOW_MS)
        assert price is not None
        assert quote.price == pytest.approx(price.price, rel=1e-6)
        assert quote.at == NOW


@pytest.mark.parametrize("key", [None, "some-key"])
def test_macro_series_by_file_and_by_key(bars: BarHost, monkeypatch: pytest.MonkeyPatch, key: str | None):
    """The same values either way, without those of holidays."""
    if key:
        monkeypatch.setenv("FRED_API_KEY", key)
    vendors = Vendors(load(vendors="sandbox", sandbox_url=str(bars.http.base_url).rstrip("/")))
    frame = vendors.fred.observations("DGS10", datetime(2026, 6, 15).date()).frame
    vendors.close()
    known = bars.get("/fred/fred/series/observations", series_id="DGS10", api_key="k", file_type="json")
    stated = {row["date"]: row["value"] for row in known["observations"] if row["date"] >= "2026-06-15"}
    assert [str(day) for day in frame["obs_date"]] == list(stated)
    assert frame["value"].to_list() == [None if value == "." else float(value) for value in stated.values()]
