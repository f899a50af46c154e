"""When a symbol could be traded: the settings first, then the venue, which is asked once a day."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.crypto_listings import Listings, Window, listings_of
from resources.http.errors import Unavailable
from resources.vendors.registry import Vendors
from tests.resources.vendor_host import START, Host, Says, StillTime
from tests.resources.vendors.kline_host import Market, crypto_settings

BEGAN = datetime(2024, 9, 13, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def listings(host: Host, home: Path, at: datetime = START, **crypto: Any) -> Listings:
    """The listing as a run at `at` sees it."""
    settings = crypto_settings(host, home=home, **crypto)
    return Listings(settings, Vendors(settings, timing=StillTime(at).timing), at)


def rows(**bounds: str) -> list[Mapping[str, str]]:
    """A row of `crypto.listings`."""
    return [{"symbol": "BTCUSDT", **bounds}]


def test_a_part_of_a_span_is_inside() -> None:
    """Bounds that are not known bind nothing; what lies outside is None."""
    span = (BEGAN, BEGAN + 24 * HOUR)
    assert Window().within(*span) == span
    assert Window(BEGAN + HOUR, BEGAN + 2 * HOUR).within(*span) == (BEGAN + HOUR, BEGAN + 2 * HOUR)
    assert Window(until=BEGAN).within(*span) is None
    assert Window(first=span[1]).within(*span) is None


def test_the_venue_says_since_when(host: Host, tmp_path: Path) -> None:
    """A symbol it does not list is not known, which binds nothing."""
    host.script = Market(listed={"BTCUSDT": BEGAN})
    found = listings(host, tmp_path)
    assert found.window("BTCUSDT") == Window(BEGAN, None)
    assert found.window("NOPEUSDT") == Window()
    assert len(host.asked) == 1


def test_the_settings_count_first(host: Host, tmp_path: Path) -> None:
    """A day of theirs is that midnight, or the venue's own instant on it; curated rows stand for renamed symbols."""
    host.script = Market(symbols=("BTCUSDT", "POLUSDT"), listed={"BTCUSDT": BEGAN, "POLUSDT": BEGAN})
    own = listings(host, tmp_path, listings=rows(valid_from="2020-01-01", valid_to="2026-01-01"))
    assert own.window("BTCUSDT") == Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert own.window("POLUSDT") == Window(BEGAN, None)
    assert own.window("MATICUSDT") == Window(None, datetime(2024, 9, 11, tzinfo=UTC))


def test_the_venue_is_asked_once_a_day(host: Host, tmp_path: Path) -> None:
    """Other processes read the look from disk; a day later it is asked again, and both looks are kept."""
    host.script = Market(listed={"BTCUSDT": BEGAN})
    for hours in (0, 1, 23):
        assert listings(host, tmp_path, START + hours * HOUR).window("BTCUSDT").first == BEGAN
    assert len(host.asked) == 1
    host.script = Market(listed={"BTCUSDT": BEGAN + HOUR})
    later = listings(host, tmp_path, START + 24 * HOUR)
    assert later.window("BTCUSDT").first == BEGAN + HOUR
    assert listings_of(later.settings).read("binance_usdm").filter(symbol="BTCUSDT").height == 2


def test_without_an_answer_nothing_is_assumed(host: Host, tmp_path: Path) -> None:
    """A failure is raised, and the next one asks again."""
    host.script = [Says(b"", 503)]
    found = listings(host, tmp_path)
    with pytest.raises(Unavailable):
        found.window("BTCUSDT")
    host.script = Market(listed={"BTCUSDT": BEGAN})
    assert found.window("BTCUSDT").first == BEGAN


def test_the_archive_alone_asks_nobody(host: Host, tmp_path: Path) -> None:
    """With `crypto.live` false the newest look counts, however old it is; without one nothing is known."""
    assert listings(host, tmp_path, live=False).window("BTCUSDT") == Window()
    assert host.asked == []
    host.script = Market(listed={"BTCUSDT": BEGAN})
    listings(host, tmp_path).window("BTCUSDT")
    assert listings(host, tmp_path, START + 999 * HOUR, live=False).window("BTCUSDT") == Window(BEGAN, None)
    assert len(host.asked) == 1
