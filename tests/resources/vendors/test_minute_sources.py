"""The sources of minutes by their names: made once, enabled by their keys, closed together."""

from datetime import UTC, date, datetime
from typing import get_args

import pytest

from market_assets.bars.instruments import Source
from resources.http.errors import MissingKey, Unavailable
from resources.http.workers import Workers
from resources.vendors.registry import MINUTE, Vendors
from tests.resources.vendor_host import Host, Says, StillTime, live_settings
from tests.resources.vendors import minute_host
from tests.resources.vendors.minute_host import minute_settings

DAY = datetime(2026, 11, 20, tzinfo=UTC)
NEXT = datetime(2026, 11, 21, tzinfo=UTC)


def test_every_source_of_the_settings_has_a_client(host: Host, still: StillTime):
    """Each by its name, the same for all threads, and with what the chain asks of it."""
    assert set(MINUTE) == set(get_args(Source))
    vendors = Vendors(minute_settings(host), timing=still.timing)
    with Workers(4) as pool:
        found = list(pool.map(vendors.minute_source, [name for name in MINUTE for _ in range(4)]))
    assert len(set(map(id, found))) == 4
    assert {one.name: (one.source, one.enabled, one.delay_s) for one in found} == {
        "yahoo": ("yahoo", True, 0.0),
        "alphavantage": ("alphavantage", True, 0.0),
        "twelvedata": ("twelvedata", True, 130.0),
        "polygon": ("polygon", True, 0.0),
    }
    assert all(one.quote_batch >= 1 and one.most_minutes >= 1440 and one.quote_cost(1) == 1 for one in found)
    vendors.close()


def test_a_source_without_its_key_is_not_enabled(host: Host, still: StillTime, monkeypatch: pytest.MonkeyPatch):
    """Yahoo needs none; the others tell it beforehand, and send nothing when they are asked all the same."""
    for variable in ("ALPHAVANTAGE_API_KEY", "TWELVEDATA_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    settings = live_settings(host, POLYGON_API_KEY=None)
    vendors = Vendors(settings, timing=still.timing)
    assert {name: vendors.minute_source(name).enabled for name in MINUTE} == {
        "yahoo": True,
        "alphavantage": False,
        "twelvedata": False,
        "polygon": False,
    }
    for name, bound in minute_host.EURUSD.items():
        with pytest.raises(MissingKey):
            vendors.minute_source(name).minutes(bound, DAY, NEXT)
    assert host.asked == []
    vendors.close()


def test_all_are_closed_together(host: Host, still: StillTime):
    """After `close` none of them can ask any more."""
    vendors = Vendors(minute_settings(host), timing=still.timing)
    alphavantage, fred = vendors.minute_source("alphavantage"), vendors.fred
    assert vendors.fred is fred
    host.script = [Says({})]
    alphavantage.minutes(minute_host.EURUSD["alphavantage"], DAY, NEXT)
    vendors.close()
    for ask in (
        lambda: alphavantage.minutes(minute_host.EURUSD["alphavantage"], DAY, NEXT),
        lambda: fred.observations("DGS10", date(2026, 11, 2)),
    ):
        with pytest.raises((RuntimeError, Unavailable)):
            ask()
    assert len(host.asked) == 1
