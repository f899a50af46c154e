"""The newest stored shares of what is valid or complete."""

from datetime import timedelta

import polars as pl
import pytest

from dashboards.components.validation import validation
from dashboards.services import Services
from resources.stores import open_store
from tests.dashboards import bars_home, stored_home, whole_home


def test_shares_are_those_of_the_newest_rows(home: object, monkeypatch: pytest.MonkeyPatch):
    """Seven of eight bars; 24 hours of bitcoin without a hole; okx lacks settlements of its only contract; EURUSD's
    last minutes, of three, score 0.5.
    """
    found = whole_home.configure(monkeypatch)
    whole_home.fill(found)
    last = bars_home.LAST_EUR
    worse = bars_home.minutes("EURUSD", last - timedelta(minutes=2), last, 1.1, 0.00001, "spot", None)
    worse = worse.with_columns(quality_score=pl.Series([1.0, 0.7, 0.4]))
    bars_home.write(open_store(found), "bars_minute", worse)
    told = validation(Services.of(found))
    assert {domain: one["measure"] for domain, one in told.items()} == {
        **{"equities": "validation_rate", "btc": "integrity"},
        **{"funding": "contracts_complete", "bars": "batch_quality"},
    }
    values = {domain: one["value"] for domain, one in told.items()}
    assert values == pytest.approx({"equities": 7 / 8, "btc": 1.0, "funding": 0.0, "bars": 0.7})
    assert "24 hours up to 2024-06-11 23:00Z" in told["btc"]["of"]
    assert told["funding"]["of"].endswith("of 5 exchanges: okx")
    assert told["bars"]["of"] == "lowest mean score of 2 symbols on 2026-10-05: EURUSD"


def test_what_is_not_stored_has_no_share(home: object, monkeypatch: pytest.MonkeyPatch):
    """Null, never a plausible one."""
    told = validation(Services.of(stored_home.configure(monkeypatch)))
    assert {(one["value"], one["of"]) for one in told.values()} == {(None, None)}
