"""The funding domain over the simulated exchanges: a few days at seven of them, and what happens hour by hour."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from market_assets.core import clock
from tests.desk import Built, Desk, Results, Sandbox, opened

#: the day after LAYERUSDT changed from four hours to one
NOON = "2025-05-07T12:20:00Z"
EXCHANGES = ("binance_usdm", "binance_coinm", "bybit", "okx", "deribit", "hyperliquid", "dydx")
FIRST, LAST = date(2025, 5, 4), date(2025, 5, 7)
_DAY = timedelta(days=1)


@dataclass
class Funding:
    """A desk whose funding domain is materialised, and what Dagster said of each asset last."""

    desk: Desk
    results: dict[str, Results] = field(default_factory=dict)

    def run(
        self,
        asset: str,
        keys: Sequence[str],
        *,
        succeed: bool = True,
        tags: Mapping[str, str] | None = None,
    ) -> Results:
        """Partitions of one asset."""
        found = self.desk.materialize(asset, keys=keys, succeed=succeed, tags=tags)
        self.results[asset] = found
        return found

    def days(self, first: date = FIRST, last: date = LAST) -> list[str]:
        """Keys of days."""
        return [str(first + n * _DAY) for n in range((last - first).days + 1)]

    def pairs(self, first: date = FIRST, last: date = LAST, exchanges: Sequence[str] = EXCHANGES) -> list[str]:
        """Keys of days at exchanges."""
        return [f"{day}|{name}" for day in self.days(first, last) for name in exchanges]

    def build(self) -> None:
        """Everything, from the first day to the clock's instant."""
        self.run("funding_contracts", EXCHANGES)
        self.run("funding_snapshot", self.pairs(LAST))
        self.run("funding_rates", self.pairs())
        self.derive()

    def derive(self) -> None:
        """What follows from contracts, rates and snapshots."""
        self.run("funding_completeness", self.pairs(LAST))
        self.run("funding_statistics", self.pairs(LAST))
        self.run("funding_hourly_rates", self.pairs())
        self.run("funding_spreads", self.days())
        self.run("funding_spread_statistics", [str(LAST)])
        self.run("funding_opportunities", [str(LAST)])

    def at(self, now: str) -> None:
        """Move the clock."""
        self.desk.set(MARKET_ASSETS_NOW=now)
        assert clock.now() == clock.instant(now)


def _configured(desk: Desk) -> Funding:
    desk.configure(funding={"exchanges": list(EXCHANGES)})
    return Funding(desk)


@pytest.fixture(scope="session")
def noon(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built at noon of 2025-05-07."""
    home = tmp_path_factory.mktemp("funding")
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch, now=NOON) as desk:
        funding = _configured(desk)
        funding.build()
        return Built(home, funding.results)


@pytest.fixture
def funding(noon: Built, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Funding]:
    """That of noon, to be read."""
    with opened(noon.home, sandbox, monkeypatch, now=NOON) as desk:
        yield Funding(desk, dict(noon.results))


@pytest.fixture
def growing(noon: Built, desk: Desk) -> Funding:
    """A copy of that of noon, to be grown and changed."""
    noon.copy_to(desk)
    desk.set(MARKET_ASSETS_NOW=NOON)
    return Funding(desk)


@pytest.fixture
def fresh(desk: Desk) -> Funding:
    """A domain without anything stored."""
    desk.set(MARKET_ASSETS_NOW=NOON)
    return _configured(desk)
