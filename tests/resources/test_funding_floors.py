"""How far back an exchange goes, where the walk through its history leaves it open."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from market_assets.funding import schemas
from market_assets.settings import load
from resources.fetch_log import FetchLog
from resources.funding_history import FundingHistory
from resources.vendors.registry import Vendors
from tests.resources.scripted_exchange import DAY, NOON, ScriptedExchange, ScriptedVendors, contracts, every

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
NO_RATES = schemas.FundingRates.contract().empty()


def noted(home: Path, exchange: str, begins: datetime, until: datetime = NOON) -> list[datetime]:
    """The floors that asking for FIRST to `until` notes, where a contract's answer begins at `begins`."""
    log, listed = FetchLog(home), contracts(exchange, "BTCUSDT")
    scripted = ScriptedExchange(exchange, {"BTCUSDT": every(8, begins, NOON)})
    vendors, found = cast(Vendors, ScriptedVendors(scripted)), load(home=home, vendors="live")
    asking = FundingHistory(found, vendors, log, "g", exchange, listed, NO_RATES, NOON)
    asking.ask(FIRST, until, only_due=False)
    return log.floors()["history_floor"].to_list()


@pytest.mark.parametrize(
    ("exchange", "silence", "is_floor"),
    [
        ("kucoin", timedelta(days=6), True),
        ("okx", timedelta(days=2, minutes=1), True),
        # no interval is longer than a day: two days may be one event that is missing
        ("kucoin", timedelta(days=2), False),
        ("kucoin", timedelta(hours=4), False),
        # keeps all it ever had
        ("bybit", timedelta(days=6), False),
        # forgets, but the one page it has shows where it begins
        ("drift", timedelta(days=6), False),
    ],
)
def test_silence_is_a_floor_where_an_exchange_forgets(
    tmp_path: Path, exchange: str, silence: timedelta, is_floor: bool
) -> None:
    assert noted(tmp_path, exchange, FIRST + silence) == [FIRST + silence] * is_floor


def test_an_empty_answer_tells_nothing(tmp_path: Path) -> None:
    """It may be a slip of the exchange: only a settlement that is there shows where history begins."""
    assert noted(tmp_path, "kucoin", NOON - DAY, until=FIRST + DAY) == []
