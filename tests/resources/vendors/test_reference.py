"""Who a symbol is, asked before it joins the universe."""

from datetime import date

import pytest

from market_assets.equities.settings import SymbolSettings
from resources.http.errors import AllSourcesFailed, NotFound, Unauthorized
from resources.vendors.reference import listing
from tests.resources.vendor_host import Host, Says, live_settings


def test_a_known_ticker_is_described(host: Host):
    """Name and first day, by the id the mapping rules give."""
    host.script = [
        Says({"results": {"ticker": "BRK.B", "name": "Berkshire", "list_date": "1996-05-09"}, "status": "OK"})
    ]
    found = listing(live_settings(host), SymbolSettings(symbol="BRK.B"))
    assert (found.name, found.listed_from, found.listed_to) == ("Berkshire", date(1996, 5, 9), None)
    assert host.asked[0].path == "/v3/reference/tickers/BRK.B"


def test_an_id_of_its_own_is_used(host: Host):
    """polygon_id of the line wins over the rule."""
    host.script = [Says({"results": {"ticker": "X"}, "status": "OK"})]
    listing(live_settings(host), SymbolSettings(symbol="SPX", asset_class="index", polygon_id="I:SPX500"))
    assert host.asked[0].path == "/v3/reference/tickers/I:SPX500"


def test_an_unknown_ticker_is_refused_with_the_vendors_answer(host: Host):
    """The vendor's words reach the person; nobody else is asked."""
    host.script = [Says({"status": "NOT_FOUND", "message": "Ticker not found."}, 404)]
    with pytest.raises(NotFound, match="Ticker not found"):
        listing(live_settings(host), SymbolSettings(symbol="NOPE"))
    assert len(host.asked) == 1


def test_without_a_key_the_next_vendor_is_asked(host: Host):
    """Yahoo knows symbols too, without a key."""
    meta = {
        "symbol": "AAPL",
        "exchangeTimezoneName": "America/New_York",
        "firstTradeDate": 345479400,
        "longName": "Apple",
    }
    host.script = [Says({"chart": {"result": [{"meta": meta}], "error": None}})]
    found = listing(live_settings(host, POLYGON_API_KEY=None), SymbolSettings(symbol="AAPL"))
    assert (found.name, found.listed_from) == ("Apple", date(1980, 12, 12))


def test_a_refused_key_is_told(host: Host):
    """A wrong key is not covered by another vendor."""
    host.script = [Says({"status": "ERROR", "error": "Unknown API Key"}, 401)]
    with pytest.raises(Unauthorized, match="POLYGON_API_KEY"):
        listing(live_settings(host), SymbolSettings(symbol="AAPL"))


def test_when_nobody_can_be_asked_all_reasons_are_told(host: Host):
    """No key here, a broken answer there: one error with both."""
    host.script = [Says(b"<html>")]
    with pytest.raises(AllSourcesFailed, match=r"POLYGON_API_KEY is not set.*yahoo: not JSON"):
        listing(live_settings(host, POLYGON_API_KEY=None), SymbolSettings(symbol="AAPL"))
