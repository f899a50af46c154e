"""The btc domain over the simulated market: a history short enough to rebuild, and what happens hour by hour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from market_assets.btc.partitions import DAY, WEEK
from market_assets.core import clock
from tests.desk import Built, Desk, Results, Sandbox, opened

#: filters are warm from 2021-03-03; there is no model yet
NOON = "2021-03-10T12:20:00Z"
MONDAY = "2021-03-08T23:30:00Z"
OBSERVED = ("btc_price", "btc_liquidations")
TO_RPN = (*OBSERVED, "btc_processed", "btc_rpn")
FROM_BINS = ("btc_bins", "btc_dominance", "btc_signals")
OUTCOMES = ("btc_labels", "btc_training_data", "btc_signal_performance")
DAILY = (*TO_RPN, *FROM_BINS, *OUTCOMES)


@dataclass
class Bitcoin:
    """A desk whose btc domain is materialised, and what Dagster said of each asset last."""

    desk: Desk
    results: dict[str, Results] = field(default_factory=dict)

    def days(self, first: str = "", last: str = "") -> list[str]:
        """Partition keys of days up to the clock's, both ends included."""
        known = DAY.get_partition_keys(current_time=clock.now())
        return [key for key in known if (first or known[0]) <= key <= (last or known[-1])]

    def run(
        self, *assets: str, first: str = "", last: str = "", succeed: bool = True, tags: Mapping[str, str] | None = None
    ) -> Results:
        """One range run over days."""
        found = self.desk.materialize(*assets, keys=self.days(first, last), succeed=succeed, tags=tags)
        self.results |= dict.fromkeys(assets, found)
        return found

    def build(self) -> None:
        """Everything, from the start of history to the clock's instant."""
        self.run(*TO_RPN)
        weeks = WEEK.get_partition_keys(current_time=clock.now())
        self.results["btc_bin_models"] = self.desk.materialize("btc_bin_models", keys=weeks)
        self.run(*FROM_BINS)
        self.run(*OUTCOMES)

    def at(self, now: str) -> None:
        """Move the clock."""
        self.desk.set(MARKET_ASSETS_NOW=now)


def _built(home: Path, sandbox: Sandbox, now: str) -> Built:
    """The whole domain from 2021-02-01 to `now`, in one pass."""
    with pytest.MonkeyPatch.context() as patch, opened(home, sandbox, patch, now=now) as desk:
        bitcoin = Bitcoin(desk)
        bitcoin.build()
        return Built(home, bitcoin.results)


@pytest.fixture(scope="session")
def noon(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built at noon of 2021-03-10."""
    return _built(tmp_path_factory.mktemp("noon"), sandbox, NOON)


@pytest.fixture(scope="session")
def monday(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built on Monday 2021-03-08 at 23:30: days to grow from."""
    return _built(tmp_path_factory.mktemp("monday"), sandbox, MONDAY)


@pytest.fixture
def bitcoin(noon: Built, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Bitcoin]:
    """That of noon, to be read."""
    with opened(noon.home, sandbox, monkeypatch, now=NOON) as desk:
        yield Bitcoin(desk, dict(noon.results))


@pytest.fixture
def growing(monday: Built, desk: Desk) -> Bitcoin:
    """A copy of that of Monday, to be grown and changed."""
    monday.copy_to(desk)
    desk.set(MARKET_ASSETS_NOW=MONDAY, MARKET_ASSETS_BTC__GLASSNODE__FIRST_WAIT_S="0.01")
    return Bitcoin(desk)


@pytest.fixture
def fresh(desk: Desk) -> Bitcoin:
    """A domain without anything stored, to be changed."""
    desk.set(MARKET_ASSETS_NOW=NOON, MARKET_ASSETS_BTC__GLASSNODE__FIRST_WAIT_S="0.01")
    return Bitcoin(desk)
