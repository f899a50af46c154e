"""The same days at two exchanges through the graph on both stores: a real PostgreSQL holds every row of the lake."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.funding.schemas import TABLES
from tests.desk import Desk, Sandbox, opened
from tests.market_assets.both_stores import check_same_rows
from tests.market_assets.funding.conftest import LAST, NOON, Funding

#: two venues, neighbours among the partitions
EXCHANGES = ("binance_coinm", "bybit")
#: a pair has statistics from thirty hours on
FIRST = LAST - timedelta(days=2)
TODAY = str(LAST)


def built(desk: Desk) -> dict[str, pl.DataFrame]:
    """Days at two exchanges, and every table of them as a user reads it."""
    desk.configure(funding={"exchanges": list(EXCHANGES)})
    funding = Funding(desk)
    days, pairs = funding.days(FIRST), funding.pairs(FIRST, LAST, EXCHANGES)
    now = [key for key in pairs if key.startswith(TODAY)]
    desk.materialize("funding_contracts", keys=EXCHANGES)
    desk.materialize("funding_rates", "funding_hourly_rates", keys=pairs)
    desk.materialize("funding_snapshot", "funding_completeness", "funding_statistics", keys=now)
    desk.materialize("funding_spreads", keys=days)
    desk.materialize("funding_spread_statistics", "funding_opportunities", keys=[TODAY])
    return {table.contract().name: desk.read(table.contract().name) for table in TABLES}


@pytest.mark.postgres
def test_both_stores_hold_the_same_rows(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    """Every funding table, lists of instants and of numbers among its columns, zeros and nulls among its values."""
    with opened(tmp_path / "lake", sandbox, monkeypatch, now=NOON) as desk:
        expected = built(desk)
    with opened(tmp_path / "postgres", sandbox, monkeypatch, now=NOON) as desk:
        desk.set(MARKET_ASSETS_STORE="postgres", MARKET_ASSETS_POSTGRES_URL=postgres_url)
        found = built(desk)
        assert not (tmp_path / "postgres" / "lake").exists()
    check_same_rows(TABLES, found, expected)
    gaps, quantiles = found["funding_completeness"]["gap_starts"], found["funding_spread_statistics"]["quantiles"]
    assert gaps.list.len().sum() > 0
    assert gaps.dtype == pl.List(pl.Datetime("us", "UTC"))
    assert 101 in quantiles.list.len().to_list()
